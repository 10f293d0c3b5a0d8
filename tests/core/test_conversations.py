"""Which conversations live, case by case; the marks here are words."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from retentiond.core.findings import Cause, of_plan
from retentiond.core.fuse import Arming, Standing
from retentiond.core.judgement import House, make_plan
from retentiond.core.model import (
    Census,
    Destroy,
    FolderView,
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
from retentiond.core.plan import Plan
from retentiond.core.policy import Terms
from retentiond.core.replies import Helpline
from retentiond.core.roll import Roll

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
ZONE = ZoneInfo("Europe/London")
DAY = timedelta(days=1)


def terms(months: int, at: datetime = NOW, longest: int = 12) -> Terms:
    cutoff = Period(months=months).cutoff(at, ZONE)
    far = Period(months=longest).cutoff(at, ZONE)
    return Terms(cutoff, datetime(1995, 1, 1, tzinfo=UTC), NOW + DAY, ZONE, longest=min(cutoff, far))


CUTOFF = terms(6).cutoff


def house(periods: dict[str, int] | None = None) -> House:
    periods = periods or {"line": 6}
    return House(
        {name: terms(months) for name, months in periods.items()},
        tuple(Helpline(name, frozenset((name.encode() + b"@",))) for name in periods),
        by_conversation=True,
        ahead={name: terms(months, NOW + 35 * DAY) for name, months in periods.items()},
        mailboxes=frozenset((*periods, "ana")),
    )


def item(key: int, days: int, name: str = "", answers: Sequence[str] = (), **more: object) -> Item:
    """Received so many days after the cutoff of six months."""
    of = str(more.pop("target", "line"))
    place = Place(of, "sent" if of == "ana" else "inbox", Role.SENT if of == "ana" else Role.INBOX)
    author = frozenset((str(more.pop("author", "outside@")).encode(),))
    conversation = more.pop("conversation", None)
    marks = Marks(
        author,
        message=name.encode() or None,
        parents=frozenset(each.encode() for each in answers),
        conversation=conversation.encode() if isinstance(conversation, str) else None,
    )
    return replace(Item(Ref(place, key), CUTOFF + days * DAY + timedelta(hours=5), marks=marks), **more)  # type: ignore[arg-type]


def plan_of(
    items: Sequence[Item], *, away: str = "", ahead: int = 0, younger: Sequence[Item] = (), **periods: int
) -> Plan:
    of = periods or {"line": 6}
    views = []
    for name in (*of, "ana"):
        mine = tuple(each for each in items if each.ref.place.target == name)
        place = Place(name, "inbox", Role.INBOX) if name != "ana" else Place(name, "sent", Role.SENT)
        census = Census(place, None if name == "ana" else len(mine), None if name == "ana" else ahead)
        kind = Kind.ADVISOR if name == "ana" else Kind.HELPLINE
        views.append(
            TargetView(name, kind, (FolderView(census, (), mine),), younger if name == "line" else ())
        )
    seen = tuple(view for view in views if view.target != away)
    return make_plan(Snapshot(NOW, seen), house(of))


def verdicts(plan: Plan) -> dict[object, object]:
    return {key: part.verdict for target in plan.targets for part in target.parts for key in part.keys}


DUE, KEPT = Destroy(), Keep(Reason.CONVERSATION)


def test_an_old_message_lives_with_its_younger_answer_however_many_lie_between() -> None:
    chain = [item(1, -90, "a"), item(2, -60, "b", ["a"]), item(3, -30, "c", ["b"])]
    assert set(verdicts(plan_of(chain)).values()) == {DUE}
    assert set(verdicts(plan_of(chain, younger=[item(9, 2, "d", ["c"])])).values()) == {KEPT}


def test_a_parent_that_is_gone_still_holds_its_answers_together() -> None:
    """A conversation that was partly destroyed: who deleted the middle did not end it."""
    found = verdicts(plan_of([item(1, -40, "b", ["gone"])], younger=[item(9, 2, "c", ["gone"])]))
    assert found == {1: KEPT}


def test_past_the_longest_nothing_keeps_and_nothing_is_kept_by_it() -> None:
    """A younger copy of the number of a message that goes: what hangs by that alone goes with it."""
    bridge, leaf = item(1, -300, "bridge", ["root"]), item(2, -20, "leaf", ["bridge"])
    root = item(9, 3, "root")
    assert verdicts(plan_of([bridge, leaf], younger=[root])) == {1: DUE, 2: DUE}
    assert verdicts(plan_of([leaf], younger=[root])) == {2: DUE}, "and tomorrow it is judged the same"
    held = replace(bridge, is_held=True)
    assert verdicts(plan_of([held, leaf], younger=[root])) == {1: Hold(), 2: KEPT}


def test_a_hold_keeps_its_own_message_and_no_other() -> None:
    assert verdicts(plan_of([item(1, -40, "a", is_held=True), item(2, -30, "b", ["a"])])) == {
        1: Hold(),
        2: DUE,
    }


def test_what_has_neither_name_nor_parent_stands_alone() -> None:
    assert verdicts(plan_of([item(1, -40)], younger=[item(9, 2)])) == {1: DUE}
    assert verdicts(plan_of([item(1, -40)], away="ana")) == {1: DUE}


def test_a_forged_parent_keeps_no_longer_than_the_longest() -> None:
    """Anybody outside can name a number that he has seen; the bound is the answer."""
    forged = [item(9, 100, "evil", ["a", "b"])]
    assert verdicts(plan_of([item(1, -40, "a"), item(2, -30, "b")], younger=forged)) == {1: KEPT, 2: KEPT}
    assert verdicts(plan_of([item(1, -200, "a")], younger=forged)) == {1: DUE}


def test_what_the_server_counts_as_one_is_one() -> None:
    found = verdicts(
        plan_of([item(1, -40, "a", conversation="x")], younger=[item(9, 2, "z", conversation="x")])
    )
    assert found == {1: KEPT}


def test_two_helplines_in_one_conversation_wait_for_each_other() -> None:
    """One keeps six months, the other nine: none goes before all are past their own period."""
    first, second = item(1, -20, "a"), item(2, -10, "b", ["a"], target="youth")
    assert verdicts(plan_of([first, second], line=6, youth=9)) == {1: KEPT, 2: Keep()}
    assert verdicts(plan_of([first, second], line=6, youth=6)) == {1: DUE, 2: DUE}


def test_a_reply_of_two_helplines_lives_as_long_as_either_keeps_it() -> None:
    """A person must look whose it is; until then it keeps what it answers by the longer period."""
    both = item(2, -20, "b", ["a"], target="ana")
    both = replace(both, marks=replace(both.marks, authors=frozenset((b"line@", b"youth@"))))
    found = verdicts(plan_of([item(1, -30, "a"), both], line=6, youth=9))
    assert found == {1: KEPT, 2: Review(Reason.TWO_HELPLINES)}


def test_twins_are_of_one_conversation_by_the_younger() -> None:
    assert verdicts(plan_of([item(1, -40, "a"), item(2, 0, "a")])) == {1: KEPT, 2: Keep()}


def test_a_stray_that_its_conversation_keeps_comes_home_and_one_that_nobody_keeps_goes() -> None:
    stray = item(1, -20, "b", ["a"], target="ana", author="line@")
    assert verdicts(plan_of([stray], younger=[item(9, 2, "a")])) == {1: Refile("line")}
    assert verdicts(plan_of([stray])) == {1: Destroy(Reason.ASTRAY_OVERDUE, "line")}


def test_a_younger_stray_keeps_what_lies_at_home() -> None:
    stray = item(2, 9, "b", ["a"], target="ana", author="line@")
    assert verdicts(plan_of([item(1, -20, "a"), stray])) == {1: KEPT, 2: Refile("line")}


def test_a_private_message_of_an_advisor_keeps_nothing() -> None:
    private = item(2, 9, "b", ["a"], target="ana", author="ana@")
    assert verdicts(plan_of([item(1, -20, "a"), private]))[1] == DUE


def test_without_a_believable_date_it_counts_from_when_it_was_first_seen() -> None:
    undated = replace(item(2, 0, "b", ["a"]), received=None)
    assert verdicts(plan_of([item(1, -20, "a"), undated]))[1] == KEPT, "until a person has looked"
    long_seen = replace(undated, first_seen=CUTOFF - DAY)
    assert verdicts(plan_of([item(1, -20, "a"), long_seen])) == {1: DUE, 2: Destroy(Reason.DUE_SINCE_SEEN)}


def test_where_a_mailbox_was_not_seen_nothing_goes_that_it_might_keep_and_it_is_told() -> None:
    plan = plan_of([item(1, -20, "a"), item(2, -300, "b")], away="ana")
    assert verdicts(plan) == {1: Keep(Reason.CONVERSATION_UNKNOWN), 2: DUE}
    [line] = plan.targets
    assert not line.is_whole
    assert [finding.cause for finding in of_plan(plan, CUTOFF.date())] == [Cause.CONVERSATION_UNKNOWN]


def test_a_backend_that_brings_no_marks_destroys_nothing() -> None:
    """A lot has nothing to follow a conversation by: it is kept, and it is told."""
    place = Place("line", "inbox", Role.INBOX)
    lot = Lot(place, (1, 2), CUTOFF, oldest=CUTOFF.date(), newest=CUTOFF.date())
    views = (
        TargetView("line", Kind.HELPLINE, (FolderView(Census(place, 2), (lot,)),)),
        TargetView("ana", Kind.ADVISOR, ()),
    )
    plan = make_plan(Snapshot(NOW, views), house())
    assert set(verdicts(plan).values()) == {Keep(Reason.CONVERSATION_UNKNOWN)}
    assert [finding.count for finding in of_plan(plan, CUTOFF.date())] == [2]


@pytest.mark.parametrize(("days", "foreseen"), [(20, 3), (50, 0)])
def test_a_whole_conversation_is_foreseen_when_it_falls_due_within_the_forecast(
    days: int, foreseen: int
) -> None:
    """Its latest is received so many days after the cutoff: due in so many days. No sooner is it counted,
    for what is kept must not hide a surprise."""
    old = [item(n, -40 - n, f"m{n}", ["a"]) for n in range(3)]
    [line, _] = plan_of(old, ahead=3, younger=[item(9, days, "z", ["a"])]).targets
    assert (line.due, line.ahead) == (0, foreseen)


def test_what_is_held_was_never_foreseen_and_lowers_no_forecast() -> None:
    held = item(1, -40, "a", is_held=True)
    [line, _] = plan_of([held], ahead=1, younger=[item(9, 50, "b", ["a"])]).targets
    assert line.ahead == 1


def test_what_will_pass_the_longest_is_foreseen_and_what_hangs_by_it_alone() -> None:
    passing = item(1, -170, "bridge", ["root"])
    leaf = item(2, -20, "leaf", ["bridge"])
    [line, _] = plan_of([passing, leaf], ahead=2, younger=[item(9, 150, "root")]).targets
    assert (line.due, line.ahead) == (0, 2)


@pytest.mark.parametrize(
    ("armed", "longest", "is_armed"),
    [
        ("", None, True),
        ("", Period(months=12), True),
        ("12 months", Period(months=12), True),
        ("12 months", Period(months=18), True),
        ("12 months", Period(months=11), False),
        ("12 months", None, False),
    ],
)
def test_only_what_would_take_more_disarms(armed: str, longest: Period | None, is_armed: bool) -> None:
    arming = Arming("rules", "6 months", 5, 0, 5, NOW, "uid 0", None, longest=armed)
    assert Standing("rules", Period(months=6), arming, longest=longest).is_armed is is_armed


def test_twenty_thousand_past_their_period_take_less_than_three_mib() -> None:
    """What follows from the look alone: 150 bytes an item, a million in 150 MiB (decision 0111)."""
    place, count = Place("line", "inbox", Role.INBOX), 20_000
    marks = [
        Marks(message=n.to_bytes(16), parents=frozenset((max(0, n - 1).to_bytes(16),))) for n in range(count)
    ]
    items = (Item(Ref(place, n), CUTOFF - (1 + n % 90) * DAY, marks=marks[n]) for n in range(count))
    tracemalloc.start()
    folder = FolderView(Census(place, count, count), (), Roll.of(place, items))
    answer = item(count, 9, "answer")
    answer = replace(
        answer, marks=replace(answer.marks, message=b"a" * 16, parents=frozenset(((9).to_bytes(16),)))
    )
    views = (TargetView("line", Kind.HELPLINE, (folder,), (answer,)), TargetView("ana", Kind.ADVISOR, ()))
    plan = make_plan(Snapshot(NOW, views), house())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (plan.targets[0].due, plan.targets[0].count(Keep)) == (0, count), "one chain, and it lives"
    assert peak < 150 * count
