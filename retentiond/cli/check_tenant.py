"""`retentiond check --tenant-probe NAME`: what a test mailbox in Microsoft 365 does, in sentences."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from retentiond.cli.screen import progress
from retentiond.cli.session import Session, say
from retentiond.core.model import Kind
from retentiond.errors import Exit, MailboxError, gravest
from retentiond.report.words import WHYS
from retentiond.targets import Target

if TYPE_CHECKING:
    from retentiond.mailbox.graph_tenant import Sight

_PAGE = "docs/admin/microsoft-365.md"

QUESTIONS = {
    "json-sent": "does a message that is made in JSON count as sent, with its dates?",
    "archive": "is an archive mailbox told of?",
    "item-ids": "do immutable ids hold for mailbox items?",
    "item-dates": "is SystemTime 0x0E06 told of mailbox items?",
    "import-url": "where does an import URL lead, and for how long?",
    "parcel": "is an exported item imported whole?",
    "hard-delete": "what does hardDelete do?",
    "gone": "what does the deletion of an item that is gone answer?",
    "kept": "what does the deletion of an item that the server keeps answer?",
    "permanent-delete": "what does permanentDelete do?",
    "receipt": "does the destruction of unread mail send a receipt?",
    "left": "what is left of this probe?",
}

#: What was seen, what that means, and whether somebody must act; `{}` is the number or word beside it.
MEANINGS: dict[tuple[str, str], tuple[str, str, int]] = {
    ("json-sent", "sent"): ("sent, with both dates", "replies from elsewhere come home", Exit.DONE),
    ("json-sent", "draft"): (
        "it is a draft",
        "replies from IMAP or Exchange Server stay where they are, as findings",
        Exit.FINDINGS,
    ),
    ("json-sent", "other-dates"): (
        "sent, but with other dates",
        "replies from IMAP or Exchange Server stay where they are, as findings",
        Exit.FINDINGS,
    ),
    ("json-sent", "refused"): (
        "it was refused",
        f"the application needs Mail.ReadWrite, or this server takes no such message; see {_PAGE}",
        Exit.FINDINGS,
    ),
    ("archive", "none"): ("no archive", "nothing lies beside the mailbox", Exit.DONE),
    ("archive", "told"): (
        "told by {}, and not served",
        "it is found, and the promise is not kept there: empty or disable it",
        Exit.FINDINGS,
    ),
    ("archive", "served"): (
        "told by {}, and served by v1.0",
        "this version does not sweep it all the same: empty or disable it",
        Exit.FINDINGS,
    ),
    ("item-ids", "same"): ("they do", "as assumed", Exit.DONE),
    ("item-ids", "other"): (
        "another id is told",
        "what is no message is looked at with ids that change when it moves; tell the developers",
        Exit.FINDINGS,
    ),
    ("item-ids", "unknown"): (
        "answered {}",
        "items cannot be destroyed by these ids; do not arm, and tell the developers",
        Exit.FINDINGS,
    ),
    ("item-dates", "told"): ("told", "what is no message has its age too", Exit.DONE),
    ("item-dates", "silent"): ("not told", "what is no message has no date, and is a Review", Exit.FINDINGS),
    ("item-dates", "refused"): ("answered {}", "what is no message cannot be seen", Exit.FINDINGS),
    ("import-url", "another-host"): ("another host, {} minutes", "let it through the firewall", Exit.DONE),
    ("import-url", "same-host"): ("the same host, {} minutes", "nothing else to let through", Exit.DONE),
    ("import-url", "refused"): (
        "answered {}",
        "replies cannot be imported: MailboxItem.ImportExport is needed",
        Exit.FINDINGS,
    ),
    ("parcel", "whole"): ("whole: content, dates, flags", "replies within the tenant come home", Exit.DONE),
    ("parcel", "changed"): ("something was lost", "such replies stay, as findings", Exit.FINDINGS),
    ("parcel", "refused"): ("answered {}", "replies are made anew in JSON where it can", Exit.FINDINGS),
    ("parcel", "not-exported"): ("export answered {}", "replies are made anew in JSON", Exit.FINDINGS),
    ("parcel", "no-way"): (
        "the import URL leads nowhere, or to no host of Microsoft's",
        f"a firewall, or a host that this version does not know; see {_PAGE}",
        Exit.FINDINGS,
    ),
    ("hard-delete", "gone"): ("gone from every bin", "items are destroyed at once", Exit.DONE),
    ("hard-delete", "bin"): (
        "it stands in {}",
        "single item recovery keeps items for its days: declare single_item_recovery, or turn it off",
        Exit.DONE,
    ),
    ("hard-delete", "refused"): (
        "answered {}, and the item stays",
        "a hold, a retention policy or single item recovery keeps all: nothing is destroyed until it ends",
        Exit.FINDINGS,
    ),
    ("hard-delete", "odd"): (
        "answered {}, and the item stays",
        "the order was not taken, and permanentDelete is used",
        Exit.FINDINGS,
    ),
    ("hard-delete", "unavailable"): (
        "this cloud has none, or the application may not",
        "permanentDelete is used; MailboxItem.ReadWrite and User.Read.All are needed for more",
        Exit.FINDINGS,
    ),
    ("gone", "answered"): ("answered {}", "a look decides and not this answer, so either will do", Exit.DONE),
    ("kept", "nothing"): ("nothing is kept", "nothing to see here", Exit.DONE),
    ("kept", "stays"): ("answered {}, and the item stays", "told as removed, kept until a day", Exit.DONE),
    ("kept", "gone"): ("answered {}, and the item is gone", "a second order destroys it", Exit.DONE),
    ("permanent-delete", "gone"): ("gone from every bin", "as good as hardDelete", Exit.DONE),
    ("permanent-delete", "bin"): ("it stands in {}", "a second order takes it from there", Exit.DONE),
    ("permanent-delete", "refused"): (
        "answered {}, and the item stays",
        "where hardDelete is missing nothing can be destroyed",
        Exit.FINDINGS,
    ),
    ("permanent-delete", "odd"): (
        "answered {}, and the item stays",
        "where hardDelete is missing nothing can be destroyed",
        Exit.FINDINGS,
    ),
    ("permanent-delete", "unavailable"): (
        "this cloud has none, or the application may not",
        "nothing can be destroyed here, so nothing was made; do not arm",
        Exit.FINDINGS,
    ),
    ("permanent-delete", "untried"): ("could not be tried", "unknown", Exit.FINDINGS),
    ("receipt", "came"): (
        "a receipt came",
        'unread mail that asked for one stays a Review: leave unread_receipts = "review"',
        Exit.DONE,
    ),
    ("receipt", "came-unheeded"): (
        "a receipt came",
        'unread_receipts = "destroy" tells senders of it: set it to "review" now',
        Exit.FINDINGS,
    ),
    ("receipt", "silent"): (
        "none came within {} seconds",
        'unread_receipts = "destroy" may be set once this was seen several times, with a longer wait',
        Exit.DONE,
    ),
    ("receipt", "untried"): ("could not be tried", 'leave unread_receipts = "review"', Exit.FINDINGS),
    ("left", "nothing"): ("nothing", "the mailbox is as it was", Exit.DONE),
    ("left", "kept"): (
        "{} test messages in Recoverable Items",
        "the server keeps them until their days are over",
        Exit.DONE,
    ),
    ("left", "more"): ("the folder {}, or something in it", "delete it by hand in Outlook", Exit.FINDINGS),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One answer. `code` is the question's; `exit_code` is 0 where nobody has to do anything."""

    code: str
    question: str
    seen: str
    means: str
    answer: str
    detail: str
    exit_code: int


def probe(current: Session, name: str, wait: float, *, is_agreed: bool, as_document: bool) -> int:
    """Asks what is not documented, on one target that somebody named twice."""
    lines: list[Line] = []
    with current.estate_to_look_at() as (estate, _):
        target = estate.target(name)
        if target.server_kind != "graph" or target.kind is not Kind.HELPLINE:
            raise click.UsageError("--tenant-probe: a helpline on an account of kind graph, a test mailbox")
        _agree(name, wait, is_agreed=is_agreed)
        code = _asked(current, target, wait, lines, as_document=as_document)
    if as_document:
        document: dict[str, Any] = {"schema_version": 1, "target": name}
        click.echo(json.dumps({**document, "answers": [asdict(line) for line in lines], "exit_code": code}))
    return code


def _agree(name: str, wait: float, *, is_agreed: bool) -> None:
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("without a terminal: --yes")
    click.echo(
        f"A folder with a few test messages is made in {name} and removed again. Nothing is sent to anybody,"
        f" but a message asks for a receipt to {name} itself; it is waited for {wait:.0f} seconds.",
        err=True,
    )
    if click.prompt("Type the target's name to agree", err=True) != name:
        raise click.UsageError("that is not its name; nothing was done")


def _asked(current: Session, target: Target, wait: float, lines: list[Line], *, as_document: bool) -> int:
    """Tells each answer when it is there, for one of them may take its time."""
    from retentiond.mailbox.graph import GraphMailbox
    from retentiond.mailbox.graph_tenant import sights

    codes: list[int] = []
    try:
        with target.open() as mailbox, progress(current.quiet):
            assert isinstance(mailbox, GraphMailbox)
            for sight in sights(mailbox.session, wait):
                lines.append(line := _line(sight))
                codes.append(line.exit_code)
                if not as_document:
                    _tell(current, line)
    except MailboxError as error:
        codes.append(error.exit_code if error.exit_code != Exit.DONE else Exit.UNREACHED)
        click.echo(f"! {target.name}: {WHYS.get(error.why.value, error.why.value)}", err=True)
        click.echo("! look for a folder retentiond-test-… there, and delete it by hand", err=True)
    return gravest(codes)


def _line(sight: Sight) -> Line:
    seen, means, code = MEANINGS[sight.code, sight.seen]
    seen = seen.format(sight.detail or "an unknown number of")
    return Line(sight.code, QUESTIONS[sight.code], seen, means, sight.seen, sight.detail, code)


def _tell(current: Session, line: Line) -> None:
    told = f"{line.code}: {line.question} {line.seen}; {line.means}"
    if line.exit_code:
        click.echo(f"! {told}", err=True)
    else:
        say(current, f"  {told}")
