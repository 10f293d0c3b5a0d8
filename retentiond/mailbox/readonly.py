"""A mailbox that cannot be changed: what could, raises. Every audit runs through it (law 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import NoReturn, Self

from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome
from retentiond.core.model import Beside, FolderView, Item, Key, Kind, Place, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import (
    Abilities,
    Copy,
    Likeness,
    Mailbox,
    Message,
    Question,
    Sameness,
    Standing,
    Wanted,
)


class ReadOnly:
    """Wraps a mailbox: verbs that look pass through, verbs that change raise Refused(audit)."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @property
    def target(self) -> str:
        return self._mailbox.target

    @property
    def kind(self) -> Kind:
        return self._mailbox.kind

    @property
    def sameness(self) -> Sameness:
        return self._mailbox.sameness

    @property
    def hold_sign(self) -> str:
        return self._mailbox.hold_sign

    def __enter__(self) -> Self:
        self._mailbox.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._mailbox.__exit__(exc_type, exc, traceback)

    def abilities(self) -> Abilities:
        return self._mailbox.abilities()

    def clock(self, now: datetime) -> ClockReading:
        return self._mailbox.clock(now)

    def look(self, question: Question) -> Iterator[FolderView]:
        return self._mailbox.look(question)

    def beside(self, question: Question) -> tuple[tuple[Beside, int], ...]:
        return self._mailbox.beside(question)

    def message_ids(self) -> Iterator[str]:
        return self._mailbox.message_ids()

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        return self._mailbox.identify(place, keys)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        return self._mailbox.seek(wanted)

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        return self._mailbox.named(place, keys)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        return self._mailbox.younger(question, of)

    def place(self, role: Role) -> Place:
        return self._mailbox.place(role)

    def find(self, label: str) -> Place | None:
        return self._mailbox.find(label)

    def names(self) -> dict[str, str]:
        return self._mailbox.names()

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        return self._mailbox.fetch(place, keys, sizes)

    @property
    def takes_parcels(self) -> bool:
        return False

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return self._mailbox.pack(place, keys)

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        return self._mailbox.copies(place, of, by)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        return self._mailbox.stand(place, keys)

    def add(self, place: Place, messages: Sequence[Message]) -> NoReturn:
        self._refuse()

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> NoReturn:
        self._refuse()

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> NoReturn:
        self._refuse()

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        self._refuse()

    def hold(self, place: Place, keys: Sequence[Key]) -> NoReturn:
        self._refuse()

    def unhold(self, place: Place, keys: Sequence[Key]) -> NoReturn:
        self._refuse()

    def unmark(self, place: Place, keys: Sequence[Key]) -> NoReturn:
        self._refuse()

    def keeps_copies(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Refused(self.target, Why.AUDIT)
