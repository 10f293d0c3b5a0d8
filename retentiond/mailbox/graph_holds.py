"""Holds in Microsoft 365: which items bear the category, by their marks; setting it, and taking it away (P6).

An item of a conversation that is held bears no sign itself: the mailbox knows the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from retentiond.core.model import Item, Key, Place, Ref, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Wanted
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import marks_of
from retentiond.mailbox.graph_answers import Ask
from retentiond.mailbox.graph_marks import THREAD_PROPERTIES
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import ROW, THREAD, Row, either, instant, segment, text


def identify(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
    """The verb of the port."""
    folder = session.at(place)
    for _, row in session.items(folder, keys, (*THREAD, "parentFolderId"), THREAD_PROPERTIES):
        if row is not None and row.parent in ("", folder.id):
            yield _item(session, folder, row)


def seek(session: Session, wanted: Wanted) -> Iterator[Item]:
    """The verb of the port. By Message-ID the server searches; by correspondent every message of these days
    is read by its addresses, for no filter asks for those in Bcc."""
    folders = [each for each in session.layout().folders if each.path not in session.scope.leave_out]
    for folder, row in _sought(session, folders, wanted):
        item = _item(session, folder, row)
        if wanted.is_met_by(item, session.marker):
            yield item


def _sought(session: Session, folders: Sequence[Folder], wanted: Wanted) -> Iterator[tuple[Folder, Row]]:
    if wanted.message_id:
        bare = wanted.message_id.strip().strip("<>").strip()
        where = either(f"internetMessageId eq {text(name)}" for name in (f"<{bare}>", bare))
        yield from session.found(folders, THREAD, where, THREAD_PROPERTIES)
        return
    days = [f"receivedDateTime ge {instant(wanted.since)}"] if wanted.since is not None else []
    days += [f"receivedDateTime lt {instant(wanted.until)}"] if wanted.until is not None else []
    for folder in folders:
        for page in session.pages(folder, THREAD, " and ".join(days), THREAD_PROPERTIES):
            yield from ((folder, row) for row in page.rows)


def _item(session: Session, folder: Folder, row: Row) -> Item:
    is_held = folder.role is Role.HOLD or session.bears_sign(row)
    return Item(
        Ref(session.place(folder), row.key),
        row.received,
        is_held,
        marks_of(row, session.marker),
        row.size,
        wakes_receipt=session.line.account.reviews_receipts and row.awaits_receipt,
    )


def hold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port: the category is added to those that the item bears."""
    sign = session.scope.hold_keyword
    for row in _rows(session, place, keys):
        if not session.bears_sign(row):
            _write(session, place, row, [*sorted(row.categories), sign])


def unhold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port: the category is taken from those that the item bears."""
    if place.role is Role.HOLD:
        raise Refused(session.target, Why.HOLD_FOLDER, place.folder)
    sign = session.scope.hold_keyword.casefold()
    for row in _rows(session, place, keys):
        if session.bears_sign(row):
            _write(session, place, row, sorted(each for each in row.categories if each.casefold() != sign))


def _rows(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Row]:
    folder = session.at(place)
    for _, row in session.items(folder, keys, ROW):
        if row is None:
            raise Refused(session.target, Why.NO_FOLDER, place.folder)
        yield row


def _write(session: Session, place: Place, row: Row, categories: Iterable[str]) -> None:
    path = f"{session.line.user}/messages/{segment(row.id)}"
    answer = session.line.order(Ask(path, "PATCH", {"categories": [*categories]}))
    if not answer.is_good:
        raise session.line.error(answer, place.folder)
