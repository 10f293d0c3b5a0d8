"""Nightly sweeps over a year in which everything happens that happens in a year: none early, none late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond.core.findings import Cause
from retentiond.core.promises import Worry
from tests.letters.disks import disk, why_not
from tests.stories.small_world import mail
from tests.stories.year import DAY, Folder, Year


def days(first: date, count: int) -> frozenset[date]:
    return frozenset(first + number * DAY for number in range(count))


def live(
    year: Year,
    count: int,
    *,
    away: frozenset[date] = frozenset(),
    off: frozenset[date] = frozenset(),
    imports: frozenset[date] = frozenset(),
    jumps: frozenset[date] = frozenset(),
    lies: frozenset[date] = frozenset(),
) -> None:
    """So many nights. `away`: the server does not answer; `off`: our own machine is off; `jumps`: our clock
    is a year ahead; `lies`: so is the server's."""
    for day in sorted(days(year.first, count)):
        year.receive(day - DAY)
        year.world.server.unreachable = {"line"} if day in away else set()
        if day in off:
            continue
        if day in imports:
            backdated(year, day)
        elif day in jumps:
            found = year.sweep(day, set_ahead=timedelta(days=365))
            assert {each.cause for each in year.grave(found)} == {Worry.CLOCK, Worry.NO_SWEEP}
        elif day in lies:
            everywhere_a_year_ahead(year, day)
        else:
            year.sweep(day)
    with year.world.book() as book:
        assert book.open_intents() == ()
        book.verify()


def backdated(year: Year, day: date) -> None:
    """A quarter as many messages as the folder holds come in with old dates: the fuse stops the target,
    loudly. Somebody agrees to the number, and the next night does what is due."""
    for number in range(len(year.inbox.messages) // 4):
        received = datetime.now(UTC) - timedelta(days=200 + number % 60)
        year.world.put("line", "INBOX", mail("writer@post.example", f"import-{number}"), received)
    found = year.sweep(day)
    assert {(each.target, each.cause) for each in year.grave(found)} == {
        ("line", Cause.UNFORESEEN),
        ("line", Worry.OVERDUE),
    }
    year.rearm()


def everywhere_a_year_ahead(year: Year, day: date) -> None:
    """One wrong time server for all: nothing contradicts the clock but what was foreseen. The fuse stops the
    sweep, nothing of that day is written down, and the next night is as if it had not been."""
    with year.world.book() as book:
        before = book.last_minute()
    found = year.sweep(day, set_ahead=timedelta(days=365), is_server_right=False)
    assert found.round is not None
    assert found.round.result == "done", "the clock check has nothing to say"
    assert ("line", Cause.UNFORESEEN) in {(each.target, each.cause) for each in year.grave(found)}
    with year.world.book() as book:
        assert book.last_minute() == before


def alerted(year: Year, *causes: str) -> list[date]:
    return [day for day, cause, _ in year.alerts if cause in causes]


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Folder | None]:
    """A disk of its own for letters, where one may be mounted; else the year goes by without letters."""
    if why_not():
        yield None
        return
    with disk(tmp_path) as made:
        yield Folder(made)


def test_six_weeks_in_which_everything_happens(tmp_path: Path, letters: Folder | None) -> None:
    """Ten days without a server that end on 1 March, an import, clocks a year ahead, spring's short day."""
    with freeze_time("2027-02-17") as frozen:
        year = Year(tmp_path, frozen, date(2027, 2, 17), letters)
        live(
            year,
            43,
            away=days(date(2027, 2, 19), 10),
            imports=days(date(2027, 3, 8), 1),
            jumps=days(date(2027, 3, 18), 1),
            lies=days(date(2027, 3, 22), 1),
            off=days(date(2027, 3, 28), 3),
        )
    assert year.stopped == [date(2027, 3, 8), date(2027, 3, 22)], "for the import, for the jump, never else"
    assert year.clocks == [date(2027, 3, 18)]
    assert alerted(year, Cause.UNREACHABLE) == sorted(days(date(2027, 2, 20), 10)), "daily, after a day"
    assert (date(2027, 3, 1), Cause.UNREACHABLE, "line") in year.cleared
    assert (date(2027, 3, 9), Cause.UNFORESEEN, "line") in year.cleared
    assert (date(2027, 3, 19), Worry.CLOCK, "house") in year.cleared
    assert (date(2028, 3, 21), Cause.UNFORESEEN, "line") in year.alerts, "on the day that it took it for"
    assert (date(2027, 3, 23), Cause.UNFORESEEN, "line") in year.cleared
    assert (date(2027, 3, 31), Worry.NO_SWEEP, "house") in year.alerts, "our own machine was off"
    told = {cause for _, cause, _ in year.alerts}
    away = {Cause.UNREACHABLE, Cause.HOME_UNREACHABLE, Worry.NO_SWEEP}
    assert told == {*away, Cause.UNFORESEEN, Worry.OVERDUE, Worry.CLOCK}
    assert year.destroyed > 43 * 14
    if letters is not None:
        assert letters.number - len(letters.saved) >= 3 * 13


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_whole_year(tmp_path: Path, letters: Folder | None) -> None:
    """Outages of a week and of ten days, Easter, both changes of the clock, a leap day, import and jumps."""
    begun = time.perf_counter()
    with freeze_time("2027-09-01") as frozen:
        year = Year(tmp_path, frozen, date(2027, 9, 1), letters)
        live(
            year,
            370,
            away=days(date(2027, 11, 8), 7) | days(date(2028, 2, 20), 10),
            off=days(date(2028, 5, 9), 7),
            imports=days(date(2028, 4, 3), 1),
            jumps=days(date(2028, 7, 12), 1),
            lies=days(date(2028, 7, 26), 1),
        )
    took = time.perf_counter() - begun
    print(f"\n{year.number} messages, {year.destroyed} destroyed on time, {len(year.alerts)} alerts")
    print(f"{letters.number if letters else 0} letters; the year took {took:.0f} s")
    assert year.stopped == [date(2028, 4, 3), date(2028, 7, 26)], "for the import, for the jump, never else"
    assert year.clocks == [date(2028, 7, 12)]
    expected = days(date(2027, 11, 9), 7) | days(date(2028, 2, 21), 10)
    assert alerted(year, Cause.UNREACHABLE) == sorted(expected)
    assert (date(2028, 5, 16), Worry.NO_SWEEP, "house") in year.alerts
    for day in (date(2027, 11, 15), date(2028, 3, 1)):
        assert (day, Cause.UNREACHABLE, "line") in year.cleared
    assert year.destroyed > 365 * 14
