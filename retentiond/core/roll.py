"""Many items by the marks of their threads, in a tenth of the memory that a tuple of them takes.

A sweep that asks for the marks of what is due may meet a million such items. They are packed here when a
backend finds them, and unpacked one at a time when somebody reads them. Nobody asks them for addresses, so
none are kept: what they are called, what they answer and what the server counts as one is enough.
"""

from __future__ import annotations

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
#: What is true of an item, in one byte.
_HELD, _WAKES, _MESSAGE, _CONVERSATION = 1, 2, 4, 8


class Roll(Sequence[Item]):
    """Items of one folder, in the order in which they were found. They have no addresses, no `sighting`."""

    __slots__ = ("_ends", "_flags", "_keys", "_marks", "_place", "_received", "_seen", "_sizes")

    def __init__(self, place: Place) -> None:
        self._place = place
        self._keys: array[int] | list[Key] = array("Q")
        self._received = array("q")
        self._sizes = array("Q")
        self._flags = bytearray()
        #: After how many marks each item's end.
        self._ends = array("I", (0,))
        self._marks = bytearray()
        #: By number; few know when they were first seen.
        self._seen: dict[int, datetime] = {}

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
        key, marks = item.ref.key, item.marks
        if isinstance(key, str) and isinstance(self._keys, array):
            self._keys = list(self._keys)
        if item.first_seen is not None:
            self._seen[len(self._keys)] = item.first_seen
        self._keys.append(key)  # type: ignore[arg-type]
        self._received.append(_number(item.received))
        self._sizes.append(item.size)
        has_message, has_conversation = marks.message is not None, marks.conversation is not None
        self._flags.append(
            _HELD * item.is_held
            | _WAKES * item.wakes_receipt
            | _MESSAGE * has_message
            | _CONVERSATION * has_conversation
        )
        self._marks += b"".join((marks.message or b"", marks.conversation or b"", *marks.parents))
        self._ends.append(len(self._marks) // MARK)

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
        flags = self._flags[index]
        return Item(
            Ref(self._place, self._keys[index]),
            _moment(self._received[index]),
            bool(flags & _HELD),
            self._marks_of(index),
            self._sizes[index],
            self._seen.get(index),
            wakes_receipt=bool(flags & _WAKES),
        )

    def _marks_of(self, index: int) -> Marks:
        flags, first, last = self._flags[index], self._ends[index], self._ends[index + 1]
        marks: list[Mark] = [bytes(self._marks[at * MARK : (at + 1) * MARK]) for at in range(first, last)]
        message = marks.pop(0) if flags & _MESSAGE else None
        conversation = marks.pop(0) if flags & _CONVERSATION else None
        return Marks(message=message, parents=frozenset(marks), conversation=conversation)

    def __repr__(self) -> str:
        return f"Roll({len(self)} items)"


def _number(moment: datetime | None) -> int:
    """An aware instant in microseconds."""
    return _NEVER if moment is None else (moment - _EPOCH) // _MICROSECOND


def _moment(number: int) -> datetime | None:
    return None if number == _NEVER else _EPOCH + number * _MICROSECOND
