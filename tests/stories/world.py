"""A helpline with a real configuration file, run by the real command line, whatever server keeps its mail.

A story is told once, on a `World`; each kind of server is a ground of its own: `real_world` is a Dovecot,
`exchange_world` the stand-in Exchange.
"""

from __future__ import annotations

import contextlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from retentiond import logs
from retentiond.cli import run
from retentiond.core.model import Role
from retentiond.core.period import Period
from retentiond.ledger import Ledger
from tests.servers.canary import assert_no_canary
from tests.servers.seed import Seed, letter, stream

LONDON = ZoneInfo("Europe/London")
IDENTITY = "helpline@relay.example"
#: The flag of a seed that holds it; each ground says it in its server's own way.
HELD = "$RetentionHold"


def cutoff(now: datetime | None = None) -> datetime:
    """The instant before which mail is due today, by the product's own table-tested rule."""
    return Period(months=6).cutoff(now or datetime.now(UTC), LONDON)


def reply(number: int, received: datetime, flags: tuple[str, ...] = ("\\Seen",), text: str = "") -> Seed:
    """An advisor's answer, written as the helpline."""
    content = letter(
        f"reply{number}@relay.example", sender=IDENTITY, recipient="writer@post.example", body=text
    )
    return Seed(content, received, flags)


def private(count: int, seed: int = 77) -> list[Seed]:
    """An advisor's own sent mail, some of it old, some unread."""
    now = datetime.now(UTC)
    own = stream(count, now - timedelta(days=700), now, seed=seed, recipient="friend@post.example")
    return [Seed(each.content, each.received, ("\\Seen",) if n % 3 else ()) for n, each in enumerate(own)]


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as another client sees it: what survives of its content there, its date, its state."""

    digest: bytes
    received: datetime | None
    flags: frozenset[bytes]


class World(ABC):
    """One helpline and one advisor, with everything that was printed or written.

    `line` and `ana` are mailboxes in the words of the ground; a folder is told by its role.
    """

    directory: Path
    line: Any
    ana: Any
    #: Further tables that the ground wants in every configuration.
    tables: ClassVar[str] = ""
    #: By which account the advisor's mailbox is opened.
    advisors_account: ClassVar[str] = "mail"

    def begin(self, password: str) -> None:
        """Writes the secret and the configuration, and opens the book."""
        self.printed: list[str] = []
        self.logged: list[str] = []
        self.complaints = ""
        self.state = self.directory / "state"
        self.config = self.directory / "retentiond.toml"
        self.directory.mkdir(exist_ok=True)
        self.secret = self.directory / "secret"
        self.secret.write_text(password + "\n")
        self.secret.chmod(0o400)
        self.write_configuration()
        assert self.run("ledger", "init") == 0

    # ── what each ground does in its own way ─────────────────────────────────────────────────────

    @abstractmethod
    def account(self) -> str:
        """The keys of the account, but for its secret."""

    @abstractmethod
    def address(self, mailbox: Any) -> str:
        """What the mailbox is called on the server: an address."""

    @abstractmethod
    def seed(self, mailbox: Any, folder: Role, messages: Iterable[Seed]) -> int:
        """Lays mail down past the protocol, as if it had come long ago. The number laid down."""

    @abstractmethod
    def mail(self, mailbox: Any, folder: Role) -> list[Seen]:
        """The folder as its user sees it, without marking anything read."""

    @abstractmethod
    def seen(self, seed: Seed) -> Seen:
        """How a seeded message must look to every client."""

    def parts(self, mailbox: Any, folder: Role) -> list[Seen]:
        """The folder as `mail` gives it, each message by what survives of it on every kind of server."""
        return self.mail(mailbox, folder)

    def away(self) -> tuple[str, Path]:
        """The keys of the account by which an advisor's mailbox is opened from elsewhere, and its secret."""
        return self.account(), self.secret

    def accounts(self) -> str:
        """The tables of the accounts."""
        return f"""[account.mail]
{self.account()}
secret = {{ file = "{self.secret}" }}"""

    # ── the command line ─────────────────────────────────────────────────────────────────────────

    def write_configuration(self, more: str = "") -> None:
        """`more` holds further tables."""
        self.config.write_text(f'''
[ledger]
directory = "{self.state}"
{self.tables}
{more}
{self.accounts()}

[[helpline]]
name = "line"
account = "mail"
mailbox = "{self.address(self.line)}"
identities = ["{IDENTITY}"]

[[advisor]]
name = "ana"
account = "{self.advisors_account}"
mailbox = "{self.address(self.ana)}"
told = 2026-01-01
''')
        self.config.chmod(0o600)

    def run(self, *arguments: str) -> int:
        """One command, as the admin types it. What it printed and logged is searched for the canary."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config), *arguments])
        logs.unconfigure()
        self.printed.append(out.getvalue())
        self.complaints = err.getvalue()
        self.logged.append(self.complaints)
        assert_no_canary(texts=(out.getvalue(), err.getvalue()))
        return code

    def json(self, *arguments: str) -> dict[str, Any]:
        self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(self.printed[-1])
        return document

    def counts(self) -> dict[str, tuple[int, int]]:
        """By target: how many are due, how many astray."""
        told = self.json("audit")
        return {each["target"]: (each["destroy"], each["bring_home"]) for each in told["targets"]}

    def arm(self) -> None:
        for name, counts in self.counts().items():
            assert self.run("arm", name, "--destroy", str(sum(counts))) == 0, self.complaints

    # ── what is left behind ──────────────────────────────────────────────────────────────────────

    def no_canary(self) -> None:
        """Nothing that was written holds the odd word; the server's own files aside."""
        assert_no_canary([self.directory])

    def check_book(self) -> None:
        """Nothing is open, and the book verifies; nothing that was written holds the odd word."""
        key = (self.state / "ledger.key").read_bytes()
        with Ledger.open(self.state, key) as book:
            assert book.open_intents() == ()
            book.verify()
        self.no_canary()
