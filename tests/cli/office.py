"""A helpline's office, to be driven by the command line: its mail, its configuration, what was said."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from retentiond import logs
from retentiond.cli import run
from tests.servers.client import Person, Server, signed_in
from tests.servers.dovecot import Dovecot
from tests.servers.seed import Seed, append_all, fill, letter

#: By now mail of this age is due under "6 months", whatever the month; and of this one it is not.
OLD = timedelta(days=200)
YOUNG = timedelta(days=2)

HELPLINE = "listening-line"
ADVISOR = "advisor-1"

#: What is in the mailboxes of `Office.furnish`.
DUE, HELD, KEPT, ASTRAY = 5, 1, 4, 1

Contents = dict[str, dict[int, tuple[datetime, tuple[bytes, ...]]]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on the output."""
        told: dict[str, Any] = json.loads(self.out)
        return told

    def has(self, code: int, *words: str) -> Self:
        """Fails unless it ended so and one line of the error output has all these words."""
        lines = self.err.splitlines()
        assert self.code == code, f"{self.code}, not {code}: {self.err or self.out}"
        assert any(all(word in line for word in words) for line in lines), f"{words} not in: {lines}"
        return self

    def is_done(self, *words: str) -> Self:
        """Fails unless it ended with 0, with these words on the output and nothing on the other."""
        assert (self.code, self.err) == (0, ""), f"{self.code}: {self.err}"
        assert all(word in self.out for word in words), f"{words} not in: {self.out}"
        return self


def received(age: timedelta, minutes: int = 0) -> datetime:
    """So long ago, and some minutes later."""
    return (datetime.now(UTC) - age + timedelta(minutes=minutes)).replace(microsecond=0)


def mail(
    count: int, age: timedelta, stem: str = "letter", flags: tuple[str, ...] = ("\\Seen",)
) -> list[Seed]:
    """So many letters of this age, with the canary wherever a word can stand."""
    return [
        Seed(
            letter(f"{stem}-{age.days}-{number}@post.example", date=received(age), attachment=number == 0),
            received(age, number),
            flags,
        )
        for number in range(count)
    ]


@dataclass(slots=True)
class Office:
    """`config` is the file, `state` the ledger's directory; `said` is all that commands wrote so far.

    `papers` are files that commands were asked to write. `tables` hold the configuration as it is
    written by `write`.
    """

    directory: Path
    server: Server
    capsys: pytest.CaptureFixture[str]
    people: dict[str, Person] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    papers: list[Path] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700)
        self.state.mkdir(mode=0o700)
        self.secret.write_text("open-sesame\n")
        self.secret.chmod(0o400)
        self.at(self.server)

    @property
    def config(self) -> Path:
        return self.directory / "retentiond.toml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def secret(self) -> Path:
        return self.directory / "secret"

    # ── furniture ────────────────────────────────────────────────────────────────────────────────

    def furnish(self, *, with_ledger: bool = True) -> Self:
        """A helpline with DUE, HELD and KEPT items, and an advisor with a reply astray and a private one."""
        self.helpline(HELPLINE)
        held = mail(1, OLD, "held", ("\\Seen", "$RetentionHold"))
        inbox, sent = [*mail(3, OLD), *mail(2, YOUNG), *held], [*mail(1, OLD), *mail(2, YOUNG)]
        self.put(HELPLINE, {"INBOX": inbox, "Sent": sent, "Deleted Items": mail(1, OLD, "bin")})
        self.advisor(ADVISOR)
        self.put(ADVISOR, {"Sent": [self.reply("astray", YOUNG), *mail(1, OLD, "private")]})
        self.write()
        if with_ledger:
            self.run("ledger", "init").is_done()
            typed = f"held-{OLD.days}-0@post.example"
            self.run("hold", "add", HELPLINE, "--ground", "other", typed=typed).is_done()
        return self

    def helpline(self, name: str, **keys: Any) -> Person:
        """A new helpline on the server, with empty folders."""
        person = self._new_person(name)
        self.targets[name] = {
            "kind": "helpline",
            "account": "main",
            "mailbox": person.name,
            "identities": [person.name],
        } | keys
        return person

    def advisor(self, name: str, **keys: Any) -> Person:
        """A new advisor on the server, with empty folders."""
        person = self._new_person(name)
        self.targets[name] = {"kind": "advisor", "account": "main", "mailbox": person.name} | keys
        return person

    def _new_person(self, name: str) -> Person:
        self.people[name] = self.server.new_user(name)  # type: ignore[attr-defined]
        return self.people[name]

    def put(self, name: str, mail_by_folder: Mapping[str, Sequence[Seed]]) -> None:
        """Lays mail into folders, which are made where they are missing."""
        if isinstance(self.server, Dovecot):
            for folder, messages in mail_by_folder.items():
                fill(self.server, self.people[name], folder, messages)
            return
        with signed_in(self.server, self.people[name]) as client:
            for folder, messages in mail_by_folder.items():
                if not client.folder_exists(folder):
                    client.create_folder(folder)
                append_all(client, folder, messages)

    def reply(self, stem: str, age: timedelta, helpline: str = HELPLINE) -> Seed:
        """A helpline's reply, as an advisor sent it."""
        sender = f"Helpline <{self.people[helpline].name}>"
        return Seed(letter(f"{stem}@relay.example", sender=sender, date=received(age)), received(age))

    # ── configuration ────────────────────────────────────────────────────────────────────────────

    def at(self, server: Server, **keys: Any) -> Self:
        """From now on the account is reached at this address (a proxy's, say); the mail stays."""
        self.account = {
            "kind": "imap",
            "host": server.host,
            "port": server.port,
            "ca_file": str(server.ca_file),
            "secret": {"file": str(self.secret)},
            "timeout": 20,
        } | keys
        if self.targets:
            self.write()
        return self

    def write(self, more: str = "") -> Path:
        """Writes the configuration as it stands, with `more` at its end."""
        parts = [_table("policy", self.policy), _table("ledger", {"directory": str(self.state)})]
        parts += [_table("limits", self.limits), _table("account.main", self.account)]
        for name, keys in self.targets.items():
            table = {"name": name} | {key: value for key, value in keys.items() if key != "kind"}
            parts.append(_table(f"[{keys['kind']}]", table))
        self.config.write_text("\n".join((*parts, more)))
        self.config.chmod(0o600)
        return self.config

    def line_of(self, text: str) -> int:
        """The line of the configuration in which `text` stands."""
        lines = self.config.read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────

    def run(self, *words: str, typed: str | None = None) -> Told:
        """Runs a command in this process; `typed` is what it reads from its standard input."""
        self.capsys.readouterr()
        before = sys.stdin
        if typed is not None:
            sys.stdin = io.StringIO(typed + "\n")
        try:
            code = run(["--config", str(self.config), *words])
        finally:
            sys.stdin = before
        logs.unconfigure()
        out, err = self.capsys.readouterr()
        self.said += [out, err]
        return Told(code, out, err)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Starts a command in a process of its own; what it says goes to pipes unless told otherwise."""
        command = [sys.executable, "-m", "retentiond", "--config", str(self.config), *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell starts its background jobs deaf to Ctrl-C, and children inherit it.
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        return subprocess.Popen(command, **{**pipes, **options})

    def end(self, process: subprocess.Popen[bytes]) -> Told:
        """Waits for it."""
        out, err = ((text or b"").decode() for text in process.communicate(timeout=60))
        self.said += [out, err]
        return Told(process.returncode, out, err)

    def arm(self, *names: str) -> None:
        """Arms these targets with room enough."""
        for name in names:
            told = ("--told", "2026-01-05") if self.targets[name]["kind"] == "advisor" else ()
            self.run("arm", name, "--destroy", "1000", *told).is_done(f"{name} is armed")

    def arm_all(self) -> None:
        self.arm(*self.targets)

    # ── what is there ────────────────────────────────────────────────────────────────────────────

    def contents(self, name: str) -> Contents:
        """Every message of a mailbox by folder and UID: date of receipt and flags. Changes nothing."""
        with signed_in(self.server, self.people[name]) as client:
            found: Contents = {}
            for _attributes, _separator, folder in client.list_folders():
                client.select_folder(folder, readonly=True)
                rows = client.fetch(client.search(), ["INTERNALDATE", "FLAGS"])
                found[folder] = {
                    uid: (row[b"INTERNALDATE"], tuple(sorted(set(row[b"FLAGS"]) - {b"\\Recent"})))
                    for uid, row in rows.items()
                }
            return found

    def count(self, name: str, folder: str) -> int:
        return len(self.contents(name)[folder])

    def everything(self) -> dict[str, Contents]:
        return {name: self.contents(name) for name in self.people}

    @contextmanager
    def untouched(self, *names: str) -> Iterator[None]:
        """Fails if a mailbox (all, unless some are named) is not afterwards what it was before."""
        before = {name: self.contents(name) for name in names or self.people}
        yield
        after = {name: self.contents(name) for name in before}
        assert after == before, "a mailbox was touched"


def _table(name: str, keys: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in keys.items()]
    return "\n".join((f"[{name}]", *lines, ""))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
