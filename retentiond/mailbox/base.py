"""The port: a few verbs, the promises that each backend makes, and nothing about any one server.

Failures are `Changed`, `Unreachable`, `Refused` and `Unsupported` (`errors.py`) and nothing else;
foreign errors are translated inside the backend, inside generators too. One contract suite
(`tests/mailbox/contract.py`) holds every backend to what is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome
from retentiond.core.model import Beside, FolderView, Item, Key, Kind, Mark, Place, Role
from retentiond.errors import Why
from retentiond.mailbox.marker import Marker

#: What one batch of messages may weigh while it is carried.
CARRY_MESSAGES = 500
CARRY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """What a look asks. All instants are aware.

    Due is what was received before `cutoff`. Dates before `earliest` or after `latest` are not
    believed. With `ahead`, the census counts what was received before that instant as well.
    `may_use_server_clock` is False for `--as-of`: searches must then go by date, not by age.
    `wants_marks` asks for the marks of what may be due and of what is held: these come as items, not in
    lots, and nothing else is read for it. Addresses may be left out: no
    conversation is followed by them. `wants_threads` asks for the marks of every message (a stated
    exception to the law of scale). Letters have no marks: neither changes anything there.
    `wants_days` (arming) asks whether a folder looks imported. `wants_beside` (an audit) asks what lies
    beside the mail. `replying_to` are Message-IDs of
    helpline mail: an advisor's messages that name one in In-Reply-To or References are yielded too,
    and those that name one of these in turn; then with all their Marks. `correspondents` are the
    addresses of one person: then a look yields every item that is from or to one of them, whatever its
    age, and nothing else (an erasure, P9). With `longest`, conversations are followed: what was received
    before it is kept by none. It asks nothing of `look`, which `wants_marks` does; what is `younger` is
    asked for after it.
    """

    now: datetime
    cutoff: datetime
    earliest: datetime
    latest: datetime
    ahead: datetime | None = None
    may_use_server_clock: bool = True
    wants_marks: bool = False
    wants_threads: bool = False
    wants_days: bool = False
    wants_beside: bool = False
    longest: datetime | None = None
    replying_to: tuple[str, ...] = field(default=(), repr=False)
    correspondents: tuple[str, ...] = field(default=(), repr=False)


class Granted(StrEnum):
    """How it stands with one permission of an application."""

    HERE = "here"
    MISSING = "missing"
    UNNEEDED = "unneeded"
    TENANT_WIDE = "tenant-wide"


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission, by its name at the server, and how it stands with it."""

    permission: str
    state: Granted


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what somebody names the mail to be held: a Message-ID, or a correspondent's address and days.

    The address is sought in From, Sender, To, Cc and Bcc. `since` is the first instant of receipt,
    `until` the first that is none (aware). Nothing of it is ever shown, kept or logged.
    """

    message_id: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    since: datetime | None = None
    until: datetime | None = None

    def is_met_by(self, item: Item, marker: Marker) -> bool:
        """Whether an item (with all its marks) is one of those."""
        if self.message_id:
            return item.marks.message == marker.message(self.message_id)
        marks = item.marks.authors | item.marks.senders | item.marks.recipients
        if marker.address(self.address) not in marks:
            return False
        if self.since is None and self.until is None:
            return True
        return item.received is not None and not (
            (self.since is not None and item.received < self.since)
            or (self.until is not None and item.received >= self.until)
        )


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this server, for this login, can promise. Shown by `check`."""

    server: str
    destroys_exactly: bool
    carries_in_batches: bool
    searches_by_age: bool
    tells_rights: bool
    #: What an administrator should know, by fixed codes (`report/words.py` has the sentences).
    notes: tuple[str, ...] = ()
    #: What an application may do in this mailbox, where the server lets that be asked.
    grants: tuple[Grant, ...] = ()
    #: What is missing where nothing is destroyed exactly.
    missing: Why = Why.NO_UIDPLUS


class Sameness(StrEnum):
    """By what two messages are the same: their bytes, or what survives of them (`mailbox/likeness.py`)
    on a server that keeps properties and writes each message anew when it is asked for it."""

    BYTES = "bytes"
    PARTS = "parts"

    def between(self, other: Sameness) -> Sameness:
        """By what messages are compared that lie in two mailboxes: bytes only where both keep them."""
        return self if self is other else Sameness.PARTS


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """A whole message on its way between mailboxes. It has no repr: it must not be logged (P7).

    `flags` are as the server writes them, `\\Recent` and `\\Deleted` left out (they are not carried).
    """

    key: Key
    content: bytes
    received: datetime
    flags: frozenset[str]
    #: The whole item as its server packs it (`Mailbox.pack`); opaque, empty where there is none.
    parcel: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what a twin is sought: the mark of the Message-ID and the size in bytes (RFC822.SIZE).

    `hint` is the Message-ID itself where it is at hand, for a server-side search; never shown.
    """

    message: Mark
    size: int
    hint: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that stands somewhere, by digest of its content."""

    key: Key
    digest: bytes
    received: datetime
    flags: frozenset[str]
    is_held: bool
    is_marked_deleted: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there now of the items that an open intent named."""

    present: tuple[Key, ...]
    held: tuple[Key, ...]
    marked_deleted: tuple[Key, ...]
    #: False where what is not present may lie in a bin of this mailbox, under another key.
    is_final: bool = field(default=True, kw_only=True)


class Mailbox(Protocol):
    """One target's mailbox. Opened as a context manager; not shared between threads."""

    @property
    def target(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def sameness(self) -> Sameness:
        """By what a message that is stored here can be known again."""
        ...

    @property
    def hold_sign(self) -> str:
        """The flag by which an item is held here: a keyword, or a category."""
        ...

    def __enter__(self) -> Self:
        """Connects. Raises Unreachable (network, TLS, password) or Unsupported (is-exchange)."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def abilities(self) -> Abilities:
        """What the server can promise; changes nothing."""
        ...

    def clock(self, now: datetime) -> ClockReading:
        """Compares `now` with the server's clock, without sending or changing anything."""
        ...

    def look(self, question: Question) -> Iterator[FolderView]:
        """Every item that may be due or astray, once, and a census of the rest; changes nothing.

        A helpline's mailbox yields each selectable folder, its bins included. An advisor's yields
        the folders of `Scope.look_in`, and of each only the messages with an identity in From or
        Sender: nothing else is fetched, counted or dated (P3). The server does the choosing; items
        are exact within a day of the cutoff. Asked for `correspondents`, a helpline's mailbox yields of
        each folder the items with one of them in From, Sender, Reply-To, To, Cc or Bcc, an advisor's of
        those only a helpline's replies, each as an Item with all its Marks, and letters none; nothing is
        counted then. Raises Refused(no-folder) where a configured folder is
        missing: a missing folder is never an empty one.
        """
        ...

    def beside(self, question: Question) -> tuple[tuple[Beside, int], ...]:
        """How many items made before the cutoff lie in folders of a helpline's mailbox that are not of mail
        (calendars, contacts, tasks, notes, journals), as far as this kind of server has them and the login
        may look into them; what has none is left out."""
        ...

    def message_ids(self) -> Iterator[str]:
        """The Message-ID of every message in a helpline's mailbox, angle brackets included; for the
        search in advisors' folders alone (replies by thread). Never kept, never shown."""
        ...

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        """These items with all their Marks; `is_held` is whether an item bears the sign of a hold itself
        or lies in the hold folder, not whether its conversation is held. What is gone is left out.
        Raises Changed where the Place has another version by now."""
        ...

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        """What of a helpline's mailbox is wanted, in whatever folder, as `identify` gives it."""
        ...

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        """The Message-IDs that these items bear and name as their parents, without angle brackets; for
        `younger` alone. Never kept, never shown."""
        ...

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        """What is not surely due, anywhere in a helpline's mailbox, with date and marks of its thread.

        With `of` (Message-IDs of printable ASCII without blanks), at least what bears or names one of
        them. The caller compares: what is given need not be asked for, and may be due after all.
        """
        ...

    def place(self, role: Role) -> Place:
        """The folder of this role as it stands now. Refused(role-unknown) where there is none."""
        ...

    def find(self, label: str) -> Place | None:
        """The folder that bears this label now, or None."""
        ...

    def names(self) -> dict[str, str]:
        """Labels to the server's own folder names; for `audit --names` on a terminal only."""
        ...

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        """The messages byte for byte, in order of key, without marking them read.

        `sizes` are theirs in bytes, where the caller knows them: the server is not asked once more.
        What is gone is left out. Raises Changed where the Place has another version by now.
        """
        ...

    @property
    def takes_parcels(self) -> bool:
        """Whether items that another mailbox packed may be stored here."""
        ...

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        """Each of these items as its server packs it whole (base64), for a mailbox that takes parcels; an
        item that it does not pack is left out. Empty where this kind of server packs nothing."""
        ...

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        """Every message in `place` that is like one in `of` (a possible twin), each read whole and
        given by the digest of its content (`likeness.digest`). The caller compares digests: like is not
        the same. By PARTS the sizes do not count."""
        ...

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        """Stores all of them or none, received date and flags included; returns only after the
        copies can be seen with both. A flag that this kind of server cannot hold as it is written is
        stored in the nearest form that it can. At most CARRY_MESSAGES and CARRY_BYTES in one call, or
        a single message. Refused(over-quota) where they do not fit."""
        ...

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        """Lets the server copy, where this login reaches both ends; False where it cannot and
        nothing was done. Date and flags are as with `add`."""
        ...

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> bool:
        """Whether the item of this key here and the one of the same key and content at home are one item,
        so that this mailbox is home under another name. In doubt it is: nothing is destroyed then. May set
        a flag of its own for a moment."""
        ...

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        """Removes exactly these versions beyond what any user can recover, and nothing else.

        `holds_win` is False for strays alone whose copy stands at home and is held there.

        Looks for holds immediately before (a hold set since the plan wins: HELD), and looks again
        after: DONE is said of what a fresh search no longer finds. Every key is answered for once:
        DONE, REMOVED, RETAINED, GONE_ALREADY, HELD, CHANGED or FAILED. Raises Unsupported(no-uidplus) or
        Refused(no-right, read-only) before anything is done, Changed where the Place has another
        version, Unreachable where the connection broke (what was done is then unknown: look).
        """
        ...

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        """What of these is there now, held, or marked `\\Deleted`; for settling an open intent."""
        ...

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        """Clears a `\\Deleted` that an interrupted deed of ours left on what is now kept."""
        ...

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        """Sets the sign of a hold: on what somebody holds by a command, and on a copy at home whose stray
        was held after it was copied. Other flags and categories stay."""
        ...

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        """Takes the sign of a hold away; other flags and categories stay. Refused(hold-folder) where
        items are held by where they lie: somebody must move them out."""
        ...

    def keeps_copies(self) -> bool | None:
        """Destroys one test message of our own in a folder of its own and looks for it everywhere:
        True where the server still has it. None where that cannot be tried. At arming only."""
        ...
