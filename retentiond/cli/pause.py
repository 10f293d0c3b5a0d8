"""`retentiond pause`: nothing is destroyed until the end of a day; what is due is looked at all the same."""

from __future__ import annotations

from datetime import datetime

import click

from retentiond import pause as pauses
from retentiond.cli.session import Day, now, say, session, who
from retentiond.pause import REASON, Pause


@click.command(epilog='Example: retentiond pause --until 2027-01-31 --reason "mailboxes are being migrated"')
@click.option("--until", type=Day(), required=True, help="The last day of the pause.")
@click.option(
    "--reason", metavar="WORDS", required=True, help="A few plain words; they are shown, and may name nobody."
)
@click.pass_context
def command(ctx: click.Context, until: datetime, reason: str) -> int:
    """Destroy nothing until the end of a day. Mailboxes are looked at, and what falls due is a finding.

    Holds for the service, for `sweep` and for `purge`; a sweep at work ends after its batch and the next
    one only looks. A pause of more than seven days is loud. The ledger keeps who asked.
    """
    current = session(ctx)
    moment = now()
    if until.date() < moment.astimezone(current.config.policy.zone).date():
        raise click.UsageError("--until: this day is over")
    if not REASON.fullmatch(reason):
        raise click.UsageError("--reason: 3 to 80 letters, digits and .,:;()/- and nobody's name or address")
    directory = current.config.ledger.directory
    with current.ledger() as book:
        pauses.begin(directory, Pause(moment, until.date(), reason, who()), current.config.policy.zone)
        book.record("paused", {"until": until.date().isoformat(), "who": who()}, moment)
    say(current, f"Paused until the end of {until.date()}. To go on before that: retentiond resume")
    return 0
