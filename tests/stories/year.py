"""A helpline's year in memory: what comes in, what goes wrong, and what must be true every night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from freezegun.api import FrozenDateTimeFactory

from retentiond.arming import arm
from retentiond.audit import Progress
from retentiond.condition import Condition
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from retentiond.ledger import Ledger
from retentiond.rounds import Service, make_round, watch
from retentiond.targets import Estate
from tests.stories.small_world import LINE, SIX, ZONE, World, mail

DAY = timedelta(days=1)
#: How many letters a helpline gets each day.
A_DAY = 15


def first_due(received: datetime) -> date:
    """The day on which a message of this moment must be gone: counted here without the product's cutoff."""
    return SIX.after(received.astimezone(ZONE).date()) + DAY


@dataclass
class Year:
    """`alerts` are the (day, cause, target) of every alert; `gone` counts what was destroyed by its day."""

    directory: Path
    frozen: FrozenDateTimeFactory
    first: date
    world: World = field(init=False)
    alerts: list[tuple[date, str, str]] = field(default_factory=list)
    cleared: list[tuple[date, str, str]] = field(default_factory=list)
    stopped: list[date] = field(default_factory=list)
    clocks: list[date] = field(default_factory=list)
    destroyed: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(20261122)
        self.world = World(self.directory, founded=self._at(self.first - DAY, 12))
        self.service = Service(self._open, self.directory, ZONE, tell=self._tell)
        self.inbox = self.world.server.mailbox("line")["INBOX"]
        self.number = 0
        for ago in range(190, 0, -1):
            self.receive(self.first - ago * DAY)
        self.frozen.move_to(self._at(self.first, 3, 15))
        self.world.arm_all(self._at(self.first, 3, 15))

    @contextmanager
    def _open(self) -> Iterator[tuple[Estate, Ledger | None]]:
        with self.world.book() as book:
            yield self.world.estate(book), book

    def _tell(self, condition: Condition, now: datetime) -> Condition:
        """As the mail would: each concern once a day, and an all-clear."""
        day = now.astimezone(ZONE).date()
        told = {each.key for each in condition.concerns if each.must_be_told(now)}
        self.alerts += [(day, cause, target) for target, cause, _ in told]
        self.cleared += [(day, each.cause, each.target) for each in condition.cleared]
        concerns = tuple(replace(each, told=now) if each.key in told else each for each in condition.concerns)
        return replace(condition, concerns=concerns, cleared=())

    @staticmethod
    def _at(day: date, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────

    def receive(self, day: date, count: int = A_DAY) -> None:
        """Letters at any minute of a local day, and now and then an advisor's answer that is astray."""
        begin = self._at(day, 0)
        minutes = int((self._at(day + DAY, 0) - begin).total_seconds() // 60)
        for _ in range(count):
            self.number += 1
            received = begin + timedelta(minutes=self.chance.randrange(minutes))
            self.world.put("line", "INBOX", mail("writer@post.example", f"m{self.number}"), received)
        if self.chance.random() < 0.3:
            self.number += 1
            answer = mail(LINE, f"m{self.number}")
            self.world.put("ana", "Sent", answer, begin + timedelta(minutes=self.chance.randrange(minutes)))

    def sweep(self, day: date, *, set_ahead: timedelta = timedelta()) -> Condition:
        """The night's round, by a clock that is so far ahead of the server's."""
        now = self._at(day, 3, 15) + set_ahead
        self.frozen.move_to(now)
        self.world.server.clock_offset = -set_ahead
        before = self.stored()
        watch(self.service)
        found = make_round(self.service, Progress())
        after = self.stored()
        assert found.round is not None
        if found.round.result == "done" and "line" not in self.world.server.unreachable:
            self._check(day, before, after, found)
        else:
            assert after == before, "a night on which nothing could be known destroys nothing"
        if any(each.cause == Worry.CLOCK for each in found.concerns):
            self.clocks.append(day)
        return found

    def rearm(self) -> None:
        with self.world.book() as book:
            now = datetime.now(UTC)
            arm(self.world.estate(book), "line", 10**6, book, self.directory, now, who="uid 0")

    # ── what must be true ────────────────────────────────────────────────────────────────────────

    def stored(self) -> dict[bytes, datetime]:
        """Each message of the helpline, wherever it stands, with its moment of receipt."""
        folders = [*self.world.server.mailbox("line").values(), self.world.server.mailbox("ana")["Sent"]]
        return {
            each.content: each.received
            for folder in folders
            for each in folder.messages.values()
            if each.received is not None
        }

    def _check(
        self, day: date, before: dict[bytes, datetime], after: dict[bytes, datetime], found: Condition
    ) -> None:
        """None early, none lost, none doubled; and all that is due is gone, but where the fuse stopped it."""
        assert after.keys() <= before.keys()
        for content in before.keys() - after.keys():
            assert first_due(before[content]) <= day, "destroyed before its day"
        self.destroyed += len(before) - len(after)
        causes = {each.cause for each in found.concerns if each.target == "line"}
        if causes & {Cause.UNFORESEEN, Cause.TOO_MANY_STRAYS}:
            self.stopped.append(day)
            assert len(after) == len(before)
            return
        late = [received for received in after.values() if first_due(received) <= day]
        assert late == [], f"{len(late)} still there on {day}"

    def grave(self, found: Condition) -> list[Concern]:
        return [each for each in found.concerns if each.is_grave(datetime.now(UTC))]
