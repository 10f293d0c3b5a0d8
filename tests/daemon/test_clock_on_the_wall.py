"""Nights, daylight saving, sleep and clocks that are set: one sweep a night, and never a year of silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from retentiond import condition
from retentiond.condition import Condition
from retentiond.config import Schedule
from retentiond.core.promises import Worry
from retentiond.timetable import next_round
from tests.daemon.night import Night
from tests.stories.small_world import CUTOFF, NOW, World, mail

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVENING = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """An armed helpline with mail of every age, on the evening before NOW."""
    world = World(tmp_path)
    for number in range(60):
        world.put("line", "INBOX", mail("writer@post.example", str(number)), CUTOFF + number * DAY - 5 * DAY)
        world.put("youth", "INBOX", mail("writer@post.example", f"y{number}"), CUTOFF + (number + 1) * DAY)
    with freeze_time(EVENING) as frozen:
        world.arm_all(EVENING)
        night = Night(world, frozen)
        yield night
        night.daemon._is_stopping = True
        night.daemon._scheduler.shutdown()


def test_it_sweeps_once_a_night(night: Night) -> None:
    night.daemon.start()
    for hour in range(1, 73):
        night.passes(HOUR)
        if (EVENING + hour * HOUR).hour == 4:
            night.has_swept(hour // 24 + 1)
    assert [moment.date().isoformat() for moment in night.swept] == ["2026-11-22", "2026-11-23", "2026-11-24"]
    assert len(night.world.contents("line", "INBOX")) == 60 - 5 - 1 - 1


def test_a_machine_that_slept_for_three_days_sweeps_once_on_waking(night: Night) -> None:
    night.daemon.start()
    night.passes(3 * DAY)
    night.has_swept(1)
    night.passes(timedelta(minutes=1))
    assert night.daemon._idle.wait(30)
    assert len(night.swept) == 1
    assert night.daemon.next_at == datetime(2026, 11, 25, 3, 15, tzinfo=UTC)


def test_what_was_missed_while_the_service_was_away_is_made_up_for_at_once(night: Night) -> None:
    condition.write(night.world.directory, Condition(finished=EVENING - 2 * DAY))
    night.daemon.start()
    night.passes(timedelta(seconds=1))
    night.has_swept(1)
    assert night.swept[0] < EVENING + HOUR
    assert night.daemon.next_at == datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


def test_a_restart_on_the_same_day_sweeps_no_second_time(night: Night) -> None:
    condition.write(night.world.directory, Condition(finished=EVENING - 12 * HOUR))
    night.daemon.start()
    night.passes(timedelta(seconds=1))
    assert not night.daemon.is_at_work
    assert night.swept == []


def test_a_clock_a_year_ahead_and_back_costs_no_night(night: Night) -> None:
    """Ahead: the sweep is stopped and says so. Back: the next one is this night, not next year's."""
    night.daemon.start()
    night.is_set(timedelta(days=365))
    [ahead] = night.has_swept(1).concerns
    assert ahead.cause == Worry.CLOCK
    assert len(night.world.contents("line", "INBOX")) == 60, "nothing was destroyed by a wrong clock"
    night.is_set(timedelta(days=-365))
    assert night.daemon.next_at == datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
    night.passes(6 * HOUR)
    right = night.has_swept(2)
    assert right.round is not None
    assert right.round.result == "done"
    assert right.concerns == ()
    assert len(night.world.contents("line", "INBOX")) == 55


def test_a_clock_that_runs_behind_the_ledger_destroys_nothing(night: Night) -> None:
    night.daemon.start()
    night.is_set(-2 * DAY)
    night.passes(DAY)
    [behind] = night.has_swept(1).concerns
    assert (behind.cause, behind.detail) == (Worry.CLOCK, "ClockDoubted")
    assert len(night.world.contents("line", "INBOX")) == 60


def every_round(at: str, first: datetime, last: datetime, zone: str = "Europe/London") -> list[datetime]:
    schedule = Schedule(at, ZoneInfo(zone), 0, 1)
    found: list[datetime] = []
    moment = next_round(schedule, first)
    while moment is not None and moment < last:
        found.append(moment)
        moment = next_round(schedule, moment + timedelta(seconds=1))
    return found


@pytest.mark.parametrize("year", range(2026, 2032))
def test_a_year_has_as_many_nights_as_days(year: int) -> None:
    """At 03:15 every local day has one round, also those of 23 and of 25 hours."""
    london = ZoneInfo("Europe/London")
    found = every_round("15 3 * * *", datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    days = [moment.astimezone(london) for moment in found]
    assert len({day.date() for day in days}) == len(days) == (366 if year % 4 == 0 else 365)
    assert {(day.hour, day.minute) for day in days} == {(3, 15)}


def test_an_hour_that_is_missing_or_there_twice_loses_no_night() -> None:
    spring = every_round(
        "30 1 * * *", datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 30, tzinfo=UTC)
    )
    autumn = every_round(
        "30 1 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)
    )
    london = ZoneInfo("Europe/London")
    assert {moment.astimezone(london).day for moment in spring} == {28, 29}
    assert {moment.astimezone(london).day for moment in autumn} == {25, 26}


def test_a_week_may_begin_with_any_day() -> None:
    """Names, not numbers: the scheduler counts days of the week from Monday, a crontab from Sunday."""
    [sunday] = every_round("0 4 * * sun", NOW + HOUR, NOW + 8 * DAY)
    assert sunday.strftime("%A") == "Sunday"


def test_a_fault_of_our_own_is_a_concern_and_the_next_night_comes(night: Night) -> None:
    night.world.key.rename(night.world.directory / "away")
    night.daemon.start()
    night.passes(6 * HOUR)
    [crashed] = night.has_swept(1).concerns
    assert (crashed.cause, crashed.detail) == (Worry.CRASHED, "FileNotFoundError")
    (night.world.directory / "away").rename(night.world.key)
    night.passes(DAY)
    assert night.has_swept(2).concerns == ()
