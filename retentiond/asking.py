"""What somebody asks of the running service: one command, believed in no part that was not looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from retentiond.talk import VERSION, Nonsense, Peer

_MOST_WORDS: Final = 100


@dataclass(frozen=True, slots=True)
class Verb:
    """What may be asked for. A deed is refused by a service that only looks; what goes `in_turn` waits until
    nothing else of that kind is at work."""

    is_deed: bool = False
    in_turn: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One command, and who asks. `sudo_uid` is believed of root alone; `terminals` names those of
    in, out and err behind which a person sits; `columns` is how wide it is, 0 where that is not known."""

    verb: str
    words: tuple[str, ...]
    peer: Peer
    sudo_uid: int | None
    terminals: frozenset[str]
    columns: int
    is_quiet: bool


def understood(document: Mapping[str, Any], peer: Peer) -> Request:
    """What somebody said, if every part of it is what it must be. Raises Nonsense."""
    match document:
        case {
            "version": int(version),
            "verb": str(verb),
            "words": [*words],
            "sudo_uid": None | int() as sudo,
            "terminals": [*terminals],
            "columns": int(columns),
            "quiet": bool(quiet),
        } if (
            version == VERSION
            and _are_words(words)
            and _are_words(terminals)
            and columns < 10_000
            and 0 <= (sudo or 0) < 2**32 - 1
        ):
            believed = sudo if peer.uid == 0 else None
            return Request(verb, tuple(words), peer, believed, frozenset(terminals), max(columns, 0), quiet)
        case _:
            raise Nonsense


def _are_words(found: Sequence[object]) -> bool:
    return len(found) <= _MOST_WORDS and all(isinstance(each, str) and "\0" not in each for each in found)
