"""Carrying messages between mailboxes: byte for byte, received date and flags included (P3, P8).

Three ways: MULTIAPPEND (RFC 3502), APPEND one by one, and UID COPY where one login sees both ends.
What was added is believed when a fresh FETCH shows it with its date and its flags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from retentiond.core.model import Key, Place
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import CARRY_BYTES, CARRY_MESSAGES, Message
from retentiond.mailbox.imap_answers import Answer, Row, date_time, keys_of
from retentiond.mailbox.imap_destroy import remove
from retentiond.mailbox.imap_session import Session, numbers
from retentiond.mailbox.imap_stream import LONGEST_LITERAL

#: Flags that stay behind: one is a deed of somebody's, the other the server's own (decisions: strays).
_LEFT_BEHIND = frozenset(("\\deleted", "\\recent"))
_SIZES_AT_ONCE = 5_000

_NO_ATOM = re.compile(r'[^\x21-\x7e]|[(){%*"\\\]]')
_SEEN_WHOLE = (b"INTERNALDATE", b"FLAGS", b"BODY")


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def fetch(
    session: Session, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
) -> Iterator[Message]:
    """The verb of the port. Raises Refused(too-big) for what cannot be carried."""
    session.look_again(place)
    weights = zip(numbers(keys), sizes, strict=True) if sizes else sizes_of(session, place, numbers(keys))
    for row in whole(session, place, weights):
        if row.received is not None:
            yield Message(row.uid, row.body, row.received, carried(row.flags))


def carried(flags: Iterable[str]) -> frozenset[str]:
    """The flags that go with a message. A category of another kind of server becomes a keyword: what an
    atom may not hold becomes an underscore (RFC 9051, 9: flag-keyword)."""
    return frozenset(
        flag if flag.startswith("\\") else _NO_ATOM.sub("_", flag)
        for flag in flags
        if flag.lower() not in _LEFT_BEHIND
    )


def whole(session: Session, place: Place, weights: Iterable[tuple[int, int]]) -> Iterator[Row]:
    """Messages whole, in order of key; at most CARRY_BYTES of them at a time in memory. `weights` are
    keys and sizes."""
    wire = session.wire
    sizes = sorted(weights)
    if any(size > LONGEST_LITERAL for _, size in sizes):
        raise Refused(session.target, Why.TOO_BIG, place.folder)
    for portion in _portions(sizes):
        # Between two portions the caller may have had us open another folder.
        session.stay_at(place)
        for uids in wire.sets(portion):
            found = wire.fetch_rows(uids, b"INTERNALDATE FLAGS BODY.PEEK[]", _SEEN_WHOLE, place.folder)
            rows = {row.uid: row for row in found}
            yield from (rows[key] for key in portion if key in rows)


def sizes_of(session: Session, place: Place, keys: Sequence[int]) -> list[tuple[int, int]]:
    wire = session.wire
    wanted = set(keys)
    sizes: dict[int, int] = {}
    for uids in wire.sets(keys, _SIZES_AT_ONCE):
        for row in wire.fetch_rows(uids, b"RFC822.SIZE", (b"RFC822.SIZE",), place.folder):
            if row.uid in wanted:
                sizes[row.uid] = row.size
    return list(sizes.items())


def _portions(sizes: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    portion: list[int] = []
    weight = 0
    for key, size in sizes:
        if portion and (weight + size > CARRY_BYTES or len(portion) == CARRY_MESSAGES):
            yield portion
            portion, weight = [], 0
        portion.append(key)
        weight += size
    if portion:
        yield portion


# ── adding ───────────────────────────────────────────────────────────────────────────────────────


def add(session: Session, place: Place, messages: Sequence[Message]) -> None:
    """The verb of the port. All or none where the server offers MULTIAPPEND; else one by one, and what
    stands at a failure stays (the caller counts copies before it adds). A date or a flag that the
    server does not take makes it Refused, and the copies are taken out again."""
    if not messages:
        return
    _refuse_too_big(session, place, messages)
    opened = session.look_again(place)
    session.leave()
    at_once = len(messages) if session.wire.offers("MULTIAPPEND") else 1
    batches = [messages[start : start + at_once] for start in range(0, len(messages), at_once)]
    told: list[int] = []
    for batch in batches:
        told += _append(session, place, batch)
    expected = [(message.received, carried(message.flags), len(message.content)) for message in messages]
    if len(told) == len(messages):
        verify(session, place, dict(zip(told, expected, strict=True)))
    else:
        verify(session, place, _matched(session, place, opened.next_uid, expected))


Expected = tuple[datetime, frozenset[str], int]


def _refuse_too_big(session: Session, place: Place, messages: Sequence[Message]) -> None:
    limit = session.wire.append_limit
    if limit is not None and any(len(message.content) > limit for message in messages):
        raise Refused(session.target, Why.TOO_BIG, place.folder)
    # In a MULTIAPPEND an empty literal is the word for "forget it" (RFC 3502).
    if not all(message.content for message in messages):
        raise Refused(session.target, Why.PROTOCOL, place.folder)


def _append(session: Session, place: Place, batch: Sequence[Message]) -> list[int]:
    """The UIDs that the server gave (APPENDUID, RFC 4315), in order; empty where it does not say."""
    folder = session.folder(place.folder)
    parts = []
    for message in batch:
        flags = " ".join(sorted(carried(message.flags))).encode("ascii", "replace")
        parts.append((b"(%s) %s" % (flags, date_time(message.received)), message.content))
    answer = session.wire.expect(session.wire.append(folder.argument, parts), place.folder)
    return list(_told(session, answer, b"APPENDUID", 1))


def _told(session: Session, answer: Answer, code: bytes, index: int) -> tuple[int, ...]:
    words = answer.arguments if answer.code == code else []
    with session.wire.reading():
        return keys_of(words[index]) if words else ()


def _matched(session: Session, place: Place, first: int, expected: Sequence[Expected]) -> dict[int, Expected]:
    """Which of the messages that came since `first` are ours, by date and size, without APPENDUID."""
    session.look_again(place)
    [fresh] = session.wire.search(b"UID %d:*" % first, label=place.folder)
    left = list(expected)
    found: dict[int, Expected] = {}
    for row in _rows(session, place, [uid for uid in fresh if uid >= first]):
        match = next((each for each in left if (each[0], each[2]) == (row.received, row.size)), None)
        if match is not None:
            left.remove(match)
            found[row.uid] = match
    if left:
        raise Refused(session.target, Why.PROTOCOL, place.folder)
    return found


def verify(session: Session, place: Place, expected: dict[int, Expected]) -> None:
    """Believes the copies when a fresh look shows them; sets the flags that did not come along.

    Raises Refused after taking the copies out again where date or flags cannot be kept: a wrong date
    would break the promise (P1), a lost flag the footprint (P8).
    """
    opened = session.look_again(place)
    wrong = _wrong(session, place, expected)
    if wrong and all(has_date for has_date, _, _ in wrong.values()):
        _set_flags(session, place, wrong)
        session.look_again(place)
        wrong = _wrong(session, place, expected)
    session.leave()
    if not wrong:
        return
    if session.wire.offers("UIDPLUS"):
        try:
            session.take_again(opened.place)
            remove(session, list(expected))
        finally:
            session.leave()
    raise Refused(session.target, Why.NOT_KEPT, place.folder)


_Wrong = dict[int, tuple[bool, frozenset[str], frozenset[str]]]


def _wrong(session: Session, place: Place, expected: dict[int, Expected]) -> _Wrong:
    """Of each copy that is not as it should be: is its date right, which flags lack, which are too many."""
    rows = {row.uid: row for row in _rows(session, place, list(expected))}
    wrong: _Wrong = {}
    for uid, (received, flags, _size) in expected.items():
        row = rows.get(uid)
        if row is None:
            wrong[uid] = (False, flags, frozenset())
            continue
        wanted = {flag.lower(): flag for flag in flags}
        there = {flag.lower(): flag for flag in row.flags if flag.lower() != "\\recent"}
        lacking = frozenset(wanted[name] for name in wanted.keys() - there.keys())
        spare = frozenset(there[name] for name in there.keys() - wanted.keys())
        if row.received != received or lacking or spare:
            wrong[uid] = (row.received == received, lacking, spare)
    return wrong


def _rows(session: Session, place: Place, keys: Sequence[int]) -> Iterator[Row]:
    items = b"INTERNALDATE FLAGS RFC822.SIZE"
    for uids in session.wire.sets(keys, _SIZES_AT_ONCE):
        yield from session.wire.fetch_rows(uids, items, (b"INTERNALDATE", b"FLAGS"), place.folder)


def _set_flags(session: Session, place: Place, wrong: _Wrong) -> None:
    by_change: dict[tuple[bytes, frozenset[str]], list[int]] = {}
    for uid, (_, lacking, spare) in wrong.items():
        for sign, flags in ((b"+", lacking), (b"-", spare)):
            if flags:
                by_change.setdefault((sign, flags), []).append(uid)
    try:
        session.take_again(place)
        for (sign, flags), keys in by_change.items():
            words = " ".join(sorted(flags)).encode("ascii", "replace")
            for uids in session.wire.sets(keys):
                command = b"UID STORE %s %sFLAGS.SILENT (%s)" % (uids, sign, words)
                session.wire.expect(session.wire.ask(command, keeps=False)[0], place.folder)
    finally:
        session.leave()


# ── copying within one login ─────────────────────────────────────────────────────────────────────


def copy(source: Session, place: Place, keys: Sequence[Key], home: Session, sent: Place) -> bool:
    """The verb of the port, both ends being of one login. COPYUID says what became what (RFC 4315)."""
    if not source.wire.offers("UIDPLUS"):
        return False
    destination = home.folder(sent.folder)
    source.look_again(place)
    home.look_again(sent)
    there = {row.uid: row for row in _rows(source, place, numbers(keys))}
    for uids in source.wire.sets(list(there), CARRY_MESSAGES):
        answer = source.wire.ask(b"UID COPY " + uids + b" " + destination.argument)[0]
        source.wire.expect(answer, place.folder)
        with source.wire.reading():
            # Without COPYUID nobody knows what became what.
            words = answer.arguments if answer.code == b"COPYUID" else []
            pairs = list(zip(keys_of(words[1]), keys_of(words[2]), strict=True))
        expected: dict[int, Expected] = {}
        for old, new in pairs:
            row = there.get(old)
            if row is not None and row.received is not None:
                expected[new] = (row.received, carried(row.flags), row.size)
        verify(home, sent, expected)
    source.leave()
    return True
