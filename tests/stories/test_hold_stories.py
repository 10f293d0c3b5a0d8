"""Holds on real servers, from the command line to the mail program and back (P6).

Each story is told once, on Dovecot, on the stand-in Exchange and on the stand-in Microsoft 365. What is typed
at the prompt holds the canary, and is in nothing that is said or written.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retentiond.core.model import Role
from tests.servers.client import signed_in
from tests.servers.graph import Graph
from tests.servers.seed import CANARY, Seed, letter
from tests.stories.exchange_world import HOLD_CATEGORY, Office
from tests.stories.graph_world import Cloud
from tests.stories.real_world import FOLDERS, Helpline
from tests.stories.world import HELD, IDENTITY, World, cutoff

OLD = cutoff() - timedelta(days=10)
HELD_ID, DUE_ID, REPLY_ID = (f"{CANARY}-{name}@post.example" for name in ("held", "due", "reply"))


def inbound(message_id: str) -> Seed:
    return Seed(letter(message_id), OLD, ("\\Seen",))


def answer(message_id: str, to: str) -> Seed:
    return Seed(letter(message_id, sender=IDENTITY, in_reply_to=to, references=(to,)), OLD, ("\\Seen",))


@dataclass(frozen=True)
class Client:
    """What somebody does in a mail program to all that lies in a folder of the helpline."""

    world: World

    def set_sign(self, folder: Role, mailbox: Any = None) -> None:
        self._mark(folder, mailbox or self.world.line, is_held=True)

    def take_sign(self, folder: Role, mailbox: Any = None) -> None:
        self._mark(folder, mailbox or self.world.line, is_held=False)

    def _mark(self, folder: Role, mailbox: Any, *, is_held: bool) -> None:
        if isinstance(self.world, Office | Cloud):
            at = mailbox.folder({Role.INBOX: "inbox", Role.SENT: "sentitems"}[folder])
            for item in at.items():
                at.mark(item.id, categories=(HOLD_CATEGORY,) if is_held else ())
            return
        assert isinstance(self.world, Helpline)
        with signed_in(self.world.server, mailbox) as client:
            client.select_folder(FOLDERS[folder])
            deed = client.add_flags if is_held else client.remove_flags
            deed(client.search(), [HELD])

    def signs(self, folder: Role, mailbox: Any = None) -> int:
        """How many there show it."""
        shown = self.world.mail(mailbox or self.world.line, folder)
        sign = (HELD if isinstance(self.world, Helpline) else HOLD_CATEGORY).lower().encode()
        return sum(sign in {flag.lower() for flag in each.flags} for each in shown)


@pytest.fixture(params=[pytest.param("dovecot", marks=pytest.mark.dovecot), "exchange", "graph"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    story: World
    if request.param == "exchange":
        story = Office(request.getfixturevalue("exchange"), tmp_path)
        story.narrow()
    elif request.param == "graph":
        story = Cloud(request.getfixturevalue("graph"), tmp_path)
    else:
        server = request.getfixturevalue("dovecot_factory")()
        story = Helpline(server, tmp_path, server.new_user("line"), server.new_user("ana"))
    yield story
    story.check_book()


def typing(world: World, typed: str, *words: str) -> int:
    """A command that reads one line from its standard input."""
    before, sys.stdin = sys.stdin, io.StringIO(typed + "\n")
    try:
        return world.run(*words)
    finally:
        sys.stdin = before


def add(world: World, message_id: str, *more: str, name: str = "line") -> str:
    """Holds by the command; the id of the hold."""
    typed = f"<{message_id}>"
    code = typing(world, typed, "hold", "add", name, "--ground", "child-at-risk", *more)
    assert code == 0, world.complaints
    [id] = re.findall(r"^Hold (\w{6}) of line: child at risk", world.printed[-1], re.M)
    return str(id)


def holds(world: World) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = world.json("hold", "list")["holds"]
    return told


def findings(world: World) -> list[str]:
    return [line for line in world.complaints.splitlines() if line.startswith("! ")]


def count(world: World, folder: Role, mailbox: Any = None) -> int:
    return len(world.mail(mailbox or world.line, folder))


def test_a_hold_by_command_is_seen_in_every_mail_program_and_wins(world: World) -> None:
    """Held, swept, listed, reviewed, released, swept: it goes then and not before."""
    client = Client(world)
    world.seed(world.line, Role.INBOX, [inbound(HELD_ID), inbound(DUE_ID)])
    before = world.parts(world.line, Role.INBOX)
    id = add(world, HELD_ID)
    assert client.signs(Role.INBOX) == 1
    world.arm()
    assert world.run("sweep") == 0, world.complaints
    assert findings(world) == []
    assert "Holds: 1 (child at risk 1)." in world.printed[-1]
    [left] = world.parts(world.line, Role.INBOX)
    assert (left.digest, left.received) in {(each.digest, each.received) for each in before}
    [listed] = holds(world)
    assert (listed["id"], listed["ground"], listed["items"]) == (id, "child-at-risk", 1)
    until = str((OLD + timedelta(days=400)).date())
    assert world.run("hold", "review", id, "--until", until, "--ground", "legal-claim") == 0, world.complaints
    assert (holds(world)[0]["ground"], holds(world)[0]["review"]) == ("legal-claim", until)
    assert world.json("sweep")["holds"]["by_ground"] == {"legal-claim": 1}
    assert world.run("hold", "release", id) == 0, world.complaints
    assert (client.signs(Role.INBOX), holds(world)) == (0, [])
    assert world.counts()["line"] == (1, 0)
    assert world.run("sweep") == 0, world.complaints
    assert count(world, Role.INBOX) == 0


def test_a_sign_set_in_a_mail_program_is_registered_and_completed(world: World) -> None:
    client = Client(world)
    world.seed(world.line, Role.INBOX, [inbound(HELD_ID)])
    client.set_sign(Role.INBOX)
    world.arm()
    assert holds(world) == [], "an audit and an arming write no hold"
    assert world.run("sweep") == 0
    [said] = findings(world)
    assert "known by the sign alone" in said
    [found] = holds(world)
    assert (found["ground"], found["by"]) == ("not-stated", "sign")
    until = str((OLD + timedelta(days=400)).date())
    world.run("hold", "review", found["id"], "--until", until, "--ground", "consent")
    assert world.run("sweep") == 0
    assert findings(world) == []
    assert [each["id"] for each in holds(world)] == [found["id"]]
    assert (count(world, Role.INBOX), client.signs(Role.INBOX)) == (1, 1)


def test_a_sign_taken_away_in_a_mail_program_is_a_finding_and_nothing_goes_yet(world: World) -> None:
    client = Client(world)
    world.seed(world.line, Role.INBOX, [inbound(HELD_ID)])
    add(world, HELD_ID)
    world.arm()
    world.run("sweep")
    client.take_sign(Role.INBOX)
    for _ in range(2):
        assert world.run("sweep") == 0
        [said] = findings(world)
        assert "lost their sign" in said
    assert count(world, Role.INBOX) == 1
    client.set_sign(Role.INBOX)
    assert world.run("sweep") == 0
    assert findings(world) == []
    assert [each["ground"] for each in holds(world)] == ["child-at-risk"]


def test_a_hold_on_a_conversation_covers_the_answers(world: World) -> None:
    world.seed(world.line, Role.INBOX, [inbound(HELD_ID), inbound(DUE_ID)])
    world.seed(world.line, Role.SENT, [answer(REPLY_ID, HELD_ID), answer(f"x{REPLY_ID}", DUE_ID)])
    id = add(world, REPLY_ID, "--conversation")
    world.arm()
    assert world.run("sweep") == 0, world.complaints
    assert (count(world, Role.INBOX), count(world, Role.SENT)) == (1, 1)
    # One that comes later and is old enough (an import) is covered by what is remembered.
    world.seed(world.line, Role.TRASH, [answer(f"y{REPLY_ID}", REPLY_ID)])
    assert world.run("sweep") == 0, world.complaints
    assert count(world, Role.TRASH) == 1
    assert [each["conversation"] for each in holds(world)] == [True]
    assert world.run("hold", "release", id) == 0, world.complaints
    assert world.run("sweep") == 0, world.complaints
    assert [count(world, each) for each in (Role.INBOX, Role.SENT, Role.TRASH)] == [0, 0, 0]


def test_a_stray_held_by_command_goes_home_held(world: World) -> None:
    if isinstance(world, Cloud):
        pytest.skip(
            "the application that reads an advisor's mailbox may not write there: see the story below"
        )
    client = Client(world)
    world.seed(world.ana, Role.SENT, [answer(REPLY_ID, HELD_ID)])
    private = Seed(letter(REPLY_ID, sender="ana@relay.example"), OLD)
    world.seed(world.ana, Role.SENT, [private])
    id = add(world, REPLY_ID, name="ana")
    assert client.signs(Role.SENT, world.ana) == 1, "of the two with this Message-ID the helpline's alone"
    world.arm()
    for _ in range(2):
        assert world.run("sweep") == 0, world.complaints
        assert findings(world) == []
    assert count(world, Role.SENT, world.ana) == 1
    assert client.signs(Role.SENT) == 1
    assert [each["id"] for each in holds(world)] == [id]


def test_in_the_cloud_an_advisor_holds_a_stray_in_outlook(graph: Graph, tmp_path: Path) -> None:
    """The advisors' application may not set a category (Mail.Read): the command says so and holds nothing."""
    world = Cloud(graph, tmp_path)
    client = Client(world)
    world.seed(world.ana, Role.SENT, [answer(REPLY_ID, HELD_ID)])
    assert typing(world, REPLY_ID, "hold", "add", "ana", "--ground", "other") == 1
    assert "may not open" in world.complaints
    assert holds(world) == []
    client.set_sign(Role.SENT, world.ana)
    world.arm()
    for _ in range(2):
        assert world.run("sweep") == 0, world.complaints
    assert (count(world, Role.SENT, world.ana), client.signs(Role.SENT)) == (0, 1)
    assert [each["by"] for each in holds(world)] == ["sign"]
    world.check_book()


def test_mail_is_held_by_its_correspondent_and_day(world: World) -> None:
    other = Seed(letter(DUE_ID, sender="other@post.example"), OLD)
    mine = Seed(letter(HELD_ID, sender=f"X <{CANARY}@post.example>"), OLD)
    too_old = Seed(letter(f"z{HELD_ID}", sender=f"X <{CANARY}@post.example>"), OLD - timedelta(days=9))
    world.seed(world.line, Role.INBOX, [other, mine, too_old])
    first = str((OLD - timedelta(days=2)).date())
    words = ("hold", "add", "line", "--correspondent", "--from", first, "--ground", "threat-to-staff")
    assert typing(world, f"{CANARY}@POST.example", *words) == 0, world.complaints
    assert "1 item held: inbox 1." in world.printed[-1]
    world.arm()
    assert world.run("sweep") == 0, world.complaints
    [left] = world.mail(world.line, Role.INBOX)
    assert left.digest == world.seen(mine).digest


def test_what_is_not_found_is_said_without_repeating_it(world: World) -> None:
    assert typing(world, HELD_ID, "hold", "add", "line", "--ground", "other") == 1
    assert "nothing there is what was asked for" in world.complaints
    assert holds(world) == []


@pytest.mark.dovecot
def test_two_mail_programs_set_the_keyword(dovecot_factory: Any, tmp_path: Path) -> None:
    """imapclient, and curl, which shares no line of code with it."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed. Type: sudo apt-get install -y --no-install-recommends curl")
    server = dovecot_factory()
    world = Helpline(server, tmp_path, server.new_user("line"), server.new_user("ana"))
    world.seed(world.line, Role.INBOX, [inbound(HELD_ID), inbound(DUE_ID)])
    world.seed(world.line, Role.SENT, [answer(REPLY_ID, HELD_ID)])
    with signed_in(server, world.line) as client:
        client.select_folder("INBOX")
        client.add_flags(client.search(["HEADER", "Message-ID", HELD_ID]), [HELD])
    settings = f'user = "{world.line.name}:{world.line.password}"\ncacert = "{server.ca_file}"\n'
    settings += f'url = "imaps://{server.host}:{server.port}/Sent"\nrequest = "STORE 1 +FLAGS ({HELD})"\n'
    told = subprocess.run([curl, "--silent", "--show-error", "--config", "-"], input=settings.encode())
    assert told.returncode == 0
    world.arm()
    assert world.run("sweep") == 0, world.complaints
    assert (count(world, Role.INBOX), count(world, Role.SENT)) == (1, 1)
    assert [each["by"] for each in holds(world)] == ["sign", "sign"]
    world.check_book()
