"""The ledger as the house uses it: intent before deed, outcome after, and nothing that was said is unsaid.

Each call is one transaction, durable when it returns. A ledger may be used by several threads and
opened by several programs at a time. What SQLite says becomes LedgerDamaged; its words go no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from retentiond.core.chain import HOUSE, Body, Entry, Seal, Value, minute_text
from retentiond.core.deeds import Deed, Intent, Phase
from retentiond.core.fuse import Arming, Forecast
from retentiond.ledger import entries, house, intents, memory, schema, seals
from retentiond.ledger.export import all_entries, export, newest_entries
from retentiond.ledger.found import found
from retentiond.ledger.holds import Holds
from retentiond.ledger.keys import Keys
from retentiond.ledger.places import BOOK, SEALS, check_closed, check_places, check_public
from retentiond.ledger.standing import OWN_EVENTS, recorded_heads
from retentiond.ledger.verify import Verified, verify

#: For how long it is remembered that an unarmed target has something due, after it was last seen so.
_UNARMED_TERM = timedelta(days=365)
#: The same of an erasure that was not finished.
_ERASING_TERM = timedelta(days=3650)


class Ledger:
    """An open ledger. Made by `Ledger.open`; closed at the end of a `with` block."""

    def __init__(self, directory: Path, keys: Keys, engine: Engine) -> None:
        self._directory = directory
        self._keys = keys
        self._engine = engine

    @classmethod
    def init(cls, directory: Path, key: Path | bytes, now: datetime | None = None) -> Seal:
        """Founds a ledger in `directory` (made if absent) and returns its first seal.

        `key` is the file to make (32 random bytes, raw, 0400), or the secret itself where its place
        is not a file. Raises as `found` does; nothing is ever overwritten.
        """
        return found(directory, key, now or datetime.now(UTC))

    @classmethod
    def open(cls, directory: Path, key: bytes) -> Ledger:
        """Opens the ledger in `directory` with its secret: 32 bytes, or 64 hexadecimal digits.

        Raises LedgerMissing, PermissionsTooOpen, and LedgerDamaged for a file that is no ledger of a
        known version or a key that is not this ledger's. It does not verify: `verify` does.
        """
        check_places(directory)
        keys = Keys(key)
        check_public(directory, keys.pem)
        engine = schema.engine_for(directory / BOOK)
        try:
            with schema.reading(engine) as connection:
                schema.check_schema(connection)
                entries.check_founder(connection, keys)
            check_closed(directory)
        except BaseException:
            engine.dispose()
            raise
        return cls(directory, keys, engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()

    def __repr__(self) -> str:
        return "Ledger(…)"

    @property
    def mark_key(self) -> bytes:
        """The key of all marks (32 bytes)."""
        return self._keys.mark_key

    @property
    def plan_key(self) -> bytes:
        """The key with which saved plans are authenticated (32 bytes)."""
        return self._keys.plan_key

    # ── deeds ────────────────────────────────────────────────────────────────────────────────────

    def intend(self, intent: Intent) -> int:
        """Notes what is about to be done; returns the id by which it is advanced and settled."""
        _check_name(intent.chain)
        with schema.writing(self._engine) as connection:
            return intents.write_intent(connection, intent)

    def advance(self, intent_id: int, phase: Phase) -> None:
        """Notes how far a deed has come."""
        with schema.writing(self._engine) as connection:
            intents.write_phase(connection, intent_id, phase)

    def settle(self, intent_id: int, deeds: Sequence[Deed], minute: datetime) -> None:
        """Enters what became of an intent, one entry a deed, and removes it: all of it or nothing.

        Raises ClockDoubted where `minute` lies more than five minutes before the newest entry; the
        intent then stays open.
        """
        with schema.writing(self._engine) as connection:
            intent = intents.take_intent(connection, intent_id)
            for deed in deeds:
                self._append(connection, intent.chain, intents.deed_body(intent, deed), minute)

    def open_intents(self) -> tuple[Intent, ...]:
        """What was intended and is not yet settled, oldest first."""
        with schema.reading(self._engine) as connection:
            return intents.read_intents(connection)

    # ── the house ────────────────────────────────────────────────────────────────────────────────

    def arm(self, target: str, arming: Arming) -> None:
        """Enters who let a target loose, on what; from here on its forecast is the arming's."""
        _check_name(target)
        with schema.writing(self._engine) as connection:
            body = house.armed_body(connection, target, arming)
            self._append(connection, HOUSE, body, arming.when)
            memory.forget(connection, memory.UNARMED, target)

    def record(self, event: str, fields: Mapping[str, Value], now: datetime) -> None:
        """Enters any other event of the house ("rules", a hold, the receipt number of an erasure).

        `fields` are aliases, counts, dates and digests, nothing personal. Raises ValueError for an
        event that only the book itself enters, TypeError for a value that has no one spelling.
        """
        if event in OWN_EVENTS:
            raise ValueError("this event is the book's own")
        with schema.writing(self._engine) as connection:
            self._append(connection, HOUSE, {**fields, "event": event}, now)

    def begin_erasure(self, receipt: str, fields: Mapping[str, Value], now: datetime) -> None:
        """Enters that an erasure begins, and remembers that it is not finished. It names nobody (P9)."""
        with schema.writing(self._engine) as connection:
            self._append(connection, HOUSE, {**fields, "event": "erasure", "receipt": receipt}, now)
            until = now + _ERASING_TERM
            memory.remember(connection, memory.ERASING, HOUSE, (receipt.encode(),), now, until)

    def end_erasure(
        self, receipt: str, counts: Mapping[str, Mapping[str, int]], now: datetime, *, is_finished: bool
    ) -> None:
        """Enters what came of it, by target and outcome; one that left something undone stays unfinished."""
        body: dict[str, Value] = {
            "event": "erasure ended",
            "receipt": receipt,
            "finished": int(is_finished),
            "counts": [
                [target, what, n] for target in sorted(counts) for what, n in sorted(counts[target].items())
            ],
        }
        with schema.writing(self._engine) as connection:
            self._append(connection, HOUSE, body, now)
            if is_finished:
                memory.forget_marks(connection, (receipt.encode(),))
        schema.shrink(self._engine)

    def unfinished_erasures(self) -> tuple[str, ...]:
        """The receipts of erasures that were begun and are not finished."""
        with schema.reading(self._engine) as connection:
            return tuple(sorted(mark.decode() for mark in memory.recall(connection, memory.ERASING, HOUSE)))

    def standing(self, target: str) -> tuple[Arming | None, Forecast | None]:
        """The latest arming, and the latest forecast with what was destroyed since it was made.

        Items of which the server may keep a copy and strays brought home count as destroyed: they are
        no longer there to be.
        """
        with schema.reading(self._engine) as connection:
            return house.standing_of(connection, target)

    def roll(self) -> dict[str, datetime | None]:
        """Every target that was ever armed or retired: when it was retired, None where it is ours (again)."""
        with schema.reading(self._engine) as connection:
            return house.roll_of(connection)

    def tally(self, before: datetime) -> tuple[int, int, int]:
        """What was done before a moment: items destroyed, replies brought home, entries of all chains."""
        with schema.reading(self._engine) as connection:
            return house.tally_of(connection, minute_text(before))

    def swept(
        self,
        now: datetime,
        forecasts: Mapping[str, int],
        counts: Mapping[str, Mapping[str, int]],
        *,
        is_purge: bool = False,
    ) -> tuple[Seal, ...]:
        """Ends a sweep: enters it with the heads of all chains, signs a checkpoint, writes seals.log.

        `forecasts` are the new ones by target (those of other targets stand); `counts` are by target
        and kind of outcome. What ends a purge on demand `is_purge` and is no night's sweep. Returns the
        seal of every chain, for the journal and the report.
        """
        with seals.locked(self._directory / SEALS, for_writing=True) as log:
            with schema.writing(self._engine) as connection:
                previous = entries.last_checkpoint(connection)
                minute = entries.minute_for(connection, now)
                last_seal = Seal(HOUSE, previous.seq, previous.hash)
                if not log.has(last_seal):  # the power was cut, or the disk full: never two of them
                    log.append(minute, [last_seal])
                body = house.swept_body(connection, minute, forecasts, counts, is_purge=is_purge)
                entries.append(connection, self._keys, HOUSE, body, minute)
                entries.keep_checkpoint(connection)
                ends = entries.heads(connection)
            before = recorded_heads(previous)
            grown = [seal for chain, seal in ends.items() if chain != HOUSE and seal not in before]
            log.append(minute, [*grown, ends[HOUSE]])
        schema.shrink(self._engine)
        return tuple(ends.values())

    def last_minute(self) -> datetime | None:
        """When the newest entry of any chain was written (UTC)."""
        with schema.reading(self._engine) as connection:
            return entries.newest_minute(connection)

    # ── what is remembered for a time ────────────────────────────────────────────────────────────

    def first_seen(
        self, target: str, marks: Sequence[bytes], now: datetime, until: datetime | None
    ) -> dict[bytes, datetime]:
        """Since when these items, which have no believable date, are known; new ones since `now`, and they
        are remembered until a day. None: nothing is noted."""
        if until is None:
            known = self.recall(memory.SEEN, target)
        else:
            known = self.remember(memory.SEEN, target, marks, now, until)
        return {mark: known.get(mark, now) for mark in marks}

    def remember(
        self, kind: str, target: str, marks: Iterable[bytes], now: datetime, until: datetime
    ) -> dict[bytes, datetime]:
        """Notes marks until a day; returns all that are known of this kind, and since when."""
        with schema.writing(self._engine) as connection:
            memory.remember(connection, kind, target, marks, now, until)
            return memory.recall(connection, kind, target)

    def recall(self, kind: str, target: str) -> dict[bytes, datetime]:
        """The marks of a kind that are remembered, and since when (UTC)."""
        with schema.reading(self._engine) as connection:
            return memory.recall(connection, kind, target)

    def forget(self, kind: str, target: str) -> None:
        """Forgets a kind of a target (`UNARMED`, where nothing is due any more)."""
        with schema.writing(self._engine) as connection:
            memory.forget(connection, kind, target)

    def forget_marks(self, marks: Iterable[bytes]) -> None:
        """Forgets these marks, of whatever kind and target: their messages were erased (P9)."""
        with schema.writing(self._engine) as connection:
            memory.forget_marks(connection, marks)

    def forget_expired(self, now: datetime) -> int:
        """Forgets the marks whose term is over; returns how many."""
        with schema.writing(self._engine) as connection:
            return memory.forget_expired(connection, now)

    def unarmed_since(self, target: str, now: datetime) -> datetime:
        """Since when something was seen due or astray in this target, which is not armed."""
        return self.remember(memory.UNARMED, target, (b"",), now, now + _UNARMED_TERM)[b""]

    # ── holds ────────────────────────────────────────────────────────────────────────────────────

    @property
    def holds(self) -> Holds:
        """The register of holds."""
        return Holds(self._engine, lambda at, body, now: self._append(at, HOUSE, body, now))

    # ── proof ────────────────────────────────────────────────────────────────────────────────────

    def verify(self, since_checkpoint: bool = False, seals: Sequence[Seal] = ()) -> Verified:
        """Proves the book against itself, its signatures, seals.log and `seals` from outside.

        The quick way follows only what came since the last checkpoint. Raises LedgerDamaged at the
        first break, with its chain and entry.
        """
        return _verified(self, since_checkpoint, seals)

    def export(self) -> Iterator[str]:
        """The lines of an export (docs/auditor.md), without line feeds: one consistent view of the book."""
        with schema.reading(self._engine) as connection:
            yield from export(connection, self._keys)

    def entries(self) -> Iterator[Entry]:
        """Every entry of every chain, chain by chain, in order: one consistent view of the book."""
        with schema.reading(self._engine) as connection:
            yield from all_entries(connection)

    def show(self, chain: str | None = None, last: int = 20) -> Iterator[Entry]:
        """The newest entries of one chain, or of all together, oldest first."""
        with schema.reading(self._engine) as connection:
            found_entries = newest_entries(connection, chain, last)
        yield from found_entries

    def _append(self, connection: Connection, chain: str, body: Body, now: datetime) -> None:
        entries.append(connection, self._keys, chain, body, entries.minute_for(connection, now))


def _verified(ledger: Ledger, since_checkpoint: bool, outside: Sequence[Seal]) -> Verified:
    """The log is read, and the view of the book taken, under the lock that a sweep's end holds: neither
    is then ahead of the other."""
    with seals.locked(ledger._directory / SEALS) as log, schema.reading(ledger._engine) as connection:
        logged = log.read(only_recent=since_checkpoint)
        return verify(connection, ledger._keys, logged, outside, since_checkpoint=since_checkpoint)


def _check_name(chain: str) -> None:
    if chain == HOUSE:
        raise ValueError("no target may be called house")
