"""Holds over IMAP: which items bear the keyword, by their marks; setting it, and taking it away (P6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta

from retentiond.core.model import Item, Key, Place, Ref, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Wanted
from retentiond.mailbox.headers import THREAD_FIELDS, marks_of
from retentiond.mailbox.imap_answers import day, quoted
from retentiond.mailbox.imap_folders import is_named
from retentiond.mailbox.imap_rows import either, headers
from retentiond.mailbox.imap_session import Session, numbers

#: A day in the zone of a server may begin 14 hours from ours; the INTERNALDATE decides.
_MARGIN = timedelta(days=2)
_FIELDS = (b"FROM", b"TO", b"CC", b"BCC", b"HEADER SENDER")


def identify(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
    """The verb of the port."""
    keyword = session.scope.hold_keyword.casefold()
    session.look_again(place)
    for row in headers(session, place, numbers(keys), THREAD_FIELDS):
        is_held = place.role is Role.HOLD or any(flag.casefold() == keyword for flag in row.flags)
        marks = marks_of(row.body, session.marker)
        yield Item(Ref(place, row.uid), row.received, is_held, marks, row.size)
    session.leave()


def seek(session: Session, wanted: Wanted) -> Iterator[Item]:
    """The verb of the port. The server searches and is not believed: only the whole name is the same."""
    terms = _terms(wanted)
    for folder in session.folders():
        if is_named(folder, session.scope.leave_out, session.prefix):
            continue
        place = session.look_at(folder).place
        [found] = session.wire.search(terms, label=place.folder)
        for item in identify(session, place, found) if found else ():
            if wanted.is_met_by(item, session.marker):
                yield item
    session.leave()


def _terms(wanted: Wanted) -> bytes:
    if wanted.message_id:
        terms = b"HEADER MESSAGE-ID " + quoted(wanted.message_id.encode("utf-8"))
    else:
        address = quoted(wanted.address.encode("utf-8"))
        terms = either([field + b" " + address for field in _FIELDS])
    if wanted.since is not None:
        terms += b" SINCE " + day((wanted.since - _MARGIN).astimezone(UTC))
    if wanted.until is not None:
        terms += b" BEFORE " + day((wanted.until + _MARGIN).astimezone(UTC))
    return terms if terms.isascii() else b"CHARSET UTF-8 " + terms


def hold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port. A server that does not keep keywords must not seem to hold anything."""
    _store(session, place, keys, b"+FLAGS.SILENT")


def unhold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port."""
    if place.role is Role.HOLD:
        raise Refused(session.target, Why.HOLD_FOLDER, place.folder)
    _store(session, place, keys, b"-FLAGS.SILENT")


def _store(session: Session, place: Place, keys: Sequence[Key], what: bytes) -> None:
    keyword = session.scope.hold_keyword.encode("ascii")
    try:
        session.take_again(place)
        for uids in session.wire.sets(numbers(keys)):
            command = b"UID STORE " + uids + b" " + what + b" (" + keyword + b")"
            session.wire.expect(session.wire.ask(command, keeps=False)[0], place.folder)
    finally:
        session.leave()
