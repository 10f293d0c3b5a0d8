"""`retentiond purge`: what was reviewed, what is older than a day, or one person's mail; never more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from retentiond import pause as pauses
from retentiond.approvals import Request
from retentiond.audit import standings_of
from retentiond.cli.agreement import agreed_number
from retentiond.cli.caller import caller, is_paper, read_paper
from retentiond.cli.screen import progress
from retentiond.cli.session import Day, Number, Session, now, session, wait_option, who
from retentiond.cli.sweep import show
from retentiond.cli.two_persons import agreed_by_two
from retentiond.core.approval import Wish
from retentiond.core.model import Kind
from retentiond.core.period import start_of
from retentiond.errors import ApprovalNeeded, PlanRefused
from retentiond.purging import Proposal, propose, purge
from retentiond.saved_plan import load
from retentiond.sweep import sweep


@click.command(epilog="Example: retentiond audit --save plan.json && retentiond purge plan.json")
@click.argument("what", required=False, metavar="[PLAN | NAME]")
@click.option(
    "--older-than",
    "day",
    type=Day(),
    help="Of the target NAME, everything received before this day.",
)
@click.option("--erase", is_flag=True, help="Everything from or to one person's addresses, everywhere.")
@click.option("--receipt", metavar="NUMBER", help="With --erase: go on with one that was not finished.")
@click.option(
    "--destroy",
    "number",
    type=Number(),
    metavar="NUMBER",
    help="At most so many items may be destroyed.",
)
@wait_option
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    what: str | None,
    day: datetime | None,
    erase: bool,
    receipt: str | None,
    number: int | None,
    wait_seconds: float,
    as_document: bool,
) -> int:
    """Destroy on demand, beside the nightly sweeps: looks, shows, asks for the number, looks again.

    \b
    purge PLAN                   what an audit saved and somebody reviewed
    purge NAME --older-than DAY  of one target, everything received before a day
    purge --erase                one person's mail; addresses are asked for, or
                                 read from standard input, never given here

    Nothing that is held is destroyed. In a plan, only what stands both there and in what is due now.
    """
    if (what is None) is not erase or (erase and day is not None) or (receipt is not None and not erase):
        raise click.UsageError("one of: a plan; a target with --older-than DAY; --erase (with --receipt)")
    if what is not None and day is None:
        _check_plan(what, number)
    current = session(ctx)
    pauses.check(current.config.ledger.directory, now(), current.config.policy.zone)
    if erase:
        from retentiond.cli.erase import erase_one

        return erase_one(current, number, receipt, wait_seconds, as_document=as_document)
    assert what is not None
    if day is not None:
        return _older_than(current, what, day, number, wait_seconds, as_document=as_document)
    return _reviewed(current, what, wait_seconds, as_document=as_document)


def _check_plan(plan: str, number: int | None) -> None:
    if number is not None:
        raise click.UsageError("a plan names its own number: without --destroy")
    if not is_paper(plan):
        raise click.UsageError(f"{plan!r} does not exist; and a target NAME needs --older-than DAY")


def _reviewed(current: Session, plan: str, wait_seconds: float, *, as_document: bool) -> int:
    with current.estate_with_ledger() as (estate, book), progress(current.quiet, "purge") as seen:
        moment = now()
        reviewed = load(_read(plan), standings_of(estate, book), book.plan_key, moment)
        locks = current.config.ledger.directory
        report = sweep(
            estate,
            book,
            locks,
            moment,
            reviewed=reviewed,
            before_acting=lambda when: book.record("asked", {"what": "purge", "who": who()}, when),
            wait_seconds=wait_seconds,
            progress=seen,
        )
    show(current, report, as_document=as_document)
    return report.exit_code


def _read(path: str) -> str:
    try:
        return read_paper(path)
    except (OSError, UnicodeDecodeError):
        raise PlanRefused("altered") from None


def _older_than(
    current: Session, name: str, day: datetime, number: int | None, wait_seconds: float, *, as_document: bool
) -> int:
    """Everything of one target received before a day. What is younger than its period needs two persons."""
    with current.estate_with_ledger() as (estate, book):
        moment = now()
        if estate.target(name).kind is Kind.ADVISOR:
            raise click.UsageError("of an advisor only replies astray are touched, and a sweep sees to them")
        if day.date() > moment.astimezone(estate.zone).date():
            raise click.UsageError("--older-than: that day is not yet")
        before = estate.purging(name, start_of(day.date(), estate.zone))
        with progress(current.quiet, "purge") as seen:
            proposal = propose(before, book, moment, only=name, progress=seen)
        number = agreed_number(current, proposal, number, as_document=as_document)
        locks = current.config.ledger.directory
        with _agreed(current, proposal, name) as agreed, progress(current.quiet, "purge") as seen:
            report = purge(
                proposal,
                number,
                book,
                locks,
                now(),
                day=day.date().isoformat(),
                who=f"{who()}, {agreed}" if agreed else who(),
                wait_seconds=wait_seconds,
                progress=seen,
            )
    show(current, report, as_document=as_document)
    return report.exit_code


@contextmanager
def _agreed(current: Session, proposal: Proposal, name: str) -> Iterator[str]:
    """How it was allowed, for the ledger: what is past its period needs nobody else."""
    if not proposal.is_early:
        yield ""
        return
    wanted = proposal.request(Wish.EARLY_PURGE)
    if caller() is None and current.config.policy.approvers != 1:
        raise ApprovalNeeded(wanted.wish, name, wanted.digest, wanted.number)
    request = Request(wanted.wish.value, wanted.targets, wanted.digest, wanted.number)
    with agreed_by_two(current, request, now()) as agreed:
        yield agreed
