"""A signed-in mailbox that knows its folders, and reads items by page and by id, whatever their class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from retentiond.core.model import Key
from retentiond.errors import MailboxError, Unreachable, Why
from retentiond.mailbox.ews_folders import layout_of
from retentiond.mailbox.ews_line import Line, Reply
from retentiond.mailbox.ews_words import (
    Element,
    M,
    NotUnderstood,
    Path,
    Row,
    T,
    contains,
    item_ids,
    number_of,
    path,
    row_of,
    shape,
    tag,
)
from retentiond.mailbox.exchange_folders import Folder, Folders, Layout
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

#: How many items one request names, and how many ids one page may hold (the server's own limit).
CHUNK = 100
PAGE = 1000
#: The code of an item that is not there (any more). A malformed id names nothing either.
GONE = frozenset(("ErrorItemNotFound", "ErrorInvalidIdMalformed"))

SIGN: tuple[Path, ...] = ("item:Categories", "item:ConversationId")


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a folder. `total` is how many items there are in all that the search found."""

    rows: tuple[Row, ...]
    total: int
    is_last: bool


class Session(Folders):
    """One mailbox on one line."""

    def __init__(self, line: Line, scope: Scope, marker: Marker, mailbox: str) -> None:
        super().__init__(scope, marker)
        self.line = line
        self.mailbox = mailbox

    def _asked_layout(self) -> Layout:
        try:
            return layout_of(self.line, self.scope, self.marker, self.mailbox)
        except NotUnderstood:
            raise Unreachable(self.target, Why.PROTOCOL) from None

    @property
    def clock(self) -> datetime | None:
        return self.line.clock

    def close(self) -> None:
        self.line.close()

    # ── pages ────────────────────────────────────────────────────────────────────────────────────

    def pages(
        self,
        folder: Folder,
        fields: Iterable[Path],
        restriction: str = "",
        *,
        size: int = PAGE,
    ) -> Iterator[Page]:
        """The items of a folder, oldest first, those without a date before all others."""
        fields = tuple(fields)
        seen: set[str] = set()
        offset = 0
        while True:
            [page] = self.page((folder,), fields, restriction, offset, size)
            fresh = tuple(row for row in page.rows if row.id not in seen)
            seen.update(row.id for row in fresh)
            yield Page(fresh, page.total, page.is_last)
            offset += len(page.rows)
            # Of a search the count is not relied on: by a restriction a server may only estimate it.
            is_short = page.is_last and not restriction and offset < page.total
            if is_short or not (page.is_last or fresh):
                raise Unreachable(self.target, Why.PROTOCOL, folder.label)
            if page.is_last:
                return

    def page(
        self, folders: Sequence[Folder], fields: Iterable[Path], restriction: str, offset: int, size: int
    ) -> list[Page]:
        """One page of each folder, in one request. Raises what a folder's code is called."""
        view = tag(
            "m:IndexedPageItemView", MaxEntriesReturned=str(size), Offset=str(offset), BasePoint="Beginning"
        )
        chosen = tag("m:Restriction", restriction) if restriction else ""
        order = tag("m:SortOrder", tag("t:FieldOrder", path("item:DateTimeReceived"), Order="Ascending"))
        where = tag("m:ParentFolderIds", *(tag("t:FolderId", Id=folder.id) for folder in folders))
        parts = (shape("m:ItemShape", fields), view, chosen, order, where)
        body = tag("m:FindItem", *parts, Traversal="Shallow")
        replies = self.line.ask("FindItem", body, len(folders))
        return [self._page(folder, reply) for folder, reply in zip(folders, replies, strict=True)]

    def _page(self, folder: Folder, reply: Reply) -> Page:
        root = reply.element.find(M + "RootFolder")
        if not reply.is_good:
            raise self._refusal(reply.code, folder)
        try:
            if root is None:
                raise NotUnderstood
            rows = tuple(row_of(element) for element in root.iterfind(T + "Items/*"))
            total = number_of(root.get("TotalItemsInView"))
        except NotUnderstood:
            raise Unreachable(self.target, Why.PROTOCOL, folder.label) from None
        return Page(rows, total, root.get("IncludesLastItemInRange") == "true")

    def found(
        self, folders: Sequence[Folder], fields: Iterable[Path], restriction: str
    ) -> Iterator[tuple[Folder, Row]]:
        """What a search finds in several folders: one request where all of it fits on a page each."""
        fields = tuple(fields)
        if not folders:
            return
        for folder, page in zip(folders, self.page(folders, fields, restriction, 0, PAGE), strict=True):
            if page.is_last:
                yield from ((folder, row) for row in page.rows)
            else:
                for more in self.pages(folder, fields, restriction):
                    yield from ((folder, row) for row in more.rows)

    def count(self, folder: Folder, restriction: str) -> int:
        """How many items of a folder a search finds; one of them is read."""
        [page] = self.page((folder,), (), restriction, 0, 1)
        return page.total

    # ── items by id ──────────────────────────────────────────────────────────────────────────────

    def items(
        self, keys: Sequence[Key], fields: Iterable[Path], *, mime: bool = False, chunk: int = CHUNK
    ) -> Iterator[tuple[Key, Row | str]]:
        """Each key with its item as it is now, or the code of why it cannot be had."""
        more = (tag("t:IncludeMimeContent", "true"),) if mime else ()
        asked = shape("m:ItemShape", fields, *more)
        for start in range(0, len(keys), chunk):
            part = keys[start : start + chunk]
            # Without the change key: with a stale one a server may answer either way.
            body = tag("m:GetItem", asked, item_ids(str(key).partition(" ")[0] for key in part))
            replies = self.line.ask("GetItem", body, len(part))
            for key, reply in zip(part, replies, strict=True):
                yield key, self._item(reply)

    def _item(self, reply: Reply) -> Row | str:
        if not reply.is_good:
            if isinstance(error := self.line.error(reply.code), Unreachable) and error.why in (
                Why.BUSY,
                Why.UNAVAILABLE,
            ):
                raise error
            return reply.code
        try:
            return row_of(only(reply.element, M + "Items/*"))
        except NotUnderstood:
            raise Unreachable(self.target, Why.PROTOCOL) from None

    def _refusal(self, code: str, folder: Folder) -> MailboxError:
        return self.line.error(code, folder.label)

    # ── holds ────────────────────────────────────────────────────────────────────────────────────

    def bearing_the_sign(self, fields: Iterable[Path] = SIGN) -> Iterator[tuple[Folder, Row]]:
        """What bears the category of a hold, in whatever folder of a helpline, or in those of an advisor's
        that are looked into (P3); `fields` hold those of SIGN."""
        where = contains("item:Categories", self.scope.hold_keyword)
        found = self.found(self.looked_into(), fields, where)
        return ((folder, row) for folder, row in found if self.bears_sign(row))


def only(element: Element, where: str) -> Element:
    """The one element there. Raises NotUnderstood."""
    found = element.findall(where)
    if len(found) != 1:
        raise NotUnderstood
    return found[0]
