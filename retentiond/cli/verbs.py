"""The commands that the running service carries out for whoever asks: one more needs one more line here.

A file that such a command is given is sought, read and written by `is_paper`, `read_paper` and `write_paper`
(`cli/caller.py`): the service opens no path that somebody names. It prints and asks from its thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from retentiond.asking import Verb

VERBS: Final[Mapping[str, Verb]] = {
    "audit": Verb(in_turn=True),
    "arm": Verb(is_deed=True, in_turn=True),
    "sweep": Verb(is_deed=True, in_turn=True),
    "purge": Verb(is_deed=True, in_turn=True),
    "approve": Verb(is_deed=True),
    "status": Verb(),
    "pause": Verb(),
    "resume": Verb(),
    "retire": Verb(is_deed=True),
}
