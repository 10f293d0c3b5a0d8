"""A script of faults: at which request, what goes wrong. The server asks it at every request.

The requests within a `$batch` are numbered and struck like any other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.servers.script import Script


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came in. `path` is without its query, and so without its secrets.

    `operation` is the name of the deed ("listMessages", "deleteItem", "token"); `app` a client id or
    empty; `is_immutable` whether it asked for immutable ids; `batch` the number of the `$batch` that it
    came in; `options` the query's options that are no secret.
    """

    number: int
    operation: str
    method: str
    path: str
    app: str
    mailbox: str
    is_immutable: bool
    options: tuple[tuple[str, str], ...] = ()
    batch: int | None = None


Kind = Literal[
    "drop-before", "drop-after", "cut", "status", "html", "garbage", "page", "stall", "lose-answers"
]


@dataclass(frozen=True, slots=True)
class Action:
    """What goes wrong. Made by the functions below. `is_committed`: the deed was done all the same."""

    kind: Kind
    status: int = 0
    code: str = ""
    retry_after: str | None = None
    count: int = 0
    is_committed: bool = False
    spoil: Callable[[dict[str, Any], str], None] | None = None
    release: threading.Event = field(default_factory=threading.Event, compare=False)
    reached: threading.Event = field(default_factory=threading.Event, compare=False)


def drop_before() -> Action:
    """The connection ends before the server has done anything."""
    return Action("drop-before")


def drop_after() -> Action:
    """The server has done everything; the connection ends before a byte of the answer."""
    return Action("drop-after", is_committed=True)


def cut() -> Action:
    """The server has done everything; the connection ends in the middle of the answer."""
    return Action("cut", is_committed=True)


def error(status: int, code: str, *, is_committed: bool = False) -> Action:
    """Any error of Graph's."""
    return Action("status", status, code, is_committed=is_committed)


def unauthorised() -> Action:
    """401, though the token is good."""
    return error(401, "InvalidAuthenticationToken")


def forbidden() -> Action:
    """403, though the permission is there."""
    return error(403, "ErrorAccessDenied")


def throttled(retry_after: int | str | None = 0) -> Action:
    """429; `retry_after` in seconds, or a date of HTTP, or none. Nothing was done."""
    return _busy(429, "ApplicationThrottled", retry_after, False)


def unavailable(retry_after: int | str | None = 0, *, is_committed: bool = False) -> Action:
    """503."""
    return _busy(503, "ServiceUnavailable", retry_after, is_committed)


def timed_out(retry_after: int | str | None = 0, *, is_committed: bool = False) -> Action:
    """504: with `is_committed` the deed was done behind the gateway."""
    return _busy(504, "GatewayTimeout", retry_after, is_committed)


def _busy(status: int, code: str, retry_after: int | str | None, is_committed: bool) -> Action:
    told = None if retry_after is None else str(retry_after)
    return Action("status", status, code, told, is_committed=is_committed)


def html(*, is_committed: bool = False) -> Action:
    """A page of HTML with status 200, as a proxy or a sign-in page sends it."""
    return Action("html", is_committed=is_committed)


def garbage(*, is_committed: bool = False) -> Action:
    """An answer that breaks off in the middle of its JSON, with a length that is right."""
    return Action("garbage", is_committed=is_committed)


def stall(*, is_committed: bool = True) -> Action:
    """The answer waits until `release` is set (30 s at most); `reached` tells that it waits."""
    return Action("stall", is_committed=is_committed)


def lose_answers(count: int = 1) -> Action:
    """At a `$batch`: everything is done; the last `count` sub-answers are missing."""
    return Action("lose-answers", count=count, is_committed=True)


# ── pages that lie ───────────────────────────────────────────────────────────────────────────────


def _page(spoil: Callable[[dict[str, Any], str], None]) -> Action:
    return Action("page", is_committed=True, spoil=spoil)


def broken_next_link() -> Action:
    """The page's nextLink leads nowhere on this server."""
    return _page(
        lambda page, url: page.update({"@odata.nextLink": url.partition("?")[0] + "/not/there?$skip=1"})
    )


def repeated_next_link() -> Action:
    """The page's nextLink leads to the same page again."""
    return _page(lambda page, url: page.update({"@odata.nextLink": url}))


def foreign_next_link(host: str = "attacker.example") -> Action:
    """The page's nextLink leads to another host."""

    def spoil(page: dict[str, Any], url: str) -> None:
        page["@odata.nextLink"] = f"https://{host}/" + url.split("/", 3)[3]

    return _page(spoil)


def lost_next_link() -> Action:
    """The page has no nextLink, though more follows."""
    return _page(lambda page, _url: page.pop("@odata.nextLink", None) and None)


def wrong_count(by: int = 1) -> Action:
    """@odata.count is not the number of items there are; nothing happens where it was not asked for."""

    def spoil(page: dict[str, Any], _url: str) -> None:
        if "@odata.count" in page:
            page["@odata.count"] += by

    return _page(spoil)


def short_page(count: int = 1) -> Action:
    """The page lacks its last `count` items; its nextLink leads on behind them."""

    def spoil(page: dict[str, Any], _url: str) -> None:
        del page["value"][-count:]

    return _page(spoil)


Faults = Script[Request, Action]
