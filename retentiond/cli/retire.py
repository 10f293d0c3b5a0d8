"""`retentiond retire`: a person says that nobody is to wait for a target that left the configuration."""

from __future__ import annotations

import click

from retentiond import condition as conditions
from retentiond.cli.session import now, say, session, who
from retentiond.core.promises import Worry
from retentiond.pause import REASON
from retentiond.retirement import is_retired, retire


@click.command(epilog='Example: retentiond retire helpline-2 --reason "deleted by IT"')
@click.argument("name", metavar="NAME")
@click.option(
    "--reason",
    metavar="WORDS",
    required=True,
    help="A few plain words, which the ledger keeps; they may name nobody.",
)
@click.pass_context
def command(ctx: click.Context, name: str, reason: str) -> int:
    """Say that nobody is to wait for a target that left the configuration.

    What was left in its mailbox is then nobody's to destroy: make sure that the mailbox is gone, or put the
    target back. The ledger keeps who said so, and how much was left at the last look.
    """
    current = session(ctx)
    if not REASON.fullmatch(reason):
        raise click.UsageError("--reason: 3 to 80 letters, digits and .,:;()/- and nobody's name or address")
    if name in {each.name for each in current.config.targets()}:
        raise click.UsageError("NAME: the configuration has this target; take it out there first")
    condition = conditions.read(current.config.ledger.directory)
    counts = {each.target: each for each in condition.counts}
    flagged = {each.target for each in condition.concerns if each.cause == Worry.ABANDONED}
    with current.ledger() as book:
        roll = book.roll()
        is_known = name in roll.keys() | counts.keys() | flagged
        if not is_known or is_retired(name, roll, counts.get(name)):
            raise click.UsageError("NAME: nobody waits for a target of this name; see: retentiond status")
        left = counts[name].left if name in counts else None
        retire(book, name, now(), left=left, who=who(), reason=reason)
    say(current, f"{name} is retired. The next round of the service forgets it.")
    return 0
