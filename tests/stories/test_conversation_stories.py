"""By conversation (P1): an email and the responses to it go together, on every kind of server.

Told through the World class, as the other stories are; a further backend joins by a World of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from retentiond.core.model import Role
from tests.servers.seed import Seed, letter
from tests.stories.test_stories import ground, helpline  # noqa: F401 — fixtures
from tests.stories.world import IDENTITY, World, cutoff

BY_CONVERSATION = '[policy]\nclock = "conversation"\n'
WRITER = "writer@post.example"


def asked(name: str, days: int, answers: Sequence[str] = ()) -> Seed:
    """From outside, received so many days after the cutoff (before it, if negative)."""
    content = letter(f"{name}@post.example", sender=WRITER, references=answers)
    return Seed(content, cutoff() + timedelta(days=days, hours=3))


def answered(name: str, days: int, of: str) -> Seed:
    """The helpline's answer."""
    content = letter(f"{name}@relay.example", sender=IDENTITY, recipient=WRITER, in_reply_to=of)
    return Seed(content, cutoff() + timedelta(days=days, hours=3))


def test_a_conversation_falls_due_by_the_latest_of_it(helpline: World) -> None:  # noqa: F811
    """Across inbox, Sent, bin and an advisor's own folder; what nobody answers goes on its own day."""
    alive = [asked("q1", -60), asked("q3", 40, ["a2@relay.example"])]
    home = [answered("a1", -50, "q1@post.example")]
    astray = answered("a2", -30, "a1@relay.example")
    deleted = [asked("q2", -45, ["a1@relay.example"])]
    over = [asked("o1", -60), asked("o2", -10, ["o1@post.example"]), asked("alone", -5)]
    gone_astray = answered("b1", -20, "o1@post.example")
    too_old = asked("ancient", -300, ["q1@post.example"])
    helpline.seed(helpline.line, Role.INBOX, [*alive, *over, too_old])
    helpline.seed(helpline.line, Role.SENT, home)
    helpline.seed(helpline.line, Role.TRASH, deleted)
    helpline.seed(helpline.ana, Role.SENT, [astray, gone_astray])
    assert helpline.counts() == {"line": (7, 0), "ana": (2, 0)}

    helpline.write_configuration(BY_CONVERSATION)
    assert helpline.counts() == {"line": (4, 0), "ana": (1, 1)}
    told = [row for row in helpline.json("audit")["rows"] if "conversation" in row["reason"]]
    assert sum(row["count"] for row in told) == 3
    assert all(row["oldest"] for row in told)
    helpline.arm()
    assert helpline.run("sweep") == 0, helpline.complaints
    assert helpline.counts() == {"line": (0, 0), "ana": (0, 0)}
    assert Counter(helpline.mail(helpline.line, Role.INBOX)) == Counter(map(helpline.seen, alive))
    assert Counter(helpline.mail(helpline.line, Role.TRASH)) == Counter(map(helpline.seen, deleted))
    expected = Counter(map(helpline.seen, [*home, astray]))
    assert Counter(helpline.mail(helpline.line, Role.SENT)) == expected
    assert helpline.mail(helpline.ana, Role.SENT) == []
    assert helpline.run("sweep") == 0
    assert Counter(helpline.mail(helpline.line, Role.SENT)) == expected, "brought home once"
    helpline.check_book()


def test_many_due_are_compared_with_all_that_is_not(helpline: World) -> None:  # noqa: F811
    """Beyond a bound the server is not asked name by name; the end is the same."""
    old = [asked(f"q{n}", -30) for n in range(90)]
    kept = [answered(f"a{n}", 9, f"q{n}@post.example") for n in range(0, 90, 3)]
    helpline.seed(helpline.line, Role.INBOX, old)
    helpline.seed(helpline.line, Role.SENT, kept)
    helpline.write_configuration(BY_CONVERSATION)
    helpline.arm()
    assert helpline.run("sweep") == 0, helpline.complaints
    assert Counter(helpline.mail(helpline.line, Role.INBOX)) == Counter(map(helpline.seen, old[::3]))
    assert helpline.counts()["line"] == (0, 0)


def test_who_keeps_less_long_must_be_armed_again(helpline: World) -> None:  # noqa: F811
    """A longer keeping is no surprise; back to the message, or a shorter `longest`, takes more."""
    helpline.seed(helpline.line, Role.INBOX, [asked("q1", -60), asked("q2", 3, ["q1@post.example"])])
    helpline.arm()
    helpline.write_configuration(BY_CONVERSATION)
    assert helpline.run("sweep") == 0, "armed by message: by conversation nothing goes that would have stayed"
    helpline.arm()
    helpline.write_configuration(BY_CONVERSATION + 'longest = "18 months"\n')
    assert helpline.run("sweep") == 0
    for less in ('clock = "conversation"\nlongest = "7 months"\n', ""):
        helpline.write_configuration("[policy]\napprovers = 1\n" + less)
        assert helpline.run("sweep") == 1
        assert "not armed" in helpline.printed[-1] + helpline.complaints
    assert len(helpline.mail(helpline.line, Role.INBOX)) == 2
    helpline.arm()
    assert helpline.run("sweep") == 0
    assert len(helpline.mail(helpline.line, Role.INBOX)) == 1


@pytest.mark.parametrize("number", ["References: <root@x.example>\r\n", ""])
def test_a_message_without_a_number_of_its_own(helpline: World, number: str) -> None:  # noqa: F811
    """It belongs where its parents are; without any it stands alone."""
    plain = letter("nameless@post.example", sender=WRITER)
    head = [line for line in plain.split(b"\r\n") if not line.lower().startswith(b"message-id")]
    content = number.encode() + b"\r\n".join(head)
    helpline.seed(helpline.line, Role.INBOX, [Seed(content, cutoff() - timedelta(days=9))])
    helpline.seed(helpline.line, Role.SENT, [answered("a1", 9, "root@x.example")])
    helpline.write_configuration(BY_CONVERSATION)
    assert helpline.counts()["line"] == ((0, 0) if number else (1, 0))
