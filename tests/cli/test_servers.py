"""A server that cannot be reached, trusted or used: one sentence, the right exit code, nothing touched."""

from __future__ import annotations

import socket

import pytest

from retentiond.demo.authority import Authority
from retentiond.demo.server import EmbeddedServer
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, ASTRAY, DUE, HELPLINE, OLD, Office, Told, mail
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.settings import capability_without
from tests.servers.troubles import Trouble


def everywhere(office: Office, code: int, *words: str) -> None:
    """Every command that looks says it in one sentence, ends with this code, and touches nothing."""
    with office.untouched():
        for command in (("check",), ("audit",), ("sweep",), ("arm", HELPLINE, "--destroy", "1000")):
            told = office.run(*command).has(code, HELPLINE, *words)
            assert sum(HELPLINE in line for line in _sentences(told)) == 1, told.err


def _sentences(told: Told) -> list[str]:
    return [line for line in told.err.splitlines() if not line.startswith("{")]


# ── not reached ──────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_password_is_tried_once(office: Office, authority: Authority) -> None:
    """One attempt a mailbox and run: a password that was changed must not lock the account."""
    office.secret.chmod(0o600)
    office.secret.write_text("not-the-word\n")
    office.secret.chmod(0o400)
    with Proxy(office.server, authority) as proxy:
        office.at(proxy)
        everywhere(office, 75, "password was refused", "one attempt", "check the account's secret")
        proxy.forget()
        office.run("sweep", "--only", HELPLINE)
        assert [command for command in proxy.commands if command in ("LOGIN", "AUTHENTICATE")] == [
            "AUTHENTICATE"
        ]
    assert not any("not-the-word" in text for text in office.said)


def test_an_untrusted_certificate_is_refused(office: Office, stranger: Authority) -> None:
    office.at(office.server, ca_file=str(stranger.ca_file))
    everywhere(office, 75, "certificate is not trusted", "ca_file")


def test_a_certificate_of_another_host_is_refused(office: Office) -> None:
    """127.1 is this machine too, but the certificate is not made out to that name."""
    office.at(office.server, host="127.1")
    everywhere(office, 75, "certificate is not trusted")


def test_a_closed_port_is_said_so(office: Office) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        office.at(office.server, port=unused.getsockname()[1])
        everywhere(office, 75, "cannot be reached", "check host, port and firewall")


def test_a_host_that_has_no_address_is_said_so(office: Office) -> None:
    office.at(office.server, host="mail.nowhere.example")
    everywhere(office, 75, "cannot be reached")


def test_a_port_that_speaks_no_tls_is_said_so(office: Office, dovecot_factory: DovecotFactory) -> None:
    office.at(office.server, port=dovecot_factory().starttls_port)
    everywhere(office, 75, "TLS")


def test_a_server_that_does_not_answer_in_time(office: Office, authority: Authority) -> None:
    with Proxy(office.server, authority, Trouble("^EXAMINE", "stall")) as proxy, office.untouched():
        office.at(proxy, timeout=1)
        office.run("audit", "--only", HELPLINE).has(75, HELPLINE, "did not answer in time")


def test_a_secret_that_is_not_there(office: Office) -> None:
    office.secret.unlink()
    everywhere(office, 75, "secret", "read")


def test_a_mailbox_that_does_not_answer_stops_no_other(
    new_office: NewOffice, embedded: EmbeddedServer
) -> None:
    """A gap is a gap: the rest of the sweep is done, and the exit code tells of the gap."""
    office = new_office(embedded).furnish()
    office.helpline("night-line")
    office.put("night-line", {"INBOX": mail(2, OLD)})
    office.write()
    office.arm_all()
    office.targets["night-line"]["account"] = "elsewhere"
    office.write(
        '[account.elsewhere]\nkind = "imap"\nhost = "127.0.0.1"\nport = 9\nsecret = { env = "HOME" }\n'
    )
    told = office.run("audit").has(75, "night-line", "cannot be reached")
    assert "For review: 0. What could not be looked at is not counted." in told.out
    with office.untouched("night-line"):
        office.run("sweep").has(75, "night-line", "cannot be reached")
    assert office.count(HELPLINE, "Deleted Items") == 0
    told = office.run("audit", "--only", "night-line").has(75, "night-line", "cannot be reached")
    assert "Nothing is due and nothing is astray where it could be looked at." in told.out


# ── not served ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b"Server ready", b"The Microsoft Exchange IMAP4 service is ready."),
        (rb"\* ID [^\r]*", b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")'),
    ],
)
def test_exchange_is_refused_with_the_account_kind_that_serves_it(
    office: Office, authority: Authority, said: bytes, instead: bytes
) -> None:
    with Proxy(office.server, authority, replace={said: instead}) as proxy:
        office.at(proxy)
        everywhere(office, 75, "Exchange", "exchange or graph")
        assert not proxy.verbs() & {"SELECT", "EXAMINE", "STORE", "UID STORE"}


def test_a_server_that_cannot_expunge_single_messages_is_reported_on_and_not_touched(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    office = new_office(dovecot_factory(capability=capability_without("UIDPLUS"))).furnish()
    with office.untouched():
        office.run("check").has(1, HELPLINE, "UIDPLUS")
        told = office.run("audit")
        assert told.code == 0, told.err
        assert f"Due: {DUE}." in told.out
        office.run("arm", HELPLINE, "--destroy", str(DUE)).is_done()
        told = office.run("sweep").has(
            1, HELPLINE, "inbox", "3 items due", "not touched", "UIDPLUS", "RFC 4315"
        )
    lines = _sentences(told)
    assert len([line for line in lines if "inbox" in line]) == 1, "one sentence a folder"


def test_a_folder_without_the_right_to_delete_is_reported_and_the_others_are_done(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    """Without the right `t` a server says OK and removes nothing (RFC 4314): we do not try."""
    server = dovecot_factory()
    office = new_office(server).furnish()
    server.restrict(office.people[HELPLINE], "Sent", "lrswipe")  # type: ignore[arg-type]
    before = office.contents(HELPLINE)["Sent"]
    office.run("check").has(1, HELPLINE, "sent", "may not delete", "rights t and e")
    office.arm_all()
    told = office.run("sweep").has(1, HELPLINE, "sent", "1 item due", "not touched", "rights t and e")
    assert len([line for line in _sentences(told) if " sent" in line]) == 1, told.err
    after = office.contents(HELPLINE)
    assert before.items() <= after["Sent"].items()
    assert len(after["Deleted Items"]) == 0
    assert len(after["INBOX"]) == 3


def test_a_configured_folder_that_is_missing_is_never_an_empty_one(office: Office) -> None:
    office.targets[HELPLINE]["leave_out"] = ["Training"]
    office.write()
    everywhere(office, 75, "Training", "folder is missing")


def test_an_advisors_folder_that_is_missing_is_said_so(office: Office) -> None:
    office.targets[ADVISOR]["folders"] = ["sent", "Replies"]
    office.write()
    with office.untouched():
        office.run("audit").has(75, ADVISOR, "Replies", "folder is missing")


# ── what an audit sends ──────────────────────────────────────────────────────────────────────────


def test_nothing_that_an_audit_sends_to_dovecot_can_change_anything(
    new_office: NewOffice, dovecot_factory: DovecotFactory, authority: Authority
) -> None:
    office = new_office(dovecot_factory()).furnish()
    harmless(office, authority, {"EXAMINE", "UID SEARCH", "UID SORT", "UID FETCH", "MYRIGHTS", "NAMESPACE"})


def test_nothing_that_an_audit_sends_to_a_small_server_can_change_anything(
    office: Office, authority: Authority
) -> None:
    harmless(office, authority, {"EXAMINE", "UID SEARCH", "UID FETCH"})


def harmless(office: Office, authority: Authority, at_least: set[str]) -> None:
    with Proxy(office.server, authority) as proxy, office.untouched():
        office.at(proxy)
        told = office.run("audit")
        assert told.code == 0, told.err
        assert f"Due: {DUE}. Astray: {ASTRAY}." in told.out
        assert proxy.intrusions() == []
        assert at_least <= proxy.verbs(), "the wire was read"
        assert "nothing was changed" in told.out
        proxy.forget()
        for words in (
            ("check",),
            ("audit", "--json"),
            ("audit", "--as-of", "2031-01-01"),
            ("sweep", "--dry-run"),
        ):
            office.run(*words)
        assert proxy.intrusions() == []
        assert proxy.verbs()
