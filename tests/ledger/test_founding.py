"""A ledger is founded once, opened only by its key and its owner, and never taken for what it is not."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from retentiond.core.chain import Break
from retentiond.errors import LedgerDamaged, LedgerMissing, PermissionsTooOpen
from retentiond.ledger import is_founded
from retentiond.ledger.book import Ledger
from tests.ledger.books import KEY, NOW, lived_in, tampering


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def damage(directory: Path, key: bytes = KEY) -> str:
    """How a ledger that cannot be opened is described."""
    with pytest.raises(LedgerDamaged) as refusal:
        Ledger.open(directory, key)
    return refusal.value.what


def test_founding_makes_directory_key_book_and_public_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        seal = Ledger.init(tmp_path / "state" / "ledger", tmp_path / "ledger.key", NOW)
    finally:
        os.umask(before)
    directory = tmp_path / "state" / "ledger"
    assert (seal.chain, seal.count) == ("house", 1)
    assert mode(directory) == 0o700
    assert {path.name: mode(path) for path in directory.iterdir()} == {
        "ledger.db": 0o600,
        "ledger.pub": 0o644,
        "seals.log": 0o600,
    }
    key = (tmp_path / "ledger.key").read_bytes()
    assert (mode(tmp_path / "ledger.key"), len(key)) == (0o400, 32)
    with Ledger.open(directory, key) as ledger:
        assert ledger.verify(seals=(seal,)).entries == 1
        assert ledger.verify(since_checkpoint=True).proved == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user. Type: sudo ./run test")
def test_what_root_founds_is_the_services(tmp_path: Path) -> None:
    """`sudo retentiond ledger init`, without `-u retentiond`: the service must be able to open it."""
    directory, keys = tmp_path / "state", tmp_path / "keys"
    directory.mkdir(mode=0o700)
    keys.mkdir()
    os.chown(directory, 65534, 65534)
    Ledger.init(directory, keys / "ledger.key", NOW)
    with Ledger.open(directory, (keys / "ledger.key").read_bytes()) as ledger:
        ledger.record("rules", {}, NOW)
        files = [keys / "ledger.key", *directory.iterdir()]
        assert {path.stat().st_uid for path in files} == {65534}
    assert len(files) == 6, "the book's own two files beside it are among them"


def test_the_public_key_is_one_that_openssl_reads(directory: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("needs openssl: apt-get install openssl")
    Ledger.init(directory, KEY, NOW)
    command = ["openssl", "pkey", "-pubin", "-in", str(directory / "ledger.pub"), "-noout", "-text"]
    assert "ED25519" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_key_may_be_given_as_hexadecimal_text(directory: Path) -> None:
    Ledger.init(directory, KEY.hex().encode() + b"\n", NOW)
    Ledger.open(directory, KEY).close()
    with pytest.raises(LedgerDamaged):
        Ledger.init(directory.parent / "other", b"too short", NOW)
    assert not list((directory.parent / "other").iterdir())


def test_nothing_is_founded_over_a_ledger_or_a_key(tmp_path: Path) -> None:
    key = tmp_path / "ledger.key"
    Ledger.init(tmp_path / "one", key, NOW)
    before = {path: path.read_bytes() for path in [key, *(tmp_path / "one").iterdir()]}
    for directory, where in ((tmp_path / "one", tmp_path / "new.key"), (tmp_path / "two", key)):
        with pytest.raises(LedgerDamaged) as refusal:
            Ledger.init(directory, where, NOW)
        assert refusal.value.what == Break.EXISTS
    assert before == {path: path.read_bytes() for path in before}
    assert not (tmp_path / "new.key").exists()
    assert not list((tmp_path / "two").iterdir())


def test_a_failed_founding_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(LedgerDamaged) as refusal:
        Ledger.init(tmp_path / "ledger", tmp_path / "no" / "such" / "ledger.key", NOW)
    assert refusal.value.what == Break.UNWRITABLE
    assert not list((tmp_path / "ledger").iterdir())


@pytest.mark.parametrize("room", [10, 64, 20_000])
def test_a_founding_for_which_there_is_no_room_leaves_nothing_behind(tmp_path: Path, room: int) -> None:
    """Neither half a key nor half a public key: the next founding would take it for a ledger."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited[1]))
    try:
        with pytest.raises(LedgerDamaged) as refusal:
            Ledger.init(tmp_path / "ledger", tmp_path / "key", NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert refusal.value.what in (Break.FULL, Break.UNWRITABLE), "SQLite knows a full disk alone"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    Ledger.init(tmp_path / "ledger", tmp_path / "key", NOW)


def test_where_there_is_no_ledger_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir(mode=0o700)
    for directory in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(LedgerMissing) as missing:
            Ledger.open(directory, KEY)
        assert missing.value.path == str(directory)


@pytest.mark.parametrize("name", [".", "ledger.db", "seals.log", "ledger.db-wal"])
@pytest.mark.parametrize("bits", [0o040, 0o004, 0o020])
def test_a_ledger_that_others_may_look_into_is_refused(directory: Path, name: str, bits: int) -> None:
    Ledger.init(directory, KEY, NOW)
    path = directory / name
    if not path.exists():
        path.touch(0o600)
    path.chmod(mode(path) | bits)
    with pytest.raises(PermissionsTooOpen) as refusal:
        Ledger.open(directory, KEY)
    assert [fault.file for fault in refusal.value.faults] == [str(path)]


def test_a_ledger_behind_a_symbolic_link_is_refused(directory: Path, tmp_path: Path) -> None:
    Ledger.init(directory, KEY, NOW)
    (directory / "ledger.db").rename(tmp_path / "elsewhere.db")
    (directory / "ledger.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(PermissionsTooOpen):
        Ledger.open(directory, KEY)


def test_a_ledger_is_not_founded_where_others_may_look(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(PermissionsTooOpen):
        Ledger.init(tmp_path / "open", KEY, NOW)
    assert not list((tmp_path / "open").iterdir())


def test_another_key_does_not_open_it(directory: Path) -> None:
    Ledger.init(directory, KEY, NOW)
    assert damage(directory, bytes(32)) == Break.KEY
    assert damage(directory, b"") == Break.KEY


def test_another_public_key_put_in_its_place_is_found(directory: Path) -> None:
    Ledger.init(directory, KEY, NOW)
    Ledger.init(directory.parent / "other", bytes(32), NOW)
    shutil.copy(directory.parent / "other" / "ledger.pub", directory / "ledger.pub")
    assert damage(directory) == Break.KEY
    (directory / "ledger.pub").unlink()
    assert damage(directory) == Break.KEY


def test_two_ledgers_that_were_swapped_are_not_written_to(directory: Path, tmp_path: Path) -> None:
    """A hold that went into the other house's book would be gone when the books are put back."""
    lived_in(directory)
    Ledger.init(tmp_path / "other", bytes(32), NOW)
    shutil.copyfile(tmp_path / "other" / "ledger.db", directory / "ledger.db")
    assert damage(directory) == Break.KEY


@pytest.mark.skipif(os.getuid() != 0, reason="root alone becomes somebody else")
def test_a_ledger_that_one_may_not_look_at_is_not_taken_for_none() -> None:
    """Somebody of the admins' group has no right in the state directory: no word of making a new one."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        directory = _founded(Path(place) / "ledger")
        os.seteuid(65534)
        try:
            assert damage(directory) == Break.UNWRITABLE
            with pytest.raises(LedgerDamaged):
                is_founded(directory)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + bytes(4080)])
def test_a_file_that_is_no_database_is_refused(directory: Path, content: bytes) -> None:
    Ledger.init(directory, KEY, NOW)
    (directory / "ledger.db").write_bytes(content)
    assert damage(directory) in (Break.UNREADABLE, Break.SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE schema SET version = 1",
        "UPDATE schema SET version = 3",
        "DELETE FROM schema",
        "INSERT INTO schema VALUES (3)",
        "CREATE TRIGGER extra AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "CREATE VIEW extra AS SELECT * FROM entry",
        "CREATE TABLE extra (a)",
        "DROP TABLE memory",
        "DROP TRIGGER entry_never_delete",
    ],
)
def test_an_unknown_schema_is_refused(directory: Path, change: str) -> None:
    Ledger.init(directory, KEY, NOW)
    with closing(sqlite3.connect(directory / "ledger.db")) as database:
        database.execute(change)
        database.commit()
    assert damage(directory) == Break.SCHEMA


def test_torn_pages_are_found(directory: Path) -> None:
    """Whatever single page is overwritten: refused or found broken, and never an error of SQLite's own."""
    lived_in(directory)
    book = directory / "ledger.db"
    whole = book.read_bytes()
    with tampering(directory) as database:
        size = database.execute("PRAGMA page_size").fetchone()[0]
    whole = book.read_bytes()
    found = 0
    for page in range(len(whole) // size):
        book.write_bytes(whole[: page * size] + b"\xa5" * size + whole[(page + 1) * size :])
        try:
            with Ledger.open(directory, KEY) as ledger:
                ledger.verify()
        except LedgerDamaged:
            found += 1
    assert found >= len(whole) // size - 2, "all but pages that are free"


def test_what_is_entered_cannot_be_changed_even_by_our_own_mistake(directory: Path) -> None:
    lived_in(directory)
    with closing(sqlite3.connect(directory / "ledger.db")) as database:
        for mistake in ("DELETE FROM entry", "UPDATE entry SET body = ''", "DELETE FROM checkpoint"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(mistake)


def test_a_ledger_is_opened_as_durably_as_it_must_be(directory: Path) -> None:
    with Ledger.open(_founded(directory), KEY) as ledger, ledger._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "trusted_schema")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "trusted_schema": 0}


def _founded(directory: Path) -> Path:
    Ledger.init(directory, KEY, NOW)
    return directory


def test_a_command_that_opens_no_ledger_does_not_pay_for_one() -> None:
    words = (
        "import sys, retentiond.ledger as ledger; ledger.seals_in('');"
        "early = {'sqlalchemy', 'cryptography'} & set(sys.modules);"
        "ledger.Ledger; print(early, 'sqlalchemy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert answer.stdout == "set() True\n"
