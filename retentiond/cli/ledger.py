"""`retentiond ledger`: make the book, verify it, show it, export it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from retentiond.cli.session import now, say, session, who
from retentiond.config import Source, read_secret_bytes
from retentiond.ledger import Seal, seals_in


@click.group(epilog="Example: retentiond ledger verify --seal last-report.txt")
def command() -> None:
    """The book of what was done. Append-only, chained, signed; it holds no personal data."""


@command.command(epilog="Example: retentiond ledger init")
@click.pass_context
def init(ctx: click.Context) -> int:
    """Make the ledger, its key and its public key.

    The key only where the reference is a file; a credential is there already. Overwrites nothing.
    """
    from retentiond.ledger import Ledger

    current = session(ctx)
    settings = current.config.ledger
    is_file = settings.key.source is Source.FILE
    key = Path(settings.key.place) if is_file else read_secret_bytes(settings.key)
    seal = Ledger.init(settings.directory, key, now())
    say(current, f"The ledger is in {settings.directory}.")
    if is_file:
        say(
            current, f"Its key is {settings.key.place}: without it nothing can be entered. Keep a copy apart."
        )
    say(current, f"Auditors need {settings.directory / 'ledger.pub'} and this seal, kept elsewhere: {seal}")
    return 0


@command.command(epilog="Example: retentiond ledger verify --seal last-report.txt")
@click.option(
    "--seal",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A text with seals from outside: a report, an extract of the journal (- reads it from the input).",
)
@click.pass_context
def verify(ctx: click.Context, files: tuple[str, ...]) -> int:
    """Prove the whole book: every link, signature, total and seal. 65 names the first break."""
    current = session(ctx)
    seals: list[Seal] = []
    for file in files:
        with click.open_file(file, encoding="utf-8", errors="replace") as text:
            seals.extend(seals_in(text.read()))
    if files and not seals:
        raise click.UsageError("there is no seal in the files that --seal names")
    with current.ledger() as book:
        verified = book.verify(seals=seals)
    say(
        current,
        f"The ledger verifies: {verified.entries:,} entries, {verified.checkpoints:,} signed checkpoints,"
        f" {verified.seals:,} seals, {verified.open_intents:,} open intents.",
    )
    return 0


@command.command(epilog="Example: retentiond ledger show --chain listening-line --last 5")
@click.option("--chain", metavar="NAME", help="One chain alone: a target's alias, or house.")
@click.option("--last", type=click.IntRange(1), metavar="NUMBER", default=20, help="How many entries.")
@click.pass_context
def show(ctx: click.Context, chain: str | None, last: int) -> int:
    """Show the newest entries, oldest first, as JSON."""
    current = session(ctx)
    with current.ledger() as book:
        shown = list(book.show(chain, last))
    if not shown:
        raise click.UsageError(f"the ledger has no chain {chain!r}; there is one for each target, and house")
    for entry in shown:
        click.echo(json.dumps(dict(entry.body), sort_keys=True))
    return 0


@command.command(epilog="Example: retentiond ledger upgrade")
@click.pass_context
def upgrade(ctx: click.Context) -> int:
    """Bring the ledger of an older version up to this one. It is proved before and after, or left alone."""
    from retentiond.ledger.upgrade import upgrade as bring_up

    current = session(ctx)
    settings = current.config.ledger
    before, after, verified = bring_up(settings.directory, read_secret_bytes(settings.key), now(), who())
    if before == after:
        say(current, f"The ledger is of version {after} already; nothing was done. It verifies.")
    else:
        said = f"The ledger is of version {after} now (it was {before}), and verifies: "
        say(current, f"{said}{verified.entries:,} entries.")
    return 0


@command.command(
    "accept-loss",
    epilog="Example: retentiond ledger accept-loss advisor-7 --count 1",
)
@click.argument("name", metavar="NAME")
@click.option(
    "--count",
    type=click.IntRange(1),
    metavar="NUMBER",
    required=True,
    help="How many replies stand in neither mailbox.",
)
@click.pass_context
def accept_loss(ctx: click.Context, name: str, count: int) -> int:
    """Go on after a reply was lost on its way home.

    Once somebody has looked: where it stands in neither mailbox everything stops, until this is said. The
    ledger keeps who said so, and how many.
    """
    from retentiond.recovery import accept_loss as close_lost

    current = session(ctx)
    with current.estate_with_ledger() as (estate, book):
        locks = current.config.ledger.directory
        closed = close_lost(estate, book, locks, name, count, now(), who=who())
    entered = f"{name}: the loss of {count} is entered, and the next sweep goes on."
    say(current, entered if closed else f"{name}: none of its replies is lost; nothing was done.")
    return 0


@command.command(epilog="Example: retentiond ledger export > ledger.jsonl")
@click.pass_context
def export(ctx: click.Context) -> int:
    """Write the whole book as JSON Lines, for an auditor.

    It is verified without this program (docs/auditor.md).
    """
    current = session(ctx)
    with current.ledger() as book:
        for line in book.export():
            click.echo(line)
    return 0
