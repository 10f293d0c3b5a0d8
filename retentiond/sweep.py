"""One sweep from look to report: look, judge, approve, carry out, look again. Read `sweep` first.

An audit is a sweep that stops after the plan (law 2): both begin with the same `look_and_judge`.
Running again is the only recovery: what a crash left behind is settled by looking, then judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from retentiond.core import findings
from retentiond.core.chain import HOUSE, Seal
from retentiond.core.clock import doubt
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Approved, Standing, approve, approve_reviewed
from retentiond.core.model import (
    Arming,
    FolderView,
    Gap,
    Intent,
    Key,
    Kind,
    Outcome,
    Place,
    Reason,
    Ref,
    Refile,
    Result,
    Snapshot,
)
from retentiond.core.period import Period, start_of
from retentiond.core.plan import Plan, make_plan
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import ClockDoubted, Exit, MailboxError, StrayLost, Unreachable, Why, gravest
from retentiond.execute import Hands, Keeping, execute, settle
from retentiond.locks import held
from retentiond.logs import get_logger
from retentiond.mailbox.base import Question
from retentiond.survey import is_believed, item_mark, survey, undated
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()

#: For so long the name of a letter is remembered after it was last seen: a folder that is swept daily loses
#: no name that is still in use, and a name that is used again months later is a new letter's.
NAMES_KEPT = Period(days=7)


@dataclass(frozen=True, slots=True)
class Progress:
    """Who hears how far it is: `looked` before each mailbox, `done` after each batch (target, items)."""

    looked: Callable[[str], None] = lambda target: None
    done: Callable[[str, int], None] = lambda target, count: None
    should_stop: Callable[[], bool] = lambda: False


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


Reviewed = Mapping[Place, frozenset[Key]]


def sweep(
    estate: Estate,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    only: str | None = None,
    reviewed: Reviewed | None = None,
    wait_seconds: float = 0,
    progress: Progress = Progress(),
    crew: Crew = ONE_BY_ONE,
) -> Report:
    """One pass over all targets, or over `only` one.

    Raises ClockDoubted before anything is touched or written, StrayLost, and what the book raises.
    With `reviewed`, exactly what stands both there and in the fresh plan is done (a purge). `crew` looks
    at mailboxes and carries out side by side or not; the report is the same.
    """
    book.verify(since_checkpoint=True)
    with _locked(estate, book, locks, only, wait_seconds) as (free, taken):
        recovered = _settle_open_intents(estate, book, free, now, progress, crew)
        plan = look_and_judge(estate, free, now, book, progress, crew=crew)
        plan = replace(plan, gaps=plan.gaps + tuple(_locked_gap(target) for target in taken))
        standings = standings_of(estate, book)
        approved, broken = _approve(plan, standings, estate, only, reviewed)
        broken = _since_when(broken, plan, book, now)
        for finding in broken:
            _log.warning("target.stopped", target=finding.target, cause=finding.cause, count=finding.count)
        _log.info("plan.made", targets=len(plan.targets), due=sum(each.due for each in plan.targets))
        hands = _hands(estate, book, now, progress)
        outcomes = _carry_out(estate, approved, hands, crew)
        second = _look_again(estate, plan, approved, outcomes, now, book, progress, crew)
        found = _found(estate, plan, approved, outcomes, second, broken, hands, now)
        armed = _arm_the_clean(plan, standings, estate, book, now, only)
        forecasts = _forecasts(second, approved)
        book.forget_expired(now)
        seals = book.swept(now, forecasts, _counts(outcomes, found))
    _log_outcomes(outcomes)
    _log.info("ledger.sealed", seal=str(house_seal(seals)))
    _log.info("sweep.ended", findings=len(found), done=sum(len(each.keys) for each in outcomes))
    return Report(plan, second, outcomes, recovered, found, armed, tuple(seals))


def audit(
    estate: Estate,
    now: datetime,
    *,
    book: Ledger | None = None,
    only: str | None = None,
    as_of: datetime | None = None,
    progress: Progress = Progress(),
    crew: Crew = ONE_BY_ONE,
) -> Audit:
    """The look and the judgement of a sweep, and nothing else. Needs no ledger and takes no lock."""
    plan = look_and_judge(estate, _concerned(estate, only), now, book, progress, as_of, crew=crew)
    standings = standings_of(estate, book)
    _, broken = _approve(plan, standings, estate, only, None)
    return Audit(plan, standings, tuple(sorted({*_findings_of(estate, plan, now), *broken})))


def look_and_judge(
    estate: Estate,
    targets: Sequence[Target],
    now: datetime,
    book: Ledger | None,
    progress: Progress = Progress(),
    as_of: datetime | None = None,
    checks_clock: bool = True,
    wants_days: bool = False,
    crew: Crew = ONE_BY_ONE,
) -> Plan:
    """Looks at these targets and judges every item. Raises ClockDoubted; nothing is written then.

    The second look of a sweep does not check the clock again: `now` is the sweep's one reading of it,
    and may be long ago by then.
    """
    if not targets:
        return Plan(now, ())
    questions = {
        target.name: replace(estate.question(target, now, as_of), wants_days=wants_days) for target in targets
    }
    mailboxes = [(target.open(), questions[target.name]) for target in targets]
    found = survey(mailboxes, progress.looked, crew)
    last_entry = book.last_minute() if book is not None else None
    doubted = doubt(now, found.clocks, last_entry) if checks_clock else None
    if doubted is not None:
        _log.error("clock.doubted", against=doubted.against, seconds=doubted.seconds)
        raise ClockDoubted(doubted.against, doubted.seconds)
    for gap in found.snapshot.gaps:
        _log.warning("mailbox.unreachable", target=gap.target, why=gap.why)
    snapshot = _with_sightings(found.snapshot, estate, book, now)
    return make_plan(snapshot, estate.house(as_of or now))


def standings_of(estate: Estate, book: Ledger | None) -> dict[str, Standing]:
    """What the book says of each target; without a book every target is unarmed."""
    standings = {}
    for target in estate.targets:
        if book is None:
            standings[target.name] = Standing(target.rules, target.period)
        else:
            standings[target.name] = Standing(target.rules, target.period, *book.standing(target.name))
    return standings


# ── the steps ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _locked(
    estate: Estate, book: Ledger, locks: Path, only: str | None, wait_seconds: float
) -> Iterator[tuple[tuple[Target, ...], tuple[Target, ...]]]:
    """The targets that are ours for this sweep, and those that another process holds."""
    concerned = _concerned(estate, only)
    with held(locks, (target.name for target in concerned), wait_seconds) as names:
        free = tuple(target for target in concerned if target.name in names)
        yield free, tuple(target for target in concerned if target.name not in names)


def _concerned(estate: Estate, only: str | None) -> tuple[Target, ...]:
    """The targets to look at: an advisor's replies need their homes looked at too."""
    if only is None:
        return estate.targets
    target = estate.target(only)
    if target.kind is Kind.ADVISOR:
        return (*estate.of(Kind.HELPLINE), target)
    return (target,)


def recover(
    estate: Estate,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    progress: Progress = Progress(),
    crew: Crew = ONE_BY_ONE,
) -> tuple[Outcome, ...]:
    """Settles what an interrupted sweep left open, and does nothing else. Raises as `sweep` does."""
    with _locked(estate, book, locks, None, 0) as (free, _):
        return _settle_open_intents(estate, book, free, now, progress, crew)


def _settle_open_intents(
    estate: Estate, book: Ledger, free: Sequence[Target], now: datetime, progress: Progress, crew: Crew
) -> tuple[Outcome, ...]:
    """Closes what an interrupted sweep left open. The clock is checked first, by a look."""
    names = {target.name for target in free}
    mine = [intent for intent in book.open_intents() if _touched(intent) <= names]
    if not mine:
        return ()
    look_and_judge(estate, free, now, book, progress, crew=crew)
    hands = _hands(estate, book, now, progress)
    outcomes: list[Outcome] = []
    for intent in mine:
        try:
            outcomes.extend(settle(intent, hands))
        except MailboxError as error:
            _log.warning("intent.left_open", target=error.target, why=error.why)
    return tuple(outcomes)


def accept_loss(
    estate: Estate, book: Ledger, locks: Path, name: str, count: int, now: datetime, *, who: str
) -> int:
    """A person has looked: `count` replies of this target that stand in neither mailbox are gone, not by us.

    Closes the intents that stopped everything, enters who said so, and returns how many were closed.
    Raises StrayLost where another number is lost, Unreachable where a mailbox is held or away.
    """
    estate.target(name)
    mine = [intent for intent in book.open_intents() if intent.place.target == name]
    names = {each for intent in mine for each in _touched(intent)}
    closed = 0
    with held(locks, names) as free:
        for missing in sorted(names - free):
            raise Unreachable(missing, Why.LOCKED)
        hands = _hands(estate, book, now, Progress())
        for intent in mine:
            try:
                settle(intent, hands)
            except StrayLost:
                settle(intent, hands, accepts_loss_of=count)
                book.record("loss accepted", {"target": name, "count": count, "who": who}, now)
                closed += 1
    return closed


def _touched(intent: Intent) -> set[str]:
    return {intent.place.target, intent.home or intent.place.target}


def _with_sightings(snapshot: Snapshot, estate: Estate, book: Ledger | None, now: datetime) -> Snapshot:
    """Items without a believable date learn when they were first seen (and are remembered); a dated letter
    learns it of its name, which is forgotten soon after the last letter of that name is gone."""
    if book is None or not snapshot.views:
        return snapshot
    firsts: dict[Ref, datetime] = {}
    question = estate.question(estate.target(snapshot.views[0].target), now)
    for name, items in undated(snapshot, question).items():
        for is_dated, term in ((False, _twice(estate.target(name).period)), (True, NAMES_KEPT)):
            marks = {
                item.ref: item_mark(estate.marker, item)
                for item in items
                if is_believed(item, question) is is_dated
            }
            if marks:
                until = start_of(term.after(now.date()), estate.zone)
                seen = book.first_seen(name, tuple(marks.values()), now, until)
                firsts |= {ref: seen[mark] for ref, mark in marks.items()}
    if not firsts:
        return snapshot
    views = []
    for view in snapshot.views:
        asked = estate.question(estate.target(view.target), now)
        folders = tuple(_knowing(folder, firsts, asked) for folder in view.folders)
        views.append(replace(view, folders=folders))
    return replace(snapshot, views=tuple(views))


def _knowing(folder: FolderView, firsts: Mapping[Ref, datetime], asked: Question) -> FolderView:
    """A folder whose items know when they were first seen; those that count from it are in the forecast."""
    items = tuple(replace(item, first_seen=firsts.get(item.ref)) for item in folder.items)
    census = folder.census
    if census.ahead is not None and asked.ahead is not None:
        more = sum(
            item.first_seen is not None and item.first_seen < asked.ahead
            for item in items
            if not is_believed(item, asked)
        )
        census = replace(census, ahead=census.ahead + more)
    return replace(folder, census=census, items=items)


def _twice(period: Period) -> Period:
    """For how long a first sighting is remembered: past the day on which the item falls due by it."""
    return Period(2 * period.months, 2 * period.days)


def _approve(
    plan: Plan,
    standings: Mapping[str, Standing],
    estate: Estate,
    only: str | None,
    reviewed: Reviewed | None,
) -> tuple[dict[str, Approved], list[Finding]]:
    """What passed the fuse, advisors first (a reply comes home before the home is swept)."""
    approved: dict[str, Approved] = {}
    broken: list[Finding] = []
    for target in sorted(plan.targets, key=lambda each: each.kind is Kind.HELPLINE):
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


def _since_when(broken: Sequence[Finding], plan: Plan, book: Ledger, now: datetime) -> list[Finding]:
    """Findings of unarmed targets learn for how many days they have been findings."""
    from retentiond.ledger import UNARMED  # here, for it brings SQLAlchemy

    unarmed = {finding.target for finding in broken if finding.cause is Cause.UNARMED}
    for target in plan.targets:
        if target.target not in unarmed and target.is_clean:
            book.forget(UNARMED, target.target)
    return [
        replace(finding, numbers=(*finding.numbers, (now - book.unarmed_since(finding.target, now)).days))
        if finding.cause is Cause.UNARMED
        else finding
        for finding in broken
    ]


def _hands(estate: Estate, book: Ledger, now: datetime, progress: Progress) -> Hands:
    helplines = estate.of(Kind.HELPLINE)
    return Hands(
        open=lambda name: estate.target(name).open(),
        book=book,
        marker=estate.marker,
        now=now,
        cutoffs={target.name: estate.terms(target, now).cutoff for target in helplines},
        keeping={target.name: _keeping(estate, target, book, now) for target in estate.targets},
        told=progress.done,
        should_stop=progress.should_stop,
        homes={target.name: Lock() for target in helplines},
    )


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


def _keeping(estate: Estate, target: Target, book: Ledger, now: datetime) -> Keeping:
    """What the test at arming and the operator's declaration say; an advisor's is its helplines'."""
    until = None
    if target.server_keeps is not None:
        until = target.server_keeps.after(now.astimezone(estate.zone).date())
    arming, _ = book.standing(target.name)
    return Keeping(arming.keeps_copies if arming is not None else None, until)


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
    """The second look, at every target in which something was done or tried; the others are as they were."""
    touched = {name for name, each in approved.items() if each.parts}
    homes = {
        part.verdict.home
        for each in approved.values()
        for part in each.parts
        if isinstance(part.verdict, Refile)
    }
    again = [target for target in estate.targets if target.name in touched | homes]
    if not again:
        return plan
    if any(target.kind is Kind.ADVISOR for target in again):
        missing = [each for each in estate.of(Kind.HELPLINE) if each not in again]
        again = [*(each for each in missing if plan.target(each.name)), *again]
    fresh = look_and_judge(estate, again, now, book, progress, checks_clock=False, crew=crew)
    seen = {target.target for target in fresh.targets} | {gap.target for gap in fresh.gaps}
    old = tuple(target for target in plan.targets if target.target not in seen)
    return Plan(plan.made, old + fresh.targets, fresh.gaps)


def _findings_of(estate: Estate, plan: Plan, now: datetime) -> list[Finding]:
    cutoffs = {target.name: estate.terms(target, now).cutoff for target in estate.targets}
    # An advisor's mail is judged by the terms of its helpline; the latest of them is the strictest.
    latest = max((cutoffs[target.name] for target in estate.of(Kind.HELPLINE)), default=None)
    if latest is not None:
        cutoffs |= dict.fromkeys(
            (target.name for target in estate.targets if target.kind is not Kind.LETTERS), latest
        )
    return findings.of_plan(
        plan, {name: cutoff.astimezone(estate.zone).date() for name, cutoff in cutoffs.items()}
    )


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
    found = _findings_of(estate, plan, now) + findings.of_sweep(approved, outcomes, second, keeping)
    return tuple(sorted({*found, *broken, *unseen}))


def _arm_the_clean(
    plan: Plan,
    standings: Mapping[str, Standing],
    estate: Estate,
    book: Ledger,
    now: datetime,
    only: str | None,
) -> frozenset[str]:
    """A target with nothing due and nothing astray arms itself: there is nothing to be surprised by.

    Not an advisor while a helpline could not be looked at: what is astray is not known then.
    """
    armed = set()
    has_gap = any(gap.kind is Kind.HELPLINE for gap in plan.gaps)
    for target in plan.targets:
        if (only is not None and target.target != only) or (has_gap and target.kind is Kind.ADVISOR):
            continue
        if target.is_clean and not standings[target.target].is_armed:
            rules, period = standings[target.target].rules, str(estate.target(target.target).period)
            arming = Arming(rules, period, 0, 0, target.ahead, now, "itself", keeps_copies=None)
            book.arm(target.target, arming)
            armed.add(target.target)
    return frozenset(armed)


def _forecasts(second: Plan, approved: Mapping[str, Approved]) -> dict[str, int]:
    """What is foreseen from now on: counted anew only where the fuse let the target through, for what
    surprised us once must not be foreseen the next time because it was counted."""
    return {target.target: target.ahead for target in second.targets if target.target in approved}


def _counts(outcomes: Sequence[Outcome], found: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """What the house chain keeps of a sweep: by target, outcomes and findings."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        of_target = counts.setdefault(outcome.place.target, {})
        of_target[outcome.result.value] = of_target.get(outcome.result.value, 0) + len(outcome.keys)
    for finding in found:
        of_target = counts.setdefault(finding.target, {})
        of_target["findings"] = of_target.get("findings", 0) + 1
    return counts


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


def house_seal(seals: Sequence[Seal]) -> Seal:
    """The seal of the house chain, whose entry names the heads of all others: one witness for the book."""
    return next(seal for seal in seals if seal.chain == HOUSE)


def _locked_gap(target: Target) -> Gap:
    return Gap(target.name, target.kind, Why.LOCKED.value)
