"""A ledger of version 1, made by the code of that time, comes to this version whole, or stays as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from retentiond.core.chain import Break
from retentiond.errors import ClockDoubted, Exit, LedgerDamaged, LedgerOutdated
from retentiond.ledger import schema
from retentiond.ledger.book import Ledger
from retentiond.ledger.upgrade import upgrade
from tests.ledger.books import KEY, NOW, at, destroy, intent

#: What version 1 wrote: a dump of its file, its seals and its public key.
FROZEN = Path(__file__).parent / "version_1"
LATER = at(60)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The directory of a ledger of version 1: three sweeps, two entries since, one open intent."""
    directory = tmp_path / "ledger"
    directory.mkdir(mode=0o700)
    for name in ("seals.log", "ledger.pub"):
        shutil.copy(FROZEN / name, directory / name)
        (directory / name).chmod(0o600)
    with closing(sqlite3.connect(directory / "ledger.db")) as database:
        database.executescript((FROZEN / "ledger.sql").read_text(encoding="utf-8"))
        database.execute("PRAGMA journal_mode=WAL")
    (directory / "ledger.db").chmod(0o600)
    return directory


def content(directory: Path) -> list[str]:
    """Everything that is in the file, as text."""
    with closing(sqlite3.connect(directory / "ledger.db")) as database:
        return list(database.iterdump())


def rows(directory: Path) -> Iterator[str]:
    return (line for line in content(directory) if line.startswith("INSERT INTO"))


def test_an_old_ledger_is_not_opened_and_the_way_on_is_said(old: Path) -> None:
    before = content(old)
    with pytest.raises(LedgerOutdated) as caught:
        Ledger.open(old, KEY)
    assert (caught.value.version, caught.value.current) == (1, schema.VERSION)
    assert caught.value.exit_code == Exit.LEDGER
    assert content(old) == before


def test_an_upgrade_keeps_every_row_and_enters_itself(old: Path) -> None:
    before = set(rows(old))
    was, now, verified = upgrade(old, KEY, LATER, "uid 1000")
    assert (was, now, verified.entries) == (1, 2, 20)
    assert verified.open_intents == 1
    kept = set(rows(old))
    new = sorted(kept - before)
    assert [line.split('"')[1] for line in new] == ["entry", "head", "schema"]
    assert '"event":"upgraded"' in new[0]
    assert len(before - kept) == 2, "the head of the house chain, and the version"
    with Ledger.open(old, KEY) as book:
        assert book.verify().entries == 20
        assert book.verify(since_checkpoint=True)
        assert [each.keys for each in book.open_intents()] == [intent().keys]
        assert book.holds.all() == ()
        [entry] = book.show("house", 1)
        assert dict(entry.body) == {
            "chain": "house",
            "seq": 9,
            "minute": "2026-07-16T04:05Z",
            "event": "upgraded",
            "from": 1,
            "to": 2,
            "who": "uid 1000",
        }
        destroy(book, when=LATER)
        book.swept(LATER, {}, {})
        assert book.verify().checkpoints == 5


def test_an_upgraded_ledger_and_a_new_one_are_built_alike(old: Path, tmp_path: Path) -> None:
    upgrade(old, KEY, LATER, "uid 1000")
    Ledger.init(tmp_path / "new", KEY, NOW)

    def built(directory: Path) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(directory / "ledger.db")) as database:
            found = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
            return sorted((name, " ".join(sql.split())) for name, sql in found)

    assert built(old) == built(tmp_path / "new")


def test_an_upgrade_of_what_is_up_to_date_does_nothing(old: Path) -> None:
    upgrade(old, KEY, LATER, "uid 1000")
    before = content(old)
    was, now, _ = upgrade(old, KEY, LATER, "uid 1000")
    assert was == now == schema.VERSION
    assert content(old) == before


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE entry SET body = replace(body, '\"number\":12', '\"number\":9')", Break.EDITED),
        ("DELETE FROM entry WHERE chain = 'helpline-2' AND seq = 3", Break.TAIL),
        ("DELETE FROM schema", Break.SCHEMA),
        ("UPDATE schema SET version = 2", Break.SCHEMA),
        ("CREATE TABLE hold (id)", Break.SCHEMA),
    ],
)
def test_a_ledger_that_does_not_verify_is_left_as_it_is(old: Path, change: str, what: Break) -> None:
    """What is broken must be seen by a person first: an upgrade makes nothing good."""
    with closing(sqlite3.connect(old / "ledger.db")) as database:
        guards = [sql for (sql,) in database.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")]
        for guard in guards:
            database.execute(f"DROP TRIGGER {guard.split()[2]}")
        database.execute(change)
        for guard in guards:
            database.execute(guard)
        database.commit()
    before = content(old)
    with pytest.raises(LedgerDamaged) as caught:
        upgrade(old, KEY, LATER, "uid 1000")
    assert caught.value.what == what
    assert content(old) == before


def test_the_key_of_another_ledger_upgrades_nothing(old: Path) -> None:
    before = content(old)
    with pytest.raises(LedgerDamaged):
        upgrade(old, bytes(32), LATER, "uid 1000")
    assert content(old) == before


def test_an_upgrade_that_fails_half_way_leaves_the_old_ledger(old: Path) -> None:
    """A clock that was set back fails it after the tables were made, and before anything is entered."""
    before = content(old)
    with pytest.raises(ClockDoubted):
        upgrade(old, KEY, NOW - timedelta(days=1), "uid 1000")
    assert content(old) == before
