"""Patience that is written down, for tests of what a busy server is worth."""

from __future__ import annotations

from retentiond.mailbox.patience import Patience


class Waits:
    """Patience whose sleeping is written down instead."""

    def __init__(self, seconds: float) -> None:
        self.slept: list[float] = []
        self.patience = Patience(
            seconds, sleep=self.slept.append, monotonic=lambda: sum(self.slept), chance=lambda: 0
        )
