"""`retentiond approve`: the second person's word for what one person may not do alone."""

from __future__ import annotations

import sys

import click

from retentiond import approvals
from retentiond.approvals import Asked
from retentiond.cli.caller import caller
from retentiond.cli.session import Number, now, say, session, typed_number, who
from retentiond.core.chain import Value
from retentiond.errors import ApprovalRefused
from retentiond.report.words import HOLDERS, items


@click.command(epilog="Example: retentiond approve ABCD-2345 --destroy 120")
@click.argument("code", metavar="CODE")
@click.option("--destroy", "number", type=Number(), metavar="NUMBER", help="The number that you agree to.")
@click.pass_context
def command(ctx: click.Context, code: str, number: int | None) -> int:
    """Agree, as a second person, to what another asked for within the last day.

    Shows what that is. Without --destroy it asks for the number, on a terminal. You must be another Unix
    user than who asked, and both go through the running service, which sees who you are. The ledger keeps
    both user ids. Whoever asked then runs the same command again.
    """
    current = session(ctx)
    by = caller()
    if by is None:
        raise ApprovalRefused("no-service")
    moment = now()
    directory = current.config.ledger.directory
    asked = approvals.find(directory, code, moment)
    say(current, _shown(asked))
    if number is None:
        number = _number()
    approvals.check(asked, number, by.person)
    request = asked.request
    with current.ledger() as book:
        fields: dict[str, Value] = {
            "what": request.what,
            "targets": list(request.targets),
            "digest": request.digest,
            "number": request.number,
            "asked": f"uid {asked.by}",
            "who": who(),
        }
        book.record("approved", fields, moment)
    approvals.agree(directory, asked, number, by.person, moment)
    say(current, "Agreed. Within the day, and once, whoever asked may now run the same command again.")
    return 0


def _number() -> int:
    if not sys.stdin.isatty():
        raise click.UsageError("without a terminal: --destroy N")
    return typed_number()


def _shown(asked: Asked) -> str:
    request = asked.request
    what = HOLDERS.get(request.what, request.what)
    return (
        f"User id {asked.by} asks for {what} of {', '.join(request.targets)} at"
        f" {asked.when:%Y-%m-%d %H:%M} UTC: at most {items(request.number)}."
    )
