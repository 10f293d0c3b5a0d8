"""The shape of the TOML file, and nothing else: what one table may hold. The JSON Schema comes from here.

A value stays as it was written; `build.py` turns it into the house's own. What concerns two tables at
once is in `agreement.py`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from retentiond.config import addresses, letters, times, words
from retentiond.config.account_tables import AccountTable
from retentiond.config.shapes import (
    ALIAS,
    Absolute,
    Address,
    Alias,
    Folder,
    Keeping,
    Keyword,
    MailboxName,
    PeriodText,
    RolesTable,
    Seconds,
    SecretTable,
    Table,
    Text,
    accepted,
)


class PolicyTable(Table):
    """What was promised."""

    period: PeriodText = Field(
        default="6 months",
        description="For how long mail is kept: days, weeks, months or years; 1 month to 10 years.",
    )
    zone: Annotated[str, AfterValidator(accepted(words.zone))] = Field(
        default="Europe/London",
        validate_default=True,
        description="The time zone in which days begin and end (IANA).",
    )
    clock: Literal["message", "conversation"] = Field(
        default="message",
        description="Mail falls due by its own date, or with the latest of its conversation.",
    )
    longest: PeriodText = Field(
        default="12 months",
        description='With clock = "conversation": no mail is kept longer than this after its own receipt.',
    )
    approvers: int = Field(
        default=2,
        ge=1,
        le=2,
        description="1 lets one person arm a period under 6 months for mail, or under 2 for letters.",
    )
    manager: Address | None = Field(
        default=None,
        description="The Helplines' Manager's address: an erasure is confirmed by a code mailed there.",
    )
    by_thread: bool = Field(
        default=False, description="Recognise replies by their conversation too, not by their sender alone."
    )


class LedgerTable(Table):
    """The book of what was destroyed."""

    directory: Absolute | None = Field(
        default=None, description="Where it lies; else $STATE_DIRECTORY, else /var/lib/retentiond."
    )
    key: SecretTable | None = Field(
        default=None, description="Its key; else the file ledger.key in that directory."
    )
    marks_kept: PeriodText = Field(
        default="6 months", description="For how long marks are kept outside the chain."
    )


class LimitsTable(Table):
    """How much may surprise before a target stops."""

    unforeseen: int = Field(default=25, ge=0, le=10_000, description="Items due beyond the forecast.")
    strays: int = Field(
        default=100, ge=0, le=100_000, description="Replies of one advisor in one sweep beyond arming."
    )
    forecast_days: int = Field(
        default=35, ge=1, le=366, description="How many days the forecast looks ahead."
    )
    parallel: int = Field(
        default=4, ge=1, le=32, description="Mailboxes of one server that the daemon sweeps side by side."
    )


class ScheduleTable(Table):
    """When the daemon sweeps."""

    at: Annotated[str, AfterValidator(accepted(times.schedule))] = Field(
        default="daily at 03:15",
        validate_default=True,
        description='"daily at 03:15", "every 6 hours", or a cron expression.',
    )
    zone: Annotated[str, AfterValidator(accepted(words.zone))] | None = Field(
        default=None, description="The time zone of `at` (IANA); the policy's by default."
    )
    jitter: Seconds = Field(
        default=300, description="A sweep begins up to so much later, by chance: not all at once."
    )


class ControlTable(Table):
    """The socket at which people ask the running daemon."""

    socket: Annotated[str, AfterValidator(accepted(words.socket))] | None = Field(
        default=None, description="Where it lies; control.sock in $RUNTIME_DIRECTORY by default."
    )
    group: Annotated[str, AfterValidator(accepted(words.group))] = Field(
        default="retentiond-admin", description="The Unix group whose members may ask, beside root."
    )


class LogTable(Table):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="From this level on."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: for people on a terminal, JSON elsewhere."
    )


class AlertTable(Table):
    """Whom to tell by mail, through which relay."""

    host: Annotated[str, AfterValidator(accepted(addresses.host))] = Field(description="The relay's name.")
    port: int | None = Field(default=None, ge=1, le=65535, description="465, or 587 with STARTTLS.")
    tls: Literal["implicit", "starttls"] = Field(
        default="starttls", description="How the connection is protected."
    )
    ca_file: Annotated[str, AfterValidator(accepted(words.existing))] | None = Field(
        default=None, description="The certificate of a private authority (PEM)."
    )
    user: Text | None = Field(default=None, description="The login's name, where the relay asks for one.")
    secret: SecretTable | None = Field(default=None, description="Where its password is kept.")
    sender: Address = Field(description="From whom the mail comes; an address that tells a stranger nothing.")
    to: list[Address] = Field(min_length=1, description="Who is told.")
    second: list[Address] = Field(
        default=[], description="Who is told what nobody mended for three days, in plain words."
    )
    call: Text = Field(
        default="the IT department", description="Whom the second recipients are asked to call."
    )
    channels: list[SecretTable] = Field(
        default=[],
        description="Where the same goes besides: each the place of an Apprise address (extra apprise).",
    )
    timeout: Seconds = Field(default=60, description="For how long one answer is waited for.")


class HeartbeatTable(Table):
    """A sign of life after each round that was in order, for a service that misses it."""

    url: Annotated[str, AfterValidator(accepted(addresses.heartbeat))] = Field(
        description="The address to ask for; https only."
    )
    ca_file: Annotated[str, AfterValidator(accepted(words.existing))] | None = Field(
        default=None, description="The certificate of a private authority (PEM)."
    )
    timeout: Seconds = Field(default=10, description="For how long the answer is waited for.")


class MetricsTable(Table):
    """Numbers for Prometheus, without a name or a day of anybody."""

    textfile: Annotated[str, AfterValidator(accepted(words.textfile))] | None = Field(
        default=None, description="A file for the node exporter; ends in .prom. The default without `listen`."
    )
    listen: Annotated[str, AfterValidator(accepted(addresses.listen))] | None = Field(
        default=None, description='Where it is answered: "127.0.0.1:9753", or the path of a socket.'
    )


class HelplineTable(Table):
    """A helpline's shared mailbox: what is due in it is destroyed."""

    name: Alias = Field(description="What it is called in logs and reports.")
    account: str = Field(description="The account through which it is reached.")
    mailbox: MailboxName = Field(description="What the mailbox is called there.")
    identities: list[Address] = Field(
        min_length=1, description="Every address from which the helpline answers, without display names."
    )
    period: PeriodText | None = Field(default=None, description="Another period than the policy's.")
    leave_out: list[Folder] = Field(default=[], description="Folders that are not touched.")
    named_folders: list[Folder] = Field(
        default=[], description="Virtual folders that are swept all the same."
    )
    hold_keyword: Keyword = Field(default="$RetentionHold", description="An item that bears it is held.")
    hold_folder: Folder | None = Field(default=None, description="What lies in this folder is held.")
    roles: RolesTable = Field(default_factory=RolesTable, description="Before those of the account.")


class AdvisorTable(Table):
    """An advisor's personal mailbox: replies of a helpline are brought home from it."""

    name: Alias = Field(description="What it is called in logs and reports; not a person's name.")
    account: str = Field(description="The account through which it is reached.")
    mailbox: MailboxName = Field(description="What the mailbox is called there.")
    folders: list[Folder] = Field(
        default=["sent", "trash"], min_length=1, description="Roles or folder names."
    )
    hold_keyword: Keyword = Field(default="$RetentionHold", description="An item that bears it is held.")
    told: date | None = Field(default=None, description="The day since which the advisors have been told.")
    roles: RolesTable = Field(default_factory=RolesTable, description="Before those of the account.")


class ElsewhereTable(Table):
    """Another place that keeps copies, out of retentiond's reach: every report tells of it."""

    what: Text = Field(max_length=80, description="What keeps copies, without a person's name.")
    kept: Keeping = Field(description="For how long it keeps them.")


class LettersTable(Table):
    """A folder of letters: what was saved there long enough ago is destroyed, bins included."""

    name: Alias = Field(description="What it is called in logs and reports.")
    directory: Annotated[str, AfterValidator(accepted(letters.directory))] = Field(
        description="The folder, from / on. What lies below it belongs to it."
    )
    period: PeriodText = Field(
        default="2 months", description="For how long letters are kept after they were first saved."
    )
    manager: Annotated[str, AfterValidator(accepted(letters.user))] = Field(
        description="The Unix user who may read there: the Helplines' Manager."
    )
    deputy: Annotated[str, AfterValidator(accepted(letters.user))] | None = Field(
        default=None, description="The one user who may read there in the manager's place."
    )
    backup: list[Annotated[str, AfterValidator(accepted(letters.user))]] = Field(
        default=[], description="Users as whom backups are made."
    )
    bins: list[Annotated[str, AfterValidator(accepted(letters.bin_name))]] = Field(
        default=list(letters.BINS), description="What bins are called, or paths of bins."
    )
    hold_folder: Annotated[str, AfterValidator(accepted(letters.subfolder))] | None = Field(
        default=None, description="What lies in this folder of the directory is held."
    )
    overwrite: bool = Field(default=True, description="Overwrite a letter before it is unlinked.")
    mount: Annotated[str, AfterValidator(accepted(letters.directory))] | None = Field(
        default=None, description="Where a file system must be mounted; if it is not, nothing is looked at."
    )


class ConfigTable(Table):
    """The configuration of retentiond."""

    policy: PolicyTable = Field(default_factory=PolicyTable, description="What was promised.")
    ledger: LedgerTable = Field(default_factory=LedgerTable, description="The book of what was destroyed.")
    limits: LimitsTable = Field(default_factory=LimitsTable, description="How much may surprise.")
    schedule: ScheduleTable = Field(default_factory=ScheduleTable, description="When the daemon sweeps.")
    control: ControlTable = Field(default_factory=ControlTable, description="Who may ask the daemon.")
    log: LogTable = Field(default_factory=LogTable, description="What is logged, and how.")
    alert: AlertTable | None = Field(default=None, description="Whom to tell by mail, through which relay.")
    heartbeat: HeartbeatTable | None = Field(default=None, description="A sign of life after each round.")
    metrics: MetricsTable | None = Field(default=None, description="Numbers for Prometheus.")
    account: dict[Alias, AccountTable] = Field(
        default_factory=dict,
        description="Servers, by name.",
        json_schema_extra={"propertyNames": {"pattern": ALIAS}},
    )
    helpline: list[HelplineTable] = Field(default_factory=list, description="Shared mailboxes.")
    advisor: list[AdvisorTable] = Field(default_factory=list, description="Personal mailboxes.")
    letters: list[LettersTable] = Field(default_factory=list, description="Folders of letters.")
    elsewhere: list[ElsewhereTable] = Field(
        default_factory=list, description="What else keeps copies, such as backups (you declare it)."
    )
