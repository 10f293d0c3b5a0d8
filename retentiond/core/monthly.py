"""A month as the ledger tells it: what left, what a server still keeps, and which nights had no sweep.

Nothing is known here but what the entries say: aliases, counts, codes and minutes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from retentiond.core.chain import HOUSE, Entry
from retentiond.core.deeds import Result
from retentiond.core.model import Reason
from retentiond.core.period import Period, start_of
from retentiond.core.promises import PATIENCE

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_GONE = frozenset({Result.DONE.value, Result.REMOVED.value, Result.RETAINED.value})
_UNDONE = frozenset({Result.FAILED.value, Result.CHANGED.value})


@dataclass(frozen=True, slots=True)
class Span:
    """A calendar month in a zone: from the instant at which it begins until that at which the next does."""

    first: date
    zone: tzinfo

    @classmethod
    def before(cls, now: datetime, zone: tzinfo) -> Span:
        """The last month that is over at `now` (aware)."""
        this = now.astimezone(zone).date().replace(day=1)
        return cls((this - timedelta(days=1)).replace(day=1), zone)

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> Span:
        """A month written `2026-10`. Raises ValueError."""
        match = _MONTH.fullmatch(text)
        if match is None or not 1995 <= int(match[1]) <= 2999:
            raise ValueError("a year and a month, such as 2026-10")
        return cls(date(int(match[1]), int(match[2]), 1), zone)

    @property
    def start(self) -> datetime:
        return start_of(self.first, self.zone)

    @property
    def end(self) -> datetime:
        return start_of(Period(months=1).after(self.first), self.zone)

    @property
    def name(self) -> str:
        """`2026-10`."""
        return f"{self.first:%Y-%m}"

    def back(self, months: int) -> Span:
        """The month so many months earlier."""
        year, month = divmod(self.first.year * 12 + self.first.month - 1 - months, 12)
        return Span(date(year, month + 1, 1), self.zone)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in this month."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Deeds:
    """What became of one helpline's (or letters folder's) items in a month, wherever they lay.

    `until` is the last day until which a server said that it keeps what was removed.
    """

    destroyed: int = 0
    removed: int = 0
    retained: int = 0
    brought_home: int = 0
    undone: int = 0
    until: date | None = None

    @property
    def left(self) -> int:
        """How many were destroyed, or removed as far as it went."""
        return self.destroyed + self.removed + self.retained


@dataclass(frozen=True, slots=True)
class Agreement:
    """Somebody let a target loose: on which day (of the zone), and up to which number."""

    day: date
    target: str
    number: int


@dataclass(frozen=True, slots=True)
class Month:
    """One month. `silences` are the stretches of more than 48 hours in which no sweep came to its end;
    `findings` are those of the month's last sweep, by target; `events` counts the house's other entries.

    `copies` are the targets of which a server still kept copies when the month ended, each with the last day
    that it named, `date.max` where it named none.
    """

    span: Span
    deeds: Mapping[str, Deeds] = field(default_factory=dict)
    sweeps: int = 0
    silences: tuple[tuple[datetime, datetime], ...] = ()
    findings: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, date] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether, by the ledger, the promise was kept: swept without a gap, and nothing left undone."""
        return bool(self.sweeps) and not self.silences and not self.findings and not self.copies


def month_of(entries: Iterable[Entry], span: Span) -> Month:
    """The month as these entries tell it; all entries of the book up to its end, chain by chain, in order."""
    deeds: dict[str, list[Mapping[str, Any]]] = {}
    sweeps: list[Entry] = []
    began: datetime | None = None
    agreements: list[Agreement] = []
    events: Counter[str] = Counter()
    copies: dict[str, date] = {}
    erasures: set[str] = set()
    for entry in entries:
        body: Any = entry.body
        if entry.chain == HOUSE:
            began = entry.minute if began is None else min(began, entry.minute)
        if entry.minute >= span.end:
            continue
        if body["event"] == "swept" and "kind" not in body:  # a purge on demand is no night's sweep
            sweeps.append(entry)
        if body["event"] == "deed" and (until := _kept_until(entry, span)):
            copies[entry.chain] = max(until, copies.get(entry.chain, until))
        if not span.holds(entry.minute):
            continue
        match body["event"]:
            case "deed":
                deeds.setdefault(entry.chain, []).append(body)
            case "armed":
                day = entry.minute.astimezone(span.zone).date()
                agreements.append(Agreement(day, body["target"], body["number"]))
            case "swept" | "founded":
                pass
            case "erasure" if body["receipt"] in erasures:
                pass  # it was interrupted, and is the same one
            case event:
                events[event] += 1
                erasures.add(body.get("receipt", ""))
    inside = [entry for entry in sweeps if span.holds(entry.minute)]
    return Month(
        span,
        {target: _summed(bodies) for target, bodies in sorted(deeds.items())},
        len(inside),
        tuple(_silences([entry.minute for entry in sweeps], began, span)),
        _findings(inside[-1]) if inside else {},
        copies,
        tuple(agreements),
        dict(sorted(events.items())),
    )


def _kept_until(entry: Entry, span: Span) -> date | None:
    """Until when a server keeps copies of what was removed, where that is beyond the month's end."""
    body: Any = entry.body
    if body["result"] != Result.RETAINED.value:
        return None
    if "until" not in body:
        return date.max if span.holds(entry.minute) else None
    until = date.fromisoformat(body["until"])
    return until if start_of(until, span.zone) >= span.end else None


def _summed(bodies: Iterable[Mapping[str, Any]]) -> Deeds:
    counts: Counter[str] = Counter()
    until: date | None = None
    for body in bodies:
        result, is_homeward = body["result"], body["reason"] == Reason.ASTRAY.value
        if result in _GONE:
            counts["home" if is_homeward else result] += body["count"]
        elif result in _UNDONE:
            counts["undone"] += body["count"]
        if "until" in body:
            day = date.fromisoformat(body["until"])
            until = day if until is None else max(until, day)
    return Deeds(
        counts[Result.DONE.value],
        counts[Result.REMOVED.value],
        counts[Result.RETAINED.value],
        counts["home"],
        counts["undone"],
        until,
    )


def _silences(
    ends: list[datetime], began: datetime | None, span: Span
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches without a sweep's end that reach into the month; the book's founding is no silence."""
    if began is None or began >= span.end:
        return
    last = began
    for moment in [*ends, span.end]:
        if moment - last > PATIENCE and moment > span.start:
            yield last, moment
        last = moment


def _findings(entry: Entry) -> dict[str, int]:
    counts: Any = entry.body["counts"]
    return {target: number for target, what, number in counts if what == "findings"}
