"""`retentiond purge plan.json`: only what was reviewed; less than the plan is allowed, more never."""

from __future__ import annotations

import click

from retentiond import pause as pauses
from retentiond.audit import standings_of
from retentiond.cli.caller import Paper, read_paper
from retentiond.cli.screen import progress
from retentiond.cli.session import now, session, who
from retentiond.cli.sweep import show
from retentiond.errors import PlanRefused
from retentiond.saved_plan import load
from retentiond.sweep import sweep


@click.command(epilog="Example: retentiond audit --save plan.json && retentiond purge plan.json")
@click.argument("plan", type=Paper(exists=True, dir_okay=False), metavar="PLAN")
@click.option(
    "--wait", "wait_seconds", type=click.FloatRange(0), default=0, help="Seconds to wait for a lock."
)
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.pass_context
def command(ctx: click.Context, plan: str, wait_seconds: float, as_document: bool) -> int:
    """Carry out a plan that an audit saved and somebody reviewed.

    Looks afresh and does what stands both in the plan and in what is due now, in armed targets. An
    altered plan, one older than a day, or one made under other rules is refused whole.
    """
    current = session(ctx)
    pauses.check(current.config.ledger.directory, now(), current.config.policy.zone)
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
            who=who(),
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
