"""A service on a small world in memory, on a clock that a test sets; each round that ends can be awaited."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory

from retentiond.condition import Condition
from retentiond.config import Schedule
from retentiond.daemon import Daemon
from retentiond.ledger import Ledger
from retentiond.rounds import Service
from retentiond.targets import Estate
from tests.stories.small_world import ZONE, World

NIGHTLY = Schedule("15 3 * * *", ZoneInfo("Europe/London"), 0, 4)


class Night:
    """`steady` counts the seconds that really passed, sleep included; the wall is the frozen clock."""

    def __init__(self, world: World, frozen: FrozenDateTimeFactory) -> None:
        self.world, self.frozen = world, frozen
        self.steady = 1000.0
        self.rounds: list[Condition] = []
        self._ended = threading.Condition()
        self.service = Service(self._open, world.directory, ZONE, tell=self._tell)
        self.daemon = Daemon(self.service, NIGHTLY, steady=lambda: self.steady)

    @contextmanager
    def _open(self) -> Iterator[tuple[Estate, Ledger | None]]:
        with self.world.book() as book:
            yield self.world.estate(book), book

    def _tell(self, condition: Condition, _now: datetime) -> Condition:
        with self._ended:
            self.rounds.append(condition)
            self._ended.notify_all()
        return condition

    def passes(self, time: timedelta) -> None:
        """So much time passes, awake or asleep; then the service beats."""
        self.frozen.tick(time)
        self.steady += time.total_seconds()
        self.daemon.beat()

    def is_set(self, by: timedelta) -> None:
        """Somebody sets the clock; then the service beats."""
        offset = self.world.server.clock_offset
        assert offset is not None
        self.world.server.clock_offset = offset - by
        self.frozen.tick(by)
        self.steady += 1
        self.daemon.beat()

    def has_swept(self, times: int) -> Condition:
        """Waits until so many rounds have ended; what the last of them wrote."""
        with self._ended:
            assert self._ended.wait_for(lambda: len(self.swept) >= times, 30), self.swept
            found = self.rounds[-1]
        assert self.daemon._idle.wait(30)
        return found

    @property
    def swept(self) -> list[datetime]:
        """When the rounds began, each once."""
        return sorted({each.round.started for each in self.rounds if each.round is not None})
