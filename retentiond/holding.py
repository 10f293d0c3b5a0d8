"""Setting and releasing a hold: the sign on the server first, then the register, so that neither order of a
power cut lets go what somebody holds (P6).

What was typed to find the mail is used once and kept nowhere; the register gets marks. A hold may be set
while a sweep is at work: the last look before each deed honours its sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond.core.clock import ClockReading, doubt
from retentiond.core.holds import Ground, Registered, Sign
from retentiond.core.model import Item, Key, Kind, Mark, Place, Role
from retentiond.core.replies import recognise
from retentiond.errors import ClockDoubted, NothingFound, Refused, Unreachable, Why
from retentiond.locks import IN_SILENCE, Waiting, held
from retentiond.mailbox.base import Mailbox, Wanted
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.readonly import ReadOnly
from retentiond.signs import bearing, identified
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to be held, but for the items: why, until when it is looked at again, by whom."""

    ground: Ground
    review: date
    who: str
    is_conversation: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """How many items bore the sign that was taken away, and on how many there is another hold."""

    count: int
    still_held: int


def find(estate: Estate, name: str, wanted: Wanted, now: datetime) -> tuple[Item, ...]:
    """What is wanted in this target, with marks; of an advisor's mailbox only what is a helpline's (P3).

    Raises NothingFound, Refused(hold-folder) for letters, which have no other sign, and what looking raises.
    """
    target = estate.target(name)
    with ReadOnly(target.open()) as mailbox:
        if target.kind is Kind.ADVISOR:
            sought = _strays(mailbox, estate, target, now)
            items = [item for item in sought if wanted.is_met_by(item, estate.marker)]
        else:
            items = list(mailbox.seek(wanted))
        found = tuple(_marked(mailbox, items, estate.marker))
    if not found:
        raise NothingFound(name)
    return found


def hold(
    estate: Estate, name: str, items: Sequence[Item], order: Order, book: Ledger, now: datetime
) -> tuple[Registered, ...]:
    """Sets the sign on these items, looks whether it is there, and registers the hold.

    An advisor's are registered for the helpline that they belong to: one hold for each. Raises ClockDoubted
    before anything is touched, and Refused(no-keywords) where the server says yes and keeps no sign.
    """
    with estate.target(name).open() as mailbox:
        _check_clock(mailbox, book, now)
        for place, keys in _by_place(items):
            mailbox.hold(place, keys)
            seen = list(mailbox.identify(place, keys))
            if len(seen) < len(keys) or not all(item.is_held for item in seen):
                raise Refused(name, Why.NO_KEYWORDS, place.folder)
    return tuple(
        book.holds.add(_registered(home, name, mine, order, now), now)
        for home, mine in _by_home(estate, name, items, now)
    )


def release(estate: Estate, registered: Registered, book: Ledger, who: str, now: datetime) -> Released:
    """Takes the sign from what this hold is on, and the hold out of the register.

    What another hold is on as well keeps its sign. Whose mailbox is no target any more is not looked at.
    Raises Refused(hold-folder), before anything is done, where an item is held by where it lies, and
    ClockDoubted.
    """
    others = [each for each in book.holds.all() if each.target == registered.target]
    shared = [_marks(registered) & _marks(each) for each in others if each.id != registered.id]
    still_held = frozenset().union(*shared)
    marks = _marks(registered) - still_held
    count = 0
    wanted = {registered.target, *(sign.lies_in for sign in registered.signs)}
    for target in sorted(
        (each for each in estate.targets if each.name in wanted), key=lambda each: each.name
    ):
        with target.open() as mailbox:
            _check_clock(mailbox, book, now)
            folders = list(mailbox.look(estate.question(target, now)))
            found = [i for i in bearing(mailbox, folders, estate.marker) if i.marks.message in marks]
            for place, keys in sorted(_by_place(found), key=lambda pair: pair[0].role is not Role.HOLD):
                mailbox.unhold(place, keys)
                count += len(keys)
    book.holds.release(registered.id, who, now)
    return Released(count, len(still_held))


def _check_clock(mailbox: Mailbox, book: Ledger, now: datetime) -> None:
    """A time that the server or the ledger contradicts is never entered: nobody could sweep before it."""
    agrees = mailbox.clock(now).agrees
    doubted = doubt(now, {mailbox.target: ClockReading(agrees)}, book.last_minute())
    if doubted is not None:
        raise ClockDoubted(doubted.against, doubted.seconds)


def _marks(registered: Registered) -> frozenset[Mark]:
    return frozenset(sign.mark for sign in registered.signs)


@contextmanager
def between_sweeps(
    estate: Estate,
    name: str,
    locks: Path,
    wait_seconds: float,
    waiting: Waiting = IN_SILENCE,
    *,
    is_needed: bool,
) -> Iterator[None]:
    """The time in which no sweep is between its look and its deeds: only the sign is looked for there, which
    the rest of a conversation does not bear. Raises Unreachable(locked)."""
    if not is_needed:
        yield
        return
    names = {name}
    if estate.target(name).kind is Kind.ADVISOR:
        names |= {target.name for target in estate.of(Kind.HELPLINE)}
    with held(locks, names, wait_seconds, waiting) as free:
        for missing in sorted(names - free):
            raise Unreachable(missing, Why.LOCKED)
        yield


def _registered(home: str, name: str, items: Sequence[Item], order: Order, now: datetime) -> Registered:
    marks = sorted({item.marks.message for item in items if item.marks.message})
    parents = frozenset().union(*(item.marks.parents for item in items))
    return Registered(
        id="",
        target=home,
        who=order.who,
        ground=order.ground,
        review=order.review,
        since=now,
        signs=tuple(Sign(mark, name, now) for mark in marks),
        is_conversation=order.is_conversation,
        thread=parents.union(marks) if order.is_conversation else frozenset(),
    )


def _strays(mailbox: Mailbox, estate: Estate, target: Target, now: datetime) -> Iterator[Item]:
    for folder in list(mailbox.look(estate.question(target, now))):
        keys = [item.ref.key for item in folder.items]
        yield from mailbox.identify(folder.place, keys) if keys else ()


def _marked(mailbox: Mailbox, items: Sequence[Item], marker: Marker) -> Iterator[Item]:
    for place, keys in _by_place(items):
        yield from identified(mailbox, place, keys, marker)


def _by_place(items: Sequence[Item]) -> list[tuple[Place, list[Key]]]:
    groups: dict[Place, list[Key]] = {}
    for item in items:
        groups.setdefault(item.ref.place, []).append(item.ref.key)
    return list(groups.items())


def _by_home(estate: Estate, name: str, items: Sequence[Item], now: datetime) -> list[tuple[str, list[Item]]]:
    if estate.target(name).kind is not Kind.ADVISOR:
        return [(name, list(items))]
    homes: dict[str, list[Item]] = {}
    owners = recognise(items, estate.house(now).helplines, None)
    for item in items:
        for home in owners[item.ref]:
            homes.setdefault(home, []).append(item)
    return sorted(homes.items())
