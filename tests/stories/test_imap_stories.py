"""The promise kept on a real Dovecot, from the first audit to the verified ledger (P1, P2, P3, P8)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, letter, stream
from tests.servers.settings import capability_without
from tests.stories.real_world import IDENTITY, LONDON, Helpline, cutoff, seen


def helpline(
    server_options: dict[str, str], factory: DovecotFactory, directory: Path, **more: str
) -> Helpline:
    server = factory(**server_options)
    return Helpline(server, directory, server.new_user("line"), server.new_user("ana"), **more)


def reply(number: int, received: datetime, flags: tuple[str, ...] = ("\\Seen",), text: str = "") -> Seed:
    """An advisor's answer, written as the helpline."""
    content = letter(
        f"reply{number}@relay.example", sender=IDENTITY, recipient="writer@post.example", body=text
    )
    return Seed(content, received, flags)


def private(count: int, seed: int = 77) -> list[Seed]:
    """An advisor's own sent mail, some of it old, some unread."""
    now = datetime.now(UTC)
    own = stream(count, now - timedelta(days=700), now, seed=seed, recipient="friend@post.example")
    return [Seed(each.content, each.received, ("\\Seen",) if n % 3 else ()) for n, each in enumerate(own)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_ten_thousand_messages_over_two_years(
    zone: str, dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    """Audit, arm, sweep, audit again: nothing is due, and not one message went before its day."""
    story = helpline({"zone": zone}, dovecot_factory, tmp_path)
    now = datetime.now(UTC)
    edge = cutoff()
    spread = list(stream(10_000, now - timedelta(days=730), now - timedelta(minutes=5)))
    eve = edge.astimezone(LONDON).date() - timedelta(days=1)
    boundary = [
        Seed(letter(f"edge{n}@post.example"), datetime.combine(day, at, LONDON).astimezone(UTC), ())
        for n, (day, at) in enumerate(
            (day, at) for day in (eve, eve + timedelta(days=1)) for at in (time(0, 30), time(23, 30))
        )
    ]
    everything = {
        "INBOX": spread[:7000] + boundary,
        "Sent": spread[7000:9000],
        "Deleted Items": spread[9000:],
    }
    for folder, messages in everything.items():
        story.seed(story.line, folder, messages)
    due = sum(each.received < edge for messages in everything.values() for each in messages)

    assert story.counts()["line"] == (due, 0)
    story.arm()
    assert story.run("sweep") == 0, story.complaints
    assert story.counts()["line"] == (0, 0)
    for folder, messages in everything.items():
        left = Counter(story.mail(story.line, folder))
        assert left == Counter(seen(each) for each in messages if each.received >= edge)
    assert story.run("ledger", "verify") == 0
    assert story.run("sweep") == 0
    story.no_canary()


@pytest.mark.parametrize(
    ("options", "login"),
    [
        ({}, "master"),
        ({"store": "mdbox"}, "master"),
        ({}, "shared"),
        (
            {"capability": capability_without("MULTIAPPEND", "ESEARCH", "ESORT", "WITHIN", "LITERAL+")},
            "master",
        ),
    ],
    ids=["multiappend", "mdbox", "copy", "plain"],
)
def test_a_thousand_strays_come_home_once_each(
    options: dict[str, str], login: str, dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    """Same bytes, INTERNALDATE, flags; a pair with one Message-ID and two texts; one with a twin at home."""
    many = 1000 if not options else 150
    story = helpline(options, dovecot_factory, tmp_path, login=login)
    recent = cutoff() + timedelta(days=2)
    kinds = [
        ("\\Seen",),
        (),
        ("\\Seen", "\\Answered"),
        ("\\Flagged", "$Forwarded"),
        ("\\Seen", "$RetentionHold"),
    ]
    strays = [reply(n, recent + timedelta(minutes=7 * n), kinds[n % 5]) for n in range(many - 3)]
    strays += [reply(9000, recent, text="one answer\r\n"), reply(9000, recent, text="another answer\r\n")]
    twin = reply(9001, recent + timedelta(days=1))
    strays.append(twin)
    own = private(many)
    story.seed(story.ana, "Sent", strays[: many // 2] + own + strays[many // 2 :])
    story.seed(story.line, "Sent", [twin])
    if login == "shared":
        story.server.share(story.line)
        story.server.share(story.ana)

    story.arm()
    assert story.run("sweep") == 0, story.complaints
    assert Counter(story.mail(story.line, "Sent")) == Counter(seen(each) for each in strays)
    assert Counter(story.mail(story.ana, "Sent")) == Counter(seen(each) for each in own)
    assert story.counts() == {"line": (0, 0), "ana": (0, 0)}
    assert story.run("ledger", "verify") == 0
    story.no_canary()


def test_an_overdue_stray_is_destroyed_where_it_lies_and_a_held_one_goes_home(
    dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    story = helpline({}, dovecot_factory, tmp_path)
    old = cutoff() - timedelta(days=10)
    held = reply(2, old, ("\\Seen", "$RetentionHold"))
    story.seed(story.ana, "Sent", [reply(1, old), held])
    story.seed(story.ana, "Deleted Items", [reply(3, old)])
    story.arm()
    assert story.run("sweep") == 0
    assert story.mail(story.ana, "Sent") == []
    assert story.mail(story.ana, "Deleted Items") == []
    assert story.mail(story.line, "Sent") == [seen(held)]
    assert story.run("sweep") == 0
    assert story.mail(story.line, "Sent") == [seen(held)], "a hold never ends by itself"


def test_a_server_that_keeps_copies_is_found_out_at_arming(
    dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    """Nothing is called destroyed that the server still has (disaster 2)."""
    story = helpline({"lazy_expunge": True}, dovecot_factory, tmp_path)
    story.seed(story.line, "INBOX", [Seed(letter("due@post.example"), cutoff() - timedelta(days=9))])
    assert story.run("arm", "line", "--destroy", "1") == 0
    assert "keeps copies" in story.printed[-1]
    assert story.run("sweep", "--only", "line") == 1
    assert "removed, the server keeps a copy" in story.printed[-1]
    assert "destroyed" not in story.printed[-1].replace("not yet destroyed", "")


def test_nothing_is_marked_read_by_an_audit(dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    story = helpline({}, dovecot_factory, tmp_path)
    unread = [
        Seed(letter(f"new{n}@post.example"), datetime.now(UTC).replace(microsecond=0), ()) for n in range(5)
    ]
    story.seed(story.line, "INBOX", unread)
    assert story.run("audit") == 0
    assert story.run("check") == 0, story.complaints
    assert Counter(story.mail(story.line, "INBOX")) == Counter(seen(each) for each in unread)


def test_an_answer_from_the_advisors_own_address_comes_home_by_its_thread(
    dovecot_factory: DovecotFactory, tmp_path: Path
) -> None:
    """Only where the policy asks for it, and only what answers somebody outside (P3)."""
    story = helpline({}, dovecot_factory, tmp_path)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    writer, mine = "writer@post.example", story.ana.name
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
    story.seed(story.line, "INBOX", [question])
    story.seed(story.ana, "Sent", [follow_up, aside, answer])
    assert story.counts()["ana"] == (0, 0)
    story.write_configuration("[policy]\nby_thread = true\n")
    assert story.counts()["ana"] == (0, 2)
    story.arm()
    assert story.run("sweep") == 0, story.complaints
    assert Counter(story.mail(story.line, "Sent")) == Counter([seen(answer), seen(follow_up)])
    assert story.mail(story.ana, "Sent") == [seen(aside)]
