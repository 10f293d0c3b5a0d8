"""Every error as sentences: what, where, the bound, the way on. Never a person, never a subject."""

from __future__ import annotations

from retentiond.core.approval import Wish
from retentiond.core.chain import Break
from retentiond.errors import (
    AdminNeeded,
    AlreadyRunning,
    ApprovalNeeded,
    ApprovalRefused,
    ArmingRefused,
    ClockDoubted,
    CodeRefused,
    ConfigurationRefused,
    ControlRefused,
    CredentialsMissing,
    Fault,
    InstallFailed,
    LedgerDamaged,
    LedgerMissing,
    LedgerOutdated,
    MailboxError,
    NotArmed,
    NothingFound,
    Paused,
    PermissionsTooOpen,
    PlanRefused,
    PurgeRefused,
    RetentionError,
    SecondPersonNeeded,
    SecretMissing,
    StrayLost,
    UnknownHold,
    UnknownTarget,
)
from retentiond.report.words import WHYS, items

#: What is no damage to the book, and has its own way on.
_LEDGERS: dict[str, str] = {
    Break.EXISTS: "there is a ledger or a key already; nothing was overwritten",
    Break.KEY: "the key is not this ledger's; nothing was done; check the key's place under [ledger]",
    Break.BUSY: "another program holds the ledger; nothing was done; run the same command again",
    Break.FULL: "the ledger's disk is full; nothing is destroyed that cannot be entered; make room first",
    Break.UNWRITABLE: (
        "the ledger cannot be read or written; run as root or as the service's user, and see whether its disk"
        " is read-only"
    ),
}

#: The way on to a secret that is where it should be.
SECRETS = {
    "closed": "run as root or as the service's user; if you did, give that user the file (chown)",
    "as-service": "type it as: sudo retentiond as-service COMMAND",
}

_PLANS = {
    "altered": "the plan was altered since it was saved, or another ledger saved it",
    "old": "the plan is older than a day",
    "rules": "the rules have changed since the plan was saved",
}

#: What the running service answers to whom it does not serve.
_CONTROL = {
    "stranger": (
        "the service runs, and you may not ask it for anything; ask to be taken into its group"
        " (retentiond-admin, if not named otherwise under [control]), then log in anew"
    ),
    "silent": (
        "no service answers, and what it wrote is for its own user and root; see: systemctl status"
        " retentiond, and type: sudo retentiond status"
    ),
    "crowd": "too many people ask the service at once; nothing was done; run the same command again",
    "stopping": "the service is just stopping; nothing was done; run the same command again",
    "looks-only": "the service only looks (--audit-only), so nothing was done; stop it first",
    "verb": "the running service does not know this command; restart it: systemctl restart retentiond",
    "away": (
        "the service went away before it was done; what was begun is settled at its next start; then run the"
        " same command again"
    ),
}

#: Why a second person's word does not count.
_APPROVALS = {
    "unknown": "nothing waits under this code; a request lasts a day and is used once; run its command again",
    "same": "whoever asked cannot agree to it as well; another person must, as another Unix user",
    "nobody": (
        "two persons are needed, and root or the service is nobody in particular; use your own user, or sudo"
        " from it"
    ),
    "used": "somebody has agreed to this already; whoever asked may run the same command again",
    "no-service": (
        "this needs two persons, and only the running service sees who they are; start it: systemctl start"
        " retentiond"
    ),
}

_CODES = {
    "wrong": "three times a wrong code, and it is void now",
    "late": "the code came too late, and is void now",
    "unsent": "the code could not be mailed to the Helplines' Manager; see the log, and [alert]",
}


def sentences(error: RetentionError) -> list[str]:
    """One sentence for each thing that is wrong."""
    match error:
        case ConfigurationRefused() | PermissionsTooOpen():
            return [_fault(fault) for fault in error.faults]
        case _:
            return [_sentence(error)]


def _fault(fault: Fault) -> str:
    line = f":{fault.line}" if fault.line else ""
    key = f": {fault.key}" if fault.key else ""
    way_on = f"; {fault.way_on}" if fault.way_on else ""
    return f"{fault.file}{line}{key}: {fault.what}{way_on}"


def _sentence(error: RetentionError) -> str:
    match error:
        case AdminNeeded():
            return f"only root may do this; nothing was done; type: sudo retentiond {error.command} …"
        case CredentialsMissing():
            return (
                f"credentials that this machine does not have: {', '.join(error.names)}; nothing was done; to"
                " be asked for them: sudo retentiond install --systemd"
            )
        case SecretMissing() if error.way:
            return f"{error.account}: its secret is in {error.place}; nothing was done; {SECRETS[error.way]}"
        case SecretMissing():
            return (
                f"{error.account}: its secret cannot be read from {error.place}; nothing was done; put it"
                " there, or name its place in the configuration"
            )
        case UnknownTarget():
            return (
                f"there is no target {error.name!r}; the configuration knows {', '.join(error.known)}; after"
                " a change of it a service that runs must be restarted: systemctl restart retentiond"
            )
        case MailboxError():
            where = f" ({error.detail})" if error.detail else ""
            return f"{error.target}{where}: {WHYS.get(error.why.value, error.why.value)}"
        case UnknownHold():
            return f"there is no hold {error.id!r}; see which there are: retentiond hold list"
        case NothingFound():
            return (
                f"{error.target}: nothing there is what was asked for, and nothing is held; the sign can also"
                " be set in a mail program (docs/admin/holds.md)"
            )
        case LedgerOutdated():
            return (
                f"the ledger is of version {error.version}, and this retentiond works with {error.current};"
                " nothing was done; back it up, then: retentiond ledger upgrade"
            )
        case LedgerMissing() if error.way:
            way_on = SECRETS[error.way]
            return f"the ledger in {error.path} has its key at {error.key}; nothing was done; {way_on}"
        case LedgerMissing() if error.key:
            return (
                f"the ledger in {error.path} has no key at {error.key}; nothing was done; put back the copy"
                " that was kept apart"
            )
        case LedgerMissing():
            return f"there is no ledger in {error.path}; make it and its key: retentiond ledger init"
        case LedgerDamaged() if error.what in _LEDGERS:
            return _LEDGERS[error.what]
        case LedgerDamaged():
            entry = f", entry {error.entry}" if error.entry is not None else ""
            return (
                f"the ledger does not verify: chain {error.chain or '?'}{entry}: {error.what}; nothing is"
                " destroyed until it does; see docs/admin/imap.md, What to do when"
            )
        case StrayLost():
            return (
                f"{error.target}: {items(error.count)} on the way home stand in neither mailbox; everything"
                f" stops until somebody has looked, and says: retentiond ledger accept-loss {error.target}"
                f" --count {error.count}"
            )
        case ClockDoubted():
            return _clock(error)
        case ArmingRefused():
            return (
                f"{error.target}: {items(error.found)} would leave its folders, more than the {error.given}"
                f" agreed to; if that is right: retentiond arm {error.target} --destroy {error.found}"
            )
        case ControlRefused():
            fallback = "the service did not understand this command; nothing was done; restart the service"
            return _CONTROL.get(error.why, fallback)
        case SecondPersonNeeded():
            return (
                f"one person may not do this alone; within a day another agrees: retentiond approve"
                f" {error.code} --destroy {error.number}; then run the same command again"
            )
        case ApprovalRefused(what="number"):
            return f"{items(error.number)} were asked for; agree to that number, or do not agree at all"
        case ApprovalRefused():
            return _APPROVALS[error.what]
        case Paused():
            return (
                f"paused until the end of {error.until} ({error.reason}); nothing is destroyed meanwhile; to"
                " go on before that: retentiond resume"
            )
        case AlreadyRunning():
            return "the daemon runs already on this ledger; see what it does: retentiond status"
        case InstallFailed():
            return _installing(error)
        case PurgeRefused():
            return (
                f"{items(error.found)} would be destroyed, more than the {error.given} agreed to; nothing was"
                f" done; if that is right: the same command with --destroy {error.found}"
            )
        case NotArmed():
            return (
                f"{error.target}: {items(error.count)} would be destroyed there, but it is not armed; nothing"
                f" was done anywhere; look at it first (retentiond audit --only {error.target}), then arm it:"
                f" retentiond arm {error.target} --destroy N"
            )
        case ApprovalNeeded():
            return _approval(error)
        case CodeRefused():
            return f"{_CODES[error.why]}; nothing was done; run the same command again for another code"
        case PlanRefused():
            return f"{_PLANS[error.what]}; nothing was done; make a new one: retentiond audit --save FILE"
        case _:
            return type(error).__name__


def _installing(error: InstallFailed) -> str:
    again = "then the same command again goes on from there"
    if error.what == "missing":
        return f"{error.place} is not on this machine; it needs systemd 250 or newer; {again}"
    words = "; its own words stand above" if error.what.startswith("ended") else ""
    return f"{error.place}: {error.what}{words}; nothing after it was done; see to it, {again}"


def _approval(error: ApprovalNeeded) -> str:
    plan = f"{items(error.number)}, plan {error.digest[:12]}"
    if error.wish == Wish.ERASURE:
        return (
            f"an erasure ({plan}) needs the Helplines' Manager's code, and {error.lacking} is not configured;"
            " nothing was done; configure it, or [policy] approvers = 1, and the ledger records who did it"
        )
    return (
        f"{error.target}: some of it ({plan}) is younger than its period, and one person alone may not"
        " destroy that; nothing was done; choose an earlier day, or let two persons ask the running service"
        " (retentiond approve), or [policy] approvers = 1, and the ledger records who did it"
    )


def _clock(error: ClockDoubted) -> str:
    match error.against:
        case "ledger":
            what = "the ledger has an entry that is later than this machine's clock"
        case "mail":
            days = (error.seconds or 0) // 86400
            what = f"by this machine's clock the newest mail that was seen anywhere is {days} days old"
        case "kernel":
            what = "no server tells the time, and this machine's clock is kept right by nobody (NTP)"
        case target:
            what = f"this machine's clock and the server of {target} differ by more than 5 minutes"
    return f"{what}; nothing was touched; set the clock right (timedatectl) and run the same command again"
