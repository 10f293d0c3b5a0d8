"""The ground of a story on Exchange: the stand-in, as another client sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from retentiond.core.model import Role
from retentiond.mailbox.likeness import likeness
from tests.servers.exchange import Exchange, FolderHandle, MailboxHandle, Right
from tests.servers.exchange import Seen as Stored
from tests.servers.seed import Seed, letter
from tests.stories.world import HELD, IDENTITY, Seen, World

FOLDERS = {Role.INBOX: "inbox", Role.SENT: "sentitems", Role.TRASH: "deleteditems"}
HOLD_CATEGORY = "Retention hold"

#: An item as it must be known again: by what survives of it, its dates, its state.
State = tuple[bytes, datetime | None, datetime | None, bool, tuple[str, ...]]


def named_reply(number: object, **changes: Any) -> bytes:
    """A reply that bears the helpline's identity and a name."""
    sender = f'"quixotrill Line" <{IDENTITY}>'
    return letter(f"reply{number}@relay.example", sender=sender, **changes)


def state_of(item: Stored) -> State:
    """An item, its id and change key aside."""
    return (likeness(item.content), item.received, item.sent, item.is_read, item.categories)


@dataclass
class Office(World):
    """One helpline and one advisor on a stand-in Exchange. `keys` are further keys of the account."""

    server: Exchange
    directory: Path
    keys: str = ""
    name: str = ""

    tables: ClassVar[str] = '[log]\nlevel = "debug"\nformat = "json"\n'

    def __post_init__(self) -> None:
        self.line: MailboxHandle = self.server.mailbox(f"line{self.name}@relay.example")
        self.ana: MailboxHandle = self.server.mailbox(f"ana{self.name}@relay.example")
        self.begin(self.server.service.password)

    def account(self) -> str:
        return f'''kind = "exchange"
endpoint = "{self.server.url}"
ca_file = "{self.server.ca_file}"
auth = "basic"
user = "{self.server.service.name}"
timeout = 20
patience = 5
{self.keys}'''

    def address(self, mailbox: MailboxHandle) -> str:
        return mailbox.address

    def seed(self, mailbox: MailboxHandle, folder: Role, messages: Iterable[Seed]) -> int:
        at = mailbox.folder(FOLDERS[folder])
        stored = [
            at.add(each.content, each.received, "\\Seen" in each.flags, categories=_categories(each))
            for each in messages
        ]
        return len(stored)

    def mail(self, mailbox: MailboxHandle, folder: Role) -> list[Seen]:
        return [
            _seen(item.content, item.received, item.is_read, item.categories)
            for item in mailbox.folder(FOLDERS[folder]).items()
        ]

    def seen(self, seed: Seed) -> Seen:
        """What survives where MIME is written anew: likeness, date of receipt, read state, categories."""
        return _seen(seed.content, seed.received, "\\Seen" in seed.flags, _categories(seed))

    def narrow(self) -> None:
        """The documented default: of the advisor's mailbox, rights on Sent Items and Deleted Items alone."""
        service, ana = self.server.service.name, self.ana.address
        self.server.grant(service, ana, Right.NONE)
        self.server.grant(service, ana, Right.FULL, ("sentitems", "deleteditems"))

    def requests(self) -> int:
        return len(self.server.requests)

    # ── what another client sees ─────────────────────────────────────────────────────────────────

    def states(self, folder: FolderHandle) -> Counter[State]:
        """What stands in a folder, change keys and ids aside."""
        return Counter(map(state_of, folder.items()))

    def everything(self) -> dict[str, Counter[State]]:
        """What stands in each folder of both mailboxes that is not empty."""
        found: dict[str, Counter[State]] = {}
        for name, mailbox in (("line", self.line), ("ana", self.ana)):
            for path, item in mailbox.items():
                found.setdefault(f"{name}/{path}", Counter())[state_of(item)] += 1
        return found


def _categories(seed: Seed) -> tuple[str, ...]:
    """Keywords as Outlook would show them; flags of the IMAP system but for read have none."""
    return tuple(HOLD_CATEGORY if flag == HELD else flag for flag in seed.flags if not flag.startswith("\\"))


def _seen(content: bytes, received: datetime | None, is_read: bool, categories: tuple[str, ...]) -> Seen:
    flags = {name.encode() for name in categories} | ({b"\\Seen"} if is_read else set())
    return Seen(likeness(content), received, frozenset(flags))
