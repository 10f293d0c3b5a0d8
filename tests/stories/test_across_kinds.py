"""The helpline on one kind of server, its advisors on another: replies come home all the same (P3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from itertools import permutations
from pathlib import Path

import pytest

from retentiond.core.model import Role
from retentiond.mailbox.likeness import likeness
from tests.servers.canary import CANARY
from tests.servers.graph import Graph
from tests.servers.seed import Seed
from tests.stories.across_world import Across
from tests.stories.exchange_world import HOLD_CATEGORY, Office
from tests.stories.graph_world import Cloud
from tests.stories.real_world import Helpline
from tests.stories.world import HELD, IDENTITY, Seen, World, cutoff, private, reply

KINDS = ("dovecot", "exchange", "graph")
#: How each kind of server says what a keyword or a category says on the other.
SIGNS = {
    "dovecot": {HELD: HELD},
    "exchange": {HELD: HOLD_CATEGORY},
    "graph": {HELD: HOLD_CATEGORY},
}


def world_of(kind: str, request: pytest.FixtureRequest, directory: Path) -> World:
    """A helpline and an advisor on one kind of server."""
    if kind == "exchange":
        return Office(request.getfixturevalue("exchange"), directory)
    if kind == "graph":
        return Cloud(request.getfixturevalue("graph"), directory)
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
    assert left == Counter(across.advisors.seen(each) for each in own)
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
    came = seed if kinds[0] != "dovecot" else stray
    assert across.parts(across.line, Role.SENT) == [at_home(came, kinds[0])]
    assert across.mail(across.ana, Role.SENT) == []
    across.check_book()


def formatted(number: int, *, inner: str = "") -> bytes:
    """A reply as mail clients write it: text beside HTML, in an old encoding, with a file; `inner` makes the
    file a message of its own."""
    mime = EmailMessage(policy=SMTP)
    mime["From"], mime["To"] = IDENTITY, "writer@post.example"
    mime["Date"] = "Thu, 19 Nov 2026 10:00:00 +0000"
    mime["Message-ID"] = f"<formatted{number}@relay.example>"
    mime["In-Reply-To"] = "<asked@post.example>"
    mime["Subject"] = f"{CANARY}: Grüße"
    mime.set_content(f"Grüße, {CANARY}\r\n", charset="iso-8859-1")
    mime.add_alternative(f"<p>Gr\u00fc\u00dfe, {CANARY}</p>\r\n", subtype="html", charset="iso-8859-1")
    if inner:
        within = EmailMessage(policy=SMTP)
        within["Subject"] = inner
        within.set_content(inner)
        mime.add_attachment(within)
    else:
        mime.add_attachment(
            b"\x00\xff" * 500, maintype="application", subtype="pdf", filename=f"{CANARY}.pdf"
        )
    return mime.as_bytes()


def test_what_mail_clients_write_comes_home_whole(across: Across, kinds: tuple[str, str]) -> None:
    """HTML with text beside it, an old encoding, an attachment; by parcel where both servers know parcels."""
    now = datetime.now(UTC).replace(microsecond=0)
    seeds = [Seed(formatted(n), now - timedelta(days=n), ("\\Seen",)) for n in range(3)]
    across.seed(across.ana, Role.SENT, seeds)
    across.arm()
    assert across.run("sweep") == 0, across.complaints
    assert Counter(across.parts(across.line, Role.SENT)) == Counter(at_home(each, kinds[0]) for each in seeds)
    across.check_book()


@pytest.mark.parametrize("kinds", [("graph", "dovecot")], indirect=True, ids=["graph-from-dovecot"])
def test_what_cannot_be_said_whole_stays_and_keeps_no_other(across: Across) -> None:
    """A message within the reply: nothing of it is stored, it is a finding, and the others come home."""
    now = datetime.now(UTC).replace(microsecond=0)
    odd = Seed(formatted(1, inner=CANARY), now - timedelta(days=2), ("\\Seen",))
    others = [reply(n, now - timedelta(days=1 + n)) for n in range(5)]
    across.seed(across.ana, Role.SENT, [*others[:2], odd, *others[2:]])
    across.arm()
    assert across.run("sweep") == 1
    assert "1 item in sent not destroyed: no way leads" in across.complaints
    assert across.mail(across.ana, Role.SENT) == [across.advisors.seen(odd)]
    assert Counter(across.parts(across.line, Role.SENT)) == Counter(at_home(each, "graph") for each in others)
    assert not any(item.is_draft for _, item in across.line.items())
    across.check_book()


@pytest.mark.parametrize("kinds", [("graph", "exchange")], indirect=True, ids=["graph-from-exchange"])
def test_a_parcel_of_another_exchange_is_imported_where_the_cloud_takes_it(
    across: Across, graph: Graph
) -> None:
    """Then nothing is written anew: not even a message within the message is in the way."""
    graph.switches.takes_foreign_streams = True
    now = datetime.now(UTC).replace(microsecond=0)
    odd = Seed(formatted(1, inner=CANARY), now - timedelta(days=2), ("\\Seen",))
    across.seed(across.ana, Role.SENT, [odd])
    across.arm()
    assert across.run("sweep") == 0, across.complaints
    assert across.parts(across.line, Role.SENT) == [at_home(odd, "graph")]
    assert across.mail(across.ana, Role.SENT) == []


def test_check_says_by_which_way_replies_go_home(across: Across, kinds: tuple[str, str]) -> None:
    across.run("check")
    told = across.printed[-1]
    assert "ana: way to line: " in told
    words = {"dovecot": "as the MIME", "exchange": "as MIME", "graph": "written anew"}
    assert words[kinds[0]] in told
