"""At most four requests at a time for one mailbox and one application, whichever thread asks.

Exchange Online allows no more, counted by application and mailbox; what comes beside them is answered 429.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

#: How many requests one application may have under way in one mailbox.
AT_ONCE = 4


class Gate:
    """Shared by everything that one application does in one command."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._inside: Counter[str] = Counter()
        self._turn = Condition()

    @contextmanager
    def entered(self, mailbox: str, requests: int = 1) -> Iterator[None]:
        """The block in which so many requests are under way at once; one with more counts as all of them."""
        mailbox, width = mailbox.casefold(), min(requests, self._at_once)
        with self._turn:
            self._turn.wait_for(lambda: self._inside[mailbox] + width <= self._at_once)
            self._inside[mailbox] += width
        try:
            yield
        finally:
            with self._turn:
                self._inside[mailbox] -= width
                self._turn.notify_all()
