"""A target leaves the configuration with a last sweep that left nothing, or with somebody's word for it.

Whose name was taken out, or changed, is never looked at again: what is left there would stay for ever, and
nobody would be told (disaster 2). The ledger and the last look still know it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from retentiond.condition import Condition, Counts
from retentiond.core.chain import HOUSE, Value
from retentiond.core.promises import Concern, Worry

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

#: Who retires a target in which the last look found nothing of ours.
ITSELF: Final = "itself"


#: When each target of the book was retired; None where it is ours.
Roll: TypeAlias = Mapping[str, datetime | None]


def left_behind(configured: Collection[str], roll: Roll, before: Condition, now: datetime) -> list[Concern]:
    """The targets that the configuration no longer has and nobody retired; `count` is what was left in each
    at the last look, 0 where that is not known."""
    counts = {each.target: each for each in before.counts}
    known = {*roll, *counts, *(each.target for each in before.concerns if each.cause == Worry.ABANDONED)}
    return [
        Concern(name, Worry.ABANDONED, now, (counts[name].left or 0) if name in counts else 0)
        for name in sorted(known - set(configured) - {HOUSE})
        if not is_retired(name, roll, counts.get(name)) and (name not in counts or counts[name].left != 0)
    ]


def is_retired(name: str, roll: Roll, counts: Counts | None) -> bool:
    """Whether nobody is to wait for it; who came back and was looked at since is waited for again."""
    when = roll.get(name)
    return when is not None and (counts is None or counts.looked < when + timedelta(minutes=1))


def retire_the_empty(configured: Collection[str], book: Ledger, before: Condition, now: datetime) -> None:
    """Enters the retirement of each target that is gone, and in which the last look found nothing of ours."""
    roll = book.roll()
    for each in before.counts:
        if each.target not in configured and each.left == 0 and not is_retired(each.target, roll, each):
            retire(book, each.target, now, left=0, who=ITSELF)


def retire(book: Ledger, target: str, now: datetime, *, left: int | None, who: str, reason: str = "") -> None:
    """Enters that nobody is to wait for this target any more, and what was left in it (-1: not known)."""
    known = -1 if left is None else left
    fields: dict[str, Value] = {"target": target, "left": known, "who": who, "reason": reason}
    book.record("retired", fields, now)
