"""A stand-in for Microsoft Graph v1.0 over HTTPS on this machine, in a thread of this process.

Starlette and uvicorn carry the HTTP; the state is in memory. Requests and answers are checked against
Microsoft's metadata where it is present.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority
from tests.servers.graph.apps import App
from tests.servers.graph.call import ARCHIVE_FOLDER
from tests.servers.graph.certificates import Credential, new_credential
from tests.servers.graph.desk import Desk
from tests.servers.graph.folders import mailbox_id
from tests.servers.graph.front import Front
from tests.servers.graph.routes import CHANGING
from tests.servers.graph.wire import Connections, Wire
from tests.servers.mailstore.clock import Clock
from tests.servers.mailstore.handles import MailboxHandle
from tests.servers.mailstore.retention import Sent
from tests.servers.mailstore.store import Mailbox

#: What the app of `Graph.app` may do in each mailbox; the product asks for less.
EVERYTHING = (
    *("Mail.ReadBasic", "MailboxFolder.Read", "MailboxItem.ReadWrite", "MailboxItem.ImportExport"),
    *("Mail.Read", "Mail.ReadWrite"),
)


class Graph:
    """Serves while the context is open; `url`, `authority_url`, `ca_file` for clients.

    `app` is an app registration with a certificate (`credential`), a consent to read users, and every
    permission on mail in every mailbox made by `mailbox()` (by RBAC for Applications), until others are made.
    `requests` is what came in; `sent` what the server mailed of its own accord, which should stay empty;
    `schema_faults` what was wrong with requests. On leaving the context it fails if a request or an answer
    broke the schema or the server itself failed.
    """

    host = "127.0.0.1"

    def __init__(self, authority: Authority) -> None:
        self.ca_file = authority.ca_file
        self._desk = Desk()
        self._lock = self._desk.lock
        self.store = self._desk.gate.store
        self.tenant = self._desk.gate.tenant
        self.retention = self._desk.gate.retention
        self.switches = self._desk.gate.switches
        self.faults = self._desk.faults
        self.requests = self._desk.requests
        self.schema_faults = self._desk.schema_faults
        self.failures = self._desk.failures
        #: Called with each request just before its deed, under the lock: another client acts in between.
        self.hooks = self._desk.hooks
        self.app = self.new_app("retentiond")
        self.app.consent("User.Read.All")
        self.credential = new_credential()
        self.app.certificates.append(self.credential.certificate)
        connections: Connections = {}
        self._wire = Wire(Front(self._desk, connections).application, connections, authority, self.host)
        self.port = self._wire.port
        self._desk.gate.base = f"https://{self.host}:{self.port}"
        self._desk.gate.import_host = f"https://localhost:{self.port}"

    # ── the life of the server ───────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        self._wire.open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.faults.clear()
        self._wire.close()
        if exc is None:
            assert not self.failures, f"the stand-in failed: {self.failures}"
            assert not self.schema_faults, f"requests broke the schema: {self.schema_faults}"

    # ── what tests say and ask ───────────────────────────────────────────────────────────────────

    @property
    def endpoint(self) -> str:
        """Where Graph is, without a version: its tokens' resource, too."""
        return self._desk.gate.base

    @property
    def url(self) -> str:
        return f"{self._desk.gate.base}/v1.0"

    @property
    def authority_url(self) -> str:
        """For msal, with instance_discovery=False or `discovery_url`."""
        return f"{self._desk.gate.base}/{self.tenant.id}"

    @property
    def discovery_url(self) -> str:
        return f"{self._desk.gate.base}/common/discovery/instance"

    @property
    def identity_environment(self) -> dict[str, str]:
        """The environment in which msal finds the managed identity (as in App Service)."""
        return {
            "IDENTITY_ENDPOINT": f"{self._desk.gate.base}/msi/token",
            "IDENTITY_HEADER": self.tenant.identity_header,
        }

    @property
    def machine_environment(self) -> dict[str, str]:
        """The same as on a virtual machine."""
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self._desk.gate.base}

    @property
    def clock(self) -> Clock:
        """The server's clock, which its Date header tells: `clock.set(moment)`."""
        return self.store.clock

    @property
    def sent(self) -> list[Sent]:
        return self.retention.sent

    @property
    def peak(self) -> int:
        """The most requests that any app had under way at once in a mailbox, refused ones included."""
        return max(self._desk.peaks.values(), default=0)

    @property
    def peaks(self) -> dict[tuple[str, str], int]:
        """The same by client id and address."""
        return dict(self._desk.peaks)

    def advance(self, days: float) -> int:
        """Lets days go by, then the managed folder assistant run; the number of items that it destroyed."""
        with self._lock:
            self.clock.advance(timedelta(days=days))
            return self.retention.assistant()

    def new_app(self, name: str) -> App:
        """An app registration without any proof or permission."""
        return self.tenant.new_app(name)

    def certify(self, app: App) -> Credential:
        """Gives an app a certificate of its own."""
        credential = new_credential(app.name)
        app.certificates.append(credential.certificate)
        return credential

    def token(self, app: App | None = None) -> str:
        """A bearer token past the sign-in service, new each time."""
        return self.tenant.new_token(app or self.app, self.endpoint)

    def mailbox(
        self, address: str, *, archive: bool = False, name: str = "", recovers: bool = True
    ) -> MailboxHandle:
        """The mailbox of an address; made where it is missing, within the scope of `app`. Single item
        recovery is on for 14 days, as in the cloud, unless `recovers` is False."""
        with self._lock:
            address = address.lower()
            known = self.store.mailboxes.get(address)
            if known is None:
                known = Mailbox(self.store, address, name or address.partition("@")[0].title(), archive)
                known.make(ARCHIVE_FOLDER, known.known("msgfolderroot"))
                known.keeps_purges = recovers
                self.store.mailboxes[address] = known
                self.app.scope([address], *EVERYTHING)
            return MailboxHandle(self.store, self._lock, known, "")

    def mailbox_id(self, address: str, *, is_archive: bool = False) -> str:
        """The id of a mailbox in `/admin/exchange/mailboxes/…`."""
        return mailbox_id(self.store.mailboxes[address.lower()], is_archive=is_archive)

    def expire_tokens(self) -> None:
        """No bearer token given so far is good any more; new ones can be had."""
        self.tenant.expire_tokens()

    def secrets(self) -> tuple[str, ...]:
        """All that was given to clients and must stand in no log: tokens, the queries of importUrls, and what
        proves an app."""
        apps = self.tenant.apps.values()
        return (
            *self.tenant.tokens(),
            *self._desk.gate.sessions,
            *(app.secret for app in apps if app.secret),
            *self.tenant.assertions,
            self.tenant.identity_header,
        )

    def end_sessions(self) -> None:
        """No importUrl given so far leads anywhere any more."""
        for secret, session in self._desk.gate.sessions.items():
            self._desk.gate.sessions[secret] = replace(session, ends=self.clock.now())

    def leads_imports_to(self, host: str) -> None:
        """From now on each importUrl begins like this."""
        self._desk.gate.import_host = host

    def counts(self) -> dict[str, int]:
        """Operations: how many requests there were, those within a batch among them."""
        return dict(Counter(request.operation for request in self.requests))

    def trips(self) -> int:
        """How many requests went over the wire: a `$batch` is one."""
        return sum(request.batch is None for request in self.requests)

    def writes(self, operations: Iterable[str] = CHANGING) -> list[str]:
        """The operations that came in and may change something; an audit sends none."""
        return [request.operation for request in self.requests if request.operation in operations]

    def without_immutable(self) -> list[str]:
        """The operations on mailboxes that did not ask for immutable ids."""
        return [
            request.operation for request in self.requests if request.mailbox and not request.is_immutable
        ]
