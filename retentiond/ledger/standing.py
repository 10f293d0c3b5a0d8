"""How each target stands, as a fold over the entries and nothing else: pure, so that it can be redone.

The table `standing` is kept up by the same function with which verification recomputes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from retentiond.core.chain import Entry, Seal, Value
from retentiond.core.deeds import Result
from retentiond.core.model import Reason

FOUNDED = "founded"
ARMED = "armed"
SWEPT = "swept"
DEED = "deed"
#: A target that the configuration no longer has, and for which nobody is to wait.
RETIRED = "retired"

#: Events that only the book itself writes.
OWN_EVENTS = frozenset({FOUNDED, ARMED, SWEPT, DEED})

#: What takes items out of a target's folders: a forecast is spent by it. A copy that the server keeps is
#: no longer there to be destroyed; a stray that went home has left as well.
SPENDS = frozenset({Result.DONE.value, Result.REMOVED.value, Result.RETAINED.value})
_FORESEEN = frozenset(
    reason.value for reason in (Reason.DUE, Reason.DUE_SINCE_SEEN, Reason.ASTRAY, Reason.ASTRAY_OVERDUE)
)


@dataclass(frozen=True, slots=True)
class Line:
    """One target. `armed_at` is the house entry of the latest arming, 0 before the first.

    `forecast` was counted in the minute `made` ("" where it never was), when `before` items had been
    destroyed (strays brought home included); `destroyed` is how many were in all.
    """

    armed_at: int = 0
    forecast: int = 0
    made: str = ""
    before: int = 0
    destroyed: int = 0


def fold(lines: dict[str, Line], entry: Entry) -> frozenset[str]:
    """Takes one more entry into account; returns the targets whose line it touched.

    Raises KeyError, TypeError or ValueError where the entry is not as the book writes it.
    """
    body: Any = entry.body
    match body["event"]:
        case "deed" if body["result"] in SPENDS and body["reason"] in _FORESEEN:
            target = body["target"]
            line = lines.get(target, Line())
            lines[target] = replace(line, destroyed=line.destroyed + int(body["count"]))
            return frozenset((target,))
        case "armed":
            target = body["target"]
            lines[target] = Line(
                armed_at=entry.seq,
                forecast=int(body["forecast"]),
                made=body["minute"],
                before=int(body["destroyed"]),
                destroyed=lines.get(target, Line()).destroyed,
            )
            return frozenset((target,))
        case "swept":
            for target, _at, _hash, forecast, made, before, _destroyed in body["standing"]:
                line = lines.get(target, Line())
                lines[target] = replace(line, forecast=forecast, made=made, before=before)
            return frozenset(row[0] for row in body["standing"])
        case _:
            return frozenset()


def row(target: str, line: Line, armed_hash: bytes) -> list[Value]:
    """How a line is written into the entry of a sweep's end."""
    return [target, line.armed_at, armed_hash.hex(), line.forecast, line.made, line.before, line.destroyed]


def from_swept(entry: Entry) -> tuple[dict[str, Line], dict[str, tuple[int, bytes]]]:
    """What the entry of a sweep's end (or the founding) says of every target.

    Returns the lines, and for each armed target the number and hash of its arming's entry.
    """
    body: Any = entry.body
    lines: dict[str, Line] = {}
    armings: dict[str, tuple[int, bytes]] = {}
    for target, armed_at, armed_hash, forecast, made, before, destroyed in body.get("standing", []):
        lines[target] = Line(armed_at, forecast, made, before, destroyed)
        if armed_at:
            armings[target] = armed_at, bytes.fromhex(armed_hash)
    return lines, armings


def recorded_heads(entry: Entry) -> tuple[Seal, ...]:
    """Where the other chains ended, as the entry of a sweep's end says. Raises ValueError, TypeError."""
    rows: Any = entry.body.get("heads", [])
    return tuple(Seal(chain, count, bytes.fromhex(digest)) for chain, count, digest in rows)
