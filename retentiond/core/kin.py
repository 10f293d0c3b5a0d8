"""Which marks belong together, in some 20 bytes a mark: a forest of sets over packed numbers.

Two marks belong together when one item bears or names both, or when a third belongs to either. A mark is
known by its first eight bytes: among a million, two alike have a chance of one in thirty million, and would
only keep something longer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from retentiond.core.model import Mark, Marks

_FEWEST = 1 << 10


class Kin:
    """Sets of marks that grow together as items are told."""

    __slots__ = ("_parents", "_prints", "_table")

    def __init__(self) -> None:
        self._prints = array("Q")
        self._parents = array("I")
        self._table = array("I", bytes(_FEWEST * array("I").itemsize))

    def tell(self, marks: Iterable[Mark]) -> None:
        """These marks stand in one item: from now on they belong together."""
        numbers = [self._number(mark) for mark in marks]
        for number in numbers[1:]:
            first, other = self._root(numbers[0]), self._root(number)
            # The younger set under the older: with halved paths, as good as by rank.
            self._parents[max(first, other)] = min(first, other)

    def of(self, marks: Iterable[Mark]) -> int | None:
        """The set to which an item with these marks belongs; None where none of them was told. Where it
        belongs to several, `tell` it first."""
        for mark in marks:
            at = self._at(_print_of(mark))
            if self._table[at]:
                return self._root(self._table[at] - 1)
        return None

    def _number(self, mark: Mark) -> int:
        known = _print_of(mark)
        at = self._at(known)
        if not self._table[at]:
            self._prints.append(known)
            self._parents.append(len(self._parents))
            self._table[at] = len(self._prints)
            if 3 * len(self._prints) > 2 * len(self._table):
                self._widen()
            return len(self._prints) - 1
        return self._table[at] - 1

    def _at(self, known: int) -> int:
        """Where a print stands in the table, or would: the next free place."""
        table, prints, mask = self._table, self._prints, len(self._table) - 1
        at = known & mask
        while table[at] and prints[table[at] - 1] != known:
            at = (at + 1) & mask
        return at

    def _widen(self) -> None:
        self._table = array("I", bytes(2 * len(self._table) * self._table.itemsize))
        for number, known in enumerate(self._prints, start=1):
            self._table[self._at(known)] = number

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number


def thread_of(marks: Marks) -> tuple[Mark, ...]:
    """By what an item belongs to a conversation: what it is called, what it answers, and what the server
    counts as one."""
    ones = (marks.message, marks.conversation)
    return (*(one for one in ones if one is not None), *marks.parents)


def _print_of(mark: Mark) -> int:
    return int.from_bytes(mark[:8])
