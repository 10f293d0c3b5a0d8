"""Looking for twins: what in a folder is like a message on its way, by its Message-ID and size (P3).

Few are searched for by the server, which reads its own index; for many the numbers and sizes of the whole
folder are read once (a stated exception to the law of scale). Either way what is like is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from retentiond.core.model import Mark, Place, Role
from retentiond.errors import Refused
from retentiond.mailbox.base import Copy, Likeness, Sameness
from retentiond.mailbox.headers import fields_of, likeness_of
from retentiond.mailbox.imap_answers import quoted
from retentiond.mailbox.imap_carry import sizes_of, whole
from retentiond.mailbox.imap_session import Session
from retentiond.mailbox.likeness import digest

#: Up to so many likenesses the server searches for each; above, the folder's Message-IDs are read once.
_SEARCHED_SINGLY = 20
_INDEXED_AT_ONCE = 5_000
_LONGEST_HINT = 500
_DELETED = "\\deleted"
#: Set for a moment to tell whether two folders are one, and taken away at once.
_TRIAL = b"$RetentionTrial"


@dataclass(slots=True)
class Index:
    """Which messages of a folder have which Message-ID and size, up to `next_uid`."""

    next_uid: int = 1
    found: dict[tuple[Mark, int], list[int]] = field(default_factory=dict)


def copies(
    session: Session, place: Place, of: Sequence[Likeness], by: Sameness, indexes: dict[Place, Index]
) -> Iterator[Copy]:
    """The verb of the port. The index of a folder grows with the folder and is never read twice."""
    opened = session.look_again(place)
    wanted = {_known_by(likeness.message, likeness.size, by) for likeness in of}
    if len(of) <= _SEARCHED_SINGLY and all(_can_be_searched(likeness.hint) for likeness in of):
        candidates = set(sizes_of(session, place, sorted(_searched(session, place, of))))
    else:
        index = indexes.setdefault(place, Index())
        _grow(session, place, index, opened.next_uid)
        candidates = {
            (uid, size)
            for (message, size), uids in index.found.items()
            if _known_by(message, size, by) in wanted
            for uid in uids
        }
    keyword = session.scope.hold_keyword.casefold()
    for row in whole(session, place, candidates):
        like = likeness_of(row.body, session.marker)
        if _known_by(like.message, like.size, by) in wanted and row.received is not None:
            flags = {flag.lower() for flag in row.flags}
            is_held = place.role is Role.HOLD or keyword in {flag.casefold() for flag in flags}
            there = frozenset(flag for flag in row.flags if flag.lower() != "\\recent")
            yield Copy(row.uid, digest(row.body, by), row.received, there, is_held, _DELETED in flags)


def is_itself(session: Session, place: Place, uid: int, home: Session, sent: Place) -> bool:
    """The verb of the port. Two folders may by chance have one UIDVALIDITY and the same message under one
    UID; but a keyword that is set at home, where the login may, shows on the stray only where they are
    one. Where the server takes no keyword they are taken for one."""
    bears = b"UID %d KEYWORD %s" % (uid, _TRIAL)
    try:
        home.take_again(sent)
        with suppress(Refused):
            _try(home, sent, uid, b"+")
        [is_set] = home.wire.search(bears, label=sent.folder)
        try:
            session.look_again(place)
            [is_here] = session.wire.search(bears, label=place.folder)
        finally:
            if is_set:
                _try(home, sent, uid, b"-")
        return bool(is_here) or not is_set
    finally:
        home.leave()
        session.leave()


def _try(session: Session, place: Place, uid: int, sign: bytes) -> None:
    command = b"UID STORE %d %sFLAGS.SILENT (%s)" % (uid, sign, _TRIAL)
    session.wire.expect(session.wire.ask(command, keeps=False)[0], place.folder)


def _known_by(message: Mark, size: int, by: Sameness) -> tuple[Mark, int]:
    return message, size if by is Sameness.BYTES else 0


def _can_be_searched(hint: str) -> bool:
    return bool(hint) and hint.isascii() and hint.isprintable() and len(hint) <= _LONGEST_HINT


def _searched(session: Session, place: Place, of: Sequence[Likeness]) -> set[int]:
    hints = {likeness.hint.strip().strip("<>") for likeness in of}
    criteria = [b"HEADER Message-ID " + quoted(hint.encode("ascii")) for hint in sorted(hints)]
    return {uid for found in session.wire.search(*criteria, label=place.folder) for uid in found}


def _grow(session: Session, place: Place, index: Index, next_uid: int) -> None:
    """Reads size and Message-ID of what came since the last time."""
    wire = session.wire
    [fresh] = wire.search(b"UID %d:*" % index.next_uid, label=place.folder)
    keys = [uid for uid in fresh if uid >= index.next_uid]
    items = b"RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
    for uids in wire.sets(keys, _INDEXED_AT_ONCE):
        for row in wire.fetch_rows(uids, items, (b"RFC822.SIZE", b"BODY"), place.folder):
            if row.uid >= index.next_uid:
                message = session.marker.message(fields_of(row.body).get("message-id", ""))
                index.found.setdefault((message, row.size), []).append(row.uid)
    index.next_uid = max([next_uid if next_uid < 2**32 else 0, index.next_uid, *(key + 1 for key in keys)])
