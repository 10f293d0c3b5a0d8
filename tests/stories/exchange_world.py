"""A helpline and an advisor on a stand-in Exchange with a real configuration file, by its command line."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from retentiond import logs
from retentiond.cli import run
from retentiond.ledger import Ledger
from retentiond.mailbox.ews_content import likeness
from tests.servers.canary import assert_no_canary
from tests.servers.exchange import Exchange, FolderHandle, MailboxHandle
from tests.servers.seed import letter
from tests.stories.real_world import IDENTITY

#: An item as it must be known again: by what survives of it, its dates, its state.
State = tuple[bytes, datetime | None, datetime | None, bool, tuple[str, ...]]


def reply(number: object, **changes: Any) -> bytes:
    """A reply that bears the helpline's identity."""
    sender = f'"quixotrill Line" <{IDENTITY}>'
    return letter(f"reply{number}@relay.example", sender=sender, **changes)


@dataclass
class Office:
    """One helpline and one advisor, with everything that was printed or written."""

    server: Exchange
    directory: Path
    account: str = ""
    name: str = ""
    printed: list[str] = field(default_factory=list)
    complaints: str = ""

    def __post_init__(self) -> None:
        self.line: MailboxHandle = self.server.mailbox(f"line{self.name}@relay.example")
        self.ana: MailboxHandle = self.server.mailbox(f"ana{self.name}@relay.example")
        self.state = self.directory / "state"
        self.config = self.directory / "retentiond.toml"
        self.directory.mkdir(exist_ok=True)
        secret = self.directory / "secret"
        secret.write_text(self.server.service.password + "\n")
        secret.chmod(0o400)
        self.write_configuration(self.account)
        assert self.run("ledger", "init") == 0

    def write_configuration(self, account: str = "", more: str = "") -> None:
        """`account` holds further keys of the account."""
        self.config.write_text(f'''
[ledger]
directory = "{self.state}"
[log]
level = "debug"
format = "json"
{more}
[account.mail]
kind = "exchange"
endpoint = "{self.server.url}"
ca_file = "{self.server.ca_file}"
auth = "basic"
user = "{self.server.service.name}"
secret = {{ file = "{self.directory / "secret"}" }}
timeout = 20
patience = 5
{account}

[[helpline]]
name = "line"
account = "mail"
mailbox = "{self.line.address}"
identities = ["{IDENTITY}"]

[[advisor]]
name = "ana"
account = "mail"
mailbox = "{self.ana.address}"
told = 2026-01-01
''')
        self.config.chmod(0o600)

    # ── the command line ─────────────────────────────────────────────────────────────────────────

    def run(self, *arguments: str) -> int:
        """One command, as the admin types it. What it printed and logged is searched for the canary."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config), *arguments])
        logs.unconfigure()
        self.printed.append(out.getvalue())
        self.complaints = err.getvalue()
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

    def requests(self) -> int:
        return len(self.server.requests)

    # ── what another client sees ─────────────────────────────────────────────────────────────────

    def states(self, folder: FolderHandle) -> Counter[State]:
        """What stands in a folder, change keys and ids aside."""
        return Counter(
            (likeness(item.content), item.received, item.sent, item.is_read, item.categories)
            for item in folder.items()
        )

    def everything(self) -> dict[str, Counter[State]]:
        """What stands in each folder of both mailboxes that is not empty."""
        found: dict[str, Counter[State]] = {}
        for name, mailbox in (("line", self.line), ("ana", self.ana)):
            for path, item in mailbox.items():
                state = (likeness(item.content), item.received, item.sent, item.is_read, item.categories)
                found.setdefault(f"{name}/{path}", Counter())[state] += 1
        return found

    def check_book(self) -> None:
        """Nothing is open, and the book verifies; nothing that was written holds the odd word."""
        key = (self.state / "ledger.key").read_bytes()
        with Ledger.open(self.state, key) as book:
            assert book.open_intents() == ()
            book.verify()
        assert_no_canary([self.directory])
