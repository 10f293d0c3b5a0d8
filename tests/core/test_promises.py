"""Since when something is late: by the period of the helpline to which it belongs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from retentiond.core.model import Destroy, Kind, Place, Reason, Role
from retentiond.core.period import Period
from retentiond.core.plan import Part, Plan, TargetPlan
from retentiond.core.promises import overdue

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
#: An advisor's is the shortest of all helplines'.
PERIODS = {"line": Period(months=6), "youth": Period(months=9), "ana": Period(months=6)}
SENT = Place("ana", "sent", Role.SENT, 3)


@pytest.mark.parametrize(("home", "days"), [("line", [93]), ("youth", [])])
def test_a_stray_is_late_by_the_period_of_its_helpline(home: str, days: list[int]) -> None:
    """Received on 20 February: due since 21 August by six months, and since yesterday by nine."""
    day = date(2026, 2, 20)
    part = Part(SENT, Destroy(Reason.ASTRAY_OVERDUE, home), (1,), day, day)
    plan = Plan(NOW, (TargetPlan("ana", Kind.ADVISOR, (part,), ()),))
    found = overdue(plan, PERIODS, ZoneInfo("Europe/London"), NOW)
    assert [each.numbers[0] for each in found] == days
