"""What the watchdog hears: a service that is idle, or does what people ask, lives; a stuck round does not."""

from __future__ import annotations

import grp
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond.asking import Request, Verb
from retentiond.condition import Condition
from retentiond.control import Control
from retentiond.daemon import Daemon
from retentiond.talk import VERSION, Talk
from tests.daemon.listener import Listener, listening
from tests.daemon.night import NIGHTLY, Night
from tests.daemon.test_clock_on_the_wall import EVENING
from tests.stories.small_world import World

BEAT = timedelta(seconds=10)


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(tmp_path / "notify") as found:
        yield found


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    world = World(tmp_path)
    with freeze_time(EVENING, ignore=["retentiond.talk", "retentiond.control"]) as frozen:  # a line is real
        world.arm_all(EVENING)
        yield Night(world, frozen)


def beats(night: Night, listener: Listener, time: timedelta) -> int:
    """How many of the beats within this time the watchdog hears of."""
    listener.hear()
    heard = 0
    for _ in range(time // BEAT):
        night.passes(BEAT)
        heard += "WATCHDOG=1" in listener.hear()
    return heard


def test_a_request_that_takes_an_hour_does_not_silence_it(night: Night, listener: Listener) -> None:
    """A purge of a million messages, beside a service that is well."""
    begun, goes_on = threading.Event(), threading.Event()

    def serve(request: Request, talk: Talk, should_stop: Callable[[], bool]) -> int:
        begun.set()
        goes_on.wait(60)
        return 0

    place = night.world.directory / "control.sock"
    group = grp.getgrgid(os.getgid()).gr_name
    control = Control(place, group, "a file", {"purge": Verb(in_turn=True)}, serve, looks_only=False)
    night.daemon = Daemon(night.service, NIGHTLY, control=control, steady=lambda: night.steady)
    night.daemon.start()
    control.open(lambda: False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(place))
        talk = Talk(line)
        talk.hear(30)
        words = {"verb": "purge", "words": [], "sudo_uid": None, "terminals": [], "columns": 0}
        talk.say(version=VERSION, quiet=False, **words)

        assert begun.wait(30)
        assert night.daemon.is_at_work
        assert beats(night, listener, timedelta(hours=1)) == 360
        goes_on.set()
        assert talk.hear(30) == {"end": 0}
    control.close()
    night.daemon._scheduler.shutdown()


def test_a_round_that_is_stuck_is_not_kept_alive_by_a_free_thread(night: Night, listener: Listener) -> None:
    """Its last word is its last sign of progress; after ten minutes systemd ends it."""
    stuck, goes_on = threading.Event(), threading.Event()

    def hangs(condition: Condition, now: datetime) -> Condition:
        if condition.round is not None:  # and not between two rounds
            stuck.set()
            goes_on.wait(60)
        return condition

    night.service = replace(night.service, tell=hangs)
    night.daemon = Daemon(night.service, NIGHTLY, steady=lambda: night.steady)
    night.daemon.start()
    assert beats(night, listener, timedelta(minutes=5)) == 30
    night.passes(timedelta(hours=6))
    assert stuck.wait(30)
    assert beats(night, listener, timedelta(minutes=15)) == 0
    goes_on.set()
    assert night.daemon._idle.wait(30)
    assert beats(night, listener, timedelta(minutes=5)) == 30
    night.daemon._scheduler.shutdown()
