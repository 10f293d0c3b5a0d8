"""How much memory a plan of very many due items takes: `python -m tests.benchmarks.million message 1000`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from retentiond.core.judgement import House, make_plan
from retentiond.core.model import (
    Census,
    FolderView,
    Item,
    Kind,
    Lot,
    Marks,
    Place,
    Ref,
    Role,
    Snapshot,
    TargetView,
)
from retentiond.core.period import Period
from retentiond.core.policy import Terms
from retentiond.core.replies import Helpline
from retentiond.core.roll import Roll

NOW, ZONE = datetime(2026, 11, 22, 3, 15, tzinfo=UTC), ZoneInfo("Europe/London")
INBOX = Place("line", "inbox", Role.INBOX, 7)
EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)


def peak() -> float:
    """The most that this process ever held in memory (MiB)."""
    told = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) / 1024  # type: ignore[index]


def terms(at: datetime, *, follows: bool) -> Terms:
    cutoff, longest = Period(months=6).cutoff(at, ZONE), Period(months=12).cutoff(at, ZONE)
    return Terms(cutoff, EARLIEST, NOW + timedelta(days=1), ZONE, longest=longest if follows else None)


def items(count: int, cutoff: datetime) -> Iterator[Item]:
    """Every second answers the one before."""
    for n in range(count):
        parents = frozenset((n.to_bytes(16),)) if n % 2 else frozenset()
        marks = Marks(message=(n + 1).to_bytes(16), parents=parents)
        yield Item(Ref(INBOX, n + 1), cutoff - timedelta(days=1 + n % 90), marks=marks, size=1000)


def plan(count: int, *, follows: bool) -> int:
    """Makes one; gives how many items are due by it."""
    now, ahead = terms(NOW, follows=follows), terms(NOW + timedelta(days=35), follows=follows)
    census = Census(INBOX, count, count)
    if follows:
        folder = FolderView(census, (), Roll.of(INBOX, items(count, now.cutoff)))
    else:
        folder = FolderView(census, (Lot(INBOX, tuple(range(1, count + 1)), now.cutoff),))
    house = House(
        {"line": now},
        (Helpline("line"),),
        by_conversation=follows,
        ahead={"line": ahead},
        mailboxes=frozenset(("line",)),
    )
    views = (TargetView("line", Kind.HELPLINE, (folder,)),)
    return make_plan(Snapshot(NOW, views), house).targets[0].due


if __name__ == "__main__":
    before, many = peak(), int(sys.argv[2])
    assert plan(many, follows=sys.argv[1] == "conversation") == many
    print(round(peak() - before))
