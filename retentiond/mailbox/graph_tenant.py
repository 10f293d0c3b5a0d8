"""What nobody has published of Microsoft 365, asked of a test mailbox; only what is made here is touched."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from retentiond.errors import Unreachable
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.graph_answers import Answer, Ask
from retentiond.mailbox.graph_bench import Bench
from retentiond.mailbox.graph_session import NO_ITEM, NOTHING, Session
from retentiond.mailbox.graph_words import (
    RECEIVED,
    NotUnderstood,
    Row,
    expanded,
    moment_of,
    query,
    rows_of,
    segment,
)
from retentiond.mailbox.likeness import likeness

#: For how many seconds nobody looks whether a receipt came.
_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """One question by its code, what was seen, and a number or a word beside it; prose is the command's."""

    code: str
    seen: str
    detail: str = ""


def sights(session: Session, wait: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[Sight]:
    """Asks one question after the other. `wait`: for how many seconds a receipt is waited for. At the end,
    whatever happened, what was made is destroyed, and the last sight tells what the server keeps of it.

    Raises Refused where no folder can be made, Unreachable where the server was lost.
    """
    if not session.can_destroy():
        yield Sight("hard-delete", "unavailable")
        yield Sight("permanent-delete", "unavailable")
        yield Sight("left", "nothing")
        return
    bench = Bench(session, secrets.token_hex(8))
    try:
        bench.begin()
        yield from _Probe(session, bench, wait, sleep).ask()
    finally:
        left = bench.tidy()
    if left is None:
        yield Sight("left", "more", bench.name)
    else:
        yield Sight("left", "kept" if left else "nothing", str(left) if left else "")


class _Probe:
    def __init__(self, session: Session, bench: Bench, wait: float, sleep: Callable[[float], None]) -> None:
        self.session = session
        self.bench = bench
        self.wait = wait
        self.sleep = sleep

    def ask(self) -> Iterator[Sight]:
        first = self.bench.new()
        yield self._sent_by_json(first)
        yield self._archive()
        if first is None:
            return
        if self.session.items_path:
            yield self._item_ids(first)
            yield self._item_dates()
            yield from self._parcel(first)
            yield from self._hard_delete()
        else:
            yield Sight("hard-delete", "unavailable")
        yield self._permanent_delete()
        yield self._receipt()

    # ── the questions ────────────────────────────────────────────────────────────────────────────

    def _sent_by_json(self, row: Row | None) -> Sight:
        if row is None:
            return Sight("json-sent", "refused")
        if row.is_draft:
            return Sight("json-sent", "draft")
        is_dated = row.received == self.bench.received and row.sent == self.bench.sent
        return Sight("json-sent", "sent" if is_dated else "other-dates")

    def _item_ids(self, row: Row) -> Sight:
        path = f"{self.session.item_path(self.bench.folder, row.id)}?{query(select='id')}"
        answer = self.session.line.ask(Ask(path))
        if not answer.is_good:
            return Sight("item-ids", "unknown", str(answer.status))
        return Sight("item-ids", "same" if answer.body.get("id") == row.id else "other")

    def _item_dates(self) -> Sight:
        options = query(select="id", expand=expanded((RECEIVED,)), top="1")
        where = f"{self.session.items_path}/folders/{segment(self.bench.folder.id)}/items?{options}"
        answer = self.session.line.ask(Ask(where))
        if not answer.is_good:
            return Sight("item-dates", "refused", str(answer.status))
        try:
            is_told = any(row.property(RECEIVED) for row in rows_of(answer.body))
        except NotUnderstood:
            is_told = False
        return Sight("item-dates", "told" if is_told else "silent")

    def _archive(self) -> Sight:
        """v1.0 is asked for all that it tells: it may refuse a name that it does not know."""
        path = f"{self.session.line.user}/settings/exchange"
        told = self.session.line.ask(Ask(path)).body.get("inPlaceArchiveMailboxId")
        version = "v1.0" if told else "beta"
        if not told:
            options = query(select="inPlaceArchiveMailboxId")
            told = self.session.line.ask(Ask(f"{path}?{options}", is_beta=True)).body.get(
                "inPlaceArchiveMailboxId"
            )
        if not isinstance(told, str) or not told:
            return Sight("archive", "none")
        ask = Ask(f"/admin/exchange/mailboxes/{segment(told)}/folders/inbox/items/{NOTHING}")
        answer = self.session.line.ask(ask)
        return Sight("archive", "served" if answer.code in NO_ITEM else "told", version)

    def _parcel(self, row: Row) -> Iterator[Sight]:
        """Exports the message, opens a session, and imports the same beside it."""
        line, top = self.session.line, self.session.items_path
        answer = line.ask(Ask(f"{top}/exportItems", "POST", {"ItemIds": [row.id]}))
        told = answer.body.get("value") if answer.is_good else None
        data = told[0].get("data") if isinstance(told, list) and told else None
        opened = line.ask(Ask(f"{top}/createImportSession", "POST", {}))
        url = opened.body.get("importUrl")
        if not isinstance(url, str):
            yield Sight("import-url", "refused", str(opened.status))
            return
        host, ends, now = urlsplit(url).hostname, moment_of(opened.body.get("expirationDateTime")), line.clock
        minutes = str(round((ends - now).total_seconds() / 60)) if ends and now else ""
        yield Sight("import-url", "same-host" if host == line.account.host else "another-host", minutes)
        if not isinstance(data, str):
            yield Sight("parcel", "not-exported", str(answer.status))
            return
        body = {"FolderId": self.bench.folder.id, "Mode": "create", "Data": data}
        try:
            stored = self.bench.given(lambda: line.send_parcel(url, body))
        except Unreachable:
            yield Sight("parcel", "no-way")
            return
        yield self._imported(row, stored)

    def _imported(self, row: Row, stored: Answer) -> Sight:
        identity = stored.body.get("itemId")
        if not stored.is_good or not isinstance(identity, str):
            return Sight("parcel", "refused", str(stored.status))
        copy = self.bench.now(identity)
        is_whole = copy is not None and copy.id != row.id and _marks(copy) == _marks(row)
        if copy is None or not is_whole:
            return Sight("parcel", "changed")
        contents = [
            self.session.line.ask(Ask(f"{self.session.line.user}/messages/{segment(each.id)}/$value")).content
            for each in (row, copy)
        ]
        return Sight("parcel", "whole" if likeness(contents[0]) == likeness(contents[1]) else "changed")

    def _hard_delete(self) -> Iterator[Sight]:
        row = self.bench.new()
        if row is None:
            return
        ask = Ask(f"{self.session.item_path(self.bench.folder, row.id)}?disposalType=hardDelete", "DELETE")
        answer = self.bench.order(ask)
        there = self.bench.where(row)
        yield Sight("hard-delete", *self._seen(there, answer))
        if there is not None and not there.is_bin:
            return
        again = self.bench.order(ask)
        yield Sight("gone", "answered", str(again.status))
        if there is None:
            yield Sight("kept", "nothing")
            return
        kept = self.bench.order(
            Ask(f"{self.session.item_path(there, row.id)}?disposalType=hardDelete", "DELETE")
        )
        yield Sight("kept", "gone" if self.bench.where(row) is None else "stays", str(kept.status))

    def _permanent_delete(self) -> Sight:
        row = self.bench.new()
        if row is None:
            return Sight("permanent-delete", "untried")
        path = f"{self.session.line.user}/messages/{segment(row.id)}/permanentDelete"
        answer = self.bench.order(Ask(path, "POST"))
        return Sight("permanent-delete", *self._seen(self.bench.where(row), answer))

    def _seen(self, there: Folder | None, answer: Answer) -> tuple[str, str]:
        if there is None:
            return "gone", str(answer.status)
        if there.is_bin:
            return "bin", there.label
        return "refused" if answer.status == 403 else "odd", str(answer.status)

    def _receipt(self) -> Sight:
        """An unread message that asks the mailbox itself for a receipt goes as mail goes."""
        row = self.bench.new(isReadReceiptRequested=True)
        if row is None or row.is_draft or not row.awaits_receipt:
            return Sight("receipt", "untried")
        for attempt in range(2):
            if not self.bench.destroy(self.bench.folder, [row], attempt):
                break
        there = self.bench.where(row)
        if there is not None and not there.is_bin:
            return Sight("receipt", "untried")
        waited = 0.0
        while not (came := self.bench.answers()) and waited < self.wait:
            pause = min(_PAUSE, self.wait - waited)
            self.sleep(pause)
            waited += pause
        if came and not self.session.line.account.reviews_receipts:
            return Sight("receipt", "came-unheeded")
        return Sight("receipt", "came" if came else "silent", f"{self.wait:.0f}")


def _marks(row: Row) -> tuple[object, ...]:
    return row.received, row.sent, row.is_read, row.is_flagged, row.categories, row.is_draft
