"""How long a whole sweep takes beside the tools that only delete: ratios side by side, in one run.

Run by name: `./run test -m benchmark -s`. Every contender gets a mailbox of its own, seeded alike and
indexed beforehand, and the contenders take turns; what is printed is the median of the ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.config import load
from retentiond.doors import estate_of
from retentiond.ledger import Ledger
from retentiond.mailbox.marker import Marker
from retentiond.sweep import sweep
from tests.servers.client import signed_in
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, stream
from tests.servers.users import User
from tests.stories.real_world import Helpline
from tests.stories.world import IDENTITY, cutoff, reply

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


class Race:
    """Contenders in turns; times in seconds of wall clock and of this process's own CPU."""

    def __init__(self) -> None:
        self.walls: dict[str, list[float]] = {}
        self.cpus: dict[str, list[float]] = {}

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.walls.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpus.setdefault(name, []).append(time.process_time() - cpu)

    def ratio(self, name: str, beside: str) -> float:
        pairs = zip(self.walls[name], self.walls[beside], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def show(self, title: str, beside: str) -> None:
        print(f"\n{title}")
        for name, walls in self.walls.items():
            wall, cpu = statistics.median(walls), statistics.median(self.cpus[name])
            print(f"  {name:<44}{self.ratio(name, beside):6.2f} x   {wall:7.2f} s wall {cpu:7.2f} s own CPU")


def mailbox(server: Dovecot, folder: str, messages: list[Seed], stem: str) -> User:
    """A user with this mail, its index already made."""
    from tests.servers.seed import fill

    user = server.new_user(stem)
    fill(server, user, folder, messages)
    index(server, user, folder)
    return user


def index(server: Dovecot, user: User, folder: str) -> None:
    with signed_in(server, user) as client:
        client.select_folder(folder, readonly=True)
        client.search(["BEFORE", datetime(2000, 1, 1).date()])


def story_of(server: Dovecot, directory: Path, line: User, ana: User) -> Helpline:
    directory.mkdir()
    story = Helpline(server, directory, line, ana)
    story.arm()
    return story


def own_sweep(story: Helpline) -> None:
    """A whole sweep with everything imported: look, judge, last look, deed, second look, ledger, seal."""
    config = load(story.config)
    key = (story.state / "ledger.key").read_bytes()
    with Ledger.open(story.state, key) as book:
        report = sweep(estate_of(config, Marker(book.mark_key)), book, story.state, datetime.now(UTC))
    assert report.exit_code == 0


def own_process(story: Helpline) -> None:
    command = [sys.executable, "-m", "retentiond", "--config", str(story.config), "--quiet", "sweep"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path.cwd())


def by_imapclient(server: Dovecot, user: User) -> None:
    """As the library's manual has it."""
    with signed_in(server, user) as client:
        client.select_folder("INBOX")
        due = client.search(["BEFORE", cutoff().date()])
        for start in range(0, len(due), 5_000):  # more in one command Dovecot refuses
            client.delete_messages(due[start : start + 5_000])
            client.uid_expunge(due[start : start + 5_000])


@pytest.mark.parametrize(("many", "turns"), [(10_000, 3), (100_000, 3)])
def test_purge(many: int, turns: int, dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    """A folder of which three quarters are due."""
    server = dovecot_factory()
    now = datetime.now(UTC)
    span = (now - cutoff()) * 4
    messages = list(stream(many, now - span, now - timedelta(minutes=5), canary=""))
    race = Race()
    for turn in range(turns):
        users = {name: mailbox(server, "INBOX", messages, "bench") for name in ("d", "i", "r", "p")}
        nobody = server.new_user("nobody")
        inside = story_of(server, tmp_path / f"{turn}r", users["r"], nobody)
        whole = story_of(server, tmp_path / f"{turn}p", users["p"], nobody)
        due = cutoff().strftime("%d-%b-%Y")
        with race.run("doveadm expunge"):
            server.doveadm("expunge", "-u", users["d"].name, "mailbox", "INBOX", "BEFORE", due)
        with race.run("retentiond sweep, imports done"):
            own_sweep(inside)
        with race.run("retentiond sweep, whole process"):
            own_process(whole)
        with race.run("imapclient as its manual has it"):
            by_imapclient(server, users["i"])
        for name in ("r", "p"):
            with signed_in(server, users[name]) as client:
                client.select_folder("INBOX", readonly=True)
                assert not client.search(["BEFORE", (cutoff() - timedelta(days=1)).date()])
    race.show(f"Purge of {many:,} messages, 75 % due", "doveadm expunge")


def test_nothing_due(dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    """A folder of 100,000 with nothing due: what a sweep costs every other night."""
    server = dovecot_factory()
    now = datetime.now(UTC)
    messages = list(stream(100_000, cutoff() + timedelta(days=3), now - timedelta(minutes=5), canary=""))
    line = mailbox(server, "INBOX", messages, "quiet")
    story = story_of(server, tmp_path / "quiet", line, server.new_user("nobody"))
    race = Race()
    for _ in range(5):
        with race.run("retentiond sweep, imports done"):
            own_sweep(story)
    race.show("Sweep of 100,000 messages with nothing due", "retentiond sweep, imports done")


@pytest.mark.parametrize(("many", "turns"), [(1_000, 3), (10_000, 3)])
def test_strays(many: int, turns: int, dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    """Replies from one account to another. The bare script trusts the server and looks at nothing again."""
    server = dovecot_factory()
    first = cutoff() + timedelta(days=2)
    strays = [reply(n, first + timedelta(minutes=n)) for n in range(many)]
    race = Race()
    for turn in range(turns):
        sources = {name: mailbox(server, "Sent", strays, "source") for name in ("b", "s", "r")}
        homes = {name: server.new_user("home") for name in sources}
        story = story_of(server, tmp_path / f"{turn}", homes["r"], sources["r"])
        with race.run("bare MULTIAPPEND, 500 at a time"):
            bare_multiappend(server, sources["b"], homes["b"])
        with race.run("retentiond sweep, imports done"):
            own_sweep(story)
        if many <= 1_000:
            with race.run("plain imapclient, one by one"):
                one_by_one(server, sources["s"], homes["s"])
    race.show(f"{many:,} strays between two accounts", "bare MULTIAPPEND, 500 at a time")


def bare_multiappend(server: Dovecot, source: User, home: User) -> None:
    with signed_in(server, source) as away, signed_in(server, home) as there:
        away.select_folder("Sent")
        uids = away.search(["FROM", IDENTITY])
        for start in range(0, len(uids), 500):
            rows = away.fetch(uids[start : start + 500], ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"])
            there.multiappend("Sent", [
                {"msg": row[b"BODY[]"], "date": row[b"INTERNALDATE"], "flags": lasting(row)}
                for row in rows.values()
            ])  # fmt: skip
        away.delete_messages(uids)
        away.uid_expunge(uids)


def lasting(row: dict[bytes, tuple[bytes, ...]]) -> list[bytes]:
    return [flag for flag in row[b"FLAGS"] if flag != b"\\Recent"]


def one_by_one(server: Dovecot, source: User, home: User) -> None:
    with signed_in(server, source) as away, signed_in(server, home) as there:
        away.select_folder("Sent")
        for uid in away.search(["FROM", IDENTITY]):
            row = away.fetch([uid], ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"])[uid]
            there.append("Sent", row[b"BODY[]"], lasting(row), row[b"INTERNALDATE"])
            away.delete_messages([uid])
            away.uid_expunge([uid])
