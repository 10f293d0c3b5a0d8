"""Many items with their marks, in a tenth of the memory that a tuple of them takes.

A sweep that asks for the marks of what is due may meet a million such items. They are packed here when a
backend finds them, and unpacked one at a time when somebody reads them.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Self, overload

from retentiond.core.model import Item, Key, Mark, Marks, Place, Ref

#: The length of a mark in bytes.
MARK = 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = -(2**63)
#: How many authors, senders, recipients and parents, and whether there are a message's and a
#: conversation's mark; the marks follow.
_COUNTS = struct.Struct("<IIII??")


class Roll(Sequence[Item]):
    """Items of one folder, in the order in which they were found. They have no `sighting`."""

    __slots__ = ("_ends", "_held", "_keys", "_marks", "_place", "_received", "_seen", "_sizes")

    def __init__(self, place: Place) -> None:
        self._place = place
        self._keys: array[int] | list[Key] = array("Q")
        self._received = array("q")
        self._seen = array("q")
        self._sizes = array("Q")
        self._held = bytearray()
        self._ends = array("Q", (0,))
        self._marks = bytearray()

    @classmethod
    def of(cls, place: Place, items: Iterable[Item]) -> Self:
        """All of them, each looked at once; they lie in `place`."""
        roll = cls(place)
        for item in items:
            roll._add(item)
        return roll

    def _add(self, item: Item) -> None:
        assert item.ref.place == self._place, "of one folder"
        assert item.sighting is None, "mail, not letters"
        key = item.ref.key
        if isinstance(key, str) and isinstance(self._keys, array):
            self._keys = list(self._keys)
        self._keys.append(key)  # type: ignore[arg-type]
        self._received.append(_number(item.received))
        self._seen.append(_number(item.first_seen))
        self._sizes.append(item.size)
        self._held.append(item.is_held | item.wakes_receipt << 1)
        self._marks += _packed(item.marks)
        self._ends.append(len(self._marks))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Item]:
        return (self._at(index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self._at(each) for each in range(*index.indices(len(self))))
        return self._at(range(len(self))[index])

    def _at(self, index: int) -> Item:
        return Item(
            Ref(self._place, self._keys[index]),
            _moment(self._received[index]),
            bool(self._held[index] & 1),
            _unpacked(self._marks[self._ends[index] : self._ends[index + 1]]),
            self._sizes[index],
            _moment(self._seen[index]),
            wakes_receipt=bool(self._held[index] & 2),
        )

    def __repr__(self) -> str:
        return f"Roll({len(self)} items)"


def _number(moment: datetime | None) -> int:
    """An aware instant in microseconds."""
    return _NEVER if moment is None else (moment - _EPOCH) // _MICROSECOND


def _moment(number: int) -> datetime | None:
    return None if number == _NEVER else _EPOCH + number * _MICROSECOND


def _packed(marks: Marks) -> bytes:
    sets = (marks.authors, marks.senders, marks.recipients, marks.parents)
    ones = (marks.message, marks.conversation)
    counts = _COUNTS.pack(*map(len, sets), *(one is not None for one in ones))
    many = (each for one in sets for each in one)
    return b"".join((counts, *many, *(one for one in ones if one is not None)))


def _unpacked(packed: bytes | bytearray) -> Marks:
    *lengths, has_message, has_conversation = _COUNTS.unpack_from(packed)
    rest = iter(bytes(packed[at : at + MARK]) for at in range(_COUNTS.size, len(packed), MARK))
    authors, senders, recipients, parents = (_taken(rest, length) for length in lengths)
    message = next(rest) if has_message else None
    conversation = next(rest) if has_conversation else None
    return Marks(authors, senders, recipients, message, parents, conversation)


def _taken(marks: Iterator[Mark], count: int) -> frozenset[Mark]:
    return frozenset(next(marks) for _ in range(count))
