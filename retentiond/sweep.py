"""One sweep from look to report: look, judge, approve, carry out, look again. Read `sweep` first.

An audit is a sweep that stops after the plan (law 2): both begin with the same `look_and_judge`.
Running again is the only recovery: what a crash left behind is settled by looking, then judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond import pause as pauses
from retentiond.audit import (
    NOBODY_HEARS,
    Progress,
    Reviewed,
    approve_all,
    findings_of,
    is_silence_long,
    look_and_judge,
    standings_of,
    unfinished,
)
from retentiond.bookkeeping import (
    arm_the_clean,
    counts_of,
    forecasts_of,
    keep_register,
    marks_of,
    since_when,
)
from retentiond.core import findings
from retentiond.core.chain import HOUSE, Seal
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Approved
from retentiond.core.model import (
    Gap,
    Kind,
    Outcome,
    Reason,
    Result,
)
from retentiond.core.plan import Plan
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import Unreachable, Why, gravest
from retentiond.execute import Hands, execute
from retentiond.logs import get_logger
from retentiond.recovery import going_on_from, hands_of, locked, settle_open_intents
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Report:
    """What a sweep did. `plan` is from the look, `second` from the look after the deeds."""

    plan: Plan
    second: Plan
    outcomes: tuple[Outcome, ...]
    recovered: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    armed: frozenset[str]
    seals: tuple[Seal, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """The gravest of what was found."""
        return gravest([finding.exit_code for finding in self.findings])

    def count(self, *results: Result) -> int:
        """How many items ended so."""
        return sum(len(each.keys) for each in self.outcomes if each.result in results)


def sweep(
    estate: Estate,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    only: str | None = None,
    reviewed: Reviewed | None = None,
    before_acting: Callable[[datetime], None] = lambda when: None,
    wait_seconds: float = 0,
    progress: Progress = NOBODY_HEARS,
    crew: Crew = ONE_BY_ONE,
) -> Report:
    """One pass over all targets, or over `only` one.

    Raises ClockDoubted before anything is touched or written, StrayLost, and what the book raises.
    With `reviewed`, exactly what stands both there and in the fresh plan is done (a purge): nothing is
    armed by it, and nothing more is foreseen afterwards. `before_acting` is called before its first act, with
    the time by then. `crew` looks at mailboxes and carries out side by side or not; the report is the same.
    """
    book.verify(since_checkpoint=True)
    is_purge = reviewed is not None
    time = going_on_from(now)
    progress = _until_paused(progress, locks, estate, time)
    with locked(estate, book, locks, only, wait_seconds, progress.waiting) as (free, taken):
        now = time()  # waiting for locks may have taken long
        if is_silence_long(book.last_minute(), estate, now):  # nothing is written before it is believed
            plan = _looked(estate, free, taken, now, book, progress, crew, is_day_believed=False)
            approved, broken = approve_all(plan, standings_of(estate, book), estate, only, reviewed)
            if any(finding.cause is Cause.UNFORESEEN for finding in broken):
                return _stopped(estate, plan, approved, broken, now)
        recovered = settle_open_intents(estate, book, free, now, progress, crew)
        plan = _looked(estate, free, taken, now, book, progress, crew)
        if is_purge and (only is not None or estate.correspondents):
            _refuse_a_part(plan)
        standings = standings_of(estate, book)
        approved, broken = approve_all(plan, standings, estate, only, reviewed)
        keep_register(plan, book, now)
        broken = broken if is_purge else since_when(broken, plan, book, now)
        _log_plan(plan, broken)
        hands = hands_of(estate, book, now, progress)
        before_acting(hands.time())
        if estate.correspondents:
            book.forget_marks(marks_of(approved, estate))
        outcomes = _carry_out(estate, approved, hands, crew)
        second = _look_again(estate, plan, approved, outcomes, now, book, progress, crew)
        broken += unfinished(estate, book)
        found = _found(estate, plan, approved, outcomes, second, broken, hands, now)
        armed = frozenset() if is_purge else arm_the_clean(plan, standings, estate, book, time(), only)
        forecasts = forecasts_of(second, approved, estate, book, is_purge=is_purge)
        book.forget_expired(time())
        seals = book.swept(time(), forecasts, counts_of(outcomes, found), is_purge=is_purge)
    _log_outcomes(outcomes)
    _log.info("ledger.sealed", seal=house_seal(seals))
    _log.info("sweep.ended", findings=len(found), done=sum(len(each.keys) for each in outcomes))
    return Report(plan, second, outcomes, recovered, found, armed, tuple(seals))


# ── the steps ────────────────────────────────────────────────────────────────────────────────────


def _until_paused(progress: Progress, state: Path, estate: Estate, time: Callable[[], datetime]) -> Progress:
    """A pause that begins in the middle lets the batch in hand end, and nothing after it."""

    def should_stop() -> bool:
        return progress.should_stop() or pauses.in_force(state, time(), estate.zone) is not None

    return replace(progress, should_stop=should_stop)


def _looked(
    estate: Estate,
    free: Sequence[Target],
    taken: Sequence[Target],
    now: datetime,
    book: Ledger,
    progress: Progress,
    crew: Crew,
    is_day_believed: bool = True,
) -> Plan:
    """The plan, in which a mailbox that another process holds is a gap like any other."""
    plan = look_and_judge(estate, free, now, book, progress, crew=crew, is_day_believed=is_day_believed)
    locked_gaps = (Gap(target.name, target.kind, Why.LOCKED.value) for target in taken)
    return replace(plan, gaps=(*plan.gaps, *locked_gaps))


def _stopped(
    estate: Estate,
    plan: Plan,
    approved: Mapping[str, Approved],
    broken: Iterable[Finding],
    now: datetime,
) -> Report:
    """The whole sweep stops before its first act: nothing is written down but in the log."""
    undone = findings.of_sweep(approved, (), plan, {})
    found = tuple(sorted({*findings_of(estate, plan, now), *broken, *undone}))
    _log.warning("sweep.stopped", findings=len(found))
    return Report(plan, plan, (), (), found, frozenset())


def _log_plan(plan: Plan, broken: Iterable[Finding]) -> None:
    for finding in broken:
        _log.warning("target.stopped", target=finding.target, cause=finding.cause, count=finding.count)
    _log.info("plan.made", targets=len(plan.targets), due=sum(each.due for each in plan.targets))


def _refuse_a_part(plan: Plan) -> None:
    """What was asked for on demand is done everywhere that was named, or not at all. Raises Unreachable."""
    for gap in plan.gaps:
        raise Unreachable(gap.target, Why(gap.why), gap.detail)


def _carry_out(
    estate: Estate, approved: Mapping[str, Approved], hands: Hands, crew: Crew
) -> tuple[Outcome, ...]:
    """Advisors first, all of them: a reply comes home before the home is swept."""
    outcomes: list[Outcome] = []
    for is_advisor in (True, False):
        named = [
            (name, each)
            for name, each in approved.items()
            if (estate.target(name).kind is Kind.ADVISOR) is is_advisor
        ]
        for answered in crew.each(lambda each: execute(each, hands), named):
            outcomes.extend(answered)
    return tuple(outcomes)


def _look_again(
    estate: Estate,
    plan: Plan,
    approved: Mapping[str, Approved],
    outcomes: Sequence[Outcome],
    now: datetime,
    book: Ledger,
    progress: Progress,
    crew: Crew,
) -> Plan:
    """The second look, at every target in which something was done or tried, and with an advisor's at all
    homes; the others are as they were."""
    touched = {name for name, each in approved.items() if each.parts}
    again = [target for target in estate.targets if target.name in touched]
    if not again:
        return plan
    if estate.by_conversation:
        again = [target for target in estate.targets if target in again or target.longest is not None]
    elif any(target.kind is Kind.ADVISOR for target in again):
        missing = [each for each in estate.of(Kind.HELPLINE) if each not in again]
        again = [*(each for each in missing if plan.target(each.name)), *again]
    fresh = look_and_judge(
        estate, again, now, book, progress, checks_clock=False, crew=crew, is_day_believed=True
    )
    seen = {target.target for target in fresh.targets} | {gap.target for gap in fresh.gaps}
    old = tuple(target for target in plan.targets if target.target not in seen)
    return Plan(plan.made, old + fresh.targets, fresh.gaps, fresh.register)


def _found(
    estate: Estate,
    plan: Plan,
    approved: Mapping[str, Approved],
    outcomes: Sequence[Outcome],
    second: Plan,
    broken: Iterable[Finding],
    hands: Hands,
    now: datetime,
) -> tuple[Finding, ...]:
    keeping = {name: each.keeps is True or each.until is not None for name, each in hands.keeping.items()}
    unseen = [
        Finding(gap.target, Cause.UNREACHABLE, 0, gap.detail, gap.why)
        for gap in second.gaps
        if gap not in plan.gaps
    ]
    found = findings_of(estate, plan, now) + findings.of_sweep(approved, outcomes, second, keeping)
    return tuple(sorted({*found, *broken, *unseen}))


def _log_outcomes(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        place, count = outcome.place, len(outcome.keys)
        match outcome.result:
            case Result.DONE | Result.REMOVED | Result.RETAINED if outcome.reason is Reason.ASTRAY:
                _log.info("batch.refiled", target=place.target, folder=place.folder, count=count)
            case Result.DONE | Result.REMOVED | Result.RETAINED:
                _log.info("batch.destroyed", target=place.target, folder=place.folder, count=count)
            case Result.FAILED | Result.CHANGED:
                _log.warning(
                    "batch.failed", target=place.target, folder=place.folder, count=count, why=outcome.why
                )
            case _:
                pass


def house_seal(seals: Sequence[Seal]) -> str:
    """The seal of the house chain, whose entry names the heads of all others: one witness for the book.
    Empty where nothing was entered."""
    return next((str(seal) for seal in seals if seal.chain == HOUSE), "")
