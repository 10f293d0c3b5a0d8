"""Small counts of contacts are never told, and no sum or difference tells them (P7)."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.report.coarse import SMALL, contacts, total


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (1, "fewer than 5"), (4, "fewer than 5"), (5, "5"), (1234, "1,234")],
)
def test_how_a_count_is_written(count: int, words: str) -> None:
    assert contacts(count) == words


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([], "0"),
        ([0, 7], "7"),
        ([3], "fewer than 5"),
        ([0, 3], "fewer than 5"),
        ([7, 3], "8 to 11"),
        ([7, 3, 1], "9 to 15"),
        ([2, 2], "2 to 8"),
    ],
)
def test_how_a_sum_is_written(counts: list[int], words: str) -> None:
    assert total(counts) == words


@given(st.lists(st.integers(0, 12), max_size=5))
def test_whatever_is_written_every_small_count_could_have_been_any_other_small_one(counts: list[int]) -> None:
    """Changing one small count into another changes nothing that is written."""
    written = ([contacts(count) for count in counts], total(counts))
    small = [n for n, count in enumerate(counts) if 0 < count < SMALL]
    for n, other in product(small, range(1, SMALL)):
        changed = [*counts[:n], other, *counts[n + 1 :]]
        assert ([contacts(count) for count in changed], total(changed)) == written


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_the_true_sum_is_within_what_is_written(counts: list[int]) -> None:
    words = total(counts)
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", words)]
    low, high = (1, 4) if words.startswith("fewer") else (numbers[0], numbers[-1])
    assert low <= sum(counts) <= high
