"""A lock says who has it, and whoever waits hears of it at once; waiting is bounded, and can be given up."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond.audit import Progress
from retentiond.core.deeds import Result
from retentiond.files import write_private
from retentiond.locks import Holder, Waiting, held
from retentiond.sweep import sweep
from tests.stories.small_world import CUTOFF, NOW, World, mail


@dataclass
class Listener:
    """What somebody who waits was told."""

    began: list[tuple[str, Holder | None]] = field(default_factory=list)
    ended: list[tuple[str, bool]] = field(default_factory=list)
    is_told: threading.Event = field(default_factory=threading.Event)

    def begins(self, name: str, holder: Holder | None) -> None:
        self.began.append((name, holder))
        self.is_told.set()

    def ends(self, name: str, seconds: float, is_had: bool) -> None:
        assert seconds >= 0
        self.ended.append((name, is_had))

    def waiting(self, what: str = "sweep") -> Waiting:
        return Waiting(what, None, self.begins, self.ends)


def test_whoever_waits_hears_for_whom_and_gets_it_when_that_is_over(tmp_path: Path) -> None:
    listener, had = Listener(), []

    def wait() -> None:
        with held(tmp_path, ("line",), 30, listener.waiting()) as names:
            had.append(names)

    with held(tmp_path, ("line",), 0, Waiting("purge", 1001)):
        thread = threading.Thread(target=wait)
        thread.start()
        assert listener.is_told.wait(30)
    thread.join(30)
    assert listener.began == [("line", Holder(os.getpid(), 1001, "purge"))]
    assert (listener.ended, had) == ([("line", True)], [frozenset({"line"})])
    assert (tmp_path / "line.lock").read_bytes() == b""


def test_who_will_not_wait_hears_nothing_and_goes_on_without_it(tmp_path: Path) -> None:
    listener = Listener()
    with (
        held(tmp_path, ("line",)) as first,
        held(tmp_path, ("ana", "line"), 0, listener.waiting()) as second,
    ):
        assert (first, second) == ({"line"}, {"ana"})
    assert (listener.began, listener.ended) == ([], [])


def test_waiting_ends_in_time_or_when_it_is_given_up(tmp_path: Path) -> None:
    listener = Listener()
    given_up = Waiting("round", None, listener.begins, listener.ends, is_over=lambda: True)
    with held(tmp_path, ("line",)):
        with held(tmp_path, ("line",), 0.05, listener.waiting()) as names:
            assert names == frozenset()
        with held(tmp_path, ("line",), 3600, given_up) as names:
            assert names == frozenset()
    assert listener.ended == [("line", False), ("line", False)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff", b'{"pid": 1, "uid": 2}'])
def test_a_holder_that_says_nothing_sensible_is_waited_for_all_the_same(
    tmp_path: Path, content: bytes
) -> None:
    listener = Listener()
    with held(tmp_path, ("line",)):
        (tmp_path / "line.lock").write_bytes(content)
        with held(tmp_path, ("line",), 0.05, listener.waiting()):
            pass
    assert listener.began == [("line", None)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user. Type: sudo ./run test")
def test_a_lock_that_root_made_is_the_services_to_take(tmp_path: Path) -> None:
    os.chown(tmp_path, 41001, 41001)
    with held(tmp_path, ("line",)):
        status = (tmp_path / "line.lock").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (41001, 41001, 0o600)


def test_a_long_sweep_goes_on_though_somebody_entered_something_meanwhile(tmp_path: Path) -> None:
    """A deed an hour into a sweep is entered at its own minute, not an hour before what others entered."""
    world = World(tmp_path)
    for number in range(3):
        received = CUTOFF - timedelta(days=1 + number)
        world.put("line", "INBOX", mail("writer@post.example", str(number)), received)
    world.arm_all()
    with freeze_time(NOW) as frozen, world.book() as book:

        def an_hour_later(_target: str, _count: int) -> None:
            frozen.tick(timedelta(hours=1))
            book.record("asked", {"what": "purge", "who": "uid 1001"}, datetime.now(UTC))

        progress = Progress(done=an_hour_later)
        report = sweep(world.estate(book), book, tmp_path, NOW, progress=progress)
        assert report.count(Result.DONE, Result.REMOVED) == 3
        assert book.open_intents() == ()
        last = book.last_minute()
    assert last is not None
    assert last >= NOW + timedelta(hours=1)


def test_a_sweep_that_waited_long_looks_at_the_clock_as_it_is_then(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.arm_all()
    with freeze_time(NOW) as frozen, world.book() as book, held(tmp_path, ("line",)):

        def begins(_name: str, _holder: Holder | None) -> None:
            frozen.tick(timedelta(minutes=20))

        progress = Progress(waiting=Waiting(begins=begins))
        report = sweep(world.estate(book), book, tmp_path, NOW, wait_seconds=60, progress=progress)
    assert report.plan.made >= NOW + timedelta(minutes=20)
    assert [gap.target for gap in report.plan.gaps] == ["line"]


def test_root_follows_no_link_that_lies_in_the_services_folder(tmp_path: Path) -> None:
    """Root's commands write there for the service, and give it what they write: a link must not make that
    somebody else's file."""
    precious = tmp_path / "shadow"
    precious.write_text("root's own")
    precious.chmod(0o644)
    state = tmp_path / "state"
    state.mkdir()
    (state / "line.lock").symlink_to(precious)
    (state / ".pause.json.new").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"), held(state, ("line",)):
        pass
    with pytest.raises(OSError, match="symbolic links"):
        write_private(state / "pause.json", "{}")
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("root's own", 0o644)
