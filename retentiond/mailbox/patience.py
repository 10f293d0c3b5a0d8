"""How long a busy server is waited for in all, by a clock that nobody can set; never by the wall's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

#: The first wait where the server names none, and the longest between two attempts, in seconds.
FIRST = 0.25
LONGEST = 60.0


class OutOfPatience(Exception):
    """All the waiting that one command may do has been done."""


class Patience:
    """The waiting of one command for one account: `seconds` in all, shared by its mailboxes.

    Waiting is measured by the monotonic clock: one that is set back a year makes nobody wait a year.
    """

    __slots__ = ("_chance", "_left", "_monotonic", "_sleep")

    def __init__(
        self,
        seconds: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._left = seconds
        self._sleep = sleep
        self._monotonic = monotonic
        self._chance = chance

    def wait(self, attempt: int, named: float | None = None) -> None:
        """Waits before attempt number `attempt` + 1: as long as the server `named` (seconds), else twice
        as long each time; a little more by chance, so that clients do not come back together. A server
        that says "at once" is believed once: else it would be asked for ever.

        Raises OutOfPatience instead where that would be longer than what is left.
        """
        if named is None or (named <= 0 and attempt):
            named = min(LONGEST, FIRST * 2**attempt)
        seconds = named * (1 + self._chance() / 4)
        if seconds > self._left:
            raise OutOfPatience
        began = self._monotonic()
        self._sleep(seconds)
        self._left -= max(seconds, self._monotonic() - began)
