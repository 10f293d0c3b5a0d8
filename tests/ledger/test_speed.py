"""A book of many years costs seconds to prove, and a sweep only what came since the last one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retentiond.core.chain import GENESIS, Seal, entry_text, link, minute_text, root_hash
from retentiond.core.deeds import Deed, Outcome, Result
from retentiond.ledger import schema
from retentiond.ledger.book import Ledger
from retentiond.ledger.intents import deed_body
from tests.ledger.books import INBOX, NOW, at, destroy, founded, intent

pytestmark = pytest.mark.benchmark

ENTRIES = 100_000


def _timed(what: str, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    taken = time.perf_counter() - begun
    print(f"{what}: {taken * 1000:.1f} ms")
    return taken


def _old_book(directory: Path) -> Ledger:
    """A ledger with so many entries in one chain, each destroying one item."""
    ledger = founded(directory)
    body = deed_body(intent(), Deed(Outcome(INBOX, Result.DONE, (1,)), bytes(32)))
    minute, previous = minute_text(NOW), GENESIS
    rows: list[dict[str, object]] = []
    for seq in range(1, ENTRIES + 1):
        text = entry_text("helpline-1", seq, minute, body)
        previous = link(previous, text)
        rows.append({"chain": "helpline-1", "seq": seq, "body": text, "hash": previous})
    seal = Seal("helpline-1", ENTRIES, previous)
    with schema.writing(ledger._engine) as connection:
        connection.execute(schema.entry.insert(), rows)
        note = ledger._keys.sign(seal)
        connection.execute(
            schema.head.insert().values(
                chain=seal.chain, count=seal.count, hash=seal.hash, minute=minute, note=note
            )
        )
        line = {"target": "helpline-1", "armed_at": 0, "forecast": 0, "made": "", "before": 0}
        connection.execute(schema.standing.insert().values(**line, destroyed=ENTRIES))
    return ledger


def test_a_book_of_a_hundred_thousand_entries(directory: Path) -> None:
    with _old_book(directory) as ledger:
        ledger.swept(at(1), {"helpline-1": 5}, {})
        destroy(ledger, when=at(2))
        assert _timed("proving 100,000 entries", ledger.verify) < 10
        assert _timed("proving what came since the last sweep", lambda: ledger.verify(True)) < 0.5
        assert ledger.verify(True).proved == 1
        assert _timed("one deed, from intent to entry", lambda: destroy(ledger, when=at(3))) < 0.5
        assert _timed("how a target stands", lambda: ledger.standing("helpline-1")) < 0.2


def test_a_root_over_many_marks() -> None:
    marks = [number.to_bytes(16, "big") for number in range(75_000)]
    assert _timed("a root over 75,000 marks", lambda: root_hash(marks)) < 1
