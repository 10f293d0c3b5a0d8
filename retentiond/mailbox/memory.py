"""A mailbox in memory: the tests' ground, and the reference by which the others are measured.

It has a server's manners: UIDs that are never reused within a UIDVALIDITY, a deed in two steps
(`\\Deleted`, then expunge), other clients who act in between. `MemoryServer.on_effect` is called
before and after each effect, so that a test can cut the power at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import (
    Census,
    FolderView,
    Hindrance,
    Item,
    Key,
    Kind,
    Lot,
    Mark,
    Marks,
    Place,
    Ref,
    Role,
)
from retentiond.errors import Changed, Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.base import (
    Abilities,
    Copy,
    Likeness,
    Mailbox,
    Message,
    Question,
    Sameness,
    Standing,
    Wanted,
)
from retentiond.mailbox.headers import likeness_of, marks_of, message_ids_of, parties_of
from retentiond.mailbox.likeness import digest
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope, Scoped

_DELETED = "\\Deleted"


@dataclass(slots=True)
class Stored:
    """A message as the server has it."""

    content: bytes
    received: datetime | None
    flags: frozenset[str] = frozenset()


@dataclass(slots=True)
class Folder:
    """A folder as the server has it."""

    role: Role = Role.OTHER
    version: int = 1
    next_uid: int = 1
    messages: dict[int, Stored] = field(default_factory=dict)
    is_destroyable: bool = True

    def put(self, content: bytes, received: datetime | None, flags: Sequence[str] = ()) -> int:
        """Stores a message and gives its UID."""
        uid = self.next_uid
        self.next_uid += 1
        self.messages[uid] = Stored(content, received, frozenset(flags))
        return uid


@dataclass(slots=True)
class MemoryServer:
    """Mailboxes by name, each with its folders. `on_effect(what, is_done)` is called around effects.

    `clock_offset` is how far the server's clock is ahead of the caller's; None: it cannot be asked.
    """

    mailboxes: dict[str, dict[str, Folder]] = field(default_factory=dict)
    on_effect: Callable[[str, bool], None] = lambda what, is_done: None
    unreachable: set[str] = field(default_factory=set)
    destroys_exactly: bool = True
    keeps_copies: bool = False
    clock_offset: timedelta | None = timedelta(0)
    sameness: Sameness = Sameness.BYTES

    def mailbox(self, name: str) -> dict[str, Folder]:
        """The folders of a mailbox; a new one has the usual four."""
        if name not in self.mailboxes:
            self.mailboxes[name] = {
                "INBOX": Folder(Role.INBOX),
                "Sent": Folder(Role.SENT),
                "Trash": Folder(Role.TRASH),
                "Archive 2025": Folder(Role.OTHER),
            }
        return self.mailboxes[name]


class MemoryMailbox(Scoped):
    """One target's mailbox on a MemoryServer."""

    def __init__(self, server: MemoryServer, name: str, scope: Scope, marker: Marker) -> None:
        self._server = server
        self._name = name
        self._scope = scope
        self._marker = marker

    @property
    def sameness(self) -> Sameness:
        return self._server.sameness

    def __enter__(self) -> Self:
        if self._name in self._server.unreachable:
            raise Unreachable(self.target, Why.NETWORK)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        return Abilities("memory", self._server.destroys_exactly, True, True, True)

    def clock(self, now: datetime) -> ClockReading:
        offset = self._server.clock_offset
        dates = [m.received for f in self._folders.values() for m in f.messages.values() if m.received]
        agrees = None if offset is None or not dates else abs(offset) <= timedelta(minutes=5)
        return ClockReading(agrees, max(dates, default=None))

    def look(self, question: Question) -> Iterator[FolderView]:
        if self.kind is Kind.ADVISOR:
            yield from self._look_for_strays(question)
            return
        for name in sorted(self._scope.leave_out):
            if name not in self._folders:
                raise Refused(self.target, Why.NO_FOLDER, name)
            self._scope.refuse_left_out(self._folders[name].role)
        for name, folder in list(self._folders.items()):
            if name not in self._scope.leave_out:
                look = self._view_of_correspondents if question.correspondents else self._view
                yield look(name, folder, question)

    def _view_of_correspondents(self, name: str, folder: Folder, question: Question) -> FolderView:
        place = self._place(name, folder)
        items = tuple(
            Item(Ref(place, uid), stored.received, self._is_held(name, stored), marks, len(stored.content))
            for uid, stored in folder.messages.items()
            if (marks := self._parties(stored, question)) is not None
        )
        return FolderView(Census(place, None, hindrance=self._hindrance(folder)), (), items)

    def _parties(self, stored: Stored, question: Question) -> Marks | None:
        """The marks of a message from or to one of the correspondents; None of any other."""
        marks = parties_of(stored.content, self._marker)
        wanted = {self._marker.address(each) for each in question.correspondents}
        return marks if wanted & marks.parties else None

    def _hindrance(self, folder: Folder) -> Hindrance | None:
        if not self._server.destroys_exactly:
            return Hindrance.NO_UIDPLUS
        return None if folder.is_destroyable else Hindrance.NO_RIGHT

    def _view(self, name: str, folder: Folder, question: Question) -> FolderView:
        place = self._place(name, folder)
        margin = timedelta(days=1)
        sure: dict[bool, list[tuple[int, datetime]]] = {False: [], True: []}
        items = []
        for uid, stored in folder.messages.items():
            is_held = self._is_held(name, stored)
            received = stored.received
            if question.wants_threads:
                items.append(Item(Ref(place, uid), received, is_held, self._marks(stored)))
            elif received is None or not question.earliest <= received <= question.latest:
                items.append(self._item(place, uid, is_held, stored, question))
            elif (is_held or received < question.cutoff - margin) and not question.wants_marks:
                sure[is_held].append((uid, received))
            elif is_held or received < question.cutoff + margin:
                items.append(self._item(place, uid, is_held, stored, question))
        lots = tuple(
            Lot(
                place,
                tuple(uid for uid, _ in found),
                question.cutoff - margin,
                is_held,
                min(received for _, received in found).date(),
                max(received for _, received in found).date(),
            )
            for is_held, found in sure.items()
            if found
        )
        return FolderView(self._census(place, folder, question), lots, tuple(items))

    def _census(self, place: Place, folder: Folder, question: Question) -> Census:
        dates = [stored.received for stored in folder.messages.values() if stored.received]
        ahead = sum(date < question.ahead for date in dates) if question.ahead else None
        return Census(place, len(folder.messages), ahead, self._hindrance(folder))

    def _look_for_strays(self, question: Question) -> Iterator[FolderView]:
        identities = {self._marker.address(identity) for identity in self._scope.identities}
        wanted = [(*self._wanted(name),) for name in self._scope.look_in]
        stored_at = {(name, uid): each for name, folder in wanted for uid, each in folder.messages.items()}
        marked = {at: self._marks(stored) for at, stored in stored_at.items()}
        parents = {self._marker.message(message) for message in question.replying_to}
        matched = {at for at, marks in marked.items() if identities & (marks.authors | marks.senders)}
        while question.replying_to:
            answers = {at for at, marks in marked.items() if parents & marks.parents} - matched
            if not answers:
                break
            matched |= answers
            parents |= {message for at in answers if (message := marked[at].message)}
        if question.correspondents:
            parties = {at: self._parties(stored_at[at], question) for at in matched}
            matched = {at for at, marks in parties.items() if marks is not None}
            marked |= {at: marks for at, marks in parties.items() if marks is not None}
        for name, folder in wanted:
            place = self._place(name, folder)
            items = tuple(
                Item(
                    Ref(place, uid),
                    stored.received,
                    self._is_held(name, stored),
                    marked[name, uid],
                    len(stored.content),
                )
                for uid, stored in folder.messages.items()
                if (name, uid) in matched
            )
            yield FolderView(Census(place, None), (), items)

    def _wanted(self, wanted: str) -> tuple[str, Folder]:
        for name, folder in self._folders.items():
            if wanted in (name, folder.role.value):
                return name, folder
        raise Refused(self.target, Why.NO_FOLDER, wanted)

    def message_ids(self) -> Iterator[str]:
        for folder in self._folders.values():
            for stored in folder.messages.values():
                if message := likeness_of(stored.content, self._marker).hint:
                    yield message

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        folder, name = self._at(place), self.names()[place.folder]
        for key in keys:
            if (stored := folder.messages.get(int(key))) is not None:
                is_held = self._is_held(name, stored)
                yield Item(
                    Ref(place, key), stored.received, is_held, self._marks(stored), len(stored.content)
                )

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        for name, folder in self._folders.items():
            if name not in self._scope.leave_out:
                for item in self.identify(self._place(name, folder), tuple(folder.messages)):
                    if wanted.is_met_by(item, self._marker):
                        yield item

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        for key in keys:
            if (stored := self._at(place).messages.get(int(key))) is not None:
                yield from message_ids_of(stored.content)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        sought = {self._marker.message(each) for each in of}
        for name, folder in list(self._folders.items()):
            place = self._place(name, folder)
            for uid, stored in folder.messages.items() if name not in self._scope.leave_out else ():
                marks = self._marks(stored)
                is_asked = not of or marks.message in sought or marks.parents & sought
                if is_asked and (stored.received is None or stored.received >= question.cutoff):
                    yield Item(Ref(place, uid), stored.received, marks=marks)

    def place(self, role: Role) -> Place:
        for name, folder in self._folders.items():
            if folder.role is role:
                return self._place(name, folder)
        raise Refused(self.target, Why.ROLE_UNKNOWN, role.value)

    def find(self, label: str) -> Place | None:
        places = (self._place(name, folder) for name, folder in self._folders.items())
        return next((place for place in places if place.folder == label), None)

    def names(self) -> dict[str, str]:
        return {self._place(name, folder).folder: name for name, folder in self._folders.items()}

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        folder = self._at(place)
        for key in keys:
            stored = folder.messages.get(int(key))
            if stored is not None and stored.received is not None:
                flags = stored.flags - {_DELETED, "\\Recent"}
                yield Message(key, stored.content, stored.received, flags)

    @property
    def takes_parcels(self) -> bool:
        return False

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return {}

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        wanted = {self._alike(likeness, by) for likeness in of}
        name = self.names()[place.folder]
        for uid, stored in list(self._at(place).messages.items()):
            like = likeness_of(stored.content, self._marker)
            if self._alike(like, by) in wanted and stored.received is not None:
                yield Copy(
                    uid,
                    digest(stored.content, by),
                    stored.received,
                    stored.flags,
                    self._is_held(name, stored),
                    _DELETED in stored.flags,
                )

    @staticmethod
    def _alike(like: Likeness, by: Sameness) -> tuple[Mark, int]:
        return like.message, like.size if by is Sameness.BYTES else 0

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        folder = self._at(place)
        self._server.on_effect("add", False)
        for message in messages:
            folder.put(message.content, message.received, tuple(message.flags))
        self._server.on_effect("add", True)

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        return False

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> bool:
        return isinstance(home, MemoryMailbox) and home._at(sent) is self._at(place)

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        folder = self._at(place)
        if not self._server.destroys_exactly:
            raise Unsupported(self.target, Why.NO_UIDPLUS, place.folder)
        if not folder.is_destroyable:
            raise Refused(self.target, Why.NO_RIGHT, place.folder)
        name = self.names()[place.folder]
        self._server.on_effect("look for holds", False)
        here = [key for key in keys if key in folder.messages]
        held = [key for key in here if holds_win and self._is_held(name, folder.messages[int(key)])]
        doomed = [key for key in here if key not in set(held)]
        self._server.on_effect("mark deleted", False)
        for key in doomed:
            folder.messages[int(key)].flags |= {_DELETED}
        self._server.on_effect("expunge", False)
        for key in doomed:
            del folder.messages[int(key)]
        self._server.on_effect("expunge", True)
        gone = [key for key in keys if key not in set(here)]
        results = ((Result.DONE, doomed), (Result.HELD, held), (Result.GONE_ALREADY, gone))
        return tuple(Outcome(place, result, tuple(found)) for result, found in results if found)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        name = self.names()[place.folder]
        messages = self._at(place).messages
        present = tuple(key for key in keys if key in messages)
        return Standing(
            present,
            tuple(key for key in present if self._is_held(name, messages[int(key)])),
            tuple(key for key in present if _DELETED in messages[int(key)].flags),
        )

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        for key in keys:
            if (stored := self._at(place).messages.get(int(key))) is not None:
                stored.flags -= {_DELETED}

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        self._server.on_effect("hold", False)
        for key in keys:
            self._at(place).messages[int(key)].flags |= {self._scope.hold_keyword}
        self._server.on_effect("hold", True)

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        if place.role is Role.HOLD:
            raise Refused(self.target, Why.HOLD_FOLDER, place.folder)
        self._server.on_effect("unhold", False)
        for key in keys:
            self._at(place).messages[int(key)].flags -= {self._scope.hold_keyword}
        self._server.on_effect("unhold", True)

    def keeps_copies(self) -> bool | None:
        return self._server.keeps_copies

    # ── the server's side ────────────────────────────────────────────────────────────────────────

    @property
    def _folders(self) -> dict[str, Folder]:
        return self._server.mailbox(self._name)

    def _place(self, name: str, folder: Folder) -> Place:
        role = Role.HOLD if name == self._scope.hold_folder else folder.role
        same = [other for other in self._folders.values() if other.role is folder.role]
        has_label = role is Role.HOLD or (role is not Role.OTHER and len(same) == 1)
        label = role.value if has_label else self._marker.folder(self.target, name)
        return Place(self.target, label, role, folder.version)

    def _at(self, place: Place) -> Folder:
        for name, folder in self._folders.items():
            found = self._place(name, folder)
            if found.folder == place.folder:
                if found.version != place.version:
                    raise Changed(self.target, Why.NEW_VERSION, place.folder)
                return folder
        raise Changed(self.target, Why.NO_FOLDER, place.folder)

    def _is_held(self, name: str, stored: Stored) -> bool:
        return name == self._scope.hold_folder or self._scope.hold_keyword in stored.flags

    def _item(self, place: Place, uid: int, is_held: bool, stored: Stored, question: Question) -> Item:
        item = Item(Ref(place, uid), stored.received, is_held)
        if not question.wants_marks:
            return item
        return replace(item, marks=self._marks(stored), size=len(stored.content))

    def _marks(self, stored: Stored) -> Marks:
        return marks_of(stored.content, self._marker)
