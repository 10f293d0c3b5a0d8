"""The nouns. They can hold no subject, address, text or name, so none can leak from here (P7).

Where an item lies is a `Place` (a target's folder under a *label*: its role, its configured name, or
`folder-<mark>`; the mailbox alone knows the server's name for it). Many items that share everything
but their key travel as one `Lot`; an item with a story of its own travels as an `Item`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

#: What names one version of one item within its Place. IMAP: the UID (the version is the Place's
#: UIDVALIDITY; RFC 9051, 2.3.1.1). Exchange, Graph: item id and change key, with a space between. A letter:
#: inode, birth, size and time of its last change, never a name.
Key: TypeAlias = int | str

#: A keyed digest (HMAC-SHA-256, first 16 bytes) of a Message-ID or an address.
Mark: TypeAlias = bytes


class Role(StrEnum):
    """What a folder is for (RFC 6154), as the server or the configuration says."""

    INBOX = "inbox"
    SENT = "sent"
    TRASH = "trash"
    DRAFTS = "drafts"
    JUNK = "junk"
    ARCHIVE = "archive"
    TEMPLATES = "templates"
    HOLD = "hold"
    OTHER = "other"


class Kind(StrEnum):
    """What a target is: a helpline's shared mailbox, an advisor's personal one, or a folder of letters."""

    HELPLINE = "helpline"
    ADVISOR = "advisor"
    LETTERS = "letters"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A folder of a target, as it was when it was looked at.

    `folder` is a label and unique within its target. `version` is the IMAP UIDVALIDITY; 0 where the
    backend's keys carry the version themselves.
    """

    target: str
    folder: str
    role: Role
    version: int = 0


@dataclass(frozen=True, slots=True)
class Ref:
    """Where an item lies and which version of it was seen. Nothing is destroyed but by a Ref."""

    place: Place
    key: Key


@dataclass(frozen=True, slots=True)
class Marks:
    """What of an item's headers the core may compare, never read.

    `authors` are the addresses in From, `senders` those in Sender, `recipients` those in To, Cc and
    Bcc, `message` the Message-ID, `parents` the ids in In-Reply-To and References, `conversation` what
    the server itself counts as one (Exchange), within one mailbox. `further` are the addresses in
    Reply-To and in the Resent fields, which an erasure alone asks for.
    """

    authors: frozenset[Mark] = frozenset()
    senders: frozenset[Mark] = frozenset()
    recipients: frozenset[Mark] = frozenset()
    message: Mark | None = None
    parents: frozenset[Mark] = frozenset()
    conversation: Mark | None = None
    further: frozenset[Mark] = frozenset()

    @property
    def parties(self) -> frozenset[Mark]:
        """Everybody from whom, to whom or on whose behalf it was sent."""
        return self.authors | self.senders | self.recipients | self.further


@dataclass(frozen=True, slots=True)
class Item:
    """One item with a story of its own: near the cutoff, undated, astray or part of a thread.

    `received` is aware, or None where the server gave no date. `first_seen` is what the ledger
    remembers of an item without a believable date. `size` is in bytes, 0 where it was not asked for.
    """

    ref: Ref
    received: datetime | None
    is_held: bool = False
    marks: Marks = Marks()
    size: int = 0
    first_seen: datetime | None = None
    #: It is unread and its sender asked to be told: destroying it might make the server send something (P7).
    wakes_receipt: bool = field(default=False, kw_only=True)
    #: By what a letter is known again although its key changes with each edit: a mark of where it lies.
    sighting: Mark | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """Items of one folder, all of them received before `received_before` (aware), in order of key.

    A held lot holds whatever is held there and has a believable date, whether it is due or not.
    """

    place: Place
    keys: tuple[Key, ...]
    received_before: datetime
    is_held: bool = False
    oldest: date | None = None
    newest: date | None = None


class Hindrance(StrEnum):
    """Why nothing can be destroyed in a folder although something may be due there."""

    NO_UIDPLUS = "no-uidplus"
    NO_RIGHT = "no-right"
    READ_ONLY = "read-only"
    SERVER_KEEPS = "server-keeps"


class Notice(StrEnum):
    """What a person must know of a folder besides what is due there (P4; an archive out of reach: P2)."""

    OPEN_TO_OTHERS = "open-to-others"
    RIGHTS_UNKNOWN = "rights-unknown"
    NO_SUCH_USER = "no-such-user"
    EDITED = "edited"
    HARD_LINK = "hard-link"
    LINK = "link"
    NOT_A_FILE = "not-a-file"
    OTHER_MOUNT = "other-mount"
    BIN_NOT_TOLD_APART = "bin-not-told-apart"
    ITEMS_UNSEEN = "items-unseen"
    ARCHIVE_UNSWEPT = "archive-unswept"
    FOLDERS_UNSEEN = "folders-unseen"

    @property
    def is_harmless(self) -> bool:
        """Whether it is only said, and asks nothing of anybody."""
        return self is Notice.RIGHTS_UNKNOWN


@dataclass(frozen=True, slots=True)
class Census:
    """What a folder holds. Where nobody may count (an advisor's folder), `total` is None.

    `ahead` is how many items will be due by the day that the question named (the forecast), what is
    due now included; None where it was not asked.
    """

    place: Place
    total: int | None
    ahead: int | None = None
    hindrance: Hindrance | None = None
    #: More than a fifth of the folder was received on one day (asked at arming only): an import?
    looks_imported: bool = False
    #: With SERVER_KEEPS: until when, as far as the server or its operator says.
    kept_until: date | None = None
    #: What was noticed there, and on how many things.
    notices: tuple[tuple[Notice, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FolderView:
    """One folder as the look found it. What is in neither `lots` nor `items` is neither due nor astray.
    Where marks were asked for, `items` may be a `Roll` of very many (`core/roll.py`)."""

    census: Census
    lots: tuple[Lot, ...] = ()
    items: Sequence[Item] = ()

    @property
    def place(self) -> Place:
        return self.census.place


class Beside(StrEnum):
    """What a mailbox holds beside mail: outside the promise, and counted for an audit alone."""

    CALENDARS = "calendars"
    CONTACTS = "contacts"
    TASKS = "tasks"
    NOTES = "notes"
    JOURNALS = "journals"


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target as the look found it. `younger` is evidence and is not judged: what is not due and shares a
    mark with something that is, where conversations are followed."""

    target: str
    kind: Kind
    folders: tuple[FolderView, ...]
    younger: Sequence[Item] = ()
    #: The marks of the items that bear the sign of a hold themselves, where somebody asked for them.
    signs: frozenset[Mark] = frozenset()
    #: How many items made before the cutoff lie beside the mail, where somebody asked.
    beside: tuple[tuple[Beside, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A target that could not be looked at; `why` and `detail` are those of the MailboxError."""

    target: str
    kind: Kind
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all mailboxes hold, as far as the promise goes, at one moment (`now`, aware)."""

    now: datetime
    views: tuple[TargetView, ...]
    gaps: tuple[Gap, ...] = ()


# ── verdicts ─────────────────────────────────────────────────────────────────────────────────────


class Reason(StrEnum):
    """Why a verdict is as it is. One reason a verdict; the wording is the report's."""

    NOT_DUE = "not-due"
    CONVERSATION = "conversation"
    CONVERSATION_UNKNOWN = "conversation-unknown"
    DUE = "due"
    DUE_SINCE_SEEN = "due-since-seen"
    ASTRAY = "astray"
    ASTRAY_HELD = "astray-held"
    ASTRAY_OVERDUE = "astray-overdue"
    NOT_OURS = "not-ours"
    HELD = "held"
    SIGN_VANISHED = "sign-vanished"
    CONVERSATION_HELD = "conversation-held"
    UNDATED = "undated"
    REPLACED = "replaced"
    TWO_HELPLINES = "two-helplines"
    HOME_UNREACHABLE = "home-unreachable"
    ON_DEMAND = "on-demand"
    ERASURE = "erasure"
    THIRD_PARTY = "third-party"
    NOT_THEIRS = "not-theirs"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Keep:
    reason: Reason = Reason.NOT_DUE


@dataclass(frozen=True, slots=True)
class Refile:
    """The reply stands in a personal folder: see that it stands in `home`'s Sent, destroy the stray."""

    home: str
    is_held: bool = False
    reason: Reason = Reason.ASTRAY


@dataclass(frozen=True, slots=True)
class Destroy:
    """Past its period. `on_behalf_of` is the helpline to which an overdue stray belongs."""

    reason: Reason = Reason.DUE
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    reason: Reason = Reason.HELD


@dataclass(frozen=True, slots=True)
class Review:
    """A person must look."""

    reason: Reason = Reason.UNDATED


Verdict: TypeAlias = Keep | Refile | Destroy | Hold | Review
