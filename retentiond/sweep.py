"""One sweep from look to report: look, judge, approve, carry out, look again. Read `sweep` first.

An audit is a sweep that stops after the plan (law 2): both begin with the same `look_and_judge`.
Running again is the only recovery: what a crash left behind is settled by looking, then judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    refuse_gaps,
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
from retentiond.core.deeds import Outcome, Result
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Approved, Standing
from retentiond.core.model import Gap, Kind, Reason
from retentiond.core.plan import Plan
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import Why, gravest
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
    seals: tuple[Seal, ...] = ()

    @property
    def exit_code(self) -> int:
        """The gravest of what was found."""
        return gravest([finding.exit_code for finding in self.findings])

    @property
    def seal(self) -> str:
        """The seal of the house chain, whose entry names the heads of all others: one witness for the book.
        Empty where nothing was entered."""
        return next((str(seal) for seal in self.seals if seal.chain == HOUSE), "")

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
    time = going_on_from(now)
    progress = _until_paused(progress, locks, estate, time)
    with locked(estate, book, locks, only, wait_seconds, progress.waiting) as (free, taken):
        # Waiting for locks may have taken long: from here on it is later.
        this = _Pass(estate, book, time(), free, taken, only, reviewed, progress, crew)
        if this.follows_a_long_silence and (stopped := this.stopped_by_a_surprise()) is not None:
            return stopped
        recovered = settle_open_intents(estate, book, free, this.now, progress, crew)
        plan = this.look()
        standings = standings_of(estate, book)
        approved, broken = this.approve(plan, standings)
        hands = hands_of(estate, book, this.now, progress)
        before_acting(hands.time())
        outcomes = this.carry_out(approved, hands)
        second = this.look_again(plan, approved)
        found = this.found(plan, approved, outcomes, second, broken, hands)
        armed = frozenset() if this.is_purge else arm_the_clean(plan, standings, estate, book, time(), only)
        forecasts = forecasts_of(second, approved, estate, book, is_purge=this.is_purge)
        book.forget_expired(time())
        seals = book.swept(time(), forecasts, counts_of(outcomes, found), is_purge=this.is_purge)
    report = Report(plan, second, outcomes, recovered, found, armed, seals)
    _log_ended(report)
    return report


def _until_paused(progress: Progress, state: Path, estate: Estate, time: Callable[[], datetime]) -> Progress:
    """A pause that begins in the middle lets the batch in hand end, and nothing after it."""

    def should_stop() -> bool:
        return progress.should_stop() or pauses.in_force(state, time(), estate.zone) is not None

    return replace(progress, should_stop=should_stop)


@dataclass(frozen=True, slots=True)
class _Pass:
    """The steps of one sweep, in the order in which they are taken, over what all of them go by.

    `now` is its one reading of the clock; `free` are the targets that are ours, `taken` those that another
    program holds.
    """

    estate: Estate
    book: Ledger
    now: datetime
    free: Sequence[Target]
    taken: Sequence[Target]
    only: str | None
    reviewed: Reviewed | None
    progress: Progress
    crew: Crew

    @property
    def is_purge(self) -> bool:
        """Whether a person asked for it and agreed to a number."""
        return self.reviewed is not None

    @property
    def follows_a_long_silence(self) -> bool:
        """Whether the last entry is older than any forecast reaches."""
        return is_silence_long(self.book.last_minute(), self.estate, self.now)

    def stopped_by_a_surprise(self) -> Report | None:
        """After a long silence: if the fuse stops a target, the clock may be what surprises, though servers
        share it. The whole sweep stops before its first act then, and nothing is written down but in the
        log: not even the time (0048)."""
        plan = self._look(is_day_believed=False)
        standings = standings_of(self.estate, self.book)
        approved, broken = approve_all(plan, standings, self.estate, self.only, self.reviewed)
        if not any(finding.cause is Cause.UNFORESEEN for finding in broken):
            return None
        undone = findings.of_sweep(approved, (), plan, {})
        found = tuple(sorted({*findings_of(self.estate, plan, self.now), *broken, *undone}))
        _log.warning("sweep.stopped", findings=len(found))
        return Report(plan, plan, (), (), found, frozenset())

    def look(self) -> Plan:
        """The plan. What was asked for on demand is done everywhere that was named, or not at all: where a
        mailbox could not be looked at, that raises Unreachable."""
        plan = self._look(is_day_believed=True)
        if self.is_purge and (self.only is not None or self.estate.correspondents):
            refuse_gaps(plan)
        return plan

    def _look(self, *, is_day_believed: bool) -> Plan:
        """The plan, in which a mailbox that another process holds is a gap like any other. First sightings
        are written down only on a day that is believed."""
        plan = look_and_judge(
            self.estate,
            self.free,
            self.now,
            self.book,
            self.progress,
            crew=self.crew,
            is_day_believed=is_day_believed,
        )
        locked_gaps = (Gap(target.name, target.kind, Why.LOCKED.value) for target in self.taken)
        return replace(plan, gaps=(*plan.gaps, *locked_gaps))

    def approve(
        self, plan: Plan, standings: Mapping[str, Standing]
    ) -> tuple[dict[str, Approved], list[Finding]]:
        """What passed the fuse, and what was broken; the register of holds is written down by the way."""
        approved, broken = approve_all(plan, standings, self.estate, self.only, self.reviewed)
        keep_register(plan, self.book, self.now)
        if not self.is_purge:
            broken = since_when(broken, plan, self.book, self.now)
        for finding in broken:
            _log.warning("target.stopped", target=finding.target, cause=finding.cause, count=finding.count)
        _log.info("plan.made", targets=len(plan.targets), due=sum(each.due for each in plan.targets))
        return approved, broken

    def carry_out(self, approved: Mapping[str, Approved], hands: Hands) -> tuple[Outcome, ...]:
        """Advisors first, all of them: a reply comes home before the home is swept. Before an erasure every
        mark of the person's mail is forgotten: a crash after the deed would leave nobody to ask (P9)."""
        if self.estate.correspondents:
            self.book.forget_marks(marks_of(approved, self.estate))
        outcomes: list[Outcome] = []
        for is_advisor in (True, False):
            named = [
                (name, each)
                for name, each in approved.items()
                if (self.estate.target(name).kind is Kind.ADVISOR) is is_advisor
            ]
            for answered in self.crew.each(lambda each: execute(each, hands), named):
                outcomes.extend(answered)
        return tuple(outcomes)

    def look_again(self, plan: Plan, approved: Mapping[str, Approved]) -> Plan:
        """The second look, at every target in which something was done or tried, and with an advisor's at all
        homes; the others are as they were."""
        touched = {name for name, each in approved.items() if each.parts}
        again = [target for target in self.estate.targets if target.name in touched]
        if not again:
            return plan
        if self.estate.by_conversation:
            again = [each for each in self.estate.targets if each in again or each.longest is not None]
        elif any(target.kind is Kind.ADVISOR for target in again):
            missing = [each for each in self.estate.of(Kind.HELPLINE) if each not in again]
            again = [*(each for each in missing if plan.target(each.name)), *again]
        fresh = look_and_judge(
            self.estate,
            again,
            self.now,
            self.book,
            self.progress,
            checks_clock=False,
            crew=self.crew,
            is_day_believed=True,
        )
        seen = {target.target for target in fresh.targets} | {gap.target for gap in fresh.gaps}
        old = tuple(target for target in plan.targets if target.target not in seen)
        return Plan(plan.made, old + fresh.targets, fresh.gaps, fresh.register)

    def found(
        self,
        plan: Plan,
        approved: Mapping[str, Approved],
        outcomes: Sequence[Outcome],
        second: Plan,
        broken: Iterable[Finding],
        hands: Hands,
    ) -> tuple[Finding, ...]:
        """What somebody must know: of the look, of the fuse, and of what was not done as promised."""
        keeping = {name: each.keeps is True or each.until is not None for name, each in hands.keeping.items()}
        unseen = [
            Finding(gap.target, Cause.UNREACHABLE, 0, gap.detail, gap.why)
            for gap in second.gaps
            if gap not in plan.gaps
        ]
        undone = findings.of_sweep(approved, outcomes, second, keeping)
        open_erasures = unfinished(self.estate, self.book)
        looked = findings_of(self.estate, plan, self.now)
        return tuple(sorted({*looked, *undone, *broken, *open_erasures, *unseen}))


# ── the log ──────────────────────────────────────────────────────────────────────────────────────


def _log_ended(report: Report) -> None:
    for outcome in report.outcomes:
        _log_outcome(outcome)
    _log.info("ledger.sealed", seal=report.seal)
    done = sum(len(each.keys) for each in report.outcomes)
    _log.info("sweep.ended", findings=len(report.findings), done=done)


def _log_outcome(outcome: Outcome) -> None:
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
        case Result.GONE_ALREADY | Result.HELD:
            pass
