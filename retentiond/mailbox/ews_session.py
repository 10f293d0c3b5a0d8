"""A signed-in mailbox that knows its folders, and reads items by page and by id, whatever their class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from retentiond.core.model import Key, Kind, Place, Role
from retentiond.errors import Changed, MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.base import Marker, Scope
from retentiond.mailbox.ews_folders import Folder, Layout, layout_of
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


class Session:
    """One mailbox on one line."""

    def __init__(self, line: Line, scope: Scope, marker: Marker, mailbox: str) -> None:
        self.line = line
        self.scope = scope
        self.marker = marker
        self.mailbox = mailbox
        self._layout: Layout | None = None

    @property
    def target(self) -> str:
        return self.scope.target

    # ── folders ──────────────────────────────────────────────────────────────────────────────────

    def layout(self, *, afresh: bool = False) -> Layout:
        """The folders; asked for once in a session, for ids of folders do not change."""
        if self._layout is None or afresh:
            try:
                self._layout = layout_of(self.line, self.scope, self.marker, self.mailbox)
            except NotUnderstood:
                raise Unreachable(self.target, Why.PROTOCOL) from None
        return self._layout

    def know(self, folder: Folder) -> None:
        """A folder that was made since the layout was asked for."""
        layout = self.layout()
        self._layout = replace(layout, folders=(*layout.folders, folder))

    def folder(self, label: str) -> Folder | None:
        return next((each for each in self.layout().folders if each.label == label), None)

    def in_role(self, role: Role) -> Folder:
        """The folder of this role. Raises Refused(role-unknown)."""
        for folder in self.layout().folders:
            if folder.role is role and not folder.is_archive:
                return folder
        raise Refused(self.target, Why.ROLE_UNKNOWN, role.value)

    def place(self, folder: Folder) -> Place:
        return Place(self.target, folder.label, folder.role)

    def at(self, place: Place) -> Folder:
        """The folder that was seen before. Raises Changed where it is gone."""
        folder = self.folder(place.folder)
        if folder is None or place.version != 0:
            raise Changed(self.target, Why.NO_FOLDER, place.folder)
        return folder

    def looked_into(self) -> tuple[Folder, ...]:
        """All folders of a helpline; of an advisor's those that the configuration names."""
        folders, names = self.layout().folders, self.scope.look_in
        if self.scope.kind is Kind.HELPLINE:
            return folders
        return tuple(each for each in folders if each.path in names or each.label in names)

    def bins(self, of: Folder) -> tuple[Folder, ...]:
        """The folders of Recoverable Items behind a folder."""
        return tuple(
            each for each in self.layout().folders if each.is_bin and each.is_archive == of.is_archive
        )

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
            if page.is_last:
                return
            if not page.rows:
                raise Unreachable(self.target, Why.PROTOCOL, folder.label)
            offset += len(page.rows)

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

    def held_conversations(self) -> frozenset[str]:
        """The conversations of which an item bears the category of a hold (P6)."""
        return frozenset(row.conversation for _, row in self.bearing_the_sign() if row.conversation)

    def bears_sign(self, row: Row) -> bool:
        sign = self.scope.hold_keyword.casefold()
        return any(each.casefold() == sign for each in row.categories)

    def is_held(self, folder: Folder, row: Row, conversations: frozenset[str]) -> bool:
        """By its folder, by its own category, or by that of its conversation."""
        return folder.role is Role.HOLD or self.bears_sign(row) or row.conversation in conversations


def only(element: Element, where: str) -> Element:
    """The one element there. Raises NotUnderstood."""
    found = element.findall(where)
    if len(found) != 1:
        raise NotUnderstood
    return found[0]


def aware(received: datetime | None) -> datetime:
    """A date to sort by; what has none stands first."""
    return received or datetime.min.replace(tzinfo=UTC)
