"""Small ledgers for the tests: a founded one, deeds entered in it, and a hand that tampers with its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from retentiond.core.chain import Seal, root_hash
from retentiond.core.deeds import Deed, Intent, Outcome, Phase, Result
from retentiond.core.fuse import Arming
from retentiond.core.model import Key, Place, Reason, Role
from retentiond.ledger.book import Ledger
from retentiond.ledger.schema import GUARDS

NOW = datetime(2026, 7, 16, 3, 5, tzinfo=UTC)
KEY = bytes(range(32))
INBOX = Place("helpline-1", "Inbox", Role.INBOX, 77)


def at(minutes: int) -> datetime:
    """So many minutes after the ledger was founded."""
    return NOW + timedelta(minutes=minutes)


def founded(directory: Path) -> Ledger:
    """A new ledger, open."""
    Ledger.init(directory, KEY, NOW)
    return Ledger.open(directory, KEY)


def intent(place: Place = INBOX, keys: tuple[Key, ...] = (1, 2, 3), reason: Reason = Reason.DUE) -> Intent:
    """What is about to be destroyed in a folder."""
    return Intent(place, Phase.DESTROYING, keys, place.target, reason, date(2026, 1, 3), date(2026, 1, 15))


def destroy(
    ledger: Ledger,
    target: str = "helpline-1",
    count: int = 3,
    when: datetime = NOW,
    result: Result = Result.DONE,
    reason: Reason = Reason.DUE,
) -> None:
    """Enters one deed on `count` items."""
    place = Place(target, "Inbox", Role.INBOX, 77)
    keys = tuple(range(1, count + 1))
    number = ledger.intend(intent(place, keys, reason))
    ledger.settle(number, [Deed(Outcome(place, result, keys), root_hash([b"mark"]))], when)


def arming(when: datetime = NOW, number: int = 12, forecast: int = 40) -> Arming:
    """Somebody let a target loose."""
    return Arming("a1b2c3", "6 months", number, 2, forecast, when, "uid 1000", None, "2026-05-01")


def lived_in(directory: Path) -> tuple[Seal, ...]:
    """A ledger with three sweeps behind it and two entries since; returns the last sweep's seals.

    helpline-1 has 8 entries, helpline-2 has 3, house has 8 (founded, 2 armed, rules, 3 swept, rules).
    """
    with founded(directory) as ledger:
        ledger.arm("helpline-1", arming(at(1)))
        ledger.arm("helpline-2", arming(at(1), 5, 9))
        ledger.record("rules", {"target": "helpline-2", "digest": "d4"}, at(2))
        seals: tuple[Seal, ...] = ()
        for sweep in range(3):
            when = at(10 * (sweep + 1))
            destroy(ledger, "helpline-1", 4, when)
            destroy(ledger, "helpline-1", 1, when, Result.HELD)
            destroy(ledger, "helpline-2", 2 + sweep, when)
            counts = {"helpline-1": {"done": 4, "held": 1}, "helpline-2": {"done": 2 + sweep}}
            seals = ledger.swept(when, {"helpline-1": 40 - sweep, "helpline-2": 7}, counts)
        destroy(ledger, "helpline-1", 6, at(40))
        destroy(ledger, "helpline-1", 5, at(41), Result.RETAINED)
        ledger.record("rules", {"target": "helpline-1", "digest": "d5"}, at(42))
    return seals


@contextmanager
def tampering(directory: Path) -> Iterator[sqlite3.Connection]:
    """A hand in the file that knows SQLite: it takes the guards off and puts them back."""
    with closing(sqlite3.connect(directory / "ledger.db")) as database:
        for guard in GUARDS:
            database.execute(f"DROP TRIGGER {guard.split()[2]}")
        yield database
        for guard in GUARDS:
            database.execute(guard)
        database.commit()
