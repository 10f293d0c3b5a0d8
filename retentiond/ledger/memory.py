"""Marks that are remembered for a term of their own, outside every chain, and then forgotten.

What is remembered: when an undated item was first seen, the threads of replies whose parent is gone,
since when an unarmed target has had something due; and the receipts of erasures that are not finished. A
mark says nothing without the ledger's key.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from retentiond.ledger import schema

#: Kinds of memory.
SEEN = "seen"
THREAD = "thread"
UNARMED = "unarmed"
ERASING = "erasing"


def remember(
    connection: Connection, kind: str, target: str, marks: Iterable[bytes], now: datetime, until: datetime
) -> None:
    """Notes marks: a new one as of `now`; of a known one the date stays and the term may grow."""
    since, end = int(now.timestamp()), int(until.timestamp())
    rows = [
        {"kind": kind, "target": target, "mark": mark, "since": since, "until": end}
        for mark in dict.fromkeys(marks)
    ]
    if rows:
        new = insert(schema.memory)
        term = func.max(schema.memory.c.until, new.excluded.until)
        connection.execute(
            new.on_conflict_do_update(index_elements=["kind", "target", "mark"], set_={"until": term}), rows
        )


@schema.as_written()
def recall(connection: Connection, kind: str, target: str) -> dict[bytes, datetime]:
    """The marks of a kind and since when they are known (aware, UTC)."""
    column = schema.memory.c
    rows = connection.execute(
        select(column.mark, column.since).where(column.kind == kind, column.target == target)
    )
    return {mark: datetime.fromtimestamp(since, UTC) for mark, since in rows}


def forget(connection: Connection, kind: str, target: str) -> None:
    """Forgets a kind of a target altogether."""
    column = schema.memory.c
    connection.execute(schema.memory.delete().where(column.kind == kind, column.target == target))


def forget_marks(connection: Connection, marks: Iterable[bytes]) -> None:
    """Forgets these marks, whatever they were remembered for."""
    column = schema.memory.c
    rows = [{"gone": mark} for mark in dict.fromkeys(marks)]
    if rows:
        connection.execute(schema.memory.delete().where(column.mark == bindparam("gone")), rows)


def forget_expired(connection: Connection, now: datetime) -> int:
    """Forgets what has outlived its term; returns how many marks."""
    gone = connection.execute(schema.memory.delete().where(schema.memory.c.until <= int(now.timestamp())))
    return gone.rowcount
