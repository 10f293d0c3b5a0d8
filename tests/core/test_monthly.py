"""A month as the ledger tells it: sums, silences and what was agreed to, cut at local midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.chain import Entry
from retentiond.core.monthly import Agreement, Month, Span, month_of

LONDON = ZoneInfo("Europe/London")
OCTOBER = Span(date(2026, 10, 1), LONDON)


def entry(chain: str, when: datetime, **body: Any) -> Entry:
    return Entry(chain, 1, when, body, bytes(32))


def deed(when: datetime, count: int, result: str = "done", reason: str = "due", **more: Any) -> Entry:
    return entry("line", when, event="deed", target="ana", result=result, reason=reason, count=count, **more)


def swept(when: datetime, findings: int = 0) -> Entry:
    counts = [["line", "findings", findings]] if findings else []
    return entry("house", when, event="swept", counts=counts)


def nights(first: datetime, count: int) -> list[Entry]:
    return [swept(first + timedelta(days=n)) for n in range(count)]


FOUNDED = entry("house", datetime(2026, 9, 1, tzinfo=UTC), event="founded")


def test_a_month_is_a_calendar_month_of_the_policys_zone() -> None:
    """October in London begins in summer time and ends in winter time."""
    assert OCTOBER.start == datetime(2026, 9, 30, 23, tzinfo=UTC)
    assert OCTOBER.end == datetime(2026, 11, 1, tzinfo=UTC)
    assert Span.before(datetime(2026, 11, 1, tzinfo=UTC), LONDON) == OCTOBER
    assert Span.before(datetime(2026, 10, 31, 23, 59, tzinfo=UTC), LONDON).name == "2026-09"
    assert [OCTOBER.back(n).name for n in (0, 1, 10)] == ["2026-10", "2026-09", "2025-12"]


def test_what_left_is_summed_under_its_helpline_wherever_it_lay() -> None:
    inside, outside = datetime(2026, 10, 5, 3, tzinfo=UTC), datetime(2026, 11, 1, 3, tzinfo=UTC)
    found = month_of(
        [
            FOUNDED,
            *nights(datetime(2026, 9, 2, 3, tzinfo=UTC), 60),
            deed(inside, 7),
            deed(inside, 2, reason="astray"),
            deed(inside, 3, "retained", until="2026-10-19"),
            deed(inside, 1, "retained", until="2026-10-12"),
            deed(inside, 1, "removed"),
            deed(inside, 5, "failed"),
            deed(inside, 9, "held"),
            deed(outside, 100),
        ],
        OCTOBER,
    )
    deeds = found.deeds["line"]
    assert (deeds.destroyed, deeds.removed, deeds.retained) == (7, 1, 4)
    assert (deeds.brought_home, deeds.undone, deeds.left) == (2, 5, 12)
    assert deeds.until == date(2026, 10, 19)
    assert found.is_kept


def test_the_last_sweep_of_the_month_says_whether_it_was_kept() -> None:
    month = nights(datetime(2026, 9, 2, 3, tzinfo=UTC), 59)
    last = datetime(2026, 10, 31, 3, tzinfo=UTC)
    assert month_of([FOUNDED, *month, swept(last)], OCTOBER).is_kept
    found = month_of([FOUNDED, *month, swept(last, findings=2)], OCTOBER)
    assert (found.findings, found.is_kept) == ({"line": 2}, False)


def test_what_a_server_still_keeps_when_the_month_ends_is_not_destroyed_yet() -> None:
    """Whatever the last sweep found: what was removed is not looked for again (P2)."""
    month = [FOUNDED, *nights(datetime(2026, 9, 2, 3, tzinfo=UTC), 60)]
    before, early = datetime(2026, 9, 20, 3, tzinfo=UTC), datetime(2026, 10, 3, 3, tzinfo=UTC)
    assert month_of([*month, deed(before, 9, "retained")], OCTOBER).is_kept, "no day, and not of this month"
    for more, until in (
        ([deed(early, 3, "retained", until="2026-10-31")], None),
        ([deed(early, 3, "retained", until="2026-11-01")], date(2026, 11, 1)),
        ([deed(before, 3, "retained", until="2026-12-24"), deed(early, 1)], date(2026, 12, 24)),
        ([deed(early, 3, "retained")], date.max),
        ([deed(early, 3, "retained", "astray")], date.max),
    ):
        found = month_of([*month, *more], OCTOBER)
        assert found.copies == ({} if until is None else {"line": until})
        assert found.is_kept == (until is None)


def test_an_erasure_that_was_interrupted_is_one() -> None:
    when = datetime(2026, 10, 5, 3, tzinfo=UTC)
    begun = [entry("house", when, event="erasure", receipt=each) for each in ("E-1", "E-1", "E-2")]
    assert month_of([FOUNDED, *begun], OCTOBER).events == {"erasure": 2}


def test_nights_without_a_sweep_are_told_also_at_the_edges_of_the_month() -> None:
    before = swept(datetime(2026, 9, 26, 3, tzinfo=UTC))
    middle = nights(datetime(2026, 10, 4, 3, tzinfo=UTC), 10)
    found = month_of([FOUNDED, before, *middle], OCTOBER)
    assert [(first.day, last.day) for first, last in found.silences] == [(26, 4), (13, 1)]
    assert not found.is_kept


def test_a_ledger_that_was_founded_within_the_month_was_not_silent_before() -> None:
    founded = entry("house", datetime(2026, 10, 20, tzinfo=UTC), event="founded")
    found = month_of([founded, *nights(datetime(2026, 10, 20, 3, tzinfo=UTC), 12)], OCTOBER)
    assert found.silences == ()
    assert month_of([founded], OCTOBER.back(1)) == Month(OCTOBER.back(1))


def test_who_agreed_to_what_and_what_else_was_entered() -> None:
    when = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    armed = entry("house", when, event="armed", target="line", number=40)
    lost = entry("house", when, event="loss accepted", target="line", count=1)
    found = month_of([FOUNDED, armed, lost], OCTOBER)
    assert found.agreements == (Agreement(date(2026, 10, 31), "line", 40),)
    assert found.events == {"loss accepted": 1}


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(1, 50)), max_size=20))
def test_every_deed_stands_in_exactly_one_month(deeds: list[tuple[int, int]]) -> None:
    first = datetime(2026, 8, 1, 12, tzinfo=UTC)
    entries = [deed(first + timedelta(days=day), count) for day, count in deeds]
    months = [month_of(entries, OCTOBER.back(n)) for n in range(-2, 3)]
    assert sum(each.left for month in months for each in month.deeds.values()) == sum(n for _, n in deeds)
