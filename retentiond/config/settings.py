"""The configuration as the house sees it: frozen values, already checked against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from retentiond.config.accounts import Account, SecretReference, Tls
from retentiond.core.fuse import Limits
from retentiond.core.model import Kind, Role
from retentiond.core.period import Period
from retentiond.errors import UnknownTarget


@dataclass(frozen=True, slots=True)
class HelplineSettings:
    """A helpline's shared mailbox. `period` and `roles` are those in force, defaults included."""

    name: str
    account: str
    mailbox: str
    identities: tuple[str, ...]
    period: Period
    leave_out: frozenset[str]
    named_folders: frozenset[str]
    hold_keyword: str
    hold_folder: str | None
    roles: Mapping[Role, str]

    kind: ClassVar[Kind] = Kind.HELPLINE


@dataclass(frozen=True, slots=True)
class AdvisorSettings:
    """An advisor's personal mailbox. `folders` are roles or folder names; `told` is the day since
    which the advisors have known of the sweep."""

    name: str
    account: str
    mailbox: str
    folders: tuple[str, ...]
    hold_keyword: str
    roles: Mapping[Role, str]
    told: date | None

    kind: ClassVar[Kind] = Kind.ADVISOR


@dataclass(frozen=True, slots=True)
class LettersSettings:
    """A folder of letters (P4). `manager`, `deputy` and `backup` are Unix users: who may read there.

    `bins` are what bins are called, or paths of their own. `hold_folder` is a folder in the directory.
    `mount` is where the file system must be mounted on which the letters lie; None: wherever they lie.
    """

    name: str
    directory: Path
    period: Period
    manager: str
    deputy: str | None
    backup: tuple[str, ...]
    bins: tuple[str, ...]
    hold_folder: str | None
    overwrite: bool
    mount: Path | None

    kind: ClassVar[Kind] = Kind.LETTERS


TargetSettings: TypeAlias = HelplineSettings | AdvisorSettings | LettersSettings


@dataclass(frozen=True, slots=True)
class Policy:
    """What was promised (P1) and how it is read. `manager` is the address to which codes are mailed."""

    period: Period
    zone: ZoneInfo
    approvers: int
    by_thread: bool
    manager: str | None = None
    #: For how long a conversation may keep one of its members; None where each is kept by its own date.
    longest: Period | None = None


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where the book lies, its key, and for how long marks are kept outside its chain."""

    directory: Path
    key: SecretReference
    marks_kept: Period


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the daemon sweeps: the five fields of a crontab, days of the week by name, in `zone`.

    A sweep begins up to `jitter` seconds later, by chance; at most `parallel` mailboxes of one server
    are swept at a time.
    """

    at: str
    zone: ZoneInfo
    jitter: int
    parallel: int


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Whom to tell by mail, through which relay. `timeout` is in seconds; `call` is whom the second
    recipients are asked to call. `channels` are where the same goes besides the mail: each the place of
    an address that apprise understands, for a token may be in it."""

    host: str
    port: int
    tls: Tls
    ca_file: Path | None
    user: str | None
    secret: SecretReference | None
    sender: str
    to: tuple[str, ...]
    second: tuple[str, ...]
    call: str
    timeout: int
    channels: tuple[SecretReference, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """Which address hears that a round was in order. `timeout` is in seconds."""

    url: str
    ca_file: Path | None
    timeout: int


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where metrics are written, and where they are answered: a loopback address with a port, or a path."""

    textfile: Path | None
    listen: str | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the administrator declares: another place keeps copies, and for so long. Out of reach, so it
    is told in every report."""

    what: str
    kept: Period


#: Where systemd puts the service's folder, and the service its socket.
PLACE: Final = Path("/run/retentiond/control.sock")


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Where the running daemon can be asked, by root, its own user and the members of `group`.

    `served_at` is where this process would listen (None: nowhere), `asked_at` where a command looks for
    the daemon. They differ where systemd names the folder for the service alone.
    """

    served_at: Path | None
    asked_at: Path
    group: str


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`level` is debug, info, warning or error; `format` is auto, json or console."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "json", "console"]


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in force. `path` is the file that it was read from."""

    path: Path
    policy: Policy
    ledger: LedgerSettings
    limits: Limits
    control: ControlSettings
    log: LogSettings
    accounts: Mapping[str, Account]
    helplines: tuple[HelplineSettings, ...]
    advisors: tuple[AdvisorSettings, ...]
    schedule: Schedule
    elsewhere: tuple[Elsewhere, ...] = ()
    letters: tuple[LettersSettings, ...] = ()
    alert: AlertSettings | None = None
    heartbeat: HeartbeatSettings | None = None
    metrics: MetricsSettings | None = None

    def targets(self) -> Iterator[TargetSettings]:
        """Every helpline, then every advisor, then the letters, in the order of the file."""
        yield from self.helplines
        yield from self.advisors
        yield from self.letters

    def target(self, name: str) -> TargetSettings:
        """The target of this name. Raises UnknownTarget."""
        for target in self.targets():
            if target.name == name:
                return target
        raise UnknownTarget(name, tuple(target.name for target in self.targets()))

    def account_of(self, target: HelplineSettings | AdvisorSettings) -> Account:
        """The account through which `target` is reached."""
        return self.accounts[target.account]
