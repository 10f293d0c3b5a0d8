"""Where the odd word of the seeded mail has turned up: nothing that we write may hold it (P7)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.servers.seed import CANARY


def assert_no_canary(paths: Iterable[Path] = (), texts: Iterable[str | bytes] = ()) -> None:
    """Fails, naming the places, if the canary is in a file (folders are read whole), a name or a text."""
    found = [str(path) for path in _files(paths) if holds_canary(path.read_bytes() + bytes(path))]
    found += [f"text {number}" for number, text in enumerate(texts) if holds_canary(text)]
    assert not found, f"the canary sings in: {', '.join(found)}"


def holds_canary(data: str | bytes) -> bool:
    """In plain letters of either case, in UTF-16, or in any of the three alignments of base64."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    lower = raw.lower()
    return any(form in lower for form in _PLAIN) or any(form in raw for form in _BASE64)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (inner for inner in path.rglob("*") if inner.is_file())
        elif path.exists():
            yield path


def _base64_forms(word: bytes) -> tuple[bytes, ...]:
    """What of the word survives whole in base64, whatever stands before and after it."""
    forms = []
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + word + b"\0\0")
        start = -(-shift * 8 // 6)
        end = (shift + len(word)) * 8 // 6
        forms.append(coded[start:end])
    return tuple(forms)


_PLAIN = (CANARY.encode(), CANARY.encode("utf-16-le"))
_BASE64 = tuple(form for word in (CANARY, CANARY.capitalize()) for form in _base64_forms(word.encode()))
