"""What a look at an Exchange mailbox, here or in the cloud, makes of the items that it read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from retentiond.core.model import Key, Lot, Marks, Place
from retentiond.mailbox.headers import marks_in, message_ids_in, resent_in
from retentiond.mailbox.marker import Marker

#: Within a day of the cutoff each item comes with its own instant.
MARGIN = timedelta(days=1)


class Listed(Protocol):
    """An item of a list."""

    @property
    def key(self) -> Key: ...

    @property
    def received(self) -> datetime | None: ...


class Addressed(Protocol):
    """An item as far as its marks go. `author` and `sender` are bare addresses, `parents` is text."""

    @property
    def author(self) -> str: ...

    @property
    def sender(self) -> str: ...

    @property
    def recipients(self) -> Iterable[str]: ...

    @property
    def message_id(self) -> str: ...

    @property
    def parents(self) -> str: ...


def lot(place: Place, rows: Sequence[Listed], edge: datetime, is_held: bool) -> Lot:
    """Items with a date before `edge`, told of together."""
    days = [row.received.date() for row in rows if row.received is not None]
    return Lot(place, tuple(row.key for row in rows), edge, is_held, min(days), max(days))


def looks_imported(rows: Iterable[Listed], total: int) -> bool:
    """Whether more than a fifth of a folder came on one day."""
    days = Counter(row.received.date() for row in rows if row.received is not None)
    return total >= 20 and max(days.values(), default=0) * 5 > total


def marks_of(row: Addressed, marker: Marker) -> Marks:
    """The marks of an item; of the sender only where somebody else than the author sent it."""
    is_sent_for = bool(row.sender) and row.sender.casefold() != row.author.casefold()
    return Marks(
        authors=frozenset((marker.address(row.author),)) if row.author else frozenset(),
        senders=frozenset((marker.address(row.sender),)) if is_sent_for else frozenset(),
        recipients=frozenset(marker.address(each) for each in row.recipients),
        message=marker.message(row.message_id) if row.message_id else None,
        parents=frozenset(marker.message(each) for each in message_ids_in(row.parents)),
    )


def is_helplines(row: Addressed, identities: Iterable[str]) -> bool:
    """The server's search is not believed: the whole address must be the same, case aside."""
    ours = {identity.casefold() for identity in identities}
    return any(each.casefold() in ours for each in (row.author, row.sender))


def parties_of(
    row: Addressed,
    marker: Marker,
    authors: Iterable[str],
    senders: Iterable[str],
    further: Iterable[str],
    header: str,
) -> Marks:
    """The marks of an item, of everybody who is party to it; `header` is what the server kept of its header
    block, where that was asked for: only there it says by whom, and to whom, it was sent on."""
    return replace(
        marks_of(row, marker),
        authors=marks_in(authors, marker),
        senders=marks_in(senders, marker),
        recipients=marks_in(row.recipients, marker),
        further=marks_in(further, marker) | resent_in(header, marker),
    )


def follow(
    replying_to: Iterable[str], at_once: int, answers: Callable[[Sequence[str]], Iterable[str]]
) -> None:
    """Asks for what answers these Message-IDs, so many in one search, and for what answers that in turn;
    `answers` gives the Message-IDs of what had not been found before."""
    asked: set[str] = set()
    left = list(dict.fromkeys(replying_to))
    while left:
        fresh = [
            each for start in range(0, len(left), at_once) for each in answers(left[start : start + at_once])
        ]
        asked.update(left)
        left = [each for each in dict.fromkeys(fresh) if each and each not in asked]
