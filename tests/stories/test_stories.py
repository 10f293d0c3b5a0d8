"""The promise kept from the first audit to the verified ledger, on every kind of server (P1, P2, P3, P8).

Each story is told once and runs unchanged on a real Dovecot and on the stand-in Exchange; what rests on an
ability that IMAP servers alone have or lack runs on Dovecot only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from retentiond.core.model import Role
from tests.servers.seed import Seed, letter, stream
from tests.servers.settings import capability_without
from tests.stories.exchange_world import Office
from tests.stories.graph_world import Cloud
from tests.stories.real_world import Helpline
from tests.stories.world import HELD, LONDON, World, cutoff, private, reply


@dataclass(frozen=True)
class Ground:
    """Where a story is told, and with how much mail."""

    kind: str
    many: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    login: str = "master"


def dovecot(name: str = "dovecot", many: int = 0, login: str = "master", **options: Any) -> Any:
    ground = Ground("dovecot", many, options, login)
    return pytest.param(ground, id=name, marks=pytest.mark.dovecot)


def exchange(many: int = 0) -> Any:
    return pytest.param(Ground("exchange", many), id="exchange")


def graph(many: int = 0) -> Any:
    return pytest.param(Ground("graph", many), id="graph")


@pytest.fixture(params=[dovecot(), exchange(), graph()])
def ground(request: pytest.FixtureRequest) -> Ground:
    """Every kind of server, unless a story names its grounds."""
    told: Ground = request.param
    return told


@pytest.fixture
def helpline(ground: Ground, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One helpline and one advisor, on the ground that is asked for. Nothing written holds the canary."""
    story: World
    if ground.kind == "exchange":
        story = Office(request.getfixturevalue("exchange"), tmp_path)
        story.narrow()
    elif ground.kind == "graph":
        story = Cloud(request.getfixturevalue("graph"), tmp_path)
    else:
        server = request.getfixturevalue("dovecot_factory")(**ground.options)
        line, ana = server.new_user("line"), server.new_user("ana")
        story = Helpline(server, tmp_path, line, ana, login=ground.login)
    yield story
    story.no_canary()


@pytest.mark.parametrize(
    "ground",
    [
        dovecot("dovecot-in-utc", 10_000, zone="UTC"),
        dovecot("dovecot-in-tokyo", 10_000, zone="Asia/Tokyo"),
        exchange(1_000),
        graph(1_000),
    ],
    indirect=True,
)
def test_thousands_of_messages_over_two_years(ground: Ground, helpline: World) -> None:
    """Audit, arm, sweep, audit again: nothing is due, and not one message went before its day."""
    now = datetime.now(UTC)
    edge = cutoff()
    spread = list(stream(ground.many, now - timedelta(days=730), now - timedelta(minutes=5)))
    eve = edge.astimezone(LONDON).date() - timedelta(days=1)
    boundary = [
        Seed(letter(f"edge{n}@post.example"), datetime.combine(day, at, LONDON).astimezone(UTC), ())
        for n, (day, at) in enumerate(
            (day, at) for day in (eve, eve + timedelta(days=1)) for at in (time(0, 30), time(23, 30))
        )
    ]
    inbox, sent = ground.many * 7 // 10, ground.many * 9 // 10
    everything = {
        Role.INBOX: spread[:inbox] + boundary,
        Role.SENT: spread[inbox:sent],
        Role.TRASH: spread[sent:],
    }
    for folder, messages in everything.items():
        helpline.seed(helpline.line, folder, messages)
    due = sum(each.received < edge for messages in everything.values() for each in messages)

    assert helpline.counts()["line"] == (due, 0)
    helpline.arm()
    assert helpline.run("sweep") == 0, helpline.complaints
    assert helpline.counts()["line"] == (0, 0)
    for folder, messages in everything.items():
        left = Counter(helpline.mail(helpline.line, folder))
        assert left == Counter(helpline.seen(each) for each in messages if each.received >= edge)
    assert helpline.run("ledger", "verify") == 0
    assert helpline.run("sweep") == 0
    helpline.check_book()


@pytest.mark.parametrize(
    "ground",
    [
        dovecot("dovecot-multiappend", 1000),
        dovecot("dovecot-mdbox", 150, store="mdbox"),
        dovecot("dovecot-copy", 1000, login="shared"),
        dovecot(
            "dovecot-plain",
            150,
            capability=capability_without("MULTIAPPEND", "ESEARCH", "ESORT", "WITHIN", "LITERAL+"),
        ),
        exchange(60),
        graph(60),
    ],
    indirect=True,
)
def test_a_thousand_strays_come_home_once_each(ground: Ground, helpline: World) -> None:
    """Same content, date, flags; a pair with one Message-ID and two texts; one with a twin at home."""
    many = ground.many
    recent = cutoff() + timedelta(days=2)
    kinds = [("\\Seen",), (), ("\\Seen", "\\Answered"), ("\\Flagged", "$Forwarded"), ("\\Seen", HELD)]
    strays = [reply(n, recent + timedelta(minutes=7 * n), kinds[n % 5]) for n in range(many - 3)]
    strays += [reply(9000, recent, text="one answer\r\n"), reply(9000, recent, text="another answer\r\n")]
    twin = reply(9001, recent + timedelta(days=1))
    strays.append(twin)
    own = private(many)
    helpline.seed(helpline.ana, Role.SENT, strays[: many // 2] + own + strays[many // 2 :])
    helpline.seed(helpline.line, Role.SENT, [twin])

    helpline.arm()
    assert helpline.run("sweep") == 0, helpline.complaints
    assert Counter(helpline.mail(helpline.line, Role.SENT)) == Counter(map(helpline.seen, strays))
    assert Counter(helpline.mail(helpline.ana, Role.SENT)) == Counter(map(helpline.seen, own))
    assert helpline.counts() == {"line": (0, 0), "ana": (0, 0)}
    assert helpline.run("ledger", "verify") == 0
    helpline.check_book()


def test_an_overdue_stray_is_destroyed_where_it_lies_and_a_held_one_goes_home(helpline: World) -> None:
    old = cutoff() - timedelta(days=10)
    held = reply(2, old, ("\\Seen", HELD))
    helpline.seed(helpline.ana, Role.SENT, [reply(1, old), held])
    helpline.seed(helpline.ana, Role.TRASH, [reply(3, old)])
    helpline.arm()
    assert helpline.run("sweep") == 0
    assert helpline.mail(helpline.ana, Role.SENT) == []
    assert helpline.mail(helpline.ana, Role.TRASH) == []
    assert helpline.mail(helpline.line, Role.SENT) == [helpline.seen(held)]
    assert helpline.run("sweep") == 0
    assert helpline.mail(helpline.line, Role.SENT) == [helpline.seen(held)], "a hold never ends by itself"


@pytest.mark.parametrize("ground", [dovecot("dovecot-lazy-expunge", lazy_expunge=True)], indirect=True)
def test_a_server_that_keeps_copies_is_found_out_at_arming(helpline: World) -> None:
    """Nothing is called destroyed that the server still has (disaster 2)."""
    due = Seed(letter("due@post.example"), cutoff() - timedelta(days=9))
    helpline.seed(helpline.line, Role.INBOX, [due])
    assert helpline.run("arm", "line", "--destroy", "1") == 0
    assert "keeps copies" in helpline.printed[-1]
    assert helpline.run("sweep", "--only", "line") == 1
    assert "removed, the server keeps a copy" in helpline.printed[-1]
    assert "destroyed" not in helpline.printed[-1].replace("not yet destroyed", "")


def test_nothing_is_marked_read_by_an_audit(helpline: World) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    unread = [Seed(letter(f"new{n}@post.example"), now, ()) for n in range(5)]
    helpline.seed(helpline.line, Role.INBOX, unread)
    assert helpline.run("audit") == 0
    assert helpline.run("check") == 0, helpline.complaints
    assert Counter(helpline.mail(helpline.line, Role.INBOX)) == Counter(map(helpline.seen, unread))


def test_an_answer_from_the_advisors_own_address_comes_home_by_its_thread(helpline: World) -> None:
    """Only where the policy asks for it, and only what answers somebody outside (P3)."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    writer, mine = "writer@post.example", helpline.address(helpline.ana)
    question = Seed(letter("question@post.example", sender=writer), now)
    answer = Seed(
        letter("a1@relay.example", sender=mine, recipient=writer, in_reply_to="question@post.example"), now
    )
    follow_up = Seed(
        letter("a2@relay.example", sender=mine, recipient=writer, references=["a1@relay.example"]), now
    )
    aside = Seed(
        letter("a3@relay.example", sender=mine, recipient="colleague@relay.example",
               in_reply_to="question@post.example"), now
    )  # fmt: skip
    helpline.seed(helpline.line, Role.INBOX, [question])
    helpline.seed(helpline.ana, Role.SENT, [follow_up, aside, answer])
    assert helpline.counts()["ana"] == (0, 0)
    helpline.write_configuration("[policy]\nby_thread = true\n")
    assert helpline.counts()["ana"] == (0, 2)
    helpline.arm()
    assert helpline.run("sweep") == 0, helpline.complaints
    expected = Counter([helpline.seen(answer), helpline.seen(follow_up)])
    assert Counter(helpline.mail(helpline.line, Role.SENT)) == expected
    assert helpline.mail(helpline.ana, Role.SENT) == [helpline.seen(aside)]


def test_what_else_keeps_copies_is_told_at_the_end_of_every_report(helpline: World) -> None:
    """The administrator's own declaration, word for word, in text and in JSON."""
    sentences = [
        "Also kept elsewhere, outside our reach: nightly backup, for 30 days.",
        "Also kept elsewhere, outside our reach: web-chat provider, for 1 month.",
    ]
    assert helpline.json("audit")["elsewhere"] == []
    helpline.write_configuration(
        '[[elsewhere]]\nwhat = "nightly backup"\nkept = "30 days"\n'
        '[[elsewhere]]\nwhat = "web-chat provider"\nkept = "1 month"\n'
    )
    for command in ("audit", "sweep"):
        assert helpline.run(command) == 0, helpline.complaints
        assert helpline.printed[-1].splitlines()[-2:] == sentences
        assert [each["sentence"] for each in helpline.json(command)["elsewhere"]] == sentences
