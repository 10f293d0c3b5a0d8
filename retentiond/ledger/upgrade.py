"""From one version of the ledger's file to the next: whole or not at all, proved before and after.

Version 2 (the register of holds) adds two tables and touches no row of the old ones. Alembic's operations do
it, within the one transaction that proves the book before, enters the upgrade and proves it again after. The
row of the table `schema` is the version: Alembic's own bookkeeping, an environment and a table, is not used.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, LargeBinary, Text

from retentiond.core.chain import HOUSE, Body
from retentiond.ledger import schema, seals
from retentiond.ledger.entries import append, minute_for
from retentiond.ledger.keys import Keys
from retentiond.ledger.places import BOOK, SEALS, check_places
from retentiond.ledger.verify import Verified, verify

UPGRADED = "upgraded"


def upgrade(directory: Path, key: bytes, now: datetime, who: str) -> tuple[int, int, Verified]:
    """Brings the ledger in `directory` to this version; returns the old version, the new one, and the proof.

    Nothing is done where it has this version already. Raises as `Ledger.open` and `verify` do, and the file
    is then as it was.
    """
    check_places(directory)
    keys = Keys(key)
    engine = schema.engine_for(directory / BOOK)
    try:
        with seals.locked(directory / SEALS) as log, schema.writing(engine) as connection:
            logged = log.read()
            verified = verify(connection, keys, logged, (), since_checkpoint=False, may_be_old=True)
            before = schema.check_schema(connection, may_be_old=True)
            if before == schema.VERSION:
                return before, before, verified
            _add_holds(connection)
            body: Body = {"event": UPGRADED, "from": before, "to": schema.VERSION, "who": who}
            append(connection, keys, HOUSE, body, minute_for(connection, now))
            verified = verify(connection, keys, logged, (), since_checkpoint=False)
        schema.shrink(engine)
        return before, schema.VERSION, verified
    finally:
        engine.dispose()


def _add_holds(connection: Connection) -> None:
    """From version 1 to 2. What stands here never changes, whatever becomes of the tables later."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    operations = Operations(MigrationContext.configure(connection))
    options = {"sqlite_with_rowid": False, "sqlite_strict": True}
    operations.create_table(
        "hold",
        Column("id", Text, primary_key=True),
        Column("target", Text, nullable=False),
        Column("who", Text, nullable=False),
        Column("ground", Text, nullable=False),
        Column("review", Text, nullable=False),
        Column("since", Integer, nullable=False),
        Column("conversation", Integer, nullable=False),
        **options,
    )
    operations.create_table(
        "hold_mark",
        Column("id", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("mark", LargeBinary, primary_key=True),
        Column("lies_in", Text, nullable=False),
        Column("seen", Integer, nullable=False),
        Column("vanished", Integer),
        **options,
    )
    operations.execute(schema.schema.update().values(version=2))
