"""See that a reply stands in the helpline's Sent Items, then destroy the stray; never the other order.

The same rule every time: count, by content, the copies that will stay at home; add until there are as
many as the advisor's mailbox holds; count again; only then remove. Running it twice changes nothing,
so it needs no memory of where it stopped (P3; disaster 1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Protocol

from retentiond.core.deeds import Intent, Outcome, Phase, Result, StrayMark
from retentiond.core.model import Item, Key, Place, Reason, Role
from retentiond.errors import Changed, MailboxError, Refused, StrayLost, Unreachable, Unsupported, Why
from retentiond.mailbox.base import CARRY_BYTES, CARRY_MESSAGES, Copy, Likeness, Mailbox, Message, Sameness
from retentiond.mailbox.headers import likeness_of
from retentiond.mailbox.likeness import digest
from retentiond.mailbox.marker import Marker
from retentiond.twins import Found, Stays, missing_of, short_of, staying


@dataclass(frozen=True, slots=True)
class Stray:
    """A helpline's reply in an advisor's folder."""

    item: Item
    is_held: bool


class Diary(Protocol):
    """Where the steps are written down before they are taken."""

    @property
    def marker(self) -> Marker: ...

    def intend(self, intent: Intent) -> Intent: ...

    def advance(self, intent: Intent) -> None: ...

    def enter(self, intent: Intent, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]: ...


def batches(strays: Iterable[Stray], by: Sameness) -> Iterator[list[Stray]]:
    """Strays in batches of bounded number and weight; those alike are never split."""
    groups: dict[tuple[bytes, int], list[Stray]] = {}
    for stray in strays:
        size = stray.item.size if by is Sameness.BYTES else 0
        groups.setdefault((stray.item.marks.message or b"", size), []).append(stray)
    batch: list[Stray] = []
    weight = 0
    for group in groups.values():
        heavier = sum(stray.item.size for stray in group)
        if batch and (len(batch) + len(group) > CARRY_MESSAGES or weight + heavier > CARRY_BYTES):
            yield batch
            batch, weight = [], 0
        batch.extend(group)
        weight += heavier
    if batch:
        yield batch


def bring_home(
    source: Mailbox, home: Mailbox, batch: Sequence[Stray], stays: Stays, diary: Diary
) -> Iterator[Outcome]:
    """Brings one batch home and removes the strays; yields an outcome for every one of them.

    Raises Unreachable with the intents open where a connection broke: look again next time.
    """
    by = source.sameness.between(home.sameness)
    found, gone = _fetched(source, batch, by, diary.marker)
    sent = home.place(Role.SENT)
    intents = [diary.intend(intent) for intent in _intents(batch, found, home.target, diary.marker)]
    try:
        short, why = _see_them_stand(source, home, sent, found, by, stays)
    except Unreachable:
        raise
    except MailboxError as error:
        for intent in intents:
            failed = Outcome(intent.place, Result.FAILED, intent.keys, why=error.why.value)
            yield from diary.enter(intent, (failed,))
        return
    for intent in intents:
        yield from _remove(source, intent, found, gone, short, why, diary)


def _fetched(
    source: Mailbox, batch: Sequence[Stray], by: Sameness, marker: Marker
) -> tuple[list[Found], frozenset[tuple[Place, Key]]]:
    """The strays' content, and those that are gone by now."""
    by_place: dict[Place, dict[Key, Stray]] = {}
    for stray in batch:
        by_place.setdefault(stray.item.ref.place, {})[stray.item.ref.key] = stray
    found = [
        Found(
            place,
            message,
            strays[message.key].is_held,
            likeness_of(message.content, marker),
            digest(message.content, by),
        )
        for place, strays in by_place.items()
        for message in source.fetch(place, tuple(strays), [each.item.size for each in strays.values()])
    ]
    here = {(each.place, each.message.key) for each in found}
    there = {(place, key) for place, keys in by_place.items() for key in keys}
    return found, frozenset(there - here)


def _intents(batch: Sequence[Stray], found: Sequence[Found], home: str, marker: Marker) -> Iterator[Intent]:
    """One intent for each folder in which strays of this batch lie."""
    places = {stray.item.ref.place: None for stray in batch}
    for place in places:
        strays = tuple(
            StrayMark(
                each.message.key,
                each.likeness.message,
                each.likeness.size,
                marker.mark("content", each.digest),
            )
            for each in found
            if each.place == place
        )
        items = [stray.item for stray in batch if stray.item.ref.place == place]
        days = _days(items)
        keys = tuple(item.ref.key for item in items)
        yield Intent(place, Phase.ADDING, keys, home, Reason.ASTRAY, *days, home=home, strays=strays)


def _days(items: Sequence[Item]) -> tuple[date | None, date | None]:
    """Their first and last day of receipt, in UTC."""
    days = [item.received.astimezone(UTC).date() for item in items if item.received is not None]
    return min(days, default=None), max(days, default=None)


def _see_them_stand(
    source: Mailbox, home: Mailbox, sent: Place, found: Sequence[Found], by: Sameness, stays: Stays
) -> tuple[frozenset[bytes], str]:
    """Sees to it that home holds what is needed; gives the digests of which it still does not, and why.

    What home refuses of one message does not keep the others: they are counted all the same.
    """
    why = "copy-not-seen"
    needed_held = Counter(each.digest for each in found if each.is_held)
    copies = staying(home, sent, found, by, stays)
    _refuse_one_mailbox(source, home, sent, found, copies)
    missing = missing_of(found, copies, stays)
    if missing:
        try:
            _carry(source, home, sent, missing)
        except (Refused, Unsupported) as error:
            why = error.why.value
        copies = staying(home, sent, found, by, stays)
    if needed_held:
        copies = _hold_as_needed(home, sent, found, copies, needed_held, by, stays)
    short = needed_held - Counter(copy.digest for copy in copies if copy.is_held)
    for each in short_of(found, copies, stays):
        short += each
    return frozenset(short), why


def _refuse_one_mailbox(
    source: Mailbox, home: Mailbox, sent: Place, found: Sequence[Found], copies: Sequence[Copy]
) -> None:
    """A stray may not be its own copy: where the advisor's mailbox is the helpline's under another name,
    every reply at home would be destroyed as the stray that it is not. Raises Refused(same-mailbox)."""
    digests = {copy.key: copy.digest for copy in copies}
    alike = {each.place: each.message.key for each in found if digests.get(each.message.key) == each.digest}
    if any(source.is_itself(place, key, home, sent) for place, key in alike.items()):
        raise Refused(source.target, Why.SAME_MAILBOX, home.target)


def _carry(source: Mailbox, home: Mailbox, sent: Place, missing: Sequence[Found]) -> None:
    """Copies on the server where one login reaches both ends, else stores the messages at home."""
    by_place: dict[Place, list[Key]] = {}
    for each in missing:
        by_place.setdefault(each.place, []).append(each.message.key)
    uncopied = {place for place, keys in by_place.items() if not source.copy(place, keys, home, sent)}
    parcels = {place: source.pack(place, by_place[place]) for place in uncopied if home.takes_parcels}
    messages = [
        _as_at(home, source, each.message, parcels.get(each.place, {}).get(each.message.key, ""))
        for each in missing
        if each.place in uncopied
    ]
    load: list[Message] = []
    weight = 0
    for message in messages:
        if load and (len(load) == CARRY_MESSAGES or weight + len(message.content) > CARRY_BYTES):
            home.add(sent, load)
            load, weight = [], 0
        load.append(message)
        weight += len(message.content)
    if load:
        home.add(sent, load)


def _as_at(home: Mailbox, source: Mailbox, message: Message, parcel: str) -> Message:
    """The message as it is stored at home: held by the sign of that server, not of this one (P6). In a
    parcel nothing can be changed, so it is of no use then."""
    sign = source.hold_sign.casefold()
    held = {flag for flag in message.flags if flag.casefold() == sign}
    if not held or sign == home.hold_sign.casefold():
        return replace(message, parcel=parcel)
    return replace(message, flags=message.flags - held | {home.hold_sign})


def _hold_as_needed(
    home: Mailbox,
    sent: Place,
    found: Sequence[Found],
    copies: list[Copy],
    needed: Counter[bytes],
    by: Sameness,
    stays: Stays,
) -> list[Copy]:
    """A stray that was held after its copy went home: the copy is held too, not doubled (P6)."""
    short = needed - Counter(copy.digest for copy in copies if copy.is_held)
    late: list[Key] = []
    for copy in copies:
        if not copy.is_held and short[copy.digest] > 0:
            short[copy.digest] -= 1
            late.append(copy.key)
    if not late:
        return copies
    home.hold(sent, late)
    return staying(home, sent, found, by, stays)


def _remove(
    source: Mailbox,
    intent: Intent,
    found: Sequence[Found],
    gone: frozenset[tuple[Place, Key]],
    short: frozenset[bytes],
    why: str,
    diary: Diary,
) -> Iterator[Outcome]:
    """Destroys the strays of one folder whose copies were seen at home."""
    here = [each for each in found if each.place == intent.place]
    ready = [each for each in here if each.digest not in short]
    outcomes = [
        Outcome(
            intent.place, Result.GONE_ALREADY, tuple(k for k in intent.keys if (intent.place, k) in gone)
        ),
        Outcome(
            intent.place,
            Result.FAILED,
            tuple(each.message.key for each in here if each.digest in short),
            why=why,
        ),
    ]
    if ready:
        diary.advance(intent)
        try:
            for holds_win in (True, False):
                keys = tuple(each.message.key for each in ready if each.is_held is not holds_win)
                if keys:
                    outcomes.extend(source.destroy(intent.place, keys, holds_win=holds_win))
        except Unreachable:
            raise
        except (Changed, MailboxError) as error:
            done = {key for outcome in outcomes for key in outcome.keys}
            left = tuple(each.message.key for each in ready if each.message.key not in done)
            result = Result.CHANGED if isinstance(error, Changed) else Result.FAILED
            outcomes.append(Outcome(intent.place, result, left, why=error.why.value))
    yield from diary.enter(intent, outcomes)


def check_not_lost(intent: Intent, gone: frozenset[Key], home: Mailbox, by: Sameness, marker: Marker) -> None:
    """After a crash: what was being removed and is gone must stand at home. Raises StrayLost."""
    missing = [stray for stray in intent.strays if stray.key in gone]
    needed = Counter(stray.content for stray in missing)
    likenesses = [Likeness(stray.message, stray.size) for stray in missing]
    copies = home.copies(home.place(Role.SENT), likenesses, by)
    standing = Counter(marker.mark("content", copy.digest) for copy in copies)
    lost = needed - standing
    if lost:
        raise StrayLost(intent.place.target, lost.total())
