"""On Exchange a hard delete that nobody is told of; what lies in the bins then is known by MAPI's search key.

The order of looks, and what may be called destroyed, is `exchange_destroy.py`'s. Parts of a batch fail, and
their answers come as they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import Key, Kind, Place
from retentiond.core.period import Period
from retentiond.errors import Unreachable, Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.ews_line import TurnedAway
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
from retentiond.mailbox.exchange_destroy import BUSY, DONE, GONE_ALREADY, Deed, Heard, Told, standing
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.patience import OutOfPatience

#: How many Message-IDs one search names.
_TERMS = 25

_LAST: tuple[Path, ...] = (
    *(*SIGN, "item:DateTimeReceived", "item:ParentFolderId", "item:Size", "message:InternetMessageId"),
    *(SEARCH_KEY, DELETED_ON),
)


def destroy(session: Session, place: Place, keys: Sequence[Key], *, holds_win: bool) -> tuple[Outcome, ...]:
    """The verb of the port."""
    return _Deed(session, place, holds_win).carry_out(keys)


class _Deed(Deed[Row]):
    CHUNK = CHUNK
    ATTEMPTS = 3

    session: Session

    def _now(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Row | Told]]:
        for key, row in self.session.items(keys, _LAST):
            if isinstance(row, Row):
                yield key, row
            else:
                refused = (Result.FAILED, None, self.session.line.error(row).why.value)
                yield key, GONE_ALREADY if row in GONE else refused

    def _is_another(self, row: Row, key: Key) -> bool:
        return row.key != key

    def _order(self, doomed: dict[Key, Row], attempt: int) -> Heard:
        return self._given(list(doomed), attempt)

    def _order_in(self, folder: Folder, rows: Sequence[Row], attempt: int) -> Heard:
        keys = [row.key for row in rows]
        heard = [self._given(keys[at : at + CHUNK], attempt) for at in range(0, len(keys), CHUNK)]
        return next((each for each in heard if each.is_busy), Heard())

    def _given(self, keys: Sequence[Key], attempt: int) -> Heard:
        """Gives the order once; what the server refused unheard is waited for."""
        try:
            codes = _hard_deleted(self.session, keys)
        except TurnedAway as turned:
            try:
                self.session.line.patience.wait(attempt, turned.wait)
            except OutOfPatience:
                raise Unreachable(turned.target, turned.why) from None
            return BUSY
        whys = {key: self.session.line.error(code).why for key, code in codes.items()}
        return Heard(
            next(iter(whys.values()), ""),
            is_worth_another=bool(codes) or not self.folder.is_bin,
            is_busy=Why.BUSY in whys.values(),
            absent=frozenset(key for key, code in codes.items() if code in GONE),
        )

    def _after(self, doomed: dict[Key, Row], heard: Heard) -> Iterator[tuple[Key, Told | None]]:
        """What the order did not find, and no look does, somebody else took or moved."""
        for key, row in self.session.items(list(doomed), ()):
            if isinstance(row, Row) or row not in GONE:
                yield key, None
            else:
                yield key, GONE_ALREADY if key in heard.absent else DONE

    # ── the bin behind the bins ──────────────────────────────────────────────────────────────────

    def _found_in_bins(self) -> list[tuple[Key, Folder, Row]]:
        """Its id is another there; it is the same by MAPI's search key, which a move keeps, and its date."""
        known: dict[tuple[object, ...], list[Key]] = {}
        for key, row in self.removed.items():
            known.setdefault(_identity(row), []).append(key)
        bins = self.session.bins(self.folder)
        found = [each for where in self._wheres() for each in self.session.found(bins, _LAST, where)]
        return [
            (_next(known[of]), folder, row)
            for folder, row in found
            if (of := _identity(row)) in known and self._is_ours(row)
        ]

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
        end = max(dates) + timedelta(seconds=1)
        last = compared("t:IsLessThan", "item:DateTimeReceived", instant(end))
        yield tag("t:And", first, last)

    @property
    def _declared(self) -> Period | None:
        return self.session.line.account.single_item_recovery

    def _kept(self, row: Row) -> Told:
        """Until the declared day; past that, by a hold of the server's."""
        until = self._is_kept_yet(row)
        is_past = self._declared is not None and not until and row.deleted is not None
        return (Result.RETAINED, until, Why.SERVER_HOLD if is_past else Why.SERVER_KEEPS)


def _hard_deleted(session: Session, keys: Sequence[Key]) -> dict[Key, str]:
    """Orders the destruction of these versions, and that nobody is told; the codes of what was refused.

    Nothing is sent for it: no read receipt, no cancellation, no word on a task (P7).
    """
    body = tag(
        "m:DeleteItem",
        item_ids(str(key) for key in keys),
        DeleteType="HardDelete",
        SendMeetingCancellations="SendToNone",
        AffectedTaskOccurrences="AllOccurrences",
        SuppressReadReceipts="true",
    )
    replies = session.line.ask("DeleteItem", body, len(keys), orders=True)
    return {key: reply.code for key, reply in zip(keys, replies, strict=True) if not reply.is_good}


def _identity(row: Row) -> tuple[object, ...]:
    """By what an item is known again in another folder."""
    search_key = row.property(SEARCH_KEY)
    return (search_key or (row.message_id, row.size), row.received)


def _next(keys: list[Key]) -> Key:
    """The first of the keys of items that are alike, each in its turn, the last for all that are left."""
    return keys.pop(0) if len(keys) > 1 else keys[0]


def stand(session: Session, place: Place, keys: Sequence[Key]) -> Standing:
    """The verb of the port."""
    folder = session.at(place)
    conversations = session.held_conversations()
    found: list[tuple[Key, Row]] = []
    for key, row in session.items(keys, (*SIGN, "item:ParentFolderId")):
        if isinstance(row, Row):
            found.append((key, row))
        elif row not in GONE:
            raise session.line.error(row)
    return standing(session, folder, found, conversations)
