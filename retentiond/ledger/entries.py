"""Adding to a chain: the entry, its link, the signed head and the standing, in the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from retentiond.core.chain import (
    GENESIS,
    HOUSE,
    Body,
    Break,
    Entry,
    Seal,
    entry_text,
    link,
    minute_of,
    minute_text,
    read_entry,
)
from retentiond.errors import ClockDoubted, LedgerDamaged
from retentiond.ledger import schema
from retentiond.ledger.keys import Keys
from retentiond.ledger.standing import Line, fold

#: By how much a clock may be set back (by NTP, say) while a sweep is under way.
TOLERANCE = timedelta(minutes=5)


@schema.as_written()
def newest_minute(connection: Connection) -> datetime | None:
    """When the newest entry of any chain was written; None in an empty book."""
    newest = connection.scalar(select(func.max(schema.head.c.minute)))
    return minute_of(newest) if newest else None


def minute_for(connection: Connection, now: datetime) -> str:
    """The minute that an entry made now bears: never before the newest one's.

    Raises ClockDoubted where `now` lies more than five minutes before it: such a time is not written.
    """
    minute, newest = minute_text(now), newest_minute(connection)
    if newest is None or now >= newest:
        return minute
    if newest - now > TOLERANCE:
        raise ClockDoubted("ledger", int((now - newest).total_seconds()))
    return minute_text(newest)


def append(connection: Connection, keys: Keys, chain: str, body: Body, minute: str) -> Entry:
    """Adds one entry, of `minute` as from `minute_for`.

    Raises LedgerDamaged where the chain does not end as its head says, ValueError for a name that
    cannot be signed.
    """
    if not chain or not chain.isprintable():
        raise ValueError("a chain's name is printable")
    end = chain_end(connection, chain)
    text = entry_text(chain, end.count + 1, minute, body)
    seal = Seal(chain, end.count + 1, link(end.hash, text))
    connection.execute(
        insert(schema.entry).values(chain=chain, seq=seal.count, body=text, hash=seal.hash),
    )
    columns = {"count": seal.count, "hash": seal.hash, "minute": minute, "note": keys.sign(seal)}
    connection.execute(
        insert(schema.head)
        .values(chain=chain, **columns)
        .on_conflict_do_update(index_elements=["chain"], set_=columns)
    )
    entry = read_entry(chain, seal.count, text, seal.hash)
    _keep_standing(connection, entry)
    return entry


@schema.as_written()
def chain_end(connection: Connection, chain: str) -> Seal:
    """Where a chain ends by its head (count 0 for a new one); the last entry must bear it out."""
    head, entry = schema.head.c, schema.entry.c
    row = connection.execute(select(head.count, head.hash).where(head.chain == chain)).first()
    end = Seal(chain, *row) if row else Seal(chain, 0, GENESIS)
    last = connection.execute(
        select(entry.seq, entry.hash).where(entry.chain == chain).order_by(entry.seq.desc()).limit(1)
    ).first()
    if (tuple(last) if last else (0, GENESIS)) != (end.count, end.hash):
        raise LedgerDamaged(chain, end.count, Break.WITNESS)
    return end


@schema.as_written()
def entry_at(connection: Connection, chain: str, seq: int) -> Entry:
    """One entry, checked against its own hash and the one before. Raises LedgerDamaged."""
    column = schema.entry.c
    rows = connection.execute(
        select(column.seq, column.body, column.hash)
        .where(column.chain == chain, column.seq.between(seq - 1, seq))
        .order_by(column.seq)
    ).all()
    if not rows or rows[-1].seq != seq or (seq > 1 and len(rows) != 2):
        raise LedgerDamaged(chain, seq, Break.MISSING)
    previous = rows[0].hash if seq > 1 else GENESIS
    if link(previous, rows[-1].body) != rows[-1].hash:
        raise LedgerDamaged(chain, seq, Break.EDITED)
    return read_entry(chain, seq, rows[-1].body, rows[-1].hash)


@schema.as_written()
def check_founder(connection: Connection, keys: Keys) -> None:
    """Raises LedgerDamaged where the first entry names another key: then it is another ledger's book.

    That there is a first entry, and that it is whole, is for the verification to prove.
    """
    column = schema.entry.c
    founding = connection.scalar(select(column.body).where(column.chain == HOUSE, column.seq == 1))
    if founding is not None and keys.public.hex() not in founding:
        raise LedgerDamaged(HOUSE, 1, Break.KEY)


@schema.as_written()
def standing_lines(connection: Connection, target: str | None = None) -> dict[str, Line]:
    """How one target stands, or all of them, by name."""
    column = schema.standing.c
    query = select(
        column.target, column.armed_at, column.forecast, column.made, column.before, column.destroyed
    ).order_by(column.target)
    if target is not None:
        query = query.where(column.target == target)
    return {name: Line(*values) for name, *values in connection.execute(query)}


def _keep_standing(connection: Connection, entry: Entry) -> None:
    event = entry.body["event"]
    if event == "swept":
        lines = standing_lines(connection)
    elif event in ("deed", "armed"):
        lines = standing_lines(connection, str(entry.body["target"]))
    else:
        return
    for target in fold(lines, entry):
        line = lines[target]
        columns = {
            "armed_at": line.armed_at,
            "forecast": line.forecast,
            "made": line.made,
            "before": line.before,
            "destroyed": line.destroyed,
        }
        connection.execute(
            insert(schema.standing)
            .values(target=target, **columns)
            .on_conflict_do_update(index_elements=["target"], set_=columns)
        )


@schema.as_written()
def heads(connection: Connection) -> dict[str, Seal]:
    """Where every chain ends, by name, as its head says."""
    column = schema.head.c
    rows = connection.execute(select(column.chain, column.count, column.hash).order_by(column.chain))
    return {chain: Seal(chain, count, digest) for chain, count, digest in rows}


def keep_checkpoint(connection: Connection) -> None:
    """Keeps the house's signed head as it stands, for good."""
    head = schema.head.c
    connection.execute(
        schema.checkpoint.insert().from_select(
            ["count", "note"], select(head.count, head.note).where(head.chain == HOUSE)
        )
    )


def last_checkpoint(connection: Connection) -> Entry:
    """The house entry of the newest checkpoint (a sweep's end, or the founding). Raises LedgerDamaged."""
    count = connection.scalar(select(func.max(schema.checkpoint.c.count)))
    if count is None:
        raise LedgerDamaged(HOUSE, 1, Break.CHECKPOINT)
    return entry_at(connection, HOUSE, count)
