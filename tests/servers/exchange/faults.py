"""A script of faults: at which request, what goes wrong. The server asks it at every request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


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


def stall(*, is_committed: bool = True) -> Action:
    """The answer waits until `release` is set (30 s at most); `reached` tells that it waits."""
    return Action("stall", is_committed=is_committed)


Trigger = int | str | Callable[[Request], bool]


@dataclass(eq=False)
class _Armed:
    trigger: Trigger
    action: Action
    times: int | None
    after: int

    def is_due(self, request: Request) -> bool:
        if self.times == 0:
            return False
        match self.trigger:
            case int():
                return request.number == self.after + self.trigger
            case str():
                return request.operation == self.trigger
            case _:
                return self.trigger(request)


class Faults:
    """What is to go wrong. `struck` holds what has: the request and the action."""

    def __init__(self) -> None:
        self.struck: list[tuple[Request, Action]] = []
        self._armed: list[_Armed] = []
        self._seen = 0

    def at(self, trigger: Trigger, action: Action, times: int | None = 1) -> Action:
        """Lets `action` happen at the nth request from now (from 1), at the next request of an operation
        ("DeleteItem"), or where a predicate says so; `times` None: every time."""
        self._armed.append(_Armed(trigger, action, times, self._seen))
        return action

    def clear(self) -> None:
        """Nothing more goes wrong; what is stalled goes on."""
        for armed in self._armed:
            armed.action.release.set()
        self._armed.clear()

    def due(self, request: Request) -> Action | None:
        """The action for a request; counts it as struck."""
        self._seen = request.number
        for armed in self._armed:
            if armed.is_due(request):
                if armed.times is not None:
                    armed.times -= 1
                self.struck.append((request, armed.action))
                return armed.action
        return None
