"""A script of faults: at which request, what goes wrong. Each stand-in has its own requests and faults."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Numbered(Protocol):
    """A request that came in: its number from 1 and its operation."""

    @property
    def number(self) -> int: ...
    @property
    def operation(self) -> str: ...


class Waiting(Protocol):
    """A fault; one that stalls goes on when `release` is set."""

    @property
    def release(self) -> threading.Event: ...


AnyRequest = TypeVar("AnyRequest", bound=Numbered)
AnyAction = TypeVar("AnyAction", bound=Waiting)


@dataclass(eq=False)
class _Armed(Generic[AnyRequest, AnyAction]):
    trigger: int | str | Callable[[AnyRequest], bool]
    action: AnyAction
    times: int | None
    after: int

    def is_due(self, request: AnyRequest) -> bool:
        if self.times == 0:
            return False
        match self.trigger:
            case int():
                return request.number == self.after + self.trigger
            case str():
                return request.operation == self.trigger
            case _:
                return self.trigger(request)


class Script(Generic[AnyRequest, AnyAction]):
    """What is to go wrong. `struck` holds what has: the request and the action."""

    def __init__(self) -> None:
        self.struck: list[tuple[AnyRequest, AnyAction]] = []
        self._armed: list[_Armed[AnyRequest, AnyAction]] = []
        self._seen = 0

    def at(
        self, trigger: int | str | Callable[[AnyRequest], bool], action: AnyAction, times: int | None = 1
    ) -> AnyAction:
        """Lets `action` happen at the nth request from now (from 1), at the next request of an operation
        ("DeleteItem"), or where a predicate says so; `times` None: every time."""
        self._armed.append(_Armed(trigger, action, times, self._seen))
        return action

    def clear(self) -> None:
        """Nothing more goes wrong; what is stalled goes on."""
        for armed in self._armed:
            armed.action.release.set()
        self._armed.clear()

    def due(self, request: AnyRequest) -> AnyAction | None:
        """The action for a request; counts it as struck."""
        self._seen = request.number
        for armed in self._armed:
            if armed.is_due(request):
                if armed.times is not None:
                    armed.times -= 1
                self.struck.append((request, armed.action))
                return armed.action
        return None
