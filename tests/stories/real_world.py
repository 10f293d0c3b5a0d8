"""A helpline on a real IMAP server with a real configuration file, run through the real command line."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from retentiond import logs
from retentiond.cli import run
from retentiond.core.period import Period
from tests.servers.canary import assert_no_canary
from tests.servers.client import Server, signed_in
from tests.servers.dovecot import MASTER, Dovecot
from tests.servers.seed import Seed, fill
from tests.servers.users import PASSWORD, User

LONDON = ZoneInfo("Europe/London")
IDENTITY = "helpline@relay.example"


#: In a shared namespace Dovecot tells no roles.
_SHARED = """shared_prefix = "shared/{mailbox}"
roles = { sent = "Sent", trash = "Deleted Items" }
"""


def cutoff(now: datetime | None = None) -> datetime:
    """The instant before which mail is due today, by the product's own table-tested rule."""
    return Period(months=6).cutoff(now or datetime.now(UTC), LONDON)


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as another client sees it."""

    digest: bytes
    received: datetime
    flags: frozenset[bytes]


@dataclass
class Helpline:
    """One helpline and one advisor on a Dovecot, with everything that was printed or written."""

    server: Dovecot
    directory: Path
    line: User
    ana: User
    host_port: Server | None = None
    login: str = "master"
    printed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.directory / "state"
        self.config = self.directory / "retentiond.toml"
        secret = self.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o400)
        self.write_configuration()
        assert self.run("ledger", "init") == 0

    def write_configuration(self, more: str = "") -> None:
        at = self.host_port or self.server
        user = MASTER if self.login == "master" else self.server.service.name
        shared = _SHARED if self.login == "shared" else ""
        self.config.write_text(f'''
[ledger]
directory = "{self.state}"
{more}
[account.mail]
kind = "imap"
host = "{at.host}"
port = {at.port}
ca_file = "{at.ca_file}"
login = "{self.login}"
user = "{user}"
{shared}
secret = {{ file = "{self.directory / "secret"}" }}

[[helpline]]
name = "line"
account = "mail"
mailbox = "{self.line.name}"
identities = ["{IDENTITY}"]

[[advisor]]
name = "ana"
account = "mail"
mailbox = "{self.ana.name}"
told = 2026-01-01
''')
        self.config.chmod(0o600)

    def run(self, *arguments: str) -> int:
        """One command, as the admin types it. What it printed is kept, and searched for the canary."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config), *arguments])
        logs.unconfigure()
        self.printed.append(out.getvalue())
        assert_no_canary(texts=(out.getvalue(), err.getvalue()))
        self.complaints = err.getvalue()
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
        for name in ("line", "ana"):
            number = sum(self.counts()[name])
            assert self.run("arm", name, "--destroy", str(number)) == 0, self.complaints

    def seed(self, user: User, folder: str, messages: Iterable[Seed]) -> int:
        return fill(self.server, user, folder, messages)

    def mail(self, user: User, folder: str, with_content: bool = True) -> list[Seen]:
        """The folder as its user sees it, without marking anything read."""
        with signed_in(self.server, user) as client:
            client.select_folder(folder, readonly=True)
            uids = client.search()
            found: list[Seen] = []
            what = ["INTERNALDATE", "FLAGS"] + (["BODY.PEEK[]"] if with_content else [])
            for start in range(0, len(uids), 2000):
                for row in client.fetch(uids[start : start + 2000], what).values():
                    flags = frozenset(row[b"FLAGS"]) - {b"\\Recent"}
                    digest = sha256(row[b"BODY[]"]).digest() if with_content else b""
                    found.append(Seen(digest, row[b"INTERNALDATE"], flags))
            return found

    def no_canary(self) -> None:
        """Nothing that was written holds the odd word; the server's own files aside."""
        paths: Sequence[Path] = [self.directory]
        assert_no_canary(paths)


def seen(seed: Seed) -> Seen:
    """How a seeded message must look to every client."""
    flags = frozenset(flag.encode() for flag in seed.flags)
    return Seen(sha256(seed.content).digest(), seed.received, flags)
