"""Connecting: verified or not at all, one attempt, and a fixed word for every failure."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retentiond.config import Login, Tls
from retentiond.core.model import Kind, Role
from retentiond.demo.authority import Authority, found_authority
from retentiond.errors import MailboxError, Unreachable, Unsupported, Why
from retentiond.mailbox.imap import ImapMailbox
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import LONG_AGO, question
from tests.mailbox.grounds import MARKER, account
from tests.servers.canary import holds_canary
from tests.servers.client import Server
from tests.servers.dovecot import MASTER, Dovecot
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.seed import CANARY, Seed, fill, letter
from tests.servers.troubles import is_intrusion

SCOPE = Scope("night", Kind.HELPLINE, ("helpline@relay.example",))


def mailbox_of(
    server: Server, mailbox: str, password: str, scope: Scope = SCOPE, **changes: object
) -> ImapMailbox:
    return ImapMailbox(account(server, **changes), scope, MARKER, mailbox, Secret(lambda: password))


def failure(deed: Callable[[], object]) -> MailboxError:
    with pytest.raises(MailboxError) as caught:
        deed()
    text = "".join(traceback.format_exception(caught.value))
    assert "imaplib.IMAP4" not in text
    assert not holds_canary(text)
    return caught.value


class Told:
    """A server that says one line after another, whatever it hears; TLS where it has an authority."""

    host = "127.0.0.1"

    def __init__(self, ca_file: Path, port: int) -> None:
        self.ca_file = ca_file
        self.port = port
        self.heard = b""


@contextmanager
def telling(
    authority: Authority, *lines: bytes, tls: bool = True, newest: ssl.TLSVersion | None = None
) -> Iterator[Told]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Told(authority.ca_file, listener.getsockname()[1])
    context = authority.server_context()
    if newest is not None:
        context.minimum_version, context.maximum_version = newest, newest
        context.set_ciphers("ALL:@SECLEVEL=0")

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            if tls:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                connection.sendall(lines[0])
                for line in lines[1:]:
                    server.heard += (words := connection.recv(4096))
                    connection.sendall(line.replace(b"TAG", words.split(b" ")[0]))
                while words := connection.recv(4096):
                    server.heard += words
        except (OSError, ssl.SSLError):
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server
    listener.close()
    thread.join(5)


CAPABILITY = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nTAG OK done\r\n"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_password_is_said_to_be_one_after_one_attempt(dovecot: Dovecot, authority: Authority) -> None:
    user = dovecot.new_user()
    with Proxy(dovecot, authority) as proxy:
        error = failure(mailbox_of(proxy, user.name, f"{CANARY} wrong").__enter__)
        assert sum(verb == "AUTHENTICATE" for verb in proxy.commands) == 1
    assert (type(error), error.why) == (Unreachable, Why.PASSWORD)


def test_an_unknown_authority_is_not_trusted(dovecot: Dovecot, tmp_path: Path) -> None:
    other = found_authority(tmp_path)
    user = dovecot.new_user()
    mailbox = mailbox_of(dovecot, user.name, user.password, ca_file=other.ca_file)
    error = failure(mailbox.__enter__)
    assert (error.why, error.detail) == (Why.CERTIFICATE, "127.0.0.1")


def test_an_authority_that_cannot_be_read_is_not_a_network_failure(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.new_user()
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        if path.stem == "empty":
            path.write_text("nothing")
        mailbox = mailbox_of(dovecot, user.name, user.password, ca_file=path)
        assert failure(mailbox.__enter__).why is Why.CERTIFICATE


def test_a_certificate_for_another_name_is_refused(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    mailbox = mailbox_of(dovecot, user.name, user.password, host="127.0.0.2")
    assert failure(mailbox.__enter__).why in (Why.CERTIFICATE, Why.NETWORK)


def test_a_certificate_that_has_run_out_is_refused(tmp_path: Path) -> None:
    old = found_authority(tmp_path, until=datetime(2021, 1, 1, tzinfo=UTC))
    with telling(old, b"* OK ready\r\n", CAPABILITY) as server:
        assert failure(mailbox_of(server, "a", f"{CANARY}-password").__enter__).why is Why.CERTIFICATE
    assert server.heard == b""


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
def test_an_old_tls_is_refused(authority: Authority) -> None:
    """TLS 1.2 is the least (RFC 8314, 4.1)."""
    with telling(authority, b"* OK ready\r\n", CAPABILITY, newest=ssl.TLSVersion.TLSv1_1) as server:
        assert failure(mailbox_of(server, "a", f"{CANARY}-password").__enter__).why is Why.TLS
    assert server.heard == b""


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INUSE", "LIMIT"])
def test_a_sign_in_that_is_put_off_is_not_a_wrong_password(authority: Authority, code: str) -> None:
    """Else the secret would be taken for wrong, and no other mailbox of the account opened tonight."""
    refusal = f"TAG NO [{code}] later, {CANARY}\r\n".encode()
    with telling(authority, b"* OK ready\r\n", CAPABILITY, refusal) as server:
        mailbox = mailbox_of(server, "a", "b")
        assert failure(mailbox.__enter__).why is Why.BUSY
        assert not mailbox._secret.is_refused
    assert server.heard.count(b"AUTHENTICATE") == 1


def test_nobody_there_is_a_network_failure(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Told(authority.ca_file, listener.getsockname()[1])
    assert failure(mailbox_of(server, "a", "b").__enter__).why is Why.NETWORK


def test_starttls_signs_in_under_tls(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    with mailbox_of(
        dovecot, user.name, user.password, tls=Tls.STARTTLS, port=dovecot.starttls_port
    ) as mailbox:
        assert mailbox.place(Role.INBOX).role is Role.INBOX


@pytest.mark.parametrize(
    "greeting", [b"* OK ready\r\n", b"* PREAUTH you are in\r\n"], ids=["not offered", "preauth"]
)
def test_a_session_that_stays_in_cleartext_is_left_before_the_password(
    authority: Authority, greeting: bytes
) -> None:
    with telling(authority, greeting, CAPABILITY, tls=False) as server:
        mailbox = mailbox_of(server, "a", f"{CANARY}-password", tls=Tls.STARTTLS)
        assert failure(mailbox.__enter__).why is Why.TLS
    assert not holds_canary(server.heard)
    assert b"AUTH" not in server.heard
    assert b"LOGIN" not in server.heard


def test_a_greeting_that_claims_we_are_in_already_is_not_believed(authority: Authority) -> None:
    with telling(authority, b"* PREAUTH you are in\r\n", CAPABILITY) as server:
        assert failure(mailbox_of(server, "a", "b").__enter__).why is Why.TLS


def test_exchange_is_refused_by_its_greeting(authority: Authority) -> None:
    greeting = b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"
    with telling(authority, greeting, CAPABILITY) as server:
        error = failure(mailbox_of(server, "a", "b").__enter__)
    assert (type(error), error.why) == (Unsupported, Why.IS_EXCHANGE)
    assert b"AUTH" not in server.heard


def test_exchange_is_refused_by_its_id(dovecot: Dovecot, authority: Authority) -> None:
    user = dovecot.new_user()
    told = {rb"^\* ID .*\r": b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server")\r'}
    with Proxy(dovecot, authority, replace=told) as proxy:
        error = failure(mailbox_of(proxy, user.name, user.password).__enter__)
    assert (type(error), error.why) == (Unsupported, Why.IS_EXCHANGE)


def test_a_server_that_is_busy_says_so(authority: Authority) -> None:
    with telling(authority, b"* BYE [UNAVAILABLE] try later " + CANARY.encode() + b"\r\n") as server:
        assert failure(mailbox_of(server, "a", "b").__enter__).why is Why.BUSY


@pytest.mark.parametrize(
    "words",
    [
        b"hello\r\n",
        b"* OK " + CANARY.encode() + b"\r\n* " + b"x" * 200 + b"{99999999999}\r\n",
        b"\x00\xff" + CANARY.encode() + b"\r\n",
    ],
)
def test_a_server_that_speaks_nonsense_is_unreachable(authority: Authority, words: bytes) -> None:
    with telling(authority, words, b"more " + CANARY.encode() + b"\r\n") as server:
        error = failure(mailbox_of(server, "a", "b", timeout=2).__enter__)
    assert error.why in (Why.PROTOCOL, Why.NETWORK, Why.TIMEOUT)


def test_a_password_with_a_line_break_is_never_sent(authority: Authority) -> None:
    with telling(authority, b"* OK ready\r\n", CAPABILITY) as server:
        assert failure(mailbox_of(server, "a", "b\r\nR9 DELETE INBOX").__enter__).why is Why.PASSWORD
    assert b"DELETE" not in server.heard


# ── logins ───────────────────────────────────────────────────────────────────────────────────────


def test_a_master_user_opens_another_users_mailbox(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    fill(dovecot, user, "INBOX", [Seed(letter("a@post.example"), LONG_AGO)])
    with mailbox_of(dovecot, user.name, user.password, login=Login.MASTER, user=MASTER) as mailbox:
        totals = {view.place.folder: view.census.total for view in mailbox.look(question())}
    assert totals["inbox"] == 1


def test_a_shared_login_sees_one_mailbox_and_no_other(dovecot: Dovecot) -> None:
    ours, other = dovecot.new_user(), dovecot.new_user()
    for user in (ours, other):
        fill(dovecot, user, "Sent", [Seed(letter("a@post.example"), LONG_AGO)])
        dovecot.share(user, ("INBOX", "Sent"))
    roles = {Role.SENT: "Sent"}
    scope = Scope("night", Kind.HELPLINE, roles=roles)
    settings = {"login": Login.SHARED, "user": dovecot.service.name, "shared_prefix": "shared/{mailbox}"}
    with mailbox_of(dovecot, ours.name, dovecot.service.password, scope, **settings) as mailbox:
        names = mailbox.names()
        totals = {view.place.folder: view.census.total for view in mailbox.look(question())}
    assert names["sent"] == f"shared/{ours.name}/Sent"
    assert not any(other.name in name for name in names.values())
    assert totals == {"inbox": 0, "sent": 1}


def test_folders_that_others_share_with_a_helpline_are_not_the_helplines(dovecot: Dovecot) -> None:
    """A helpline's login that can see another user's folders must not destroy there."""
    other = dovecot.new_user()
    dovecot.share(other, ("INBOX", "Sent"))
    with mailbox_of(dovecot, dovecot.service.name, dovecot.service.password) as mailbox:
        assert not any(name.startswith("shared/") for name in mailbox.names().values())


# ── the audit's wire ─────────────────────────────────────────────────────────────────────────────


def test_looking_sends_nothing_that_could_change_anything(
    dovecot_factory: DovecotFactory, authority: Authority
) -> None:
    dovecot = dovecot_factory()
    user = dovecot.new_user()
    fill(dovecot, user, "INBOX", [Seed(letter(f"a{n}@post.example"), LONG_AGO) for n in range(30)])
    with Proxy(dovecot, authority) as proxy:
        for kind in Kind:
            scope = Scope("night", kind, ("helpline@relay.example",), look_in=("inbox", "sent"))
            with mailbox_of(proxy, user.name, user.password, scope) as mailbox:
                mailbox.abilities()
                mailbox.clock(LONG_AGO)
                for view in mailbox.look(question(wants_threads=True, wants_days=True)):
                    mailbox.stand(view.place, [1, 2])
                    list(mailbox.fetch(view.place, [1, 2]))
        assert [command for command in proxy.commands if is_intrusion(command)] == []
        assert any("BODY.PEEK[" in command for command in proxy.commands)


def test_one_wrong_password_is_one_attempt_however_many_mailboxes(dovecot: Dovecot) -> None:
    """An account must not be locked because it opens twenty mailboxes."""
    user = dovecot.new_user()
    secret = Secret(lambda: "not-the-password")
    with Proxy(dovecot, dovecot.authority) as proxy:
        for _ in range(3):
            mailbox = ImapMailbox(account(proxy), Scope("here", Kind.HELPLINE), MARKER, user.name, secret)
            with pytest.raises(Unreachable) as caught, mailbox:
                pass
            assert caught.value.why is Why.PASSWORD
        assert [verb for verb in proxy.commands if verb in ("LOGIN", "AUTHENTICATE")] == ["AUTHENTICATE"]
