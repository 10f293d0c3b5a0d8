"""What is not due and may belong to a conversation of something that is: message numbers alone are read.

Exchange answers a search for text by reading every item, whatever is searched for. So what is not due is
listed once, with its numbers and the server's own mark of its conversation, page by page, and compared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retentiond.core.model import Item, Key, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.ews_marks import THREAD
from retentiond.mailbox.ews_session import Session
from retentiond.mailbox.ews_words import PARENT_ID, REFERENCES, Path, Row, compared, instant
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import MARGIN, marks_of
from retentiond.mailbox.headers import message_ids_in

_KIN: tuple[Path, ...] = (
    *("item:DateTimeReceived", "item:ConversationId", "message:InternetMessageId"),
    *(PARENT_ID, REFERENCES),
)
#: FindItem cuts a text off at 255 characters: what is nearly as long is read by its id.
_CUT_AT = 250


def named(session: Session, keys: Sequence[Key]) -> Iterator[str]:
    """The verb of the port."""
    for _, row in session.items(keys, ("message:InternetMessageId", PARENT_ID, REFERENCES)):
        if isinstance(row, Row):
            yield from message_ids_in(f"{row.message_id} {row.parents}")


def younger(session: Session, question: Question) -> Iterator[Item]:
    """The verb of the port, for a helpline's mailbox; everything that is not surely due."""
    since = compared("t:IsGreaterThanOrEqualTo", "item:DateTimeReceived", instant(question.cutoff - MARGIN))
    for folder in session.layout(afresh=True).folders:
        if folder.path in session.scope.leave_out:
            continue
        for page in session.pages(folder, _KIN, since):
            yield from _items(session, folder, page.rows)


def _items(session: Session, folder: Folder, rows: Sequence[Row]) -> Iterator[Item]:
    place = session.place(folder)
    cut = [row.key for row in rows if _is_cut(row)]
    whole = {key: row for key, row in session.items(cut, THREAD) if isinstance(row, Row)}
    for row in rows:
        marks = marks_of(whole.get(row.key, row), session.marker)
        marks = replace(marks, conversation=session.conversation_mark(row))
        yield Item(Ref(place, row.key), row.received, marks=marks)


def _is_cut(row: Row) -> bool:
    return any(len(row.property(of) or "") >= _CUT_AT for of in (PARENT_ID, REFERENCES))
