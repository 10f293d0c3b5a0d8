"""The helpline on one kind of server, its advisors on another: replies come home all the same (P3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from retentiond.core.model import Role
from retentiond.mailbox.likeness import likeness
from tests.servers.seed import Seed
from tests.stories.across_world import Across
from tests.stories.exchange_world import Office
from tests.stories.real_world import Helpline
from tests.stories.world import HELD, Seen, World, cutoff, private, reply

KINDS = ("dovecot", "exchange")
#: How each kind of server says what a keyword or a category says on the other.
SIGNS = {"dovecot": {HELD: HELD}, "exchange": {HELD: "Retention hold"}}


def world_of(kind: str, request: pytest.FixtureRequest, directory: Path) -> World:
    """A helpline and an advisor on one kind of server."""
    if kind == "exchange":
        return Office(request.getfixturevalue("exchange"), directory)
    server = request.getfixturevalue("dovecot")
    return Helpline(server, directory, server.new_user("line"), server.new_user("ana"))


@pytest.fixture(params=[pytest.param(pair, id="-from-".join(pair)) for pair in permutations(KINDS, 2)])
def kinds(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Where the helpline is at home, and where its advisor is."""
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture
def across(kinds: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Across]:
    """The two ends of one configuration. Nothing that was written holds the canary."""
    home, away = (world_of(kind, request, tmp_path / kind) for kind in kinds)
    story = Across(home, away, tmp_path / "across")
    yield story
    story.no_canary()


def at_home(seed: Seed, kind: str) -> Seen:
    """What must stand at home: the parts, the date, the flags; the sign of a hold in the words of home."""
    flags = frozenset(SIGNS[kind].get(flag, flag).encode() for flag in seed.flags)
    return Seen(likeness(seed.content), seed.received, flags)


def test_a_hundred_replies_come_home_once_each(across: Across, kinds: tuple[str, str]) -> None:
    """Read and unread, marked and held; a pair with one Message-ID, and one that stands at home already."""
    now = datetime.now(UTC).replace(microsecond=0)
    flags = [("\\Seen",), (), ("\\Seen", "Important"), (HELD,)]
    strays = [reply(n, now - timedelta(days=n, hours=1), flags[n % 4]) for n in range(97)]
    twin = reply(200, now - timedelta(days=3))
    pair = [reply(201, now - timedelta(days=5), text=text) for text in ("one text\r\n", "another text\r\n")]
    overdue = [reply(300 + n, cutoff() - timedelta(days=9 + n)) for n in range(5)]
    own = private(40)
    across.seed(across.ana, Role.SENT, [*strays, twin, *pair, *overdue, *own])
    across.seed(across.line, Role.SENT, [twin])

    assert across.counts() == {"line": (0, 0), "ana": (5, 100)}
    across.arm()
    assert across.run("sweep") == 0, across.complaints
    home = Counter(across.parts(across.line, Role.SENT))
    assert home == Counter(at_home(each, kinds[0]) for each in (*strays, twin, *pair))
    left = Counter(across.mail(across.ana, Role.SENT))
    assert left == Counter(across.away.seen(each) for each in own)
    assert across.run("sweep") == 0, across.complaints
    assert Counter(across.parts(across.line, Role.SENT)) == home
    across.check_book()


def test_a_category_that_is_no_keyword_comes_home_in_the_nearest_words(
    across: Across, kinds: tuple[str, str]
) -> None:
    """A category of Outlook may have blanks; a keyword of IMAP may not."""
    stray = reply(1, datetime.now(UTC).replace(microsecond=0) - timedelta(days=2), ("\\Seen", "Follow_up"))
    seed = stray if kinds[1] == "dovecot" else replace(stray, flags=("\\Seen", "Follow up"))
    across.seed(across.ana, Role.SENT, [seed])
    across.arm()
    assert across.run("sweep") == 0, across.complaints
    assert across.parts(across.line, Role.SENT) == [at_home(stray, kinds[0])]
    assert across.mail(across.ana, Role.SENT) == []
    across.check_book()
