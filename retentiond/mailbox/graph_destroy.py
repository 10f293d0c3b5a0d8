"""In Microsoft 365 a hard delete by mailbox item, else permanentDelete; never plain DELETE: that only moves.

The order of looks, and what may be called destroyed, is `exchange_destroy.py`'s. Graph says 403 of what is
held, of what is gone, and of what is forbidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import Key, Kind, Place
from retentiond.core.period import Period
from retentiond.errors import Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.exchange_destroy import BUSY, CHANGED, DONE, GONE_ALREADY, Deed, Heard, Told, standing
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.graph_answers import BATCH, Answer, Ask
from retentiond.mailbox.graph_line import TurnedAway
from retentiond.mailbox.graph_session import NO_ITEM, Session
from retentiond.mailbox.graph_words import (
    DELETED_ON,
    ROW,
    WHO,
    Row,
    either,
    instant,
    segment,
    text,
)

#: How many Message-IDs one search names.
_TERMS = 15
#: What Exchange Online keeps by default, where the operator declared nothing (14 days, 30 at most).
_DEFAULT_KEEPING = Period(days=14)
_LAST = (*ROW, *WHO, "parentFolderId")
#: What may be said of an order that this cloud does not know, and of one that is wrong.
_UNKNOWN = (400, 404, 405, 501)


def destroy(session: Session, place: Place, keys: Sequence[Key], *, holds_win: bool) -> tuple[Outcome, ...]:
    """The verb of the port."""
    return _Deed(session, place, holds_win).carry_out(keys)


class _Deed(Deed[Row]):
    CHUNK = 100
    ATTEMPTS = 5

    session: Session

    def __init__(self, session: Session, place: Place, holds_win: bool) -> None:
        super().__init__(session, place, holds_win)
        #: The ids of what was seen in a list of messages: what is no message stands in none.
        self._listed: set[str] = set()
        #: The ids of what hardDelete does not take: once more by permanentDelete.
        self._by_message: set[str] = set()

    def _now(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Row | Told]]:
        """What is due in a helpline's folder stands at its head, so one page shows most of it; of an
        advisor's folder nothing is listed (P3)."""
        expand = (DELETED_ON,) if self.folder.is_bin else ()
        at_hand: dict[str, Row] = {}
        if self.session.scope.kind is Kind.HELPLINE and len(keys) > BATCH:
            at_hand = {row.id: row for row in self.session.head(self.folder, _LAST, expand, len(keys) * 2)}
            self._listed |= at_hand.keys()
        missing = [key for key in keys if _id(key) not in at_hand]
        asked = dict(self.session.items(self.folder, missing, _LAST, expand))
        for key in keys:
            yield key, at_hand.get(_id(key), asked.get(key)) or GONE_ALREADY

    def _is_another(self, row: Row, key: Key) -> bool:
        return row.key != key or (self.session.line.account.reviews_receipts and row.awaits_receipt)

    def _order(self, doomed: dict[Key, Row], attempt: int) -> Heard:
        """Why some were refused is told apart: by a hold, for want of a right, or of the deed itself."""
        told = self._given(self.folder, list(doomed.values()), attempt, self._by_message)
        if isinstance(told, Heard):
            return told
        odd = {row.id for row, answer in zip(doomed.values(), told, strict=True) if _is_odd(answer)}
        if not self.session.lacks_hard_delete and not odd <= self._by_message:
            self.session.lacks_hard_delete = not self.session.knows_hard_delete()
            self._by_message |= odd
            return Heard(Why.PROTOCOL, is_worth_another=True)
        refused = [answer for answer in told if not answer.is_good]
        there = [answer for answer in refused if answer.code not in NO_ITEM]  # what is gone gives no reason
        [(why, _), *_] = Counter(map(_why, there or refused)).most_common(1) or [("", 0)]
        if why == Why.SERVER_HOLD and not self.session.may_delete(self.folder):
            why = Why.NO_RIGHT
        if why == Why.PROTOCOL and not self.session.can_destroy():
            why = Why.NO_HARD_DELETE
        taken = frozenset(key for key, answer in zip(doomed, told, strict=True) if answer.is_good)
        return Heard(why, is_worth_another=why == Why.UNAVAILABLE, taken=taken)

    def _order_in(self, folder: Folder, rows: Sequence[Row], attempt: int) -> Heard:
        told = self._given(folder, rows, attempt)
        if isinstance(told, Heard):
            return told
        is_away = any(answer.status >= 500 for answer in told)
        if is_away:
            self.session.line.wait(attempt, None, Why.UNAVAILABLE)
        return Heard(is_busy=is_away)

    def _given(
        self, folder: Folder, rows: Sequence[Row], attempt: int, by_message: Collection[str] = ()
    ) -> Heard | list[Answer]:
        """Gives the orders once: an answer to each, or none where the server had no time for one."""
        found: list[Answer] = []
        for start in range(0, len(rows), BATCH):
            try:
                part = rows[start : start + BATCH]
                answers = hard_delete(self.session, folder.id, part, by_message)
            except TurnedAway as turned:
                self.session.line.wait(attempt, turned.wait, turned.why)
                return BUSY
            later = [answer for answer in answers if answer.is_later or answer.status == 401]
            if later:
                self.session.line.wait(attempt, max(answer.wait or 0.0 for answer in later))
                return BUSY
            found += answers
        return found

    def _after(self, doomed: dict[Key, Row], heard: Heard) -> Iterator[tuple[Key, Told | None]]:
        """A page from the head of the folder proves what it should hold and does not; what lies further on,
        is no message, or was refused is asked for by its id."""
        keys = list(doomed)
        if self.session.scope.kind is Kind.HELPLINE and len(keys) > BATCH:
            rows, covers = self.session.head_and_reach(self.folder, ("id", "receivedDateTime"), len(keys))
            there = {row.id for row in rows}
            gone = {
                key
                for key in heard.taken
                if _id(key) in self._listed and _id(key) not in there and _is_before(doomed[key], covers)
            }
            yield from ((key, DONE) for key in keys if key in gone)
            keys = [key for key in keys if key not in gone]
        elsewhere = {each.id for each in self.session.layout().folders if not each.is_bin}
        for key, row in self.session.items(self.folder, keys, ("id", "parentFolderId")):
            if row is None:
                yield key, DONE
            elif row.parent in ("", self.folder.id):
                yield key, None
            else:  # moved by somebody else; or by the deed, into a bin
                yield key, CHANGED if row.parent in elsewhere else DONE

    # ── the bin behind the bins ──────────────────────────────────────────────────────────────────

    def _found_in_bins(self) -> list[tuple[Key, Folder, Row]]:
        """Its id is immutable; where a move gave it another all the same, it is the same by its Message-ID
        and its date. What was seen in no list of messages is asked for by its id, in each bin."""
        ids = {row.id: key for key, row in self.removed.items()}
        names: dict[tuple[str, datetime | None], list[Key]] = {}
        for key, row in self.removed.items():
            names.setdefault((row.message_id, row.received), []).append(key)
        bins = self.session.bins(self.folder)
        found: dict[Key, tuple[Folder, Row]] = {}
        for where in self._wheres():
            for folder, row in self.session.found(bins, _LAST, where, (DELETED_ON,)):
                alike = names.get((row.message_id, row.received), []) if row.message_id else []
                candidates = [ids[row.id]] if row.id in ids else [key for key in alike if key not in found]
                if candidates and self._is_ours(row):
                    found[candidates[0]] = (folder, row)
        unlisted = [key for key in self.removed if key not in found and _id(key) not in self._listed]
        for folder, key, row in self.session.items_in(bins, unlisted):
            found[key] = (folder, row)
        return [(key, folder, row) for key, (folder, row) in found.items()]

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

    @property
    def _declared(self) -> Period | None:
        return self.session.line.account.single_item_recovery

    def _kept(self, row: Row) -> Told:
        """Until the day by what was declared, else by Exchange Online's default; past that, by a hold."""
        until = self._kept_until(row, self._declared or _DEFAULT_KEEPING)
        is_past = not until and row.deleted is not None
        return (Result.RETAINED, until, Why.SERVER_HOLD if is_past else Why.SERVER_KEEPS)


def hard_delete(
    session: Session, folder_id: str, rows: Sequence[Row], by_message: Collection[str] = ()
) -> list[Answer]:
    """Orders the destruction of at most BATCH items, of those `by_message` as messages. Raises TurnedAway,
    Unreachable."""
    items = f"{session.items_path}/folders/{segment(folder_id)}/items"
    messages = f"{session.line.user}/messages"
    has_items = bool(session.items_path) and not session.lacks_hard_delete
    return session.line.order_all(
        [
            Ask(f"{items}/{segment(row.id)}?disposalType=hardDelete", "DELETE")
            if has_items and row.id not in by_message
            else Ask(f"{messages}/{segment(row.id)}/permanentDelete", "POST")
            for row in rows
        ]
    )


def _is_odd(answer: Answer) -> bool:
    """Whether it is the order that was not understood, and not that there is no such item."""
    return answer.status in _UNKNOWN and answer.code not in NO_ITEM


def _why(answer: Answer) -> str:
    if answer.status == 403:
        return Why.SERVER_HOLD
    return Why.UNAVAILABLE if answer.status >= 500 else Why.PROTOCOL


def _is_before(row: Row, moment: datetime) -> bool:
    return row.received is not None and row.received < moment


def _id(key: Key) -> str:
    return str(key).partition(" ")[0]


def stand(session: Session, place: Place, keys: Sequence[Key]) -> Standing:
    """The verb of the port."""
    folder = session.at(place)
    conversations = session.held_conversations()
    fields = (*ROW, "parentFolderId")
    found = [(key, row) for key, row in session.items(folder, keys, fields) if row is not None]
    return standing(session, folder, found, conversations)
