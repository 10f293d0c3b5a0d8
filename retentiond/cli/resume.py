"""`retentiond resume`: ends a pause; the next sweep does what fell due meanwhile."""

from __future__ import annotations

import click

from retentiond import pause as pauses
from retentiond.cli.session import now, say, session, who


@click.command(epilog="Example: retentiond resume")
@click.pass_context
def command(ctx: click.Context) -> int:
    """End a pause before its day. The next sweep does what fell due meanwhile."""
    current = session(ctx)
    with current.ledger() as book:
        was_paused = pauses.end(current.config.ledger.directory)
        if was_paused:
            book.record("resumed", {"who": who()}, now())
    say(current, "The pause is over." if was_paused else "There was no pause.")
    return 0
