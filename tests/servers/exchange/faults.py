"""A script of faults: at which request, what goes wrong. The server asks it at every request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

from tests.servers.script import Script


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came in: its number from 1, the operation, how many items it names, who asks."""

    number: int
    operation: str
    items: int
    user: str
    impersonated: str | None = None


Where = Literal[
    "drop-before",
    "drop-after",
    "cut",
    "status",
    "html",
    "garbage",
    "schema",
    "soap",
    "all",
    "item",
    "short",
    "stall",
    "endless",
    "short-page",
]


@dataclass(frozen=True, slots=True)
class Action:
    """What goes wrong. Made by the functions below."""

    kind: Where
    code: str = ""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    index: int = 0
    stops: bool = False
    back_off: int | None = None
    count: int = 1
    is_committed: bool = False
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


def unauthorised() -> Action:
    """401, though the password is right."""
    return Action("status", status=401, headers=(("WWW-Authenticate", 'Basic realm="relay.example"'),))


def forbidden() -> Action:
    """403, as Exchange Online answers where EWS is blocked."""
    return Action("status", status=403, headers=(("x-ms-diagnostics", '2000008;reason="EWS is disabled"'),))


def overloaded(status: int = 503, retry_after: int | None = None) -> Action:
    """429 or 503, with or without Retry-After (seconds). Nothing was done."""
    headers = (("Retry-After", str(retry_after)),) if retry_after is not None else ()
    return Action("status", status=status, headers=headers)


def html(*, is_committed: bool = False) -> Action:
    """A page of HTML with status 200, as a proxy or a sign-in page sends it."""
    return Action("html", is_committed=is_committed)


def garbage(*, is_committed: bool = False) -> Action:
    """An answer that breaks off in the middle of its XML, with a length that is right."""
    return Action("garbage", is_committed=is_committed)


def schema_error() -> Action:
    """ErrorSchemaValidation for a request in which there is nothing wrong."""
    return Action("schema")


def busy(back_off: int | None = None) -> Action:
    """ErrorServerBusy for the whole request; `back_off` in milliseconds. Nothing was done."""
    return Action("soap", "ErrorServerBusy", back_off=back_off)


def soap_fault(code: str) -> Action:
    """Any code for the whole request. Nothing was done."""
    return Action("soap", code)


def every_item(code: str) -> Action:
    """Each response message bears this code (ErrorMailboxStoreUnavailable, …). Nothing was done."""
    return Action("all", code)


def one_item(code: str, index: int = 0, *, stops: bool = False) -> Action:
    """The item at `index` (from 0) fails with this code, the others are done; with `stops` those behind it
    are not, and answer ErrorBatchProcessingStopped."""
    return Action("item", code, index=index, stops=stops)


def busy_item(index: int, *, stops: bool = False) -> Action:
    """ErrorServerBusy in the middle of a batch: what stands before it is done."""
    return one_item("ErrorServerBusy", index, stops=stops)


def short_answer(count: int = 1) -> Action:
    """Everything is done; the last `count` response messages are missing, at least one is left."""
    return Action("short", count=count, is_committed=True)


def endless() -> Action:
    """Whatever page is asked for, it is the first one, and there are more."""
    return Action("endless", is_committed=True)


def short_page() -> Action:
    """A page that says how many items there are, and leaves out the first of them."""
    return Action("short-page", is_committed=True)


def stall(*, is_committed: bool = True) -> Action:
    """The answer waits until `release` is set (30 s at most); `reached` tells that it waits."""
    return Action("stall", is_committed=is_committed)


Faults = Script[Request, Action]
