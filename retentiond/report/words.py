"""What verdicts, results and findings are called in plain words: what, where, the bound, the way on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from retentiond.core.deeds import Result
from retentiond.core.findings import Cause, Finding
from retentiond.core.model import Beside, Notice, Reason
from retentiond.core.period import Period
from retentiond.report.holds import hold_sentence
from retentiond.report.letters import notice_sentence

REASONS: dict[Reason, str] = {
    Reason.NOT_DUE: "not due yet",
    Reason.CONVERSATION: "past its period, kept with its conversation",
    Reason.CONVERSATION_UNKNOWN: "past its period; a mailbox that may hold its conversation was not seen",
    Reason.DUE: "past its period",
    Reason.DUE_SINCE_SEEN: "no believable date; past its period since it was first seen",
    Reason.ASTRAY: "a helpline's reply in a personal folder",
    Reason.ASTRAY_HELD: "a helpline's reply in a personal folder, held: it stays held at home",
    Reason.ASTRAY_OVERDUE: "a helpline's reply in a personal folder, and past its period",
    Reason.NOT_OURS: "not a helpline's",
    Reason.HELD: "kept by a hold",
    Reason.SIGN_VANISHED: "the sign of its hold is gone; kept for two weeks all the same",
    Reason.CONVERSATION_HELD: "kept by a hold on its conversation",
    Reason.UNDATED: "no believable date of receipt",
    Reason.REPLACED: "a newer file under the name of a letter past its period: an edit, or a new one",
    Reason.TWO_HELPLINES: "bears the signs of two helplines",
    Reason.HOME_UNREACHABLE: "its helpline's mailbox could not be looked at",
    Reason.ON_DEMAND: "received before the day that was agreed to",
    Reason.ERASURE: "from or to the addresses to be erased",
    Reason.THIRD_PARTY: "somebody else outside is party to it",
    Reason.NOT_THEIRS: "neither from nor to the addresses to be erased",
    Reason.RECEIPT: "unread, and its sender asked for a receipt: its destruction might send one"
    " (docs/admin/microsoft-365.md)",
}

DEEDS: dict[str, str] = {
    "keep": "keep",
    "refile": "bring home",
    "destroy": "destroy",
    "hold": "held",
    "review": "review",
}

RESULTS: dict[Result, str] = {
    Result.DONE: "destroyed",
    Result.REMOVED: "removed",
    Result.RETAINED: "removed, the server keeps a copy",
    Result.GONE_ALREADY: "gone already, not by us",
    Result.CHANGED: "changed meanwhile, left alone",
    Result.HELD: "held meanwhile, left alone",
    Result.FAILED: "failed, left alone",
}

#: What became of a stray that left for home: it was carried there first.
HOMEWARD: dict[Result, str] = RESULTS | {
    Result.DONE: "brought home",
    Result.REMOVED: "brought home",
    Result.RETAINED: "brought home, the server keeps a copy here",
}

#: Who has a mailbox's lock, or the service's turn: by what it does there.
HOLDERS: dict[str, str] = {
    "round": "a round of the service",
    "sweep": "a sweep",
    "purge": "a purge",
    "arm": "an arming",
    "audit": "an audit",
    "hold": "a hold that is being set",
}

#: Why a mailbox could not be looked at, or a deed was refused (errors.Why), and the way on; and what `check`
#: says of a server.
WHYS: dict[str, str] = {
    "network": "the server cannot be reached; check host, port and firewall",
    "timeout": "the server did not answer in time; it is looked at again in the next sweep",
    "certificate": "its certificate is not trusted; name its authority as ca_file of the account",
    "tls": "it offers no TLS as configured; check the account's tls and port",
    "password": "the password was refused; one attempt was made; check the account's secret",
    "no-secret": "the account's secret could not be read; check that it is where the configuration says",
    "busy": "the server is busy; it is looked at again in the next sweep",
    "locked": "another sweep holds this mailbox; try again, or with --wait SECONDS",
    "protocol": "its answer was not understood, and nothing was done; run `retentiond check`",
    "no-mailbox": "there is no such mailbox for this login",
    "no-folder": "a configured folder is missing, and a missing folder is not an empty one",
    "no-uidplus": "the server cannot expunge single messages (UIDPLUS, RFC 4315); nothing is destroyed there",
    "no-hard-delete": "this cloud knows no order by which Graph destroys mail, so nothing is destroyed there;"
    " do not arm, and let Exchange's own retention do it (docs/admin/microsoft-365.md, Other clouds)",
    "no-right": "the login may not delete there; grant it that (IMAP: the rights t and e, RFC 4314; Exchange:"
    " docs/admin/exchange.md; Microsoft 365: docs/admin/microsoft-365.md; letters: docs/admin/letters.md)",
    "read-only": "the folder is read-only for this login",
    "over-quota": "the helpline's mailbox is over its quota; the replies stay where they are",
    "too-big": "the server takes no message that large; the reply stays where it is",
    "is-exchange": "this is an Exchange server; IMAP is not the way to it (account kind exchange or graph)",
    "no-access": "the login may not open this mailbox or folder; see the rights in docs/admin/exchange.md,"
    " or docs/admin/microsoft-365.md",
    "ews-blocked": "the server lets nobody in by EWS, as Exchange Online does; its way is Microsoft Graph"
    " (account kind graph; docs/admin/microsoft-365.md)",
    "unavailable": "the server cannot open this mailbox now; it is looked at again in the next sweep",
    "server-keeps": "the server keeps what was removed for a while (single item recovery), then destroys it",
    "server-hold": "a hold of the server itself keeps it; retentiond cannot destroy it: a person must decide",
    "bins-unseen": "Recoverable Items cannot be looked into: what is destroyed is said to be removed only",
    "too-many-rights": "this login opens all of an advisor's mailbox; rights on Sent Items and Deleted Items"
    " are enough (docs/admin/exchange.md)",
    "sent-as-copies": "let Exchange copy replies itself: Set-Mailbox … -MessageCopyForSentAsEnabled $true"
    " -MessageCopyForSendOnBehalfEnabled $true",
    "recovery-undeclared": "whether single item recovery or a hold keeps what is removed cannot be asked over"
    " EWS: Get-Mailbox … | Format-List SingleItemRecoveryEnabled,RetainDeletedItemsFor,LitigationHoldEnabled",
    "items-unseen": "mailbox items cannot be asked for (another cloud, or a permission is missing): replies"
    " cannot be carried, and what is no message cannot be seen",
    "recovery-assumed": "whether single item recovery is on cannot be asked by Graph; of what is kept, 14"
    " days are assumed: Get-Mailbox … | Format-List SingleItemRecoveryEnabled,RetainDeletedItemsFor",
    "virtual-folder": "it shows other folders' mail again; put it into leave_out, or into named_folders",
    "left-out": "mail there was promised to go after its period, so leave_out may not name this folder",
    "role-unknown": "no folder has this role; name it in the account's roles",
    "not-kept": "that server did not keep it whole (its date, its flags or its content), so the copy was"
    " taken out again and the reply stays where it is",
    "new-version": "the folder was made anew since it was looked at; it is looked at again next time",
    "no-directory": "there is no such directory; a missing directory is not an empty one",
    "not-mounted": "what should be mounted there is not, and an empty place is not an empty folder; mount it",
    "hard-link": "it has a second name (a hard link), and would remain under that; remove the other name",
    "open-file": "a program has it open; it is looked at again in the next sweep",
    "immutable": "it is immutable or append-only; chattr -i -a lets it go",
    "no-deed": "a folder of letters has no such deed",
    "no-keywords": "the server does not keep the keyword of a hold; use a hold folder (hold_folder)",
    "hold-folder": "what lies in the hold folder is held by that, and released by moving it out of there",
    "no-parcel": "no way leads from that kind of server to this one yet, so the reply stays where it is",
    "same-mailbox": "this seems to be the helpline's own mailbox under another name, so nothing was removed"
    " from it; take the advisor out of the configuration, or name the advisor's own mailbox",
    "disk": "the disk did not do what was asked of it; look at the system's journal, and run the sweep again",
    "copy-not-seen": "the copy could not be seen at home, so the reply stays where it is",
}


def finding_sentence(finding: Finding, *, is_today: bool = True) -> str:
    """One sentence for a finding, without its target's alias at the front. What would be found on another
    day has no number that anybody should agree to."""
    where = f" in {finding.folder}" if finding.folder else ""
    count = items(finding.count)
    match finding.cause:
        case Cause.UNARMED:
            due, astray, *since = finding.numbers
            days = f" for {since[0]} days now" if since and since[0] else ""
            what = " and ".join(
                each
                for each in (f"{items(due)} due" if due else "", f"{astray} astray" if astray else "")
                if each
            )
            way_on = f": retentiond arm {finding.target} --destroy {finding.count}" if is_today else ""
            return f"{what}, but it is not armed{days}{way_on}"
        case Cause.UNFORESEEN:
            planned, foreseen, limit = finding.numbers
            return (
                f"stopped: {items(planned)} due where {foreseen} were foreseen (at most {limit} more are let"
                f" through); if that is right: retentiond arm {finding.target} --destroy {planned}"
            )
        case Cause.TOO_MANY_STRAYS:
            planned, shown, limit = finding.numbers
            return (
                f"stopped: {planned} replies astray where arming showed {shown} (at most {limit} more are"
                f" moved); if that is right: retentiond arm {finding.target} --destroy {planned}"
            )
        case Cause.HOME_UNARMED:
            return f"{count} astray wait: their helpline {finding.detail} is not armed"
        case Cause.HOME_UNREACHABLE:
            return f"{count} astray{where} wait: their helpline's mailbox could not be looked at"
        case Cause.CONVERSATION_UNKNOWN:
            return f"{count} due{where} wait: a mailbox that may hold their conversations was not seen"
        case Cause.UNREACHABLE:
            host = f" ({finding.folder})" if finding.folder else ""  # or a folder
            return f"could not be looked at{host}: {WHYS.get(finding.detail, finding.detail)}"
        case Cause.HINDERED:
            why = WHYS.get(finding.detail, finding.detail)
            return f"{count} due{where}, not touched: {why}{_until(finding)}"
        case Cause.REVIEW:
            overdue = ", overdue" if finding.numbers else ""
            return f"{count}{where} to be looked at by a person{overdue}: {REASONS[Reason(finding.detail)]}"
        case Cause.CHANGED:
            return f"{count}{where} changed since the look and left alone; judged anew in the next sweep"
        case Cause.FAILED:
            return f"{count}{where} not destroyed: {WHYS.get(finding.detail, finding.detail)}"
        case Cause.STILL_THERE:
            return f"{count} due{where} still there after the sweep; run it again, and `retentiond check`"
        case Cause.NOTICE:
            return notice_sentence(Notice(finding.detail), finding.count, where)
        case Cause.HOLD_OVERDUE | Cause.HOLD_UNSTATED | Cause.HOLD_VANISHED:
            return hold_sentence(finding)
        case Cause.ERASURE_UNFINISHED:
            return (
                f"the erasure {finding.detail} was begun and is not finished; with the same addresses:"
                f" retentiond purge --erase --receipt {finding.detail}"
            )
        case Cause.KEPT_BY_SERVER:
            kept = "a hold of the server keeps it" if finding.detail else "the server keeps a copy"
            see = "see docs/admin/imap.md and docs/admin/exchange.md"
            return f"{count} removed, and {kept}{_until(finding)}: not yet destroyed; {see}"


#: How a reply goes home, by the kinds of the two servers; from IMAP to IMAP it is carried byte for byte.
_WAYS: dict[tuple[str, str], str] = {
    ("imap", "imap"): "byte for byte (copied by the server where one login reaches both mailboxes)",
    ("exchange", "exchange"): "whole: copied by the server, else exported and uploaded, else as MIME",
    ("graph", "graph"): "whole: exported and imported",
    ("exchange", "graph"): "exported and imported where the cloud takes it, else written anew",
    ("graph", "exchange"): "exported and uploaded where the server takes it, else as MIME with its dates",
    ("imap", "exchange"): "as MIME with its dates; keywords become categories",
    ("imap", "graph"): "written anew, with its dates; keywords become categories",
}
_ANEW = "; what is signed, encrypted, over 2.8 MB or holds another message cannot be, and stays where it is"
_TO_IMAP = "as the MIME that its server gives; categories become keywords"


def way_home(source: str, home: str) -> str:
    """By which way replies go from an advisor's kind of server to a helpline's."""
    way = _WAYS.get((source, home), _TO_IMAP)
    return way + (_ANEW if way.endswith("anew") or "anew," in way else "")


def elsewhere_sentence(what: str, kept: Period) -> str:
    """What the administrator declared of a place that keeps copies too."""
    return f"Also kept elsewhere, outside our reach: {what}, for {kept}."


def left_out_sentence(target: str, count: int) -> str:
    """How many folders the administrator keeps from being swept. Their names stay where they are."""
    folders = "1 folder" if count == 1 else f"{count} folders"
    return f"Left out by the configuration, and not swept: {folders} of {target}."


def beside_sentence(target: str, counts: Sequence[tuple[Beside, int]]) -> str:
    """What lies in a mailbox that is not mail and older than the mail's period; nothing of it is touched."""
    (first, number), *more = counts
    told = [f"{number:,} old {'item' if number == 1 else 'items'} in {first}"]
    told += [f"{count:,} in {what}" for what, count in more]
    return f"Beside the mail of {target}, outside the promise: {', '.join(told)}."


def _until(finding: Finding) -> str:
    """Until when, where a finding says so."""
    return f", until {date.fromordinal(finding.numbers[0]):%Y-%m-%d}" if finding.numbers else ""


def items(count: int) -> str:
    """`1 item`, `2 items`."""
    return f"{count:,} item" if count == 1 else f"{count:,} items"
