"""A small helpline in memory with a real ledger: the ground on which the laws of a sweep are tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from retentiond.arming import arm
from retentiond.core.fuse import Limits
from retentiond.core.model import Kind
from retentiond.core.period import Period
from retentiond.ledger import Ledger
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.memory import MemoryMailbox, MemoryServer
from retentiond.mailbox.scope import Scope
from retentiond.sweep import Report, sweep
from retentiond.targets import Estate, Target

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
ZONE = ZoneInfo("Europe/London")
SIX = Period(months=6)
CUTOFF = SIX.cutoff(NOW, ZONE)
HELD = "$RetentionHold"

LINE, YOUTH = "help@line.example", "help@youth.example"
HELPLINES = {"line": LINE, "youth": YOUTH}
ADVISORS = {"ana": "ana@line.example", "ben": "ben@line.example"}


class PowerCut(BaseException):
    """The machine went dark. Nothing may catch it."""


_COMMITS = [
    "intend",
    "advance",
    "settle",
    "swept",
    "arm",
    "first_seen",
    "record",
    "begin_erasure",
    "end_erasure",
    "forget_marks",
]


class CuttingBook:
    """The real ledger, with the power cut before or after any of its commits."""

    def __init__(self, book: Any, tick: Any) -> None:
        self._book, self._tick = book, tick

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._book, name)
        if name not in _COMMITS:
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._tick(name)
            result = found(*args, **more)
            self._tick(name)
            return result

        return call


def mail(sender: str, name: str, to: str = "writer@post.example", answers: str = "", text: str = "") -> bytes:
    """A message whose Message-ID is made from `name`."""
    parent = f"In-Reply-To: <{answers}@x.example>\r\nReferences: <{answers}@x.example>\r\n" if answers else ""
    head = f"From: <{sender}>\r\nTo: <{to}>\r\nMessage-ID: <{name}@x.example>\r\n{parent}Subject: {name}\r\n"
    return f"{head}\r\n{text or name}\r\n".encode()


@dataclass
class World:
    """Servers, mailboxes, ledger. `state` compares what a user could see, UIDs aside."""

    directory: Path
    server: MemoryServer = field(default_factory=MemoryServer)
    by_thread: bool = False
    longest: Period | None = None
    limits: Limits = field(default_factory=Limits)
    wrap: Callable[[Ledger], Ledger] = lambda book: book
    founded: datetime = NOW - timedelta(days=1)

    def __post_init__(self) -> None:
        self.book_directory = self.directory / "book"
        self.key = self.directory / "ledger.key"
        Ledger.init(self.book_directory, self.key, self.founded)
        for name in (*HELPLINES, *ADVISORS):
            self.server.mailbox(name)

    def book(self) -> Ledger:
        return Ledger.open(self.book_directory, self.key.read_bytes())

    def estate(self, book: Ledger) -> Estate:
        marker = Marker(book.mark_key)
        identities = tuple(HELPLINES.values())
        helplines = [
            self._target(Scope(name, Kind.HELPLINE, (address,), hold_folder="Archive 2025"), "", marker)
            for name, address in HELPLINES.items()
        ]
        advisors = [
            self._target(Scope(name, Kind.ADVISOR, identities), address, marker)
            for name, address in ADVISORS.items()
        ]
        by_conversation = self.longest is not None
        return Estate((*helplines, *advisors), ZONE, self.limits, marker, self.by_thread, by_conversation)

    def _target(self, scope: Scope, address: str, marker: Marker) -> Target:
        name = scope.target
        return Target(
            name,
            scope.kind,
            SIX,
            f"rules of {name}",
            scope.identities if scope.kind is Kind.HELPLINE else (),
            address,
            lambda: MemoryMailbox(self.server, name, scope, marker),
            longest=self.longest,
        )

    def put(self, mailbox: str, folder: str, content: bytes, received: datetime | None, *flags: str) -> int:
        return self.server.mailbox(mailbox)[folder].put(content, received, flags)

    def arm_all(self, now: datetime = NOW) -> None:
        with self.book() as book:
            estate = self.estate(book)
            for target in estate.targets:
                arm(estate, target.name, 10**6, book, self.directory, now, who="uid 0", told="2026-01-01")

    def sweep(self, now: datetime = NOW, only: str | None = None) -> Report:
        with self.book() as book:
            wrapped = self.wrap(book)
            return sweep(self.estate(book), wrapped, self.directory, now, only=only)

    def sweep_cut_at_expunge(self, now: datetime = NOW, *, is_done: bool = True) -> None:
        """A sweep in which the power goes as soon as something was expunged, or just before."""

        def cut(what: str, was_done: bool) -> None:
            if what == "expunge" and was_done is is_done:
                raise PowerCut

        self.server.on_effect = cut
        with pytest.raises(PowerCut):
            self.sweep(now)
        self.server.on_effect = lambda *_: None

    def is_cut_at(self, moment: int, deed: Callable[[], object]) -> bool:
        """Whether the power was cut in a deed: at the nth moment before or after an effect or a commit."""
        count = 0

        def tick(*_: object) -> None:
            nonlocal count
            count += 1
            if count == moment:
                raise PowerCut

        self.server.on_effect = tick
        self.wrap = lambda book: CuttingBook(book, tick)  # type: ignore[assignment, return-value]
        try:
            deed()
        except PowerCut:
            return True
        finally:
            self.server.on_effect = lambda *_: None
            self.wrap = lambda book: book
        return False

    def state(self) -> Counter[tuple[str, str, bytes, datetime | None, frozenset[str]]]:
        """Every message as a client would see it."""
        return Counter(
            (mailbox, name, stored.content, stored.received, stored.flags)
            for mailbox, folders in self.server.mailboxes.items()
            for name, folder in folders.items()
            for stored in folder.messages.values()
        )

    def contents(self, mailbox: str, folder: str) -> list[bytes]:
        return sorted(each.content for each in self.server.mailbox(mailbox)[folder].messages.values())
