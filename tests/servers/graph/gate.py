"""Who may do what: the token, the permission and its scope, names and types in the body; then the deed."""

from __future__ import annotations

from tests.servers.graph import items
from tests.servers.graph.apps import App
from tests.servers.graph.call import Answer, Asked, Call, GraphError, Switches, denied
from tests.servers.graph.folders import mailbox_id, user_id
from tests.servers.graph.items import Session
from tests.servers.graph.pages import UnknownProperty
from tests.servers.graph.routes import Route
from tests.servers.graph.schema import schema
from tests.servers.graph.tenant import Tenant
from tests.servers.mailstore.retention import Retention
from tests.servers.mailstore.store import Mailbox, Store

#: What beta serves here: the archive is documented there alone.
_BETA = frozenset(("getExchangeSettings", "listMailboxFolders", "listMailboxChildFolders", "listItems"))


class Gate:
    """The mail, the tenant and the switches of a server; `base` is set when the port is known."""

    def __init__(self) -> None:
        self.store = Store()
        self.retention = Retention(self.store)
        self.tenant = Tenant()
        self.switches = Switches()
        self.sessions: dict[str, Session] = {}
        self.base = ""
        self.import_host = ""

    def allowed(
        self,
        asked: Asked,
        route: Route | None,
        keys: dict[str, str],
        app: App | None,
        mailbox: Mailbox | None,
    ) -> Answer:
        """Does what a request to Graph asks. Raises GraphError."""
        if app is None or not self.tenant.is_good(bearer(asked)):
            raise GraphError(401, "InvalidAuthenticationToken", "The token is expired, or is none.")
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
            kind = "graph.mailFolder" if route.operation == "createMailFolder" else "graph.message"
            violations = [*known.violations(asked.body, kind, route.operation)]
        else:
            return
        if violations:
            raise UnknownProperty(violations)

    def imported(self, asked: Asked, session: Session | None) -> Answer:
        """Does what a POST to an importUrl asks. Raises GraphError."""
        if "authorization" in asked.headers:
            raise GraphError(401, "InvalidAuthenticationToken", "This address takes no Authorization.")
        if session is None or session.ends <= self.store.clock.now():
            raise GraphError(401, "InvalidAuthenticationToken", "The session is over.")
        app, keys = self.tenant.apps[session.app], {"mailbox": mailbox_id(session.mailbox)}
        return items.import_item(
            Call(self.store, self.retention, self.switches, app, asked, keys, session.mailbox, self.base)
        )

    def mailbox(self, keys: dict[str, str]) -> Mailbox | None:
        """Whose mailbox a path names: by one of its addresses or user id, or by its or its archive's id."""
        user, mailbox = keys.get("user", "").lower(), keys.get("mailbox", "")
        for address, known in tuple(self.store.mailboxes.items()):
            ids = (mailbox_id(known), *([mailbox_id(known, is_archive=True)] if known.has_archive else []))
            if user in (address, user_id(known)) or mailbox in ids:
                return known
        return None


def bearer(asked: Asked) -> str:
    """The token of a request."""
    scheme, _blank, given = asked.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
