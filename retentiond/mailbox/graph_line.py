"""One conversation with Microsoft Graph for one mailbox: what may have been done is never said twice.

A question may be asked again, under one limit of patience; an order is given once, and what came of it is
looked for. A link to more pages is followed on the same host only. No token, no address and no import URL is
ever part of an error.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from retentiond.config import GraphAccount
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import AT_ONCE, Gate
from retentiond.mailbox.graph_words import segment
from retentiond.mailbox.patience import OutOfPatience, Patience
from retentiond.mailbox.tls import Verified, date_of, retry_after, why_broken

#: How many requests one `$batch` may hold.
BATCH = 20
#: How many pages of a list that bring nothing new may follow each other: a filter may leave some empty.
_IDLE = 20
#: Ids stay the same when an item moves; asked for with every request.
_PREFER = 'IdType="ImmutableId"'
#: The hosts of Microsoft's clouds: where Graph is one of them, an import URL leads to another.
_CLOUDS = tuple(
    f".{name}"
    for name in (
        *("microsoft.com", "office.com", "office365.com", "microsoft.us", "office365.us"),
        *("chinacloudapi.cn", "outlook.cn"),
    )
)

#: What Graph calls what is not there.
_MISSING = frozenset(("erroritemnotfound", "itemnotfound", "errorinvalididmalformed", "resourcenotfound"))
_NO_MAILBOX = frozenset(
    (
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "errorinvaliduser",
        "request_resourcenotfound",
        "errornonexistentmailbox",
    )
)
_FULL = frozenset(("errorquotaexceeded", "errormailboxquotaexceeded"))


class TurnedAway(Unreachable):
    """An order was refused before anything was done; `wait` in seconds, if the server named it. A 503 may
    come from a gateway before a server that has done it all the same: of that one nobody is `sure`."""

    wait: float | None = None
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One request below the endpoint. `body` is JSON; a `GET` has none. With `is_beta` it is put to Graph's
    other version, which tells what the first one does not."""

    path: str
    method: str = "GET"
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_beta: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: a status, and JSON, or bytes where they were asked for. `wait` is Retry-After."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    wait: float | None = None

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_missing(self) -> bool:
        """There is no such item (any more). A mailbox that is away says 404 of everything in it, a gateway
        without a code: neither knows of the item."""
        if self.status == 400:
            return self.code in _MISSING
        return self.status in (404, 410) and bool(self.code) and self.code not in _NO_MAILBOX

    @property
    def is_later(self) -> bool:
        """The server says "later", and did nothing."""
        return self.status in (429, 503)

    @property
    def code(self) -> str:
        """The code of an error, in lower case; never its words."""
        error = self.body.get("error")
        told = error.get("code") if isinstance(error, Mapping) else None
        return told.lower() if isinstance(told, str) else ""


@dataclass
class _Trouble(Exception):
    """Why a request has no answer. `is_refusal`: it was not carried out, for certain."""

    why: Why
    may_ask_again: bool
    is_refusal: bool = False
    wait: float | None = None
    is_sure: bool = False


class Line:
    """A line to Graph for one mailbox. `target` is its alias, for errors."""

    def __init__(
        self, account: GraphAccount, target: str, mailbox: str, badge: Badge, patience: Patience, gate: Gate
    ) -> None:
        self.account = account
        self.target = target
        self.mailbox = mailbox
        self.badge = badge
        self.patience = patience
        self.requests = 0
        self._gate = gate
        self._date: datetime | None = None
        self._heard = 0.0
        self._has_answered = False
        self._session = requests.Session()
        self._session.trust_env = False
        try:
            self._session.mount("https://", Verified(account.ca_file, AT_ONCE))
        except OSError:
            raise Unreachable(target, Why.CERTIFICATE, account.host) from None

    def close(self) -> None:
        self._session.close()

    @property
    def clock(self) -> datetime | None:
        """What time it is by the server's own clock, as it said with its last answer."""
        if self._date is None:
            return None
        return self._date + timedelta(seconds=time.monotonic() - self._heard)

    @property
    def user(self) -> str:
        """The path of the mailbox."""
        return f"/users/{segment(self.mailbox)}"

    # ── questions ────────────────────────────────────────────────────────────────────────────────

    def ask(self, ask: Ask, *, gives_up_on_504: bool = False) -> Answer:
        """The answer to a question, whatever its status says, once the server was neither busy nor away.

        With `gives_up_on_504` an answer that took too long to make is one: less may be asked for. Raises
        Unreachable.
        """
        attempt = 0
        while True:
            try:
                answer = self._sent(ask)
                if answer.status != 504 or not gives_up_on_504:
                    self._raise_if_later(answer)
                return answer
            except _Trouble as trouble:
                self._bear(trouble, attempt)
            attempt += 1

    def ask_all(self, asks: Sequence[Ask], *, gives_up_on_504: bool = False) -> list[Answer]:
        """The answers to many questions, in their order, twenty in a request; those that found the server
        busy are asked again. `gives_up_on_504` as of one question. Raises Unreachable."""
        answers: list[Answer] = []
        for start in range(0, len(asks), BATCH):
            part = asks[start : start + BATCH]
            if len(part) == 1:
                answers.append(self.ask(part[0], gives_up_on_504=gives_up_on_504))
            else:
                answers += self._asked_batch(part, gives_up_on_504)
        return answers

    def _asked_batch(self, asks: Sequence[Ask], gives_up_on_504: bool) -> list[Answer]:
        found: dict[int, Answer] = {}
        attempt = 0
        has_renewed = False
        while True:
            left = [at for at in range(len(asks)) if at not in found]
            if not left:
                return [found[at] for at in range(len(asks))]
            try:
                answers = self._batched([asks[at] for at in left])
                trouble = None
                for at, answer in zip(left, answers, strict=True):
                    try:
                        if answer.status != 504 or not gives_up_on_504:
                            self._raise_if_later(answer)
                        found[at] = answer
                    except _Trouble as each:
                        each.may_ask_again &= each.why is not Why.PASSWORD or not has_renewed
                        trouble = _graver(trouble, each)
                if trouble is not None:
                    has_renewed = has_renewed or trouble.why is Why.PASSWORD
                    raise trouble
            except _Trouble as trouble:
                self._bear(trouble, attempt)
            attempt += 1

    def pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Every page of a list, by the links from each to the next. Raises Unreachable(protocol) where a link
        leads elsewhere, or back."""
        return self.further(self.ask(Ask(path)))

    def further(self, answer: Answer) -> Iterator[Mapping[str, Any]]:
        """The same, where the first page was answered already. Raises Unreachable(protocol) too where page
        after page begins with nothing new: such a list has no end."""
        seen: set[str] = set()
        heads: set[object] = set()
        idle = 0
        while True:
            if not answer.is_good:
                raise self.error(answer)
            yield answer.body
            link = answer.body.get("@odata.nextLink")
            if link is None:
                return
            path, head = self._next(link), _head(answer.body)
            idle = idle + 1 if head is None or head in heads else 0
            if path in seen or idle > _IDLE:
                raise Unreachable(self.target, Why.PROTOCOL)
            seen.add(path)
            heads.add(head)
            answer = self.ask(Ask(path))

    def _next(self, link: object) -> str:
        """A link to the next page as a path below the endpoint: same scheme, host and version only."""
        if not isinstance(link, str) or not link.startswith(self.account.endpoint + "/"):
            raise Unreachable(self.target, Why.PROTOCOL)
        return link.removeprefix(self.account.endpoint)

    # ── orders ───────────────────────────────────────────────────────────────────────────────────

    def order(self, ask: Ask) -> Answer:
        """The answer to an order, which is given once.

        Raises TurnedAway where it was refused unheard, Unreachable where it may have been carried out.
        """
        try:
            answer = self._sent(ask)
            if answer.is_later:
                raise _later(answer)
            if answer.status >= 500:
                raise _Trouble(Why.UNAVAILABLE, may_ask_again=False)
            return answer
        except _Trouble as trouble:
            raise self._not_done(trouble) from None

    def order_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """The same for at most BATCH orders in one request; each has an answer of its own, whatever its
        status: one at which the server fails is nothing against the others."""
        try:
            return self._batched(asks) if len(asks) > 1 else [self._sent(ask) for ask in asks]
        except _Trouble as trouble:
            raise self._not_done(trouble) from None

    def send_parcel(self, url: str, body: Mapping[str, Any]) -> Answer:
        """Posts to an import URL, which is a secret itself: without a token, and never shown. An order."""
        if not self._may_take_parcels(url):
            raise Unreachable(self.target, Why.PROTOCOL)
        try:
            with self._gate.entered(self.mailbox):
                answer = self._posted("POST", url, body, {"Prefer": _PREFER})
            if answer.is_later:
                raise _later(answer)
            if answer.status >= 500:
                raise _Trouble(Why.UNAVAILABLE, may_ask_again=False)
            return answer
        except _Trouble as trouble:
            raise self._not_done(trouble) from None

    def _may_take_parcels(self, url: str) -> bool:
        """Whether this is an address at which a parcel may be left: HTTPS, in the same cloud."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        is_microsofts = f".{self.account.host}".endswith(_CLOUDS)
        is_known = not is_microsofts or f".{parts.hostname}".endswith(_CLOUDS)
        return parts.scheme == "https" and is_known and "@" not in parts.netloc

    def wait(self, attempt: int, named: float | None, why: Why = Why.BUSY) -> None:
        """Waits before an order that was turned away is given again. Raises Unreachable."""
        try:
            self.patience.wait(attempt, named)
        except OutOfPatience:
            raise Unreachable(self.target, why) from None

    def error(self, answer: Answer, detail: str = "") -> MailboxError:
        """What an answer that is not good is called here."""
        if answer.code in _NO_MAILBOX:
            return Refused(self.target, Why.NO_MAILBOX)
        if answer.code in _FULL or answer.status == 507:
            return Refused(self.target, Why.OVER_QUOTA, detail)
        if answer.status == 403:
            return Refused(self.target, Why.NO_ACCESS, detail)
        if answer.status == 404:
            return Refused(self.target, Why.NO_FOLDER, detail)
        if answer.status == 413:
            return Refused(self.target, Why.TOO_BIG, detail)
        return Unreachable(self.target, Why.PROTOCOL, detail)

    # ── one attempt ──────────────────────────────────────────────────────────────────────────────

    def _sent(self, ask: Ask) -> Answer:
        """One request with a token; a token that was refused is renewed once, for the next attempt."""
        with self._gate.entered(self.mailbox):
            return self._with_token(ask)[0]

    def _batched(self, asks: Sequence[Ask]) -> list[Answer]:
        """Many requests in one. Raises _Trouble where one has no answer."""
        parts = [
            {
                "id": str(number),
                "method": ask.method,
                "url": ask.path,
                "headers": {"Prefer": _PREFER} | ({"Content-Type": "application/json"} if ask.body else {}),
                **({"body": ask.body} if ask.body is not None else {}),
            }
            for number, ask in enumerate(asks)
        ]
        with self._gate.entered(self.mailbox, len(asks)):
            answer, token = self._with_token(Ask("/$batch", "POST", {"requests": parts}))
        self._raise_if_later(answer)
        told = answer.body.get("responses")
        if not answer.is_good or not isinstance(told, list):
            raise _Trouble(Why.PROTOCOL, may_ask_again=False)
        found = dict(map(_sub_answer, told))
        if found.keys() != set(range(len(asks))) or len(told) != len(asks):
            raise _Trouble(Why.PROTOCOL, may_ask_again=False)
        if any(each.status == 401 for each in found.values()):  # it ran out in the middle
            self.badge.renew(self.target, token)
        return [found[number] for number in range(len(asks))]

    def _with_token(self, ask: Ask) -> tuple[Answer, str]:
        token = self.badge.token(self.target)
        headers = {"Authorization": f"Bearer {token}", "Prefer": _PREFER}
        root = self.account.endpoint
        root = root.rpartition("/")[0] + "/beta" if ask.is_beta else root
        answer = self._posted(ask.method, root + ask.path, ask.body, headers)
        if answer.status == 401:
            if not self._has_answered:
                raise _Trouble(Why.PASSWORD, may_ask_again=False, is_refusal=True)
            self._has_answered = False  # the next answer must be better
            self.badge.renew(self.target, token)
            raise _Trouble(Why.PASSWORD, may_ask_again=True, is_refusal=True, wait=0.0, is_sure=True)
        self._has_answered = True
        return answer, token

    def _posted(
        self, method: str, url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer:
        """The bare exchange of one request and one answer. Raises _Trouble."""
        self.requests += 1
        try:
            response = self._session.request(
                method, url, json=body, headers=headers, timeout=self.account.timeout, allow_redirects=False
            )
        except (requests.exceptions.RequestException, OSError) as error:
            why = why_broken(error)
            is_sure = why in (Why.CERTIFICATE, Why.TLS)
            raise _Trouble(why, may_ask_again=self._has_answered and not is_sure) from None
        if date := date_of(response.headers.get("Date")):
            self._date, self._heard = date, time.monotonic()
        wait = retry_after(response.headers.get("Retry-After"))
        return _read(response.status_code, response.headers.get("Content-Type", ""), response.content, wait)

    def _raise_if_later(self, answer: Answer) -> None:
        """Raises _Trouble for a server that is busy or away, and for what is no answer at all."""
        if answer.is_later:
            raise _later(answer)
        if answer.status in (500, 502, 504):
            raise _Trouble(Why.UNAVAILABLE, may_ask_again=True, wait=answer.wait)
        if answer.status == 401:  # of one request in a batch, whose token was renewed since
            raise _Trouble(Why.PASSWORD, may_ask_again=True, wait=0.0)

    def _bear(self, trouble: _Trouble, attempt: int) -> None:
        """Waits before a question is asked again, or raises what the trouble is called."""
        if not trouble.may_ask_again:
            raise Unreachable(self.target, trouble.why) from None
        self.wait(attempt, trouble.wait, trouble.why)

    def _not_done(self, trouble: _Trouble) -> Unreachable:
        """What an order's trouble is called."""
        if trouble.is_refusal and trouble.may_ask_again:
            refused = TurnedAway(self.target, trouble.why)
            refused.wait, refused.is_sure = trouble.wait, trouble.is_sure
            return refused
        return Unreachable(self.target, trouble.why)


def _later(answer: Answer) -> _Trouble:
    """The server says "later"; only of 429 it is sure that it did nothing."""
    is_sure = answer.status == 429
    return _Trouble(Why.BUSY, may_ask_again=True, is_refusal=True, wait=answer.wait, is_sure=is_sure)


def _read(status: int, kind: str, content: bytes, wait: float | None) -> Answer:
    """An answer as it came. Raises _Trouble for one that is good by its status and no answer by its form."""
    if "json" in kind.lower():
        try:
            body = json.loads(content)
            if isinstance(body, dict):
                return Answer(status, body, b"", wait)
        except ValueError:
            pass
        if 200 <= status < 300:
            raise _Trouble(Why.PROTOCOL, may_ask_again=False)
        return Answer(status, {}, b"", wait)
    if status == 200 and "html" in kind.lower():
        raise _Trouble(Why.PROTOCOL, may_ask_again=False)
    return Answer(status, {}, content if 200 <= status < 300 else b"", wait)


def _sub_answer(told: object) -> tuple[int, Answer]:
    """One answer within a batch. Raises _Trouble."""
    if isinstance(told, Mapping) and isinstance(told.get("status"), int):
        headers = told.get("headers")
        heads = {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {}
        body, number = told.get("body"), str(told.get("id"))
        answer = Answer(int(told["status"]), wait=retry_after(heads.get("retry-after")))
        if isinstance(body, Mapping):
            answer = replace(answer, body=body)
        elif isinstance(body, str):
            try:
                answer = replace(answer, content=base64.b64decode(body, validate=True))
            except (binascii.Error, ValueError):
                raise _Trouble(Why.PROTOCOL, may_ask_again=False) from None
        if number.isdigit():
            return int(number), answer
    raise _Trouble(Why.PROTOCOL, may_ask_again=False)


def _head(body: Mapping[str, Any]) -> object:
    """The id of the first item of a page; None where there is none."""
    value = body.get("value")
    first = value[0] if isinstance(value, list) and value else None
    return first.get("id") if isinstance(first, Mapping) else None


def _graver(first: _Trouble | None, second: _Trouble) -> _Trouble:
    """Of two troubles the one that forbids more, else the longer wait."""
    if first is None or not second.may_ask_again:
        return second
    if not first.may_ask_again:
        return first
    return first if (first.wait or 0.0) >= (second.wait or 0.0) else second
