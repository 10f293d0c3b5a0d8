"""HTTPS as a mailbox speaks it: TLS 1.2 or newer, verified, and nothing of the environment's.

No proxy, certificate or `.netrc` of the environment is used, and there is no switch that loosens it.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from retentiond.errors import Why
from retentiond.mailbox.pace import Trickling, paced

#: What TLS calls a line that was cut.
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Verified(HTTPAdapter):
    """TLS 1.2 or newer, with the private authority alone where there is one. Nothing loosens it."""

    def __init__(self, ca_file: Path | None, connections: int = 1) -> None:
        self._context = paced(ssl.create_default_context(cafile=ca_file))
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().__init__(
            pool_connections=connections, pool_maxsize=connections, max_retries=0, pool_block=True
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}


def retry_after(told: str | None) -> float | None:
    """Seconds, from a number or a date (RFC 9110, 10.2.3)."""
    if told is None:
        return None
    if told.strip().isdecimal():
        return float(told)
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    return None


def date_of(told: str | None) -> datetime | None:
    """The Date of an answer (RFC 9110, 6.6.1); None where there is none."""
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(told or "").astimezone(UTC)
    return None


def why_broken(error: BaseException) -> Why:
    """What a broken connection is called, by the classes of its causes: their words are never read."""
    causes = _causes(error)
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return Why.CERTIFICATE
    if any(isinstance(each, ssl.SSLError) and not isinstance(each, _CUT) for each in causes):
        return Why.TLS
    is_slow = any(isinstance(each, TimeoutError | requests.exceptions.Timeout) for each in causes)
    return Why.TIMEOUT if is_slow else Why.NETWORK


def is_trickling(error: BaseException) -> bool:
    """Whether the server was given up because next to nothing came: asked again it would do so again."""
    return any(isinstance(each, Trickling) for each in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was raised for."""
    found: list[BaseException] = []
    left: list[Any] = [error]
    while left and len(found) < 20:
        each = left.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            left += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found
