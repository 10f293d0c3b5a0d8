"""The account kind `graph`: what it may say, what it becomes, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from retentiond.config import Config, GraphAccount, Proof, shown
from retentiond.core.period import Period
from retentiond.doors import estate_of
from retentiond.mailbox.marker import Marker
from tests.config.conftest import HELPLINE, Loaded, Write
from tests.config.test_faults import faults_of

ACCOUNT = """\
[account.main]
kind = "graph"
tenant = "charity.onmicrosoft.com"
client_id = "5e6F0000-0000-0000-0000-000000000000"
secret = { credential = "graph" }
"""


def account_of(config: Config) -> GraphAccount:
    account = config.accounts["main"]
    assert isinstance(account, GraphAccount)
    return account


def test_the_least_account_has_every_default(loaded: Loaded) -> None:
    config = loaded(ACCOUNT + HELPLINE)
    account = account_of(config)
    assert (account.kind, account.host, account.auth) == ("graph", "graph.microsoft.com", Proof.CERTIFICATE)
    assert account.endpoint == "https://graph.microsoft.com/v1.0"
    assert account.authority == "https://login.microsoftonline.com"
    assert account.client_id == "5e6f0000-0000-0000-0000-000000000000"
    assert (account.timeout, account.patience, account.ca_file) == (60, 300, None)
    assert account.has_recoverable_items
    assert account.tells_of_archive
    assert account.reviews_receipts
    assert account.single_item_recovery is None
    assert config.helplines[0].hold_keyword == account.hold_category == "Retention hold"
    assert "endpoint = " in shown(config)


def test_every_key_reaches_the_house(loaded: Loaded, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch(mode=0o644)
    more = f"""\
[account.main]
kind = "graph"
tenant = "charity.example"
client_id = "app"
auth = "federated"
secret = {{ file = "/var/run/assertion" }}
endpoint = "https://graph.microsoft.us/v1.0/"
authority = "https://login.microsoftonline.us/"
ca_file = "{authority}"
timeout = 30
patience = "2 minutes"
recoverable_items = false
archive = "no"
single_item_recovery = "30 days"
unread_receipts = "destroy"
hold_category = "Behalten"
"""
    account = account_of(loaded(more + HELPLINE))
    assert (account.tenant, account.client_id, account.auth) == ("charity.example", "app", Proof.FEDERATED)
    assert str(account.secret) == "file /var/run/assertion"
    assert account.endpoint == "https://graph.microsoft.us/v1.0"
    assert account.authority == "https://login.microsoftonline.us"
    assert (account.timeout, account.patience, account.ca_file) == (30, 120, authority)
    assert not account.has_recoverable_items
    assert not account.tells_of_archive
    assert not account.reviews_receipts
    assert (account.single_item_recovery, account.hold_category) == (Period(days=30), "Behalten")


def test_a_managed_identity_needs_nothing_else(loaded: Loaded) -> None:
    account = account_of(loaded('[account.main]\nkind = "graph"\nauth = "managed-identity"\n' + HELPLINE))
    assert (account.auth, account.secret, account.tenant) == (Proof.MANAGED_IDENTITY, None, "")


BROKEN: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "no TLS": (
        ACCOUNT + 'endpoint = "http://graph.microsoft.com/v1.0"\n' + HELPLINE,
        [("account.main.endpoint", "only https", "https://")],
    ),
    "an authority with a tenant in it": (
        ACCOUNT + 'authority = "https://login.microsoftonline.com/charity"\n' + HELPLINE,
        [("account.main.authority", "more than a host", "https://login")],
    ),
    "everybody's tenant": (
        ACCOUNT.replace("charity.onmicrosoft.com", "common") + HELPLINE,
        [("account.main.tenant", "names nobody", "tenant =")],
    ),
    "an application without a proof": (
        ACCOUNT.replace('secret = { credential = "graph" }\n', "") + HELPLINE,
        [("account.main.secret", "needs this key", "PEM file")],
    ),
    "a thumbprint, which is computed": (
        ACCOUNT + 'thumbprint = "A1B2"\n' + HELPLINE,
        [("account.main.thumbprint", "not known here", "known are: kind, tenant")],
    ),
    "a managed identity with a secret": (
        ACCOUNT + 'auth = "managed-identity"\n' + HELPLINE,
        [
            ("account.main.tenant", "no such thing", "leave it out"),
            ("account.main.secret", "no such thing", "leave it out"),
        ],
    ),
    "a mailbox without an address": (
        ACCOUNT + HELPLINE.replace('mailbox = "help@charity.example"', 'mailbox = "help"'),
        [("helpline.mailbox", "by its address", "primary address")],
    ),
    "one mailbox by two applications": (
        ACCOUNT
        + ACCOUNT.replace("account.main", "account.other").replace("5e6F", "7777")
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


def test_an_account_is_armed_for_its_tenant_and_for_what_it_takes(loaded: Loaded) -> None:
    """The tenant, the sign of a hold, whether unread receipts go: all part of the rules; patience is not."""

    def rules(text: str) -> str:
        return estate_of(loaded(text), Marker(b"key")).targets[0].rules

    least = rules(ACCOUNT + HELPLINE)
    assert rules(ACCOUNT + "patience = 60\ntimeout = 5\n" + HELPLINE) == least
    assert rules(ACCOUNT + 'hold_category = "Other"\n' + HELPLINE) != least
    assert rules(ACCOUNT + 'unread_receipts = "destroy"\n' + HELPLINE) != least
    assert rules(ACCOUNT.replace("charity.onmicrosoft", "other.onmicrosoft") + HELPLINE) != least
