"""What is entered in the house chain: armings and the ends of sweeps; and how they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from retentiond.core.chain import HOUSE, Body, Entry, minute_of
from retentiond.core.model import Arming, Forecast
from retentiond.ledger.entries import entry_at, heads, standing_lines
from retentiond.ledger.standing import ARMED, SWEPT, Line, row

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
    )
