"""Items of Exchange with their marks: of a thread, of a conversation, of everybody party to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retentiond.core.model import Item, Marks, Ref
from retentiond.mailbox.ews_session import GONE, SIGN, Session
from retentiond.mailbox.ews_words import AUTHOR, HEADER, PARENT_ID, REFERENCES, SENDER, Path, Row
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import marks_of, parties_of

ROW: tuple[Path, ...] = ("item:DateTimeReceived", *SIGN)
THREAD: tuple[Path, ...] = (
    *(*ROW, "item:Size", "message:InternetMessageId", AUTHOR, SENDER, PARENT_ID, REFERENCES),
    *("message:ToRecipients", "message:CcRecipients", "message:BccRecipients"),
)
#: Who is party to a message, as EWS itself says it, beside what MAPI says of the author and the sender.
PARTIES: tuple[Path, ...] = (*THREAD, "message:From", "message:Sender", "message:ReplyTo")


def with_marks(
    session: Session,
    folder: Folder,
    rows: Sequence[Row],
    conversations: frozenset[str],
    knows_conversation: bool = False,
) -> Iterator[Item]:
    """These items of a folder with their marks. What is gone by now is left out; what cannot be read stays
    what it was, without marks."""
    place = session.place(folder)
    answers = session.items([row.key for row in rows], THREAD)
    for row, (_, answer) in zip(rows, answers, strict=True):
        if isinstance(answer, str) and answer in GONE:
            continue
        now = row if isinstance(answer, str) else answer
        marks = Marks() if isinstance(answer, str) else marks_of(now, session.marker)
        if knows_conversation:
            marks = replace(marks, conversation=session.conversation_mark(now))
        is_held = session.is_held(folder, now, conversations)
        yield Item(Ref(place, now.key), now.received, is_held, marks, now.size)


def rows_of_correspondents(
    session: Session, keys: Sequence[str], correspondents: Sequence[str], *more: Path
) -> list[Row]:
    """Those of these items that are from or to one of the correspondents, as they are now; of those alone
    the header block is read as well.

    Raises Unreachable where an item that is there cannot be read: it may be theirs.
    """
    wanted = {session.marker.address(each) for each in correspondents}
    rows = _there(session, keys, (*PARTIES, *more))
    theirs = [row.key for row in rows if wanted & parties_of_row(session, row).parties]
    return [*_there(session, theirs, (*PARTIES, *more, HEADER))]


def _there(session: Session, keys: Sequence[str], fields: Sequence[Path]) -> Iterator[Row]:
    for _, row in session.items(keys, fields):
        if not isinstance(row, str):
            yield row
        elif row not in GONE:
            raise session.line.error(row)


def parties_of_row(session: Session, row: Row) -> Marks:
    """The marks of an item, of everybody who is party to it: as MAPI and as EWS say it."""
    authors, senders = [row.author, *row.addresses("From")], [row.sender, *row.addresses("Sender")]
    header = row.property(HEADER) or ""
    return parties_of(row, session.marker, authors, senders, row.addresses("ReplyTo"), header)
