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
from retentiond.config.letters import BINS
from retentiond.config.settings import LettersSettings
from retentiond.core.findings import Cause
from retentiond.core.model import Kind
from retentiond.core.period import Period
from retentiond.core.promises import Concern, Worry
from retentiond.ledger import Ledger
from retentiond.mailbox.letters import LettersMailbox
from retentiond.rounds import Service, make_round, watch
from retentiond.targets import Estate, Target
from tests.letters.disks import Disk
from tests.servers.seed import CANARY
from tests.stories.small_world import LINE, SIX, ZONE, World, mail

DAY = timedelta(days=1)
#: How many letters a helpline gets each day.
A_DAY = 15
TWO = Period(months=2)


def first_due(received: datetime, period: Period = SIX) -> date:
    """The day on which what is of this moment must be gone: counted here without the product's cutoff."""
    return period.after(received.astimezone(ZONE).date()) + DAY


@dataclass
class Folder:
    """Letters on a disk of its own, whose births are set. `saved` are those that must be there."""

    disk: Disk
    saved: dict[Path, datetime] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.top = self.disk.top / "letters"
        self.top.mkdir(mode=0o700)

    def target(self, estate: Estate) -> Target:
        settings = LettersSettings(
            name="letters",
            directory=self.top,
            period=TWO,
            manager="root",
            deputy=None,
            backup=(),
            bins=tuple(BINS),
            hold_folder=None,
            overwrite=True,
            mount=None,
        )

        def opened() -> LettersMailbox:
            return LettersMailbox(settings, estate.marker)

        return Target("letters", Kind.LETTERS, TWO, "rules of letters", (), "", opened)

    def save(self, moment: datetime) -> None:
        """Three letters of one moment."""
        for _ in range(3):
            self.number += 1
            name = f"letters/{CANARY} {self.number}.odt"
            self.saved[self.disk.write(name, f"Dear {CANARY}".encode(), moment)] = moment
        self.disk.age()

    def check(self, day: date, *, was_swept: bool = True) -> None:
        """None is gone before its day, and after a sweep none is there that is due."""
        for path, moment in list(self.saved.items()):
            is_due = was_swept and first_due(moment, TWO) <= day
            assert path.exists() is not is_due, f"a letter of {moment} on {day}"
            if is_due:
                del self.saved[path]


@dataclass
class Year:
    """`alerts` are the (day, cause, target) of every alert; `gone` counts what was destroyed by its day."""

    directory: Path
    frozen: FrozenDateTimeFactory
    first: date
    letters: Folder | None = None
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
        if self.letters is not None:
            self.rearm("letters")

    @contextmanager
    def _open(self) -> Iterator[tuple[Estate, Ledger | None]]:
        with self.world.book() as book:
            yield self._estate(book), book

    def _estate(self, book: Ledger) -> Estate:
        estate = self.world.estate(book)
        if self.letters is None:
            return estate
        return replace(estate, targets=(*estate.targets, self.letters.target(estate)))

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
        if self.letters is not None and day.weekday() == 2:
            self.letters.save(self._at(day, 11))

    def sweep(
        self, day: date, *, set_ahead: timedelta = timedelta(), is_server_right: bool = True
    ) -> Condition:
        """The night's round, by a clock that is so far ahead; the server's is right, or as wrong as ours."""
        now = self._at(day, 3, 15) + set_ahead
        self.frozen.move_to(now)
        self.world.server.clock_offset = -set_ahead if is_server_right else timedelta()
        before = self.stored()
        watch(self.service)
        found = make_round(self.service, Progress())
        after = self.stored()
        assert found.round is not None
        was_swept = found.round.result == "done" and not set_ahead
        if was_swept and "line" not in self.world.server.unreachable:
            self._check(day, before, after, found)
        else:
            assert after == before, "a night on which nothing could be known destroys nothing"
        if self.letters is not None:
            self.letters.check(day, was_swept=was_swept)
        if any(each.cause in (Cause.UNFORESEEN, Cause.TOO_MANY_STRAYS) for each in found.concerns):
            self.stopped.append(day)
        if any(each.cause == Worry.CLOCK for each in found.concerns):
            self.clocks.append(day)
        return found

    def rearm(self, name: str = "line") -> None:
        with self.world.book() as book:
            now = datetime.now(UTC)
            arm(self._estate(book), name, 10**6, book, self.directory, now, who="uid 0")

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
            assert len(after) == len(before)
            return
        late = [received for received in after.values() if first_due(received) <= day]
        assert late == [], f"{len(late)} still there on {day}"

    def grave(self, found: Condition) -> list[Concern]:
        return [each for each in found.concerns if each.is_grave(datetime.now(UTC))]
