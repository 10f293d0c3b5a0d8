"""What a server can promise: its abilities, its clock, and whether it keeps what was destroyed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from retentiond.core.clock import QUIET, ClockReading
from retentiond.core.model import Kind, Role
from retentiond.errors import MailboxError, Refused, Unreachable
from retentiond.mailbox.base import Abilities
from retentiond.mailbox.imap_answers import Row, date_time, day, quoted, rows_of
from retentiond.mailbox.imap_destroy import remove
from retentiond.mailbox.imap_folders import Folder, wire_name
from retentiond.mailbox.imap_session import Session
from retentiond.mailbox.probe_message import TEST_NAME, mime

#: By how many seconds this machine's clock and the server's may differ.
CLOCK_SECONDS = 300
_SOME = 20
_AHEAD = timedelta(days=1)


def abilities(session: Session) -> Abilities:
    """The verb of the port."""
    offers = session.wire.offers
    return Abilities(
        server=session.wire.server,
        destroys_exactly=offers("UIDPLUS"),
        carries_in_batches=offers("MULTIAPPEND"),
        searches_by_age=offers("WITHIN"),
        tells_rights=offers("ACL"),
    )


# ── the clock ────────────────────────────────────────────────────────────────────────────────────


def clock(session: Session, now: datetime) -> ClockReading:
    """The verb of the port. A message of known date is a witness: by how much it is older than which
    age, the server says by its own clock. In an advisor's mailbox nothing is dated (P3)."""
    if session.scope.kind is Kind.ADVISOR:
        return ClockReading(None)
    dates: list[datetime] = []
    agrees: bool | None = None
    for folder in _likely(session):
        rows = list(_ends(session, folder))
        if session.wire.offers("WITHIN"):
            agrees = _asked(session, rows, now)
        elif rows:
            rows += _recent(session, folder, now)
        dates += [row.received for row in rows if row.received is not None]
        dates = [at for at in dates if at <= now + _AHEAD]  # a sender's fancy is no witness
        if agrees is not None or any(now - at < QUIET for at in dates):
            break
    session.leave()
    return ClockReading(agrees, max(dates, default=None))


def _recent(session: Session, folder: Folder, now: datetime) -> Iterator[Row]:
    """Some of what the folder received lately: the last to arrive may be old mail that was moved in."""
    [found] = session.wire.search(b"SINCE " + day(now - QUIET), label=folder.label)
    for uids in session.wire.sets(found[-_SOME:]):
        yield from session.wire.fetch_rows(uids, b"INTERNALDATE", (b"INTERNALDATE",), folder.label)


def _likely(session: Session) -> list[Folder]:
    """Where a message is likely to be found: the Inbox first, the hold folder last."""
    folders = [folder for folder in session.folders() if not folder.is_virtual]
    order = {Role.INBOX: 0, Role.SENT: 1, Role.HOLD: 3}
    return sorted(folders, key=lambda folder: order.get(folder.role, 2))


def _ends(session: Session, folder: Folder) -> Iterator[Row]:
    """The dates of the first and the last message of a folder."""
    if session.look_at(folder).exists:
        for which in (b"*", b"1"):
            answer = session.wire.ask(b"FETCH " + which + b" (UID INTERNALDATE)")[0]
            with session.wire.reading():
                rows = list(rows_of(session.wire.expect(answer, folder.label), (b"INTERNALDATE",)))
            yield from rows


def _asked(session: Session, rows: list[Row], now: datetime) -> bool | None:
    for row in rows:
        if row.received is None:
            continue
        age = int((now - row.received).total_seconds())
        if age <= CLOCK_SECONDS:
            continue
        within = b"UID %d OLDER " % row.uid
        terms = (within + b"%d" % (age - CLOCK_SECONDS), within + b"%d" % (age + CLOCK_SECONDS))
        older, much_older = session.wire.search(*terms)
        return bool(older) and not much_older
    return None


# ── does the server keep what was destroyed? ─────────────────────────────────────────────────────


def keeps_copies(session: Session) -> bool | None:
    """The verb of the port: one message of our own, in a folder of our own, is destroyed and then
    looked for in every folder that this login can see. Both are gone at the end."""
    if not session.wire.offers("UIDPLUS"):
        return None
    session.folders()
    token = secrets.token_hex(8)
    own = (session.prefix.rstrip("/.") + "/" if session.prefix else session.own) + TEST_NAME + token
    folder = Folder(own, "test", Role.OTHER, wire_name(own))
    try:
        if not session.wire.ask(b"CREATE " + folder.argument)[0].is_ok:
            return None
        try:
            return _try(session, folder, f"{secrets.token_hex(16)}@retentiond.example")
        finally:
            session.leave()
            with suppress(MailboxError):
                session.wire.ask(b"DELETE " + folder.argument)
    except Refused:
        return None


def _try(session: Session, folder: Folder, message_id: str) -> bool | None:
    wire = session.wire
    content = mime(message_id)
    parts = [(b"(\\Seen) " + date_time(datetime.now(UTC)), content)]
    wire.expect(wire.append(folder.argument, parts))
    session.take(folder)
    criterion = b"HEADER Message-ID " + quoted(message_id.encode("ascii"))
    [found] = wire.search(criterion)
    if len(found) != 1:
        return None
    remove(session, found)
    [left] = wire.search(criterion)
    session.leave()
    if left:
        return None
    listed = [Folder(each.name, "test", Role.OTHER, each.told) for each in session.listed()]
    kept = [folder for folder in listed if _is_in(session, folder, criterion)]
    for folder in kept:
        with suppress(MailboxError):
            _clean(session, folder, criterion)
    return bool(kept)


def _is_in(session: Session, folder: Folder, criterion: bytes) -> bool:
    """Folders that may be listed and not opened hold nothing that we could find."""
    try:
        session.look_at(folder)
        return bool(session.wire.search(criterion)[0])
    except Unreachable:
        raise
    except MailboxError:
        return False


def _clean(session: Session, folder: Folder, criterion: bytes) -> None:
    session.take(folder)
    [found] = session.wire.search(criterion)
    remove(session, found)
    session.leave()
