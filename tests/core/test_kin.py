"""Marks that belong together are found together, however many they are and in whatever order they come."""

from __future__ import annotations

import hashlib
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.kin import Kin

_groups = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), max_size=20)


def mark(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8)).digest()[:16]


@given(_groups)
def test_two_marks_belong_together_exactly_when_a_chain_of_items_links_them(groups: list[list[int]]) -> None:
    kin = Kin()
    for group in groups:
        kin.tell([mark(number) for number in group])
    drawn: list[set[int]] = []
    for group in groups:
        touched = [each for each in drawn if each & set(group)]
        drawn = [each for each in drawn if each not in touched] + [set(group).union(*touched)]
    found = {number: kin.of([mark(number)]) for number in range(31)}
    for one in range(31):
        for other in range(31):
            is_linked = any({one, other} <= each for each in drawn)
            assert (found[one] is not None and found[one] == found[other]) is is_linked


def test_a_hundred_thousand_marks_take_less_than_6_mib() -> None:
    marks = [mark(number) for number in range(100_000)]
    tracemalloc.start()
    kin = Kin()
    for start in range(0, 100_000, 2):
        kin.tell(marks[start : start + 2])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 6 * 1024 * 1024
    assert kin.of([marks[0]]) == kin.of([marks[1]]) != kin.of([marks[2]])
