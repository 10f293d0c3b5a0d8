"""The laws of holds, over whatever people and nights may do: what is held is never destroyed (P6)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.core.fuse import Limits
from retentiond.core.holds import Ground
from retentiond.holding import Order, find, hold, release
from retentiond.mailbox.base import Wanted
from retentiond.mailbox.memory import Folder, Stored
from tests.stories.small_world import CUTOFF, HELD, LINE, NOW, World, mail

_SHM = Path("/dev/shm")
_FOLDERS = ("INBOX", "Sent", "Trash", "Archive 2025")
_HOLD_FOLDER = "Archive 2025"
#: Three conversations of two messages, by who answers whom.
_MAIL = {"a": "", "b": "a", "c": "", "d": "c", "e": "", "f": "e"}
_KEPT = timedelta(days=14)

_name = st.sampled_from([*_MAIL])
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("sign"), _name),
        st.tuples(st.just("unsign"), _name),
        st.tuples(st.just("hold"), _name),
        st.tuples(st.just("hold conversation"), _name),
        st.tuples(st.just("release"), _name),
        st.tuples(st.just("move"), _name, st.sampled_from(_FOLDERS)),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("sweep"), st.integers(0, 20)),
        st.tuples(st.just("sweep"), st.integers(0, 20)),
    ),
    min_size=3,
    max_size=14,
)


@dataclass
class Hold:
    """What somebody must be able to rely on: the messages of one hold, and since when each is missed."""

    id: str
    missed: dict[str, datetime | None]
    conversation: frozenset[str] = frozenset()


@dataclass
class Tale:
    """A helpline's mail over time, and a plain account of what must be kept."""

    world: World
    now: datetime = NOW
    holds: list[Hold] = field(default_factory=list)

    def __post_init__(self) -> None:
        for n, (name, answers) in enumerate(_MAIL.items()):
            sender = LINE if answers else "writer@post.example"
            self.world.put(
                "line", _FOLDERS[n % 2], mail(sender, name, answers=answers), CUTOFF - timedelta(days=9)
            )
        self.world.arm_all()

    def where(self, name: str) -> tuple[Folder, int, Stored, str] | None:
        needle = f"Message-ID: <{name}@x.example>".encode()
        for folder_name, folder in self.world.server.mailbox("line").items():
            for uid, stored in folder.messages.items():
                if needle in stored.content:
                    return folder, uid, stored, folder_name
        return None

    def bears_sign(self, name: str) -> bool:
        found = self.where(name)
        return found is not None and (HELD in found[2].flags or found[3] == _HOLD_FOLDER)

    # ── what people do ───────────────────────────────────────────────────────────────────────────

    def sign(self, name: str) -> None:
        if found := self.where(name):
            found[2].flags |= {HELD}

    def unsign(self, name: str) -> None:
        if found := self.where(name):
            found[2].flags -= {HELD}

    def move(self, name: str, to: str) -> None:
        if found := self.where(name):
            folder, uid, stored, _ = found
            del folder.messages[uid]
            self.world.server.mailbox("line")[to].put(stored.content, stored.received, tuple(stored.flags))

    def hold(self, name: str, *, is_conversation: bool = False) -> None:
        if self.where(name) is None or self.world.server.unreachable:
            return
        with self.world.book() as book:
            estate = self.world.estate(book)
            order = Order(Ground.ADULT, date(2030, 1, 1), "uid 1000", is_conversation)
            wanted = Wanted(message_id=f"{name}@x.example")
            [made] = hold(estate, "line", find(estate, "line", wanted, self.now), order, book, self.now)
        self.forget_what_was_taken_over(name)
        kin = {name, _MAIL[name], *(n for n, answers in _MAIL.items() if answers == name)} - {""}
        self.holds.append(Hold(made.id, {name: None}, frozenset(kin) if is_conversation else frozenset()))

    def forget_what_was_taken_over(self, name: str) -> None:
        """One that was only found by its sign becomes the one that somebody states."""
        with self.world.book() as book:
            there = {each.id for each in book.holds.all()}
        self.holds = [each for each in self.holds if each.id in there or set(each.missed) != {name}]

    def release(self, name: str) -> None:
        mine = [each for each in self.holds if name in each.missed]
        found = self.where(name)
        if not mine or self.world.server.unreachable or (found and found[3] == _HOLD_FOLDER):
            return
        with self.world.book() as book:
            registered = {each.id: each for each in book.holds.all()}
            release(self.world.estate(book), registered[mine[0].id], book, "uid 1000", self.now)
        self.holds.remove(mine[0])

    def away(self, is_away: bool) -> None:
        self.world.server.unreachable = {"line"} if is_away else set()

    # ── what a night does ────────────────────────────────────────────────────────────────────────

    def sweep(self, days: int) -> None:
        self.now += timedelta(days=days, hours=1)
        before = {name for name in _MAIL if self.where(name)}
        is_away = bool(self.world.server.unreachable)
        if not is_away:
            self.note_what_is_missed()
        must_stay = {name for name in before if self.bears_sign(name)}
        must_stay |= {name for each in self.holds for name in (*each.missed, *each.conversation)} & before
        self.world.sweep(self.now)
        after = {name for name in _MAIL if self.where(name)}
        assert must_stay <= after, "what is held is never destroyed"
        if not is_away:
            assert after == must_stay, "and a hold holds nothing else"
        self.check_register(is_away=is_away)

    def note_what_is_missed(self) -> None:
        for each in list(self.holds):
            for name, since in list(each.missed.items()):
                if self.bears_sign(name):
                    each.missed[name] = None
                elif since is None:
                    each.missed[name] = self.now
                elif self.now - since >= _KEPT:
                    del each.missed[name]
            if not each.missed:
                self.holds.remove(each)

    def check_register(self, *, is_away: bool) -> None:
        """Nobody's hold ends by itself; and every sign that is there is registered."""
        with self.world.book() as book:
            registered = book.holds.all()
        ids = {each.id for each in registered}
        assert {each.id for each in self.holds} <= ids
        found = [each for each in registered if each.id not in {mine.id for mine in self.holds}]
        known = {name for each in self.holds for name in (*each.missed, *each.conversation)}
        bearing = {name for name in _MAIL if self.bears_sign(name)}
        assert is_away or len(found) == len(bearing - known)
        for each, name in zip(self.by_name(found), sorted(bearing - known), strict=is_away is False):
            self.holds.append(Hold(each, {name: None}))

    def by_name(self, found: list[object]) -> list[str]:
        """The ids of holds that were found by their sign, in the order of their messages' names."""
        with self.world.book() as book:
            marker = self.world.estate(book).marker
        names = {marker.message(f"{name}@x.example"): name for name in _MAIL}
        pairs = [(names[each.signs[0].mark], each.id) for each in found]  # type: ignore[attr-defined]
        return [id for _, id in sorted(pairs)]


@given(_steps)
@settings(
    max_examples=40 if settings.default.max_examples == 100 else settings.default.max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_what_is_held_is_never_destroyed_and_no_hold_ends_by_itself(
    steps: list[tuple[str, str] | tuple[str, str, str] | tuple[str, int] | tuple[str, bool]],
) -> None:
    """Signs set and taken, holds set and released, mail moved, the server away, any number of nights."""
    with tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None) as directory:
        tale = Tale(World(Path(directory), limits=Limits(unforeseen=1000)))
        for what, *more in steps:
            match what:
                case "hold conversation":
                    tale.hold(str(more[0]), is_conversation=True)
                case _:
                    getattr(tale, what)(*more)
        tale.away(False)
        tale.sweep(1)
        with tale.world.book() as book:
            book.verify()
