"""The folders of an Exchange mailbox, here or in the cloud: what each is for, and what it may be called.

A folder's role comes from its distinguished name, never from the name that its user reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from retentiond.core.clock import ClockReading
from retentiond.core.model import Beside, Hindrance, Kind, Mark, Place, Role
from retentiond.core.period import Period
from retentiond.errors import Changed, Refused, Why
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

#: By how much this machine's clock and the server's may differ.
CLOCK = timedelta(minutes=5)

ROLES = {
    "inbox": Role.INBOX,
    "sentitems": Role.SENT,
    "deleteditems": Role.TRASH,
    "drafts": Role.DRAFTS,
    "junkemail": Role.JUNK,
}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of mail. `path` is its name below the top; it must not be shown, `label` may. `unseen` is how
    many folders below it the server counts and does not show."""

    id: str
    path: str
    label: str
    role: Role
    count: int
    is_bin: bool = False
    is_archive: bool = False
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of mail, and what else was learnt; `beside` are ids of folders of other things."""

    folders: tuple[Folder, ...]
    top: str
    has_archive: bool
    sees_bins: bool
    beside: tuple[tuple[Beside, str], ...] = ()


class Signed(Protocol):
    """An item, as far as a hold goes."""

    @property
    def categories(self) -> frozenset[str]: ...

    @property
    def conversation(self) -> str: ...


class Binned(Protocol):
    """An item of a bin. `deleted` is when it came there, where the server tells."""

    @property
    def deleted(self) -> datetime | None: ...


class Folders(ABC):
    """A mailbox that knows its folders, and what in them is held."""

    def __init__(self, scope: Scope, marker: Marker) -> None:
        self.scope = scope
        self.marker = marker
        self._layout: Layout | None = None

    @abstractmethod
    def _asked_layout(self) -> Layout:
        """The folders as the server tells of them now."""

    @abstractmethod
    def bearing_the_sign(self) -> Iterator[tuple[Folder, Signed]]:
        """What bears the category of a hold, in whatever folder of a helpline, or in those of an advisor's
        that are looked into (P3)."""

    @abstractmethod
    def close(self) -> None:
        """Gives up the connection."""

    @property
    @abstractmethod
    def clock(self) -> datetime | None:
        """What time it is by the server's own clock."""

    @property
    def target(self) -> str:
        return self.scope.target

    def layout(self, *, afresh: bool = False) -> Layout:
        """The folders; asked for once in a session, for ids of folders do not change."""
        if self._layout is None or afresh:
            self._layout = self._asked_layout()
        return self._layout

    def reading(self, now: datetime) -> ClockReading:
        """This machine's clock beside the server's: the Date header of an answer (RFC 9110, 6.6.1)."""
        self.layout()
        return ClockReading(None if self.clock is None else abs(self.clock - now) <= CLOCK)

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

    def named(self, name: str) -> Folder:
        """A folder by its role or its path. Raises Refused(no-folder)."""
        for folder in self.layout().folders:
            if folder.path == name or (folder.role.value == name and not folder.is_archive):
                return folder
        raise Refused(self.target, Why.NO_FOLDER, name)

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

    # ── holds ────────────────────────────────────────────────────────────────────────────────────

    def held_conversations(self) -> frozenset[str]:
        """The conversations of which an item bears the category of a hold (P6)."""
        return frozenset(row.conversation for _, row in self.bearing_the_sign() if row.conversation)

    def conversation_mark(self, row: Signed) -> Mark | None:
        """The mark of what Exchange counts as one conversation, which means nothing in another mailbox."""
        if not row.conversation:
            return None
        return self.marker.mark("conversation", f"{self.target}\0{row.conversation}")

    def bears_sign(self, row: Signed) -> bool:
        sign = self.scope.hold_keyword.casefold()
        return any(each.casefold() == sign for each in row.categories)

    def is_held(self, folder: Folder, row: Signed, conversations: frozenset[str]) -> bool:
        """By its folder, by its own category, or by that of its conversation."""
        return folder.role is Role.HOLD or self.bears_sign(row) or row.conversation in conversations


def role_of(name: str, path: str, scope: Scope) -> Role:
    """What a folder is for: by its distinguished name, else as the configuration says."""
    if path == scope.hold_folder:
        return Role.HOLD
    if name in ROLES:
        return ROLES[name]
    named = (role for role, wanted in scope.roles.items() if wanted == path and role not in ROLES.values())
    return next(named, Role.OTHER)


class Labels:
    """What the folders of one target may be called; no two alike."""

    def __init__(self, scope: Scope, marker: Marker) -> None:
        self._scope = scope
        self._marker = marker
        self._used: set[str] = set()

    def label(self, name: str, path: str, identity: str) -> tuple[Role, str]:
        """The role and the label of a folder; `name` is its distinguished name, if it has one."""
        role, label = role_of(name, path, self._scope), ""
        if name in ROLES or role not in (Role.OTHER, *ROLES.values()):
            label = role.value
        elif name:
            label = name.replace("recoverableitems", "recoverable-").replace("archive", "archive-", 1)
        if not label or label in self._used:
            unique = path if path not in self._used else f"{path}\0{identity}"
            label = self._marker.folder(self._scope.target, unique)
        self._used |= {label, path}
        return role, label


def check_configured(target: str, scope: Scope, folders: Iterable[Folder]) -> None:
    """A configured folder that is missing is an error, never an empty one; and what was promised is not left
    out. Raises Refused(no-folder, left-out)."""
    known = {folder.path: folder for folder in folders}
    left_out = sorted(scope.leave_out) if scope.kind is Kind.HELPLINE else []
    for name in (*([scope.hold_folder] if scope.hold_folder else []), *scope.roles.values(), *left_out):
        if name not in known:
            raise Refused(target, Why.NO_FOLDER, name)
    for name in left_out:
        scope.refuse_left_out(Role.TRASH if known[name].is_bin else known[name].role)


def end_of_period(period: Period | None, deleted: datetime | None) -> datetime | None:
    """Until when single item recovery keeps one item of Recoverable Items: the declared period from the
    day of its deletion. Where the server does not tell that day there is no end: one that is counted from
    today would move on every night."""
    if period is None or deleted is None:
        return None
    last = min(period.after(deleted.date()), date.max - timedelta(days=1))
    return datetime(last.year, last.month, last.day, tzinfo=deleted.tzinfo) + timedelta(days=1)


def keeping(
    rows: Iterable[Binned], period: Period | None, now: datetime
) -> tuple[Hindrance | None, date | None]:
    """Whether the server still keeps something of what lies in a bin, and until when at the latest; no day
    where one thing is past its day and still there, for then there is none by which all is well."""
    ends = [end for row in rows if (end := end_of_period(period, row.deleted)) is not None]
    if not any(end > now for end in ends):
        return None, None
    return Hindrance.SERVER_KEEPS, max(ends).date() if min(ends) > now else None
