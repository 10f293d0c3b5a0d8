"""What happens to one request to Graph: noting, planted faults, throttling, rights, the deed, the checks.

`arrive` is quick and counts; `answer` does the deed; `leave` ends the counting. Sub-requests of a `$batch`
go the same way.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tests.servers.graph import routes
from tests.servers.graph.answers import instead, refusal, spoilt, told, wait
from tests.servers.graph.call import Answer, Asked, GraphError, denied
from tests.servers.graph.faults import Action, Faults, Request
from tests.servers.graph.gate import Gate, bearer
from tests.servers.graph.pages import UnknownProperty
from tests.servers.graph.schema import schema
from tests.servers.mailstore.retention import Kept
from tests.servers.mailstore.store import Mailbox

_SECRETS = ("authtoken",)


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
    """The state of a server. Whoever touches the mail holds `lock`."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.schema_faults: list[str] = []
        self.failures: list[str] = []
        self.hooks: list[Callable[[Request], None]] = []
        self.peaks: Counter[tuple[str, str]] = Counter()
        self.lock = threading.RLock()
        self._counting = threading.Lock()
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._asked_of_graph = 0

    # ── coming and going ─────────────────────────────────────────────────────────────────────────

    def arrive(self, asked: Asked, batch: int | None = None) -> Visit:
        """A request to Graph itself."""
        found = routes.found(asked.method, asked.path)
        route, keys = found if found else (None, {})
        mailbox = self.gate.mailbox(keys)
        app = self.gate.tenant.app_of(bearer(asked))
        operation = route.operation if route else "unknown"
        return self._noted(
            asked,
            operation,
            app.client_id if app else "",
            mailbox,
            lambda: self.gate.allowed(asked, route, keys, app, mailbox),
            batch,
        )

    def arrive_with_import(self, asked: Asked) -> Visit:
        """A POST to an importUrl."""
        session = self.gate.sessions.get(asked.query.get("authtoken", ""))
        app, mailbox = (session.app, session.mailbox) if session else ("", None)
        return self._noted(asked, "importItem", app, mailbox, lambda: self.gate.imported(asked, session))

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
                every = self.gate.switches.throttle_every
                if every and self._asked_of_graph % every == 0 and visit.action is None:
                    visit.action = Action(
                        "status", 429, "ApplicationThrottled", str(self.gate.switches.retry_after)
                    )
                self._under_way[visit.place] += 1
                self.peaks[visit.place] = max(self.peaks[visit.place], self._under_way[visit.place])
                visit.is_crowded = self._under_way[visit.place] > self.gate.switches.at_once
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
                wait(action)
            else:
                return instead(action)
        found = self._done(visit)
        return spoilt(action, found, self._url(visit.asked)) if action and action.is_committed else found

    def _done(self, visit: Visit) -> Answer:
        if visit.is_crowded:
            words = "Application is over its MailboxConcurrency limit."
            return told(429, "ApplicationThrottled", words, str(self.gate.switches.retry_after))
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
            return refusal(problem)
        except GraphError as problem:
            return refusal(problem)
        except Kept:
            return refusal(denied())

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

    def _url(self, asked: Asked) -> str:
        return f"{self.gate.base}/{asked.version}/{quote(asked.path)}?{urlencode(asked.query)}"
