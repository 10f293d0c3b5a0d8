"""How one gets in to an Exchange server: TLS, sessions and proofs of who is there. exchangelib brings them.

What it does beside that is switched off: its cache of protocols by address and password, which is for ever
and ignores a second policy; its retrying; what the environment says of proxies, certificates or `.netrc`.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials, OAuth2Credentials
from exchangelib.protocol import BaseProtocol, RetryPolicy
from exchangelib.transport import BASIC, NTLM, OAUTH2

from retentiond.config import Auth, ExchangeAccount
from retentiond.mailbox.ews_words import NotUnderstood
from retentiond.mailbox.tls import Verified, date_of, retry_after

_KERBEROS = "gssapi"


class Status(Exception):
    """An HTTP status that is no answer."""

    def __init__(self, status: int, wait: float | None) -> None:
        super().__init__(status)
        self.status = status
        self.wait = wait


class Policy(RetryPolicy):  # type: ignore[misc]
    """exchangelib is told never to retry; what an answer's head says is taken down here."""

    fail_fast = True
    back_off_until = None

    def __init__(self) -> None:
        self.date: datetime | None = None
        self.heard = 0.0

    def back_off(self, seconds: float) -> None:
        raise ValueError("nobody waits here")

    def raise_response_errors(self, response: requests.Response) -> None:
        if date := date_of(response.headers.get("Date")):
            self.date, self.heard = date, time.monotonic()
        is_xml = "xml" in response.headers.get("Content-Type", "").lower()
        if response.status_code == 200 and not is_xml:
            raise NotUnderstood
        if response.status_code == 200 or (response.status_code == 500 and is_xml):
            return
        raise Status(response.status_code, retry_after(response.headers.get("Retry-After")))


class Protocol(BaseProtocol):  # type: ignore[misc]
    """exchangelib's sessions, those of one mailbox alone."""

    def __init__(self, account: ExchangeAccount, config: Configuration) -> None:
        super().__init__(config)
        self._account = account
        self.TIMEOUT = account.timeout

    def get_auth_type(self) -> str:
        raise NotUnderstood

    def raw_session(self, prefix: str, *args: Any, **kwargs: Any) -> Any:
        session = super().raw_session(prefix, *args, **kwargs)
        session.trust_env = False
        adapters = Verified(self._account.ca_file), Verified(self._account.ca_file)
        session.mount(prefix, adapters[0])
        if self._account.token_url:
            session.mount(self._account.token_url, adapters[1])
        return session


def configuration(account: ExchangeAccount, secret: str, policy: Policy) -> Configuration:
    """How to sign in, in exchangelib's terms. No part of it is looked up anywhere."""
    credentials: Any = None
    match account.auth:
        case Auth.BASIC | Auth.NTLM:
            credentials = Credentials(account.user, secret)
        case Auth.OAUTH:
            credentials = _AppCredentials(account.client_id, secret)
            credentials.url = account.token_url
            credentials.audience = f"https://{account.host}/.default"
        case Auth.KERBEROS:
            credentials = None
    kinds = {Auth.BASIC: BASIC, Auth.NTLM: NTLM, Auth.OAUTH: OAUTH2, Auth.KERBEROS: _KERBEROS}
    return Configuration(
        credentials=credentials,
        service_endpoint=account.endpoint,
        auth_type=kinds[account.auth],
        retry_policy=policy,
        max_connections=1,
    )


class _AppCredentials(OAuth2Credentials):  # type: ignore[misc]
    """Client credentials whose token comes from the address that the configuration names."""

    url = ""
    audience = ""

    @property
    def token_url(self) -> str:
        return self.url

    @property
    def scope(self) -> list[str]:
        return [self.audience]
