"""What of a mailbox bears the sign of a hold, by marks, and what the register keeps without one (P6).

Only the few items that are held are asked for their marks; what is due is asked for its marks only where the
register misses a sign or keeps a conversation, so that a look costs what it cost before (the law of scale).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from retentiond.core.holds import Sought
from retentiond.core.model import FolderView, Item, Key, Kind, Lot, Mark, Place, TargetView
from retentiond.core.roll import Roll
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.marker import Marker


def with_signs(mailbox: Mailbox, view: TargetView, sought: Sought, marker: Marker) -> TargetView:
    """The view with the marks of what bears a sign; what else the register may keep stands in it as items."""
    held = bearing(mailbox, view.folders, marker)
    signs = frozenset(mark for item in held if (mark := item.marks.message))
    missed = Sought(sought.signed - signs, sought.threads)
    if not missed.signed and not missed.threads:
        return replace(view, signs=signs)
    is_advisors = view.kind is Kind.ADVISOR
    folders = (_sifted(mailbox, folder, missed, marker, knows_less=is_advisors) for folder in view.folders)
    return replace(view, folders=tuple(folders), signs=signs)


def bearing(mailbox: Mailbox, folders: Iterable[FolderView], marker: Marker) -> Iterator[Item]:
    """What bears the sign of a hold itself, with its marks."""
    for folder in folders:
        for item in identified(mailbox, folder.place, _held(folder), marker):
            if item.is_held:
                yield item


def identified(mailbox: Mailbox, place: Place, keys: Sequence[Key], marker: Marker) -> Iterator[Item]:
    """These items with their marks. What has no Message-ID is known by the mark of its place."""
    if not keys:
        return
    for item in mailbox.identify(place, keys):
        message = item.marks.message or place_mark(marker, place, item.ref.key)
        yield replace(item, marks=replace(item.marks, message=message))


def place_mark(marker: Marker, place: Place, key: Key) -> Mark:
    """By what an item without a Message-ID is known as long as it lies where it lies; a changed state (the
    change key of Exchange, after the blank) makes it no other item."""
    name = str(key).partition(" ")[0]
    return marker.mark("held item", f"{place.target}\0{place.folder}\0{place.version}\0{name}")


def _held(folder: FolderView) -> list[Key]:
    lots = [key for lot in folder.lots if lot.is_held for key in lot.keys]
    return lots + [item.ref.key for item in folder.items if item.is_held]


def _sifted(
    mailbox: Mailbox, folder: FolderView, missed: Sought, marker: Marker, *, knows_less: bool
) -> FolderView:
    """The folder in which what the register may keep stands as items, with their marks.

    Where a conversation is held, any of them may be a link in it, and all of them do. What lies in an
    advisor's folder came with the marks of its authors alone: the look `knows_less` of it.
    """
    is_linked = bool(missed.threads)
    asks_again = knows_less and is_linked
    unknown = [item.ref.key for item in folder.items if asks_again or item.marks.message is None]
    unknown += [key for lot in folder.lots if not lot.is_held for key in lot.keys]
    found = {
        item.ref.key: item
        for item in identified(mailbox, folder.place, unknown, marker)
        if is_linked or missed.is_in(item)
    }
    if not found:
        return folder
    own = {item.ref.key for item in folder.items if item.ref.key in found}
    known = (_known(item, found) for item in folder.items)
    items = chain(known, (item for key, item in found.items() if key not in own))
    lots = tuple(lot for lot in _without(folder.lots, found.keys()) if lot.keys)
    is_long = isinstance(folder.items, Roll)
    return replace(folder, lots=lots, items=Roll.of(folder.place, items) if is_long else tuple(items))


def _known(item: Item, found: dict[Key, Item]) -> Item:
    """An item of the look with the marks by which the register knows it, beside its own."""
    if item.ref.key not in found:
        return item
    marks = found[item.ref.key].marks
    parents = item.marks.parents | marks.parents
    return replace(item, marks=replace(item.marks, message=marks.message, parents=parents))


def _without(lots: Iterable[Lot], keys: Iterable[Key]) -> Iterator[Lot]:
    gone = frozenset(keys)
    for lot in lots:
        if lot.is_held or gone.isdisjoint(lot.keys):
            yield lot
        else:
            yield replace(lot, keys=tuple(key for key in lot.keys if key not in gone))
