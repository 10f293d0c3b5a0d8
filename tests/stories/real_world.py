"""The ground of a story on a real IMAP server: a Dovecot, as another client sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from retentiond.core.model import Role
from retentiond.mailbox.base import Sameness
from retentiond.mailbox.likeness import digest
from tests.servers.client import Server, signed_in
from tests.servers.dovecot import MASTER, Dovecot
from tests.servers.seed import Seed, fill
from tests.servers.users import PASSWORD, User
from tests.stories.world import Seen, World

FOLDERS = {Role.INBOX: "INBOX", Role.SENT: "Sent", Role.TRASH: "Deleted Items"}

#: In a shared namespace Dovecot tells no roles.
_SHARED = """shared_prefix = "shared/{mailbox}"
roles = { sent = "Sent", trash = "Deleted Items" }
"""


@dataclass
class Helpline(World):
    """One helpline and one advisor on a Dovecot. `login` "shared" opens both as shared namespaces."""

    server: Dovecot
    directory: Path
    line: User
    ana: User
    host_port: Server | None = None
    login: str = "master"

    def __post_init__(self) -> None:
        self.begin(PASSWORD)
        if self.login == "shared":
            self.server.share(self.line)
            self.server.share(self.ana)

    def account(self) -> str:
        at = self.host_port or self.server
        user = MASTER if self.login == "master" else self.server.service.name
        return f'''kind = "imap"
host = "{at.host}"
port = {at.port}
ca_file = "{at.ca_file}"
login = "{self.login}"
user = "{user}"
{_SHARED if self.login == "shared" else ""}'''

    def address(self, mailbox: User) -> str:
        return mailbox.name

    def seed(self, mailbox: User, folder: Role, messages: Iterable[Seed]) -> int:
        return fill(self.server, mailbox, FOLDERS[folder], messages)

    def mail(self, mailbox: User, folder: Role) -> list[Seen]:
        return self._messages(mailbox, folder, Sameness.BYTES)

    def parts(self, mailbox: User, folder: Role) -> list[Seen]:
        return self._messages(mailbox, folder, Sameness.PARTS)

    def _messages(self, mailbox: User, folder: Role, by: Sameness) -> list[Seen]:
        with signed_in(self.server, mailbox) as client:
            client.select_folder(FOLDERS[folder], readonly=True)
            uids = client.search()
            found: list[Seen] = []
            for start in range(0, len(uids), 2000):
                what = ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"]
                for row in client.fetch(uids[start : start + 2000], what).values():
                    flags = frozenset(row[b"FLAGS"]) - {b"\\Recent"}
                    found.append(Seen(digest(row[b"BODY[]"], by), row[b"INTERNALDATE"], flags))
            return found

    def seen(self, seed: Seed) -> Seen:
        """Every byte, the INTERNALDATE and every flag."""
        flags = frozenset(flag.encode() for flag in seed.flags)
        return Seen(sha256(seed.content).digest(), seed.received, flags)
