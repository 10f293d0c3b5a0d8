"""The connection breaks, or somebody else acts, at the worst moment of a sweep on Dovecot; told one by one.

`test_faults.py` breaks a sweep at any command and looks at the end alone. Here each fault has its story: what
the sweep says of it, what is untouched meanwhile, and what the next sweep does and does not send.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from imapclient import IMAPClient

from retentiond.core.model import Role
from retentiond.demo.authority import Authority
from tests.servers.client import signed_in
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.seed import Seed, append_all, letter
from tests.servers.troubles import Action, Trouble
from tests.servers.users import User
from tests.stories.real_world import Helpline
from tests.stories.world import HELD, IDENTITY, Seen, cutoff, private, reply


@contextmanager
def helpline(
    server: Dovecot, authority: Authority, directory: Path, login: str = "master"
) -> Iterator[tuple[Helpline, Proxy]]:
    """A helpline and an advisor behind a proxy; nothing that was written holds the canary."""
    story = Helpline(
        server, directory / "world", server.new_user("line"), server.new_user("ana"), login=login
    )
    with Proxy(server, authority) as proxy:
        story.host_port = proxy
        story.write_configuration()
        yield story, proxy
    story.check_book()


def strays(count: int = 3) -> list[Seed]:
    return [reply(n, cutoff() + timedelta(days=9, minutes=n), ("\\Seen",) if n else ()) for n in range(count)]


def due(count: int = 3, stem: str = "old") -> list[Seed]:
    return [
        Seed(letter(f"{stem}{n}@post.example"), cutoff() - timedelta(days=9, minutes=n)) for n in range(count)
    ]


def seen(story: Helpline, seeds: list[Seed]) -> Counter[Seen]:
    return Counter(map(story.seen, seeds))


def as_other(story: Helpline, user: User, folder: str, deed: Callable[[IMAPClient], object]) -> None:
    """What another mail program does in between."""
    with signed_in(story.server, user) as client:
        client.select_folder(folder)
        deed(client)


# ── replies on their way home ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("login", "verb", "action"),
    [("master", "APPEND", "cut-after"), ("master", "APPEND", "half"), ("shared", "UID COPY", "cut-after")],
)
def test_a_copy_whose_answer_is_lost_is_looked_for_and_not_sent_again(
    dovecot_factory: DovecotFactory,
    authority: Authority,
    tmp_path: Path,
    login: str,
    verb: str,
    action: Action,
) -> None:
    """Done or not done look the same to us. The stray stays; the next sweep looks at home first."""
    with helpline(dovecot_factory(), authority, tmp_path, login) as (story, proxy):
        own = private(2)
        story.seed(story.ana, Role.SENT, [*strays(), *own])
        story.arm()
        proxy.expect(Trouble(f"^{verb} ", action))
        assert story.run("sweep") == 1, story.complaints
        assert proxy.struck == [action]
        assert "ana" in story.complaints
        assert Counter(story.mail(story.ana, Role.SENT)) == seen(story, [*strays(), *own])
        arrived = len(story.mail(story.line, Role.SENT))
        assert arrived == (3 if action == "cut-after" else 0)
        proxy.forget()
        assert story.run("sweep") == 0, story.complaints
        assert (verb in proxy.verbs()) is not bool(arrived), "what stands at home is not sent again"
        assert not proxy.verbs() & {"MOVE", "UID MOVE", "EXPUNGE", "CLOSE"}
        assert Counter(story.mail(story.line, Role.SENT)) == seen(story, strays())
        assert Counter(story.mail(story.ana, Role.SENT)) == seen(story, own)


def test_a_reply_of_which_half_arrives_here_is_not_carried(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Half a message has another digest: it would stand at home as a reply that nobody wrote."""
    with helpline(dovecot_factory(), authority, tmp_path) as (story, proxy):
        story.seed(story.ana, Role.SENT, strays())
        story.arm()
        proxy.expect(Trouble(r"^UID FETCH .*BODY\.PEEK\[\]", "half-reply"))
        proxy.forget()
        assert story.run("sweep") == 1, story.complaints
        assert proxy.struck == ["half-reply"]
        assert not proxy.verbs() & {"APPEND", "UID STORE", "UID EXPUNGE"}
        assert Counter(story.mail(story.ana, Role.SENT)) == seen(story, strays())
        assert story.run("sweep") == 0, story.complaints
        assert Counter(story.mail(story.line, Role.SENT)) == seen(story, strays())


def test_two_replies_that_are_the_same_come_home_as_two(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Byte for byte: home must hold as many as were moved, whatever breaks in between."""
    twice = [*strays(1), *strays(1)]
    with helpline(dovecot_factory(), authority, tmp_path) as (story, proxy):
        story.seed(story.ana, Role.SENT, twice)
        story.arm()
        proxy.expect(Trouble("^UID EXPUNGE", "cut-before"))
        assert story.run("sweep") == 1, story.complaints
        assert story.run("sweep") == 0, story.complaints
        assert Counter(story.mail(story.line, Role.SENT)) == seen(story, twice)
        assert story.mail(story.ana, Role.SENT) == []


def test_a_helpline_over_its_quota_keeps_its_replies_waiting_and_nothing_else(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    content = letter("big@relay.example", sender=IDENTITY, size=150_000)
    large = [Seed(content, cutoff() + timedelta(days=9))]
    with helpline(dovecot_factory(quota="100k"), authority, tmp_path) as (story, proxy):
        story.seed(story.line, Role.INBOX, due())
        story.seed(story.ana, Role.SENT, large)
        story.arm()
        proxy.forget()
        assert story.run("sweep") == 1
        assert "ana" in story.complaints
        assert "over its quota; the replies stay where they are" in story.complaints
        assert "APPEND" in proxy.verbs()
        assert Counter(story.mail(story.ana, Role.SENT)) == seen(story, large)
        assert story.mail(story.line, Role.SENT) == []
        assert story.mail(story.line, Role.INBOX) == [], "what is due goes all the same"


# ── destroying ───────────────────────────────────────────────────────────────────────────────────


def test_what_a_cut_left_marked_deleted_is_finished_or_given_back(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Between the mark and the end; meanwhile somebody holds one of them."""
    with helpline(dovecot_factory(), authority, tmp_path) as (story, proxy):
        story.seed(story.line, Role.INBOX, due())
        story.arm()
        proxy.expect(Trouble("^UID STORE", "cut-after"))
        assert story.run("sweep") == 1, story.complaints
        marked = story.mail(story.line, Role.INBOX)
        assert [b"\\Deleted" in each.flags for each in marked] == [True] * 3, "the cut fell between"
        as_other(story, story.line, "INBOX", lambda client: client.add_flags([2], [HELD]))
        assert story.run("sweep") == 0, story.complaints
        [kept] = story.mail(story.line, Role.INBOX)
        assert kept.flags == {HELD.encode()}


def test_a_folder_that_was_made_anew_before_the_deed_is_left_alone(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """The server gives the same number to another message; the other folders are done."""
    fresh = [Seed(letter("fresh@post.example"), cutoff() + timedelta(days=30))]
    with helpline(dovecot_factory(), authority, tmp_path) as (story, proxy):
        story.seed(story.line, Role.INBOX, due(2, "inbox"))
        story.seed(story.line, Role.TRASH, due(1))
        story.arm()

        def remake() -> None:
            with signed_in(story.server, story.line) as client:
                client.delete_folder("Deleted Items")
                client.create_folder("Deleted Items")
                append_all(client, "Deleted Items", fresh)

        proxy.expect(Trouble("^SELECT .*Deleted", "call", deed=remake))
        assert story.run("sweep") == 1
        assert "line" in story.complaints
        assert Counter(story.mail(story.line, Role.TRASH)) == seen(story, fresh)
        assert story.mail(story.line, Role.INBOX) == []
        assert story.run("sweep") == 0, story.complaints
        assert Counter(story.mail(story.line, Role.TRASH)) == seen(story, fresh)


def test_a_folder_that_is_renamed_before_the_deed_is_said_and_gone_on_with_the_next_time(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Nobody guesses where it went."""
    with helpline(dovecot_factory(), authority, tmp_path) as (story, proxy):
        with signed_in(story.server, story.line) as client:
            client.create_folder("Cases")
            append_all(client, "Cases", due())
        story.arm()

        def rename() -> None:
            with signed_in(story.server, story.line) as client:
                client.rename_folder("Cases", "Closed")

        proxy.expect(Trouble("^SELECT .*Cases", "call", deed=rename))
        assert story.run("sweep") == 1
        assert "line" in story.complaints
        with signed_in(story.server, story.line) as client:
            assert client.folder_status("Closed", ["MESSAGES"])[b"MESSAGES"] == 3
        assert story.run("sweep") == 0, story.complaints
        with signed_in(story.server, story.line) as client:
            assert client.folder_status("Closed", ["MESSAGES"])[b"MESSAGES"] == 0


def test_a_server_that_falls_silent_in_the_deed_is_waited_for_and_no_longer(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    server = dovecot_factory()
    story = Helpline(server, tmp_path / "world", server.new_user("line"), server.new_user("ana"))
    with Proxy(server, authority) as proxy:
        story.host_port = proxy
        story.write_configuration()
        text = story.config.read_text().replace('kind = "imap"', 'kind = "imap"\ntimeout = 1')
        story.config.write_text(text)
        story.seed(story.line, Role.INBOX, due())
        story.arm()
        proxy.expect(Trouble("^UID STORE", "stall"))
        assert story.run("sweep") == 1
        assert "did not answer in time" in story.complaints
        assert story.run("sweep") == 0, story.complaints
        assert story.mail(story.line, Role.INBOX) == []
    story.check_book()
