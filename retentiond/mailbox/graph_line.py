"""One conversation with Microsoft Graph for one mailbox: what may have been done is never said twice.

A question may be asked again, under one limit of patience; an order is given once, and what came of it is
looked for. A link to more pages is followed on the same host only. No token, no address and no import URL is
ever part of an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from retentiond.config import GraphAccount
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.graph_answers import (
    BATCH,
    FULL,
    NO_MAILBOX,
    PREFER,
    Answer,
    Ask,
    Trouble,
    each_of,
    first_id,
    graver,
    in_one,
    later,
    read,
)
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import AT_ONCE, Gate
from retentiond.mailbox.graph_words import segment
from retentiond.mailbox.patience import OutOfPatience, Patience
from retentiond.mailbox.tls import Verified, date_of, is_trickling, retry_after, why_broken

#: How many pages of a list that bring nothing new may follow each other: a filter may leave some empty.
_IDLE = 20
#: The hosts of Microsoft's clouds: where Graph is one of them, an import URL leads to another.
_CLOUDS = tuple(
    f".{name}"
    for name in (
        *("microsoft.com", "office.com", "office365.com", "microsoft.us", "office365.us"),
        *("chinacloudapi.cn", "outlook.cn"),
    )
)


class TurnedAway(Unreachable):
    """An order was refused before anything was done; `wait` in seconds, if the server named it. A 503 may
    come from a gateway before a server that has done it all the same: of that one nobody is `sure`."""

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
            except Trouble as trouble:
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
                    except Trouble as each:
                        each.may_ask_again &= each.why is not Why.PASSWORD or not has_renewed
                        trouble = graver(trouble, each)
                if trouble is not None:
                    has_renewed = has_renewed or trouble.why is Why.PASSWORD
                    raise trouble
            except Trouble as trouble:
                self._bear(trouble, attempt)
            attempt += 1

    def further(self, answer: Answer) -> Iterator[Mapping[str, Any]]:
        """Every page of a list, by the links from each to the next. Raises Unreachable(protocol) where a link
        leads elsewhere or back, and where page after page begins with nothing new: that has no end."""
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
            path, first = self._next(link), first_id(answer.body)
            idle = idle + 1 if first is None or first in heads else 0
            if path in seen or idle > _IDLE:
                raise Unreachable(self.target, Why.PROTOCOL)
            seen.add(path)
            heads.add(first)
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
                raise later(answer)
            if answer.status >= 500:
                raise Trouble(Why.UNAVAILABLE, may_ask_again=False)
            return answer
        except Trouble as trouble:
            raise self._not_done(trouble) from None

    def order_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """The same for at most BATCH orders in one request; each has an answer of its own, whatever its
        status: one at which the server fails is nothing against the others."""
        try:
            return self._batched(asks) if len(asks) > 1 else [self._sent(ask) for ask in asks]
        except Trouble as trouble:
            raise self._not_done(trouble) from None

    def send_parcel(self, url: str, body: Mapping[str, Any]) -> Answer:
        """Posts to an import URL, which is a secret itself: without a token, and never shown. An order."""
        if not self._may_take_parcels(url):
            raise Unreachable(self.target, Why.PROTOCOL)
        try:
            with self._gate.entered(self.mailbox):
                answer = self._posted("POST", url, body, {"Prefer": PREFER})
            if answer.is_later:
                raise later(answer)
            if answer.status >= 500:
                raise Trouble(Why.UNAVAILABLE, may_ask_again=False)
            return answer
        except Trouble as trouble:
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
        if answer.code in NO_MAILBOX:
            return Refused(self.target, Why.NO_MAILBOX)
        if answer.code in FULL or answer.status == 507:
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
        """Many requests in one. Raises Trouble where one has no answer."""
        with self._gate.entered(self.mailbox, len(asks)):
            answer, token = self._with_token(in_one(asks))
        self._raise_if_later(answer)
        found = each_of(answer, len(asks))
        if any(each.status == 401 for each in found):  # it ran out in the middle
            self.badge.renew(self.target, token)
        return found

    def _with_token(self, ask: Ask) -> tuple[Answer, str]:
        token = self.badge.token(self.target)
        headers = {"Authorization": f"Bearer {token}", "Prefer": PREFER}
        root = self.account.endpoint
        root = root.rpartition("/")[0] + "/beta" if ask.is_beta else root
        answer = self._posted(ask.method, root + ask.path, ask.body, headers)
        if answer.status == 401:
            if not self._has_answered:
                raise Trouble(Why.PASSWORD, may_ask_again=False, is_refusal=True)
            self._has_answered = False  # the next answer must be better
            self.badge.renew(self.target, token)
            raise Trouble(Why.PASSWORD, may_ask_again=True, is_refusal=True, wait=0.0, is_sure=True)
        self._has_answered = True
        return answer, token

    def _posted(
        self, method: str, url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer:
        """The bare exchange of one request and one answer. Raises Trouble."""
        self.requests += 1
        try:
            response = self._session.request(
                method, url, json=body, headers=headers, timeout=self.account.timeout, allow_redirects=False
            )
        except (requests.exceptions.RequestException, OSError) as error:
            why = why_broken(error)
            is_sure = why in (Why.CERTIFICATE, Why.TLS) or is_trickling(error)
            raise Trouble(why, may_ask_again=self._has_answered and not is_sure) from None
        if date := date_of(response.headers.get("Date")):
            self._date, self._heard = date, time.monotonic()
        wait = retry_after(response.headers.get("Retry-After"))
        return read(response.status_code, response.headers.get("Content-Type", ""), response.content, wait)

    def _raise_if_later(self, answer: Answer) -> None:
        """Raises Trouble for a server that is busy or away, and for what is no answer at all."""
        if answer.is_later:
            raise later(answer)
        if answer.status in (500, 502, 504):
            raise Trouble(Why.UNAVAILABLE, may_ask_again=True, wait=answer.wait)
        if answer.status == 401:  # of one request in a batch, whose token was renewed since
            raise Trouble(Why.PASSWORD, may_ask_again=True, wait=0.0)

    def _bear(self, trouble: Trouble, attempt: int) -> None:
        """Waits before a question is asked again, or raises what the trouble is called."""
        if not trouble.may_ask_again:
            raise Unreachable(self.target, trouble.why) from None
        self.wait(attempt, trouble.wait, trouble.why)

    def _not_done(self, trouble: Trouble) -> Unreachable:
        """What an order's trouble is called."""
        if trouble.is_refusal and trouble.may_ask_again:
            refused = TurnedAway(self.target, trouble.why)
            refused.wait, refused.is_sure = trouble.wait, trouble.is_sure
            return refused
        return Unreachable(self.target, trouble.why)
