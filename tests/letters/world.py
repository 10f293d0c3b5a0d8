"""A folder of letters on a disk of its own, with a configuration and a ledger, run by the command line.

Everything that is printed is kept and searched for the canary, which stands in every file name and in
every letter; so is every file that was written besides the letters themselves.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from retentiond import logs
from retentiond.cli import run
from retentiond.core.period import Period
from retentiond.ledger import Ledger
from tests.letters.disks import Disk, disk
from tests.servers.canary import assert_no_canary
from tests.servers.seed import CANARY

LONDON = ZoneInfo("Europe/London")
NAME = "letters-1"


def cutoff(now: datetime | None = None) -> datetime:
    """Letters first saved before this instant are due."""
    return Period(months=2).cutoff(now or datetime.now(UTC), LONDON)


#: Due for days, and not due for weeks, whatever the month.
OLD = timedelta(days=70)
YOUNG = timedelta(days=5)


@dataclass
class World:
    """`folder` is where the letters lie."""

    directory: Path
    disk: Disk
    keys: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.folder = self.disk.top / "letters"
        self.folder.mkdir(mode=0o700)
        self.state = self.directory / "state"
        self.config = self.directory / "retentiond.toml"
        self.configure()
        assert self.run("ledger", "init") == 0, self.complaints

    def configure(self, more: str = "", **keys: Any) -> None:
        """Writes the configuration; the helpline is never looked at (`--only`)."""
        self.keys |= keys
        table = {"name": NAME, "directory": str(self.folder), "manager": "root"} | self.keys
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
        self.config.write_text(
            f'[ledger]\ndirectory = "{self.state}"\n{more}\n[account.mail]\nkind = "imap"\n'
            'host = "localhost"\nsecret = { env = "NOBODY_ASKS" }\n'
            '[[helpline]]\nname = "line"\naccount = "mail"\nmailbox = "line"\n'
            f'identities = ["line@charity.example"]\n[[letters]]\n{lines}\n'
        )
        self.config.chmod(0o600)

    # ── letters ──────────────────────────────────────────────────────────────────────────────────

    def save(self, age: timedelta | None, name: str = "", content: bytes = b"") -> Path:
        """Saves a letter of this age; `settle` makes it so. None: as old as it is."""
        self.count += 1
        name = name or f"{CANARY.capitalize()} {self.count}.odt"
        born = None if age is None else datetime.now(UTC) - age
        return self.disk.write(f"letters/{name}", content or f"Dear {CANARY},\n".encode() * 50, born)

    def settle(self) -> None:
        """Gives every letter its age."""
        self.disk.age()

    def letters(self) -> set[str]:
        """What is there, by path below the folder; what is no folder."""
        return {
            str(p.relative_to(self.folder))
            for p in self.folder.rglob("*")
            if p.is_symlink() or not p.is_dir()
        }

    # ── commands ─────────────────────────────────────────────────────────────────────────────────

    def run(self, *words: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config), *words])
        logs.unconfigure()
        self.said += [out.getvalue(), err.getvalue()]
        self.out, self.complaints = out.getvalue(), err.getvalue()
        return code

    def json(self, verb: str) -> dict[str, Any]:
        self.run(verb, "--only", NAME, "--json")
        document: dict[str, Any] = json.loads(self.out)
        return document

    def due(self) -> int:
        [target] = self.json("audit")["targets"]
        return int(target["destroy"])

    def arm(self) -> None:
        assert self.run("arm", NAME, "--destroy", str(self.due())) == 0, self.complaints

    def sweep(self) -> dict[str, Any]:
        return self.json("sweep")

    def found(self, document: dict[str, Any]) -> dict[tuple[str, str], int]:
        """Findings by cause and detail."""
        return {(each["cause"], each["detail"]): each["count"] for each in document["findings"]}

    def book(self) -> Ledger:
        return Ledger.open(self.state, (self.state / "ledger.key").read_bytes())

    def silent(self) -> None:
        """Nothing that was printed or written holds the canary."""
        assert_no_canary([self.state, self.config, self.directory / "plan.json"], self.said)


@contextlib.contextmanager
def world(directory: Path, *, keeps_birth: bool = True, megabytes: int = 64) -> Iterator[World]:
    """A fresh world; at its end the canary is sought."""
    with disk(directory, keeps_birth=keeps_birth, megabytes=megabytes) as made:
        here = World(directory, made)
        yield here
        here.silent()
