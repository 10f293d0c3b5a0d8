"""Exactly the versions that were seen are destroyed on Exchange, out of the bin behind the bins too.

A last look before each batch (is it unchanged, is it held?), the order, a look after it: only what a look no
longer finds is called gone, and only what is not found in Recoverable Items either is called destroyed. The
answer to the order itself proves nothing: parts of a batch fail and their answers come as they like.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from retentiond.core.model import Key, Kind, Outcome, Place, Result
from retentiond.errors import Unreachable, Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.ews_line import TurnedAway
from retentiond.mailbox.ews_look import end_of_keeping
from retentiond.mailbox.ews_session import CHUNK, GONE, SIGN, Session
from retentiond.mailbox.ews_words import (
    DELETED_ON,
    MESSAGE_ID,
    SEARCH_KEY,
    Path,
    Row,
    compared,
    contains,
    either,
    instant,
    item_ids,
    tag,
)
from retentiond.mailbox.patience import OutOfPatience

#: How often a batch is tried, with a look before each time.
_ATTEMPTS = 4
#: For how many seconds a look at the holds of all conversations stays fresh enough.
_FRESH = 10.0
#: How many Message-IDs one search names.
_TERMS = 25

_LAST: tuple[Path, ...] = (
    *(*SIGN, "item:DateTimeReceived", "item:ParentFolderId", "item:Size", "message:InternetMessageId"),
    *(SEARCH_KEY, DELETED_ON),
)

#: What is told of a key, and until when, and why.
_Told = tuple[Result, date | None, str]
_DONE: _Told = (Result.DONE, None, "")


def destroy(session: Session, place: Place, keys: Sequence[Key], *, holds_win: bool) -> tuple[Outcome, ...]:
    """The verb of the port."""
    return _Deed(session, place, holds_win).carry_out(keys)


class _Deed:
    """One call of the verb: what became of each key, and by what the removed items are known again."""

    def __init__(self, session: Session, place: Place, holds_win: bool) -> None:
        self.session = session
        self.place = place
        self.folder = session.at(place)
        self.holds_win = holds_win
        self.told: dict[Key, _Told] = {}
        self.removed: dict[Key, Row] = {}
        self._conversations: frozenset[str] = frozenset()
        self._looked = float("-inf")

    def carry_out(self, keys: Sequence[Key]) -> tuple[Outcome, ...]:
        for start in range(0, len(keys), CHUNK):
            self._remove(keys[start : start + CHUNK])
        if self.removed and not self.folder.is_bin:
            self._empty_the_bins()
        return tuple(_outcomes(self.place, keys, self.told))

    # ── one batch ────────────────────────────────────────────────────────────────────────────────

    def _remove(self, keys: Sequence[Key]) -> None:
        left = list(keys)
        why = ""
        for attempt in range(_ATTEMPTS):
            doomed = self._last_look(left)
            if not doomed:
                return
            why = self._order(list(doomed.values()), attempt)
            left = self._still_there(list(doomed))
            for key in doomed.keys() - set(left):
                self.removed[key] = doomed[key]
                self.told[key] = _DONE
            if not left:
                return
            if self.folder.is_bin and not why:
                break
        for key in left:
            self.told[key] = self._kept(doomed[key]) if self.folder.is_bin else (Result.FAILED, None, why)

    def _last_look(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """What may be destroyed of these; of the rest it is told why not."""
        doomed: dict[Key, Row] = {}
        conversations = self._held_conversations() if self.holds_win else frozenset()
        for key, row in self.session.items(keys, _LAST):
            if isinstance(row, str):
                is_gone, refused = row in GONE, (Result.FAILED, None, Why.NO_ACCESS.value)
                self.told[key] = (Result.GONE_ALREADY, None, "") if is_gone else refused
            elif row.parent not in ("", self.folder.id):
                self.told[key] = (Result.CHANGED, None, "")
            elif self.holds_win and self.session.is_held(self.folder, row, conversations):
                self.told[key] = (Result.HELD, None, "")
            elif row.key != key:
                self.told[key] = (Result.CHANGED, None, "")
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

    def _order(self, rows: Sequence[Row], attempt: int) -> str:
        """Gives the order once; what the server refused unheard is waited for, and looked at first."""
        try:
            return hard_delete(self.session, rows)
        except TurnedAway as refused:
            try:
                self.session.line.patience.wait(attempt, refused.wait)
            except OutOfPatience:
                raise Unreachable(refused.target, refused.why) from None
            return refused.why

    def _still_there(self, keys: Sequence[Key]) -> list[Key]:
        looked = self.session.items(keys, ())
        return [key for key, row in looked if not (isinstance(row, str) and row in GONE)]

    # ── the bin behind the bins ──────────────────────────────────────────────────────────────────

    def _empty_the_bins(self) -> None:
        """Destroys the same items out of Recoverable Items; what stays there is not destroyed."""
        if not self.session.layout().sees_bins:
            for key in self.removed:
                self.told[key] = (Result.REMOVED, None, "")
            return
        found: list[tuple[Key, Row]] = []
        for attempt in range(_ATTEMPTS):
            found = self._in_the_bins()
            doomed = [row for _, row in found if not self._is_kept_yet(row)]
            parts = [doomed[start : start + CHUNK] for start in range(0, len(doomed), CHUNK)]
            refused = {self._order(part, attempt) for part in parts}
            if Why.BUSY not in refused:
                found = self._in_the_bins() if parts else found
                break
        for key, row in found:
            self.told[key] = self._kept(row)
        if self.session.scope.kind is Kind.ADVISOR:  # what has no Message-ID was not looked for
            nameless = (key for key, row in self.removed.items() if not row.message_id)
            self.told.update(dict.fromkeys(nameless, (Result.REMOVED, None, "")))

    def _in_the_bins(self) -> list[tuple[Key, Row]]:
        """What was removed and lies in Recoverable Items now, each with the key that it had before.

        Its id is another there; it is the same by MAPI's search key, which a move keeps, and by its date.
        """
        known: dict[tuple[object, ...], list[Key]] = {}
        for key, row in self.removed.items():
            known.setdefault(_identity(row), []).append(key)
        bins = self.session.bins(self.folder)
        found = [row for where in self._wheres() for _, row in self.session.found(bins, _LAST, where)]
        return [(_next(known[of]), row) for row in found if (of := _identity(row)) in known]

    def _wheres(self) -> Iterator[str]:
        """By what the bins are searched: a helpline's by the span of dates, an advisor's by the Message-IDs
        of what was removed and by nothing else (P3)."""
        rows = self.removed.values()
        if self.session.scope.kind is Kind.ADVISOR:
            names = sorted({row.message_id for row in rows if row.message_id})
            for start in range(0, len(names), _TERMS):
                yield either(*(contains(MESSAGE_ID, name) for name in names[start : start + _TERMS]))
            return
        dates = [row.received for row in rows if row.received is not None]
        if not dates or len(dates) < len(rows):
            yield ""
            return
        first = compared("t:IsGreaterThanOrEqualTo", "item:DateTimeReceived", instant(min(dates)))
        last = compared("t:IsLessThan", "item:DateTimeReceived", instant(_later(max(dates))))
        yield tag("t:And", first, last)

    def _is_kept_yet(self, row: Row) -> date | None:
        """Until when single item recovery keeps an item of Recoverable Items, where that was declared."""
        until, now = end_of_keeping(self.session, row), self.session.line.clock
        return until.date() if until is not None and now is not None and until > now else None

    def _kept(self, row: Row) -> _Told:
        """Why it is still there: for a declared time, or by a hold of the server."""
        until = self._is_kept_yet(row)
        is_declared = self.session.line.account.single_item_recovery is not None
        return (Result.RETAINED, until, Why.SERVER_HOLD if is_declared and not until else Why.SERVER_KEEPS)


def hard_delete(session: Session, rows: Sequence[Row]) -> str:
    """Orders the destruction of these versions, and that nobody is told; the reason of the first refusal.

    Nothing is sent for it: no read receipt, no cancellation, no word on a task (P7).
    """
    body = tag(
        "m:DeleteItem",
        item_ids(row.key for row in rows),
        DeleteType="HardDelete",
        SendMeetingCancellations="SendToNone",
        AffectedTaskOccurrences="AllOccurrences",
        SuppressReadReceipts="true",
    )
    replies = session.line.ask("DeleteItem", body, len(rows), orders=True)
    refused = next((reply.code for reply in replies if not reply.is_good), None)
    return session.line.error(refused).why.value if refused is not None else ""


def _identity(row: Row) -> tuple[object, ...]:
    """By what an item is known again in another folder."""
    search_key = row.property(SEARCH_KEY)
    return (search_key or (row.message_id, row.size), row.received)


def _next(keys: list[Key]) -> Key:
    """The first of the keys of items that are alike, each in its turn, the last for all that are left."""
    return keys.pop(0) if len(keys) > 1 else keys[0]


def _later(moment: datetime) -> datetime:
    return moment + timedelta(seconds=1)


def _outcomes(place: Place, keys: Sequence[Key], told: dict[Key, _Told]) -> Iterator[Outcome]:
    groups: dict[_Told, list[Key]] = {}
    for key in dict.fromkeys(keys):
        groups.setdefault(told[key], []).append(key)
    for (result, until, why), found in groups.items():
        yield Outcome(place, result, tuple(found), until, why)


# ── the other verbs ──────────────────────────────────────────────────────────────────────────────


def stand(session: Session, place: Place, keys: Sequence[Key]) -> Standing:
    """The verb of the port. Nothing is ever half deleted on Exchange; but what is gone may lie in
    Recoverable Items, where it has another id: the next look finds it there."""
    folder = session.at(place)
    conversations = session.held_conversations()
    present: list[Key] = []
    held: list[Key] = []
    for key, row in session.items(keys, (*SIGN, "item:ParentFolderId")):
        if isinstance(row, str) and row in GONE:
            continue
        if isinstance(row, str):
            raise session.line.error(row)
        if row.parent in ("", folder.id):
            present.append(key)
            if session.is_held(folder, row, conversations):
                held.append(key)
    is_final = folder.is_bin or not any(each.count for each in session.bins(folder))
    return Standing(tuple(present), tuple(held), (), is_final=is_final)
