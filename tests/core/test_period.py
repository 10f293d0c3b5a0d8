"""When something is due: one table of boundaries, and the laws around it (P1)."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import example, given
from hypothesis import strategies as st

from retentiond.core.period import LONGEST_DAYS, Period, start_of

LONDON = ZoneInfo("Europe/London")
SIX, TWO = Period.parse("6 months"), Period.parse("2 months")

#: period, the day of receipt, the first day on which it is due
TABLE = [
    (SIX, date(2026, 1, 15), date(2026, 7, 16)),
    (SIX, date(2025, 8, 31), date(2026, 3, 1)),
    (SIX, date(2025, 8, 30), date(2026, 3, 1)),
    (SIX, date(2025, 8, 29), date(2026, 3, 1)),
    (SIX, date(2025, 8, 28), date(2026, 3, 1)),
    (SIX, date(2025, 8, 27), date(2026, 2, 28)),
    (SIX, date(2023, 8, 31), date(2024, 3, 1)),
    (SIX, date(2023, 8, 29), date(2024, 3, 1)),
    (SIX, date(2023, 8, 28), date(2024, 2, 29)),
    (SIX, date(2026, 3, 31), date(2026, 10, 1)),
    (SIX, date(2026, 12, 31), date(2027, 7, 1)),
    (TWO, date(2026, 12, 31), date(2027, 3, 1)),
    (TWO, date(2023, 12, 30), date(2024, 3, 1)),
    (TWO, date(2026, 4, 30), date(2026, 7, 1)),
    (Period.parse("1 year"), date(2024, 2, 29), date(2025, 3, 1)),
    (Period.parse("4 years"), date(2024, 2, 29), date(2028, 3, 1)),
    (Period.parse("8 weeks"), date(2026, 1, 1), date(2026, 2, 27)),
    (Period.parse("90 days"), date(2026, 1, 1), date(2026, 4, 2)),
]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(("period", "received", "due"), TABLE)
def test_due_on_its_day_and_not_a_day_early(
    period: Period, received: date, due: date, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the machine's own zone is: kept on the eve, due on the day."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        last_moment = datetime.combine(due, datetime.min.time(), LONDON) - timedelta(seconds=1)
        first_moment = datetime.combine(due, datetime.min.time(), LONDON)
        for hour in (0, 12, 23):
            moment = datetime(received.year, received.month, received.day, hour, 30, tzinfo=LONDON)
            assert not moment < period.cutoff(last_moment, LONDON)
            assert moment < period.cutoff(first_moment, LONDON)
    finally:
        monkeypatch.delenv("TZ")
        os.environ.pop("TZ", None)
        time.tzset()


def test_half_past_eleven_and_half_past_midnight_in_summer_time() -> None:
    """Received at 23:30 and 00:30 London time: on either side of the boundary, though UTC says otherwise."""
    cutoff = SIX.cutoff(datetime(2026, 12, 2, 3, 15, tzinfo=UTC), LONDON)
    assert datetime(2026, 6, 1, 23, 30, tzinfo=LONDON) < cutoff
    assert not datetime(2026, 6, 2, 0, 30, tzinfo=LONDON) < cutoff
    assert cutoff == datetime(2026, 6, 1, 23, 0, tzinfo=UTC)


def test_today_is_the_day_of_the_zone() -> None:
    """Half past eleven in London is tomorrow in Berlin already."""
    now = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
    assert SIX.cutoff(now, LONDON).astimezone(LONDON).date() == date(2026, 6, 1)
    berlin = ZoneInfo("Europe/Berlin")
    assert SIX.cutoff(now, berlin).astimezone(berlin).date() == date(2026, 6, 2)


periods = st.one_of(
    st.builds(Period, months=st.integers(1, 120), days=st.just(0)),
    st.builds(Period, months=st.just(0), days=st.integers(28, LONGEST_DAYS)),
)
days = st.dates(date(1996, 1, 1), date(2090, 1, 1))


@given(periods, days)
def test_a_period_after_a_day_is_what_dateutil_says(period: Period, day: date) -> None:
    assert period.after(day) == day + relativedelta(months=period.months) + timedelta(days=period.days)


@given(periods, days)
@example(SIX, date(2026, 2, 28))
@example(SIX, date(2026, 3, 1))
@example(Period(months=120), date(2026, 2, 28))
def test_the_cutoff_is_the_smallest_day_that_is_not_yet_due(period: Period, today: date) -> None:
    cutoff = period.cutoff_day(today)
    assert period.after(cutoff) >= today
    assert period.after(cutoff - timedelta(days=1)) < today


@given(periods, days)
def test_a_span_lies_between_its_shortest_and_its_longest(period: Period, day: date) -> None:
    span = (period.after(day) - day).days
    assert period.shortest_days <= span <= period.longest_days


@given(periods, periods, days)
@example(SIX, Period(days=183), date(2026, 8, 20))
def test_a_period_that_is_never_shorter_never_has_a_later_cutoff(
    new: Period, old: Period, today: date
) -> None:
    if new.is_never_shorter_than(old):
        assert new.cutoff_day(today) <= old.cutoff_day(today)


@pytest.mark.parametrize("period", [Period(days=14), Period(months=1), Period(months=6)])
def test_a_period_that_the_calendar_cannot_hold_ends_with_it(period: Period) -> None:
    """Some program writes such days; no item that bears one stops what is done with the others."""
    assert period.after(date(9999, 12, 30)) == date.max


@given(days, st.sampled_from(["Europe/London", "America/Havana", "America/Sao_Paulo", "Asia/Beirut"]))
def test_the_start_of_a_day_is_its_first_moment(day: date, name: str) -> None:
    """Also where midnight does not exist (clocks go forward at midnight)."""
    zone = ZoneInfo(name)
    start = start_of(day, zone)
    assert start.astimezone(zone).date() == day
    assert (start - timedelta(seconds=1)).astimezone(zone).date() < day


@pytest.mark.parametrize(
    "words", ["6", "6 minutes", "0 months", "-1 months", "six months", "6months", "6 months 2 days", ""]
)
def test_words_that_are_no_period(words: str) -> None:
    with pytest.raises(ValueError, match="such as '6 months'"):
        Period.parse(words)


@given(periods)
def test_a_period_reads_back_what_it_writes(period: Period) -> None:
    assert Period.parse(str(period)) == period
