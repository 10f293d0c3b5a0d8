"""The secret with which mailboxes are opened: read when it is needed, tried in turn, and never kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class Secret:
    """A secret that is read when it is needed and never kept; one object for an account and a run.

    Whoever sees it refused sets `is_refused`: twenty mailboxes with one wrong password are one attempt,
    not twenty, lest the account be locked. Until somebody set `is_accepted`, they try in turn.
    """

    __slots__ = ("_read", "_turn", "is_accepted", "is_refused")

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._turn = Lock()
        self.is_accepted = False
        self.is_refused = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """The block in which the secret is tried; one at a time until it was accepted once."""
        if self.is_accepted:
            yield
            return
        with self._turn:
            yield

    def __call__(self) -> str:
        return self._read()

    def __repr__(self) -> str:
        return "Secret(…)"
