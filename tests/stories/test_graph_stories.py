"""The promise kept on Microsoft 365 at its size: few requests, four at once at most, 429 at any time."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.core.model import Role
from retentiond.mailbox.likeness import likeness
from tests.mailbox.contract import LONG_AGO, question
from tests.mailbox.graph_ground import GraphGround
from tests.servers.graph import Graph, faults
from tests.servers.seed import letter, stream
from tests.stories.exchange_world import named_reply
from tests.stories.graph_world import Cloud
from tests.stories.scenes import scene
from tests.stories.world import cutoff

#: What one request may hold: messages in a page, requests in a `$batch`.
PAGE, BATCH = 1000, 20
#: In one look fit the items of five batches.
CHUNK = 100


def swept(graph: Graph, directory: Path, many: int) -> None:
    """Audit, arm, sweep, audit again: nothing is due, not one item went before its day, and the server was
    asked little more than it must be."""
    cloud = Cloud(graph, directory)
    now, edge = datetime.now(UTC), cutoff()
    spread = [
        (each.content, each.received) for each in stream(many, now - timedelta(days=730), now, size=300)
    ]
    tenth = many // 10
    everything = {
        "inbox": spread[: 6 * tenth],
        "sentitems": spread[6 * tenth : 8 * tenth],
        "deleteditems": spread[8 * tenth : 9 * tenth],
        "Cases": spread[9 * tenth :],
    }
    for name, messages in everything.items():
        cloud.line.folder(name).fill(messages)
    due = {name: sum(received < edge for _, received in messages) for name, messages in everything.items()}
    assert cloud.counts()["line"] == (sum(due.values()), 0)
    cloud.arm()
    before, trips = len(graph.requests), graph.trips()
    assert cloud.run("sweep") == 0, cloud.complaints
    counts = Counter(request.operation for request in graph.requests[before:])
    trips = graph.trips() - trips
    assert cloud.counts()["line"] == (0, 0)
    for name, messages in everything.items():
        left = Counter((likeness(item.content), item.received) for item in cloud.line.folder(name).items())
        kept = ((likeness(content), received) for content, received in messages if received >= edge)
        assert left == Counter(kept)
    assert not cloud.line.folder("recoverableitemspurges").items()
    pages = sum(math.ceil(number / PAGE) for number in due.values())
    batches = sum(math.ceil(number / BATCH) for number in due.values())
    chunks = sum(math.ceil(number / CHUNK) for number in due.values())
    least = pages + batches
    print(
        f"{sum(due.values())} of {many} items destroyed in {trips} requests over the wire; "
        f"least possible: {pages} pages of {PAGE} + {batches} batches of {BATCH} = {least}; "
        f"and {dict(counts)} within them; never more than {graph.peak} at once"
    )
    # Each chunk is looked at before its orders and after them, and asked for holds every ten seconds; each
    # folder's bins are searched; all else is a constant of the sweep.
    assert trips <= batches + 3 * chunks + 4 * pages + 60
    assert counts["deleteItem"] == sum(due.values()), "each is ordered away once"
    assert graph.peak <= 4
    assert graph.sent == []
    assert cloud.run("ledger", "verify") == 0
    assert cloud.run("sweep") == 0
    cloud.check_book()


@pytest.mark.timeout(120)
def test_a_thousand_items_over_two_years_in_the_cloud(graph: Graph, tmp_path: Path) -> None:
    swept(graph, tmp_path, 1_000)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_ten_thousand_items_over_two_years_in_the_cloud(graph: Graph, tmp_path: Path) -> None:
    swept(graph, tmp_path, 10_000)


def throttled(graph: Graph, directory: Path, many: int) -> None:
    """Every tenth request is turned away with 429, the whole time: nothing is lost, doubled or early."""
    staged = scene(Cloud(graph, directory, seconds=600), many, wants_receipts=False)
    before = len(graph.requests)
    graph.switches.throttle_every = 10
    code = staged.office.run("sweep")
    for _ in range(5):
        staged.is_sound()
        if code == 0:
            break
        code = staged.office.run("sweep")
    assert code == 0, staged.office.complaints
    graph.switches.throttle_every = None
    staged.check()
    assert graph.peak <= 4
    asked = sum(bool(request.mailbox) for request in graph.requests[before:])
    print(f"{many} strays, {many} due, 429 on every tenth of {asked} requests: none lost, doubled or early")


@pytest.mark.timeout(120)
def test_busy_at_every_tenth_request(graph: Graph, tmp_path: Path) -> None:
    throttled(graph, tmp_path, 30)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_busy_at_every_tenth_request_of_a_great_sweep(graph: Graph, tmp_path: Path) -> None:
    throttled(graph, tmp_path, 500)


def test_never_more_than_four_at_once_whoever_asks(graph: Graph) -> None:
    """Eight threads on one mailbox and eight on another, of one application; each answer takes its time."""
    ground = GraphGround(graph)
    for where in ("here", "there"):
        for number in range(60):
            ground.put("inbox", letter(f"k{number}@post.example"), LONG_AGO, where=where)
    graph.switches.takes = 0.02

    def look(number: int) -> int:
        with ground.open(where=("here", "there")[number % 2]) as mailbox:
            keys = [key for view in mailbox.look(question()) for lot in view.lots for key in lot.keys]
            return len(mailbox.stand(mailbox.place(Role.INBOX), keys).present)

    with ThreadPoolExecutor(16) as crew:
        assert list(crew.map(look, range(16))) == [60] * 16
    assert graph.peak == 4, "the room that there is was used, and not more"
    assert len(graph.peaks) >= 2


@pytest.mark.timeout(120)
def test_never_more_than_four_at_once_in_a_sweep_of_several_mailboxes(graph: Graph, tmp_path: Path) -> None:
    graph.switches.takes = 0.005
    staged = scene(Cloud(graph, tmp_path), 45, wants_receipts=False)
    assert staged.office.run("sweep") == 0, staged.office.complaints
    assert graph.peak <= 4
    assert {address for _, address in graph.peaks} >= {staged.office.line.address, staged.office.ana.address}
    staged.check()


def test_an_advisors_application_asks_for_nothing_that_it_may_not(graph: Graph, tmp_path: Path) -> None:
    """A stray goes home by two applications, each with the rights of the documentation and none besides."""
    cloud = Cloud(graph, tmp_path)
    cloud.ana.folder("sentitems").add(named_reply(1), cutoff() + timedelta(days=5))
    cloud.ana.folder("inbox").add(named_reply(2), cutoff() + timedelta(days=5))
    assert cloud.counts()["ana"] == (0, 1)
    cloud.arm()
    assert cloud.run("sweep") == 0, cloud.complaints
    assert (len(cloud.line.folder("sentitems")), len(cloud.ana.folder("inbox"))) == (1, 1)
    assert not graph.without_immutable()
    assert not {"deleteMessage", "moveMessage", "copyMessage"} & set(graph.counts())
    cloud.check_book()


def test_with_single_item_recovery_nothing_is_called_destroyed_in_the_cloud(
    graph: Graph, tmp_path: Path
) -> None:
    """As in every tenant by default: it is removed, and the server keeps it until its own day."""
    cloud = Cloud(graph, tmp_path, keys='single_item_recovery = "14 days"', recovers=True)
    cloud.line.folder("inbox").fill(
        (letter(f"old{n}@post.example"), cutoff() - timedelta(days=3, minutes=n)) for n in range(5)
    )
    cloud.arm()
    last = graph.clock.now().date() + timedelta(days=15)
    assert cloud.run("sweep") == 1
    assert "destroyed" not in cloud.printed[-1].replace("not yet destroyed", "")
    assert f"until {last}" in cloud.printed[-1] + cloud.complaints
    assert len(cloud.line.folder("inbox")) == 0
    cloud.run("audit")
    assert f"until {last}" in cloud.printed[-1] + cloud.complaints
    assert graph.advance(16) >= 5
    assert not list(cloud.line.items())
    graph.clock.set(datetime.now(UTC))
    assert cloud.counts()["line"] == (0, 0)
    assert graph.sent == []
    cloud.check_book()


@pytest.mark.timeout(120)
def test_strays_whose_home_is_away_are_foreseen_all_the_same(graph: Graph, tmp_path: Path) -> None:
    """The helpline's mailbox goes away in the middle: what waits for it is no surprise in the next sweep."""
    staged = scene(Cloud(graph, tmp_path, seconds=1), 120, wants_receipts=False)
    is_away = False

    def is_line_away(request: faults.Request) -> bool:
        nonlocal is_away
        is_away |= request.operation == "importItem"
        return is_away and request.mailbox == staged.office.line.address

    graph.faults.at(is_line_away, faults.unavailable(None), times=None)
    assert staged.office.run("sweep") == 75, staged.office.complaints
    graph.faults.clear()
    staged.is_sound()
    assert staged.office.run("sweep") == 0, staged.office.complaints
    staged.check()
