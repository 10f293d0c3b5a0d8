"""The commands that the running service carries out for whoever asks: one more needs one more line here.

A command of a group has both words. A file that such a command is given is sought, read and written by
`is_paper`, `read_paper` and `write_paper` (`cli/caller.py`): the service opens no path that somebody names.
It prints and asks from its thread alone.
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
    # A hold never waits for somebody's purge, which may be about to destroy what is to be held: the last look
    # before each deed sees its sign.
    "hold add": Verb(),
    "hold list": Verb(),
    "hold review": Verb(),
    "hold release": Verb(is_deed=True),
}
