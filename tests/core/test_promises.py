"""Since when something is late, and when somebody must be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from retentiond.core.findings import Cause
from retentiond.core.model import Destroy, Kind, Place, Reason, Role
from retentiond.core.period import Period
from retentiond.core.plan import Part, Plan, TargetPlan
from retentiond.core.promises import Concern, overdue, remembered
from retentiond.errors import Why

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
#: An advisor's is the shortest of all helplines'.
PERIODS = {"line": Period(months=6), "youth": Period(months=9), "ana": Period(months=6)}
SENT = Place("ana", "sent", Role.SENT, 3)


@pytest.mark.parametrize(
    ("why", "hours"), [(Why.PASSWORD, 0), (Why.NO_SECRET, 0), (Why.NETWORK, 24), (Why.BUSY, 24)]
)
def test_a_refused_password_is_told_at_once_and_a_server_that_is_away_after_a_day(
    why: Why, hours: int
) -> None:
    """No night mends a password that was changed, and each one tries it again."""
    away = Concern("line", Cause.UNREACHABLE, NOW, detail=why.value)
    later = NOW + timedelta(hours=hours)
    assert away.must_be_told(later)
    assert not away.must_be_told(later - timedelta(minutes=1)) or not hours
    assert not away.needs_another(later + timedelta(days=3) - timedelta(minutes=1))
    assert away.needs_another(later + timedelta(days=3))
    [since] = remembered([away], [replace(away, since=NOW - timedelta(days=1), detail=Why.NETWORK.value)])
    assert since.must_be_told(NOW)


@pytest.mark.parametrize(("home", "days"), [("line", [93]), ("youth", [])])
def test_a_stray_is_late_by_the_period_of_its_helpline(home: str, days: list[int]) -> None:
    """Received on 20 February: due since 21 August by six months, and since yesterday by nine."""
    day = date(2026, 2, 20)
    part = Part(SENT, Destroy(Reason.ASTRAY_OVERDUE, home), (1,), day, day)
    plan = Plan(NOW, (TargetPlan("ana", Kind.ADVISOR, (part,), ()),))
    found = overdue(plan, PERIODS, ZoneInfo("Europe/London"), NOW)
    assert [each.numbers[0] for each in found] == days
