"""The register of holds, beside the chains: what a hold is on (by marks), its ground, its review (P6).

Who set, reviewed or released which hold is entered in the house chain as well, by the hold's random id and
without a mark: that a hold existed stays provable, what it was on does not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.sqlite import insert

from retentiond.core.chain import Value
from retentiond.core.holds import BY_SIGN, Ground, Register, Registered, Sign
from retentiond.core.model import Mark
from retentiond.errors import UnknownHold
from retentiond.ledger import schema

ADDED: Final = "hold added"
FOUND: Final = "hold found"
REVIEWED: Final = "hold reviewed"
RELEASED: Final = "hold released"
#: Somebody took the sign away, and two weeks have passed.
ENDED: Final = "hold ended"

_SIGN, _THREAD = "sign", "thread"
#: What is easily read aloud; six of these are enough that no id comes twice in a charity's life.
_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"

Enter = Callable[[Connection, Mapping[str, Value], datetime], None]


class Holds:
    """The register in an open ledger. Each call is one transaction, with its entries in the house chain."""

    def __init__(self, engine: Engine, enter: Enter) -> None:
        self._engine = engine
        self._enter = enter

    def all(self) -> tuple[Registered, ...]:
        """Every hold, the oldest first."""
        with schema.reading(self._engine) as connection:
            return _read(connection)

    def add(self, hold: Registered, now: datetime) -> Registered:
        """Registers a hold that somebody set, and gives it its id.

        What it is on is then no longer known by its sign alone: holds of which nothing but the sign was
        known are taken over, so that one item has one ground to be reviewed.
        """
        with schema.writing(self._engine) as connection:
            named = replace(hold, id=_fresh_id(connection))
            _take_over(connection, named)
            _write(connection, named)
            self._enter(connection, _body(ADDED, named, named.who), now)
        return named

    def settle(self, register: Register, now: datetime) -> None:
        """Writes what a sweep's look made of the register. Grounds and reviews, which somebody may have
        changed meanwhile, are left as they are; so is what was released meanwhile."""
        if not (register.changed or register.ended or register.found):
            return
        with schema.writing(self._engine) as connection:
            for hold in register.changed:
                if _is_there(connection, hold.id):
                    _write_marks(connection, hold)
            for hold in register.ended:
                if _remove(connection, hold.id):
                    self._enter(connection, _body(ENDED, hold, hold.who), now)
            known = {(hold.target, sign.mark) for hold in _read(connection) for sign in hold.signs}
            for hold in register.found:
                if not known.isdisjoint((hold.target, sign.mark) for sign in hold.signs):
                    continue  # somebody held it by a command since the look
                named = replace(hold, id=_fresh_id(connection))
                _write(connection, named)
                self._enter(connection, _body(FOUND, named, named.who), now)

    def review(self, id: str, review: date, ground: Ground | None, who: str, now: datetime) -> Registered:
        """Somebody looked at it again: until when it stands now, and why. Raises UnknownHold."""
        with schema.writing(self._engine) as connection:
            hold = _of(connection, id)
            reviewed = replace(hold, review=review, ground=ground or hold.ground)
            _write_row(connection, reviewed)
            self._enter(connection, _body(REVIEWED, reviewed, who), now)
        return reviewed

    def release(self, id: str, who: str, now: datetime) -> Registered:
        """Ends a hold. Raises UnknownHold."""
        with schema.writing(self._engine) as connection:
            hold = _of(connection, id)
            _remove(connection, id)
            self._enter(connection, _body(RELEASED, hold, who), now)
        return hold


def _body(event: str, hold: Registered, who: str) -> dict[str, Value]:
    """What the house chain keeps of it: no mark, and nothing that leads to an item."""
    return {
        "event": event,
        "hold": hold.id,
        "target": hold.target,
        "ground": hold.ground.value,
        "review": hold.review.isoformat(),
        "count": len(hold.signs),
        "conversation": int(hold.is_conversation),
        "who": who,
    }


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


@schema.as_written()
def _read(connection: Connection) -> tuple[Registered, ...]:
    column = schema.hold_mark.c
    signs: dict[str, list[Sign]] = {}
    threads: dict[str, set[Mark]] = {}
    for row in connection.execute(select(schema.hold_mark).order_by(column.id, column.mark)):
        if row.kind == _THREAD:
            threads.setdefault(row.id, set()).add(row.mark)
        else:
            vanished = None if row.vanished is None else _moment(row.vanished)
            signs.setdefault(row.id, []).append(Sign(row.mark, row.lies_in, _moment(row.seen), vanished))
    rows = connection.execute(select(schema.hold).order_by(schema.hold.c.since, schema.hold.c.id))
    return tuple(
        Registered(
            row.id,
            row.target,
            row.who,
            Ground(row.ground),
            date.fromisoformat(row.review),
            _moment(row.since),
            tuple(signs.get(row.id, ())),
            bool(row.conversation),
            frozenset(threads.get(row.id, ())),
        )
        for row in rows
    )


def _of(connection: Connection, id: str) -> Registered:
    for hold in _read(connection):
        if hold.id == id:
            return hold
    raise UnknownHold(id)


def _is_there(connection: Connection, id: str) -> bool:
    return connection.scalar(select(schema.hold.c.id).where(schema.hold.c.id == id)) is not None


def _write(connection: Connection, hold: Registered) -> None:
    _write_row(connection, hold)
    _write_marks(connection, hold)


def _write_row(connection: Connection, hold: Registered) -> None:
    columns = {
        "target": hold.target,
        "who": hold.who,
        "ground": hold.ground.value,
        "review": hold.review.isoformat(),
        "since": int(hold.since.timestamp()),
        "conversation": int(hold.is_conversation),
    }
    connection.execute(
        insert(schema.hold)
        .values(id=hold.id, **columns)
        .on_conflict_do_update(index_elements=["id"], set_=columns)
    )


def _write_marks(connection: Connection, hold: Registered) -> None:
    connection.execute(schema.hold_mark.delete().where(schema.hold_mark.c.id == hold.id))
    signs = [
        {
            "id": hold.id,
            "kind": _SIGN,
            "mark": sign.mark,
            "lies_in": sign.lies_in,
            "seen": int(sign.seen.timestamp()),
            "vanished": None if sign.vanished is None else int(sign.vanished.timestamp()),
        }
        for sign in hold.signs
    ]
    thread = [
        {"id": hold.id, "kind": _THREAD, "mark": mark, "lies_in": "", "seen": 0, "vanished": None}
        for mark in sorted(hold.thread)
    ]
    if rows := signs + thread:
        connection.execute(schema.hold_mark.insert(), rows)


def _remove(connection: Connection, id: str) -> bool:
    connection.execute(schema.hold_mark.delete().where(schema.hold_mark.c.id == id))
    return connection.execute(schema.hold.delete().where(schema.hold.c.id == id)).rowcount > 0


def _take_over(connection: Connection, hold: Registered) -> None:
    marks = {sign.mark for sign in hold.signs}
    for other in _read(connection):
        is_bare = other.who == BY_SIGN and other.ground is Ground.NOT_STATED
        if is_bare and other.target == hold.target and marks.issuperset(s.mark for s in other.signs):
            _remove(connection, other.id)


def _fresh_id(connection: Connection) -> str:
    while True:
        id = "".join(secrets.choice(_LETTERS) for _ in range(6))
        if not _is_there(connection, id):
            return id


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
