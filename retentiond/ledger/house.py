"""What is entered in the house chain: armings and the ends of sweeps; and how they are read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from retentiond.core.chain import HOUSE, Body, Entry, minute_of
from retentiond.core.fuse import Arming, Forecast
from retentiond.core.model import Reason
from retentiond.ledger import schema
from retentiond.ledger.entries import entry_at, heads, standing_lines
from retentiond.ledger.standing import ARMED, DEED, RETIRED, SPENDS, SWEPT, Line, row

_COPIES = {True: "kept", False: "none", None: "unknown"}
_KEEPS = {word: keeps for keeps, word in _COPIES.items()}


def armed_body(connection: Connection, target: str, arming: Arming) -> Body:
    """The entry of an arming. It notes how many items had been destroyed: the forecast counts from there."""
    return {
        "event": ARMED,
        "target": target,
        "rules": arming.rules,
        "period": arming.period,
        "number": arming.number,
        "strays": arming.strays,
        "forecast": arming.forecast,
        "who": arming.who,
        "copies": _COPIES[arming.keeps_copies],
        "told": arming.told,
        **({"longest": arming.longest} if arming.longest else {}),
        "destroyed": standing_lines(connection, target).get(target, Line()).destroyed,
    }


def swept_body(
    connection: Connection,
    minute: str,
    forecasts: Mapping[str, int],
    counts: Mapping[str, Mapping[str, int]],
    *,
    is_purge: bool,
) -> Body:
    """The entry of a sweep's end: counts, the heads of all other chains, the standing of all targets."""
    lines = standing_lines(connection)
    for target, number in forecasts.items():
        line = lines.get(target, Line())
        lines[target] = replace(line, forecast=number, made=minute, before=line.destroyed)
    kind: Body = {"kind": "purge"} if is_purge else {}
    return {
        **kind,
        "event": SWEPT,
        "counts": [
            [target, what, n] for target in sorted(counts) for what, n in sorted(counts[target].items())
        ],
        "heads": [
            [seal.chain, seal.count, seal.hash.hex()]
            for seal in heads(connection).values()
            if seal.chain != HOUSE
        ],
        "standing": [
            row(target, line, _arming_hash(connection, line)) for target, line in sorted(lines.items())
        ],
    }


def _arming_hash(connection: Connection, line: Line) -> bytes:
    return entry_at(connection, HOUSE, line.armed_at).hash if line.armed_at else b""


def standing_of(connection: Connection, target: str) -> tuple[Arming | None, Forecast | None]:
    """The latest arming and the latest forecast of a target. Raises LedgerDamaged."""
    line = standing_lines(connection, target).get(target, Line())
    arming = _arming(entry_at(connection, HOUSE, line.armed_at)) if line.armed_at else None
    if not line.made:
        return arming, None
    return arming, Forecast(line.forecast, minute_of(line.made), line.destroyed - line.before)


def roll_of(connection: Connection) -> dict[str, datetime | None]:
    """Every target that was ever armed or retired: when it was retired, None where it is ours (again)."""
    column = schema.entry.c
    rows = connection.execute(
        select(column.seq, column.body)
        .where(column.chain == HOUSE, column.body.contains(f'"event":"{RETIRED}"', autoescape=True))
        .order_by(column.seq)
    )
    roll: dict[str, datetime | None] = {}
    retired: dict[str, int] = {}
    for seq, text in rows:
        body: Any = json.loads(text)
        retired[body["target"]] = seq
        roll[body["target"]] = minute_of(body["minute"])
    for name, line in standing_lines(connection).items():
        if line.armed_at > retired.get(name, 0):
            roll[name] = None
    return roll


def tally_of(connection: Connection, before: str) -> tuple[int, int, int]:
    """What was entered before a minute: items destroyed, replies brought home, and entries of all chains."""
    destroyed = refiled = entries = 0
    rows = connection.execute(select(schema.entry.c.body).execution_options(yield_per=2000))
    for (text,) in rows:
        body: Any = json.loads(text)
        if body["minute"] >= before:
            continue
        entries += 1
        if body["event"] == DEED and body["result"] in SPENDS:
            is_home = body["reason"] == Reason.ASTRAY.value
            refiled += body["count"] * is_home
            destroyed += body["count"] * (not is_home)
    return destroyed, refiled, entries


def _arming(entry: Entry) -> Arming:
    body: Any = entry.body
    return Arming(
        rules=body["rules"],
        period=body["period"],
        number=body["number"],
        strays=body["strays"],
        forecast=body["forecast"],
        when=entry.minute,
        who=body["who"],
        keeps_copies=_KEEPS[body["copies"]],
        told=body["told"],
        longest=body.get("longest", ""),
    )
