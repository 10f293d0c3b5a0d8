"""Founding a ledger: directory, key, public key, seals.log and the book, or nothing at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from retentiond.core.chain import HOUSE, Break, Seal, minute_text
from retentiond.errors import LedgerDamaged
from retentiond.ledger import schema
from retentiond.ledger.entries import append, heads, keep_checkpoint
from retentiond.ledger.keys import Keys, make_key
from retentiond.ledger.places import BOOK, PUBLIC, SEALS, check_closed, meaning, sync_directory, write_new
from retentiond.ledger.seals import locked
from retentiond.ledger.standing import FOUNDED


def found(directory: Path, key: Path | bytes, now: datetime) -> Seal:
    """Makes a ledger whose first entry names its public key, and returns its first seal.

    Where `key` is a path, the key is made there. Nothing is overwritten: LedgerDamaged(there is a
    ledger or a key already). PermissionsTooOpen where the directory stands open to others. What was
    made before a failure is taken away again.
    """
    made: list[Path] = []
    with _undone_on_failure(made):
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
        check_closed(directory)
        if any(os.path.lexists(directory / name) for name in (BOOK, SEALS, PUBLIC)):
            raise FileExistsError
        keys = Keys(_key(key, directory, made))
        for name, content, mode in ((PUBLIC, keys.pem, 0o644), (SEALS, "", 0o600), (BOOK, "", 0o600)):
            write_new(directory / name, content.encode("ascii"), mode, directory)
            made.append(directory / name)
        made += (directory / f"{BOOK}-wal", directory / f"{BOOK}-shm")  # SQLite's own, beside the book
        seal = _first_entry(directory, keys, minute_text(now))
        sync_directory(directory)
        return seal


def _key(key: Path | bytes, directory: Path, made: list[Path]) -> bytes:
    if isinstance(key, bytes):
        return key
    secret = make_key(key, directory)
    made.append(key)
    sync_directory(key.parent)
    return secret


def _first_entry(directory: Path, keys: Keys, minute: str) -> Seal:
    engine = schema.engine_for(directory / BOOK)
    try:
        with schema.writing(engine) as connection:
            schema.create(connection)
            append(connection, keys, HOUSE, {"event": FOUNDED, "key": keys.public.hex()}, minute)
            keep_checkpoint(connection)
            seal = heads(connection)[HOUSE]
        schema.shrink(engine)
    finally:
        engine.dispose()
    with locked(directory / SEALS, for_writing=True) as log:
        log.append(minute, [seal])
    return seal


@contextmanager
def _undone_on_failure(made: list[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise LedgerDamaged(HOUSE, None, Break.EXISTS) from None
        if isinstance(error, OSError):
            raise LedgerDamaged(HOUSE, None, meaning(error)) from None
        raise
