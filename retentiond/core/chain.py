"""The book's arithmetic, without I/O: canonical bytes, links, roots, seals, signed heads, first break.

An entry is canonical JSON; its hash is SHA-256(hash of the entry before || SHA-256(its canonical text)),
the first entry following 32 zero bytes. A *seal* (chain, count, hash) pins everything up to that count.
docs/auditor.md describes the same rules for somebody without this program.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import quote, unquote

from retentiond.errors import LedgerDamaged

#: The chain of what concerns no single target: founding, arming, rules, sweeps. No target may be so named.
HOUSE = "house"

#: What stands before the first entry of every chain.
GENESIS = bytes(32)

#: The name under which the ledger's key signs (C2SP signed-note: no blanks, no plus sign).
KEY_NAME = "retentiond"

#: What an entry may say: no floats (they have no one spelling), no booleans, no nulls, no objects.
Value: TypeAlias = int | str | Sequence["Value"]
Body: TypeAlias = Mapping[str, Value]

_OWN = frozenset({"chain", "seq", "minute"})
_SEAL = re.compile(r"seal:([A-Za-z0-9_.~%-]+):(\d{1,18}):([0-9a-f]{64})(?![0-9a-f])")


class Break(StrEnum):
    """What can be wrong with a book; `LedgerDamaged.what` is one of these."""

    EDITED = "what is written does not match its hash"
    MISSING = "an entry is missing"
    ALIEN = "an entry stands where none belongs"
    TAIL = "the end is cut off"
    WITNESS = "this is not the entry that was sealed"
    SIGNATURE = "a signature is not by this ledger's key"
    TIME = "time runs backwards"
    STANDING = "the running totals do not match the entries"
    CHECKPOINT = "a checkpoint is missing or out of place"
    SEALS = "seals.log is missing, shortened or unreadable"
    SCHEMA = "unknown schema"
    INTENT = "an open intent is missing or unreadable"
    UNREADABLE = "not readable as a ledger"
    UNWRITABLE = "it cannot be read or written"
    BUSY = "another program holds it"
    FULL = "the disk is full"
    KEY = "the key is not this ledger's"
    EXISTS = "there is a ledger or a key already"


@dataclass(frozen=True, slots=True)
class Seal:
    """A witness: chain `chain` had `count` entries, and the last of them had this hash (32 bytes).

    Its text, `seal:NAME:COUNT:HASH` (the name percent-encoded), can be found again in any report or
    journal by `seals_in`.
    """

    chain: str
    count: int
    hash: bytes

    def __str__(self) -> str:
        return f"seal:{quote(self.chain, safe='')}:{self.count}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one chain. `body` contains chain, seq and minute too; `hash` is 32 bytes."""

    chain: str
    seq: int
    minute: datetime
    body: Mapping[str, Value]
    hash: bytes


def seals_in(text: str) -> tuple[Seal, ...]:
    """Every seal in a text (a report, an extract of the journal, seals.log), in order."""
    return tuple(
        Seal(unquote(name), int(count), bytes.fromhex(digest)) for name, count, digest in _SEAL.findall(text)
    )


# ── entries ──────────────────────────────────────────────────────────────────────────────────────


def minute_text(moment: datetime) -> str:
    """An aware moment as `2026-07-16T03:05Z`. No entry knows its second (P7). Naive: ValueError."""
    if moment.tzinfo is None:
        raise ValueError("an aware moment is needed")
    return moment.astimezone(UTC).isoformat(timespec="minutes")[:16] + "Z"


def minute_of(text: str) -> datetime:
    """The moment (UTC) that `minute_text` wrote. Any other spelling raises ValueError."""
    moment = datetime.fromisoformat(text)
    if minute_text(moment) != text:
        raise ValueError("not a minute as the ledger writes it")
    return moment


def canonical(body: Body) -> str:
    """The one spelling of a body: ASCII JSON, keys sorted, no blanks, integers, strings and lists only.

    Raises TypeError for anything else.
    """
    for value in body.values():
        _check(value)
    return json.dumps(dict(body), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _check(value: Value) -> None:
    match value:
        case bool():
            raise TypeError("0 or 1, not a boolean")
        case int() | str():
            pass
        case list() | tuple():
            for part in value:
                _check(part)
        case _:
            raise TypeError("integers, strings and lists only")


def entry_text(chain: str, seq: int, minute: str, body: Body) -> str:
    """The canonical text of an entry: its body with chain, seq and minute in it."""
    if _OWN & body.keys():
        raise TypeError("chain, seq and minute are the book's own")
    return canonical({**body, "chain": chain, "seq": seq, "minute": minute})


def link(previous: bytes, text: str) -> bytes:
    """The hash of an entry, from the hash of the one before and its canonical text."""
    return hashlib.sha256(previous + hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).digest()


def read_entry(chain: str, seq: int, text: str, digest: bytes) -> Entry:
    """The entry of a stored row. Raises LedgerDamaged where the text says another chain or number."""
    try:
        body = json.loads(text)
        if (body["chain"], body["seq"]) != (chain, seq) or type(body["seq"]) is not int:
            raise ValueError("another entry's text")
        return Entry(chain, seq, minute_of(body["minute"]), body, digest)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LedgerDamaged(chain, seq, Break.EDITED) from None


def follow(
    rows: Iterable[tuple[int, str, bytes]],
    start: Seal,
    head: Seal,
    witnesses: Mapping[int, Iterable[bytes]],
) -> Iterator[Entry]:
    """Follows one chain from just after `start` to `head`, yielding each entry once it is proved.

    `rows` are (seq, text, hash) in order of seq. `witnesses` are hashes that seals give for counts
    after `start`. Raises LedgerDamaged at the first break, a cut tail included.
    """
    chain, seq, previous, before = start.chain, start.count, start.hash, None
    for at, text, stored in rows:
        seq += 1
        if at < seq or seq > head.count:
            raise LedgerDamaged(chain, at, Break.ALIEN)
        if at > seq:
            raise LedgerDamaged(chain, seq, Break.MISSING)
        if link(previous, text) != stored:
            raise LedgerDamaged(chain, seq, Break.EDITED)
        entry = read_entry(chain, seq, text, stored)
        if seq in witnesses and any(sealed != stored for sealed in witnesses[seq]):
            raise LedgerDamaged(chain, seq, Break.WITNESS)
        if before is not None and entry.minute < before:
            raise LedgerDamaged(chain, seq, Break.TIME)
        previous, before = stored, entry.minute
        yield entry
    if seq < max([head.count, *witnesses]):
        raise LedgerDamaged(chain, seq + 1, Break.TAIL)
    if previous != head.hash:
        raise LedgerDamaged(chain, seq, Break.WITNESS)


# ── roots over marks ─────────────────────────────────────────────────────────────────────────────


def root_hash(marks: Iterable[bytes]) -> bytes:
    """The Merkle tree hash (RFC 6962, 2.1) over marks in the order given; 32 bytes.

    Memory is logarithmic in their number: `marks` may be a generator.
    """
    sha256 = hashlib.sha256
    subtrees: list[bytes] = []
    for number, mark in enumerate(marks, start=1):
        node = sha256(b"\x00" + mark).digest()
        while not number & 1:
            node = sha256(b"\x01" + subtrees.pop() + node).digest()
            number >>= 1
        subtrees.append(node)
    if not subtrees:
        return sha256().digest()
    root = subtrees.pop()
    while subtrees:
        root = sha256(b"\x01" + subtrees.pop() + root).digest()
    return root


# ── signed heads ─────────────────────────────────────────────────────────────────────────────────


def head_text(seal: Seal) -> str:
    """What is signed of a chain's head: three lines (the form of a C2SP tlog-checkpoint)."""
    return f"retentiond ledger {seal.chain}\n{seal.count}\n{_base64(seal.hash)}\n"


def key_id(public: bytes) -> bytes:
    """The four bytes by which a signed note names its Ed25519 key (C2SP signed-note)."""
    return hashlib.sha256(KEY_NAME.encode() + b"\n\x01" + public).digest()[:4]


def signed_note(seal: Seal, public: bytes, signature: bytes) -> str:
    """A head and its signature as a C2SP signed note."""
    return f"{head_text(seal)}\n\N{EM DASH} {KEY_NAME} {_base64(key_id(public) + signature)}\n"


def open_note(note: str) -> tuple[Seal, bytes]:
    """The seal and the 64 bytes of signature in a note; checks its form, not its signature.

    Raises ValueError. `signed_note` of what is returned must give the same text: a note has one spelling.
    """
    origin, count, digest, blank, line, end = note.split("\n")
    chain = origin.removeprefix("retentiond ledger ")
    seal = Seal(chain, int(count), base64.b64decode(digest))
    signature = base64.b64decode(line.rpartition(" ")[2])[4:]
    if (blank, end) != ("", ""):
        raise ValueError("not a signed note")
    return seal, signature


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
