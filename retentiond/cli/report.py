"""`retentiond report`: a month that is over, for the Helplines' Manager."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

import click

from retentiond import condition as conditions
from retentiond.cli.session import Session, not_reached, now, say, session, witness
from retentiond.core.holds import Register
from retentiond.core.monthly import Span, month_of
from retentiond.errors import Exit
from retentiond.ledger import HOUSE, Seal
from retentiond.report.monthly import Facts, Paper, Standing, paper
from retentiond.report.writing import as_document, as_page, as_text

#: How many months the chart shows, the reported one included.
SHOWN = 6
_WRITERS: dict[str, Callable[[Paper], str]] = {"text": as_text, "html": as_page, "json": as_document}


@click.command(epilog="Example: retentiond report --month 2026-10 --format html --output october.html")
@click.option("--month", metavar="YYYY-MM", help="A month that is over. Without it: the last one.")
@click.option("--format", "form", type=click.Choice([*_WRITERS]), default="text", help="Text without it.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it here. Overwrites nothing."
)
@click.pass_context
def command(ctx: click.Context, month: str | None, form: str, output: Path | None) -> int:
    """Is the promise kept? One month that is over, for the Helplines' Manager.

    It may be handed on: numbers of messages from 1 to 4 are written as "fewer than 5", and a month that
    is not over is refused, for what two reports differ by would tell of single days. Exits with 1 where
    the promise was not kept.
    """
    current = session(ctx)
    span = _span(month, current.config.policy.zone)
    told = paper(_facts(current, span))
    text = _WRITERS[form](told)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
        say(current, f"The report for {told.title} is in {output}.")
    return Exit.DONE if told.is_kept else Exit.FINDINGS


def _write(output: Path, text: str) -> None:
    """Whole, or not at all."""
    try:
        with output.open("xb") as file:
            try:
                file.write(text.encode("utf-8"))
                file.flush()
            except OSError:
                output.unlink()
                raise
    except FileExistsError:
        raise click.UsageError(f"{output} exists already; nothing was written") from None
    except OSError:
        raise click.UsageError(
            f"{output} cannot be written by this user; name a place that can, or type > {output} in place of"
            f" --output {output}"
        ) from None


def _span(month: str | None, zone: tzinfo) -> Span:
    last = Span.before(now(), zone)
    if month is None:
        return last
    try:
        span = Span.parse(month, zone)
    except ValueError:
        raise click.UsageError("--month is a year and a month, such as 2026-10") from None
    if span.first > last.first:
        raise click.UsageError(f"{month} is not over yet; the last month that is: {last.name}")
    return span


def _facts(current: Session, span: Span) -> Facts:
    """The ledger is verified before a word of it is repeated."""
    config = current.config
    with current.ledger() as book:
        verified = book.verify()
        entries = list(book.entries())
        holds = book.holds.all()
    last = next(entry for entry in reversed(entries) if entry.chain == HOUSE)
    seal = Seal(HOUSE, last.seq, last.hash)
    if not current.is_passing:
        witness(f"retentiond reports by its ledger: {seal}")
    standings = {
        each.target: Standing(each.held, each.review, each.is_armed, each.looked)
        for each in conditions.read(config.ledger.directory).counts
    }
    return Facts(
        month_of(entries, span),
        [month_of(entries, span.back(months)) for months in range(1, SHOWN)],
        {target.name: target.kind for target in config.targets()},
        standings,
        not_reached(config),
        f"The ledger verifies: {verified.entries:,} entries, {verified.open_intents} open intents. {seal}",
        Register(now().astimezone(config.policy.zone).date(), holds),
        next(entry.minute for entry in entries if entry.chain == HOUSE),
    )
