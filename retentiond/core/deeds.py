"""What is about to be done and what became of it, in the words in which the book is told.

An intent is durable before its deed and gone when it is settled; of each part of it there is one outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from retentiond.core.model import Key, Mark, Place, Reason


class Phase(StrEnum):
    """How far a deed had come when its intent was last written down."""

    DESTROYING = "destroying"
    ADDING = "adding"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True)
class StrayMark:
    """By what a stray on its way home is known again: marks of its Message-ID and of its content."""

    key: Key
    message: Mark
    size: int
    content: Mark


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be done to items of one folder; durable before the deed, gone when settled.

    `chain` is the target under which the outcome is entered (a stray's is its helpline). `oldest` and
    `newest` bound the days of receipt. A refile has a `home` and `strays`; its phase is ADDING until
    all copies were seen at home, then REMOVING.
    """

    place: Place
    phase: Phase
    keys: tuple[Key, ...]
    chain: str
    reason: Reason
    oldest: date | None = None
    newest: date | None = None
    home: str | None = None
    strays: tuple[StrayMark, ...] = ()
    id: int = 0


class Result(StrEnum):
    """What became of items that a deed named.

    DONE is said where the server was seen to keep nothing, REMOVED where that is not known, RETAINED
    where the server keeps a copy.
    """

    DONE = "done"
    REMOVED = "removed"
    GONE_ALREADY = "gone-already"
    CHANGED = "changed"
    HELD = "held"
    RETAINED = "retained"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some items of one folder. `until` is the server's date for RETAINED, if known.

    `reason` is the deed's: a stray that is gone (ASTRAY) was not destroyed, it was brought home.
    """

    place: Place
    result: Result
    keys: tuple[Key, ...]
    until: date | None = None
    why: str = ""
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One line for the book: what became of part of an intent. `root` is over the items' marks."""

    outcome: Outcome
    root: bytes
    is_recovered: bool = False
