"""The account kind `exchange`: what it may say, what it becomes, what is refused."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from retentiond.config import Access, Auth, Config, ExchangeAccount, shown
from retentiond.core.period import Period
from retentiond.doors import estate_of
from retentiond.mailbox.marker import Marker
from tests.config.conftest import HELPLINE, Loaded, Write
from tests.config.test_faults import faults_of

ACCOUNT = """\
[account.main]
kind = "exchange"
endpoint = "https://mail.charity.example/EWS/Exchange.asmx"
user = 'CHARITY\\retentiond'
secret = { credential = "exchange" }
"""


def account_of(config: Config) -> ExchangeAccount:
    account = config.accounts["main"]
    assert isinstance(account, ExchangeAccount)
    return account


def test_the_least_account_has_every_default(loaded: Loaded) -> None:
    config = loaded(ACCOUNT + HELPLINE)
    account = account_of(config)
    assert (account.kind, account.host, account.auth) == ("exchange", "mail.charity.example", Auth.NTLM)
    assert (account.user, account.access) == ("CHARITY\\retentiond", Access.DELEGATE)
    assert (account.timeout, account.patience, account.ca_file) == (60, 300, None)
    assert account.has_recoverable_items
    assert account.looks_in_archive
    assert account.single_item_recovery is None
    assert config.helplines[0].hold_keyword == account.hold_category == "Retention hold"
    assert "endpoint = " in shown(config)


def test_every_key_reaches_the_house(loaded: Loaded, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch(mode=0o644)
    more = f"""\
[account.main]
kind = "exchange"
endpoint = "https://mail.charity.example/EWS/Exchange.asmx"
ca_file = "{authority}"
auth = "oauth"
client_id = "app"
token_url = "https://login.charity.example/token"
secret = {{ env = "APP" }}
access = "impersonation"
timeout = 30
patience = "2 minutes"
recoverable_items = false
archive = "no"
single_item_recovery = "14 days"
hold_category = "Behalten"
"""
    account = account_of(loaded(more + HELPLINE))
    assert (account.auth, account.client_id, account.token_url) == (
        Auth.OAUTH,
        "app",
        "https://login.charity.example/token",
    )
    assert account.is_impersonating
    assert (account.timeout, account.patience, account.ca_file) == (30, 120, authority)
    assert not account.has_recoverable_items
    assert not account.looks_in_archive
    assert (account.single_item_recovery, account.hold_category) == (Period(days=14), "Behalten")


BROKEN: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "no TLS": (
        ACCOUNT.replace("https:", "http:") + HELPLINE,
        [("account.main.endpoint", "only https", "https://")],
    ),
    "an address that is none": (
        ACCOUNT.replace("mail.charity.example", "[") + HELPLINE,
        [("account.main.endpoint", "this is not an address", "such as endpoint")],
    ),
    "Exchange Online": (
        ACCOUNT.replace("mail.charity.example", "outlook.office365.com") + HELPLINE,
        [("account.main.endpoint", "Exchange Online", "graph")],
    ),
    "a password in the address": (
        ACCOUNT.replace("//mail", "//me:secret@mail") + HELPLINE,
        [("account.main.endpoint", "whole address", "https://")],
    ),
    "a host without a path": (
        ACCOUNT.replace("/EWS/Exchange.asmx", "") + HELPLINE,
        [("account.main.endpoint", "whole address", "https://")],
    ),
    "a key of IMAP": (
        ACCOUNT + 'host = "mail.charity.example"\n' + HELPLINE,
        [("account.main.host", "not known here", "known are: kind, endpoint")],
    ),
    "nobody who signs in": (
        ACCOUNT.replace("user = 'CHARITY\\retentiond'\n", "") + HELPLINE,
        [("account.main.user", "needs this key", "user =")],
    ),
    "an application that is half a user": (
        ACCOUNT + 'auth = "oauth"\n' + HELPLINE,
        [
            ("account.main.user", "means nothing", "leave it out"),
            ("account.main.client_id", "needs this key", "application"),
            ("account.main.token_url", "needs this key", "token"),
            ("account.main.access", "impersonation only", "impersonation"),
        ],
    ),
    "a switch that loosens": (
        ACCOUNT + "verify = false\n" + HELPLINE,
        [("account.main.verify", "no switch loosens TLS", "ca_file")],
    ),
    "a mailbox without an address, a keyword": (
        ACCOUNT
        + HELPLINE.replace('mailbox = "help@charity.example"', 'mailbox = "help"')
        + 'hold_keyword = "$Kept"\n',
        [
            ("helpline.mailbox", "by its address", "primary address"),
            ("helpline.hold_keyword", "categories", "hold_category"),
        ],
    ),
    "one mailbox by two accounts": (
        ACCOUNT
        + ACCOUNT.replace("account.main", "account.other").replace("https://mail", "https://MAIL")
        + HELPLINE
        + HELPLINE.replace("helpline-1", "two").replace('"main"', '"other"').replace('["help@', '["two@'),
        [("helpline.mailbox", "has the same mailbox", "remove one")],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_with_the_way_on(name: str, write: Write) -> None:
    text, expected = BROKEN[name]
    faults = faults_of(write(text))
    assert sorted(fault.key for fault in faults) == sorted(key for key, _, _ in expected)
    for key, what, way_on in expected:
        [fault] = [fault for fault in faults if fault.key == key]
        assert what in fault.what
        assert way_on in fault.way_on
        assert fault.line


@pytest.mark.skipif(find_spec("requests_gssapi") is not None, reason="Kerberos is installed here")
def test_kerberos_that_is_not_installed_is_refused(write: Write) -> None:
    text = ACCOUNT.replace("user = 'CHARITY\\retentiond'\n", 'auth = "kerberos"\n') + HELPLINE
    [fault] = faults_of(write(text))
    assert (fault.key, "not installed" in fault.what) == ("account.main.auth", True)
    assert "exchangelib[kerberos]" in fault.way_on


def test_an_account_is_armed_for_its_server_and_its_sign(loaded: Loaded) -> None:
    """The server, the mailbox and the category of a hold are part of the rules; patience is not."""

    def rules(text: str) -> str:
        return estate_of(loaded(text), Marker(b"key")).targets[0].rules

    least = rules(ACCOUNT + HELPLINE)
    assert rules(ACCOUNT + "patience = 60\ntimeout = 5\n" + HELPLINE) == least
    assert rules(ACCOUNT + 'hold_category = "Other"\n' + HELPLINE) != least
    assert rules(ACCOUNT.replace("mail.charity", "mail.other") + HELPLINE) != least
