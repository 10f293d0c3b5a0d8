"""Every way in which retentiond may refuse or fail, on one page.

An error carries fields and an exit code; `cli/` owns the prose. No field ever holds a subject, an
address, a text or the words of a library's exception: only aliases from the configuration, folder
labels, numbers and the fixed codes below (P7).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Exit:
    """Exit codes (documented in docs/admin/exit-codes.md; a test keeps both the same)."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    STOPPED = 3
    LEDGER = 65
    UNREACHED = 75
    TOO_OPEN = 77
    CONFIGURATION = 78

    #: Where several apply at once, the first of these wins.
    ORDER: ClassVar[tuple[int, ...]] = (65, 78, 77, 3, 75, 1, 0)


def gravest(codes: list[int]) -> int:
    """The exit code of a run in which all of `codes` applied."""
    return min(codes, key=Exit.ORDER.index, default=Exit.DONE)


class RetentionError(Exception):
    """The root of the family."""

    exit_code: ClassVar[int] = Exit.FINDINGS


# ── configuration ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: where, which key, what, and the way on."""

    file: str
    line: int | None
    key: str
    what: str
    way_on: str = ""


@dataclass(eq=False)
class ConfigurationRefused(RetentionError):
    """The configuration has faults; all of them are listed, and nothing was connected to."""

    faults: tuple[Fault, ...]
    exit_code: ClassVar[int] = Exit.CONFIGURATION


@dataclass(eq=False)
class PermissionsTooOpen(RetentionError):
    """Others may write the configuration, or read a secret, a key or the ledger."""

    faults: tuple[Fault, ...]
    exit_code: ClassVar[int] = Exit.TOO_OPEN


@dataclass(eq=False)
class CredentialsMissing(RetentionError):
    """Credentials that the configuration names were never given to this machine; systemd would only fail."""

    names: tuple[str, ...]
    exit_code: ClassVar[int] = Exit.CONFIGURATION


@dataclass(eq=False)
class AdminNeeded(RetentionError):
    """A command that only root may give was given by somebody else."""

    command: str
    exit_code: ClassVar[int] = Exit.TOO_OPEN


@dataclass(eq=False)
class SecretMissing(RetentionError):
    """A secret's place exists in the configuration, but its value could not be read. `way`: the way on, where
    it is not simply missing: "closed" (this user may not read it), "as-service" (only systemd passes it)."""

    account: str
    place: str
    way: str = ""
    exit_code: ClassVar[int] = Exit.CONFIGURATION


@dataclass(eq=False)
class UnknownTarget(RetentionError):
    """A name on the command line that the configuration does not know."""

    name: str
    known: tuple[str, ...]
    exit_code: ClassVar[int] = Exit.USAGE


# ── mailboxes: the four ways in which one may fail ───────────────────────────────────────────────


class Why(StrEnum):
    """The fixed reasons of a mailbox error. A library's own words are never passed on."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"
    TLS = "tls"
    PASSWORD = "password"  # noqa: S105 — the name of a reason, not a secret
    NO_SECRET = "no-secret"  # noqa: S105 — as above
    BUSY = "busy"
    LOCKED = "locked"
    PROTOCOL = "protocol"
    NO_MAILBOX = "no-mailbox"
    NO_FOLDER = "no-folder"
    LEFT_OUT = "left-out"
    NO_UIDPLUS = "no-uidplus"
    NO_HARD_DELETE = "no-hard-delete"
    NO_RIGHT = "no-right"
    READ_ONLY = "read-only"
    OVER_QUOTA = "over-quota"
    TOO_BIG = "too-big"
    NOT_KEPT = "not-kept"
    IS_EXCHANGE = "is-exchange"
    NO_ACCESS = "no-access"
    EWS_BLOCKED = "ews-blocked"
    UNAVAILABLE = "unavailable"
    SERVER_KEEPS = "server-keeps"
    SERVER_HOLD = "server-hold"
    VIRTUAL_FOLDER = "virtual-folder"
    ROLE_UNKNOWN = "role-unknown"
    NEW_VERSION = "new-version"
    AUDIT = "audit"
    NO_DIRECTORY = "no-directory"
    NOT_MOUNTED = "not-mounted"
    HARD_LINK = "hard-link"
    OPEN_FILE = "open-file"
    IMMUTABLE = "immutable"
    NO_DEED = "no-deed"
    HOLD_FOLDER = "hold-folder"
    NO_KEYWORDS = "no-keywords"
    NO_PARCEL = "no-parcel"
    SAME_MAILBOX = "same-mailbox"
    DISK = "disk"


@dataclass(eq=False)
class MailboxError(RetentionError):
    """What a mailbox may raise. `target` is an alias; `detail` a folder label, a right or a host."""

    target: str
    why: Why
    detail: str = ""


@dataclass(eq=False)
class Changed(MailboxError):
    """What was seen is not what is there now (another UIDVALIDITY, another version)."""


@dataclass(eq=False)
class Unreachable(MailboxError):
    """Transient, or outside this mailbox's own power: it could not be looked at."""

    exit_code: ClassVar[int] = Exit.UNREACHED


@dataclass(eq=False)
class Refused(MailboxError):
    """Permanent: the server said no, and will say it again."""


@dataclass(eq=False)
class Unsupported(MailboxError):
    """The server cannot promise what the deed needs (no UIDPLUS); nothing was tried."""


# ── ledger, clock, plans ─────────────────────────────────────────────────────────────────────────


@dataclass(eq=False)
class LedgerMissing(RetentionError):
    """There is no ledger; `retentiond ledger init` makes it. Where only its key is missing, `key` says
    where that should be, and `way` is the way on, as of any secret."""

    path: str
    key: str = ""
    way: str = ""
    exit_code: ClassVar[int] = Exit.LEDGER


@dataclass(eq=False)
class LedgerDamaged(RetentionError):
    """The book does not verify. `entry` is the first sequence number at which it breaks."""

    chain: str
    entry: int | None
    what: str
    exit_code: ClassVar[int] = Exit.LEDGER


@dataclass(eq=False)
class LedgerOutdated(RetentionError):
    """The ledger was made by an older version of retentiond; nothing is read from it before its upgrade."""

    version: int
    current: int
    exit_code: ClassVar[int] = Exit.LEDGER


@dataclass(eq=False)
class UnknownHold(RetentionError):
    """An id on the command line that no hold in the register bears."""

    id: str
    exit_code: ClassVar[int] = Exit.USAGE


@dataclass(eq=False)
class NothingFound(RetentionError):
    """Nothing in the target's folders is what was asked for."""

    target: str
    exit_code: ClassVar[int] = Exit.FINDINGS


@dataclass(eq=False)
class StrayLost(RetentionError):
    """A reply on its way home stands in neither mailbox: everything stops (disaster 1)."""

    target: str
    count: int
    exit_code: ClassVar[int] = Exit.LEDGER


@dataclass(eq=False)
class ClockDoubted(RetentionError):
    """This machine's clock contradicts a server, the newest mail or the ledger."""

    against: str
    seconds: int | None
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class Paused(RetentionError):
    """Somebody asked that nothing be destroyed until the end of a day (ISO), for a reason."""

    until: str
    reason: str
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class AlreadyRunning(RetentionError):
    """The service runs already on this state directory."""

    exit_code: ClassVar[int] = Exit.UNREACHED


@dataclass(eq=False)
class ControlRefused(RetentionError):
    """The running service does not do it: `why` is a fixed code. Who may not ask ends with 77, what a
    service that only looks will not do with 3, and what may go better the next time with 75."""

    why: str

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        codes = {"stranger": Exit.TOO_OPEN, "silent": Exit.TOO_OPEN, "looks-only": Exit.STOPPED}
        return codes.get(self.why, Exit.UNREACHED)


@dataclass(eq=False)
class SecondPersonNeeded(RetentionError):
    """One person may not do it alone. Another agrees by this code, to this number."""

    code: str
    number: int
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class ApprovalRefused(RetentionError):
    """What needs two persons was not agreed to: unknown, same, nobody, used, number or no-service."""

    what: str
    number: int = 0
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class ArmingRefused(RetentionError):
    """More is due than the number that was given."""

    target: str
    given: int
    found: int
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class PurgeRefused(RetentionError):
    """More would be destroyed than the number that was given; nothing was."""

    given: int
    found: int
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class NotArmed(RetentionError):
    """What was asked for would destroy something in a target that nobody has let loose yet."""

    target: str
    count: int
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class ApprovalNeeded(RetentionError):
    """One person alone may not do this. `wish` says what, `digest` and `number` name the plan; `lacking` is
    what would let a second person agree and is not configured, if anything."""

    wish: str
    target: str
    digest: str
    number: int
    lacking: str = ""
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class CodeRefused(RetentionError):
    """The code was not the one that was mailed, came too late, or could not be mailed; nothing was done.
    `why` is wrong, late or unsent."""

    why: str
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class PlanRefused(RetentionError):
    """A saved plan that was altered, is too old, or was made under other rules."""

    what: str
    exit_code: ClassVar[int] = Exit.STOPPED


@dataclass(eq=False)
class InstallFailed(RetentionError):
    """A step of the installation could not be taken. `place` is a path or a program of the system, `what`
    a fixed word or the operating system's own."""

    place: str
    what: str
