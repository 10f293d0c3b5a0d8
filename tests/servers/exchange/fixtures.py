"""The stand-in Exchange as pytest fixtures: a fresh server for each test, and an unmodified client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import exchangelib
import pytest
from exchangelib.protocol import close_connections

from retentiond.demo.authority import Authority
from tests.servers.exchange import Exchange, Login

#: `client("line@relay.example")`, as somebody else, impersonating, over a bearer token.
Client = Callable[..., exchangelib.Account]


@pytest.fixture
def exchange(authority: Authority) -> Iterator[Exchange]:
    """A stand-in Exchange without mailboxes. It fails the test if a request or an answer broke the schema."""
    with Exchange(authority) as server:
        yield server


@pytest.fixture
def client(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Makes exchangelib Accounts: `client(address, login, impersonates=True, token=…)`; no retries."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(exchange.ca_file))
    yield partial(make_account, exchange)
    close_connections()


def make_account(
    server: Exchange, address: str, login: Login | None = None, *, impersonates: bool = False, token: str = ""
) -> exchangelib.Account:
    """An unmodified client of `server`; it trusts what $REQUESTS_CA_BUNDLE names."""
    login = login or server.service
    credentials = (
        exchangelib.OAuth2AuthorizationCodeCredentials(
            access_token={"access_token": token, "token_type": "Bearer"}
        )
        if token
        else exchangelib.Credentials(login.name, login.password)
    )
    return exchangelib.Account(
        address,
        config=exchangelib.Configuration(
            service_endpoint=server.url,
            credentials=credentials,
            auth_type=exchangelib.OAUTH2 if token else exchangelib.BASIC,
            version=exchangelib.Version(exchangelib.Build(15, 2, 2562, 17)),
        ),
        autodiscover=False,
        access_type=exchangelib.IMPERSONATION if impersonates else exchangelib.DELEGATE,
        default_timezone=exchangelib.UTC,
    )
