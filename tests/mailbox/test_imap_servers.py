"""Servers that are poorer, odder or less careful than they should be, and clients that come between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.demo.authority import Authority
from retentiond.errors import MailboxError, Unreachable, Why
from retentiond.mailbox.base import Message
from retentiond.mailbox.headers import likeness_of
from retentiond.mailbox.imap import ImapMailbox
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import CUTOFF, HOLD, LATELY, LONG_AGO, due_in, question, reply, results, view_of
from tests.mailbox.grounds import HELPLINE, MARKER, ImapGround, account
from tests.mailbox.test_imap_contract import POOR
from tests.servers.client import signed_in
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.seed import Seed, append_all, letter
from tests.servers.troubles import Trouble


@pytest.fixture
def ground(dovecot: Dovecot) -> Iterator[ImapGround]:
    ground = ImapGround(dovecot, dovecot.new_user("here"), dovecot.new_user("there"))
    yield ground
    ground.close()


def through(proxy: Proxy, ground: ImapGround, kind: Kind = Kind.HELPLINE, **scope: Any) -> ImapMailbox:
    """The ground's mailbox, seen through a proxy."""
    user = ground.users["here"]
    wanted = Scope("here", kind, **{"identities": (HELPLINE,), **scope})
    return ImapMailbox(account(proxy, timeout=5), wanted, MARKER, user.name, Secret(lambda: user.password))


# ── names of folders ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["open [bracket", "[old", "007", "NIL", "close]d", "x{3}", "(a)"])
def test_a_folder_of_any_name_is_looked_into(ground: ImapGround, name: str) -> None:
    """A bracket may stand in a name without quotes (RFC 9051, astring)."""
    client = ground.client()
    client.create_folder(name)
    append_all(client, name, [Seed(letter("n@post.example"), LONG_AGO)])
    with ground.open() as mailbox:
        totals = {mailbox.names()[v.place.folder]: v.census.total for v in mailbox.look(question())}
        assert totals[name] == 1


def test_a_name_is_the_same_however_its_letters_are_composed(ground: ImapGround) -> None:
    """An ä may be one letter or two: a folder that was to be held or left out is not missed for it."""
    for name in ("Fa\u0308lle", "Be\u0301be\u0301"):
        ground.put(name, letter("n@post.example"), LONG_AGO)
    with ground.open(hold_folder="F\u00e4lle", leave_out=frozenset({"B\u00e9b\u00e9"})) as mailbox:
        views = {view.place.role: view for view in mailbox.look(question())}
        assert views[Role.HOLD].census.total == 1
        assert Role.OTHER not in views


@pytest.mark.parametrize(
    "line", [rb'* LIST (\\Sent "/" Sent', rb"* LIST nothing", rb'* LIST (\\Sent) "/" Se"nt']
)
def test_a_folder_that_is_told_in_nonsense_is_not_passed_over(
    ground: ImapGround, authority: Authority, line: bytes
) -> None:
    """What is not in the list would never be looked into, and nobody told."""
    with (
        Proxy(ground.server, authority, replace={rb"^\* LIST .*Sent\b": line}) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("line", [rb"* NAMESPACE nonsense", rb'* NAMESPACE (("" "/")', rb"* OK whatever"])
def test_a_server_that_does_not_say_whose_folders_are_whose_is_not_believed(
    dovecot: Dovecot, authority: Authority, line: bytes
) -> None:
    """Else another user's folders, shared with this login, would be taken for its own."""
    other = dovecot.new_user()
    dovecot.share(other, ("INBOX", "Sent"))
    service = dovecot.service
    with Proxy(dovecot, authority, replace={rb"^\* NAMESPACE .*(?=\r\n)": line}) as proxy:
        scope = Scope("here", Kind.HELPLINE)
        login = ImapMailbox(account(proxy), scope, MARKER, service.name, Secret(lambda: service.password))
        with login as mailbox, pytest.raises(Unreachable) as caught:
            mailbox.names()
    assert caught.value.why is Why.PROTOCOL


# ── what a folder does not say of itself ─────────────────────────────────────────────────────────


def test_a_folder_that_does_not_say_how_much_it_holds_is_not_an_empty_one(
    ground: ImapGround, authority: Authority
) -> None:
    ground.put("inbox", letter("n@post.example"), LONG_AGO)
    with (
        Proxy(ground.server, authority, replace={rb"^\* 1 EXISTS": b"* OK nothing to say"}) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("hidden", [(), ("ESEARCH", "WITHIN", "ESORT")])
def test_a_search_that_is_answered_by_nothing_has_not_found_nothing(
    ground: ImapGround, authority: Authority, hidden: tuple[str, ...]
) -> None:
    """OK and no list: an error on the server's side must not read like a folder in which nothing is due."""
    ground.put("inbox", letter("n@post.example"), LONG_AGO)
    silence = {rb"^\* E?SEARCH\b[^\r]*": b"* OK nothing to say"}
    with (
        Proxy(ground.server, authority, hide=hidden, replace=silence) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("size", [b"999999999999", b"40"])
def test_a_message_that_is_longer_or_shorter_than_the_server_says_is_not_read(
    ground: ImapGround, authority: Authority, size: bytes
) -> None:
    """Neither is memory taken for what will not come, nor the rest of a message read as an answer."""
    key = ground.put("inbox", letter("n@post.example"), LATELY)
    lie = {rb"(BODY\[\] )\{\d+\}": rb"\1{" + size + b"}"}
    with Proxy(ground.server, authority, replace=lie) as proxy, through(proxy, ground) as mailbox:
        place = mailbox.place(Role.INBOX)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.fetch(place, [key]))
    assert caught.value.why is Why.PROTOCOL


def test_without_uidvalidity_a_uid_names_nothing(ground: ImapGround, authority: Authority) -> None:
    """RFC 9051, 2.3.1.1: UIDVALIDITY and UID together name one message for ever."""
    key = ground.put("inbox", letter("n@post.example"), LONG_AGO)
    told = {rb"\[UIDVALIDITY \d+\]": b"[ALERT]", rb"UIDVALIDITY \d+": b"MESSAGES 1"}
    with (
        Proxy(ground.server, authority, replace=told) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(MailboxError) as caught,
    ):
        mailbox.destroy(mailbox.place(Role.INBOX), [key])
    assert caught.value.why is Why.PROTOCOL
    assert len(ground.messages("inbox")) == 1


@pytest.mark.parametrize("wants_marks", [False, True])
def test_a_message_that_was_found_and_is_not_shown_is_not_passed_over(
    ground: ImapGround, authority: Authority, wants_marks: bool
) -> None:
    """A FETCH that says OK and leaves out what is there: it would be neither due nor a finding."""
    moment = CUTOFF - timedelta(hours=1)
    keys = [ground.put("inbox", letter(f"n{n}@post.example"), moment) for n in range(3)]
    told = {rb"^\* 2 FETCH \(UID 2": b"* 2 FETCH (FLAGS () MODSEQ (2) NUMBER 2"}
    with (
        Proxy(ground.server, authority, replace=told) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        assert due_in(view_of(mailbox, "inbox", wants_marks=wants_marks)) == set(keys)
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("date", [b"NIL", b'"yesterday"'])
def test_a_date_that_is_told_in_nonsense_is_no_old_date(
    ground: ImapGround, authority: Authority, date: bytes
) -> None:
    """Each such message comes by itself and without a date, for a person; never as one that is due."""
    for n, moment in enumerate((CUTOFF - timedelta(hours=1), LONG_AGO)):
        ground.put("inbox", letter(f"n{n}@post.example"), moment)
    told = {rb'INTERNALDATE "[^"]*"': b"INTERNALDATE " + date}
    with Proxy(ground.server, authority, replace=told) as proxy, through(proxy, ground) as mailbox:
        view = view_of(mailbox, "inbox")
    assert ([item.received for item in view.items], view.lots) == ([None, None], ())


def test_a_message_that_goes_while_it_is_looked_at_stops_no_look(
    ground: ImapGround, authority: Authority
) -> None:
    moment = CUTOFF - timedelta(hours=1)
    keys = [ground.put("inbox", letter(f"n{n}@post.example"), moment) for n in range(3)]

    def expunge() -> None:
        with signed_in(ground.server, ground.users["here"]) as client:
            client.select_folder("INBOX")
            client.delete_messages([keys[1]])
            client.uid_expunge([keys[1]])

    late = Trouble("UID FETCH", "call", deed=expunge)
    with Proxy(ground.server, authority, late) as proxy, through(proxy, ground) as mailbox:
        assert due_in(view_of(mailbox, "inbox", wants_marks=True)) >= {keys[0], keys[2]}
    assert len(ground.messages("inbox")) == 2


# ── in the middle of a deed ──────────────────────────────────────────────────────────────────────


def test_what_somebody_marked_deleted_and_then_held_is_kept(ground: ImapGround, authority: Authority) -> None:
    """The mark is there already: an EXPUNGE in the same write would take it although the STORE failed."""
    keys = [ground.put("inbox", letter(f"d{n}@post.example"), LONG_AGO, ["\\Deleted"]) for n in range(3)]
    late = Trouble("UID STORE", "call", deed=lambda: ground.flag("inbox", keys[1], HOLD))
    with Proxy(ground.server, authority, late) as proxy, through(proxy, ground) as mailbox:
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert outcome == {Result.DONE: (keys[0], keys[2]), Result.HELD: (keys[1],)}
    assert [seen.uid for seen in ground.messages("inbox")] == [keys[1]]


@pytest.mark.parametrize("moment", ["NOOP", "UID STORE", "UID EXPUNGE"])
def test_what_another_client_expunges_in_between_moves_nothing(
    ground: ImapGround, authority: Authority, moment: str
) -> None:
    """Numbers shift, UIDs do not: nothing that was not named goes instead."""
    keys = [ground.put("inbox", letter(f"e{n}@post.example"), LONG_AGO) for n in range(3)]
    left = [ground.put("inbox", letter(f"y{n}@post.example"), LATELY) for n in range(3)]

    def expunge() -> None:
        with signed_in(ground.server, ground.users["here"]) as client:
            client.select_folder("INBOX")
            client.delete_messages([keys[0], left[0]])
            client.uid_expunge([keys[0], left[0]])

    late = Trouble(moment, "call", deed=expunge)
    with Proxy(ground.server, authority, late) as proxy, through(proxy, ground) as mailbox:
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert {key for found in outcome.values() for key in found} == set(keys)
    assert outcome.keys() <= {Result.DONE, Result.GONE_ALREADY}
    assert (outcome.get(Result.GONE_ALREADY) == (keys[0],)) is (moment == "NOOP")
    assert [seen.uid for seen in ground.messages("inbox")] == left[1:]


def test_a_goodbye_in_the_middle_of_a_look_says_why(ground: ImapGround, authority: Authority) -> None:
    """Nobody waits for what a server that said BYE has yet to say."""
    told = {rb"^\* \d+ EXISTS": b"* BYE [UNAVAILABLE] going down"}
    with (
        Proxy(ground.server, authority, replace=told) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        list(mailbox.look(question()))
    assert caught.value.why is Why.BUSY


def test_a_server_that_ends_the_session_in_the_middle_of_a_deed_is_unreachable(
    ground: ImapGround, dovecot: Dovecot, authority: Authority
) -> None:
    keys = [ground.put("inbox", letter(f"b{n}@post.example"), LONG_AGO) for n in range(3)]
    kick = Trouble("UID STORE", "call", deed=lambda: dovecot.doveadm("kick", ground.users["here"].name))
    with Proxy(dovecot, authority, kick) as proxy, through(proxy, ground) as mailbox:
        place = mailbox.place(Role.INBOX)
        with pytest.raises(Unreachable) as caught:
            mailbox.destroy(place, keys)
    assert caught.value.why is Why.NETWORK
    with ground.open() as again:
        assert set(again.stand(place, keys).present) <= set(keys)


@pytest.mark.parametrize("code", [b"INUSE", b"LIMIT", b"UNAVAILABLE"])
def test_a_folder_that_is_busy_is_looked_at_another_time(
    ground: ImapGround, authority: Authority, code: bytes
) -> None:
    busy = {rb"^(R\d+) OK \[READ-ONLY\][^\r]*": rb"\1 NO [" + code + b"] later"}
    with (
        Proxy(ground.server, authority, replace=busy) as proxy,
        through(proxy, ground) as mailbox,
        pytest.raises(Unreachable) as caught,
    ):
        list(mailbox.look(question()))
    assert caught.value.why is Why.BUSY


@pytest.mark.parametrize("words", [rb"NO no", rb"NO [NOPERM] no", rb"BAD what"])
def test_a_refusal_in_the_middle_does_not_hide_what_was_done(
    ground: ImapGround, authority: Authority, words: bytes
) -> None:
    """The messages are gone: to answer FAILED for them would be as wrong as DONE for what is there."""
    keys = [ground.put("inbox", letter(f"r{n}@post.example"), LONG_AGO) for n in range(3)]
    with (
        Proxy(ground.server, authority, replace={rb"(?<= )OK Expunge": words}) as proxy,
        through(proxy, ground) as mailbox,
    ):
        outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert outcome == {Result.DONE: tuple(keys)}
    assert ground.messages("inbox") == []


@pytest.mark.parametrize("without", ["", "UNSELECT"])
def test_a_server_with_nothing_but_uidplus_destroys_as_exactly(
    dovecot_factory: DovecotFactory, authority: Authority, without: str
) -> None:
    """Courier has no CONDSTORE, ESEARCH, LITERAL+, MOVE or SPECIAL-USE; and never is a folder left by CLOSE,
    which would expunge what others marked."""
    poor = POOR.replace("SPECIAL-USE", "UIDPLUS").replace("MOVE ", "").replace(without, "")
    server = dovecot_factory(capability=poor)
    ground = ImapGround(server, server.new_user("here"), server.new_user("there"))
    keys = [ground.put("sent", letter(f"p{n}@post.example"), LONG_AGO) for n in range(9)]
    theirs = ground.put("sent", letter("theirs@post.example"), LATELY, ["\\Deleted"])
    with (
        Proxy(server, authority) as proxy,
        through(proxy, ground, roles={Role.SENT: "Sent"}) as mailbox,
    ):
        place = view_of(mailbox, "sent").place
        assert results(mailbox.destroy(place, keys[::2])) == {Result.DONE: tuple(keys[::2])}
        mailbox.add(place, [Message(1, reply(1), LATELY, frozenset({"\\Seen"}))])
        assert not proxy.verbs() & {"CLOSE", "EXPUNGE", "MOVE", "UID MOVE"}
    assert [seen.uid for seen in ground.messages("sent")][:-1] == [*keys[1::2], theirs]
    ground.close()


# ── twins ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("others", [0, 30])
def test_a_twin_is_found_however_long_its_header(ground: ImapGround, others: int) -> None:
    """Else a copy more would be added each night."""
    content = b"X-Trace: " + b"\r\n ".join([b"x" * 900] * 90) + b"\r\n" + reply(1)
    wanted = [likeness_of(each, MARKER) for each in (content, *map(reply, range(10, 10 + others)))]
    with ground.open() as mailbox:
        sent = mailbox.place(Role.SENT)
        mailbox.add(sent, [Message(1, content, LATELY, frozenset())])
        assert len(list(mailbox.copies(sent, wanted, mailbox.sameness))) == 1


# ── headers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_an_odd_blank_in_a_name_hides_no_reply(ground: ImapGround, blank: str) -> None:
    """Only a line's end ends a line."""
    content = letter("odd@relay.example", sender=f"Help-line <{HELPLINE}>").replace(
        b"p-l", f"p{blank}l".encode()
    )
    key = ground.put("sent", content, LATELY)
    with ground.open(Kind.ADVISOR) as mailbox:
        assert [item.ref.key for item in view_of(mailbox, "sent").items] == [key]
