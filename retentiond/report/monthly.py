"""The month for the Helplines' Manager: is the promise kept, what was held, and what is not yet gone.

What is handed out covers a whole month and says small counts of contacts only coarsely (`coarse.py`). The
facts become one `Paper`; `writing.py` writes it, and can tell no more than stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from retentiond.core.holds import Register
from retentiond.core.model import Kind
from retentiond.core.monthly import Deeds, Month
from retentiond.report.coarse import contacts, is_small, total
from retentiond.report.holds import grounds_sentence
from retentiond.report.letters import PAPER

OUT_OF_REACH: Final = (
    "the web-chat provider's own copies",
    "copies on computers and phones",
    "journals",
    "forwarded mail",
    "backups",
    "prints",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stood at the last look: what is held, what waits for a person, whether it is armed."""

    held: int
    review: int
    is_armed: bool
    looked: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One target in the month. Counts are words: those of contacts are coarse, all others exact."""

    target: str
    kind: str
    destroyed: str
    removed_only: str
    kept_until: str
    brought_home: str
    undone: str
    held: str
    review: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One month in the chart: `height` is 0 to 100, `is_small` where it stands for 1 to 4."""

    month: str
    words: str
    height: int
    is_small: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that the report says, in words."""

    month: str
    title: str
    verdict: str
    is_kept: bool
    reasons: tuple[str, ...]
    lines: tuple[Line, ...]
    totals: Line
    letters: str
    holds: tuple[str, ...]
    events: tuple[str, ...]
    bars: tuple[Bar, ...]
    elsewhere: tuple[str, ...]
    out_of_reach: tuple[str, ...]
    proof: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the report is made of. `earlier` are the months before, newest first; `kinds` and `standings`
    are by target; `holds` is the register as it stands now; `proof` says that the ledger verifies, with
    its seal; `founded` is when the ledger was."""

    month: Month
    earlier: Sequence[Month]
    kinds: Mapping[str, Kind]
    standings: Mapping[str, Standing]
    elsewhere: Sequence[str]
    proof: str
    holds: Register
    founded: datetime


#: How the house's own entries are told, by event: what is counted, for one and for more.
EVENTS: Final[dict[str, tuple[str, str]]] = {
    "erasure": ("erasure on request", "erasures on request"),
    "purge": ("purge on demand", "purges on demand"),
    "loss accepted": ("loss of replies accepted by a person", "losses of replies accepted by a person"),
    "hold added": ("hold set by command", "holds set by command"),
    "hold found": ("hold found by its sign", "holds found by their signs"),
    "hold reviewed": ("review of a hold", "reviews of holds"),
    "hold released": ("hold released", "holds released"),
    "hold ended": (
        "hold that ended because its sign had been taken away for two weeks",
        "holds that ended because their signs had been taken away for two weeks",
    ),
}


def paper(facts: Facts) -> Paper:
    """The facts in words."""
    month = facts.month
    names = [name for name, kind in facts.kinds.items() if kind is not Kind.ADVISOR]
    gone = sorted(set(month.deeds) - set(facts.kinds))
    shown = [*names, *gone]
    deeds = {name: month.deeds.get(name, Deeds()) for name in shown}
    return Paper(
        month.span.name,
        f"{month.span.first:%B %Y}",
        _verdict(facts),
        month.is_kept,
        tuple(_reasons(month)),
        tuple(_line(name, deeds[name], facts) for name in shown),
        _totals(deeds, facts),
        _letters(facts, deeds),
        tuple(_holds(facts.holds)),
        tuple(_events(month)),
        _bars(facts),
        tuple(facts.elsewhere),
        OUT_OF_REACH,
        facts.proof,
    )


def _verdict(facts: Facts) -> str:
    month = facts.month
    if facts.founded >= month.span.end:
        first = facts.founded.astimezone(month.span.zone)
        return f"Nothing was destroyed: retentiond's ledger begins on {first:%-d %B %Y}, after this month."
    if month.is_kept:
        return "The promise was kept: every sweep came to its end, and what was due is gone or held."
    if not month.sweeps:
        return "Nothing was destroyed: no sweep came to its end in this month."
    return "The promise was not kept in full. What was in the way stands below."


def _reasons(month: Month) -> Iterator[str]:
    zone = month.span.zone
    for first, last in month.silences:
        days = (last - first).days
        yield f"No sweep for {days} days, from {_day(first, zone)} to {_day(last, zone)}."
    for target, count in month.findings.items():
        found = "1 finding" if count == 1 else f"{count} findings"
        yield f"{target}: {found} at the end of the month; ask the admin for the status."
    for target, until in sorted(month.copies.items()):
        when = "; it does not say until when" if until == date.max else f" until {until}"
        yield f"{target}: not yet destroyed: the server keeps copies of what was removed{when}."


def _day(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%-d %B}"


def _line(name: str, deeds: Deeds, facts: Facts) -> Line:
    kind = facts.kinds.get(name)
    count = str if kind is Kind.LETTERS else contacts
    standing = facts.standings.get(name)
    return Line(
        name,
        "no longer configured" if kind is None else kind.value,
        count(deeds.destroyed),
        count(deeds.removed + deeds.retained),
        f"{deeds.until:%Y-%m-%d}" if deeds.until else "",
        count(deeds.brought_home),
        count(deeds.undone),
        str(standing.held) if standing else "?",
        str(standing.review) if standing else "?",
    )


def _totals(deeds: Mapping[str, Deeds], facts: Facts) -> Line:
    """Over the helplines' mail: letters are exact, and would tell by difference what mail does not."""
    mail = [each for name, each in deeds.items() if facts.kinds.get(name) is not Kind.LETTERS]
    helplines = [name for name, kind in facts.kinds.items() if kind is Kind.HELPLINE]
    is_known = facts.standings.keys() >= set(helplines)
    standings = [facts.standings[name] for name in helplines] if is_known else []
    return Line(
        "all mail",
        "",
        total(each.destroyed for each in mail),
        total(each.removed + each.retained for each in mail),
        "",
        total(each.brought_home for each in mail),
        total(each.undone for each in mail),
        str(sum(standing.held for standing in standings)) if is_known else "?",
        str(sum(standing.review for standing in standings)) if is_known else "?",
    )


def _letters(facts: Facts, deeds: Mapping[str, Deeds]) -> str:
    """The reminder of the originals on paper (P5); empty where the house has no letters."""
    folders = [name for name, kind in facts.kinds.items() if kind is Kind.LETTERS]
    if not folders:
        return ""
    count = sum(deeds[name].left for name in folders)
    what = "1 electronic letter" if count == 1 else f"{count:,} electronic letters"
    return f"{what} fell due and went; {PAPER}."


def _holds(register: Register) -> Iterator[str]:
    """What is kept past its day, why, and what somebody should have looked at again; exact (P6)."""
    yield f"Holds today: {grounds_sentence(register.grounds())}."
    if late := register.past_review():
        days = late[0].days_past(register.today)
        longest = f"{days} day" if days == 1 else f"{days} days"
        yield f"Past their review: {len(late)}, the longest for {longest}. Somebody must look at them again."
    if gone := sum(hold.has_vanished for hold in register.holds):
        yield f"With their sign taken away: {gone}. What they held is kept for two weeks from then."


def _events(month: Month) -> Iterator[str]:
    for agreement in month.agreements:
        day = f"{agreement.day:%-d %B}"
        number = contacts(agreement.number)
        most = number if is_small(agreement.number) else f"at most {number}"
        yield f"{day}: {agreement.target} was armed; {most} items were agreed to."
    for event, count in month.events.items():
        if event in EVENTS:
            one, more = EVENTS[event]
            yield f"{count} {one if count == 1 else more}."


def _bars(facts: Facts) -> tuple[Bar, ...]:
    """Mail that left, month by month, oldest first; a small month has one height, whatever its count."""
    months = [*reversed(facts.earlier), facts.month]
    mail = {name for name, kind in facts.kinds.items() if kind is Kind.HELPLINE}
    counts = [[deeds.left for name, deeds in each.deeds.items() if name in mail] for each in months]
    # What the parts do not tell, the bars must not: they are drawn as if each small part were 2.
    drawn = [sum(2 if is_small(part) else part for part in parts) for parts in counts]
    told = [
        total(parts) if each.span.end > facts.founded else "not in use"
        for each, parts in zip(months, counts, strict=True)
    ]
    highest = max([*drawn, 1])
    return tuple(
        Bar(f"{each.span.first:%b %Y}", words, round(100 * height / highest), any(map(is_small, parts)))
        for each, words, parts, height in zip(months, told, counts, drawn, strict=True)
    )
