"""Looks, judges, and stops there: an audit, and the first half of every sweep (law 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from retentiond.core import findings
from retentiond.core.chain import HOUSE
from retentiond.core.clock import doubt
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Approved, Standing, approve, approve_reviewed
from retentiond.core.holds import Registered, keep, settle, sought
from retentiond.core.judgement import make_plan
from retentiond.core.model import (
    Key,
    Kind,
    Place,
    TargetView,
)
from retentiond.core.plan import Plan
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import ClockDoubted, Exit, Unreachable, Why
from retentiond.locks import IN_SILENCE, Waiting
from retentiond.logs import get_logger
from retentiond.mailbox.base import Mailbox, Question
from retentiond.sightings import with_sightings
from retentiond.signs import with_signs
from retentiond.survey import Further, survey
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()

Reviewed = Mapping[Place, frozenset[Key]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Who hears how far it is: `looked` before each mailbox, `done` after each batch (target, items), and
    `waiting` of locks that others have."""

    looked: Callable[[str], None] = lambda target: None
    done: Callable[[str, int], None] = lambda target, count: None
    should_stop: Callable[[], bool] = lambda: False
    waiting: Waiting = IN_SILENCE


NOBODY_HEARS = Progress()


@dataclass(frozen=True, slots=True)
class Audit:
    """What a look found and how it was judged; nothing was changed."""

    plan: Plan
    standings: Mapping[str, Standing]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 even when things are due; 75 where a mailbox could not be looked at."""
        return Exit.UNREACHED if self.plan.gaps else Exit.DONE


def audit(
    estate: Estate,
    now: datetime,
    *,
    book: Ledger | None = None,
    only: str | None = None,
    as_of: datetime | None = None,
    progress: Progress = NOBODY_HEARS,
    crew: Crew = ONE_BY_ONE,
) -> Audit:
    """The look and the judgement of a sweep, and nothing else. Needs no ledger and takes no lock."""
    targets = concerned(estate, only)
    plan = look_and_judge(estate, targets, now, book, progress, as_of, wants_beside=True, crew=crew)
    standings = standings_of(estate, book)
    _, broken = approve_all(plan, standings, estate, only, None)
    broken += unfinished(estate, book)
    return Audit(plan, standings, tuple(sorted({*findings_of(estate, plan, now), *broken})))


def look_and_judge(
    estate: Estate,
    targets: Sequence[Target],
    now: datetime,
    book: Ledger | None,
    progress: Progress = NOBODY_HEARS,
    as_of: datetime | None = None,
    checks_clock: bool = True,
    wants_days: bool = False,
    wants_beside: bool = False,
    crew: Crew = ONE_BY_ONE,
    is_day_believed: bool = False,
) -> Plan:
    """Looks at these targets and judges every item. Raises ClockDoubted; nothing is written then.

    After a long silence of the ledger first sightings are written only where `is_day_believed`: by a sweep
    whose fuse let everything through (decision 0048).

    The second look of a sweep does not check the clock again: `now` is the sweep's one reading of it,
    and may be long ago by then.
    """
    if not targets:
        return Plan(now, ())
    holds = book.holds.all() if book is not None else ()
    questions = {
        target.name: replace(
            _asked(estate, target, now, as_of, holds), wants_days=wants_days, wants_beside=wants_beside
        )
        for target in targets
    }
    mailboxes = [(target.open(), questions[target.name]) for target in targets]
    further = _asking_for_signs(holds, estate) if book is not None else _asking_nothing
    found = survey(mailboxes, progress.looked, crew, further)
    last_entry = book.last_minute() if book is not None else None
    doubted = doubt(now, found.clocks, last_entry, estate.is_synchronised()) if checks_clock else None
    if doubted is not None:
        _log.error("clock.doubted", against=doubted.against, seconds=doubted.seconds)
        raise ClockDoubted(doubted.against, doubted.seconds)
    for gap in found.snapshot.gaps:
        _log.warning("mailbox.unreachable", target=gap.target, why=gap.why)
    remembers = is_day_believed or not is_silence_long(last_entry, estate, now)
    snapshot = with_sightings(found.snapshot, estate, book, now, remembers=remembers)
    if book is None:
        return make_plan(snapshot, estate.house(as_of or now))
    known_by = keep if estate.correspondents else settle
    register = known_by(snapshot, holds, now.astimezone(estate.zone).date())
    return make_plan(snapshot, estate.house(as_of or now), register)


def is_silence_long(last_entry: datetime | None, estate: Estate, now: datetime) -> bool:
    """Whether the ledger's last entry is older than any forecast reaches. The clock may be a year ahead then,
    though servers share it: that day is not written down before somebody or something confirms it (0048)."""
    return last_entry is not None and now - last_entry > timedelta(days=estate.limits.forecast_days)


def _asked(
    estate: Estate,
    target: Target,
    now: datetime,
    as_of: datetime | None,
    holds: Sequence[Registered],
) -> Question:
    """What is asked of a target. Any of its mail that is due may be a link in a conversation that is held:
    only then its marks are asked for (the law of scale)."""
    question = estate.question(target, now, as_of)
    is_linked = any(hold.is_conversation and hold.target == target.name for hold in holds)
    return replace(question, wants_marks=question.wants_marks or is_linked)


def _asking_for_signs(holds: Sequence[Registered], estate: Estate) -> Further:
    """Asks a mailbox for the marks of what is held there, and of what the register keeps there."""

    def further(mailbox: Mailbox, view: TargetView) -> TargetView:
        return with_signs(mailbox, view, sought(holds, view.target, view.kind), estate.marker)

    return further


def _asking_nothing(mailbox: Mailbox, view: TargetView) -> TargetView:
    """Without a ledger there is no register, and the marks would die with the command."""
    return view


def standings_of(estate: Estate, book: Ledger | None) -> dict[str, Standing]:
    """What the book says of each target; without a book every target is unarmed."""
    standings = {}
    for target in estate.targets:
        if book is None:
            standings[target.name] = Standing(target.rules, target.period, longest=target.longest)
        else:
            known = book.standing(target.name)
            standings[target.name] = Standing(target.rules, target.period, *known, target.longest)
    return standings


def concerned(estate: Estate, only: str | None) -> tuple[Target, ...]:
    """The targets to look at: an advisor's replies need their homes looked at too, and a conversation may
    have members anywhere."""
    if only is None:
        return estate.targets
    target = estate.target(only)
    if target.longest is not None:
        return (*estate.of(Kind.HELPLINE), *estate.of(Kind.ADVISOR))
    if target.kind is Kind.ADVISOR:
        return (*estate.of(Kind.HELPLINE), target)
    return (target,)


def approve_all(
    plan: Plan,
    standings: Mapping[str, Standing],
    estate: Estate,
    only: str | None,
    reviewed: Reviewed | None,
) -> tuple[dict[str, Approved], list[Finding]]:
    """What passed the fuse, and what was broken."""
    approved: dict[str, Approved] = {}
    broken: list[Finding] = []
    for target in plan.targets:
        if only is not None and target.target != only:
            continue
        if reviewed is None:
            verdict = approve(target, standings, estate.limits)
        else:
            verdict = approve_reviewed(target, reviewed, standings)
        if isinstance(verdict, Approved):
            approved[target.target] = verdict
            broken.extend(findings.of_fuse(verdict.withheld))
        else:
            broken.extend(findings.of_fuse(verdict))
    return approved, broken


def unfinished(estate: Estate, book: Ledger | None) -> list[Finding]:
    """Erasures that were begun and are not finished; nobody but the person who asked knows the addresses."""
    if book is None or estate.correspondents:
        return []
    return [
        Finding(HOUSE, Cause.ERASURE_UNFINISHED, 0, detail=receipt) for receipt in book.unfinished_erasures()
    ]


def refuse_gaps(plan: Plan) -> None:
    """Raises Unreachable where a mailbox could not be looked at."""
    for gap in plan.gaps:
        raise Unreachable(gap.target, Why(gap.why), gap.detail)


def findings_of(estate: Estate, plan: Plan, now: datetime) -> list[Finding]:
    """What the first look tells. An advisor's own cutoff is the strictest of all helplines'."""
    cutoffs = {target.name: estate.terms(target, now).cutoff for target in estate.targets}
    return findings.of_plan(
        plan, {name: cutoff.astimezone(estate.zone).date() for name, cutoff in cutoffs.items()}
    )
