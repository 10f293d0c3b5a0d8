"""Who does the work: one mailbox after the other, or side by side in threads under a limit for each server.

Answers come in the order of the work, whoever was done first. Work that has not begun when another
raised is not begun any more; what has begun is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Final, Protocol, TypeVar

Work = TypeVar("Work")
Answer = TypeVar("Answer")


class Crew(Protocol):
    """Whoever does a piece of work for each of several mailboxes. `named` is given with each: its target."""

    def each(self, do: Callable[[Work], Answer], named: Sequence[tuple[str, Work]]) -> list[Answer]:
        """What `do` answers for each, in order. Raises what the first of them that failed raised."""
        ...


class OneByOne:
    """No threads at all: what a person at a terminal watches, and what tests can foresee."""

    def each(self, do: Callable[[Work], Answer], named: Sequence[tuple[str, Work]]) -> list[Answer]:
        return [do(work) for _, work in named]


ONE_BY_ONE: Final[Crew] = OneByOne()


class SideBySide:
    """At most `limit` mailboxes of one server at a time; servers do not wait for each other.

    `servers` says by target where its mailbox lies. A reply on its way home opens its home as well:
    a server may see twice as many connections.
    """

    def __init__(self, servers: Mapping[str, str], limit: int) -> None:
        self._servers = servers
        self._limit = limit

    def each(self, do: Callable[[Work], Answer], named: Sequence[tuple[str, Work]]) -> list[Answer]:
        if len(named) < 2:
            return ONE_BY_ONE.each(do, named)
        with ExitStack() as stack:
            pools = {
                server: stack.enter_context(ThreadPoolExecutor(self._limit, "mailbox"))
                for server in {self._servers.get(name, "") for name, _ in named}
            }
            futures = [pools[self._servers.get(name, "")].submit(do, work) for name, work in named]
            return _answers(futures)


def _answers(futures: Sequence[Future[Answer]]) -> list[Answer]:
    wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        future.cancel()  # does nothing to what is done or has begun
    wait(futures)
    for future in futures:
        if not future.cancelled() and (error := future.exception()) is not None:
            raise error
    return [future.result() for future in futures]
