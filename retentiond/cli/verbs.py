"""The commands that the running service carries out for whoever asks: one more needs one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from retentiond.control import Verb

VERBS: Final[Mapping[str, Verb]] = {
    "audit": Verb(in_turn=True),
    "arm": Verb(is_deed=True, in_turn=True),
    "sweep": Verb(is_deed=True, in_turn=True),
    "purge": Verb(is_deed=True, in_turn=True),
    "approve": Verb(is_deed=True),
    "status": Verb(),
    "pause": Verb(),
    "resume": Verb(),
}
