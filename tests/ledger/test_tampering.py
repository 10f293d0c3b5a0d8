"""Whoever changes the book behind our back is found out, and the place is named."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.core.chain import GENESIS, Break, Seal, link
from retentiond.errors import LedgerDamaged, RetentionError
from retentiond.ledger.book import Ledger
from retentiond.ledger.keys import Keys
from tests.ledger.books import KEY, arming, at, destroy, intent, lived_in, tampering
from tests.ledger.test_holds import a_hold


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole ledger, to be copied."""
    directory = tmp_path_factory.mktemp("whole") / "ledger"
    lived_in(directory)
    return directory


@pytest.fixture
def book(whole: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copytree(whole, tmp_path / "ledger")


def verify(directory: Path, *, since_checkpoint: bool = False, seals: tuple[Seal, ...] = ()) -> str:
    """ "whole", or where the book breaks and how."""
    try:
        with Ledger.open(directory, KEY) as ledger:
            ledger.verify(since_checkpoint, seals)
    except LedgerDamaged as damage:
        return f"{damage.chain} {damage.entry}: {damage.what}"
    return "whole"


def rehash(database: sqlite3.Connection, chain: str) -> None:
    """Makes a chain consistent again, as somebody would who knows all the rules but has no key."""
    previous = GENESIS
    rows = database.execute("SELECT seq, body FROM entry WHERE chain = ? ORDER BY seq", (chain,)).fetchall()
    for seq, body in rows:
        previous = link(previous, body)
        database.execute("UPDATE entry SET hash = ? WHERE chain = ? AND seq = ?", (previous, chain, seq))
    database.execute("UPDATE head SET hash = ?, count = ? WHERE chain = ?", (previous, len(rows), chain))


def edit(database: sqlite3.Connection, chain: str, seq: int, old: str, new: str) -> None:
    """Writes something else into an entry, and nothing more."""
    row = database.execute("SELECT body FROM entry WHERE chain = ? AND seq = ?", (chain, seq)).fetchone()
    assert old in row[0]
    body = row[0].replace(old, new)
    database.execute("UPDATE entry SET body = ? WHERE chain = ? AND seq = ?", (body, chain, seq))


def test_an_untouched_book_is_whole(book: Path) -> None:
    with Ledger.open(book, KEY) as ledger:
        full, quick = ledger.verify(), ledger.verify(since_checkpoint=True)
    assert dict(full.chains) == {"helpline-1": 8, "helpline-2": 3, "house": 8}
    assert (full.entries, full.proved, full.checkpoints, full.open_intents) == (19, 19, 4, 0)
    assert (quick.entries, quick.proved) == (19, 3)


def test_an_edited_entry_is_named(book: Path) -> None:
    with tampering(book) as database:
        edit(database, "helpline-2", 2, '"count":3', '"count":2')
    assert verify(book) == f"helpline-2 2: {Break.EDITED}"


def test_an_edit_with_all_hashes_made_anew_is_named(book: Path) -> None:
    with tampering(book) as database:
        edit(database, "helpline-1", 3, '"count":4', '"count":5')
        rehash(database, "helpline-1")
    assert verify(book) == f"helpline-1 4: {Break.WITNESS}", "the end of a sweep recorded entry 4"


def test_an_edit_of_somebody_who_has_the_key_is_named(book: Path) -> None:
    """The house recorded the heads of all chains at the end of each sweep, and seals.log the house's."""
    with tampering(book) as database:
        edit(database, "helpline-1", 3, '"count":4', '"count":5')
        rehash(database, "helpline-1")
        seal = Seal(
            "helpline-1",
            *database.execute("SELECT count, hash FROM head WHERE chain = 'helpline-1'").fetchone(),
        )
        database.execute("UPDATE head SET note = ? WHERE chain = 'helpline-1'", (Keys(KEY).sign(seal),))
    assert verify(book) == f"helpline-1 4: {Break.WITNESS}"


def test_an_inserted_entry_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute(
            "INSERT INTO entry SELECT chain, 9, body, hash FROM entry WHERE chain = 'helpline-1' AND seq = 8"
        )
    assert verify(book) == f"helpline-1 9: {Break.ALIEN}"
    assert verify(book, since_checkpoint=True) == f"helpline-1 9: {Break.ALIEN}"


def test_an_entry_pushed_into_the_middle_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute("UPDATE entry SET seq = -seq - 1 WHERE chain = 'helpline-1' AND seq >= 3")
        database.execute("UPDATE entry SET seq = -seq WHERE chain = 'helpline-1' AND seq < 0")
        database.execute(
            "INSERT INTO entry SELECT chain, 3, body, hash FROM entry WHERE chain = 'helpline-1' AND seq = 2"
        )
    assert verify(book) == f"helpline-1 3: {Break.EDITED}"


def test_an_entry_before_the_first_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute(
            "INSERT INTO entry SELECT chain, 0, body, hash FROM entry WHERE chain = 'helpline-1' AND seq = 1"
        )
    assert verify(book) == f"helpline-1 0: {Break.ALIEN}"


def test_a_deleted_entry_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute("DELETE FROM entry WHERE chain = 'helpline-1' AND seq = 5")
    assert verify(book) == f"helpline-1 5: {Break.MISSING}"


def test_two_entries_that_changed_places_are_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute("UPDATE entry SET seq = 99 WHERE chain = 'helpline-1' AND seq = 2")
        database.execute("UPDATE entry SET seq = 2 WHERE chain = 'helpline-1' AND seq = 3")
        database.execute("UPDATE entry SET seq = 3 WHERE chain = 'helpline-1' AND seq = 99")
    assert verify(book) == f"helpline-1 2: {Break.EDITED}"


def test_a_tail_cut_since_the_last_sweep_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute("DELETE FROM entry WHERE chain = 'helpline-1' AND seq = 8")
    assert verify(book) == f"helpline-1 8: {Break.TAIL}"
    assert verify(book, since_checkpoint=True) == f"helpline-1 8: {Break.TAIL}"


def test_a_tail_cut_with_its_head_is_named_although_nothing_was_sealed_since(book: Path) -> None:
    with tampering(book) as database:
        database.execute("DELETE FROM entry WHERE chain = 'helpline-1' AND seq = 8")
        rehash(database, "helpline-1")
    assert verify(book) == f"helpline-1 7: {Break.SIGNATURE}"


def test_a_chain_that_was_wiped_is_named(book: Path) -> None:
    with tampering(book) as database:
        for table in ("entry", "head"):
            database.execute(f"DELETE FROM {table} WHERE chain = 'helpline-2'")
    assert verify(book) == f"helpline-2 1: {Break.TAIL}"
    assert verify(book, since_checkpoint=True) == f"helpline-2 3: {Break.MISSING}"


def test_a_book_that_was_wiped_is_named(book: Path) -> None:
    with tampering(book) as database:
        for table in ("entry", "head", "checkpoint", "standing"):
            database.execute(f"DELETE FROM {table}")
    assert verify(book) == f"house 1: {Break.TAIL}"
    assert verify(book, since_checkpoint=True) == f"house 1: {Break.TAIL}"


def test_a_forged_checkpoint_is_named(book: Path) -> None:
    stranger = Keys(bytes(32))
    with tampering(book) as database:
        count, digest = database.execute(
            "SELECT seq, hash FROM entry WHERE chain = 'house' AND seq = 6"
        ).fetchone()
        database.execute(
            "UPDATE checkpoint SET note = ? WHERE count = 6", (stranger.sign(Seal("house", count, digest)),)
        )
    assert verify(book) == f"house 6: {Break.SIGNATURE}"


def test_a_running_total_that_was_changed_is_named(book: Path) -> None:
    with tampering(book) as database:
        database.execute("UPDATE standing SET destroyed = 0 WHERE target = 'helpline-1'")
    assert verify(book) == f"helpline-1 None: {Break.STANDING}"
    assert verify(book, since_checkpoint=True) == f"helpline-1 None: {Break.STANDING}"


def test_an_arming_edited_long_ago_is_found_the_quick_way_too(book: Path) -> None:
    """What lets a target loose is looked at in every sweep, however old it is."""
    with tampering(book) as database:
        edit(database, "house", 2, '"number":12', '"number":99')
    assert verify(book, since_checkpoint=True) == f"house 2: {Break.EDITED}"
    with tampering(book) as database:
        rehash(database, "house")
    assert verify(book, since_checkpoint=True) != "whole"


# ── what only a witness outside the file can tell ────────────────────────────────────────────────


def older_copy(directory: Path) -> Path:
    """The book as it was, before another sweep took place."""
    copy = directory.parent / "older.db"
    with (
        closing(sqlite3.connect(directory / "ledger.db")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    with Ledger.open(directory, KEY) as ledger:
        destroy(ledger, when=at(50))
        ledger.swept(at(51), {"helpline-1": 30}, {})
    return copy


@pytest.mark.parametrize("since_checkpoint", [False, True])
def test_an_older_copy_put_back_is_found_by_seals_log(book: Path, since_checkpoint: bool) -> None:
    shutil.copyfile(older_copy(book), book / "ledger.db")
    assert verify(book, since_checkpoint=since_checkpoint) == f"house 9: {Break.TAIL}"


def test_an_older_copy_put_back_with_its_seals_is_found_by_a_report(book: Path) -> None:
    log = (book / "seals.log").read_bytes()
    older = older_copy(book)
    with Ledger.open(book, KEY) as ledger:
        reported = tuple(Seal(name, count, bytes(32)) for name, count in ledger.verify().chains)
    shutil.copyfile(older, book / "ledger.db")
    (book / "seals.log").write_bytes(log)
    assert verify(book) == "whole"
    assert verify(book, seals=reported[:1]) == f"helpline-1 9: {Break.TAIL}"
    assert verify(book, since_checkpoint=True, seals=reported[-1:]) == f"house 9: {Break.TAIL}"


def test_a_seal_of_a_chain_that_nobody_knows_is_found(book: Path) -> None:
    assert verify(book, seals=(Seal("helpline-9", 3, bytes(32)),)) == f"helpline-9 1: {Break.TAIL}"


def test_a_seal_that_says_another_hash_is_found(book: Path) -> None:
    seal = Seal("helpline-1", 2, bytes(32))
    for since_checkpoint in (False, True):
        found = verify(book, since_checkpoint=since_checkpoint, seals=(seal,))
        assert found == f"helpline-1 2: {Break.WITNESS}"


def test_seals_of_the_last_sweep_bear_the_book_out(tmp_path: Path) -> None:
    seals = lived_in(tmp_path / "ledger")
    assert [(seal.chain, seal.count) for seal in seals] == [
        ("helpline-1", 6),
        ("helpline-2", 3),
        ("house", 7),
    ]
    assert verify(tmp_path / "ledger", seals=seals) == "whole"


def test_seals_log_without_its_older_lines_is_found(book: Path) -> None:
    lines = (book / "seals.log").read_text().splitlines(keepends=True)
    (book / "seals.log").write_text("".join(lines[-1:]))
    assert verify(book) == f"house 1: {Break.SEALS}"
    (book / "seals.log").write_text("".join(lines[:1]))
    assert verify(book) == f"house 5: {Break.SEALS}"


def test_seals_log_with_a_strange_line_or_none_at_all_is_found(book: Path) -> None:
    log = book / "seals.log"
    whole = log.read_text()
    log.write_text(whole + "2026-07-16T03:05Z seal:house:8:00\n")
    assert verify(book) == f"house None: {Break.SEALS}"
    log.unlink()
    assert verify(book) == f"house None: {Break.SEALS}"


def test_a_book_that_is_gone_is_not_taken_for_a_new_one(book: Path) -> None:
    (book / "ledger.db").unlink()
    assert verify(book) == f"house 1: {Break.TAIL}"


# ── by chance ────────────────────────────────────────────────────────────────────────────────────


def _changed(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """Something else of the same type: near by, or anything."""
    match value:
        case int():
            return value + draw(st.integers(-3, 3).filter(bool))
        case str():
            place = draw(st.integers(0, len(value)))
            letter = draw(st.characters(codec="utf-8", exclude_characters="\0"))
            taken = draw(st.integers(0, 1))
            return value[:place] + letter + value[place + taken :]
        case _:
            place = draw(st.integers(0, len(value) - 1))
            return value[:place] + bytes([value[place] ^ draw(st.integers(1, 255))]) + value[place + 1 :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_single_change_of_any_field_of_any_row_is_found(
    whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    book = tmp_path / "tampered"
    shutil.rmtree(book, ignore_errors=True)
    shutil.copytree(whole, book)
    with tampering(book) as database:
        table = data.draw(st.sampled_from(["entry", "head", "checkpoint", "standing"]), label="table")
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        rows = database.execute(f"SELECT * FROM {table}").fetchall()
        row = data.draw(st.sampled_from(rows), label="row")
        where = " AND ".join(f"{column} IS ?" for column in columns)
        if data.draw(st.booleans(), label="is deleted"):
            database.execute(f"DELETE FROM {table} WHERE {where}", row)
        else:
            index = data.draw(st.integers(0, len(columns) - 1), label="column")
            changed = _changed(row[index], data.draw)
            if changed == row[index]:
                return
            try:
                database.execute(f"UPDATE {table} SET {columns[index]} = ? WHERE {where}", (changed, *row))
            except sqlite3.IntegrityError:
                return  # SQLite itself does not let two rows have one key
    with pytest.raises(RetentionError) as refusal, Ledger.open(book, KEY) as ledger:
        ledger.verify()
    assert isinstance(refusal.value, LedgerDamaged)


@pytest.fixture(scope="module")
def furnished(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a ledger that has something in every table."""
    directory = shutil.copytree(whole, tmp_path_factory.mktemp("furnished") / "ledger")
    with Ledger.open(directory, KEY) as ledger:
        ledger.holds.add(replace(a_hold(b"a", b"b"), thread=frozenset((bytes(16),))), at(43))
        ledger.intend(intent())
        ledger.unarmed_since("helpline-3", at(43))
        ledger.begin_erasure("E-0123456789abcdef", {"number": 3}, at(43))
        ledger.record("retired", {"target": "helpline-2"}, at(43))
    return {file.name: file.read_bytes() for file in directory.iterdir()}


READS: list[Callable[[Ledger], object]] = [
    lambda ledger: ledger.verify(),
    lambda ledger: ledger.verify(since_checkpoint=True),
    lambda ledger: ledger.holds.all(),
    lambda ledger: ledger.open_intents(),
    lambda ledger: ledger.roll(),
    lambda ledger: ledger.tally(at(100)),
    lambda ledger: ledger.standing("helpline-1"),
    lambda ledger: list(ledger.export()),
    lambda ledger: list(ledger.entries()),
    lambda ledger: ledger.unfinished_erasures(),
    lambda ledger: ledger.unarmed_since("helpline-3", at(50)),
    lambda ledger: ledger.swept(at(50), {}, {}),
    lambda ledger: ledger.arm("helpline-1", arming(at(51))),
    lambda ledger: [ledger.holds.release(hold.id, "uid 0", at(54)) for hold in ledger.holds.all()],
]


def refusals(files: dict[str, bytes], directory: Path) -> set[str]:
    """What is said of a damaged ledger, whatever is asked of it. Any other error ends the test."""
    said: set[str] = set()
    for read in READS:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        for name, content in files.items():
            (directory / name).write_bytes(content)
            (directory / name).chmod(0o600)
        try:
            with Ledger.open(directory, KEY) as ledger:
                read(ledger)
        except LedgerDamaged as damage:
            said.add(damage.what)
    return said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CREATE TABLE entry", b"CREATE TABLE e\xfftry"),
        (b'"event":"deed"', b'"evemt":"deed"'),
        (b'"event":"retired"', b'"event":"retired\''),
        (b'"minute":"2026', b'"minute":"2o26'),
        (b"child-at-risk", b"chald-at-risk"),
        (b"2026-09-01", b"2026-99-01"),
        (b"E-0123456789", b"E-\xff123456789"),
        (b"destroying1:3", b"destroying1:x"),
        (b"retentiond ledger house", b"retentiond \x80edger house"),
    ],
)
def test_a_damaged_row_is_said_to_be_one_whatever_is_asked(
    furnished: dict[str, bytes], tmp_path: Path, old: bytes, new: bytes
) -> None:
    assert old in furnished["ledger.db"], "it is in the file"
    damaged = {**furnished, "ledger.db": furnished["ledger.db"].replace(old, new)}
    assert refusals(damaged, tmp_path / "damaged")


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(300))
def test_any_damage_to_any_file_is_said_plainly(
    furnished: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    name = chance.choice(["ledger.db"] * 6 + ["seals.log", "ledger.pub"])
    content = bytearray(furnished[name])
    for _ in range(chance.choice([1, 1, 2, 30])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    refusals({**furnished, name: bytes(content)}, tmp_path / "damaged")


def test_a_place_that_is_no_file_is_said_plainly(book: Path) -> None:
    for name in ("ledger.pub", "seals.log", "ledger.db"):
        content = (book / name).read_bytes()
        (book / name).unlink()
        (book / name).mkdir(mode=0o700)
        assert verify(book) != "whole"
        (book / name).rmdir()
        (book / name).write_bytes(content)
        (book / name).chmod(0o600)
