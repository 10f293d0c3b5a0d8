"""Which copies of a reply stand at home and will stay there, counted by content; and how many are lacking.

One that is itself due is no twin, and two messages with one Message-ID are not the same (disaster 1).

Received dates are not compared. Two copies with one content are one response, and the one at home is kept
by its own date, as everything there is: neither is shortened nor prolonged by the stray. Where the dates
differ (a program that copied it between folders and dated it anew), the copy that stays may fall due before
the stray would have. It still stands until its own day, and no copy more is made of what stands there
already: one for each date would be doubled (P3), and again after each crash between a deed and its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from retentiond.core.model import Place
from retentiond.mailbox.base import Copy, Likeness, Mailbox, Message, Sameness


@dataclass(frozen=True, slots=True)
class Stays:
    """Which copies will stay at home. Received before `cutoff`, one stays only where the conversation keeps
    it, as it kept the stray; received before `longest` (None: none does), not even then."""

    cutoff: datetime
    longest: datetime | None = None

    def firmly(self, received: datetime, is_held: bool) -> bool:
        """Whether it stays by itself."""
        return is_held or received >= self.cutoff

    def at_all(self, received: datetime, is_held: bool) -> bool:
        """Whether it stays by itself or with its conversation."""
        return is_held or received >= (self.longest or self.cutoff)


@dataclass(frozen=True, slots=True)
class Found:
    """A stray as it was fetched."""

    place: Place
    message: Message
    is_held: bool
    likeness: Likeness
    digest: bytes


def staying(home: Mailbox, sent: Place, found: Sequence[Found], by: Sameness, stays: Stays) -> list[Copy]:
    """The copies at home that will stay there: one that is itself due, or marked deleted, is no twin."""
    digests = {each.digest for each in found}
    return [
        copy
        for copy in home.copies(sent, [each.likeness for each in found], by)
        if copy.digest in digests and not copy.is_marked_deleted and stays.at_all(copy.received, copy.is_held)
    ]


def short_of(
    found: Sequence[Found], copies: Sequence[Copy], stays: Stays
) -> tuple[Counter[bytes], Counter[bytes]]:
    """By digest, how many copies home lacks: of those that stay by themselves as many as there are strays
    that would, and in all as many as there are strays."""
    firm_strays = Counter(each.digest for each in found if stays.firmly(each.message.received, each.is_held))
    firm_copies = Counter(copy.digest for copy in copies if stays.firmly(copy.received, copy.is_held))
    all_strays = Counter(each.digest for each in found)
    return firm_strays - firm_copies, all_strays - Counter(copy.digest for copy in copies)


def missing_of(found: Sequence[Found], copies: Sequence[Copy], stays: Stays) -> list[Found]:
    """Which strays to add so that home holds as many of each as the advisor's mailbox; held ones first, and
    those that stay by themselves before those that their conversation keeps."""
    firm, short = short_of(found, copies, stays)
    missing = []
    for each in sorted(found, key=lambda each: not each.is_held):
        if firm[each.digest] > 0 and stays.firmly(each.message.received, each.is_held):
            firm[each.digest] -= 1
            short[each.digest] -= 1
            missing.append(each)
    for each in found:
        if short[each.digest] > 0 and not stays.firmly(each.message.received, each.is_held):
            short[each.digest] -= 1
            missing.append(each)
    return missing
