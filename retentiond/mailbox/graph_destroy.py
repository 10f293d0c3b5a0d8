"""Exactly the versions that were seen are destroyed in Microsoft 365, out of the bin behind the bins too.

A last look before each batch (is it unchanged, is it held?), the order, a look after it: only what a look no
longer finds is called gone, and only what is not found in Recoverable Items either is called destroyed. The
answer to the order proves nothing: Graph says 403 of what is held, of what is gone, and of what is forbidden.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from retentiond.core.model import Key, Kind, Outcome, Place, Result
from retentiond.core.period import Period
from retentiond.errors import Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.graph_line import BATCH, Answer, Ask, TurnedAway
from retentiond.mailbox.graph_look import end_of_keeping
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import (
    DELETED_ON,
    ROW,
    WHO,
    Row,
    either,
    instant,
    moment_of,
    segment,
    text,
)
from retentiond.mailbox.layout import end_of_period

#: How many items one look is good for: the orders that follow it take a few seconds.
CHUNK = 100
#: How often a batch is tried without any progress, with a look before each time.
_ATTEMPTS = 5
#: For how many seconds a look at the holds of all conversations stays fresh enough.
_FRESH = 10.0
#: How many Message-IDs one search names.
_TERMS = 15
#: What Exchange Online keeps by default, where the operator declared nothing (14 days, 30 at most).
_DEFAULT_KEEPING = Period(days=14)

_LAST = (*ROW, "parentFolderId")
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
            part = keys[start : start + CHUNK]
            self._remove(part)
            refused = {self.told[key] for key in part if self.told[key][0] is Result.FAILED}
            if len(refused) == 1 and all(self.told[key][0] is Result.FAILED for key in part):
                # All of a batch was refused for one reason: that is a hold of the whole mailbox, or a
                # permission that is missing. The rest is not fought for either.
                self.told.update(dict.fromkeys(keys[start + CHUNK :], refused.pop()))
                break
        if self.removed and not self.folder.is_bin:
            self._empty_the_bins()
        return tuple(_outcomes(self.place, keys, self.told))

    # ── one batch ────────────────────────────────────────────────────────────────────────────────

    def _remove(self, keys: Sequence[Key]) -> None:
        left = list(keys)
        why = ""
        doomed: dict[Key, Row] = {}
        attempt = 0
        while attempt < _ATTEMPTS:
            doomed = self._last_look(left)
            if not doomed:
                return
            why, may_try_again = self._order(doomed, attempt)
            left = self._still_there(doomed)
            for key in doomed.keys() - set(left):
                self.removed[key] = doomed[key]
                self.told[key] = _DONE
            if not left or not may_try_again:
                break
            attempt = 0 if len(left) < len(doomed) else attempt + 1
        for key in left:
            is_kept = self.folder.is_bin and why != Why.NO_RIGHT
            self.told[key] = self._kept(doomed[key]) if is_kept else (Result.FAILED, None, why)

    def _last_look(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """What may be destroyed of these; of the rest it is told why not."""
        doomed: dict[Key, Row] = {}
        conversations = self._held_conversations() if self.holds_win else frozenset()
        for key, row in self._now(keys):
            if row is None:
                self.told[key] = (Result.GONE_ALREADY, None, "")
            elif row.parent not in ("", self.folder.id):
                self.told[key] = (Result.CHANGED, None, "")
            elif self.holds_win and self.session.is_held(self.folder, row, conversations):
                self.told[key] = (Result.HELD, None, "")
            elif row.key != key or (self.session.line.account.reviews_receipts and row.awaits_receipt):
                self.told[key] = (Result.CHANGED, None, "")
            elif self.folder.is_bin and (until := self._is_kept_yet(row)):
                self.told[key] = (Result.RETAINED, until, Why.SERVER_KEEPS)
            else:
                doomed[key] = row
        return doomed

    def _now(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Row | None]]:
        """Each item as it is now. What is due in a helpline's folder stands at its head, so one page shows
        most of it; of an advisor's folder nothing is listed (P3)."""
        fields = (*_LAST, *WHO)
        expand = (DELETED_ON,) if self.folder.is_bin else ()
        at_hand: dict[str, Row] = {}
        if self.session.scope.kind is Kind.HELPLINE and len(keys) > BATCH:
            at_hand = {row.id: row for row in self.session.head(self.folder, fields, expand, len(keys) * 2)}
        missing = [key for key in keys if _id(key) not in at_hand]
        asked = dict(self.session.items(self.folder, missing, fields, expand))
        for key in keys:
            yield key, at_hand.get(_id(key), asked.get(key))

    def _held_conversations(self) -> frozenset[str]:
        if time.monotonic() - self._looked > _FRESH:
            self._conversations = self.session.held_conversations()
            self._looked = time.monotonic()
        return self._conversations

    def _order(self, doomed: dict[Key, Row], attempt: int) -> tuple[str, bool]:
        """Gives the orders once; why some were refused, and whether it is worth a second look and order."""
        rows = list(doomed.values())
        refused: Counter[str] = Counter()
        wait: float | None = None
        is_later = is_unknown = False
        for start in range(0, len(rows), BATCH):
            try:
                answers = hard_delete(self.session, self.folder.id, rows[start : start + BATCH])
            except TurnedAway as turned:
                self.session.line.wait(attempt, turned.wait, turned.why)
                return turned.why, True
            for answer in answers:
                if answer.is_later or answer.status == 401:
                    is_later, wait = True, max(wait or 0.0, answer.wait or 0.0)
                elif answer.status in (400, 404, 405, 501) and not self.session.lacks_hard_delete:
                    is_unknown = True
                elif answer.status == 403:
                    refused[Why.SERVER_HOLD] += 1
                elif not answer.is_good:
                    refused[Why.UNAVAILABLE if answer.status >= 500 else Why.PROTOCOL] += 1
            if is_later:
                self.session.line.wait(attempt, wait)
                return Why.BUSY, True
        if is_unknown and self._still_there(doomed):
            self.session.lacks_hard_delete = True
            return Why.NO_RIGHT, True
        [(why, _), *_] = refused.most_common(1) or [("", 0)]
        if why == Why.SERVER_HOLD and not self.session.may_delete(self.folder):
            why = Why.NO_RIGHT
        return why, why == Why.UNAVAILABLE

    def _still_there(self, doomed: dict[Key, Row]) -> list[Key]:
        """What is there all the same. A page from the head of the folder proves what it should hold and does
        not; what lies further on is asked for by its id."""
        keys = list(doomed)
        if self.session.scope.kind is Kind.HELPLINE and len(keys) > BATCH:
            rows, covers = self.session.head_and_reach(self.folder, ("id", "receivedDateTime"), len(keys))
            there = {row.id for row in rows}
            gone = {
                key
                for key, row in doomed.items()
                if row.id not in there and row.received is not None and row.received < covers
            }
            keys = [key for key in keys if key not in gone]
        looked = self.session.items(self.folder, keys, ("id", "parentFolderId"))
        return [key for key, row in looked if row is not None and row.parent in ("", self.folder.id)]

    # ── the bin behind the bins ──────────────────────────────────────────────────────────────────

    def _empty_the_bins(self) -> None:
        """Destroys the same items out of Recoverable Items; what stays there is not destroyed."""
        if not self.session.layout().sees_bins:
            for key in self.removed:
                self.told[key] = (Result.REMOVED, None, "")
            return
        found = self._in_the_bins()
        attempt = 0
        while attempt < _ATTEMPTS:
            doomed = {key: row for key, (_, row) in found.items() if not self._is_kept_yet(row)}
            if not doomed:
                break
            is_again = False
            for bin_id in {bin_id for bin_id, _ in found.values()}:
                part = {key: row for key, row in doomed.items() if found[key][0] == bin_id}
                is_again |= self._order_in(bin_id, list(part.values()), attempt)
            before, found = found, self._in_the_bins()
            if not is_again:
                break
            attempt = 0 if len(found) < len(before) else attempt + 1
        for key, (_, row) in found.items():
            self.told[key] = self._kept(row)
        if self.session.scope.kind is Kind.ADVISOR:  # what has no Message-ID was not looked for
            nameless = (key for key, row in self.removed.items() if not row.message_id)
            self.told.update(dict.fromkeys(nameless, (Result.REMOVED, None, "")))

    def _order_in(self, bin_id: str, rows: Sequence[Row], attempt: int) -> bool:
        """Orders the destruction of these in one bin; whether it is worth another attempt."""
        is_again = False
        for start in range(0, len(rows), BATCH):
            try:
                answers = hard_delete(self.session, bin_id, rows[start : start + BATCH])
            except TurnedAway as turned:
                self.session.line.wait(attempt, turned.wait, turned.why)
                return True
            later = [answer for answer in answers if answer.is_later or answer.status in (401, 500, 502, 504)]
            if later:
                self.session.line.wait(attempt, max((each.wait or 0.0 for each in later), default=None))
                is_again = True
        return is_again

    def _in_the_bins(self) -> dict[Key, tuple[str, Row]]:
        """What was removed and lies in Recoverable Items now, by the key that it had before.

        Its id is immutable; where a move gave it another all the same, it is the same by its Message-ID and
        its date.
        """
        ids = {row.id: key for key, row in self.removed.items()}
        names: dict[tuple[str, datetime | None], list[Key]] = {}
        for key, row in self.removed.items():
            names.setdefault((row.message_id, row.received), []).append(key)
        found: dict[Key, tuple[str, Row]] = {}
        bins = self.session.bins(self.folder)
        fields = (*_LAST, *WHO)
        for where in self._wheres():
            for folder, row in self.session.found(bins, fields, where, (DELETED_ON,)):
                alike = names.get((row.message_id, row.received), []) if row.message_id else []
                candidates = [ids[row.id]] if row.id in ids else [key for key in alike if key not in found]
                if candidates:
                    found[candidates[0]] = (folder.id, row)
        return found

    def _wheres(self) -> Iterator[str]:
        """By what the bins are searched: a helpline's by the span of dates, an advisor's by the Message-IDs
        of what was removed and by nothing else (P3)."""
        rows = self.removed.values()
        if self.session.scope.kind is Kind.ADVISOR:
            names = sorted({row.message_id for row in rows if row.message_id})
            for start in range(0, len(names), _TERMS):
                yield either(f"internetMessageId eq {text(name)}" for name in names[start : start + _TERMS])
            return
        dates = [row.received for row in rows if row.received is not None]
        if not dates or len(dates) < len(rows):
            yield ""
            return
        first, last = instant(min(dates)), instant(max(dates) + timedelta(seconds=1))
        yield f"receivedDateTime ge {first} and receivedDateTime lt {last}"

    def _is_kept_yet(self, row: Row) -> date | None:
        """Until when single item recovery keeps an item of Recoverable Items, where that was declared."""
        until, now = end_of_keeping(self.session, row), self.session.now()
        return until.date() if until is not None and now is not None and until > now else None

    def _kept(self, row: Row) -> _Told:
        """Why it is still there: for a time, by declaration or by Exchange Online's default; or by a hold."""
        period = self.session.line.account.single_item_recovery or _DEFAULT_KEEPING
        now = self.session.now()
        end = end_of_period(period, moment_of(row.property(DELETED_ON)), now)
        until = end.date() if end is not None and now is not None and end > now else None
        return (Result.RETAINED, until, Why.SERVER_KEEPS if until else Why.SERVER_HOLD)


def hard_delete(session: Session, folder_id: str, rows: Sequence[Row]) -> list[Answer]:
    """Orders the destruction of at most BATCH items. Never plain DELETE of a message: that moves it."""
    if session.items_path and not session.lacks_hard_delete:
        where = f"{session.items_path}/folders/{segment(folder_id)}/items"
        asks = [Ask(f"{where}/{segment(row.id)}?disposalType=hardDelete", "DELETE") for row in rows]
    else:
        where = f"{session.line.user}/messages"
        asks = [Ask(f"{where}/{segment(row.id)}/permanentDelete", "POST") for row in rows]
    return session.line.order_all(asks)


def _id(key: Key) -> str:
    return str(key).partition(" ")[0]


def _outcomes(place: Place, keys: Sequence[Key], told: dict[Key, _Told]) -> Iterator[Outcome]:
    groups: dict[_Told, list[Key]] = {}
    for key in dict.fromkeys(keys):
        groups.setdefault(told[key], []).append(key)
    for (result, until, why), found in groups.items():
        yield Outcome(place, result, tuple(found), until, why)


# ── the other verbs ──────────────────────────────────────────────────────────────────────────────


def stand(session: Session, place: Place, keys: Sequence[Key]) -> Standing:
    """The verb of the port. Nothing is ever half deleted; but what is gone may lie in Recoverable Items."""
    folder = session.at(place)
    conversations = session.held_conversations()
    present: list[Key] = []
    held: list[Key] = []
    for key, row in session.items(folder, keys, _LAST):
        if row is not None and row.parent in ("", folder.id):
            present.append(key)
            if session.is_held(folder, row, conversations):
                held.append(key)
    is_final = folder.is_bin or not any(each.count for each in session.bins(folder))
    return Standing(tuple(present), tuple(held), (), is_final=is_final)
