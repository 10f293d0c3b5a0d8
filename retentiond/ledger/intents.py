"""Open intents: rows that are durable before a deed and gone when it is settled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, select

from retentiond.core.chain import HOUSE, Body, Break, Value
from retentiond.core.deeds import Deed, Intent, Phase, StrayMark
from retentiond.core.model import Key, Place, Reason, Role
from retentiond.errors import LedgerDamaged
from retentiond.ledger import schema
from retentiond.ledger.standing import DEED


def write_intent(connection: Connection, intent: Intent) -> int:
    """Stores an intent; returns its id, which is never given again."""
    place = intent.place
    written = connection.execute(
        schema.intent.insert()
        .returning(schema.intent.c.id)
        .values(
            target=place.target,
            folder=place.folder,
            role=place.role.value,
            version=place.version,
            phase=intent.phase.value,
            refs=keys_text(intent.keys),
            chain=intent.chain,
            reason=intent.reason.value,
            oldest=intent.oldest and intent.oldest.isoformat(),
            newest=intent.newest and intent.newest.isoformat(),
            home=intent.home,
            strays=json.dumps(
                [[s.key, s.message.hex(), s.size, s.content.hex()] for s in intent.strays],
                separators=(",", ":"),
            ),
        )
    )
    return int(written.scalar_one())


def write_phase(connection: Connection, intent_id: int, phase: Phase) -> None:
    """How far the deed has come. Raises LedgerDamaged where there is no such intent."""
    changed = connection.execute(
        schema.intent.update().where(schema.intent.c.id == intent_id).values(phase=phase.value)
    )
    if changed.rowcount != 1:
        raise LedgerDamaged(HOUSE, None, Break.INTENT)


def take_intent(connection: Connection, intent_id: int) -> Intent:
    """Removes an intent and returns it. Raises LedgerDamaged where there is no such intent."""
    row = connection.execute(select(schema.intent).where(schema.intent.c.id == intent_id)).first()
    if row is None:
        raise LedgerDamaged(HOUSE, None, Break.INTENT)
    connection.execute(schema.intent.delete().where(schema.intent.c.id == intent_id))
    return _intent(row)


def read_intents(connection: Connection) -> tuple[Intent, ...]:
    """All open intents, oldest first."""
    return tuple(map(_intent, connection.execute(select(schema.intent).order_by(schema.intent.c.id))))


def deed_body(intent: Intent, deed: Deed) -> Body:
    """What is entered of a deed: no label but the role, no key, no day (P7).

    `root` is a Merkle root over keyed marks: it proves later what was meant, and says nothing by itself.
    """
    outcome = deed.outcome
    body: dict[str, Value] = {
        "event": DEED,
        "target": outcome.place.target,
        "folder": outcome.place.role.value,
        "reason": intent.reason.value,
        "result": outcome.result.value,
        "count": len(outcome.keys),
        "root": deed.root.hex(),
        "recovered": int(deed.is_recovered),
    }
    if intent.oldest is not None:
        body["from"] = f"{intent.oldest:%Y-%m}"
    if intent.newest is not None:
        body["to"] = f"{intent.newest:%Y-%m}"
    if outcome.until is not None:
        body["until"] = outcome.until.isoformat()
    return body


def keys_text(keys: Sequence[Key]) -> str:
    """Keys in their order, numbers as runs: `1:500,600`. Keys that are text, as JSON."""
    numbers = [key for key in keys if type(key) is int]
    if len(numbers) != len(keys):
        return json.dumps(list(keys), separators=(",", ":"))
    return ",".join(_runs(numbers))


def _runs(numbers: Sequence[int]) -> Iterator[str]:
    if not numbers:
        return
    first = numbers[0]
    for before, number in pairwise([*numbers, numbers[-1]]):
        if number != before + 1:
            yield f"{first}:{before}" if before > first else str(first)
            first = number


def keys_from(text: str) -> tuple[Key, ...]:
    """What `keys_text` wrote. Raises ValueError."""
    if text.startswith("["):
        return tuple(json.loads(text))
    keys: list[int] = []
    for run in filter(None, text.split(",")):
        first, _, last = run.partition(":")
        keys.extend(range(int(first), int(last or first) + 1))
    return tuple(keys)


def _intent(row: Row[Any]) -> Intent:
    try:
        return Intent(
            id=row.id,
            place=Place(row.target, row.folder, Role(row.role), row.version),
            phase=Phase(row.phase),
            keys=keys_from(row.refs),
            chain=row.chain,
            reason=Reason(row.reason),
            oldest=date.fromisoformat(row.oldest) if row.oldest else None,
            newest=date.fromisoformat(row.newest) if row.newest else None,
            home=row.home,
            strays=tuple(
                StrayMark(key, bytes.fromhex(message), size, bytes.fromhex(content))
                for key, message, size, content in json.loads(row.strays)
            ),
        )
    except (ValueError, TypeError):
        raise LedgerDamaged(HOUSE, None, Break.INTENT) from None
