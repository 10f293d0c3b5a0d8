"""The book as JSON Lines, for somebody who has the public key and this program's word for nothing.

Line 1 says what it is; then one line an entry, chain by chain; then the signed heads: every checkpoint,
and the present end of every chain. docs/auditor.md tells how to check it with standard tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection, select

from retentiond.core.chain import Entry, read_entry
from retentiond.ledger import schema
from retentiond.ledger.keys import Keys
from retentiond.ledger.verify import ROWS

FORMAT = "retentiond ledger export 1"


def export(connection: Connection, keys: Keys) -> Iterator[str]:
    """The lines, in ASCII and without line feeds. The book should have been verified before."""
    notes = connection.scalars(select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.count)).all()
    ends = connection.scalars(select(schema.head.c.note).order_by(schema.head.c.chain)).all()
    yield _line(
        {
            "notice": "CONFIDENTIAL",
            "format": FORMAT,
            "algorithm": "SHA-256 chain, Ed25519 signed heads (docs/auditor.md)",
            "public_key": keys.pem,
        }
    )
    column = schema.entry.c
    query = select(column.body, column.hash).order_by(column.chain, column.seq)
    for text, digest in connection.execute(query.execution_options(yield_per=ROWS)):
        yield f'{{"body":{text},"hash":"{digest.hex()}"}}'
    for note in dict.fromkeys([*notes, *ends]):
        yield _line({"note": note})


def all_entries(connection: Connection) -> Iterator[Entry]:
    """Every entry, chain by chain, in order; a few at a time in memory."""
    column = schema.entry.c
    query = select(column.chain, column.seq, column.body, column.hash).order_by(column.chain, column.seq)
    for name, seq, text, digest in connection.execute(query.execution_options(yield_per=ROWS)):
        yield read_entry(name, seq, text, digest)


def newest_entries(connection: Connection, chain: str | None, last: int) -> list[Entry]:
    """The newest entries of one chain, or of all of them together, oldest first."""
    column = schema.entry.c
    names = [name for name in connection.scalars(select(schema.head.c.chain)) if chain in (None, name)]
    found: list[Entry] = []
    for name in names:
        rows = connection.execute(
            select(column.seq, column.body, column.hash)
            .where(column.chain == name)
            .order_by(column.seq.desc())
            .limit(last)
        )
        found += [read_entry(name, seq, text, digest) for seq, text, digest in rows]
    found.sort(key=lambda entry: (entry.minute, entry.chain, entry.seq))
    return found[-last:] if last > 0 else []


def _line(value: dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
