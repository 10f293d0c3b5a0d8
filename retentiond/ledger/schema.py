"""The ledger's file: its tables, how it is opened, and what is refused before a row is read.

WAL with synchronous=FULL (a commit that was acknowledged survives a power cut), secure_delete (what is
settled is overwritten), trusted_schema off, BEGIN IMMEDIATE for whatever writes (a lock that is taken
late fails late). Entries and checkpoints cannot be changed or deleted without first changing the schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from retentiond.core.chain import HOUSE, Break
from retentiond.errors import LedgerDamaged, LedgerOutdated

#: Version 1 had no register of holds (`upgrade.py`).
VERSION = 2

#: Seconds for which a writer waits for another.
BUSY_SECONDS = 30

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "trusted_schema=OFF",
)

metadata = MetaData()

schema = Table("schema", metadata, Column("version", Integer, primary_key=True), sqlite_strict=True)

#: The chains. `body` is the canonical text, `hash` the link; both say all that is to be said.
entry = Table(
    "entry",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

#: Where each chain ends, signed anew with every entry: a tail cut off without the key is seen at once.
head = Table(
    "head",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("minute", Text, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_strict=True,
)

#: The signed heads of the house chain, one for its founding and one for each sweep's end.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("count", Integer, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    sqlite_strict=True,
)

#: A fold over the entries (`standing.py`), kept so that no question needs a whole chain.
standing = Table(
    "standing",
    metadata,
    Column("target", Text, primary_key=True),
    Column("armed_at", Integer, nullable=False),
    Column("forecast", Integer, nullable=False),
    Column("made", Text, nullable=False),
    Column("before", Integer, nullable=False),
    Column("destroyed", Integer, nullable=False),
    sqlite_strict=True,
)

#: What is about to be done; a row goes when it is settled. Ids are never used twice.
intent = Table(
    "intent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("refs", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("oldest", Text),
    Column("newest", Text),
    Column("home", Text),
    Column("strays", Text, nullable=False),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

#: Marks with a term of their own. Instants are whole seconds since 1970.
memory = Table(
    "memory",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("mark", LargeBinary, primary_key=True),
    Column("since", Integer, nullable=False),
    Column("until", Integer, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

#: The register of holds: outside every chain, for as long as each hold stands. `who` is a Unix user or
#: `sign`; `review` a day; no column can hold a name.
hold = Table(
    "hold",
    metadata,
    Column("id", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("ground", Text, nullable=False),
    Column("review", Text, nullable=False),
    Column("since", Integer, nullable=False),
    Column("conversation", Integer, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

#: What each hold is on, by marks. A row of kind `sign` is an item that bears, or bore, the sign; one of kind
#: `thread` is how a conversation is known again, with `lies_in` empty.
hold_mark = Table(
    "hold_mark",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("mark", LargeBinary, primary_key=True),
    Column("lies_in", Text, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("vanished", Integer),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

GUARDS = tuple(
    f"CREATE TRIGGER {table}_never_{verb} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    for table in ("entry", "checkpoint")
    for verb in ("update", "delete")
)
_GUARDED = frozenset(("trigger", guard.split()[2]) for guard in GUARDS)
#: What stands in the file of each version.
_EXPECTED: dict[int, frozenset[tuple[Any, ...]]] = {
    1: _GUARDED | {("table", name) for name in metadata.tables if name not in ("hold", "hold_mark")},
    VERSION: _GUARDED | {("table", name) for name in metadata.tables},
}


def engine_for(file: Path) -> Engine:
    """An engine on an existing file. Several threads may use it, each transaction with its own connection."""
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction of its own
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, durable once the block has ended. Raises LedgerDamaged for whatever SQLite says."""
    with translated(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One unchanging view of the whole file; writers are not kept waiting. Raises LedgerDamaged."""
    with translated(), as_written(), engine.execution_options(reads=True).begin() as connection:
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's and SQLAlchemy's errors become LedgerDamaged; their words, which quote rows, go no further."""
    try:
        yield
    except PoolTimeout:
        raise LedgerDamaged(HOUSE, None, Break.BUSY) from None
    except DBAPIError as error:
        raise LedgerDamaged(HOUSE, None, _meaning(error.orig)) from None
    except SQLAlchemyError:
        raise LedgerDamaged(HOUSE, None, Break.UNREADABLE) from None
    except sqlite3.Error as error:
        raise LedgerDamaged(HOUSE, None, _meaning(error)) from None
    except UnicodeDecodeError:
        raise LedgerDamaged(HOUSE, None, Break.UNREADABLE) from None


@contextmanager
def as_written() -> Iterator[None]:
    """What is read is not of the types that were written, for a torn page can be anything: LedgerDamaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError):
        raise LedgerDamaged(HOUSE, None, Break.UNREADABLE) from None


def _meaning(error: BaseException | None) -> Break:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # a full disk, met when the file is opened
        return Break.FULL
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Break.BUSY
        case sqlite3.SQLITE_FULL:
            return Break.FULL
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return Break.UNWRITABLE
        case _:
            return Break.UNREADABLE


def shrink(engine: Engine) -> None:
    """Writes the log of commits into the file and empties it: what was settled is gone from both.

    Where somebody is reading at this moment (an export, a verification), the next call does it, or
    SQLite itself when the last program closes the file.
    """
    with translated():
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=200")  # a sweep does not wait for a reader
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        finally:
            connection.close()


def create(connection: Connection) -> None:
    """Makes the tables in an empty file, within the caller's transaction."""
    metadata.create_all(connection)
    for guard in GUARDS:
        connection.exec_driver_sql(guard)
    connection.execute(schema.insert().values(version=VERSION))


def check_schema(connection: Connection, *, may_be_old: bool = False) -> int:
    """The version of the file. Raises LedgerDamaged(unknown schema) unless it has the tables and guards of a
    version that we know, and nothing else; LedgerOutdated for an older one, unless it may be that."""
    rows = connection.exec_driver_sql("SELECT type, name FROM sqlite_schema")
    there = frozenset((kind, name) for kind, name in rows if not name.startswith("sqlite_"))
    if there not in _EXPECTED.values():
        raise LedgerDamaged(HOUSE, None, Break.SCHEMA)
    versions = connection.scalars(schema.select()).all()
    if len(versions) != 1 or there != _EXPECTED.get(versions[0]):
        raise LedgerDamaged(HOUSE, None, Break.SCHEMA)
    if versions[0] != VERSION and not may_be_old:
        raise LedgerOutdated(versions[0], VERSION)
    return int(versions[0])
