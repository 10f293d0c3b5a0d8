"""One round of the service: a sweep, or a look where it audits only or is paused. Then how the promise
stands is written down, whatever came of the round: also a fault of our own is a concern, and no silence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from retentiond import acknowledgement, retirement
from retentiond import condition as conditions
from retentiond import pause as pauses
from retentiond.audit import Progress, audit
from retentiond.condition import Condition, Round
from retentiond.core.chain import HOUSE, Break
from retentiond.core.deeds import Result
from retentiond.core.promises import Concern, Worry, no_sweep, remembered
from retentiond.crew import Crew, SideBySide
from retentiond.errors import ClockDoubted, LedgerDamaged, LedgerMissing, RetentionError, StrayLost
from retentiond.logs import get_logger
from retentiond.recovery import recover
from retentiond.stocktaking import Look, Seen, seen_by, with_seen
from retentiond.sweep import sweep
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()

#: Opens configuration and ledger anew for each round; without a ledger (None) it can only be looked.
Opened: TypeAlias = AbstractContextManager[tuple[Estate, "Ledger | None"]]

#: What the round itself can find wrong; each round finds it anew or not at all.
_OF_A_ROUND = (Worry.CLOCK, Worry.CRASHED, Worry.LEDGER, Worry.STRAY_LOST, Worry.STOPPED)
#: For how long a round waits for mailboxes in which somebody else is at work, in seconds.
_LOCK_WAIT = 300.0
_BETWEEN_ROUNDS = (Worry.PAUSED, Worry.NO_SWEEP)


class Stopped(Exception):
    """Somebody asked to stop. What was begun is finished and entered; the rest is the next sweep's."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Unwritten:
    """The condition that a full disk did not take: it is remembered here until it can be written down."""

    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What a round works with. `directory` holds locks, switch and condition; `turn` keeps two writers apart.

    `tell` tells people what they must know, and returns the condition with that noted; `show` shows the
    condition to monitors each time that it was written; `ping` hears of it after each round.
    """

    open: Callable[[], Opened]
    directory: Path
    zone: ZoneInfo
    parallel: int = 4
    is_audit_only: bool = False
    tell: Callable[[Condition, datetime], Condition] = lambda condition, now: condition
    show: Callable[[Condition, datetime], None] = lambda condition, now: None
    ping: Callable[[Condition, datetime], None] = lambda condition, now: None
    clock: Callable[[], datetime] = _now
    turn: threading.Lock = field(default_factory=threading.Lock)
    unwritten: Unwritten = field(default_factory=Unwritten)

    def crew(self, estate: Estate) -> Crew:
        return SideBySide({target.name: target.server for target in estate.targets}, self.parallel)


def begin(service: Service, progress: Progress) -> None:
    """Before the first round: the whole ledger is verified, then what was interrupted is settled by looking.

    Raises LedgerDamaged, LedgerMissing and StrayLost, which end the service. A clock in doubt or a
    mailbox that does not answer leaves the intents open, for the next round to settle. That the service
    was away for too long is told before the round that makes up for it. A ledger that verifies is no concern
    any more.
    """
    try:
        is_verified = _begin(service, progress)
    except RetentionError as error:
        if is_final(error):
            _note(service, error)
        raise
    _watch(service, (*_BETWEEN_ROUNDS, *([Worry.LEDGER] if is_verified else [])))


def _note(service: Service, error: RetentionError) -> None:
    """What ends the service before its first round is written down and told as well."""
    now = service.clock()
    with service.turn:
        before = _standing(service)
        _write(service, before, (*_lasting(before), _concern_of(error, now)), now)


def _begin(service: Service, progress: Progress) -> bool:
    """Whether there is a ledger, and it verifies."""
    with service.open() as (estate, book):
        if book is None:
            return False
        try:
            verified = book.verify()
        except LedgerDamaged as error:
            _log.error("ledger.damaged", chain=error.chain, entry=error.entry)
            raise
        _log.info("ledger.verified", entries=verified.entries, open=verified.open_intents)
        if service.is_audit_only or not verified.open_intents:
            return True
        try:
            for outcome in recover(
                estate, book, service.directory, service.clock(), progress=progress, crew=service.crew(estate)
            ):
                _log.info("intent.settled", target=outcome.place.target, count=len(outcome.keys))
        except ClockDoubted:
            pass  # it is in the log, and the round says it again
    return True


def make_round(service: Service, progress: Progress) -> Condition:
    """One round; returns the condition that it wrote.

    Raises Stopped, after which the condition is as it was before, and what ends the service: StrayLost,
    and LedgerDamaged but for a ledger that is merely busy.
    """
    started = service.clock()
    kind = _kind(service, started)
    _log.info("round.started", kind=kind)
    seen: Seen | None = None
    failure: RetentionError | Exception | None = None
    try:
        seen = _look_and_act(service, kind, started, progress)
    except Stopped:
        _log.info("round.stopped", kind=kind)
        raise
    except Exception as error:
        if isinstance(error, RetentionError):
            _log.error("round.failed", error=error)
        else:
            _log.error("crash.caught", error=error)
        failure = error
    ended = service.clock()
    result = "done" if failure is None else _worry(failure).value
    done = Round(kind, started, ended, result, seen.done if seen is not None else 0)
    with service.turn:
        after = replace(_standing(service), round=done)
        if seen is not None:
            written = _write(service, with_seen(after, seen, ended), seen.concerns, ended)
        else:
            written = _write(service, after, (*_lasting(after), _concern_of(failure, ended)), ended)
    _aside(service.ping, written, ended)
    if failure is not None and is_final(failure):
        raise failure
    return written


def watch(service: Service) -> Condition:
    """Between rounds: is a pause too long, has no round ended any more? Tells what must be told."""
    return _watch(service, _BETWEEN_ROUNDS)


def _watch(service: Service, looked_at: Sequence[Worry]) -> Condition:
    """Writes how things stand. What was just looked at stands only as it was found."""
    with service.turn:
        before = _standing(service)
        kept = [each for each in before.concerns if each.cause not in looked_at]
        return _write(service, before, kept, service.clock())


def is_final(error: BaseException) -> bool:
    """Whether no later round can mend it: a person must look, and the service ends."""
    if isinstance(error, LedgerDamaged):
        return error.what != Break.BUSY
    return isinstance(error, StrayLost | LedgerMissing)


def _kind(service: Service, now: datetime) -> str:
    if service.is_audit_only:
        return "audit"
    return "sweep" if pauses.in_force(service.directory, now, service.zone) is None else "pause"


def _look_and_act(service: Service, kind: str, now: datetime, progress: Progress) -> Seen:
    with service.open() as (estate, book):
        crew, before = service.crew(estate), _standing(service)
        if kind == "sweep" and book is not None:
            report = sweep(
                estate,
                book,
                service.directory,
                now,
                wait_seconds=_LOCK_WAIT,
                progress=progress,
                crew=crew,
            )
            done = report.count(Result.DONE, Result.REMOVED, Result.RETAINED)
            if report.seals:
                retirement.retire_the_empty({each.name for each in estate.targets}, book, before, now)
            look = Look(report.second, report.findings, report.seal, done)
        else:
            found = audit(estate, now, book=book, progress=progress, crew=crew)
            look = Look(found.plan, found.findings)
        return seen_by(look, estate, book, before, now)


def _write(service: Service, condition: Condition, found: Sequence[Concern], now: datetime) -> Condition:
    """Writes the condition, tells what must be told, and writes what was told."""
    concerns = remembered([*found, *_of_the_house(service, condition, now)], condition.concerns)
    after = condition.succeeded_by(acknowledgement.applied(service.directory, concerns))
    _keep(service, after)
    told = service.tell(after, now)
    if told != after:
        _keep(service, told)
    _aside(service.show, told, now)
    return told


def _standing(service: Service) -> Condition:
    """How things stood until now."""
    return service.unwritten.condition or conditions.read(service.directory)


def _keep(service: Service, condition: Condition) -> None:
    """Writes the condition down. People are told, and told once a day, also where the disk takes nothing."""
    try:
        conditions.write(service.directory, condition)
    except OSError as error:
        _log.error("condition.unwritten", error=error)
        service.unwritten.condition = condition
    else:
        service.unwritten.condition = None


def _aside(heard: Callable[[Condition, datetime], None], condition: Condition, now: datetime) -> None:
    """What is only watched by others never ends a round, whatever becomes of it."""
    try:
        heard(condition, now)
    except Exception as error:
        _log.error("crash.caught", error=error)


def _of_the_house(service: Service, condition: Condition, now: datetime) -> list[Concern]:
    found = (pauses.concern(service.directory, now, service.zone), no_sweep(condition.finished, now))
    return [each for each in found if each is not None]


def _lasting(before: Condition) -> list[Concern]:
    """What was wrong before a round that saw nothing is wrong still, as far as anybody knows."""
    not_now = (*_OF_A_ROUND, *_BETWEEN_ROUNDS)
    return [each for each in before.concerns if each.cause not in not_now]


def _worry(error: BaseException | None) -> Worry:
    match error:
        case ClockDoubted():
            return Worry.CLOCK
        case LedgerDamaged() | LedgerMissing():
            return Worry.LEDGER
        case StrayLost():
            return Worry.STRAY_LOST
        case RetentionError():
            return Worry.STOPPED
        case _:
            return Worry.CRASHED


def _concern_of(error: BaseException | None, now: datetime) -> Concern:
    if isinstance(error, StrayLost):
        return Concern(HOUSE, _worry(error), now, error.count, detail=error.target)
    return Concern(HOUSE, _worry(error), now, detail=type(error).__name__)
