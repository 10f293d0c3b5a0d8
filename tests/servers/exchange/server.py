"""A stand-in for Exchange: Exchange Web Services over HTTPS on this machine, in a thread of this process.

Werkzeug carries the HTTP, lxml the XML; the state is in memory. Requests and answers are checked against
Microsoft's schema where it is present.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority
from tests.servers.exchange.desk import Desk
from tests.servers.exchange.https import HttpsServer
from tests.servers.exchange.names import PATH, TOKEN_PATH
from tests.servers.exchange.operations import CHANGING
from tests.servers.exchange.rights import Right
from tests.servers.mailstore.clock import Clock
from tests.servers.mailstore.handles import MailboxHandle
from tests.servers.mailstore.retention import Sent
from tests.servers.mailstore.store import Mailbox


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password, as clients sign in with them."""

    name: str
    password: str


class Exchange:
    """Serves while the context is open; `url`, `host`, `port`, `ca_file` for clients.

    `service` is a login with full rights on every mailbox, until lesser ones are granted to it.
    `requests` is what came in; `sent` what the server mailed of its own accord, which should stay empty;
    `schema_faults` what was wrong with requests. On leaving the context it fails if a request or an
    answer broke the schema or the server itself failed.
    """

    host = "127.0.0.1"

    def __init__(self, authority: Authority) -> None:
        self.ca_file = authority.ca_file
        self._desk = Desk()
        self._lock = self._desk.lock
        self.store = self._desk.store
        self.rights = self._desk.rights
        self.retention = self._desk.retention
        self.faults = self._desk.faults
        self.requests = self._desk.requests
        self.schema_faults = self._desk.schema_faults
        self.failures = self._desk.failures
        self.port = 0
        self._authority = authority
        self.service = self.user("retention.service@relay.example", everywhere=True)

    # ── the life of the server ───────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        self._server = HttpsServer(self.host, self._desk.application, self._authority, self.clock.now)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.faults.clear()
        self._server.shutdown()
        self._server.hang_up()
        self._thread.join(5)
        self._server.server_close()
        if exc is None:
            assert not self.failures, f"the stand-in failed: {self.failures}"
            assert not self.schema_faults, f"requests broke the schema: {self.schema_faults}"

    # ── what tests say and ask ───────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}{PATH}"

    @property
    def token_url(self) -> str:
        """Where a login is exchanged for a bearer token: its name is the client's id."""
        return f"https://{self.host}:{self.port}{TOKEN_PATH}"

    @property
    def clock(self) -> Clock:
        """The server's clock, which its Date header tells: `clock.set(moment)`."""
        return self.store.clock

    @property
    def rewrites_mime(self) -> bool:
        """Whether MIME is given in other words than it was stored in, as Exchange does it. Can be set."""
        return self._desk.rewrites_mime

    @rewrites_mime.setter
    def rewrites_mime(self, value: bool) -> None:
        self._desk.rewrites_mime = value

    @property
    def takes_foreign_streams(self) -> bool:
        """Whether what another server exported can be imported here. Can be set; at first it cannot."""
        return self._desk.takes_foreign_streams

    @takes_foreign_streams.setter
    def takes_foreign_streams(self, value: bool) -> None:
        self._desk.takes_foreign_streams = value

    @property
    def sent(self) -> list[Sent]:
        return self.retention.sent

    def advance(self, days: float) -> int:
        """Lets days go by, then the managed folder assistant run; the number of items that it destroyed."""
        with self._lock:
            self.clock.advance(timedelta(days=days))
            return self.retention.assistant()

    def user(self, name: str, *, everywhere: bool = False) -> Login:
        """A login without a mailbox; with `everywhere`, full rights on all of them."""
        login = Login(name, secrets.token_urlsafe(12))
        self.rights.passwords[name] = login.password
        if everywhere:
            self.rights.everywhere.add(name)
        return login

    def token(self, user: str) -> str:
        """A bearer token for a user, new each time."""
        return self.rights.new_token(user)

    def expire_tokens(self) -> None:
        """No bearer token given so far is accepted any more; new ones can be had."""
        self.rights.tokens.clear()

    def mailbox(self, address: str, *, archive: bool = False, name: str = "") -> MailboxHandle:
        """The mailbox of an address; made where it is missing. Its owner signs in with `password`."""
        with self._lock:
            address = address.lower()
            known = self.store.mailboxes.get(address)
            if known is None:
                known = Mailbox(self.store, address, name or address.partition("@")[0].title(), archive)
                self.store.mailboxes[address] = known
                self.user(address)
            return MailboxHandle(self.store, self._lock, known, self.rights.passwords[address])

    def grant(self, user: str, mailbox: str, right: Right, folders: Iterable[str] = ()) -> None:
        """Gives a right, or takes it with Right.NONE; on a mailbox, or on folders of it by path or id."""
        self.rights.grant(user, mailbox, right, folders)

    def allow_impersonation(self, user: str, mailbox: str = "*") -> None:
        """Lets a user stand in for the owner of a mailbox, or of every one."""
        self.rights.allow_impersonation(user, mailbox)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Operations: how many requests there were, and how many items they named."""
        found: dict[str, tuple[int, int]] = {}
        for request in self.requests:
            requests, items = found.get(request.operation, (0, 0))
            found[request.operation] = (requests + 1, items + request.items)
        return found

    def writes(self) -> list[str]:
        """The operations that came in and may change something; an audit sends none."""
        return [request.operation for request in self.requests if request.operation in CHANGING]
