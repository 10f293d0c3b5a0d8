"""Destroying and carrying on servers that lie, refuse, change under our hands or die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from retentiond.config import Login
from retentiond.core.deeds import Result
from retentiond.core.model import Hindrance, Kind, Role
from retentiond.demo.authority import Authority
from retentiond.errors import Refused, Unreachable, Why
from retentiond.mailbox.base import Message
from retentiond.mailbox.headers import likeness_of
from retentiond.mailbox.imap import ImapMailbox
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import (
    CUTOFF,
    HOLD,
    LATELY,
    LONG_AGO,
    NOW,
    due_in,
    question,
    reply,
    results,
    view_of,
)
from tests.mailbox.grounds import MARKER, ImapGround, account
from tests.servers.client import signed_in
from tests.servers.dovecot import ALL_RIGHTS, Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.seed import Seed, fill, letter
from tests.servers.settings import capability_without
from tests.servers.troubles import Trouble


@pytest.fixture
def ground(dovecot: Dovecot) -> Iterator[ImapGround]:
    ground = ImapGround(dovecot, dovecot.new_user("here"), dovecot.new_user("there"))
    yield ground
    ground.close()


def through(proxy: Proxy, ground: ImapGround, where: str = "here") -> ImapMailbox:
    """The ground's mailbox, seen through a proxy."""
    user = ground.users[where]
    scope = Scope(where, Kind.HELPLINE)
    return ImapMailbox(account(proxy, timeout=2), scope, MARKER, user.name, Secret(lambda: user.password))


def put_old(ground: ImapGround, count: int) -> list[int]:
    return [ground.put("inbox", letter(f"o{n}@post.example"), LONG_AGO) for n in range(count)]


# ── holds at the last moment ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", ["NOOP", "UID SEARCH .*KEYWORD", "UID STORE"])
def test_a_hold_set_in_the_middle_of_the_deed_wins(
    ground: ImapGround, authority: Authority, moment: str
) -> None:
    """While the last look is under way, and even after it: the STORE is conditional (UNCHANGEDSINCE)."""
    keys = put_old(ground, 5)
    late = Trouble(moment, "call", deed=lambda: ground.flag("inbox", keys[2], HOLD))
    with Proxy(ground.server, authority, late) as proxy, through(proxy, ground) as mailbox:
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert outcome == {Result.HELD: (keys[2],), Result.DONE: tuple(k for k in keys if k != keys[2])}
    [seen] = ground.messages("inbox")
    assert "\\deleted" not in seen.flags


def test_a_message_that_is_touched_again_and_again_is_left_as_changed(
    ground: ImapGround, authority: Authority
) -> None:
    keys = put_old(ground, 3)
    flags = iter(("\\Flagged", "\\Answered", "\\Draft", "$Forwarded"))
    touches = [
        Trouble("UID STORE .*UNCHANGEDSINCE", "call", nth, lambda: ground.flag("inbox", keys[1], next(flags)))
        for nth in (1, 2, 3)
    ]
    with Proxy(ground.server, authority, *touches) as proxy, through(proxy, ground) as mailbox:
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert outcome == {Result.DONE: (keys[0], keys[2]), Result.CHANGED: (keys[1],)}
    assert len(ground.messages("inbox")) == 1


# ── rights ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("right", ["t", "e"])
def test_without_the_right_nothing_is_touched_although_the_server_would_say_ok(
    ground: ImapGround, dovecot: Dovecot, right: str
) -> None:
    keys = put_old(ground, 2)
    dovecot.restrict(ground.users["here"], "INBOX", ALL_RIGHTS.replace(right, ""))
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        assert view.census.hindrance is Hindrance.NO_RIGHT
        assert due_in(view) == set(keys)
        with pytest.raises(Refused) as caught:
            mailbox.destroy(view.place, keys)
    assert caught.value.why is Why.NO_RIGHT
    assert [seen.flags for seen in ground.messages("inbox")] == [frozenset(), frozenset()]


def test_a_server_that_does_not_tell_rights_is_found_out_by_looking_again(
    ground: ImapGround, dovecot: Dovecot, authority: Authority
) -> None:
    """Dovecot says OK to UID EXPUNGE without the right to it, and removes nothing."""
    keys = put_old(ground, 2)
    dovecot.restrict(ground.users["here"], "INBOX", ALL_RIGHTS.replace("e", ""))
    with Proxy(dovecot, authority, hide=["ACL"]) as proxy, through(proxy, ground) as mailbox:
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert outcome == {Result.FAILED: tuple(keys)}
    assert [seen.flags for seen in ground.messages("inbox")] == [frozenset(), frozenset()]


def test_a_folder_that_is_read_only_is_reported_on(ground: ImapGround, dovecot: Dovecot) -> None:
    keys = put_old(ground, 1)
    dovecot.restrict(ground.users["here"], "INBOX", "lr")
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        assert view.census.hindrance is Hindrance.READ_ONLY
        with pytest.raises(Refused) as caught:
            mailbox.destroy(view.place, keys)
    assert caught.value.why is Why.READ_ONLY


# ── faults ───────────────────────────────────────────────────────────────────────────────────────

FAULTS = ["cut-before", "cut-after", "half", "half-reply", "stall"]


@pytest.mark.parametrize("action", FAULTS)
@pytest.mark.parametrize("command", ["UID STORE", "UID EXPUNGE"])
def test_a_connection_that_breaks_in_the_deed_says_nothing_and_a_second_look_tells(
    ground: ImapGround, authority: Authority, command: str, action: str
) -> None:
    keys = put_old(ground, 3)
    kept = ground.put("inbox", letter("kept@post.example"), LATELY)
    trouble = Trouble(command, action)  # type: ignore[arg-type]
    with Proxy(ground.server, authority, trouble) as proxy:
        mailbox = through(proxy, ground)
        with mailbox, pytest.raises(Unreachable):
            mailbox.destroy(mailbox.place(Role.INBOX), keys)
        assert proxy.struck == [action]
    with ground.open() as again:
        view = view_of(again, "inbox")
        stand = again.stand(view.place, keys)
        assert set(stand.present) == due_in(view) <= set(keys)
        again.destroy(view.place, stand.present)
    assert [seen.uid for seen in ground.messages("inbox")] == [kept]


@pytest.mark.parametrize("action", FAULTS)
def test_a_connection_that_breaks_while_adding_leaves_all_or_nothing(
    ground: ImapGround, authority: Authority, action: str
) -> None:
    messages = [Message(n, reply(n), LATELY, frozenset({"\\Seen"})) for n in range(1, 4)]
    with Proxy(ground.server, authority, Trouble("APPEND", action)) as proxy:  # type: ignore[arg-type]
        mailbox = through(proxy, ground)
        with mailbox, pytest.raises(Unreachable):
            mailbox.add(mailbox.place(Role.SENT), messages)
    with ground.open() as again:
        sent = again.place(Role.SENT)
        found = list(
            again.copies(sent, [likeness_of(each.content, MARKER) for each in messages], again.sameness)
        )
    assert len(found) in (0, 3)
    assert (len(found) == 3) == (action in ("cut-after", "half-reply", "stall"))


def test_after_a_failure_the_connection_is_not_used_again(ground: ImapGround, authority: Authority) -> None:
    """A late answer must not be taken for another command's."""
    put_old(ground, 1)
    with Proxy(ground.server, authority, Trouble("EXAMINE", "stall")) as proxy:
        mailbox = through(proxy, ground)
        with mailbox:
            with pytest.raises(Unreachable) as caught:
                list(mailbox.look(question()))
            assert caught.value.why is Why.TIMEOUT
            with pytest.raises(Unreachable):
                mailbox.names()


# ── carrying ─────────────────────────────────────────────────────────────────────────────────────


def test_what_does_not_fit_is_refused_and_leaves_nothing(dovecot_factory: DovecotFactory) -> None:
    dovecot = dovecot_factory(quota="100k")
    ground = ImapGround(dovecot, dovecot.new_user(), dovecot.new_user())
    messages = [Message(n, reply(n, size=60_000), LATELY, frozenset()) for n in (1, 2)]
    with ground.open() as mailbox, pytest.raises(Refused) as caught:
        mailbox.add(mailbox.place(Role.SENT), messages)
    assert (caught.value.why, caught.value.detail) == (Why.OVER_QUOTA, "sent")
    assert ground.messages("sent") == []


def test_a_message_that_is_too_long_for_the_server_is_refused_before_it_is_sent(
    ground: ImapGround, authority: Authority
) -> None:
    told = {rb"LITERAL\+": b"LITERAL+ APPENDLIMIT=1000"}
    with Proxy(ground.server, authority, replace=told) as proxy, through(proxy, ground) as mailbox:
        with pytest.raises(Refused) as caught:
            mailbox.add(mailbox.place(Role.SENT), [Message(1, reply(1, size=5000), LATELY, frozenset())])
        assert "APPEND" not in proxy.verbs()
    assert caught.value.why is Why.TOO_BIG


def test_a_server_that_forgets_the_date_gets_no_copy(ground: ImapGround, authority: Authority) -> None:
    """A later date would keep the reply beyond its six months (P1)."""
    told = {rb'INTERNALDATE "\d\d-\w{3}': b'INTERNALDATE "01-Jan'}
    moment = NOW.replace(month=2, day=2) - timedelta(days=365)
    message = Message(1, reply(1), moment, frozenset())
    with (
        Proxy(ground.server, authority, replace=told) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Refused) as caught,
    ):
        mailbox.add(mailbox.place(Role.SENT), [message])
    assert caught.value.why is Why.NOT_KEPT
    assert ground.messages("sent") == []


def test_where_one_login_sees_both_ends_the_server_copies(dovecot: Dovecot) -> None:
    here, there = dovecot.new_user("here"), dovecot.new_user("there")
    fill(dovecot, here, "Sent", [Seed(reply(n), LATELY - timedelta(hours=n), ("\\Seen",)) for n in range(3)])
    fill(dovecot, here, "Sent", [Seed(reply(9), LONG_AGO, ("\\Deleted", HOLD))])
    for user in (here, there):
        dovecot.share(user, ("INBOX", "Sent"))
    shared = account(
        dovecot, login=Login.SHARED, user=dovecot.service.name, shared_prefix="shared/{mailbox}/"
    )

    def mailbox(name: str, alias: str) -> ImapMailbox:
        scope = Scope(alias, Kind.HELPLINE, roles={Role.SENT: "Sent"})
        return ImapMailbox(shared, scope, MARKER, name, Secret(lambda: dovecot.service.password))

    with mailbox(here.name, "here") as source, mailbox(there.name, "there") as home:
        sent = home.place(Role.SENT)
        assert source.copy(source.place(Role.SENT), [1, 2, 4], home, sent)
    ground = ImapGround(dovecot, here, there)
    arrived = {(seen.content, seen.received, seen.flags) for seen in ground.messages("sent", "there")}
    expected = {
        (seen.content, seen.received, seen.flags - {"\\deleted"})
        for seen in ground.messages("sent")
        if seen.uid != 3
    }
    assert arrived == expected
    ground.close()


def test_where_two_logins_are_needed_nothing_is_copied(ground: ImapGround) -> None:
    key = ground.put("sent", reply(1), LATELY)
    with ground.open() as source, ground.open(where="there") as home:
        assert not source.copy(source.place(Role.SENT), [key], home, home.place(Role.SENT))
    assert ground.messages("sent", "there") == []


# ── what the server keeps ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keeps", [False, True])
def test_a_server_that_keeps_what_was_destroyed_is_found_out(
    dovecot_factory: DovecotFactory, keeps: bool
) -> None:
    dovecot = dovecot_factory(lazy_expunge=True) if keeps else dovecot_factory()
    user = dovecot.new_user()
    ground = ImapGround(dovecot, user, dovecot.new_user())
    with ground.open() as mailbox:
        before = mailbox.names()
        assert mailbox.keeps_copies() is keeps
        assert mailbox.names() == before
    with signed_in(dovecot, user) as client:
        for _, _, name in client.list_folders():
            assert client.folder_status(name, ["MESSAGES"])[b"MESSAGES"] == 0


def test_without_uidplus_the_trial_is_not_made(dovecot_factory: DovecotFactory) -> None:
    dovecot = dovecot_factory(capability=capability_without("UIDPLUS"))
    ground = ImapGround(dovecot, dovecot.new_user(), dovecot.new_user())
    with ground.open() as mailbox:
        assert mailbox.keeps_copies() is None


# ── clock and folders ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("hours", "agrees"), [(0, True), (1, False), (-1, False), (24 * 365, False)])
def test_a_clock_that_is_wrong_is_found_out_by_the_servers(
    ground: ImapGround, hours: int, agrees: bool
) -> None:
    ground.put("inbox", letter("c@post.example"), LATELY)
    with ground.open() as mailbox:
        reading = mailbox.clock(datetime.now(UTC) + timedelta(hours=hours))
    assert (reading.agrees, reading.newest) == (agrees, LATELY)


def test_an_advisors_mail_is_not_dated_for_the_clock(ground: ImapGround, authority: Authority) -> None:
    ground.put("inbox", letter("c@post.example"), LATELY)
    user = ground.users["here"]
    with Proxy(ground.server, authority) as proxy:
        scope = Scope("ann", Kind.ADVISOR)
        with ImapMailbox(account(proxy), scope, MARKER, user.name, Secret(lambda: user.password)) as mailbox:
            assert mailbox.clock(NOW).newest is None
        assert "FETCH" not in proxy.verbs()


def test_folder_names_of_every_kind_are_looked_into(ground: ImapGround) -> None:
    names = ("Fälle/2025 & älter", 'a "quoted" one', "star*and%percent", "2024", "back\\slash")
    for name in names:
        ground.put(name, letter("n@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        found = mailbox.names()
        totals = {found[view.place.folder]: view.census.total for view in mailbox.look(question())}
        assert all(totals[name] == 1 for name in names)
        for name in names:
            place = mailbox.find(MARKER.folder("here", name))
            assert place
            assert results(mailbox.destroy(place, [1])) == {Result.DONE: (1,)}


@pytest.mark.parametrize("attribute", [b"\\All", b"\\Flagged", b"\\Important"])
def test_a_virtual_folder_stops_the_look_until_somebody_has_said_what_to_do(
    ground: ImapGround, authority: Authority, attribute: bytes
) -> None:
    told = {
        rb"^\* LIST \((.*\\Junk)\)": rb"* LIST (\\HasNoChildren " + attribute.replace(b"\\", b"\\\\") + b")"
    }
    with Proxy(ground.server, authority, replace=told) as proxy:
        user = ground.users["here"]

        def look(make: Callable[[], Scope]) -> int:
            with ImapMailbox(
                account(proxy), make(), MARKER, user.name, Secret(lambda: user.password)
            ) as mailbox:
                return len(list(mailbox.look(question())))

        with pytest.raises(Refused) as caught:
            look(lambda: Scope("here", Kind.HELPLINE))
        assert caught.value.why is Why.VIRTUAL_FOLDER
        assert look(lambda: Scope("here", Kind.HELPLINE, named=frozenset({"Junk"}))) == 5
        assert look(lambda: Scope("here", Kind.HELPLINE, leave_out=frozenset({"Junk"}))) == 4


def test_scattered_messages_are_destroyed_and_no_other(ground: ImapGround, dovecot: Dovecot) -> None:
    """Scattered keys make long sets: several commands, and still not one key too many."""
    moments = [LONG_AGO if n % 2 else CUTOFF + timedelta(days=9) for n in range(3000)]
    seeds = (Seed(letter(f"m{n}@x.example", canary=""), at) for n, at in enumerate(moments))
    fill(dovecot, ground.users["here"], "INBOX", seeds)
    with ground.open() as mailbox:
        [lot] = view_of(mailbox, "inbox").lots
        assert len(lot.keys) == 1500
        assert results(mailbox.destroy(lot.place, lot.keys)) == {Result.DONE: lot.keys}
        after = view_of(mailbox, "inbox")
    assert (after.census.total, after.lots) == (1500, ())
