"""What a round saw becomes what is remembered: concerns that stand until they are gone, and counts.

A finding is made by one look; here it is put beside what was known before, for some findings no later
look makes again: copies that a server keeps, and a target that nobody looks at any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from retentiond.audit import standings_of
from retentiond.condition import Condition, Counts, HoldCounts, Month
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Standing
from retentiond.core.holds import Register
from retentiond.core.model import Hold, Kind, Review
from retentiond.core.period import start_of
from retentiond.core.plan import Plan, TargetPlan
from retentiond.core.promises import Concern, of_findings, overdue, still_kept, without_unarmed
from retentiond.retirement import is_retired, left_behind
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Look:
    """What a round that came to its end has found, and what it did."""

    plan: Plan
    findings: Sequence[Finding]
    seal: str = ""
    done: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What such a round leaves behind. A target that could not be looked at, or that is gone from the
    configuration and not retired, keeps the counts of the last look at it."""

    concerns: tuple[Concern, ...]
    counts: tuple[Counts, ...]
    open_intents: int
    month: Month | None
    seal: str
    done: int
    holds: HoldCounts | None = None


def seen_by(look: Look, estate: Estate, book: Ledger | None, before: Condition, now: datetime) -> Seen:
    """Takes stock after a round that began at `now`; `before` is how things stood until then."""
    standings = standings_of(estate, book)
    periods = {target.name: target.period for target in estate.targets}
    found = [*of_findings(look.findings, now), *overdue(look.plan, periods, estate.zone, now)]
    keeps = {each.target: _keeps(standings[each.target]) for each in look.plan.targets}
    ours = [each for each in before.concerns if each.target in periods]
    found += still_kept(ours, found, keeps, now)
    found += _of_the_unseen(look, before, found)
    if book is not None:  # without one nothing was ever done, and nobody can be retired
        found += left_behind(periods, book.roll(), before, now)
    counts = [_counted(each, standings[each.target], now) for each in look.plan.targets]
    unseen = [each for each in before.counts if each.target not in keeps and _is_kept(each, periods, book)]
    return Seen(
        concerns=tuple(without_unarmed(found)),
        counts=tuple(sorted([*unseen, *counts], key=lambda each: each.target)),
        open_intents=len(book.open_intents()) if book is not None else 0,
        month=_month(before.month, book, counts, estate.zone, now),
        seal=look.seal,
        done=look.done,
        holds=_holds(look.plan.register),
    )


def _is_kept(counts: Counts, configured: Collection[str], book: Ledger | None) -> bool:
    if counts.target in configured:
        return True
    return book is not None and not is_retired(counts.target, book.roll(), counts)


def with_seen(condition: Condition, seen: Seen, now: datetime) -> Condition:
    """The condition after it."""
    return replace(
        condition,
        finished=now,
        counts=seen.counts,
        open_intents=seen.open_intents,
        month=seen.month,
        seal=seen.seal or condition.seal,
        holds=seen.holds or condition.holds,
    )


def _of_the_unseen(look: Look, before: Condition, found: Sequence[Concern]) -> list[Concern]:
    """What was wrong in a target that did not answer this time is wrong still, as far as anybody knows."""
    seen, known = {each.target for each in look.plan.targets}, {each.key for each in found}
    unseen = {gap.target for gap in look.plan.gaps} - seen
    return [
        each
        for each in before.concerns
        if each.target in unseen and each.key not in known and each.cause != Cause.UNREACHABLE
    ]


def _holds(register: Register | None) -> HoldCounts | None:
    if register is None:
        return None
    by_ground = tuple((ground.value, count) for ground, count in register.grounds().items())
    return HoldCounts(by_ground, tuple(hold.id for hold in register.past_review()))


def _keeps(standing: Standing) -> bool:
    """Whether the test at arming found that the server keeps copies."""
    return standing.arming is not None and standing.arming.keeps_copies is True


def _counted(target: TargetPlan, standing: Standing, now: datetime) -> Counts:
    if target.kind is Kind.ADVISOR:
        left = sum(len(part.keys) for part in target.parts)
    else:
        left = sum(census.total or 0 for census in target.censuses)
    due, held, review = target.due + target.astray, target.count(Hold), target.count(Review)
    return Counts(target.target, due, held, review, standing.is_armed, now, left)


def _month(
    before: Month | None, book: Ledger | None, counts: Sequence[Counts], zone: tzinfo, now: datetime
) -> Month | None:
    """How things stood when this month began: counted by its first round, and kept until the next month's."""
    name = f"{now.astimezone(zone):%Y-%m}"
    if book is None or (before is not None and before.name == name):
        return before
    destroyed, refiled, entries = book.tally(start_of(now.astimezone(zone).date().replace(day=1), zone))
    return Month(name, destroyed, refiled, entries, sum(each.review for each in counts))
