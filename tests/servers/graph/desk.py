"""What happens to one request to Graph: noting, planted faults, throttling, rights, the deed, the checks.

`arrive` is quick and counts; `answer` does the deed; `leave` ends the counting. Sub-requests of a `$batch`
go the same way.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tests.servers.graph import items, routes
from tests.servers.graph.apps import App
from tests.servers.graph.call import Answer, Asked, Call, GraphError, Switches, denied
from tests.servers.graph.faults import Action, Faults, Request
from tests.servers.graph.folders import mailbox_id, user_id
from tests.servers.graph.items import Session
from tests.servers.graph.pages import UnknownProperty
from tests.servers.graph.routes import Route
from tests.servers.graph.schema import schema
from tests.servers.graph.tenant import Tenant
from tests.servers.mailstore.retention import Kept, Retention
from tests.servers.mailstore.store import Mailbox, Store
from tests.servers.seed import CANARY

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
_SECRETS = ("authtoken",)


class HangUp(Exception):
    """The connection ends, after half of an answer where there is one."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer


@dataclass(slots=True)
class Visit:
    """One request while it is under way. `deed` is run under the server's lock."""

    asked: Asked
    request: Request
    action: Action | None
    deed: Callable[[], Answer]
    place: tuple[str, str]
    #: Whether it asks something of a mailbox, and so counts against the limits.
    is_counted: bool = False
    is_crowded: bool = False


class Desk:
    """The state of a server. Whoever touches the mail holds `lock`; `base` is set when the port is known."""

    def __init__(self) -> None:
        self.store = Store()
        self.retention = Retention(self.store)
        self.tenant = Tenant()
        self.switches = Switches()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.schema_faults: list[str] = []
        self.failures: list[str] = []
        self.sessions: dict[str, Session] = {}
        self.hooks: list[Callable[[Request], None]] = []
        self.peaks: Counter[tuple[str, str]] = Counter()
        self.lock = threading.RLock()
        self.base = ""
        self.import_host = ""
        self._counting = threading.Lock()
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._asked_of_graph = 0

    # ── coming and going ─────────────────────────────────────────────────────────────────────────

    def arrive(self, asked: Asked, batch: int | None = None) -> Visit:
        """A request to Graph itself."""
        found = routes.found(asked.method, asked.path)
        route, keys = found if found else (None, {})
        mailbox = self._mailbox(keys)
        app = self.tenant.app_of(bearer(asked))
        operation = route.operation if route else "unknown"
        return self._noted(
            asked,
            operation,
            app.client_id if app else "",
            mailbox,
            lambda: self._allowed(asked, route, keys, app, mailbox),
            batch,
        )

    def arrive_with_import(self, asked: Asked) -> Visit:
        """A POST to an importUrl."""
        session = self.sessions.get(asked.query.get("authtoken", ""))
        app, mailbox = (session.app, session.mailbox) if session else ("", None)
        return self._noted(asked, "importItem", app, mailbox, lambda: self._imported(asked, session))

    def arrive_elsewhere(self, asked: Asked, operation: str, deed: Callable[[], Answer]) -> Visit:
        """A request that is not to a mailbox: for a token, or a `$batch` as a whole."""
        return self._noted(asked, operation, "", None, deed)

    def _noted(
        self,
        asked: Asked,
        operation: str,
        app: str,
        mailbox: Mailbox | None,
        deed: Callable[[], Answer],
        batch: int | None = None,
    ) -> Visit:
        options = tuple((name, value) for name, value in asked.query.items() if name not in _SECRETS)
        address = mailbox.address if mailbox else ""
        with self._counting:
            number = len(self.requests) + 1
            noted = Request(
                number, operation, asked.method, asked.path, app, address, asked.is_immutable, options, batch
            )
            self.requests.append(noted)
            visit = Visit(asked, noted, self.faults.due(noted), deed, (app, address))
            if mailbox:
                visit.is_counted = True
                self._asked_of_graph += 1
                every = self.switches.throttle_every
                if every and self._asked_of_graph % every == 0 and visit.action is None:
                    visit.action = Action(
                        "status", 429, "ApplicationThrottled", str(self.switches.retry_after)
                    )
                self._under_way[visit.place] += 1
                self.peaks[visit.place] = max(self.peaks[visit.place], self._under_way[visit.place])
                visit.is_crowded = self._under_way[visit.place] > self.switches.at_once
        return visit

    def leave(self, visit: Visit) -> None:
        """The answer is ready: the request is not under way any more."""
        if visit.is_counted:
            with self._counting:
                self._under_way[visit.place] -= 1

    def answer(self, visit: Visit) -> Answer:
        """Does the deed, unless the script of faults has it otherwise. Raises HangUp."""
        action = visit.action
        if action and not action.is_committed:
            if action.kind == "stall":
                _wait(action)
            else:
                return _instead(action)
        found = self._done(visit)
        return _spoilt(action, found, self._url(visit.asked)) if action and action.is_committed else found

    def _done(self, visit: Visit) -> Answer:
        if visit.is_crowded:
            words = "Application is over its MailboxConcurrency limit."
            return told(429, "ApplicationThrottled", words, str(self.switches.retry_after))
        try:
            # A batch as a whole holds no lock: each of its requests takes it for itself.
            if visit.request.operation == "batch":
                return visit.deed()
            with self.lock:
                for hook in self.hooks:
                    hook(visit.request)
                found = visit.deed()
                self._check(visit, found)
                return found
        except UnknownProperty as problem:
            self.schema_faults.extend(f"{visit.request.operation}: {each}" for each in problem.violations)
            return _error(problem)
        except GraphError as problem:
            return _error(problem)
        except Kept:
            return _error(denied())

    def _check(self, visit: Visit, found: Answer) -> None:
        known = schema()
        if known and found.kind:
            value = found.body
            if found.kind.startswith("Collection(") and isinstance(value, dict):
                value = value["value"]
            where = visit.request.operation
            self.failures.extend(
                f"an answer broke the schema: {each}" for each in known.violations(value, found.kind, where)
            )

    # ── who may do what ──────────────────────────────────────────────────────────────────────────

    def _allowed(
        self,
        asked: Asked,
        route: Route | None,
        keys: dict[str, str],
        app: App | None,
        mailbox: Mailbox | None,
    ) -> Answer:
        if app is None or not self.tenant.is_good(bearer(asked)):
            raise GraphError(
                401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
            )
        if route is None or (asked.version == "beta" and route.operation not in _BETA):
            raise GraphError(404, "ResourceNotFound", "Resource not found for the segment.")
        if mailbox is None:
            raise GraphError(404, "ErrorInvalidUser", "The requested user is invalid.")
        if self.switches.is_national and route.is_global:
            raise GraphError(404, "ResourceNotFound", "Resource not found for the segment.")
        is_archive = keys.get("mailbox", "") == mailbox_id(mailbox, is_archive=True)
        if is_archive and asked.version != "beta" and not self.switches.serves_archives:
            raise GraphError(404, "ErrorMailboxNotFound", "The mailbox was not found.")
        if route.need not in app.granted(mailbox.address):
            raise denied()
        self._check_body(asked, route)
        call = Call(
            self.store, self.retention, self.switches, app, asked, keys, mailbox, self.base, is_archive
        )
        if route.deed is None:
            return items.new_session(call, self.sessions, self.import_host)
        return route.deed(call)

    def _check_body(self, asked: Asked, route: Route) -> None:
        known = schema()
        if known is None:
            return
        if route.action:
            violations = [*known.action_violations(*route.action, asked.body)]
        elif isinstance(asked.body, dict):
            violations = [*known.violations(asked.body, "graph.message", route.operation)]
        else:
            return
        if violations:
            raise UnknownProperty(violations)

    def _imported(self, asked: Asked, session: Session | None) -> Answer:
        if "authorization" in asked.headers:
            raise GraphError(401, "InvalidAuthenticationToken", "This address takes no Authorization.")
        if session is None or session.ends <= self.store.clock.now():
            raise GraphError(401, "InvalidAuthenticationToken", "The session is over.")
        app = self.tenant.apps[session.app]
        call = Call(self.store, self.retention, self.switches, app, asked, {}, session.mailbox, self.base)
        return items.import_item(call)

    def _mailbox(self, keys: dict[str, str]) -> Mailbox | None:
        """Whose mailbox a path names: by address or user id, or by the id of the mailbox or its archive."""
        user, mailbox = keys.get("user", "").lower(), keys.get("mailbox", "")
        for known in tuple(self.store.mailboxes.values()):
            ids = (mailbox_id(known), *([mailbox_id(known, is_archive=True)] if known.has_archive else []))
            if user in (known.address, user_id(known)) or mailbox in ids:
                return known
        return None

    def _url(self, asked: Asked) -> str:
        return f"{self.base}/{asked.version}/{quote(asked.path)}?{urlencode(asked.query)}"


_BETA = frozenset(("getExchangeSettings", "listMailboxFolders", "listMailboxChildFolders", "listItems"))


def bearer(asked: Asked) -> str:
    """The token of a request."""
    scheme, _blank, given = asked.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def told(status: int, code: str, message: str, retry_after: str | None = None) -> Answer:
    """An error as Graph words it. Real ones may name people, so these do, too."""
    message = f"{message} ({CANARY}@{CANARY}.example)"
    inner = {"date": "2026-01-01T00:00:00", "request-id": "0", "client-request-id": "0"}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


def _error(problem: GraphError) -> Answer:
    return told(problem.status, problem.code, problem.message, problem.headers.get("Retry-After"))


def _instead(action: Action) -> Answer:
    match action.kind:
        case "drop-before":
            raise HangUp
        case "status":
            return told(action.status, action.code, "Planted by the test.", action.retry_after)
        case "html":
            return Answer(200, PAGE, content_type="text/html")
        case _:
            return Answer(200, b'{"@odata.context": "https://graph', content_type="application/json")


def _spoilt(action: Action, found: Answer, url: str) -> Answer:
    match action.kind:
        case "drop-after":
            raise HangUp
        case "cut":
            raise HangUp(found)
        case "garbage":
            whole = json.dumps(found.body).encode() if isinstance(found.body, dict) else found.body or b"{"
            return Answer(found.status, whole[: len(whole) // 2], found.headers, found.content_type)
        case "page" if action.spoil and isinstance(found.body, dict) and "value" in found.body:
            action.spoil(found.body, url)
        case "lose-answers" if isinstance(found.body, dict) and "responses" in found.body:
            del found.body["responses"][-action.count :]
        case "stall":
            _wait(action)
        case "status" | "html":
            return _instead(action)
    return found


def _wait(action: Action) -> None:
    action.reached.set()
    action.release.wait(30)
