"""What several rooms ask a server alike: a search for any of several things, and a few header fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retentiond.core.model import Place
from retentiond.mailbox.imap_answers import Row
from retentiond.mailbox.imap_session import Session

_HEADERS_AT_ONCE = 1_000


def either(terms: Sequence[bytes]) -> bytes:
    """At least one of them. OR takes two: a balanced tree, so that no server has to go deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return b"OR " + either(terms[:middle]) + b" " + either(terms[middle:])


def headers(session: Session, place: Place, keys: Sequence[int], fields: Sequence[str]) -> Iterator[Row]:
    """Dates, flags, sizes and a few header fields, in bounded portions; nothing is marked read."""
    wanted = set(keys)
    items = b"INTERNALDATE FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%s)]" % " ".join(fields).encode()
    for uids in session.wire.sets(keys, _HEADERS_AT_ONCE):
        session.stay_at(place)
        for row in session.wire.fetch_rows(uids, items, (b"INTERNALDATE", b"FLAGS", b"BODY"), place.folder):
            if row.uid in wanted:
                yield row
