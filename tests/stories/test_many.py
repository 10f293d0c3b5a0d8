"""Mailboxes by the thousand, side by side, in one service: memory stays flat, and its peak is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retentiond.cli import run
from retentiond.ledger import Ledger
from tests.servers.canary import assert_no_canary
from tests.servers.client import signed_in
from tests.servers.dovecot import MASTER, Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import fill
from tests.servers.users import PASSWORD, User
from tests.stories.many import DUE, MESSAGES, PARALLEL, SERVERS
from tests.stories.world import cutoff, reply

ROOT = Path(__file__).parents[2]
#: What a mailbox more may weigh: its plan, its two looks and its outcomes, without a message in them (KiB).
A_MAILBOX = 24


def swept(state: Path, count: int, *config: Path) -> dict[str, Any]:
    """One round of one service over so many mailboxes in memory, and those of the configuration."""
    command = [sys.executable, "-m", "tests.stories.many", str(count), str(state), *map(str, config)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"TZ": "UTC"}
    )
    assert done.returncode == 0, done.stderr
    assert_no_canary([state], [done.stdout, done.stderr])
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["code"], found["result"], found["findings"]) == (0, "done", 0)
    assert found["emptied"] == count
    with Ledger.open(state, (state / "ledger.key").read_bytes()) as book:
        assert book.open_intents() == ()
        book.verify()
    return found


def in_memory(directory: Path, count: int) -> dict[str, Any]:
    directory.mkdir(mode=0o700)
    Ledger.init(directory, directory / "ledger.key")
    return swept(directory, count)


class Office:
    """So many helplines on one Dovecot, a hundred messages in each, half of them due; all are armed."""

    def __init__(self, server: Dovecot, directory: Path, count: int) -> None:
        directory.mkdir()
        self.server, self.state = server, directory / "state"
        self.config, secret = directory / "retentiond.toml", directory / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o400)
        self.users = [server.new_user("line") for _ in range(count)]
        self.config.write_text(
            f'[ledger]\ndirectory = "{self.state}"\n[account.main]\nkind = "imap"\nhost = "{server.host}"\n'
            f'port = {server.port}\nca_file = "{server.ca_file}"\nlogin = "master"\nuser = "{MASTER}"\n'
            f'secret = {{ file = "{secret}" }}\n{"".join(map(_table, range(count), self.users))}'
        )
        self.config.chmod(0o600)
        ages = [-1 - number % 30 if number < DUE else 1 + number for number in range(MESSAGES)]
        letters = [reply(number, cutoff() + timedelta(days=age)) for number, age in enumerate(ages)]
        for user in self.users:
            fill(server, user, "INBOX", letters)
        assert run(["-q", "--config", str(self.config), "ledger", "init"]) == 0
        for number in range(count):
            assert (
                run(["-q", "--config", str(self.config), "arm", f"line-{number}", "--destroy", str(DUE)]) == 0
            )

    def left(self) -> set[int]:
        return {_count(self.server, user) for user in self.users}


def _table(number: int, user: User) -> str:
    return (
        f'[[helpline]]\nname = "line-{number}"\naccount = "main"\nmailbox = "{user.name}"\n'
        f'identities = ["line-{number}@line.example"]\n'
    )


def _count(server: Dovecot, user: User) -> int:
    with signed_in(server, user) as client:
        return int(client.select_folder("INBOX", readonly=True)[b"EXISTS"])


def show(found: Sequence[tuple[str, dict[str, Any]]]) -> None:
    print()
    for what, told in found:
        took = f"{told['done']} destroyed in {told['seconds']:.0f} s"
        print(f"{what}: {took}, at most {told['at_once']} open at once, peak RSS {told['peak']:.0f} MiB")


def test_memory_hardly_grows_with_the_mailboxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample: ten times as many weigh nearly the same, and are swept side by side."""
    few, many = in_memory(tmp_path / "few", 15), in_memory(tmp_path / "many", 150)
    with capsys.disabled():
        show([("15 mailboxes", few), ("150 mailboxes", many)])
    assert (few["done"], many["done"]) == (15 * DUE, 150 * DUE)
    assert (many["peak"] - few["peak"]) * 1024 < 135 * A_MAILBOX + 2048
    assert PARALLEL <= many["at_once"] <= SERVERS * PARALLEL


def test_a_few_on_a_real_server_beside_them(dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    office = Office(dovecot_factory(), tmp_path / "office", 3)
    assert swept(office.state, 20, office.config)["done"] == 23 * DUE
    assert office.left() == {MESSAGES - DUE}


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_a_thousand_and_twenty_side_by_side_in_flat_memory(
    dovecot_factory: DovecotFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1,000 mailboxes of 100 messages in memory and 20 on Dovecot, by one service; then a tenth of them."""
    server = dovecot_factory()
    fewer = Office(server, tmp_path / "fewer", 20)
    few = swept(fewer.state, 100, fewer.config)
    office = Office(server, tmp_path / "office", 20)
    many = swept(office.state, 1000, office.config)
    with capsys.disabled():
        show([("100 in memory, 20 on Dovecot", few), ("1,000 in memory, 20 on Dovecot", many)])
    assert (few["done"], many["done"]) == (120 * DUE, 1020 * DUE)
    assert fewer.left() == office.left() == {MESSAGES - DUE}
    assert (many["peak"] - few["peak"]) * 1024 < 900 * A_MAILBOX
    assert many["peak"] < 150
