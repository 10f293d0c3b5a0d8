"""A mailbox of Microsoft 365 that knows its folders, and reads items by page and by id, whatever their class.

Messages are listed by Graph's mail, oldest first; what else lies in a folder of mail by its mailbox items. A
list is followed whole and counted: where items are missing nobody acts on the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from retentiond.core.model import Census, FolderView, Key, Notice, Place, Role
from retentiond.errors import Unreachable, Why
from retentiond.mailbox.exchange_folders import Folder, Folders, Layout
from retentiond.mailbox.graph_answers import Answer, Ask
from retentiond.mailbox.graph_folders import layout_of
from retentiond.mailbox.graph_line import Line
from retentiond.mailbox.graph_words import (
    DELETED_ON,
    MESSAGE_FLAGS,
    RECEIPT,
    RECEIVED,
    ROW,
    NotUnderstood,
    Row,
    expanded,
    query,
    row_of,
    rows_of,
    segment,
    text,
)
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

#: How many items one page may hold (Graph's own limit), and the least that is asked for.
PAGE, LEAST = 1000, 50

#: What a mailbox item must be asked for beside its own properties, to be judged like a message.
#: No item's id, whatever the server.
NOTHING = "retentiond-asks"
#: What a server says that looked for it.
NO_ITEM = ("erroritemnotfound", "errorinvalididmalformed")
_OTHER = "id,changeKey,categories,type,size"
_OF_OTHERS = (RECEIVED, MESSAGE_FLAGS, RECEIPT)


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a folder. `total` is how many items there are in all that the list holds."""

    rows: tuple[Row, ...]
    total: int
    is_last: bool


class Session(Folders):
    """One mailbox on one line."""

    def __init__(self, line: Line, scope: Scope, marker: Marker) -> None:
        super().__init__(scope, marker)
        self.line = line
        self._mailbox_id: str | None = None
        #: Whether the server is known to know no hardDelete, as in a national cloud.
        self.lacks_hard_delete = False

    def _asked_layout(self) -> Layout:
        return layout_of(self.line, self.scope, self.marker)

    # ── mailbox items ────────────────────────────────────────────────────────────────────────────

    @property
    def items_path(self) -> str:
        """Where this mailbox's items are reached whatever their class; empty where this cloud has no such
        thing, or the application may not."""
        if self._mailbox_id is None:
            options = query(select="primaryMailboxId")
            answer = self.line.ask(Ask(f"{self.line.user}/settings/exchange?{options}"))
            told = answer.body.get("primaryMailboxId") if answer.is_good else None
            self._mailbox_id = told if isinstance(told, str) else ""
        return f"/admin/exchange/mailboxes/{segment(self._mailbox_id)}" if self._mailbox_id else ""

    def has_archive(self) -> bool:
        """Whether there is an archive mailbox, as far as Graph tells; only its beta does."""
        options = query(select="inPlaceArchiveMailboxId")
        answer = self.line.ask(Ask(f"{self.line.user}/settings/exchange?{options}", is_beta=True))
        return answer.is_good and bool(answer.body.get("inPlaceArchiveMailboxId"))

    def archive_view(self) -> Iterator[FolderView]:
        """What is told of an archive mailbox: that it is there, and that nothing in it is swept (P2)."""
        if self.line.account.tells_of_archive and self.has_archive():
            place = Place(self.target, "online-archive", Role.ARCHIVE)
            yield FolderView(Census(place, None, notices=((Notice.ARCHIVE_UNSWEPT, 1),)))

    def item_path(self, folder: Folder, identity: str) -> str:
        """One item in one folder, by its mailbox."""
        return f"{self.items_path}/folders/{segment(folder.id)}/items/{segment(identity)}"

    def may_delete(self, folder: Folder) -> bool:
        """Whether this application may destroy anything there at all. Graph says 403 of what it may not
        and of what a hold keeps; of an id that cannot be one it says 403 only where it never looked."""
        if self.items_path and not self.lacks_hard_delete:
            ask = Ask(f"{self.item_path(folder, NOTHING)}?disposalType=hardDelete", "DELETE")
        else:
            ask = Ask(f"{self.line.user}/messages/{NOTHING}/permanentDelete", "POST")
        return self.line.ask(ask).status != 403

    def knows_hard_delete(self) -> bool:
        """Whether this cloud knows the order that reaches the bins too."""
        path = f"{self.items_path}/folders/inbox/items/{NOTHING}?disposalType=hardDelete"
        return bool(self.items_path) and self._knows(Ask(path, "DELETE"))

    def can_destroy(self) -> bool:
        """Whether this cloud knows any order that destroys."""
        return self.knows_hard_delete() or self._knows(
            Ask(f"{self.line.user}/messages/{NOTHING}/permanentDelete", "POST")
        )

    def _knows(self, order: Ask) -> bool:
        """Tried on what cannot be: who looked for the item, or says that one may not, knows the order."""
        answer = self.line.ask(order)
        return answer.status == 403 or answer.code in NO_ITEM

    def others(self, folder: Folder) -> Iterator[Row] | None:
        """Every item of a folder, messages or not; None where they cannot be listed."""
        if not self.items_path:
            return None
        options = query(select=_OTHER, expand=expanded(_OF_OTHERS), top=str(PAGE))
        answer = self.line.ask(Ask(f"{self.items_path}/folders/{segment(folder.id)}/items?{options}"))
        if answer.status in (400, 403, 404):
            return None
        return (row for body in self.line.further(answer) for row in self._rows(body, folder))

    # ── pages ────────────────────────────────────────────────────────────────────────────────────

    def pages(
        self, folder: Folder, fields: Sequence[str], where: str = "", expand: Sequence[str] = ()
    ) -> Iterator[Page]:
        """The messages of a folder, oldest first. `where` may only ask for dates of receipt.

        A folder may change meanwhile, so a list that is shorter than its own count is read a second time.
        Raises Unreachable(protocol) where it is still short, or is none.
        """
        seen: set[str] = set()
        for is_second in (False, True):
            total, size = 0, PAGE
            while size >= LEAST:
                walk = self._walk(folder, fields, where, expand, size)
                try:
                    for page in walk:
                        total = max(total, page.total)
                        fresh = tuple(row for row in page.rows if row.id not in seen)
                        seen.update(row.id for row in fresh)
                        is_whole = len(seen) >= total
                        if page.is_last and not is_whole:
                            break
                        yield Page(fresh, total, page.is_last)
                        if page.is_last:
                            return
                    break
                except _TooBig:
                    size //= 4
            else:
                raise Unreachable(self.target, Why.UNAVAILABLE, folder.label)
            if is_second:
                raise Unreachable(self.target, Why.PROTOCOL, folder.label)

    def _walk(
        self, folder: Folder, fields: Sequence[str], where: str, expand: Sequence[str], size: int
    ) -> Iterator[Page]:
        options = query(
            select=",".join(fields),
            filter=where,
            orderby="receivedDateTime asc",
            expand=expanded(expand),
            top=str(size),
            count="true",
        )
        total = 0
        answer = self.line.ask(Ask(f"{self._messages(folder)}?{options}"), gives_up_on_504=size > LEAST)
        if answer.status == 504:
            raise _TooBig
        for body in self.line.further(answer):
            rows = self._rows(body, folder)
            count = body.get("@odata.count", total)
            total = count if isinstance(count, int) else 0
            yield Page(rows, total, "@odata.nextLink" not in body)

    def head(
        self, folder: Folder, fields: Sequence[str], expand: Sequence[str], many: int
    ) -> tuple[Row, ...]:
        """The oldest messages of a folder, about so many: one page."""
        return self._first(folder, fields, expand, many).rows

    def head_and_reach(
        self, folder: Folder, fields: Sequence[str], many: int
    ) -> tuple[tuple[Row, ...], datetime]:
        """The same, and before which instant no other message of the folder was received."""
        page = self._first(folder, fields, (), many)
        if page.is_last and len(page.rows) >= page.total:
            return page.rows, datetime.max.replace(tzinfo=UTC)
        dates = [row.received for row in page.rows if row.received is not None]
        return page.rows, max(dates, default=datetime.min.replace(tzinfo=UTC))

    def _first(self, folder: Folder, fields: Sequence[str], expand: Sequence[str], many: int) -> Page:
        """The first page; a smaller one where that took too long."""
        size = min(max(many, LEAST), PAGE)
        while True:
            try:
                return next(self._walk(folder, fields, "", expand, size))
            except _TooBig:
                size = max(size // 4, LEAST)

    def found(
        self, folders: Sequence[Folder], fields: Sequence[str], where: str, expand: Sequence[str] = ()
    ) -> Iterator[tuple[Folder, Row]]:
        """What a search finds in several folders, in no order: the first pages in one request. Counted like
        a list: by it holds are found, and copies. Raises Unreachable(protocol) where it is not whole."""
        told = {"select": ",".join(fields), "filter": where, "expand": expanded(expand)}
        for folder, answer in self._first_pages(folders, told):
            seen, total = 0, 0
            for body in self.line.further(answer):
                rows = self._rows(body, folder)
                count = body.get("@odata.count", total)
                seen, total = seen + len(rows), count if isinstance(count, int) else 0
                yield from ((folder, row) for row in rows)
            if seen < total:
                raise Unreachable(self.target, Why.PROTOCOL, folder.label)

    def _first_pages(
        self, folders: Sequence[Folder], told: Mapping[str, str]
    ) -> Iterator[tuple[Folder, Answer]]:
        """The first page of a search in each folder; where that took too long, a smaller one."""
        left, size = list(folders), PAGE
        while left:
            options = query(**told, top=str(size), count="true")
            asks = [Ask(f"{self._messages(folder)}?{options}") for folder in left]
            answers = self.line.ask_all(asks, gives_up_on_504=size // 4 >= LEAST)
            slow = [folder for folder, answer in zip(left, answers, strict=True) if answer.status == 504]
            yield from (
                (folder, answer) for folder, answer in zip(left, answers, strict=True) if answer.status != 504
            )
            left, size = slow, size // 4

    def counts(self, wanted: Sequence[tuple[Folder, str]]) -> list[int]:
        """How many messages of a folder a search finds, for many at once; one of them is read."""
        options = {"select": "id", "top": "1", "count": "true"}
        asks = [Ask(f"{self._messages(each)}?{query(filter=where, **options)}") for each, where in wanted]
        counts = []
        for (folder, _), answer in zip(wanted, self.line.ask_all(asks), strict=True):
            if not answer.is_good:
                raise self.line.error(answer, folder.label)
            count = answer.body.get("@odata.count")
            if not isinstance(count, int):
                raise Unreachable(self.target, Why.PROTOCOL, folder.label)
            counts.append(count)
        return counts

    def _messages(self, folder: Folder) -> str:
        return f"{self.line.user}/mailFolders/{segment(folder.id)}/messages"

    def _rows(self, body: object, folder: Folder) -> tuple[Row, ...]:
        try:
            return rows_of(body)  # type: ignore[arg-type]
        except NotUnderstood:
            raise Unreachable(self.target, Why.PROTOCOL, folder.label) from None

    # ── items by id ──────────────────────────────────────────────────────────────────────────────

    def items(
        self, folder: Folder, keys: Sequence[Key], fields: Sequence[str], expand: Sequence[str] = ()
    ) -> Iterator[tuple[Key, Row | None]]:
        """Each key with its item as it is now, wherever in the mailbox; None where there is none."""
        options = query(select=",".join(fields), expand=expanded(expand))
        asks = [Ask(f"{self.line.user}/messages/{segment(_id(key))}?{options}") for key in keys]
        answers = self.line.ask_all(asks)
        odd = [at for at, answer in enumerate(answers) if not answer.is_good and self.items_path]
        if odd:
            more = query(select=_OTHER, expand=expanded(_OF_OTHERS))
            asks = [Ask(f"{self.item_path(folder, _id(keys[at]))}?{more}") for at in odd]
            for at, answer in zip(odd, self.line.ask_all(asks), strict=True):
                answers[at] = answer if answer.is_good else answers[at]
        for key, answer in zip(keys, answers, strict=True):
            yield key, self._item(answer, folder)

    def items_in(self, folders: Sequence[Folder], keys: Sequence[Key]) -> Iterator[tuple[Folder, Key, Row]]:
        """Which of these items, messages or not, lie in which of these folders now, and since when in a bin.
        Nothing where this cloud has no such thing."""
        if not self.items_path:
            return
        options = query(select=_OTHER, expand=expanded((*_OF_OTHERS, DELETED_ON)))
        where = [(folder, key) for folder in folders for key in keys]
        asks = [Ask(f"{self.item_path(folder, _id(key))}?{options}") for folder, key in where]
        for (folder, key), answer in zip(where, self.line.ask_all(asks), strict=True):
            if (row := self._item(answer, folder)) is not None:
                yield folder, key, row

    def _item(self, answer: Answer, folder: Folder) -> Row | None:
        if answer.is_missing:
            return None
        if not answer.is_good:
            raise self.line.error(answer, folder.label)
        try:
            return row_of(answer.body)
        except NotUnderstood:
            raise Unreachable(self.target, Why.PROTOCOL, folder.label) from None

    # ── holds ────────────────────────────────────────────────────────────────────────────────────

    def bearing_the_sign(self, fields: Sequence[str] = ROW) -> Iterator[tuple[Folder, Row]]:
        """What bears the category of a hold, in whatever folder of a helpline, or in those of an advisor's
        that are looked into (P3)."""
        where = f"categories/any(c:c eq {text(self.scope.hold_keyword)})"
        found = self.found(self.looked_into(), fields, where)
        return ((folder, row) for folder, row in found if self.bears_sign(row))

    @property
    def clock(self) -> datetime | None:
        return self.line.clock

    def close(self) -> None:
        self.line.close()


class _TooBig(Exception):
    """A page that the server could not make in time."""


def _id(key: Key) -> str:
    return str(key).partition(" ")[0]
