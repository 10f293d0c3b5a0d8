"""One conversation with one EWS endpoint: what may have been done is never said twice.

exchangelib's own retrying sends a deletion again after a time-out, takes a wrong password for a busy server
for an hour, and waits by the wall's clock. Here a question may be asked again, under one limit of patience;
an order is given once.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests
from exchangelib.credentials import BaseOAuth2Credentials
from exchangelib.errors import ErrorInternalServerTransientError, ErrorTimeoutExpired, TransportError
from exchangelib.util import post_ratelimited
from oauthlib.oauth2 import OAuth2Error, TokenExpiredError

from retentiond.config import ExchangeAccount
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.ews_door import Policy, Protocol, Status, configuration
from retentiond.mailbox.ews_words import SOAP, E, Element, M, NotUnderstood, T, envelope, parsed
from retentiond.mailbox.patience import OutOfPatience, Patience
from retentiond.mailbox.tls import is_trickling, why_broken

#: The server says "later", and did nothing.
_BUSY = frozenset(
    [
        "ErrorServerBusy",
        "ErrorTooManyObjectsOpened",
        "ErrorInternalServerTransientError",
        "ErrorTimeoutExpired",
        "ErrorExceededConnectionCount",
        "ErrorExceededSubscriptionCount",
    ]
)
#: Other codes, and what they are called here; what is in none of these is not understood.
_CODES = {
    code: why
    for why, codes in {
        Why.UNAVAILABLE: """ErrorMailboxStoreUnavailable ErrorMailboxMoveInProgress ErrorMailboxFailover
            ErrorADUnavailable ErrorADOperation ErrorConnectionFailed ErrorInternalServerError""",
        Why.NO_ACCESS: """ErrorAccessDenied ErrorImpersonateUserDenied ErrorImpersonationDenied
            ErrorImpersonationFailed ErrorRecoverableItemsAccessDenied ErrorAccountDisabled""",
        Why.NO_MAILBOX: "ErrorNonExistentMailbox ErrorNonPrimarySmtpAddress ErrorInvalidSmtpAddress",
        Why.OVER_QUOTA: "ErrorQuotaExceeded ErrorInsufficientResources",
        Why.TOO_BIG: "ErrorMessageSizeExceeded ErrorContentConversionFailed",
    }.items()
    for code in codes.split()
}


class TurnedAway(Unreachable):
    """An order was refused before anything was done, because the server is busy; `wait` in seconds."""

    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One of the answers to a request: `NoError`, or the code of what is wrong."""

    code: str
    element: Element

    @property
    def is_good(self) -> bool:
        return self.code == "NoError"


@dataclass
class _Trouble(Exception):
    """Why a request has no answer. `is_refusal`: it was not carried out, for certain."""

    why: Why
    may_ask_again: bool
    is_refusal: bool = False
    wait: float | None = None


class Line:
    """A signed-in line to the endpoint, for one mailbox. `target` is its alias, for errors."""

    def __init__(
        self, account: ExchangeAccount, target: str, mailbox: str, secret: str, patience: Patience
    ) -> None:
        self.account = account
        self.target = target
        self.patience = patience
        self.server = ""
        self.requests = 0
        self._impersonated = mailbox if account.is_impersonating else None
        self._mailbox = mailbox
        self._policy = Policy()
        self._has_answered = False
        with suppress(OSError):
            config = configuration(account, secret, self._policy)
            self._protocol = Protocol(account, config)
            return
        raise Unreachable(target, Why.CERTIFICATE, urlsplit(account.endpoint).hostname or "")

    def close(self) -> None:
        self._protocol.close()

    @property
    def clock(self) -> datetime | None:
        """What time it is by the server's own clock, as it said with its last answer."""
        if self._policy.date is None:
            return None
        return self._policy.date + timedelta(seconds=time.monotonic() - self._policy.heard)

    def ask(
        self, operation: str, body: str, count: int | None = None, *, orders: bool = False
    ) -> list[Reply]:
        """The answers to one request, `count` of them.

        A question that finds the server busy or the line broken is asked again, as long as patience
        lasts. With `orders` nothing is sent twice: raises TurnedAway where the server refused it
        unheard, Unreachable where it may have been carried out. Raises Unreachable and Refused.
        """
        attempt = 0
        while True:
            try:
                return self._once(operation, body, count, orders)
            except _Trouble as trouble:
                self._bear(trouble, attempt, orders)
            attempt += 1

    def error(self, code: str, detail: str = "") -> MailboxError:
        """What a code of the server is called here."""
        why = Why.BUSY if code in _BUSY else _CODES.get(code, Why.PROTOCOL)
        if why in (Why.NO_ACCESS, Why.NO_MAILBOX, Why.OVER_QUOTA, Why.TOO_BIG):
            return Refused(self.target, why, detail)
        return Unreachable(self.target, why, detail)

    # ── one attempt ──────────────────────────────────────────────────────────────────────────────

    def _once(self, operation: str, body: str, count: int | None, orders: bool) -> list[Reply]:
        request = envelope(body, self._impersonated)
        content = self._post(request)
        try:
            root = parsed(content)
            self._note_version(root)
            replies = self._replies(root, operation)
        except NotUnderstood:
            raise _Trouble(Why.PROTOCOL, may_ask_again=False) from None
        if count is not None and len(replies) != count:
            raise _Trouble(Why.PROTOCOL, may_ask_again=False)
        self._has_answered = True
        if not orders and (busy := next((each for each in replies if each.code in _BUSY), None)):
            raise _Trouble(Why.BUSY, may_ask_again=True, wait=_back_off(busy.element))
        return replies

    def _post(self, request: bytes) -> bytes:
        """The content of the answer. Raises _Trouble, whatever a library raised."""
        self.requests += 1
        protocol = self._protocol
        try:
            session = protocol.get_session()
            headers = {"X-AnchorMailbox": self._mailbox}
            endpoint = self.account.endpoint
            response, session = post_ratelimited(
                protocol, session, endpoint, headers, request, timeout=self.account.timeout
            )
            protocol.release_session(session)
            return bytes(response.content)
        except Status as status:
            raise self._of_status(status) from None
        except TokenExpiredError:  # said on this side of the line, before anything was sent
            raise _Trouble(Why.PASSWORD, may_ask_again=True, is_refusal=True, wait=0.0) from None
        except OAuth2Error:
            raise _Trouble(Why.PASSWORD, may_ask_again=False) from None
        except (ErrorTimeoutExpired, ErrorInternalServerTransientError) as error:
            raise self._of_line(error) from None
        except (TransportError, requests.exceptions.SSLError) as error:
            raise _Trouble(why_broken(error), may_ask_again=False) from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._of_line(error) from None
        except MailboxError:
            raise
        except Exception:  # what NTLM and Kerberos raise is not written down anywhere
            raise _Trouble(Why.PROTOCOL, may_ask_again=False) from None

    def _of_line(self, error: Exception) -> _Trouble:
        may_ask_again = self._has_answered and not is_trickling(error)
        return _Trouble(why_broken(error), may_ask_again=may_ask_again)

    def _of_status(self, status: Status) -> _Trouble:
        match status.status:
            case 401 if isinstance(self._protocol.credentials, BaseOAuth2Credentials) and self._has_answered:
                # A token that ran out: a new one is fetched with the next session, and used once.
                self._has_answered = False
                return _Trouble(Why.PASSWORD, may_ask_again=True, is_refusal=True, wait=0.0)
            case 401:
                return _Trouble(Why.PASSWORD, may_ask_again=False, is_refusal=True)
            case 403:
                return _Trouble(Why.EWS_BLOCKED, may_ask_again=False, is_refusal=True)
            case 429 | 503:
                return _Trouble(Why.BUSY, may_ask_again=True, is_refusal=True, wait=status.wait)
            case 500 | 502 | 504:
                return _Trouble(Why.UNAVAILABLE, may_ask_again=True, wait=status.wait)
            case _:
                return _Trouble(Why.PROTOCOL, may_ask_again=False)

    def _bear(self, trouble: _Trouble, attempt: int, orders: bool) -> None:
        """Waits before the question is asked again, or raises what the trouble is called."""
        if trouble.why is Why.EWS_BLOCKED:
            raise Refused(self.target, trouble.why) from None
        if orders and trouble.is_refusal and trouble.may_ask_again:
            refused = TurnedAway(self.target, trouble.why)
            refused.wait = trouble.wait
            raise refused from None
        if orders or not trouble.may_ask_again:
            raise Unreachable(self.target, trouble.why) from None
        try:
            self.patience.wait(attempt, trouble.wait)
        except OutOfPatience:
            raise Unreachable(self.target, trouble.why) from None

    # ── what an answer says ──────────────────────────────────────────────────────────────────────

    def _replies(self, root: Element, operation: str) -> list[Reply]:
        body = root.find(SOAP + "Body")
        assert body is not None, "parsed() saw to it"
        fault = body.find(SOAP + "Fault")
        if fault is not None:
            self._raise_fault(fault)
        messages = body.find(f"{M}{operation}Response/{M}ResponseMessages")
        if messages is None:
            raise NotUnderstood
        replies = []
        for element in messages:
            code = element.findtext(M + "ResponseCode")
            if element.tag != f"{M}{operation}ResponseMessage" or not code:
                raise NotUnderstood
            replies.append(Reply(code, element))
        return replies

    def _raise_fault(self, fault: Element) -> None:
        code = (fault.findtext(f"detail/{E}ResponseCode") or "").strip()
        if code in _BUSY:
            raise _Trouble(Why.BUSY, may_ask_again=True, is_refusal=True, wait=_back_off(fault))
        if code in _CODES:
            raise self.error(code)
        raise NotUnderstood

    def _note_version(self, root: Element) -> None:
        info = root.find(f"{SOAP}Header/{T}ServerVersionInfo")
        if info is None:
            return
        parts = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
        self.server = ".".join(part if (part := info.get(name, "0")).isdigit() else "0" for name in parts)


def _back_off(element: Element) -> float | None:
    """Seconds, from the milliseconds that a busy server names."""
    for value in element.iter(T + "Value"):
        told = (value.text or "").strip()
        if value.get("Name") == "BackOffMilliseconds" and told.isdigit():
            return int(told) / 1000
    return None
