"""`retentiond arm`: a person has seen what is due, and says the number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from retentiond.approvals import Request
from retentiond.arming import Proposal, arm, propose
from retentiond.audit import standings_of
from retentiond.cli.screen import waiting
from retentiond.cli.session import Day, Number, Session, now, say, session, typed_number, wait_option, who
from retentiond.cli.two_persons import agreed_by_two, digest_of
from retentiond.core.fuse import Arming
from retentiond.core.model import Destroy, Kind, Refile, Role
from retentiond.report.words import items
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

#: Folders that hold what nobody sent yet, or what a filter put there: worth a second thought.
_MARKED = {Role.DRAFTS: "drafts", Role.JUNK: "junk", Role.TEMPLATES: "templates"}


@click.command(epilog="Example: retentiond arm listening-line --destroy 7500")
@click.argument("name", metavar="NAME")
@click.option(
    "--destroy",
    "number",
    type=Number(),
    metavar="NUMBER",
    help="At most so many items may leave its folders.",
)
@click.option(
    "--told",
    type=Day(),
    help="For an advisor: since when the advisors have been told.",
)
@wait_option
@click.pass_context
def command(ctx: click.Context, name: str, number: int | None, told: object, wait_seconds: float) -> int:
    """Let a target loose. Looks afresh, and accepts if at most NUMBER items would leave its folders.

    Without --destroy it asks, on a terminal. Nothing is destroyed by arming but one test message (or
    letter) of our own, by which it is found out whether copies are kept.
    """
    current = session(ctx)
    with current.estate_with_ledger() as (estate, book):
        target = estate.target(name)
        since = _told(current, name, told) if target.kind is Kind.ADVISOR else ""
        moment = now()
        if number is None:
            proposal = propose(estate, name, book, moment)
            _show(proposal)
            number = _ask(proposal)
        else:
            proposal = None
        locks = current.config.ledger.directory
        with _agreed(current, estate, target, number, book, moment) as agreed:
            arming, seen = arm(
                estate,
                name,
                number,
                book,
                locks,
                now(),
                who=f"{who()}, {agreed}" if agreed else who(),
                told=since,
                wait_seconds=wait_seconds,
                waiting=waiting(current.quiet, "arm"),
            )
        if proposal is None and not current.quiet:
            _show(seen)
    say(
        current,
        f"{name} is armed: {items(seen.number)} are due or astray, at most {number:,} were agreed to.",
    )
    say(current, _copies(arming, target.kind))
    return 0


@contextmanager
def _agreed(
    current: Session, estate: Estate, target: Target, number: int, book: Ledger, moment: datetime
) -> Iterator[str]:
    """Two persons agree to what lets mail go sooner than was last agreed to; else one is enough."""
    if not standings_of(estate, book)[target.name].keeps_less:
        yield "approvers = 1" if current.config.policy.approvers == 1 else ""
        return
    digest = digest_of("arm", target.name, target.rules, str(target.period), str(target.longest or ""))
    with agreed_by_two(current, Request("arm", (target.name,), digest, number), moment) as agreed:
        yield agreed


def _told(current: Session, name: str, option: object) -> str:
    """Since when the advisors have been told: by option, configuration or question."""
    configured = next((each.told for each in current.config.advisors if each.name == name), None)
    if option is not None:
        return str(option)[:10]
    if configured is not None:
        return configured.isoformat()
    if not sys.stdin.isatty():
        raise click.UsageError("for an advisor: --told DATE, since when the advisors have been told")
    day = click.prompt("Since when have the advisors been told (YYYY-MM-DD)?", type=Day())
    return str(day)[:10]


def _show(proposal: Proposal) -> None:
    for census in proposal.plan.censuses:
        parts = [part for part in proposal.plan.of(Destroy, Refile) if part.place == census.place]
        count = sum(len(part.keys) for part in parts)
        of = f" of {census.total:,}" if census.total is not None else ""
        marked = f"  [{_MARKED[census.place.role]}]" if census.place.role in _MARKED else ""
        imported = "  more than a fifth was received on one day: an import?" if census.looks_imported else ""
        click.echo(f"  {census.place.folder:<24} {count:>9,}{of}{marked}{imported}")


def _ask(proposal: Proposal) -> int:
    if not sys.stdin.isatty():
        raise click.UsageError("without a terminal: --destroy N")
    click.echo(f"{items(proposal.number)} would leave the folders of {proposal.target.name}.")
    return typed_number()


def _copies(arming: Arming, kind: Kind) -> str:
    if kind is Kind.ADVISOR:
        return "Replies brought home are destroyed there on their day."
    if kind is Kind.LETTERS:
        return _bins(arming)
    match arming.keeps_copies:
        case True:
            return (
                "The server keeps copies of what is removed (a test message was found again): sweeps will say"
                " 'removed, the server keeps a copy' until that is switched off."
            )
        case False:
            return "A test message was destroyed and is found nowhere: the server keeps no copy that shows."
        case None:
            return "Whether the server keeps copies could not be tried, so sweeps will say 'removed'."


def _bins(arming: Arming) -> str:
    match arming.keeps_copies:
        case True:
            return (
                "A test letter was destroyed and found again in a bin: sweeps will say that a copy is kept."
            )
        case False:
            return "A test letter was overwritten, unlinked, and is found in no bin."
        case None:
            return (
                "Whether anything is left of what is deleted could not be tried: sweeps will say 'removed'."
            )
