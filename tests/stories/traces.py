"""Whether anything that we wrote tells that somebody ever wrote, to a reader who has every key (P9)."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from retentiond.core.chain import root_hash
from retentiond.ledger import Ledger
from retentiond.mailbox.marker import Marker

_KINDS = ("address", "message", "item", "letter", "content", "folder", "")


def assert_no_trace(
    state: Path,
    key: Path,
    addresses: Iterable[str],
    message_ids: Iterable[str],
    texts: Iterable[str | bytes] = (),
) -> None:
    """Fails if a mark that any key can make of an address or a Message-ID, or one of these themselves, is in
    a file of the state directory (ledger, WAL, seals, locks and all) or in a text, in any spelling.

    Each is derived alone and as the one leaf of a root; roots over several are tried for pairs too.
    """
    # The files first: whoever closes the book empties its write-ahead log.
    told = [("text", text.encode() if isinstance(text, str) else text) for text in texts]
    told += [(str(path), path.read_bytes()) for path in state.rglob("*") if path.is_file() and path != key]
    with Ledger.open(state, key.read_bytes()) as book:
        keys = {"marks": book.mark_key, "plan": book.plan_key, "secret": key.read_bytes()}
    assert told, "nothing was looked through"
    needles = set(_needles(keys.values(), list(addresses), list(message_ids)))
    for where, data in told:
        lower = data.lower()
        assert not any(needle in data or needle.lower() in lower for needle in needles), where


def _needles(keys: Iterable[bytes], addresses: list[str], message_ids: list[str]) -> Iterator[bytes]:
    names = {*addresses, *(each.strip("<>") for each in message_ids)}
    names |= {each.casefold() for each in names}
    for name in names:
        yield name.encode()
        yield from _spelt(sha256(name.encode()).digest())
    for key in keys:
        marker = Marker(key)
        marks = {marker.mark(kind, each) for kind in _KINDS for each in names}
        marks |= {marker.address(each) for each in addresses} | {marker.message(each) for each in message_ids}
        for mark in marks:
            yield from _spelt(mark)
            yield from _spelt(root_hash([mark]))
        own = [marker.message(each) for each in message_ids]
        for pair in itertools.permutations(own[:8], 2):
            yield from _spelt(root_hash(pair))
        yield from _spelt(root_hash(own))


def _spelt(digest: bytes) -> Iterator[bytes]:
    """Raw, in hexadecimal, and in base64."""
    yield digest
    yield digest.hex().encode()
    yield base64.b64encode(digest).rstrip(b"=")[:-1]
