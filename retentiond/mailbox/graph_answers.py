"""What is asked of Graph and what it answers, alone or twenty in one; and what is no answer at all.

Of an error its code is read, never its words. No token and no address is part of anything here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retentiond.errors import Why
from retentiond.mailbox.tls import retry_after

#: How many requests one `$batch` may hold.
BATCH = 20
#: Ids stay the same when an item moves; asked for with every request.
PREFER = 'IdType="ImmutableId"'

#: What Graph calls what is not there.
_MISSING = frozenset(("erroritemnotfound", "itemnotfound", "errorinvalididmalformed", "resourcenotfound"))
NO_MAILBOX = frozenset(
    (
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "errorinvaliduser",
        "request_resourcenotfound",
        "errornonexistentmailbox",
    )
)
FULL = frozenset(("errorquotaexceeded", "errormailboxquotaexceeded"))


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
        return self.status in (404, 410) and bool(self.code) and self.code not in NO_MAILBOX

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
class Trouble(Exception):
    """Why a request has no answer. `is_refusal`: it was not carried out, for certain."""

    why: Why
    may_ask_again: bool
    is_refusal: bool = False
    wait: float | None = None
    is_sure: bool = False


def in_one(asks: Sequence[Ask]) -> Ask:
    """Many requests in one."""
    parts = [
        {
            "id": str(number),
            "method": ask.method,
            "url": ask.path,
            "headers": {"Prefer": PREFER} | ({"Content-Type": "application/json"} if ask.body else {}),
            **({"body": ask.body} if ask.body is not None else {}),
        }
        for number, ask in enumerate(asks)
    ]
    return Ask("/$batch", "POST", {"requests": parts})


def each_of(answer: Answer, many: int) -> list[Answer]:
    """The answer to each of so many requests in one, in their order. Raises Trouble where one has none."""
    told = answer.body.get("responses")
    if not answer.is_good or not isinstance(told, list):
        raise Trouble(Why.PROTOCOL, may_ask_again=False)
    found = dict(map(_sub_answer, told))
    if found.keys() != set(range(many)) or len(told) != many:
        raise Trouble(Why.PROTOCOL, may_ask_again=False)
    return [found[number] for number in range(many)]


def later(answer: Answer) -> Trouble:
    """The server says "later"; only of 429 it is sure that it did nothing."""
    is_sure = answer.status == 429
    return Trouble(Why.BUSY, may_ask_again=True, is_refusal=True, wait=answer.wait, is_sure=is_sure)


def read(status: int, kind: str, content: bytes, wait: float | None) -> Answer:
    """An answer as it came. Raises Trouble for one that is good by its status and no answer by its form."""
    if "json" in kind.lower():
        try:
            body = json.loads(content)
            if isinstance(body, dict):
                return Answer(status, body, b"", wait)
        except ValueError:
            pass
        if 200 <= status < 300:
            raise Trouble(Why.PROTOCOL, may_ask_again=False)
        return Answer(status, {}, b"", wait)
    if status == 200 and "html" in kind.lower():
        raise Trouble(Why.PROTOCOL, may_ask_again=False)
    return Answer(status, {}, content if 200 <= status < 300 else b"", wait)


def _sub_answer(told: object) -> tuple[int, Answer]:
    """One answer within a batch. Raises Trouble."""
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
                raise Trouble(Why.PROTOCOL, may_ask_again=False) from None
        if number.isdigit():
            return int(number), answer
    raise Trouble(Why.PROTOCOL, may_ask_again=False)


def first_id(body: Mapping[str, Any]) -> object:
    """The id of the first item of a page; None where there is none."""
    value = body.get("value")
    first = value[0] if isinstance(value, list) and value else None
    return first.get("id") if isinstance(first, Mapping) else None


def graver(first: Trouble | None, second: Trouble) -> Trouble:
    """Of two troubles the one that forbids more, else the longer wait."""
    if first is None or not second.may_ask_again:
        return second
    if not first.may_ask_again:
        return first
    return first if (first.wait or 0.0) >= (second.wait or 0.0) else second
