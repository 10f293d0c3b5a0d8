"""The servers that everything else is tested against do what their names say."""

from __future__ import annotations

import base64
import os
import select
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from retentiond.demo.authority import Authority, found_authority
from retentiond.demo.server import EmbeddedServer
from tests.servers.canary import assert_no_canary, holds_canary
from tests.servers.client import Person, Server, connect, signed_in
from tests.servers.dovecot import Dovecot, remove
from tests.servers.fixtures import DovecotFactory, is_dovecot_required
from tests.servers.proxy import Proxy
from tests.servers.seed import CANARY, Seed, append_all, fill, letter, stream
from tests.servers.settings import capability_without
from tests.servers.troubles import Trouble

FIRST = datetime(2025, 3, 1, tzinfo=UTC)
LAST = datetime(2026, 10, 1, tzinfo=UTC)
#: The night in London on which clocks go back: one local hour comes twice.
AUTUMN = datetime(2025, 10, 26, 1, 30, tzinfo=timezone(timedelta(hours=1)))

KINDS: dict[str, dict[str, str]] = {
    "maildir": {},
    "mdbox": {"store": "mdbox"},
    "tokyo": {"zone": "Asia/Tokyo"},
}


@pytest.fixture(params=["embedded", *(pytest.param(kind, marks=pytest.mark.dovecot) for kind in KINDS)])
def any_server(request: pytest.FixtureRequest) -> EmbeddedServer | Dovecot:
    """Each kind of server in turn."""
    return server_of(request)


@pytest.fixture(params=["embedded", pytest.param("maildir", marks=pytest.mark.dovecot)])
def before_proxy(request: pytest.FixtureRequest) -> EmbeddedServer | Dovecot:
    """A server to put the proxy in front of."""
    return server_of(request)


def server_of(request: pytest.FixtureRequest) -> EmbeddedServer | Dovecot:
    kind = request.param
    found: EmbeddedServer | Dovecot = (
        request.getfixturevalue("embedded")
        if kind == "embedded"
        else request.getfixturevalue("dovecot_factory")(**KINDS[kind])
    )
    return found


def everything(client: IMAPClient, folder: str) -> dict[int, dict[bytes, object]]:
    client.select_folder(folder, readonly=True)
    found = client.search("ALL")
    fetched: dict[int, dict[bytes, object]] = client.fetch(found, ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"])
    return fetched


def flags_of(answer: dict[bytes, object]) -> set[str]:
    flags = answer[b"FLAGS"]
    assert isinstance(flags, tuple)
    return {flag.decode() for flag in flags} - {"\\Recent"}


# ── every server ─────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_seen_with_the_very_date_flags_and_bytes_it_was_seeded_with(
    any_server: EmbeddedServer | Dovecot,
) -> None:
    user = any_server.new_user()
    seeds = list(stream(40, FIRST, LAST))
    seeds += [
        Seed(letter("hold@post.example", attachment=True), AUTUMN, ("\\Seen", "$RetentionHold")),
        Seed(
            letter("plain@post.example", canary=""), AUTUMN + timedelta(hours=1), ("\\Answered", "\\Flagged")
        ),
        Seed(letter("new@post.example"), datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ]
    assert fill(any_server, user, "Archive/Old", seeds) == len(seeds)
    with signed_in(any_server, user) as client:
        seen = [answer for _uid, answer in sorted(everything(client, "Archive/Old").items())]
    assert [answer[b"INTERNALDATE"] for answer in seen] == [seed.received for seed in seeds]
    assert [answer[b"BODY[]"] for answer in seen] == [seed.content for seed in seeds]
    assert [flags_of(answer) for answer in seen] == [set(seed.flags) for seed in seeds]


def test_every_server_tells_the_roles_of_its_folders(any_server: EmbeddedServer | Dovecot) -> None:
    with signed_in(any_server, any_server.new_user()) as client:
        assert client.has_capability("SPECIAL-USE")
        roles = {name: set(flags) for flags, _separator, name in client.list_folders()}
    assert set(roles) == {"INBOX", "Sent", "Deleted Items", "Drafts", "Junk"}
    assert b"\\Sent" in roles["Sent"]
    assert b"\\Trash" in roles["Deleted Items"]
    assert b"\\Drafts" in roles["Drafts"]
    assert b"\\Junk" in roles["Junk"]


def test_a_stranger_s_certificate_is_refused(any_server: EmbeddedServer | Dovecot, tmp_path: Path) -> None:
    stranger = found_authority(tmp_path).client_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        IMAPClient(any_server.host, any_server.port, ssl_context=stranger)


def test_a_wrong_password_is_refused_at_once(any_server: EmbeddedServer | Dovecot) -> None:
    client = connect(any_server)
    with pytest.raises(IMAPClientError):
        client.login(any_server.new_user().name, "wrong")
    client.shutdown()


def test_users_do_not_see_each_other_s_mail(any_server: EmbeddedServer | Dovecot) -> None:
    one, other = any_server.new_user(), any_server.new_user()
    fill(any_server, one, "INBOX", stream(3, FIRST, LAST))
    with signed_in(any_server, other) as client:
        assert everything(client, "INBOX") == {}


def test_only_the_named_message_goes_with_uid_expunge(any_server: EmbeddedServer | Dovecot) -> None:
    user = any_server.new_user()
    with signed_in(any_server, user) as client:
        append_all(client, "INBOX", stream(3, FIRST, LAST, flags=("\\Deleted",)))
        client.select_folder("INBOX")
        first, *rest = client.search("ALL")
        client.uid_expunge([first])
        assert client.search("ALL") == rest


# ── Dovecot ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "is_before"), [("UTC", True), ("Asia/Tokyo", False), ("America/New_York", True)]
)
def test_before_follows_the_server_s_own_zone(
    dovecot_factory: DovecotFactory, zone: str, is_before: bool
) -> None:
    """The last hour of a day in UTC is the next day in Tokyo already."""
    server = dovecot_factory(zone=zone)
    user = server.new_user()
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    fill(server, user, "INBOX", [Seed(letter("late@post.example"), late)])
    with signed_in(server, user) as client:
        client.select_folder("INBOX", readonly=True)
        assert bool(client.search(["BEFORE", date(2026, 3, 10)])) is is_before


def test_ten_thousand_files_are_laid_down_quickly_and_in_order(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    assert fill(dovecot, user, "INBOX", stream(10_000, FIRST, LAST)) == 10_000
    with signed_in(dovecot, user) as client:
        assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 10_000
        by_arrival = client.sort("ARRIVAL")
    assert by_arrival == sorted(by_arrival)


def test_files_laid_down_later_appear_in_an_open_folder(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    with signed_in(dovecot, user) as client:
        client.select_folder("INBOX")
        held = Seed(letter("held@post.example"), FIRST, ("$RetentionHold", "Todo"))
        fill(dovecot, user, "INBOX", [held])
        client.noop()
        assert client.search(["KEYWORD", "$RetentionHold"]) == client.search(["KEYWORD", "Todo"]) == [1]


def test_starttls_leads_to_the_same_mailbox(dovecot: Dovecot, authority: Authority) -> None:
    user = dovecot.new_user()
    client = IMAPClient(dovecot.host, dovecot.starttls_port, ssl=False)
    client.starttls(authority.client_context())
    client.login(user.name, user.password)
    client.logout()


def test_the_master_user_has_its_user_s_rights(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    fill(dovecot, user, "INBOX", stream(2, FIRST, LAST, flags=("\\Deleted",)))
    with signed_in(dovecot, dovecot.as_master(user)) as client:
        client.select_folder("INBOX")
        client.uid_expunge(client.search("ALL"))
        assert client.search("ALL") == []


@pytest.mark.parametrize("store", ["maildir", "mdbox"])
def test_the_service_copies_between_shared_mailboxes_and_is_told_the_new_uids(
    dovecot_factory: DovecotFactory, store: str
) -> None:
    server = dovecot_factory(store=store)
    advisor, helpline = server.new_user("advisor"), server.new_user("helpline")
    server.share(advisor)
    server.share(helpline)
    seed = Seed(letter("stray@post.example"), AUTUMN, ("\\Seen", "\\Answered"))
    fill(server, advisor, "Sent", [seed])
    with signed_in(server, server.service) as client:
        names = {name for _flags, _separator, name in client.list_folders()}
        assert {f"shared/{person.name}/Sent" for person in (advisor, helpline)} <= names
        client.select_folder(f"shared/{advisor.name}/Sent")
        client.copy([1], f"shared/{helpline.name}/Sent")
        assert client._imap.untagged_responses["COPYUID"]
    with signed_in(server, helpline) as client:
        (copy,) = everything(client, "Sent").values()
    assert (copy[b"INTERNALDATE"], copy[b"BODY[]"]) == (seed.received, seed.content)
    assert flags_of(copy) == set(seed.flags)


def test_nobody_reaches_a_mailbox_that_was_not_shared(dovecot: Dovecot) -> None:
    private = dovecot.new_user()
    fill(dovecot, private, "INBOX", stream(1, FIRST, LAST))
    with signed_in(dovecot, dovecot.service) as client, pytest.raises(IMAPClientError):
        client.select_folder(f"shared/{private.name}/INBOX")


@pytest.mark.parametrize("right", ["t", "e"])
def test_without_the_right_the_server_says_ok_and_destroys_nothing(dovecot: Dovecot, right: str) -> None:
    user = dovecot.new_user()
    fill(dovecot, user, "Sent", stream(1, FIRST, LAST))
    dovecot.restrict(user, "Sent", "lrwstipekxa".replace(right, ""))
    with signed_in(dovecot, user) as client:
        client.select_folder("Sent")
        client.add_flags([1], ["\\Deleted"])
        client.uid_expunge([1])
        assert client.search("ALL") == [1]


def test_a_server_without_uidplus_and_multiappend_does_not_tell_of_them(
    dovecot_factory: DovecotFactory,
) -> None:
    server = dovecot_factory(capability=capability_without("UIDPLUS", "MULTIAPPEND"))
    user = server.new_user()
    with signed_in(server, user) as client:
        assert not client.has_capability("UIDPLUS")
        assert not client.has_capability("MULTIAPPEND")
        assert client.has_capability("WITHIN")
        append_all(client, "INBOX", stream(2, FIRST, LAST))
        assert len(everything(client, "INBOX")) == 2


def test_what_was_expunged_lies_in_another_folder_where_the_server_keeps_copies(
    dovecot_factory: DovecotFactory,
) -> None:
    server = dovecot_factory(lazy_expunge=True)
    user = server.new_user()
    fill(server, user, "INBOX", stream(1, FIRST, LAST, flags=("\\Deleted",)))
    with signed_in(server, user) as client:
        client.select_folder("INBOX")
        client.uid_expunge([1])
        assert client.search("ALL") == []
        assert len(everything(client, "EXPUNGED")) == 1


def test_a_full_mailbox_takes_nothing_more(dovecot_factory: DovecotFactory) -> None:
    server = dovecot_factory(quota="1M")
    with signed_in(server, server.new_user()) as client:
        client.append("INBOX", letter("one@post.example", size=900_000))
        with pytest.raises(IMAPClientError, match="OVERQUOTA"):
            client.append("INBOX", letter("two@post.example", size=900_000))


def test_a_killed_server_comes_back_at_the_same_port_with_its_mail(
    authority: Authority, dovecot: Dovecot
) -> None:
    with Dovecot(authority) as server:
        user, port = server.new_user(), server.port
        fill(server, user, "INBOX", stream(1, FIRST, LAST))
        server.kill()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((server.host, port))
        server.start()
        assert server.port == port
        with signed_in(server, user) as client:
            assert len(everything(client, "INBOX")) == 1
    assert not server.directory.exists()


def test_a_paused_server_answers_nothing_until_it_goes_on(authority: Authority, dovecot: Dovecot) -> None:
    with Dovecot(authority) as server, signed_in(server, server.new_user()) as client:
        client.socket().settimeout(0.2)
        with server.paused(), pytest.raises(TimeoutError):
            client.noop()


def test_the_server_dies_with_the_tests(dovecot: Dovecot, tmp_path: Path) -> None:
    """A test process that is killed leaves no Dovecot behind."""
    program = textwrap.dedent(
        """
        import pathlib, sys
        from retentiond.demo.authority import found_authority
        from tests.servers.dovecot import Dovecot, remove
        server = Dovecot(found_authority(pathlib.Path(sys.argv[1])))
        server.start()
        print(server._process.pid, server.directory, flush=True)
        sys.stdin.read()
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout
    pid, directory = child.stdout.readline().split()
    watch = os.pidfd_open(int(pid))
    child.kill()
    child.communicate()
    has_ended, _writable, _failed = select.select([watch], [], [], 5)
    os.close(watch)
    remove(Path(directory))
    assert has_ended


# ── the proxy ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def broken(
    server: Server, user: Person, authority: Authority, *troubles: Trouble
) -> Iterator[tuple[Proxy, IMAPClient]]:
    with Proxy(server, authority, *troubles) as proxy, signed_in(proxy, user) as client:
        yield proxy, client


def count(server: Server, user: Person, folder: str = "INBOX") -> int:
    with signed_in(server, user) as client:
        return len(everything(client, folder))


def test_the_proxy_writes_down_commands_and_neither_passwords_nor_mail(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority
) -> None:
    user = before_proxy.new_user()
    with broken(before_proxy, user, authority) as (proxy, client):
        assert append_all(client, "INBOX", stream(3, FIRST, LAST)) == 3
        client.append("INBOX", letter("four@post.example"), ["\\Seen"], FIRST)
        client.select_folder("INBOX", readonly=True)
        client.fetch([101, 1], ["BODY.PEEK[]"])
        assert proxy.intrusions() == [c for c in proxy.commands if c.startswith("APPEND")]
        client.fetch([101, 1], ["BODY[]"])
        client.select_folder("INBOX")
        client.add_flags([101, 1], ["\\Deleted"])
        assert {"LOGIN", "APPEND", "EXAMINE", "SELECT", "UID FETCH", "UID STORE"} <= proxy.verbs()
        assert [command.split()[0] for command in proxy.intrusions()[-3:]] == ["UID", "SELECT", "UID"]
        assert "LOGIN" in proxy.commands
        assert_no_canary(texts=proxy.commands)
        proxy.forget()
        assert proxy.verbs() == set()
    assert count(before_proxy, user) == 4


@pytest.mark.parametrize(
    ("action", "arrived"), [("cut-before", 0), ("cut-after", 1), ("half", 0), ("half-reply", 1)]
)
def test_an_append_is_cut_before_or_after_the_server_took_it(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority, action: str, arrived: int
) -> None:
    user = before_proxy.new_user()
    with broken(before_proxy, user, authority, Trouble("^APPEND", action)) as (proxy, client):  # type: ignore[arg-type]
        with pytest.raises((IMAPClientError, OSError)):
            client.append("INBOX", letter("cut@post.example"))
        assert proxy.struck == [action]
    assert count(before_proxy, user) == arrived


def test_what_was_written_behind_a_command_that_is_cut_never_arrives(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority
) -> None:
    """STORE and EXPUNGE in one write, cut between the two: marked, and still there."""
    user = before_proxy.new_user()
    fill(before_proxy, user, "INBOX", stream(1, FIRST, LAST))
    with broken(before_proxy, user, authority, Trouble("^UID STORE", "cut-after")) as (_proxy, client):
        client.select_folder("INBOX")
        (uid,) = client.search("ALL")
        client.socket().sendall(b"x1 UID STORE %d +FLAGS (\\Deleted)\r\nx2 UID EXPUNGE %d\r\n" % (uid, uid))
        with pytest.raises((IMAPClientError, OSError)):
            client.noop()
    with signed_in(before_proxy, user) as client:
        (left,) = everything(client, "INBOX").values()
    assert "\\Deleted" in flags_of(left)


def test_the_nth_command_stalls_and_the_client_s_own_deadline_ends_it(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority
) -> None:
    with broken(before_proxy, before_proxy.new_user(), authority, Trouble("NOOP", "stall", nth=2)) as (
        _p,
        client,
    ):
        client.noop()
        client.socket().settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.noop()


def test_somebody_else_acts_just_before_a_command_arrives(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority
) -> None:
    user = before_proxy.new_user()

    def act() -> None:
        fill(before_proxy, user, "INBOX", stream(2, FIRST, LAST))

    with broken(before_proxy, user, authority) as (proxy, client):
        proxy.expect(Trouble("^EXAMINE", "call", deed=act))
        assert len(everything(client, "INBOX")) == 2


def test_abilities_are_hidden_and_a_server_s_name_is_faked(dovecot: Dovecot, authority: Authority) -> None:
    user = dovecot.new_user()
    name = {rb"^\* ID .*": b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server")\r'}
    with (
        Proxy(dovecot, authority, hide=("UIDPLUS", "ESEARCH", "LITERAL+"), replace=name) as proxy,
        signed_in(proxy, user) as client,
    ):
        abilities = client.capabilities()
        assert not {b"UIDPLUS", b"ESEARCH", b"LITERAL+"} & set(abilities)
        assert b"ESORT" in abilities
        assert b"Microsoft.Exchange.Imap4.Imap4Server" in client.id_()[0]


def test_a_literal_that_the_server_refuses_does_not_confuse_the_proxy(
    before_proxy: EmbeddedServer | Dovecot, authority: Authority
) -> None:
    with broken(before_proxy, before_proxy.new_user(), authority) as (_proxy, client):
        with pytest.raises(IMAPClientError):
            client.append("No such folder", letter("lost@post.example"))
        client.noop()


# ── the canary and the machine ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_the_canary_is_heard_in_every_disguise(before: str, tmp_path: Path) -> None:
    coded = base64.b64encode(f"{before}{CANARY} sings".encode())
    for song in (
        CANARY.upper(),
        CANARY.encode("utf-16-le"),
        coded,
        letter("x@post.example", attachment=True),
    ):
        assert holds_canary(song)
        with pytest.raises(AssertionError, match="text 0"):
            assert_no_canary(texts=[song])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"..." + coded)
    with pytest.raises(AssertionError, match="log"):
        assert_no_canary([tmp_path])
    (tmp_path / "deep" / "log").write_text("nothing")
    assert_no_canary([tmp_path, tmp_path / "missing"], ["nothing", letter("x@post.example", canary="")])


def test_a_letter_is_the_same_for_the_same_arguments() -> None:
    assert letter("a@post.example", attachment=True) == letter("a@post.example", attachment=True)
    assert list(stream(5, FIRST, LAST, seed=1))[3].content == list(stream(5, FIRST, LAST, seed=1))[3].content
    assert (
        list(stream(5, FIRST, LAST, seed=1))[3].received != list(stream(5, FIRST, LAST, seed=2))[3].received
    )


def test_a_missing_dovecot_is_a_failure_where_nobody_reads_of_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("RETENTIOND_REQUIRE_DOVECOT", raising=False)
    assert not is_dovecot_required()
    monkeypatch.setenv("CI", "true")
    assert is_dovecot_required()


def test_the_machine_s_zone_changes_for_one_test(machine_zone: Callable[[str], None]) -> None:
    machine_zone("Asia/Tokyo")
    assert datetime(2026, 3, 9, 23, 30, tzinfo=UTC).astimezone().hour == 8
