"""Whether the clock is believed: an exact answer decides; without one, mail and ledger must both doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retentiond.core.clock import ClockReading, Doubt, doubt

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def reading(agrees: bool | None, newest_days: int | None) -> ClockReading:
    return ClockReading(agrees, None if newest_days is None else NOW - newest_days * DAY)


@pytest.mark.parametrize(
    ("readings", "entry_days", "against"),
    [
        ({"line": reading(True, 400)}, 400, None),
        ({"line": reading(False, 0)}, 0, "line"),
        ({"line": reading(True, 0), "youth": reading(False, 0)}, 0, "youth"),
        ({"line": reading(None, 0)}, 400, None),
        ({"line": reading(None, 30)}, 3, None),
        ({"line": reading(None, 30)}, 30, "mail"),
        ({"line": reading(None, 30), "youth": reading(None, 2)}, 30, None),
        ({"line": reading(None, 30), "youth": reading(True, None)}, 30, None),
        ({"line": reading(None, None)}, 400, None),
        ({"line": reading(None, 30)}, None, None),
        ({}, 0, None),
    ],
)
def test_who_is_believed(
    readings: dict[str, ClockReading], entry_days: int | None, against: str | None
) -> None:
    last_entry = None if entry_days is None else NOW - entry_days * DAY
    found = doubt(NOW, readings, last_entry)
    assert (found.against if found else None) == against


@pytest.mark.parametrize(
    ("agrees", "is_synchronised", "against"),
    [
        (None, False, "kernel"),
        (None, None, None),
        (None, True, None),
        (True, False, None),
        (False, False, "line"),
    ],
)
def test_a_clock_that_nobody_keeps_right_needs_a_server_that_agrees(
    agrees: bool | None, is_synchronised: bool | None, against: str | None
) -> None:
    """After a start the clock may be anything. Fresh mail is no proof: it may be days ahead."""
    found = doubt(NOW, {"line": reading(agrees, 0)}, NOW - timedelta(hours=24), is_synchronised)
    assert (found.against if found else None) == against


def test_where_nobody_answered_there_is_no_clock_to_doubt() -> None:
    """Nothing will be done, and that no mailbox was reached is what must be told."""
    assert doubt(NOW, {}, NOW - DAY, is_synchronised=False) is None


@pytest.mark.parametrize(
    ("ahead", "is_doubted"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)]
)
def test_a_clock_behind_the_ledger_is_doubted_whatever_the_servers_say(
    ahead: timedelta, is_doubted: bool
) -> None:
    found = doubt(NOW, {"line": reading(True, 0)}, NOW + ahead)
    assert found == (Doubt("ledger", 360) if is_doubted else None)
