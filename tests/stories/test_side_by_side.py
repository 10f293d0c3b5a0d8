"""Mailboxes swept side by side: the same end as one after the other, and never more at once than allowed."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from retentiond.crew import ONE_BY_ONE, Crew, SideBySide
from retentiond.errors import StrayLost
from retentiond.mailbox.secret import Secret
from retentiond.sweep import Report, sweep
from tests.stories.small_world import ADVISORS, CUTOFF, HELPLINES, LINE, NOW, World, mail

TOGETHER = SideBySide({}, 4)


def furnished(directory: Path) -> World:
    """Both advisors have answered the same letters, and both helplines have mail that is due."""
    directory.mkdir()
    world = World(directory)
    for name in ADVISORS:
        for number in range(40):
            received = CUTOFF + timedelta(hours=number)
            world.put(name, "Sent", mail(LINE, f"answer-{number}"), received)
    for name in HELPLINES:
        for number in range(30):
            world.put(name, "INBOX", mail("writer@post.example", f"{name}-{number}"), CUTOFF - timedelta(1))
    world.arm_all()
    return world


def swept(world: World, crew: Crew) -> Report:
    with world.book() as book:
        return sweep(world.estate(book), book, world.directory, NOW, crew=crew)


def test_the_report_and_the_end_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    alone, together = furnished(tmp_path / "alone"), furnished(tmp_path / "together")
    one, many = swept(alone, ONE_BY_ONE), swept(together, TOGETHER)
    assert one.outcomes == many.outcomes
    assert one.findings == many.findings == ()
    assert alone.state() == together.state()
    with together.book() as book:
        assert book.open_intents() == ()
        book.verify()


def test_an_answer_that_two_advisors_hold_comes_home_once(tmp_path: Path) -> None:
    """They come home in turns: otherwise both would see that it is not there, and add it."""
    for attempt in range(5):
        world = furnished(tmp_path / str(attempt))
        swept(world, TOGETHER)
        assert len(world.contents("line", "Sent")) == 40
        assert not world.contents("ana", "Sent")
        assert not world.contents("ben", "Sent")


def test_as_many_as_allowed_work_at_once_and_no_more() -> None:
    """Four meet at a barrier, so four are at work, and never a fifth. Another server does not wait."""
    barrier, at_work, most, lock = threading.Barrier(5, timeout=30), 0, 0, threading.Lock()

    def work(name: str) -> str:
        nonlocal at_work, most
        with lock:
            at_work += name != "elsewhere"
            most = max(most, at_work)
        barrier.wait()
        with lock:
            at_work -= name != "elsewhere"
        return name

    names = [f"line-{number}" for number in range(4)] + ["elsewhere"]
    crew = SideBySide(dict.fromkeys(names[:4], "one") | {"elsewhere": "two"}, 4)
    assert crew.each(work, [(name, name) for name in names]) == names
    assert most == 4
    narrow = SideBySide({}, 2)
    most = at_work = 0
    barrier = threading.Barrier(2, timeout=30)
    names = [f"line-{number}" for number in range(10)]
    assert narrow.each(work, [(name, name) for name in names]) == names
    assert most == 2


def test_what_stops_everything_stops_what_has_not_begun() -> None:
    begun: list[str] = []

    def work(name: str) -> None:
        begun.append(name)
        raise StrayLost(name, 1)

    with pytest.raises(StrayLost) as lost:
        SideBySide({}, 1).each(work, [(str(number), str(number)) for number in range(50)])
    assert lost.value.target == "0"
    assert len(begun) < 50


def test_one_wrong_password_stays_one_attempt_side_by_side() -> None:
    secret, attempts, lock = Secret(lambda: "wrong"), 0, threading.Lock()

    def log_in(_name: str) -> None:
        nonlocal attempts
        with secret.attempt():
            if secret.is_refused:
                return
            with lock:
                attempts += 1
            secret.is_refused = True

    SideBySide({}, 8).each(log_in, [(str(number), str(number)) for number in range(20)])
    assert attempts == 1
