"""The book: append-only, chained, durable, verifiable. The only importer of sqlalchemy.

Names are fetched when they are first asked for: a command that opens no ledger does not pay for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from retentiond.core.chain import HOUSE, Break, Entry, Seal, root_hash, seals_in
from retentiond.ledger.places import is_founded

if TYPE_CHECKING:
    from retentiond.ledger.book import Ledger
    from retentiond.ledger.memory import SEEN, THREAD, UNARMED
    from retentiond.ledger.verify import Verified

__all__ = [
    "HOUSE",
    "SEEN",
    "THREAD",
    "UNARMED",
    "Break",
    "Entry",
    "Ledger",
    "Seal",
    "Verified",
    "is_founded",
    "root_hash",
    "seals_in",
]

_LATE = {"Ledger": "book", "Verified": "verify", "SEEN": "memory", "THREAD": "memory", "UNARMED": "memory"}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(name)
    return getattr(import_module(f"retentiond.ledger.{_LATE[name]}"), name)
