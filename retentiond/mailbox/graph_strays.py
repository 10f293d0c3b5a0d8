"""What is a helpline's in an advisor's folders in Microsoft 365: the server searches, and is not believed.

Nothing that bears no identity of a helpline is fetched, counted or dated (P3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retentiond.core.model import Census, FolderView, Item, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import follow, is_helplines, marks_of
from retentiond.mailbox.graph_marks import THREAD_PROPERTIES, parties_of_row, with_headers
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import (
    PARENT_ID,
    PARTIES,
    REFERENCES,
    ROW,
    SIZE,
    THREAD,
    WHO,
    Row,
    either,
    holding,
    text,
)

STRAY = (*ROW, *WHO)
#: How many identities, or Message-IDs, one search names.
_TERMS = 10


def look_for_strays(session: Session, question: Question) -> Iterator[FolderView]:
    """The verb of the port, for an advisor's mailbox: the server searches, by identity alone. Of what it
    finds only what is from or to a correspondent, where one was asked for."""
    wanted = [session.named(name) for name in session.scope.look_in]
    found: dict[Folder, dict[str, Row]] = {folder: {} for folder in wanted}
    for where in _by_identity(session):
        for folder, row in session.found(wanted, STRAY, where, (SIZE,)):
            if is_helplines(row, session.scope.identities):
                found[folder][row.id] = row
    if question.replying_to:
        _add_answers(session, wanted, found, question.replying_to)
    if question.wants_marks:
        for folder, rows in found.items():
            keys = [row.key for row in rows.values()]
            fresh = session.items(folder, keys, THREAD, THREAD_PROPERTIES)
            found[folder] = {row.id: row for _, row in fresh if row is not None}
    if question.correspondents:
        for folder, rows in found.items():
            found[folder] = _of_correspondents(session, folder, rows, question.correspondents)
    conversations = session.held_conversations() if any(found.values()) else frozenset()
    for folder in wanted:
        place = session.place(folder)
        items = tuple(
            Item(
                Ref(place, row.key),
                row.received,
                session.is_held(folder, row, conversations),
                parties_of_row(session, row) if question.correspondents else marks_of(row, session.marker),
                row.size,
                wakes_receipt=session.line.account.reviews_receipts and row.awaits_receipt,
            )
            for row in found[folder].values()
        )
        yield FolderView(Census(place, None), (), items)
    yield from session.archive_view()


def _of_correspondents(
    session: Session, folder: Folder, rows: dict[str, Row], correspondents: Sequence[str]
) -> dict[str, Row]:
    """Those of a helpline's replies that are from or to one of them, as they are now."""
    wanted = {session.marker.address(each) for each in correspondents}
    keys = [row.key for row in rows.values()]
    fresh = (row for _, row in session.items(folder, keys, PARTIES, THREAD_PROPERTIES) if row is not None)
    theirs = [row for row in fresh if wanted & parties_of_row(session, row).parties]
    return {row.id: row for row in with_headers(session, folder, theirs)}


def _by_identity(session: Session) -> Iterator[str]:
    identities = session.scope.identities
    for start in range(0, len(identities), _TERMS):
        part = identities[start : start + _TERMS]
        yield either(
            f"{field}/emailAddress/address eq {text(identity)}"
            for identity in part
            for field in ("from", "sender")
        )


def _add_answers(
    session: Session,
    wanted: Sequence[Folder],
    found: dict[Folder, dict[str, Row]],
    replying_to: Sequence[str],
) -> None:
    """Adds what answers a helpline's mail, and what answers that in turn, all with all their marks."""

    def answers(ids: Sequence[str]) -> Iterator[str]:
        terms = (holding(of, each, within=of == REFERENCES) for each in ids for of in (PARENT_ID, REFERENCES))
        for folder, row in session.found(wanted, STRAY, either(terms), (SIZE,)):
            if row.id not in found[folder]:
                found[folder][row.id] = row
                yield row.message_id

    follow(replying_to, _TERMS, answers)
    for folder, rows in found.items():
        keys = [row.key for row in rows.values()]
        for key, now in session.items(folder, keys, THREAD, THREAD_PROPERTIES):
            if now is not None and now.key == key:
                rows[now.id] = now
