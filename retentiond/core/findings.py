"""The plan against the second look: what was not done as planned, and what nobody may overlook.

A finding is loud until it is gone; a sweep without findings has kept the promise (disaster 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from retentiond.core.deeds import Outcome, Result
from retentiond.core.fuse import Approved, Broken, HomeUnarmed, TooManyStrays, Unarmed, Unforeseen
from retentiond.core.holds import BROKEN_AFTER, Ground, Register
from retentiond.core.model import Destroy, Gap, Keep, Notice, Place, Reason, Refile, Review
from retentiond.core.plan import Part, Plan, TargetPlan
from retentiond.errors import Exit, Why


class Cause(StrEnum):
    """Why something is a finding."""

    UNARMED = "unarmed"
    UNFORESEEN = "unforeseen"
    TOO_MANY_STRAYS = "too-many-strays"
    HOME_UNARMED = "home-unarmed"
    HOME_UNREACHABLE = "home-unreachable"
    CONVERSATION_UNKNOWN = "conversation-unknown"
    UNREACHABLE = "unreachable"
    HINDERED = "hindered"
    REVIEW = "review"
    CHANGED = "changed"
    FAILED = "failed"
    STILL_THERE = "still-there"
    KEPT_BY_SERVER = "kept-by-server"
    NOTICE = "notice"
    ERASURE_UNFINISHED = "erasure-unfinished"
    HOLD_OVERDUE = "hold-overdue"
    HOLD_UNSTATED = "hold-unstated"
    HOLD_VANISHED = "hold-vanished"


#: What is kept only because a mailbox could not be looked at.
_WAITING = {
    Reason.HOME_UNREACHABLE: Cause.HOME_UNREACHABLE,
    Reason.CONVERSATION_UNKNOWN: Cause.CONVERSATION_UNKNOWN,
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that was due and was not done, or that a person must see. `detail` is a fixed code,
    `numbers` what the sentence needs (for `unforeseen`: planned, foreseen, limit; for an overdue hold: for
    how many days, and a 1 where that is too long)."""

    target: str
    cause: Cause
    count: int
    folder: str = ""
    detail: str = ""
    numbers: tuple[int, ...] = ()

    @property
    def exit_code(self) -> int:
        """What a sweep that ends with this finding exits with."""
        match self.cause:
            case Cause.UNREACHABLE:
                return Exit.UNREACHED
            case Cause.UNFORESEEN | Cause.TOO_MANY_STRAYS:
                return Exit.STOPPED
            case Cause.NOTICE if Notice(self.detail).is_harmless:
                return Exit.DONE
            case Cause.REVIEW if not self.numbers:
                return Exit.DONE
            case Cause.HOLD_UNSTATED | Cause.HOLD_VANISHED:
                return Exit.DONE
            case Cause.HOLD_OVERDUE if len(self.numbers) == 1:
                return Exit.DONE
            case _:
                return Exit.FINDINGS


def of_plan(plan: Plan, cutoffs: Mapping[str, date] | date) -> list[Finding]:
    """What can be said after the first look alone; an audit shows these too.

    A Review with items received before the cutoff (one for all, or by target) is overdue, and its `numbers`
    say so: (1,). A letter that replaced an older one is overdue by its name's age.
    """
    found = [_gap(gap) for gap in plan.gaps]
    for target in plan.targets:
        cutoff = cutoffs.get(target.target, date.min) if isinstance(cutoffs, Mapping) else cutoffs
        found.extend(_hindrances(target))
        found.extend(_notices(target))
        for part in target.of(Review):
            is_old = part.oldest is not None and part.oldest < cutoff
            is_overdue = is_old or part.verdict.reason is Reason.REPLACED
            review = _of(part.place, Cause.REVIEW, len(part.keys), part.verdict.reason.value)
            found.append(replace(review, numbers=(1,) if is_overdue else ()))
        for part in target.of(Keep):
            if (cause := _WAITING.get(part.verdict.reason)) is not None:
                found.append(_of(part.place, cause, len(part.keys)))
    if plan.register is not None:
        found.extend(_of_holds(plan.register))
    return sorted(found)


def _of_holds(register: Register) -> Iterable[Finding]:
    """What nobody may overlook of the holds, by target: each waits for a person (P6)."""
    for target in sorted({hold.target for hold in register.holds}):
        mine = [hold for hold in register.holds if hold.target == target]
        late = max((hold.days_past(register.today) for hold in mine), default=0)
        if late:
            count = sum(hold.days_past(register.today) > 0 for hold in mine)
            numbers = (late, 1) if late > BROKEN_AFTER else (late,)
            yield Finding(target, Cause.HOLD_OVERDUE, count, numbers=numbers)
        if count := sum(hold.ground is Ground.NOT_STATED for hold in mine):
            yield Finding(target, Cause.HOLD_UNSTATED, count)
        if count := sum(hold.has_vanished for hold in mine):
            yield Finding(target, Cause.HOLD_VANISHED, count)


def of_fuse(broken: Iterable[Broken]) -> list[Finding]:
    """The limits that were broken."""
    return [_broken(each) for each in broken]


def of_sweep(
    approved: Mapping[str, Approved],
    outcomes: Sequence[Outcome],
    second: Plan,
    keeping: Mapping[str, bool],
) -> list[Finding]:
    """What an approved sweep left undone, by its own outcomes and by the second look.

    `keeping` names the targets. What the server keeps of what was removed is not destroyed yet.
    """
    found = []
    for outcome in outcomes:
        if outcome.result in (Result.CHANGED, Result.FAILED):
            cause = Cause.CHANGED if outcome.result is Result.CHANGED else Cause.FAILED
            found.append(_of(outcome.place, cause, len(outcome.keys), outcome.why))
    explained = {(finding.target, finding.folder) for finding in found}
    for name in approved:
        target = second.target(name)
        if target is None:
            continue
        hindered = {census.place.folder for census in target.censuses if census.hindrance}
        for part in target.of(Destroy, Refile):
            where = (part.place.target, part.place.folder)
            if where not in explained and part.place.folder not in hindered and not _waits(part, approved):
                found.append(_of(part.place, Cause.STILL_THERE, len(part.keys)))
    for name in keeping:
        kept = [each for each in outcomes if each.place.target == name and each.result is Result.RETAINED]
        if kept:
            until = max((each.until for each in kept if each.until), default=None)
            by_hold = next((each.why for each in kept if each.why == Why.SERVER_HOLD), "")
            removed = sum(len(each.keys) for each in kept)
            found.append(
                Finding(name, Cause.KEPT_BY_SERVER, removed, detail=by_hold, numbers=_as_numbers(until))
            )
    return sorted(found)


def _as_numbers(day: date | None) -> tuple[int, ...]:
    """A day as a finding holds it: its ordinal (`date.fromordinal`)."""
    return () if day is None else (day.toordinal(),)


def _waits(part: Part, approved: Mapping[str, Approved]) -> bool:
    """Whether a stray waits for its home to be armed, which is a finding already."""
    match part.verdict:
        case Refile(home) | Destroy(Reason.ASTRAY_OVERDUE, str(home)):
            return any(withheld.home == home for each in approved.values() for withheld in each.withheld)
        case _:
            return False


def _hindrances(target: TargetPlan) -> Iterable[Finding]:
    due = {part.place: len(part.keys) for part in target.of(Destroy, Refile)}
    for census in target.censuses:
        if census.hindrance is not None and due.get(census.place):
            hindered = _of(census.place, Cause.HINDERED, due[census.place], census.hindrance.value)
            yield replace(hindered, numbers=_as_numbers(census.kept_until))


def _notices(target: TargetPlan) -> Iterable[Finding]:
    for census in target.censuses:
        for notice, count in census.notices:
            yield _of(census.place, Cause.NOTICE, count, notice.value)


def _broken(broken: Broken) -> Finding:
    match broken:
        case Unarmed(target, due, astray):
            return Finding(target, Cause.UNARMED, due + astray, numbers=(due, astray))
        case Unforeseen(target, planned, foreseen, limit):
            return Finding(target, Cause.UNFORESEEN, planned, numbers=(planned, foreseen, limit))
        case TooManyStrays(target, planned, foreseen, limit):
            return Finding(target, Cause.TOO_MANY_STRAYS, planned, numbers=(planned, foreseen, limit))
        case HomeUnarmed(target, home, count):
            return Finding(target, Cause.HOME_UNARMED, count, detail=home)


def _gap(gap: Gap) -> Finding:
    return Finding(gap.target, Cause.UNREACHABLE, 0, folder=gap.detail, detail=gap.why)


def _of(place: Place, cause: Cause, count: int, detail: str = "") -> Finding:
    return Finding(place.target, cause, count, place.folder, detail)
