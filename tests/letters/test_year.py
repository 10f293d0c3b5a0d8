"""A year of letters: what is past two months is gone, everywhere, and nothing else is (P4, P5)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.letters.world import NAME, World, cutoff, world
from tests.servers.seed import CANARY


def test_a_year_of_ten_thousand_letters(tmp_path: Path) -> None:
    """Audit, arm, sweep, audit: zero due; the young ones untouched, to the byte."""
    with world(tmp_path, megabytes=256) as letters:
        edge, now = cutoff(), datetime.now(UTC)
        for number in range(10_000):
            age = timedelta(minutes=5 + number * 365 * 24 * 60 / 10_000)
            if abs(now - age - edge) > timedelta(minutes=10):
                letters.save(age, f"{CANARY} {number % 40}/{CANARY} {number}.odt")
        letters.settle()
        kept = {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in letters.folder.rglob("*.odt")
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) >= edge
        }
        due = len(letters.letters()) - len(kept)
        assert 8_000 < due < 8_500
        begun = time.monotonic()
        assert letters.due() == due
        letters.arm()
        document = letters.sweep()
        took = time.monotonic() - begun
        assert (document["exit_code"], document["findings"]) == (0, [])
        assert document["letters"]["fell_due"] == due
        assert sum(each["count"] for each in document["outcomes"]) == due
        assert letters.due() == 0
        left = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in letters.folder.rglob("*.odt")}
        assert left == kept
        assert not [name for name in letters.letters() if ".retentiond" in name]
        print(f"{due} of {due + len(kept)} letters: audit, arm and sweep took {took:.1f} s")
        assert took < 60


def test_the_manager_is_reminded_of_the_paper(letters: World) -> None:
    """P5: how many electronic letters fell due, and where their originals are."""
    for _ in range(3):
        letters.save(timedelta(days=80))
    letters.save(timedelta(days=3))
    letters.settle()
    assert letters.run("audit", "--only", NAME) == 0
    assert "3 electronic letters fell due; their originals on paper are in the locked cabinet" in letters.out
    letters.arm()
    assert letters.run("sweep", "--only", NAME) == 0
    assert "3 electronic letters fell due; their originals on paper are in the locked cabinet" in letters.out
    assert letters.run("sweep", "--only", NAME) == 0
    assert "electronic" not in letters.out
    assert letters.sweep()["letters"]["fell_due"] == 0
