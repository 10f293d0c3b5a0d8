"""How a count of contacts is written where others may read it: small ones never exactly (P7).

From 1 to 4 is "fewer than 5". A sum over such counts is written as the range that its reader could work
out anyway, so that no difference tells more. Zero, holds, findings and letters are exact (decisions: small
numbers).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: A count below this, and above zero, is not told.
SMALL: Final = 5


def is_small(count: int) -> bool:
    """Whether a count of contacts would say too much."""
    return 0 < count < SMALL


def contacts(count: int) -> str:
    """A count of contacts as it may be written."""
    return f"fewer than {SMALL}" if is_small(count) else f"{count:,}"


def total(counts: Iterable[int]) -> str:
    """The sum of counts that stand beside it, each as `contacts` writes it."""
    counts = list(counts)
    small = sum(map(is_small, counts))
    known = sum(count for count in counts if not is_small(count))
    if not small:
        return f"{known:,}"
    if not known and small == 1:
        return f"fewer than {SMALL}"
    return f"{known + small:,} to {known + small * (SMALL - 1):,}"
