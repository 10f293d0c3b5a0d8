"""What is not due and may belong to a conversation of something that is: message numbers alone are read.

Graph compares no header in a filter that it would not read every message for. So what is not due is listed
once, with its numbers and the server's own mark of its conversation, page by page, and compared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retentiond.core.model import Item, Key, Place, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.exchange_look import MARGIN, marks_of
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import PARENT_ID, REFERENCES, instant
from retentiond.mailbox.headers import message_ids_in

_KIN = ("id", "changeKey", "receivedDateTime", "internetMessageId", "conversationId")


def named(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[str]:
    """The verb of the port."""
    folder = session.at(place)
    for _, row in session.items(folder, list(keys), _KIN, (PARENT_ID, REFERENCES)):
        if row is not None:
            yield from message_ids_in(f"{row.message_id} {row.parents}")


def younger(session: Session, question: Question) -> Iterator[Item]:
    """The verb of the port, for a helpline's mailbox; everything that is not surely due."""
    since = f"receivedDateTime ge {instant(question.cutoff - MARGIN)}"
    for folder in session.layout(afresh=True).folders:
        if folder.path in session.scope.leave_out:
            continue
        place = session.place(folder)
        for page in session.pages(folder, _KIN, since, (PARENT_ID, REFERENCES)):
            for row in page.rows:
                marks = replace(marks_of(row, session.marker), conversation=session.conversation_mark(row))
                yield Item(Ref(place, row.key), row.received, marks=marks)
