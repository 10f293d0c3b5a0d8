"""How an Exchange mailbox is destroyed from, here or in the cloud: a look, the order, a look, the bins.

Only what a look no longer finds is called gone, and only what is not found in Recoverable Items either is
called destroyed. The answer to the order proves nothing. How items are asked for, how the order is given and
how a refusal is told is each server's own.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Generic, Protocol, TypeVar

from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import Key, Kind, Place
from retentiond.core.period import Period
from retentiond.errors import Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.exchange_folders import Binned, Folder, Folders, Signed, end_of_period

#: For how many seconds a look at the holds of all conversations stays fresh enough.
_FRESH = 10.0

#: What is told of a key, and until when, and why.
Told = tuple[Result, date | None, str]
DONE: Told = (Result.DONE, None, "")
GONE_ALREADY: Told = (Result.GONE_ALREADY, None, "")
CHANGED: Told = (Result.CHANGED, None, "")
_HELD: Told = (Result.HELD, None, "")
_REMOVED: Told = (Result.REMOVED, None, "")


class Seen(Signed, Binned, Protocol):
    """An item as it is now."""

    @property
    def key(self) -> str: ...

    @property
    def parent(self) -> str: ...

    @property
    def message_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What was answered to an order. `why`: of what was refused, the reason; empty where nothing was.

    `is_worth_another`: whether a second look and order may achieve more; `is_busy`: because the server had
    no time. `taken` are the keys that it did not refuse, `absent` those that it did not find.
    """

    why: str = ""
    is_worth_another: bool = False
    is_busy: bool = False
    taken: frozenset[Key] = frozenset()
    absent: frozenset[Key] = frozenset()


BUSY = Heard(Why.BUSY, is_worth_another=True, is_busy=True)

SomeSeen = TypeVar("SomeSeen", bound=Seen)


class Deed(ABC, Generic[SomeSeen]):
    """One call of the verb: what became of each key, and by what the removed items are known again."""

    #: How many items one look is good for: the orders that follow it take a few seconds.
    CHUNK: ClassVar[int]
    #: How often a batch is tried without any progress, with a look before each time.
    ATTEMPTS: ClassVar[int]

    session: Folders

    def __init__(self, session: Folders, place: Place, holds_win: bool) -> None:
        self.session = session
        self.place = place
        self.folder = session.at(place)
        self.holds_win = holds_win
        self.told: dict[Key, Told] = {}
        self.removed: dict[Key, SomeSeen] = {}
        self._conversations: frozenset[str] = frozenset()
        self._looked = float("-inf")

    def carry_out(self, keys: Sequence[Key]) -> tuple[Outcome, ...]:
        for start in range(0, len(keys), self.CHUNK):
            part = keys[start : start + self.CHUNK]
            self._remove(part)
            refused = {self.told[key] for key in part if self.told[key][0] is Result.FAILED}
            if len(refused) == 1 and all(self.told[key][0] is Result.FAILED for key in part):
                # All of a batch was refused for one reason: that is a hold of the whole mailbox, or a
                # permission that is missing. The rest is not fought for either.
                self.told.update(dict.fromkeys(keys[start + self.CHUNK :], refused.pop()))
                break
        if self.removed and not self.folder.is_bin:
            self._empty_the_bins()
        return tuple(self._outcomes(keys))

    def _outcomes(self, keys: Sequence[Key]) -> Iterator[Outcome]:
        groups: dict[Told, list[Key]] = {}
        for key in dict.fromkeys(keys):
            groups.setdefault(self.told[key], []).append(key)
        for (result, until, why), found in groups.items():
            yield Outcome(self.place, result, tuple(found), until, why)

    # ── each server's own ────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def _now(self, keys: Sequence[Key]) -> Iterator[tuple[Key, SomeSeen | Told]]:
        """Each item as it is now, or what is told of it where it cannot be had."""

    @abstractmethod
    def _is_another(self, row: SomeSeen, key: Key) -> bool:
        """Whether the item is another version by now, or may not be destroyed as it is."""

    @abstractmethod
    def _order(self, doomed: dict[Key, SomeSeen], attempt: int) -> Heard:
        """Gives the order once; waits where the server had no time."""

    @abstractmethod
    def _after(self, doomed: dict[Key, SomeSeen], heard: Heard) -> Iterator[tuple[Key, Told | None]]:
        """Looks again: None of what is there all the same, else what became of it."""

    @abstractmethod
    def _found_in_bins(self) -> list[tuple[Key, Folder, SomeSeen]]:
        """What was removed and lies in Recoverable Items now, each with the key that it had before."""

    @abstractmethod
    def _order_in(self, folder: Folder, rows: Sequence[SomeSeen], attempt: int) -> Heard:
        """Gives the order once for these in one bin; waits where the server had no time."""

    @property
    @abstractmethod
    def _declared(self) -> Period | None:
        """For how long single item recovery keeps what is removed, by what the operator declared."""

    @abstractmethod
    def _kept(self, row: SomeSeen) -> Told:
        """Why an item is still in a bin: for a time, or by a hold of the server's."""

    # ── one batch ────────────────────────────────────────────────────────────────────────────────

    def _remove(self, keys: Sequence[Key]) -> None:
        left = list(keys)
        heard = Heard()
        doomed: dict[Key, SomeSeen] = {}
        attempt = 0
        while attempt < self.ATTEMPTS:
            doomed = self._last_look(left)
            if not doomed:
                return
            heard = self._order(doomed, attempt)
            left = self._settled(doomed, heard)
            if not left or not heard.is_worth_another:
                break
            attempt = 0 if len(left) < len(doomed) else attempt + 1
        is_kept = self.folder.is_bin and heard.why not in (Why.NO_RIGHT, Why.NO_ACCESS)
        for key in left:
            self.told[key] = self._kept(doomed[key]) if is_kept else (Result.FAILED, None, heard.why)

    def _last_look(self, keys: Sequence[Key]) -> dict[Key, SomeSeen]:
        """What may be destroyed of these; of the rest it is told why not."""
        doomed: dict[Key, SomeSeen] = {}
        conversations = self._held_conversations() if self.holds_win else frozenset()
        for key, row in self._now(keys):
            if isinstance(row, tuple):
                self.told[key] = row
            elif row.parent not in ("", self.folder.id):
                self.told[key] = CHANGED
            elif self.holds_win and self.session.is_held(self.folder, row, conversations):
                self.told[key] = _HELD
            elif self._is_another(row, key):
                self.told[key] = CHANGED
            elif self.folder.is_bin and (until := self._is_kept_yet(row)):
                self.told[key] = (Result.RETAINED, until, Why.SERVER_KEEPS)
            else:
                doomed[key] = row
        return doomed

    def _held_conversations(self) -> frozenset[str]:
        if time.monotonic() - self._looked > _FRESH:
            self._conversations = self.session.held_conversations()
            self._looked = time.monotonic()
        return self._conversations

    def _settled(self, doomed: dict[Key, SomeSeen], heard: Heard) -> list[Key]:
        """Tells what became of what is no longer there; gives what is."""
        left = []
        for key, told in self._after(doomed, heard):
            if told is None:
                left.append(key)
                continue
            self.told[key] = told
            if told == DONE:
                self.removed[key] = doomed[key]
        return left

    # ── the bin behind the bins ──────────────────────────────────────────────────────────────────

    def _empty_the_bins(self) -> None:
        """Destroys the same items out of Recoverable Items; what stays there is not destroyed."""
        if not self.session.layout().sees_bins:
            self.told.update(dict.fromkeys(self.removed, _REMOVED))
            return
        found = self._found_in_bins()
        attempt = 0
        while attempt < self.ATTEMPTS:
            doomed = [(folder, row) for _, folder, row in found if not self._is_kept_yet(row)]
            if not doomed:
                break
            is_busy = False
            for folder in dict.fromkeys(folder for folder, _ in doomed):
                is_busy |= self._order_in(
                    folder, [row for at, row in doomed if at == folder], attempt
                ).is_busy
            before, found = found, self._found_in_bins()
            if not is_busy:
                break
            attempt = 0 if len(found) < len(before) else attempt + 1
        for key, _, row in found:
            self.told[key] = self._kept(row)
        if self.session.scope.kind is Kind.ADVISOR:  # what has no Message-ID was not looked for
            nameless = (key for key, row in self.removed.items() if not row.message_id)
            self.told.update(dict.fromkeys(nameless, _REMOVED))

    def _is_ours(self, row: SomeSeen) -> bool:
        """Whether it may be something that was removed here: what bore no sign of a hold then bears none
        now. An item that is like it and is held is somebody else's business (P6)."""
        return not self.holds_win or not self.session.bears_sign(row)

    def _is_kept_yet(self, row: SomeSeen) -> date | None:
        """Until when single item recovery keeps an item of Recoverable Items, where that was declared."""
        return self._kept_until(row, self._declared)

    def _kept_until(self, row: SomeSeen, period: Period | None) -> date | None:
        """The end of a period of keeping, where that is still to come. What was removed just now came into
        the bin today, whether the server tells or not; what lay there before has no day then."""
        now = self.session.clock
        end = end_of_period(period, row.deleted or (None if self.folder.is_bin else now))
        return end.date() if end is not None and now is not None and end > now else None


def standing(
    session: Folders, folder: Folder, found: Collection[tuple[Key, Seen]], conversations: frozenset[str]
) -> Standing:
    """What of an open intent is there: nothing is ever half deleted; but what is gone may lie in Recoverable
    Items, where the next look finds it, if they can be looked into at all."""
    here = [(key, row) for key, row in found if row.parent in ("", folder.id)]
    held = tuple(key for key, row in here if session.is_held(folder, row, conversations))
    are_empty = session.layout().sees_bins and not any(each.count for each in session.bins(folder))
    return Standing(tuple(key for key, _ in here), held, (), is_final=folder.is_bin or are_empty)
