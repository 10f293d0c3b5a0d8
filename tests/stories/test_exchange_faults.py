"""A fault at every request of a sweep on Exchange, or a kill at any moment; then a sweep: the same end.

What was done before the fault stays done, what was in doubt is looked for, and nothing is lost, doubled or
destroyed early. What is printed and logged meanwhile, at debug level, holds nothing of the mail (P7).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.killed import is_killed_after
from tests.servers.exchange import Exchange, faults
from tests.stories import scenes
from tests.stories.exchange_world import Office
from tests.stories.scenes import Scene, listening

IMPERSONATION = 'access = "impersonation"'

WAYS: tuple[tuple[str, Callable[[], faults.Action]], ...] = (
    ("dropped after the deed", faults.drop_after),
    ("dropped before the deed", faults.drop_before),
    ("cut in the answer", faults.cut),
    ("half an answer", lambda: faults.garbage(is_committed=True)),
    ("a page of HTML", lambda: faults.html(is_committed=True)),
    ("a short answer", faults.short_answer),
    ("busy in the middle", lambda: faults.busy_item(1, stops=True)),
    ("one item fails", lambda: faults.one_item("ErrorInternalServerError", 1)),
    ("too many requests", lambda: faults.overloaded(429, 0)),
    ("busy", lambda: faults.busy(0)),
    ("a schema error", faults.schema_error),
    ("the store is away", lambda: faults.every_item("ErrorMailboxStoreUnavailable")),
    ("401", faults.unauthorised),
    ("403", faults.forbidden),
)


def scene(server: Exchange, directory: Path, name: str, many: int, account: str = "") -> Scene:
    """An office of its own with so many strays, and as many that are due."""
    server.allow_impersonation(server.service.name)
    return scenes.scene(Office(server, directory / name, keys=account, name=name), many)


def requests_of_a_sweep(server: Exchange, directory: Path, account: str) -> int:
    staged = scene(server, directory, "whole", 6, account)
    before = len(server.requests)
    assert staged.office.run("sweep") == 0, staged.office.complaints
    staged.check()
    return len(server.requests) - before


def break_at(moment: int, way: int, server: Exchange, directory: Path, account: str, name: str) -> None:
    told, make = WAYS[way]
    staged = scene(server, directory, name, 6, account)
    struck = len(server.faults.struck)
    server.faults.at(moment, make())
    code = staged.office.run("--verbose", "sweep")
    assert code in (0, 1, 75), (moment, told, code, staged.office.complaints)
    server.faults.clear()
    assert len(server.faults.struck) == struck + 1, "the fault was met"
    assert staged.office.run("--verbose", "sweep") == 0, (moment, told, staged.office.complaints)
    staged.check()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_a_fault_at_a_sample_of_requests(exchange: Exchange, tmp_path: Path, account: str) -> None:
    """Every sixth request, other ones by each way of carrying, each time with another fault."""
    count = requests_of_a_sweep(exchange, tmp_path, account)
    for number, moment in enumerate(range(1 + 3 * bool(account), count + 1, 6)):
        break_at(moment, number % len(WAYS), exchange, tmp_path, account, f"n{moment}")


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_a_fault_at_every_request_of_a_small_sweep(exchange: Exchange, tmp_path: Path, account: str) -> None:
    """Each request in turn, each time with another fault."""
    count = requests_of_a_sweep(exchange, tmp_path, account)
    for moment in range(1, count + 1):
        break_at(moment, moment % len(WAYS), exchange, tmp_path, account, f"n{moment}")
    print(f"a fault at each of {count} requests: the same end as without")


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_every_fault_at_every_request(exchange: Exchange, tmp_path: Path, account: str) -> None:
    count = requests_of_a_sweep(exchange, tmp_path, account)
    for moment in range(1, count + 1):
        for way in range(len(WAYS)):
            break_at(moment, way, exchange, tmp_path, account, f"n{moment}w{way}")
    print(f"{count} requests, {len(WAYS)} ways: the same end as without")


def test_what_was_cut_off_from_its_answer_spends_no_forecast(exchange: Exchange, tmp_path: Path) -> None:
    """A hundred items lie in Purges after a deletion without an answer: they are not called destroyed, and
    the next sweep finds them foreseen."""
    staged = scene(exchange, tmp_path, "cut", 90)
    orders: list[int] = []

    def is_third(request: faults.Request) -> bool:
        """The strays go first, out of Sent Items and of Purges; the third is what is due in the Inbox."""
        if request.operation == "DeleteItem":
            orders.append(request.items)
        return len(orders) == 3

    exchange.faults.at(is_third, faults.drop_after())
    assert staged.office.run("sweep") == 1
    assert len(staged.office.line.folder("recoverableitemspurges")) == 90
    assert staged.office.run("sweep") == 0, staged.office.complaints
    assert not staged.office.line.folder("recoverableitemspurges").items()
    staged.check()


def test_no_library_says_anything_whatever_it_meets(exchange: Exchange, tmp_path: Path) -> None:
    """exchangelib logs whole requests and answers where it meets what it did not expect: nobody hears it."""
    staged = scene(exchange, tmp_path, "listened", 6)
    with listening("", "exchangelib.util", "exchangelib.util.xml", "urllib3") as heard:
        for way in range(len(WAYS)):
            exchange.faults.at(5, WAYS[way][1]())
            staged.office.run("--verbose", "audit")
            exchange.faults.clear()
        staged.office.run("--verbose", "sweep")
    assert heard == []
    staged.check()


def kill_often(server: Exchange, directory: Path, times: int, many: int, account: str) -> int:
    """How many of the sweeps were killed at work; each is followed by one that is left in peace."""
    chance = random.Random(20261122)
    measured = scene(server, directory, "measured", many, account)
    is_killed_after(measured.office.config, 0)  # the process that forks is up from here on
    begun = time.monotonic()
    assert not is_killed_after(measured.office.config, 300)
    whole = time.monotonic() - begun
    measured.check()
    kills = 0
    for number in range(times):
        disturbed = scene(server, directory, f"k{number}", many, account)
        delay = chance.uniform(0.1, 1) * whole
        if is_killed_after(disturbed.office.config, delay):
            kills += 1
        else:
            whole = delay  # it was measured on a busier machine
        assert disturbed.office.run("sweep") == 0, disturbed.office.complaints
        disturbed.check()
    return kills


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("account", "times"), [("", 8), (IMPERSONATION, 7)], ids=["copied", "uploaded"])
def test_killed_at_fifteen_moments(exchange: Exchange, tmp_path: Path, account: str, times: int) -> None:
    assert kill_often(exchange, tmp_path, times, 8, account) >= times // 4


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_strays_killed_at_a_hundred_moments(exchange: Exchange, tmp_path: Path, account: str) -> None:
    kills = kill_often(exchange, tmp_path, 100, 100, account)
    print(f"100 runs, {kills} killed at work: none lost, none doubled, none early, no open intent")
    assert kills >= 60
