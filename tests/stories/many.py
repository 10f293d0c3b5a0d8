"""Many mailboxes, swept by one service in a process: `python -m tests.stories.many N STATE [CONFIG]`.

N mailboxes of a hundred messages in memory, half of them due, and those of a configuration besides. Each
mailbox in memory is made when it is opened and forgotten when it is closed, so that what the process
weighs is the service, and not the mail. Prints one JSON document: what it did, and its peak (VmHWM).
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from retentiond.config import Config, Schedule, load
from retentiond.core.fuse import Arming, Limits
from retentiond.core.model import Kind
from retentiond.daemon import Daemon
from retentiond.doors import estate_of
from retentiond.ledger import Ledger
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.memory import MemoryMailbox, MemoryServer
from retentiond.mailbox.scope import Scope
from retentiond.rounds import Service
from retentiond.targets import Estate, Target
from tests.stories.small_world import SIX, ZONE, mail

MESSAGES = 100
DUE = MESSAGES // 2
#: At so many servers they lie; of each, so many at a time.
SERVERS, PARALLEL = 8, 4


@dataclass
class Many:
    """`emptied` are the mailboxes in which nothing is due any more; `at_once` the most that were open."""

    count: int
    state: Path
    config: Config | None
    emptied: set[str] = field(default_factory=set)
    at_once: int = 0
    _open: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.cutoff = SIX.cutoff(datetime.now(UTC), ZONE)

    @contextmanager
    def open(self) -> Iterator[tuple[Estate, Ledger | None]]:
        with Ledger.open(self.state, (self.state / "ledger.key").read_bytes()) as book:
            marker = Marker(book.mark_key)
            estate = Estate((), ZONE, Limits(), marker)
            if self.config is not None:
                estate = estate_of(self.config, marker)
            ours = tuple(self._target(number, marker) for number in range(self.count))
            yield replace(estate, targets=(*estate.targets, *ours)), book

    def arm_ours(self) -> None:
        """By somebody's word, without a look at each: the looks are the round's to weigh."""
        with self.open() as (estate, book):
            assert book is not None
            now = datetime.now(UTC)
            for target in estate.targets:
                if target.name.startswith("memory-"):
                    arming = Arming(target.rules, str(SIX), DUE, 0, DUE, now, "uid 0", keeps_copies=False)
                    book.arm(target.name, arming)

    def _target(self, number: int, marker: Marker) -> Target:
        name = f"memory-{number}"
        scope = Scope(name, Kind.HELPLINE, (f"help-{number}@line.example",))

        def opened() -> Mailbox:
            return _Passing(name, scope, marker, self)

        server = f"server-{number % SERVERS}"
        return Target(
            name, Kind.HELPLINE, SIX, f"rules {number}", scope.identities, "", opened, server=server
        )

    def fill(self, server: MemoryServer, name: str) -> None:
        """The mailbox as it is by now; and whoever empties it is heard."""
        inbox = server.mailbox(name)["INBOX"]
        for number in range(MESSAGES):
            days = -1 - number % 30 if number < DUE else 1 + number
            inbox.put(mail("writer@post.example", f"{name}-{number}"), self.cutoff + timedelta(days=days))
        if name in self.emptied:
            for uid in range(1, DUE + 1):
                del inbox.messages[uid]

        def heard(_what: str, is_done: bool) -> None:
            if is_done and len(inbox.messages) == MESSAGES - DUE:
                self.emptied.add(name)

        server.on_effect = heard

    def counted(self, by: int) -> None:
        with self._turn:
            self._open += by
            self.at_once = max(self.at_once, self._open)


class _Passing(MemoryMailbox):
    """A mailbox that is there while it is open."""

    def __init__(self, name: str, scope: Scope, marker: Marker, many: Many) -> None:
        super().__init__(MemoryServer(), name, scope, marker)
        self._many = many

    def __enter__(self) -> Self:
        self._many.fill(self._server, self._name)
        self._many.counted(+1)
        return super().__enter__()

    def __exit__(self, *what: object) -> None:
        self._server.mailboxes.clear()
        self._server.on_effect = lambda *_: None
        self._many.counted(-1)


def peak() -> float:
    """The most that this process ever held in memory (MiB)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def main(count: int, state: Path, config: Config | None) -> None:
    many = Many(count, state, config)
    many.arm_ours()
    service = Service(many.open, state, ZONE, PARALLEL)
    code = Daemon(service, Schedule("15 3 * * *", ZONE, 0, PARALLEL)).once()
    from retentiond import condition

    found = condition.read(state)
    assert found.round is not None
    print(
        json.dumps(
            {
                "code": code,
                "result": found.round.result,
                "done": found.round.done,
                "emptied": len(many.emptied),
                "findings": len(found.concerns),
                "at_once": many.at_once,
                "peak": peak(),
                "seconds": (found.round.ended - found.round.started).total_seconds(),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), load(Path(sys.argv[3])) if len(sys.argv) > 3 else None)
