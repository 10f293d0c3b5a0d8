"""What has no believable date counts from when it was first seen, and the ledger remembers that.

A letter is known again by its name too, for a while: an editor that saves by replacing makes no new letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from retentiond.core.model import FolderView, Item, Kind, Ref, Snapshot
from retentiond.core.period import Period, start_of
from retentiond.core.roll import Roll
from retentiond.mailbox.base import Question
from retentiond.survey import is_believed, item_mark
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

#: For so long the name of a letter is remembered after it was last seen: a folder that is swept daily loses
#: no name that is still in use, and a name that is used again months later is a new letter's.
NAMES_KEPT = Period(days=7)


def with_sightings(
    snapshot: Snapshot, estate: Estate, book: Ledger | None, now: datetime, *, remembers: bool
) -> Snapshot:
    """Items without a believable date learn when they were first seen; a dated letter learns it of its name,
    which is forgotten soon after the last letter of that name is gone. With `remembers` new ones are noted:
    not on a day that may never have been."""
    if book is None or not snapshot.views or estate.correspondents:
        return snapshot
    firsts: dict[Ref, datetime] = {}
    question = estate.question(estate.target(snapshot.views[0].target), now)
    for name, items in _undated(snapshot, question).items():
        for is_dated, term in ((False, _twice(estate.target(name).period)), (True, NAMES_KEPT)):
            marks = {
                item.ref: item_mark(estate.marker, item)
                for item in items
                if is_believed(item, question) is is_dated
            }
            if marks:
                until = start_of(term.after(now.date()), estate.zone) if remembers else None
                seen = book.first_seen(name, tuple(marks.values()), now, until)
                firsts |= {ref: seen[mark] for ref, mark in marks.items()}
    if not firsts:
        return snapshot
    views = []
    for view in snapshot.views:
        asked = estate.question(estate.target(view.target), now)
        folders = tuple(_knowing(folder, firsts, asked) for folder in view.folders)
        views.append(replace(view, folders=folders))
    return replace(snapshot, views=tuple(views))


def _knowing(folder: FolderView, firsts: Mapping[Ref, datetime], asked: Question) -> FolderView:
    """A folder whose items know when they were first seen; those that count from it are in the forecast."""
    known = (replace(item, first_seen=firsts.get(item.ref)) for item in folder.items)
    is_long = isinstance(folder.items, Roll)
    items: Sequence[Item] = Roll.of(folder.place, known) if is_long else tuple(known)
    census = folder.census
    if census.ahead is not None and asked.ahead is not None:
        more = sum(
            item.first_seen is not None and item.first_seen < asked.ahead
            for item in items
            if not is_believed(item, asked)
        )
        census = replace(census, ahead=census.ahead + more)
    return replace(folder, census=census, items=items)


def _twice(period: Period) -> Period:
    """For how long a first sighting is remembered: past the day on which the item falls due by it."""
    return Period(2 * period.months, 2 * period.days)


def _undated(snapshot: Snapshot, question: Question) -> dict[str, list[Item]]:
    """By target, the items without a believable date: they count from when they were first seen. And the
    letters that are to be known again by their place."""
    found: dict[str, list[Item]] = {}
    for view in snapshot.views:
        for folder in view.folders if view.kind is not Kind.ADVISOR else ():
            for item in folder.items:
                if item.sighting is not None or not is_believed(item, question):
                    found.setdefault(view.target, []).append(item)
    return found
