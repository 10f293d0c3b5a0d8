"""The ground of a story on Microsoft 365: the stand-in Graph, as another client sees it.

Two applications: one for the helpline's mailbox, one for the advisor's, each with what the documentation asks
for and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from retentiond.core.model import Kind, Role
from retentiond.mailbox.graph_grants import NEEDED
from retentiond.mailbox.likeness import likeness
from tests.servers.graph import App, FolderHandle, Graph, MailboxHandle
from tests.servers.graph import Seen as Stored
from tests.servers.seed import Seed
from tests.stories.exchange_world import FOLDERS, HOLD_CATEGORY, State, state_of
from tests.stories.world import HELD, Seen, World

_ANSWERED = ("tag", 0x1081)


@dataclass
class Cloud(World):
    """One helpline and one advisor in a tenant. `keys` are further keys of both accounts; `recovers`:
    single item recovery is on, as it is by default in the cloud."""

    server: Graph
    directory: Path
    keys: str = ""
    name: str = ""
    recovers: bool = False
    #: How long a busy server is waited for in all.
    seconds: int = 5

    tables: ClassVar[str] = '[log]\nlevel = "debug"\nformat = "json"\n'
    advisors_account: ClassVar[str] = "advisors"

    def __post_init__(self) -> None:
        self.line = self._mailbox("line")
        self.ana = self._mailbox("ana")
        self.helplines = self._application("helplines", Kind.HELPLINE, self.line)
        self.advisors = self._application("advisors", Kind.ADVISOR, self.ana)
        credential = self.server.certify(self.helplines)
        other = self.server.certify(self.advisors)
        self.directory.mkdir(exist_ok=True)
        self.other = self.directory / "other"
        self.other.write_text(other.key_pem + other.certificate_pem)
        self.other.chmod(0o400)
        self.begin(credential.key_pem + credential.certificate_pem)

    def _mailbox(self, who: str) -> MailboxHandle:
        return self.server.mailbox(f"{who}{self.name}@relay.example", recovers=self.recovers)

    def _application(self, what: str, kind: Kind, mailbox: MailboxHandle) -> App:
        app = self.server.new_app(f"{what}{self.name}")
        app.consent("User.Read.All")
        app.scope([mailbox.address], *NEEDED[kind])
        return app

    def account(self) -> str:
        return self._table(self.helplines)

    def away(self) -> tuple[str, Path]:
        return self._table(self.advisors), self.other

    def accounts(self) -> str:
        return f"""{super().accounts()}
[account.advisors]
{self._table(self.advisors)}
secret = {{ file = "{self.other}" }}"""

    def _table(self, app: App) -> str:
        return f'''kind = "graph"
tenant = "{self.server.tenant.id}"
client_id = "{app.client_id}"
endpoint = "{self.server.url}"
authority = "{self.server.endpoint}"
ca_file = "{self.server.ca_file}"
timeout = 20
patience = {self.seconds}
{self.keys}'''

    def address(self, mailbox: MailboxHandle) -> str:
        return mailbox.address

    def seed(self, mailbox: MailboxHandle, folder: Role, messages: Iterable[Seed]) -> int:
        at = mailbox.folder(FOLDERS[folder])
        stored = [
            at.add(
                each.content,
                each.received,
                "\\Seen" in each.flags,
                categories=_categories(each),
                flag="Flagged" if "\\Flagged" in each.flags else "NotFlagged",
                extended={_ANSWERED: "102"} if "\\Answered" in each.flags else None,
            )
            for each in messages
        ]
        return len(stored)

    def mail(self, mailbox: MailboxHandle, folder: Role) -> list[Seen]:
        return [_seen(item) for item in mailbox.folder(FOLDERS[folder]).items()]

    def seen(self, seed: Seed) -> Seen:
        """What survives where MIME is written anew: likeness, date of receipt, flags and categories."""
        flags = {flag for flag in seed.flags if flag.startswith("\\")}
        return Seen(
            likeness(seed.content),
            seed.received,
            frozenset(name.encode() for name in flags | set(_categories(seed))),
        )

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

    def no_canary(self) -> None:
        """Nothing that was written holds the odd word, a token or the address of an import."""
        super().no_canary()
        for path in self.directory.rglob("*"):
            if path.is_file() and path not in (self.secret, self.other):
                content = path.read_bytes()
                assert not self.holds_secret(content), path

    def run(self, *arguments: str) -> int:
        """The same for what was printed and logged, at debug level."""
        code = super().run(*arguments)
        for text in (self.printed[-1], self.complaints):
            assert not self.holds_secret(text.encode())
        return code

    def holds_secret(self, content: bytes) -> bool:
        """Whether there is a token in it, a proof of an application or the address of an import."""
        signs = ("authtoken", *self.server.secrets())
        return any(secret.encode() in content for secret in signs)


def _categories(seed: Seed) -> tuple[str, ...]:
    return tuple(HOLD_CATEGORY if flag == HELD else flag for flag in seed.flags if not flag.startswith("\\"))


def _seen(item: Stored) -> Seen:
    flags: set[str] = set(item.categories)
    flags |= {"\\Seen"} if item.is_read else set()
    flags |= {"\\Draft"} if item.is_draft else set()
    flags |= {"\\Flagged"} if item.flag == "Flagged" else set()
    flags |= {"\\Answered"} if item.extended.get(_ANSWERED) == "102" else set()
    return Seen(likeness(item.content), item.received, frozenset(name.encode() for name in flags))
