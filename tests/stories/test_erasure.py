"""One person's mail is erased from everywhere, on Dovecot and on Exchange, and nothing tells of it.

By the real command line: addresses on standard input, the number typed, `approvers = 1` on record.
"""

from __future__ import annotations

import io
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import starmap
from pathlib import Path

import pytest

from retentiond.core.model import Role
from retentiond.ledger import Ledger
from retentiond.report.erasure import ANSWER
from tests.servers.client import signed_in
from tests.servers.exchange import Exchange
from tests.servers.exchange.faults import Action, cut, drop_after, drop_before
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, fill, letter, stream
from tests.servers.users import User
from tests.stories.exchange_world import Office
from tests.stories.graph_world import Cloud
from tests.stories.real_world import Helpline
from tests.stories.traces import assert_no_trace
from tests.stories.world import HELD, IDENTITY, World

#: The odd word is in every address, so that whatever shows one shows the word.
ANN, ANN_TOO = "quixotrill.ann@post.example", "ann.quixotrill@mail.example"
TYPED = f"{ANN.upper()}\n{ANN_TOO}\n{ANN}\n"
NOW = datetime.now(UTC).replace(microsecond=0)
NIGHT, YOUTH = "night@relay.example", "youth@relay.example"
POLICY = "[policy]\napprovers = 1\n"


def erase(story: World, monkeypatch: pytest.MonkeyPatch, *words: str, number: int = 10_000) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(TYPED))
    return story.run("purge", "--erase", "--destroy", str(number), *words)


def of_ann(count: int, stem: str, *, replies: bool = False, **changes: str) -> list[Seed]:
    """So many letters from her (in either letter case), or the helpline's replies to her, old and new."""
    found = []
    for n in range(count):
        her = (ANN, f'"quixotrill Ann" <{ANN.title()}>', ANN_TOO)[n % 3]
        people = {"sender": IDENTITY, "recipient": her} if replies else {"sender": her}
        content = letter(f"{stem}{n}@post.example", **{**people, **changes})  # type: ignore[arg-type]
        found.append(Seed(content, NOW - timedelta(days=3 * n + 1), ("\\Seen",) if n % 2 else ()))
    return found


def others(count: int, seed: int) -> list[Seed]:
    """Other people's mail; some of it speaks of her, or has an address like hers."""
    found = list(stream(count, NOW - timedelta(days=170), NOW - timedelta(hours=1), seed=seed, size=600))
    chance = random.Random(seed)
    for n in range(0, count, max(1, count // 12)):
        about = letter(
            f"about{seed}n{n}@post.example",
            sender=chance.choice([f"not.{ANN}", f"{ANN}.example", f'"{ANN}" <b@post.example>']),
            subject=f"quixotrill {ANN}",
            body=f"{ANN} wrote to you, and {ANN_TOO}.\r\n",
        )
        found[n] = Seed(about, found[n].received, found[n].flags)
    return found


def no_trace(story: World, seeds: Iterable[Seed]) -> None:
    """In no file that we wrote, in no log and on no screen, to whoever has every key."""
    key = story.state / "ledger.key"
    ids = [re.search(rb"Message-ID: (<[^>]+>)", each.content)[1].decode() for each in seeds]  # type: ignore[index]
    assert_no_trace(story.state, key, (ANN, ANN_TOO), ids, [*story.printed, *story.logged])


# ── Dovecot ──────────────────────────────────────────────────────────────────────────────────────


class Charity(Helpline):
    """Three helplines and an advisor on a Dovecot; `put` remembers what must stay and what must go."""

    def furnish(self) -> None:
        self.night, self.youth = self.server.new_user("night"), self.server.new_user("youth")
        self.kept: dict[tuple[str, str], Counter[bytes]] = {}
        self.gone: list[Seed] = []
        tables = [
            f'[[helpline]]\nname = "{name}"\naccount = "mail"\nmailbox = "{user.name}"\n'
            f'identities = ["{identity}"]\n'
            for name, user, identity in (("night", self.night, NIGHT), ("youth", self.youth, YOUTH))
        ]
        self.write_configuration(POLICY + "\n".join(tables))

    def put(self, user: User, folder: str, gone: list[Seed], kept: list[Seed]) -> None:
        mixed = sorted(gone + kept, key=lambda each: each.received)
        fill(self.server, user, folder, mixed)
        self.gone += gone
        self.kept[user.name, folder] = Counter(each.content for each in kept)

    def standing(self) -> dict[tuple[str, str], Counter[bytes]]:
        found = {}
        for user in {name: name for name, _ in self.kept}:
            with signed_in(self.server, User(user)) as client:
                for attributes, _, folder in client.list_folders():
                    if b"\\Noselect" in attributes or b"\\NonExistent" in attributes:
                        continue
                    client.select_folder(folder, readonly=True)
                    rows = client.fetch(client.search(), ["BODY.PEEK[]"])
                    if (user, folder) in self.kept:
                        found[user, folder] = Counter(row[b"BODY[]"] for row in rows.values())
                    else:
                        assert not rows, folder
        return found


def charity(factory: DovecotFactory, directory: Path, many: int) -> Charity:
    """`many` messages in six folders of three mailboxes and in an advisor's Sent; a hundredth is Ann's."""
    server = factory()
    story = Charity(server, directory, server.new_user("line"), server.new_user("ana"))
    story.furnish()
    share, few = many // 7, max(3, many // 700)
    held = of_ann(2, "held")
    held = [Seed(each.content, each.received, (HELD,)) for each in held]
    both = of_ann(2, "both", recipient=f"{IDENTITY}, bea@post.example")
    story.put(story.line, "INBOX", of_ann(few, "in"), others(share, 1) + held)
    story.put(story.line, "Sent", of_ann(few, "out", replies=True), others(share, 2) + both)
    story.put(story.line, "Deleted Items", of_ann(few, "bin"), others(share, 3))
    story.put(story.night, "INBOX", of_ann(few, "night", recipient=NIGHT), others(share, 4))
    story.put(story.night, "Cases/2026 quixotrill", of_ann(few, "case", recipient=NIGHT), others(share, 5))
    story.put(story.youth, "Sent", of_ann(few, "youth", replies=True, sender=YOUTH), others(share, 6))
    own = [
        Seed(letter("own1@relay.example", sender="ana@relay.example", recipient=ANN), NOW, ()),
        Seed(letter("own2@relay.example", sender=IDENTITY, recipient="bea@post.example"), NOW, ()),
    ]
    story.put(story.ana, "Sent", of_ann(few, "astray", replies=True), others(share, 7) + own)
    story.put(story.ana, "INBOX", [], of_ann(2, "private"))
    story.arm()
    return story


@pytest.mark.parametrize("many", [1_000, pytest.param(20_000, marks=pytest.mark.campaign)])
def test_one_correspondent_among_many(
    dovecot_factory: DovecotFactory, tmp_path: Path, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of hers goes from six folders of three mailboxes, and the replies to her in an advisor's Sent;
    nothing of anybody else. With every key at hand nothing that was written tells that she ever wrote."""
    story = charity(dovecot_factory, tmp_path / "house", many)
    count = len(story.gone)
    assert erase(story, monkeypatch, number=count - 1) == 3
    assert f"{count:,} items would be destroyed" in story.complaints
    code = erase(story, monkeypatch, number=count)
    told = story.printed[-1]
    assert code == 0, story.complaints
    assert "2 items in sent to be looked at by a person: somebody else outside is" in story.complaints
    assert story.standing() == story.kept
    assert f"{count:,} items destroyed; 2 kept by a hold; 2 for a person" in told

    assert erase(story, monkeypatch, number=0) == 0
    assert story.run("ledger", "verify") == 0
    assert story.run("sweep") in (0, 1)
    story.check_book()
    no_trace(story, story.gone)


def headed(number: int, lines: Sequence[str]) -> Seed:
    """A message of which nothing but these header lines tells whose it is."""
    text = "".join(f"{line}\r\n" for line in lines)
    return Seed(f"{text}Message-ID: <odd{number}@post.example>\r\n\r\nquixotrill\r\n".encode(), NOW)


def test_headers_that_strangers_made_take_nothing_of_anybody_else(
    dovecot_factory: DovecotFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is hers alone goes however it is written; where anybody else is party to it, a person looks."""
    bea, line = "bea@post.example", f"To: {IDENTITY}"
    hers = [
        (f'From: "{bea}" <{ANN}>', line),
        (f"From: Friends: {ANN}, {ANN_TOO};", line),
        (f"From: Ann\r\n\t(so to speak)\r\n <{ANN.upper()}>", line),
        (f"From: {ANN}", f"From: {ANN_TOO}", line),
        (f"From: =?utf-8?q?A=40n?= <{ANN}>", line),
        (f"From: {IDENTITY}", f"To: {IDENTITY}", f"Bcc: {ANN}"),
        (f"From: {IDENTITY}", line, f"Resent-From: {ANN}", f"Resent-To: {IDENTITY}"),
    ]
    also_bea = [
        (f"From: {ANN}", f"From: {bea}", line),
        (f"From: {ANN}", f"Reply-To: {bea}", line),
        (f"From: {ANN}", f"Sender: {bea}", line),
        (f"From: {ANN}", f"{line}, Others: {bea};"),
        (f"From: {ANN}", f"{line},\x0c {bea}"),
        (f"From: {ANN}", f'{line}, "bea b"@post.example'),
        (f"From: {ANN}", line, f"Resent-From: {bea}", f"Resent-To: {IDENTITY}"),
        (f"From: {ANN}", line, f"Resent-From: {IDENTITY}", f"Resent-Cc: {bea}"),
        (f"From: {ANN}", "To: everybody@lists.example", "List-Id: <lists.example>"),
    ]
    others = [
        (f'From: "{ANN}" <{bea}>', line),
        (f"From: {ANN.replace('@', '+news@')}", line),
        (f"From: x{ANN}", line),
        (f"From: {ANN}.uk", line),
        ("From: <>", line, f"X-Failed-Recipients: {ANN}", "Subject: Undelivered"),
    ]
    gone, kept = (list(starmap(headed, enumerate(some))) for some in (hers, also_bea + others))
    server = dovecot_factory()
    story = Helpline(server, tmp_path / "house", server.new_user("line"), server.new_user("ana"))
    story.write_configuration(POLICY)
    story.seed(story.line, Role.INBOX, gone + kept)
    story.arm()
    assert erase(story, monkeypatch) == 0, story.complaints
    assert f"{len(gone)} items destroyed; 0 kept by a hold; {len(also_bea)} for a person" in story.printed[-1]
    assert Counter(story.mail(story.line, Role.INBOX)) == Counter(map(story.seen, kept))


def test_whoever_asks_gets_one_answer(
    dovecot_factory: DovecotFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether mail was found, held or absent, the answer differs in its random number alone."""
    server = dovecot_factory()
    answers = set()
    for name, seeds in (
        ("found", of_ann(3, "in")),
        ("held", [Seed(each.content, each.received, (HELD,)) for each in of_ann(3, "in")]),
        ("absent", others(3, 9)),
    ):
        story = Helpline(server, tmp_path / name, server.new_user("line"), server.new_user("ana"))
        story.write_configuration(POLICY)
        story.seed(story.line, Role.INBOX, seeds)
        story.arm()
        assert erase(story, monkeypatch) == 0
        said = story.printed[-1]
        receipt = re.search(r"E-[0-9a-f]{16}", said)
        assert receipt
        answers.add(said[said.index("Your request") :].replace(receipt[0], "{receipt}"))
    assert answers == {ANSWER}


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.campaign) for n in range(2, 40))])
def test_a_kill_in_the_middle_is_cleared_up_without_knowing_whom(
    dovecot_factory: DovecotFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """SIGKILL; the next sweep settles by UIDs and says that the erasure is not finished; whoever was asked
    types the addresses once more."""
    story = charity(dovecot_factory, tmp_path / "house", 400)
    count = len(story.gone)
    words = ("--config", str(story.config), "purge", "--erase", "--destroy", str(count))
    process = subprocess.Popen(
        [sys.executable, "-m", "retentiond", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin
    process.stdin.write(TYPED.encode())
    process.stdin.close()
    key = (story.state / "ledger.key").read_bytes()
    chance = random.Random(seed)
    with Ledger.open(story.state, key) as book:
        while not book.unfinished_erasures() and process.poll() is None:
            pass
    try:
        process.wait(chance.random() * 0.08)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    no_trace(story, story.gone)
    with Ledger.open(story.state, key) as book:
        unfinished = book.unfinished_erasures()
    assert story.run("sweep") in (0, 1)
    assert all(f"--erase --receipt {receipt}" in story.complaints for receipt in unfinished)
    again = ("--receipt", unfinished[0]) if unfinished else ()
    assert erase(story, monkeypatch, *again) == 0
    # The sweep in between brought home what was astray, so it is the whole that is as it was.
    left = sum(story.standing().values(), Counter[bytes]())
    assert left == sum(story.kept.values(), Counter[bytes]())
    story.check_book()
    no_trace(story, story.gone)


# ── Exchange, in the house and in the cloud ──────────────────────────────────────────────────────


@pytest.fixture(params=["exchange", "graph"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Office | Cloud:
    """A helpline and an advisor on each kind of Exchange."""
    server = request.getfixturevalue(request.param)
    office = Office(server, tmp_path) if request.param == "exchange" else Cloud(server, tmp_path)
    office.write_configuration(POLICY)
    return office


def test_on_exchange_too_out_of_the_bin_behind_the_bins(
    office: Office | Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[Seed] = []
    kept = others(120, 1)
    for folder, seeds in (
        ("inbox", of_ann(4, "in")),
        ("sentitems", of_ann(4, "out", replies=True)),
        ("deleteditems", of_ann(3, "bin")),
        ("Cases", of_ann(2, "case")),
        ("recoverableitemsdeletions", of_ann(3, "recoverable")),
    ):
        for each in seeds:
            office.line.folder(folder).add(each.content, each.received, True)
        gone += seeds
    for each in kept:
        office.line.folder("inbox").add(each.content, each.received, True)
    [held] = of_ann(1, "held")
    office.seed(office.line, Role.INBOX, [Seed(held.content, held.received, (HELD,))])
    [both] = of_ann(1, "both", recipient=f"{IDENTITY}, bea@post.example")
    office.seed(office.line, Role.INBOX, [both])
    astray = of_ann(3, "astray", replies=True)
    own = Seed(letter("own@relay.example", sender="ana@relay.example", recipient=ANN), NOW, ())
    office.seed(office.ana, Role.SENT, [*astray, own])
    gone += astray
    before = office.everything()
    office.arm()
    code = erase(office, monkeypatch, number=len(gone))
    assert code == 0, office.complaints
    assert f"{len(gone)} items destroyed; 1 kept by a hold; 1 for a person" in office.printed[-1]
    after = office.everything()
    assert sum(map(Counter.total, before.values())) - sum(map(Counter.total, after.values())) == len(gone)
    assert after["line/Inbox"].total() == len(kept) + 2
    assert after["ana/Sent Items"].total() == 1
    assert set(after) == {"line/Inbox", "ana/Sent Items"}
    assert not any("recoverable" in name.lower() or "purges" in name.lower() for name in after)
    assert office.server.sent == []
    office.check_book()
    no_trace(office, gone)


@pytest.mark.parametrize("fault", [drop_before, drop_after, cut])
def test_a_line_that_breaks_at_the_deed_leaves_it_unfinished_and_the_next_run_ends_it(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], Action]
) -> None:
    """Nobody knows what was done: the answer is withheld, the sweep settles by looking, and what lies in
    Recoverable Items under another id by then goes with the next run."""
    office = Office(exchange, tmp_path)
    office.write_configuration(POLICY)
    gone = of_ann(5, "in")
    office.seed(office.line, Role.INBOX, [*gone, *others(5, 1)])
    office.arm()
    exchange.faults.at(lambda request: request.operation == "DeleteItem", fault())
    erase(office, monkeypatch)
    assert "not finished" in office.complaints
    assert "Your request" not in office.printed[-1]
    receipt = re.search(r"--receipt (E-[0-9a-f]{16})", office.complaints)
    assert receipt
    office.run("sweep")
    assert receipt[0] in office.complaints
    assert erase(office, monkeypatch, "--receipt", receipt[1]) == 0, office.complaints
    assert "Your request" in office.printed[-1]
    assert {name: found.total() for name, found in office.everything().items()} == {"line/Inbox": 5}
    office.check_book()
    no_trace(office, gone)
