"""Items of Microsoft 365 with their marks: of a thread, of a conversation, of everybody party to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from retentiond.core.model import Item, Marks, Place, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import MARGIN, marks_of, parties_of
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import (
    DEFERRED,
    HEADER,
    PARENT_ID,
    PARTIES,
    REFERENCES,
    SIZE,
    THREAD,
    Row,
    instant,
)

#: What a thread is read by, beside the fields of THREAD.
THREAD_PROPERTIES = (PARENT_ID, REFERENCES, SIZE)


def with_marks(
    session: Session, folder: Folder, conversations: frozenset[str], rows: Sequence[Row], now: datetime
) -> Iterator[Item]:
    """Every item of a folder with its marks; a stated exception to the law of scale."""
    place = session.place(folder)
    now = session.clock or now
    seen = set()
    for page in session.pages(folder, THREAD, expand=(*THREAD_PROPERTIES, DEFERRED)):
        for row in page.rows:
            seen.add(row.id)
            if not row.is_deferred(now):
                yield judged(session, folder, place, row, conversations)
    for row in rows:
        if row.id not in seen:  # no message, and so of no thread
            yield judged(session, folder, place, row, conversations)


def marked(
    session: Session,
    folder: Folder,
    question: Question,
    conversations: frozenset[str],
    rows: Sequence[Row],
) -> Iterator[Item]:
    """These items of a folder with their marks: what is old by page, the rest by id. What is no message
    comes without marks; what is gone by now is left out."""
    place = session.place(folder)
    wanted = {row.id: row for row in rows}
    due = f"receivedDateTime lt {instant(question.cutoff + MARGIN)}"
    for page in session.pages(folder, THREAD, due, THREAD_PROPERTIES) if wanted else ():
        for row in page.rows:
            if wanted.pop(row.id, None) is not None:
                yield _of_conversation(session, folder, place, row, conversations)
    keys = [row.key for row in wanted.values()]
    for _, now in session.items(folder, keys, THREAD, THREAD_PROPERTIES):
        if now is not None:
            yield _of_conversation(session, folder, place, now, conversations)


def _of_conversation(
    session: Session, folder: Folder, place: Place, row: Row, conversations: frozenset[str]
) -> Item:
    item = judged(session, folder, place, row, conversations)
    return replace(item, marks=replace(item.marks, conversation=session.conversation_mark(row)))


def judged(session: Session, folder: Folder, place: Place, row: Row, conversations: frozenset[str]) -> Item:
    """An item with its marks, and whether it is held."""
    return Item(
        Ref(place, row.key),
        row.received,
        session.is_held(folder, row, conversations),
        marks_of(row, session.marker),
        row.size,
        wakes_receipt=session.line.account.reviews_receipts and row.awaits_receipt,
    )


def parties_of_row(session: Session, row: Row) -> Marks:
    """The marks of a message, of everybody who is party to it."""
    header = str(row.property(HEADER) or "")
    return parties_of(row, session.marker, [row.author], [row.sender], row.addresses("replyTo"), header)


def with_headers(session: Session, folder: Folder, rows: Sequence[Row], *more: str) -> list[Row]:
    """These messages as they are now, with their header blocks, which no list is asked for."""
    expand = (*THREAD_PROPERTIES, *more, HEADER)
    fresh = session.items(folder, [row.key for row in rows], PARTIES, expand)
    return [row for _, row in fresh if row is not None]
