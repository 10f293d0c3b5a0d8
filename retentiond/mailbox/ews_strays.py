"""What is a helpline's in an advisor's folders on Exchange: the server searches, and is not believed.

Nothing that bears no identity of a helpline is fetched, counted or dated (P3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retentiond.core.model import Census, FolderView, Item, Ref
from retentiond.mailbox.base import Question
from retentiond.mailbox.ews_look import hindrance_of
from retentiond.mailbox.ews_marks import ROW, THREAD, parties_of_row, rows_of_correspondents
from retentiond.mailbox.ews_session import CHUNK, Session
from retentiond.mailbox.ews_words import AUTHOR, PARENT_ID, REFERENCES, SENDER, Path, Row, contains, either
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.exchange_look import follow, is_helplines, marks_of

STRAY: tuple[Path, ...] = (*ROW, "item:Size", "message:InternetMessageId", AUTHOR, SENDER)
#: How many Message-IDs one search names.
_TERMS = 25


def look_for_strays(session: Session, question: Question) -> Iterator[FolderView]:
    """The verb of the port, for an advisor's mailbox: the server searches, by identity alone. Of what it
    finds only what is from or to a correspondent, where one was asked for."""
    wanted = [session.named(name) for name in session.scope.look_in]
    found: dict[Folder, dict[str, Row]] = {folder: {} for folder in wanted}
    if session.scope.identities:
        for folder, row in session.found(wanted, STRAY, _by_identity(session)):
            if is_helplines(row, session.scope.identities):
                found[folder][row.key] = row
    if question.replying_to:
        _add_answers(session, wanted, found, question.replying_to)
    if question.replying_to or question.wants_marks:
        _read_threads(session, found)
    if question.correspondents:
        for folder, rows in found.items():
            theirs = rows_of_correspondents(session, list(rows), question.correspondents)
            found[folder] = {row.key: row for row in theirs}
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
            )
            for row in found[folder].values()
        )
        hindrance = hindrance_of(session, str(items[0].ref.key)) if items else None
        yield FolderView(Census(place, None, hindrance=hindrance), (), items)


def _by_identity(session: Session) -> str:
    terms = [contains(each, identity) for identity in session.scope.identities for each in (AUTHOR, SENDER)]
    return either(*terms)


def _add_answers(
    session: Session,
    wanted: Sequence[Folder],
    found: dict[Folder, dict[str, Row]],
    replying_to: Sequence[str],
) -> None:
    """Adds what answers a helpline's mail, and what answers that in turn."""

    def answers(ids: Sequence[str]) -> Iterator[str]:
        terms = (contains(of, each, "Substring") for each in ids for of in (PARENT_ID, REFERENCES))
        for folder, row in session.found(wanted, STRAY, either(*terms)):
            if row.key not in found[folder]:
                found[folder][row.key] = row
                yield row.message_id

    follow(replying_to, _TERMS, answers)


def _read_threads(session: Session, found: dict[Folder, dict[str, Row]]) -> None:
    """What was found, with all that its marks are made of."""
    for rows in found.values():
        keys = list(rows)
        for start in range(0, len(keys), CHUNK):
            for key, now in session.items(keys[start : start + CHUNK], THREAD):
                if isinstance(now, Row) and now.key == key:
                    rows[now.key] = now
