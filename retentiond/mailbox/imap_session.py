"""A signed-in session that knows its folders: opens them, checks that they are the ones that were seen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from retentiond.config import ImapAccount
from retentiond.core.model import Hindrance, Key, Place, Role
from retentiond.errors import Changed, MailboxError, Refused, Why
from retentiond.mailbox.imap_answers import Answer, parsed, status_of
from retentiond.mailbox.imap_folders import (
    Folder,
    Listed,
    folders_of,
    listed_in,
    prefixes,
)
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.wire import Wire


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder as EXAMINE or SELECT told of it. `lasting` are the flags that it keeps, in lower case."""

    place: Place
    exists: int
    next_uid: int
    is_read_only: bool
    lasting: frozenset[str]
    hindrance: Hindrance | None


class Session:
    """One mailbox on one connection."""

    def __init__(self, wire: Wire, account: ImapAccount, scope: Scope, marker: Marker, mailbox: str) -> None:
        self.wire = wire
        self.account = account
        self.scope = scope
        self.marker = marker
        self.prefix = account.prefix(mailbox)
        self.own = ""
        self._foreign: tuple[str, ...] | None = None
        self._folders: tuple[Folder, ...] = ()
        self._at: Place | None = None
        self._name = b""
        self._may_write = False

    @property
    def target(self) -> str:
        return self.scope.target

    # ── folders ──────────────────────────────────────────────────────────────────────────────────

    def listed(self) -> list[Listed]:
        """Every folder that this login can see, other users' included."""
        wire = self.wire
        is_extended = wire.offers("LIST-EXTENDED") and wire.offers("SPECIAL-USE")
        command = b'LIST "" "*"' + (b" RETURN (SPECIAL-USE)" if is_extended else b"")
        answer = wire.expect(wire.ask(command)[0])
        with wire.reading():
            return list(listed_in(answer))

    def folders(self) -> tuple[Folder, ...]:
        """The target's folders as they are now. Raises Refused(no-folder) where a configured one lacks."""
        if self._foreign is None:
            foreign: tuple[str, ...] = ()
            if self.wire.offers("NAMESPACE"):
                answer = self.wire.expect(self.wire.ask(b"NAMESPACE")[0])
                with self.wire.reading():
                    self.own, foreign = prefixes(answer)
            self._foreign = foreign
        found = folders_of(self.listed(), self.scope, self.marker, self.prefix, self._foreign)
        if not found:  # every mailbox has an INBOX: an empty listing is no evidence of an empty mailbox
            raise Refused(self.target, Why.NO_MAILBOX)
        self._folders = found
        return self._folders

    def folder(self, label: str) -> Folder:
        """The folder of this label. Raises Refused(no-folder)."""
        for folders in (self._folders, None):
            for folder in self.folders() if folders is None else folders:
                if folder.label == label:
                    return folder
        raise Refused(self.target, Why.NO_FOLDER, label)

    def in_role(self, role: Role) -> Folder:
        """The one folder of this role. Raises Refused(role-unknown) where there is none, or several."""
        for folder in self.folders():
            if folder.label == role.value:
                return folder
        raise Refused(self.target, Why.ROLE_UNKNOWN, role.value)

    def place(self, folder: Folder) -> Place:
        """Where the folder stands now, without opening it."""
        command = b"STATUS " + folder.argument + b" (UIDVALIDITY)"
        answer = self.wire.expect(self.wire.ask(command)[0], folder.label)
        with self.wire.reading():
            version = status_of(answer)[b"UIDVALIDITY"]
        return Place(self.target, folder.label, folder.role, version)

    # ── opening ──────────────────────────────────────────────────────────────────────────────────

    def look_at(self, folder: Folder) -> Opened:
        """EXAMINE: to look, and leave not even \\Recent changed."""
        return self._open(folder, b"EXAMINE ")

    def take(self, folder: Folder) -> Opened:
        """SELECT: to change something in it. Always followed by `leave`."""
        return self._open(folder, b"SELECT ")

    def look_again(self, place: Place) -> Opened:
        """EXAMINE a place seen before. Raises Changed where it is another folder by now."""
        return self._same(place, self.look_at(self.folder(place.folder)))

    def stay_at(self, place: Place) -> None:
        """Opens a place seen before, to look, unless it is what is open."""
        if self._at != place:
            self.look_again(place)

    def take_again(self, place: Place) -> Opened:
        """SELECT a place seen before. Raises Changed where it is another folder by now."""
        return self._same(place, self.take(self.folder(place.folder)))

    def leave(self) -> None:
        """Closes the open folder without expunging: by UNSELECT (RFC 3691), never by CLOSE. Where the
        server lacks it, a folder that was open for writing is opened for looking instead."""
        if self._at is not None and not self.wire.is_broken:
            with suppress(MailboxError):
                if self.wire.offers("UNSELECT"):
                    self.wire.ask(b"UNSELECT")
                elif self._may_write:
                    self.wire.ask(b"EXAMINE " + self._name)
        self._at = None

    def _same(self, place: Place, opened: Opened) -> Opened:
        if opened.place.version != place.version:
            self.leave()
            raise Changed(self.target, Why.NEW_VERSION, place.folder)
        return opened

    def _open(self, folder: Folder, verb: bytes) -> Opened:
        wire = self.wire
        commands = [verb + folder.argument]
        if wire.offers("ACL"):
            commands.append(b"MYRIGHTS " + folder.argument)
        answers = wire.ask(*commands)
        answer = wire.expect(answers[0], folder.label)
        with wire.reading():
            exists, version = _exists(answer), int(answer.told(b"UIDVALIDITY") or b"")
        wire.exists, wire.next_uid = exists, _number(answer, b"UIDNEXT") or 2**32
        place = Place(self.target, folder.label, folder.role, version)
        self._at, self._name, self._may_write = place, folder.argument, verb == b"SELECT "
        lasting = (answer.told(b"PERMANENTFLAGS") or b"").strip(b"()").lower().decode("ascii", "replace")
        return Opened(
            place,
            exists,
            wire.next_uid,
            answer.code == b"READ-ONLY",
            frozenset(lasting.split()),
            self._hindrance(answers[1] if len(answers) > 1 else None),
        )

    def _hindrance(self, rights: Answer | None) -> Hindrance | None:
        """What stands against destroying here. An OK proves nothing: without `t` or `e` a server says
        OK and removes nothing (RFC 4314, 4; `d` alone is how RFC 2086 says both)."""
        if not self.wire.offers("UIDPLUS"):
            return Hindrance.NO_UIDPLUS
        with self.wire.reading():
            told = next((parsed(line) for line in rights.untagged(b"MYRIGHTS")), ()) if rights else ()
        if len(told) < 2:
            return None
        letters = set(bytes(told[1]).decode("ascii", "replace"))
        if not letters & set("texk"):
            letters |= set("te") if "d" in letters else set()
        if {"t", "e"} <= letters:
            return None
        return Hindrance.NO_RIGHT if letters & set("wsitea") else Hindrance.READ_ONLY


def numbers(keys: Sequence[Key]) -> list[int]:
    """IMAP keys are UIDs."""
    return [int(key) for key in keys]


def _exists(answer: Answer) -> int:
    """How much the folder holds. Raises ValueError where it does not say: that is not an empty one."""
    for line in answer.lines:
        if line[0].endswith(b" EXISTS"):
            return int(line[0][2:-7])
    raise ValueError("no number of messages")


def _number(answer: Answer, code: bytes) -> int:
    told = answer.told(code) or b""
    return int(told) if told.isdigit() else 0
