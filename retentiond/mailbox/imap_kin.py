"""What is not due and may belong to a conversation of something that is: message numbers alone are read.

Few ids are searched for by the server, which reads its own index and answers with next to nothing. For many
it would compare each message with each id, so there the numbers of all that is not due are fetched once, in
bounded portions, and compared here (a stated exception to the law of scale).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retentiond.core.model import Item, Key, Place, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.headers import KIN_FIELDS, marks_of, message_ids_of
from retentiond.mailbox.imap_answers import Row, quoted
from retentiond.mailbox.imap_folders import is_named
from retentiond.mailbox.imap_look import surely_due
from retentiond.mailbox.imap_rows import either
from retentiond.mailbox.imap_session import Session, numbers

_AT_ONCE = 2_000
_IDS_AT_ONCE = 10


def named(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[str]:
    """The verb of the port."""
    for row in _rows(session, place, numbers(keys)):
        yield from message_ids_of(row.body)


def younger(session: Session, question: Question, of: Sequence[str]) -> Iterator[Item]:
    """The verb of the port, for a helpline's mailbox."""
    for folder in session.folders():
        if is_named(folder, session.scope.leave_out, session.prefix):
            continue
        opened = session.look_at(folder)
        if not opened.exists:
            continue
        left = b"NOT " + surely_due(session, question)
        found: set[int] = set()
        for term in _terms(of):
            found.update(*session.wire.search(left + term, label=folder.label))
        for row in _rows(session, opened.place, sorted(found)):
            yield Item(Ref(opened.place, row.uid), row.received, marks=marks_of(row.body, session.marker))
    session.leave()


def _terms(of: Sequence[str]) -> Iterator[bytes]:
    """Further conditions of a search, each for some of the ids; the empty one where there are none."""
    if not of:
        yield b""
    for start in range(0, len(of), _IDS_AT_ONCE):
        ids = [quoted(each.encode("ascii")) for each in of[start : start + _IDS_AT_ONCE]]
        names = [b"HEADER %s " % name.encode() for name in KIN_FIELDS]
        yield b" " + either([name + each for each in ids for name in names])


def _rows(session: Session, place: Place, keys: Sequence[int]) -> Iterator[Row]:
    wanted = set(keys)
    items = b"INTERNALDATE BODY.PEEK[HEADER.FIELDS (%s)]" % " ".join(KIN_FIELDS).encode()
    for uids in session.wire.sets(keys, _AT_ONCE):
        session.stay_at(place)
        rows = session.wire.fetch_rows(uids, items, (b"INTERNALDATE", b"BODY"), place.folder)
        yield from (row for row in rows if row.uid in wanted)
