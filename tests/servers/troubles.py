"""What may go wrong on the wire, at which command, and how commands are written down.

A record holds no literals and no arguments of LOGIN: enough to say what was done, and no mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Action = Literal["cut-before", "cut-after", "half", "half-reply", "stall", "call"]

#: What an audit may send: it changes nothing, not even \\Recent (as SELECT would).
HARMLESS = frozenset(
    {"CAPABILITY", "ID", "ENABLE", "LOGIN", "AUTHENTICATE", "NAMESPACE", "LIST", "STATUS", "MYRIGHTS"}
    | {"EXAMINE", "SEARCH", "UID SEARCH", "UID SORT", "FETCH", "UID FETCH", "NOOP", "UNSELECT", "LOGOUT"}
)

_MARKS_SEEN = re.compile(r"FETCH .*(BODY\[|RFC822(\s|\)|$|\.TEXT))", re.IGNORECASE)
_SECRET_VERBS = {"LOGIN", "AUTHENTICATE"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens at the `nth` command (from now on, over all connections) that `pattern` is found in.

    cut-before: the server never sees it. cut-after: the server did it, the client never hears, and
    nothing that was written behind it arrives. half: half of its last part arrives (the literal, where
    it has one). half-reply: half of the first line of the answer. stall: no answer, no end. call:
    `deed` runs first, then the command goes on.
    """

    pattern: str
    action: Action
    nth: int = 1
    deed: Callable[[], None] | None = None


class Armed:
    """A trouble and how many more matches it waits for."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self._left = trouble.nth
        self._pattern = re.compile(trouble.pattern)

    def is_due(self, command: str) -> bool:
        if self._left > 0 and self._pattern.search(command):
            self._left -= 1
            return self._left == 0
        return False


def is_intrusion(command: str) -> bool:
    """Whether it may leave a trace: another verb than the harmless, or FETCH without PEEK."""
    return verb(command) not in HARMLESS or bool(_MARKS_SEEN.search(command))


def record(text: bytes) -> str:
    words = text.decode("utf-8", "replace").strip()
    name = verb(words)
    return name if name in _SECRET_VERBS else words


def verb(command: str) -> str:
    words = command.upper().split(maxsplit=2)
    with suppress(IndexError):
        return f"UID {words[1]}" if words[0] == "UID" else words[0]
    return ""
