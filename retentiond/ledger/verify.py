"""Nothing in the book is believed because it stands there: every claim is proved, or named as broken.

The whole book is followed from the first entry; the quick way starts at the last checkpoint, whose
signature vouches for what came before it, and costs what came since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from retentiond.core.chain import GENESIS, HOUSE, Break, Entry, Seal, follow, minute_text
from retentiond.errors import LedgerDamaged
from retentiond.ledger import schema
from retentiond.ledger.entries import entry_at, standing_lines
from retentiond.ledger.intents import read_intents
from retentiond.ledger.keys import Keys
from retentiond.ledger.standing import FOUNDED, SWEPT, Line, fold, from_swept, recorded_heads

#: How many rows are fetched at a time.
ROWS = 2000


@dataclass(frozen=True, slots=True)
class Verified:
    """A book without a break. `chains` are (name, number of entries); `proved` is how many entries were
    followed this time, `seals` how many seals from seals.log and from outside bore the book out."""

    chains: tuple[tuple[str, int], ...]
    entries: int
    proved: int
    checkpoints: int
    open_intents: int
    seals: int


@dataclass(frozen=True, slots=True)
class Head:
    """The row that says where a chain ends; not believed before its signature was checked."""

    seal: Seal
    minute: str
    note: str


@dataclass(slots=True)
class Proof:
    """What is known while a book is being proved. `witnesses`: by chain and count, the sealed hashes."""

    keys: Keys
    heads: dict[str, Head] = field(default_factory=dict)
    starts: dict[str, Seal] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    witnesses: dict[str, dict[int, set[bytes]]] = field(default_factory=dict)
    sweeps: set[int] = field(default_factory=set)
    proved: int = 0

    def hear(self, seals: Iterable[Seal]) -> None:
        for seal in seals:
            self.witnesses.setdefault(seal.chain, {}).setdefault(seal.count, set()).add(seal.hash)


def verify(
    connection: Connection,
    keys: Keys,
    logged: Sequence[Seal],
    outside: Sequence[Seal],
    *,
    since_checkpoint: bool,
    may_be_old: bool = False,
) -> Verified:
    """Proves the book as one transaction shows it. `logged` are the seals of seals.log (the newest
    suffice for the quick way), `outside` those from a report or a journal. An upgrade proves an old book too.

    Raises LedgerDamaged at the first break; the house chain is followed first.
    """
    schema.check_schema(connection, may_be_old=may_be_old)
    proof = Proof(keys, heads=_heads(connection))
    if HOUSE not in proof.heads:
        raise LedgerDamaged(HOUSE, 1, Break.TAIL)
    checkpoints = _checkpoints(connection, keys, only_last=since_checkpoint)
    if since_checkpoint:
        _start_late(connection, proof, checkpoints)
    else:
        _check_file(connection)
        _check_log(checkpoints, logged)
    proof.hear(checkpoints.values())
    proof.hear(seal for seal in logged if seal.count >= _start(proof, seal.chain).count)
    proof.hear(outside)
    chains = {*proof.heads, *proof.starts, *proof.witnesses, *_chain_names(connection)} - {HOUSE}
    for chain in [HOUSE, *sorted(chains)]:
        _prove_chain(connection, proof, chain)
    since = {count for count in checkpoints if count > _start(proof, HOUSE).count}
    if proof.sweeps != since:
        raise LedgerDamaged(HOUSE, min(proof.sweeps ^ since), Break.CHECKPOINT)
    _check_standing(connection, proof)
    counts = tuple((chain, head.seal.count) for chain, head in sorted(proof.heads.items()))
    return Verified(
        chains=counts,
        entries=sum(count for _, count in counts),
        proved=proof.proved,
        checkpoints=len(checkpoints),
        open_intents=len(read_intents(connection)),
        seals=len({*logged, *outside}),
    )


def _heads(connection: Connection) -> dict[str, Head]:
    column = schema.head.c
    rows = connection.execute(
        select(column.chain, column.count, column.hash, column.minute, column.note).order_by(column.chain)
    )
    return {
        chain: Head(Seal(chain, count, digest), minute, note) for chain, count, digest, minute, note in rows
    }


def _checkpoints(connection: Connection, keys: Keys, *, only_last: bool) -> dict[int, Seal]:
    column = schema.checkpoint.c
    query = select(column.count, column.note).order_by(column.count.desc())
    rows = connection.execute(query.limit(1) if only_last else query)
    found = {count: keys.check(note, HOUSE, count) for count, note in rows}
    if not found:
        raise LedgerDamaged(HOUSE, 1, Break.CHECKPOINT)
    for count, seal in found.items():
        if seal.count != count:
            raise LedgerDamaged(HOUSE, count, Break.CHECKPOINT)
    return found


def _start_late(connection: Connection, proof: Proof, checkpoints: dict[int, Seal]) -> None:
    """Takes from the last checkpoint where every chain stood, how every target, and which entries armed."""
    seal = checkpoints[max(checkpoints)]
    entry = entry_at(connection, HOUSE, seal.count)
    if entry.hash != seal.hash:
        raise LedgerDamaged(HOUSE, seal.count, Break.WITNESS)
    proof.starts[HOUSE] = seal
    proof.starts |= {head.chain: head for head in recorded_heads(entry)}
    proof.lines, armings = from_swept(entry)
    for seq, digest in armings.values():
        if entry_at(connection, HOUSE, seq).hash != digest:
            raise LedgerDamaged(HOUSE, seq, Break.WITNESS)


def _check_file(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
        raise LedgerDamaged(HOUSE, None, Break.UNREADABLE)


def _check_log(checkpoints: dict[int, Seal], logged: Sequence[Seal]) -> None:
    """Every checkpoint must be in seals.log; only the newest may have been cut off from it by a crash."""
    heard = {seal.count for seal in logged if seal.chain == HOUSE}
    missing = checkpoints.keys() - heard - {max(checkpoints)}
    if missing:
        raise LedgerDamaged(HOUSE, min(missing), Break.SEALS)


def _chain_names(connection: Connection) -> Iterator[str]:
    """The chains that have entries: a few searches in the key, not a walk over all rows."""
    column, name = schema.entry.c.chain, ""
    while (
        found := connection.scalar(select(column).where(column > name).order_by(column).limit(1))
    ) is not None:
        yield (name := found)


def _start(proof: Proof, chain: str) -> Seal:
    return proof.starts.get(chain, Seal(chain, 0, GENESIS))


def _prove_chain(connection: Connection, proof: Proof, chain: str) -> None:
    start, head = _start(proof, chain), proof.heads.get(chain, Head(Seal(chain, 0, GENESIS), "", ""))
    witnesses = proof.witnesses.get(chain, {})
    column = schema.entry.c
    for count in sorted(count for count in witnesses if count <= start.count):
        _check_earlier(connection, Seal(chain, count, b""), witnesses[count])
    _check_earlier(connection, start, {start.hash})
    query = select(column.seq, column.body, column.hash).where(column.chain == chain).order_by(column.seq)
    if start.count:
        query = query.where(column.seq > start.count)
    rows = connection.execute(query.execution_options(yield_per=ROWS))
    last: Entry | None = None
    later = {count: hashes for count, hashes in witnesses.items() if count > start.count}
    for last in follow(((seq, text, digest) for seq, text, digest in rows), start, head.seal, later):
        _take(proof, last)
    if proof.keys.check(head.note, chain, head.seal.count) != head.seal:
        raise LedgerDamaged(chain, head.seal.count, Break.SIGNATURE)
    last = last or entry_at(connection, chain, head.seal.count)
    if minute_text(last.minute) != head.minute:
        raise LedgerDamaged(chain, last.seq, Break.STANDING)


def _check_earlier(connection: Connection, seal: Seal, hashes: set[bytes]) -> None:
    """That an entry before the start is the one that was sealed."""
    column = schema.entry.c
    stored = connection.scalar(
        select(column.hash).where(column.chain == seal.chain, column.seq == seal.count)
    )
    if seal.count and {stored} != hashes:
        raise LedgerDamaged(seal.chain, seal.count, Break.MISSING if stored is None else Break.WITNESS)


def _take(proof: Proof, entry: Entry) -> None:
    """What a proved entry tells of others: the heads of all chains, the standing of its target."""
    proof.proved += 1
    try:
        if entry.chain == HOUSE:
            event = entry.body["event"]
            if (event == FOUNDED) != (entry.seq == 1):
                raise LedgerDamaged(HOUSE, entry.seq, Break.ALIEN)
            if event in (FOUNDED, SWEPT):
                proof.sweeps.add(entry.seq)
                proof.hear(recorded_heads(entry))
        fold(proof.lines, entry)
    except (KeyError, TypeError, ValueError):
        raise LedgerDamaged(entry.chain, entry.seq, Break.EDITED) from None


def _check_standing(connection: Connection, proof: Proof) -> None:
    kept = standing_lines(connection)
    for target in sorted({*kept, *proof.lines}):
        if kept.get(target) != proof.lines.get(target):
            raise LedgerDamaged(target, None, Break.STANDING)
