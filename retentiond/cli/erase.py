"""`retentiond purge --erase`: one person's mail is destroyed everywhere, and nothing remembers the person.

Addresses are read where no history keeps them: a prompt without an echo, or standard input. They stay in
this process's memory, and are written nowhere.
"""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING

import click

from retentiond.alert import send_code
from retentiond.cli.agreement import agreed_number
from retentiond.cli.screen import progress, show_findings, show_outcomes
from retentiond.cli.session import Session, not_reached_document, now, say, who, witness
from retentiond.core.approval import Request, Wish, code_for, is_code
from retentiond.core.deeds import Result
from retentiond.errors import ApprovalNeeded, CodeRefused
from retentiond.mailbox.headers import is_address, spellings
from retentiond.purging import Erasure, Proposal, erase, new_receipt, propose
from retentiond.report.erasure import answer
from retentiond.report.tables import as_json
from retentiond.report.words import items
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

#: For how long a code is good, and how often it may be typed.
MINUTES, TRIES = 15, 3


def erase_one(
    current: Session, number: int | None, receipt: str | None, wait_seconds: float, *, as_document: bool
) -> int:
    """The whole story: addresses, look, number, the manager's code, deeds, second look, the one answer."""
    with current.estate_with_ledger() as (estate, book):
        if receipt is not None and receipt not in book.unfinished_erasures():
            raise click.UsageError("--receipt: no erasure of this number is unfinished")
        moment = now()
        erasing = estate.erasing(_addresses())
        _check_outsiders(erasing)
        with progress(current.quiet, "purge") as seen:
            proposal = propose(erasing, book, moment, progress=seen)
        number = agreed_number(current, proposal, number, as_document=as_document)
        proposal.agreed(number)
        asker = who() + _consent(current, proposal, book)
        with progress(current.quiet, "purge") as seen:
            done = erase(
                proposal,
                number,
                book,
                current.config.ledger.directory,
                now(),
                receipt=receipt or new_receipt(),
                who=asker,
                wait_seconds=wait_seconds,
                progress=seen,
            )
    _show(current, done, as_document=as_document)
    return done.report.exit_code


# ── whose mail ───────────────────────────────────────────────────────────────────────────────────


def _addresses() -> tuple[str, ...]:
    """The addresses, in each of their spellings. What is typed is never shown, so it is typed twice."""
    typed = _typed() if sys.stdin.isatty() else _piped()
    if not typed:
        raise click.UsageError("no address: type one, or give one a line on standard input")
    if not all(map(is_address, typed)):
        raise click.UsageError("one of these is no bare e-mail address; nothing was done")
    return tuple(dict.fromkeys(each for address in typed for each in spellings(address)))


def _typed() -> list[str]:
    typed: list[str] = []
    while True:
        label = f"Address {len(typed) + 1} (nothing ends the list)"
        first = str(click.prompt(label, default="", hide_input=True, show_default=False, err=True)).strip()
        if not first:
            return typed
        label = "The same once more"
        again = str(click.prompt(label, default="", hide_input=True, show_default=False, err=True)).strip()
        if again == first:
            typed.append(first)
        else:
            click.echo("They differ, and neither was taken.", err=True)


def _piped() -> list[str]:
    """One a line, up to an empty line or the end."""
    typed: list[str] = []
    for line in sys.stdin:
        if not line.strip():
            break
        typed.append(line.strip())
    return typed


def _check_outsiders(estate: Estate) -> None:
    """Whoever types a helpline's own address would erase the helpline."""
    house = estate.house(now())
    if house.correspondents & house.insiders:
        raise click.UsageError("one of these is an address of a helpline or an advisor; nothing was done")


# ── who agrees ───────────────────────────────────────────────────────────────────────────────────


def _consent(current: Session, proposal: Proposal, book: Ledger) -> str:
    """How it was allowed, for the ledger. Where nothing was found there is nothing to agree to."""
    config = current.config
    if config.policy.approvers == 1:
        return ", approvers = 1"
    if not proposal.number:
        return ""
    request = proposal.request(Wish.ERASURE)
    lacking = "[policy] manager" if config.policy.manager is None else "[alert]" if not config.alert else ""
    if config.policy.manager is None or config.alert is None:
        raise ApprovalNeeded(request.wish, "", request.digest, request.number, lacking)
    nonce = secrets.token_bytes(16)
    code = code_for(request, book.plan_key, nonce)
    if not send_code(config.alert, config.policy.manager, code, request.number, MINUTES, now()):
        raise CodeRefused("unsent")
    click.echo(f"A code was mailed to the Helplines' Manager; it is good for {MINUTES} minutes.", err=True)
    _ask_for(request, book.plan_key, nonce)
    return ", manager's code"


def _ask_for(request: Request, key: bytes, nonce: bytes) -> None:
    """Raises CodeRefused unless the code is typed in time. A code serves once: its nonce ends with this."""
    began = time.monotonic()
    for _ in range(TRIES):
        typed = _line("The code that the manager read to you")
        if time.monotonic() - began > MINUTES * 60:
            raise CodeRefused("late")
        if is_code(typed, request, key, nonce):
            return
        click.echo("That is not the code.", err=True)
    raise CodeRefused("wrong")


def _line(label: str) -> str:
    return str(click.prompt(label, err=True)) if sys.stdin.isatty() else sys.stdin.readline()


# ── what is said ─────────────────────────────────────────────────────────────────────────────────


def _show(current: Session, done: Erasure, *, as_document: bool) -> None:
    """Numbers for the operator alone; below them the one answer, which is the same whatever they are."""
    report = done.report
    if not current.is_passing:
        witness(f"retentiond sealed its ledger: {report.seal}")
    said = answer(done.receipt) if done.is_finished else ""
    if as_document:
        more = {
            "receipt": done.receipt,
            "is_finished": done.is_finished,
            "held": done.held,
            "review": done.for_review,
            "answer": said,
            **not_reached_document(current.config),
        }
        click.echo(as_json("erasure", report.plan, report.findings, report.exit_code, report.outcomes, more))
        return
    if not current.quiet:
        show_outcomes(report.outcomes)
    show_findings(report.findings)
    gone = report.count(Result.DONE, Result.REMOVED, Result.RETAINED)
    say(current, "For you alone, and not for whoever asked:")
    say(current, f"  {items(gone)} destroyed; {done.held:,} kept by a hold; {done.for_review:,} for a person")
    say(current, "  to look at (somebody else is party to it). The ledger has these counts, and no name.")
    for helpline in current.config.helplines:
        if helpline.leave_out:
            say(current, f"  Not looked into: of {helpline.name} the folders that are left out (leave_out).")
    if not said:
        click.echo(
            "retentiond: not finished (above); answer nobody yet, mend it, and run it again with the same"
            f" addresses: retentiond purge --erase --receipt {done.receipt}",
            err=True,
        )
        return
    say(current, "The answer, word for word the same for everybody who asks:")
    say(current)
    click.echo(said, nl=False)
