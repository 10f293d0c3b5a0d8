"""How one gets in to an Exchange server: TLS, sessions and proofs of who is there. exchangelib brings them.

What it does beside that is switched off: its cache of protocols by address and password, which is for ever
and ignores a second policy; its retrying; what the environment says of proxies, certificates or `.netrc`.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials, OAuth2Credentials
from exchangelib.protocol import BaseProtocol, RetryPolicy
from exchangelib.transport import BASIC, NTLM, OAUTH2

from retentiond.config import Auth, ExchangeAccount
from retentiond.mailbox.ews_words import NotUnderstood

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
        with suppress(TypeError, ValueError):
            self.date = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
            self.heard = time.monotonic()
        is_xml = "xml" in response.headers.get("Content-Type", "").lower()
        if response.status_code == 200 and not is_xml:
            raise NotUnderstood
        if response.status_code == 200 or (response.status_code == 500 and is_xml):
            return
        raise Status(response.status_code, _retry_after(response.headers.get("Retry-After")))


class _Tls(requests.adapters.HTTPAdapter):
    """TLS 1.2 or newer, with the private authority alone where there is one. Nothing loosens it."""

    def __init__(self, account: ExchangeAccount) -> None:
        self._context = ssl.create_default_context(cafile=account.ca_file)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}


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
        adapters = _Tls(self._account), _Tls(self._account)
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


def _retry_after(told: str | None) -> float | None:
    """Seconds, from a number or a date (RFC 9110, 10.2.3)."""
    if told is None:
        return None
    if told.strip().isdigit():
        return float(told)
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    return None
