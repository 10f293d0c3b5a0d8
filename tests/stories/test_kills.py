"""SIGKILL at any moment, then a sweep: none lost, none doubled, none early, no open intent (disaster 1)."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from retentiond.core.model import Role
from tests.killed import is_killed_after
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, letter
from tests.stories.real_world import Helpline
from tests.stories.world import cutoff, private, reply


@dataclass
class Scene:
    """A helpline with strays and due mail, and what it must look like in the end."""

    story: Helpline
    strays: list[Seed]
    own: list[Seed]
    kept: list[Seed]

    def check(self) -> None:
        """The end that an undisturbed sweep would have come to."""
        story = self.story
        assert Counter(story.mail(story.line, Role.SENT)) == Counter(map(story.seen, self.strays))
        assert Counter(story.mail(story.ana, Role.SENT)) == Counter(map(story.seen, self.own))
        assert Counter(story.mail(story.line, Role.INBOX)) == Counter(map(story.seen, self.kept))
        story.check_book()


def scene(factory: DovecotFactory, directory: Path, many: int) -> Scene:
    """`many` strays among as many messages of the advisor's own; half as many due at the helpline."""
    server = factory()
    story = Helpline(server, directory, server.new_user("line"), server.new_user("ana"))
    edge = cutoff()
    strays = [
        reply(n, edge + timedelta(days=2, minutes=n), ("\\Seen",) if n % 4 else ()) for n in range(many - 2)
    ]
    strays += [reply(9000, edge + timedelta(days=3), text=f"answer {n}\r\n") for n in (1, 2)]
    own = private(many)
    kept = [
        Seed(letter(f"new{n}@post.example"), edge + timedelta(hours=30 + n), ()) for n in range(many // 4)
    ]
    due = [Seed(letter(f"old{n}@post.example"), edge - timedelta(hours=30 + n), ()) for n in range(many // 2)]
    story.seed(story.ana, Role.SENT, [each for pair in zip(strays, own, strict=True) for each in pair])
    story.seed(story.line, Role.INBOX, kept + due)
    story.arm()
    return Scene(story, strays, own, kept)


def _kill_often(factory: DovecotFactory, directory: Path, times: int, many: int) -> int:
    chance = random.Random(20261122)
    measured = scene(factory, directory / "measured", many)
    is_killed_after(measured.story.config, 0)  # the process that forks is up from here on
    assert measured.story.run("audit") == 0
    begun = time.monotonic()
    assert not is_killed_after(measured.story.config, 60)
    whole = time.monotonic() - begun
    measured.check()
    kills = 0
    for number in range(times):
        (directory / str(number)).mkdir()
        disturbed = scene(factory, directory / str(number), many)
        delay = chance.uniform(0.02, whole)
        if is_killed_after(disturbed.story.config, delay):
            kills += 1
        else:
            whole = delay  # it was measured on a busier machine
        assert disturbed.story.run("sweep") == 0, disturbed.story.complaints
        disturbed.check()
    return kills


def test_killed_at_fifteen_moments(dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    (tmp_path / "measured").mkdir()
    assert _kill_often(dovecot_factory, tmp_path, 15, 40) >= 5, "kills must meet a sweep at work"


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_thousand_strays_killed_at_two_hundred_moments(
    dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    (tmp_path / "measured").mkdir()
    kills = _kill_often(dovecot_factory, tmp_path, 200, 1000)
    print(f"200 runs, {kills} killed at work: none lost, none doubled, none early, no open intent")
    assert kills >= 150
