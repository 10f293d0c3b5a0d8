"""From snapshot to approval: one verdict each, and nothing falls due by surprise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.findings import Cause, of_fuse, of_plan, of_sweep
from retentiond.core.fuse import (
    Approved,
    Arming,
    Forecast,
    Limits,
    Standing,
    Unarmed,
    Unforeseen,
    approve,
    approve_reviewed,
)
from retentiond.core.judgement import House, make_plan
from retentiond.core.model import (
    Census,
    Destroy,
    FolderView,
    Gap,
    Hindrance,
    Hold,
    Item,
    Keep,
    Kind,
    Lot,
    Marks,
    Place,
    Reason,
    Ref,
    Refile,
    Review,
    Role,
    Snapshot,
    TargetView,
)
from retentiond.core.period import Period
from retentiond.core.plan import Plan, TargetPlan, keys_from, ranges
from retentiond.core.policy import Terms
from retentiond.core.replies import Helpline

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
CUTOFF = Period(months=6).cutoff(NOW, ZoneInfo("Europe/London"))
TERMS = Terms(CUTOFF, datetime(1995, 1, 1, tzinfo=UTC), NOW + timedelta(days=1), ZoneInfo("Europe/London"))
INBOX = Place("line", "inbox", Role.INBOX, 7)
SENT = Place("ana", "sent", Role.SENT, 3)
HOUSE = House({"line": TERMS}, (Helpline("line", frozenset((b"line@",))),))

receipts = st.one_of(
    st.none(),
    st.datetimes(datetime(1980, 1, 1), datetime(2027, 12, 1)).map(lambda d: d.replace(tzinfo=UTC)),
    st.timedeltas(timedelta(hours=-30), timedelta(hours=30)).map(lambda d: CUTOFF + d),
    st.timedeltas(timedelta(hours=-30), timedelta(hours=30)).map(lambda d: TERMS.latest + d),
)


def line(*items: Item, lots: tuple[Lot, ...] = (), **census: object) -> TargetView:
    total = len(items) + sum(len(lot.keys) for lot in lots)
    view = FolderView(Census(INBOX, total, **census), lots, tuple(items))  # type: ignore[arg-type]
    return TargetView("line", Kind.HELPLINE, (view,))


def ana(*items: Item) -> TargetView:
    return TargetView("ana", Kind.ADVISOR, (FolderView(Census(SENT, None), (), tuple(items)),))


def stray(key: int, received: datetime | None, author: bytes = b"line@", is_held: bool = False) -> Item:
    return Item(Ref(SENT, key), received, is_held, Marks(authors=frozenset((author,))), 100)


def plan_of(*views: TargetView, gaps: tuple[Gap, ...] = ()) -> Plan:
    return make_plan(Snapshot(NOW, views, gaps), HOUSE)


def verdicts(plan: Plan, target: str) -> dict[object, object]:
    found = plan.target(target)
    assert found is not None
    return {key: part.verdict for part in found.parts for key in part.keys}


@given(st.lists(st.tuples(receipts, st.booleans(), receipts), max_size=30))
def test_every_item_has_exactly_one_verdict_and_the_parts_sum_to_the_census(
    seen: list[tuple[datetime | None, bool, datetime | None]],
) -> None:
    items = [
        Item(Ref(INBOX, key), received, is_held, first_seen=first)
        for key, (received, is_held, first) in enumerate(seen, start=1)
    ]
    plan = plan_of(line(*items))
    found = plan.target("line")
    assert found is not None
    keys = [key for part in found.parts for key in part.keys]
    assert sorted(keys) == list(range(1, len(items) + 1))
    for item in items:
        verdict = verdicts(plan, "line")[item.ref.key]
        is_believed = item.received is not None and TERMS.earliest <= item.received <= TERMS.latest
        match verdict:
            case Destroy(Reason.DUE):
                assert is_believed
                assert item.received is not None
                assert item.received < CUTOFF
                assert not item.is_held
            case Destroy(Reason.DUE_SINCE_SEEN):
                assert not is_believed
                assert not item.is_held
                assert item.first_seen is not None
                assert item.first_seen < CUTOFF
            case Hold():
                assert item.is_held
            case Review(Reason.UNDATED):
                assert not is_believed
            case Keep(Reason.NOT_DUE):
                assert is_believed
                assert item.received is not None
                assert item.received >= CUTOFF
            case _:
                raise AssertionError(verdict)


@pytest.mark.parametrize(
    "received", [TERMS.latest + timedelta(seconds=1), TERMS.earliest - timedelta(seconds=1)]
)
def test_a_date_that_cannot_be_believed_is_neither_old_nor_young(received: datetime) -> None:
    assert verdicts(plan_of(line(Item(Ref(INBOX, 1), received))), "line") == {1: Review()}


def test_a_lot_of_which_some_may_not_be_due_is_kept() -> None:
    """Only an upper bound of its dates is known."""
    plan = plan_of(line(lots=(Lot(INBOX, (1, 2), CUTOFF + timedelta(seconds=1)),)))
    assert verdicts(plan, "line") == {1: Keep(), 2: Keep()}


@pytest.mark.parametrize(
    "item",
    [
        Item(Ref(INBOX, 1), CUTOFF - timedelta(days=1), wakes_receipt=True),
        Item(Ref(INBOX, 1), None, first_seen=CUTOFF - timedelta(days=1), wakes_receipt=True),
        replace(stray(1, CUTOFF - timedelta(days=1)), wakes_receipt=True),
        replace(stray(1, NOW), wakes_receipt=True),
    ],
)
def test_what_may_make_the_server_send_a_receipt_is_for_a_person(item: Item) -> None:
    """Unread, and its sender asked to be told: neither destroyed nor moved, wherever it lies (P7)."""
    is_astray = item.ref.place == SENT
    plan = plan_of(line(), ana(item)) if is_astray else plan_of(line(item))
    [verdict] = verdicts(plan, "ana" if is_astray else "line").values()
    assert isinstance(verdict, Review)


def test_a_lot_and_the_items_near_its_edge_become_one_part() -> None:
    lot = Lot(INBOX, (1, 2, 3), CUTOFF - timedelta(days=1), oldest=date(2025, 1, 1), newest=date(2026, 5, 1))
    edge = Item(Ref(INBOX, 4), CUTOFF - timedelta(seconds=1))
    plan = plan_of(line(edge, lots=(lot,)))
    (part,) = plan.targets[0].of(Destroy)
    assert part.keys == (1, 2, 3, 4)
    assert (part.oldest, part.newest) == (date(2025, 1, 1), CUTOFF.date())


def test_strays_go_home_or_are_destroyed_where_they_lie_on_their_day() -> None:
    old = CUTOFF - timedelta(days=3)
    new = CUTOFF + timedelta(days=3)
    plan = plan_of(
        line(), ana(stray(1, new), stray(2, old), stray(3, old, is_held=True), stray(4, new, b"ana@"))
    )
    assert verdicts(plan, "ana") == {
        1: Refile("line"),
        2: Destroy(Reason.ASTRAY_OVERDUE, on_behalf_of="line"),
        3: Refile("line", is_held=True, reason=Reason.ASTRAY_HELD),
        4: Keep(Reason.NOT_OURS),
    }


def test_a_reply_with_the_signs_of_two_helplines_is_for_a_person() -> None:
    helplines = (*HOUSE.helplines, Helpline("youth", frozenset((b"youth@",))))
    both = replace(stray(1, CUTOFF - timedelta(days=3)), marks=Marks(frozenset((b"line@", b"youth@"))))
    house = replace(HOUSE, terms={"line": TERMS, "youth": TERMS}, helplines=helplines)
    plan = make_plan(Snapshot(NOW, (line(), ana(both))), house)
    assert verdicts(plan, "ana") == {1: Review(Reason.TWO_HELPLINES)}


def test_an_erasure_leaves_alone_what_is_an_advisors_own() -> None:
    """Even where a mailbox brought it: only a helpline's replies are judged at all (P3)."""
    private, reply = stray(1, NOW, b"them@"), stray(2, NOW)
    reply = replace(reply, marks=replace(reply.marks, recipients=frozenset((b"them@",))))
    house = replace(HOUSE, correspondents=frozenset((b"them@",)), insiders=frozenset((b"line@",)))
    plan = make_plan(Snapshot(NOW, (line(), ana(private, reply))), house)
    assert verdicts(plan, "ana") == {1: Keep(Reason.NOT_OURS), 2: Destroy(Reason.ERASURE, "line")}


def test_where_the_home_cannot_be_reached_only_the_refiles_to_it_wait() -> None:
    gap = Gap("line", Kind.HELPLINE, "network")
    plan = plan_of(ana(stray(1, NOW), stray(2, CUTOFF - timedelta(days=3))), gaps=(gap,))
    assert verdicts(plan, "ana") == {
        1: Keep(Reason.HOME_UNREACHABLE),
        2: Destroy(Reason.ASTRAY_OVERDUE, on_behalf_of="line"),
    }
    causes = {finding.cause for finding in of_plan(plan, CUTOFF.date())}
    assert causes == {Cause.HOME_UNREACHABLE, Cause.UNREACHABLE}
    waiting = plan.target("ana")
    assert waiting is not None
    assert not waiting.is_whole, "so it is neither armed as clean nor its forecast counted anew"


def test_what_is_due_where_nothing_can_be_destroyed_is_a_finding() -> None:
    lot = Lot(INBOX, (1, 2), CUTOFF)
    plan = plan_of(line(lots=(lot,), hindrance=Hindrance.NO_UIDPLUS))
    (finding,) = of_plan(plan, CUTOFF.date())
    assert (finding.cause, finding.count, finding.detail) == (Cause.HINDERED, 2, "no-uidplus")
    approved = approve(plan.targets[0], {"line": armed(forecast=2)}, Limits())
    assert isinstance(approved, Approved)
    assert approved.parts == (), "and nothing is tried there"


# ── the fuse ─────────────────────────────────────────────────────────────────────────────────────


def armed(forecast: int = 0, destroyed: int = 0) -> Standing:
    arming = Arming("rules", "6 months", forecast, 0, forecast, NOW, "uid 0", None)
    return Standing("rules", Period(months=6), arming, Forecast(forecast, NOW, destroyed))


def due(number: int) -> TargetPlan:
    return plan_of(line(lots=(Lot(INBOX, tuple(range(1, number + 1)), CUTOFF),))).targets[0]


@given(st.integers(0, 80), st.integers(0, 60), st.integers(0, 60), st.integers(0, 40))
def test_more_than_the_forecast_and_the_margin_stops_the_target(
    planned: int, forecast: int, destroyed: int, margin: int
) -> None:
    verdict = approve(due(planned), {"line": armed(forecast, destroyed)}, Limits(unforeseen=margin))
    is_foreseen = planned <= max(0, forecast - destroyed) + margin
    assert isinstance(verdict, Approved) is is_foreseen
    if not isinstance(verdict, Approved):
        assert verdict == (Unforeseen("line", planned, max(0, forecast - destroyed), margin),)


def test_a_target_that_nobody_armed_is_reported_and_untouched() -> None:
    verdict = approve(due(3), {"line": Standing("rules", Period(months=6))}, Limits())
    assert verdict == (Unarmed("line", 3, 0),)


@pytest.mark.parametrize(
    ("standing", "is_armed"),
    [
        (armed(), True),
        (Standing("other rules", Period(months=6), armed().arming), False),
        (Standing("rules", Period(months=7), armed().arming), True),
        (Standing("rules", Period(months=5), armed().arming), False),
        (Standing("rules", Period(days=180), armed().arming), False),
        (Standing("rules", Period(days=185), armed().arming), True),
    ],
)
def test_other_rules_or_a_shorter_period_disarm_and_a_longer_one_does_not(
    standing: Standing, is_armed: bool
) -> None:
    assert standing.is_armed is is_armed


def test_too_many_strays_stop_the_advisor_unless_arming_showed_them() -> None:
    plan = plan_of(line(), ana(*(stray(n, NOW) for n in range(1, 152)))).target("ana")
    assert plan is not None
    standings = {"line": armed(), "ana": armed()}
    (broken,) = of_fuse(approve(plan, standings, Limits(strays=100)))  # type: ignore[arg-type]
    assert (broken.cause, broken.numbers) == (Cause.TOO_MANY_STRAYS, (151, 0, 100))
    shown = standings | {"ana": armed(forecast=51)}
    assert isinstance(approve(plan, shown, Limits(strays=100)), Approved)
    later = standings | {"ana": armed(forecast=51, destroyed=51)}
    assert not isinstance(approve(plan, later, Limits(strays=100)), Approved)


def test_a_stray_whose_home_is_not_armed_waits_and_the_rest_goes_on() -> None:
    plan = plan_of(line(), ana(stray(1, NOW), stray(2, CUTOFF - timedelta(days=9)))).target("ana")
    assert plan is not None
    verdict = approve(plan, {"line": Standing("rules", Period(months=6)), "ana": armed()}, Limits())
    assert isinstance(verdict, Approved)
    assert [part.keys for part in verdict.parts] == [(2,)]
    assert [(each.home, each.count) for each in verdict.withheld] == [("line", 1)]


def test_what_waits_for_one_home_is_one_finding_with_all_of_it() -> None:
    bin_of_hers = Place("ana", "trash", Role.TRASH, 4)
    both = (stray(1, NOW), replace(stray(2, NOW), ref=Ref(bin_of_hers, 2)))
    plan = plan_of(line(), ana(*both)).target("ana")
    assert plan is not None
    verdict = approve(plan, {"line": Standing("rules", Period(months=6)), "ana": armed()}, Limits())
    assert isinstance(verdict, Approved)
    assert [(each.cause, each.count) for each in of_fuse(verdict.withheld)] == [(Cause.HOME_UNARMED, 2)]


def test_an_overdue_stray_of_a_helpline_that_would_keep_less_than_was_agreed_to_waits() -> None:
    """Its advisor was armed for the shortest period of all; this helpline's became shorter than agreed."""
    plan = plan_of(line(), ana(stray(2, CUTOFF - timedelta(days=9))))
    advisors = plan.target("ana")
    assert advisors is not None
    arming = replace(armed().arming, period="12 months")  # type: ignore[type-var]
    shorter = Standing("rules", Period(months=6), arming, Forecast(0, NOW, 0))
    verdict = approve(advisors, {"line": shorter, "ana": armed()}, Limits())
    assert isinstance(verdict, Approved)
    assert verdict.parts == ()
    assert [(each.home, each.count) for each in verdict.withheld] == [("line", 1)]
    assert of_sweep({"ana": verdict}, (), plan, {}) == [], "one finding is enough"
    reviewed = approve_reviewed(advisors, {SENT: frozenset((2,))}, {"line": shorter, "ana": armed()})
    assert isinstance(reviewed, Approved)
    assert reviewed.parts == ()


@given(st.frozensets(st.integers(1, 12)), st.frozensets(st.integers(1, 12)))
def test_a_purge_does_what_is_both_reviewed_and_due_and_never_more(
    now_due: frozenset[int], reviewed: frozenset[int]
) -> None:
    plan = plan_of(line(lots=(Lot(INBOX, tuple(sorted(now_due)), CUTOFF),))).targets[0]
    verdict = approve_reviewed(plan, {INBOX: reviewed}, {"line": armed()})
    assert isinstance(verdict, Approved)
    assert {key for part in verdict.parts for key in part.keys} == now_due & reviewed


def test_only_the_fuse_makes_an_approved() -> None:
    with pytest.raises(TypeError):
        Approved(object(), "line", (), ())


@given(st.lists(st.integers(1, 5000), unique=True))
def test_keys_read_back_from_their_ranges(keys: list[int]) -> None:
    assert keys_from(ranges(keys)) == tuple(sorted(keys))
    assert keys_from(ranges(f"id {key}" for key in keys)) == tuple(f"id {key}" for key in keys)
