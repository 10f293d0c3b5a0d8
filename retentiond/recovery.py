"""What was interrupted is settled by looking, under the locks, before anything new is done.

Running again is the only recovery: what a crash left behind is closed here, then judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from retentiond.audit import NOBODY_HEARS, Progress, concerned, look_and_judge
from retentiond.core.deeds import Intent, Outcome
from retentiond.core.model import Kind
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import MailboxError, StrayLost, Unreachable, Why
from retentiond.execute import Hands, Keeping, settle
from retentiond.locks import IN_SILENCE, Waiting, held
from retentiond.logs import get_logger
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()


@contextmanager
def locked(
    estate: Estate,
    book: Ledger,
    locks: Path,
    only: str | None,
    wait_seconds: float,
    waiting: Waiting = IN_SILENCE,
) -> Iterator[tuple[tuple[Target, ...], tuple[Target, ...]]]:
    """The targets that are ours for this sweep, and those that another process holds.

    A mailbox is swept after what was on its way there or from there is settled: its other end is ours too.
    """
    swept = {target.name for target in concerned(estate, only)}
    ends = [_touched(intent) for intent in book.open_intents()]
    ours = swept.union(*(each for each in ends if each & swept))
    targets = tuple(target for target in estate.targets if target.name in ours)
    with held(locks, (target.name for target in targets), wait_seconds, waiting) as names:
        free = tuple(target for target in targets if target.name in names)
        yield free, tuple(target for target in targets if target.name not in names)


def recover(
    estate: Estate,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    progress: Progress = NOBODY_HEARS,
    crew: Crew = ONE_BY_ONE,
) -> tuple[Outcome, ...]:
    """Settles what an interrupted sweep left open, and does nothing else. Raises as `sweep` does."""
    with locked(estate, book, locks, None, 0, progress.waiting) as (free, _):
        return settle_open_intents(estate, book, free, now, progress, crew)


def settle_open_intents(
    estate: Estate, book: Ledger, free: Sequence[Target], now: datetime, progress: Progress, crew: Crew
) -> tuple[Outcome, ...]:
    """Closes what an interrupted sweep left open. The clock is checked first, by a look."""
    names = {target.name for target in free}
    mine = [intent for intent in book.open_intents() if _touched(intent) <= names]
    if not mine:
        return ()
    look_and_judge(estate, free, now, book, progress, crew=crew)
    hands = hands_of(estate, book, now, progress)
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
        hands = hands_of(estate, book, now, NOBODY_HEARS)
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


def hands_of(estate: Estate, book: Ledger, now: datetime, progress: Progress) -> Hands:
    """With what a plan of `now` is carried out."""
    helplines = estate.of(Kind.HELPLINE)
    return Hands(
        open=lambda name: estate.target(name).open(),
        book=book,
        marker=estate.marker,
        time=going_on_from(now),
        cutoffs={target.name: estate.terms(target, now).cutoff for target in helplines},
        longest={
            target.name: longest
            for target in helplines
            if (longest := estate.terms(target, now).longest) is not None
        },
        keeping={target.name: _keeping(estate, target, book, now) for target in estate.targets},
        told=progress.done,
        should_stop=progress.should_stop,
        homes={target.name: Lock() for target in helplines},
    )


def going_on_from(now: datetime) -> Callable[[], datetime]:
    """The time of a sweep that goes on: its one reading of this machine's clock, and what has passed since.

    Somebody else may enter something meanwhile, at a later minute; an entry is made at its own.
    """
    began = monotonic()
    return lambda: now + timedelta(seconds=monotonic() - began)


def _keeping(estate: Estate, target: Target, book: Ledger, now: datetime) -> Keeping:
    """What the test at arming and the operator's declaration say; an advisor's is its helplines'."""
    until = None
    if target.server_keeps is not None:
        until = target.server_keeps.after(now.astimezone(estate.zone).date())
    arming, _ = book.standing(target.name)
    return Keeping(arming.keeps_copies if arming is not None else None, until)
