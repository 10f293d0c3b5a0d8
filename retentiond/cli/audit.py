"""`retentiond audit`: the dry run. On the wire nothing that changes anything; no ledger is needed."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import click

from retentiond.audit import Audit, audit
from retentiond.cli.caller import write_paper
from retentiond.cli.screen import progress, show_findings, show_plan
from retentiond.cli.session import Day, Session, not_reached_document, now, say, say_elsewhere, session
from retentiond.core.model import Destroy, Hold, Refile, Review
from retentiond.report.holds import as_document as holds_document
from retentiond.report.holds import holds_sentences
from retentiond.report.letters import as_document as letters_document
from retentiond.report.letters import paper_sentence
from retentiond.report.tables import as_csv, as_json
from retentiond.report.words import beside_sentence
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@click.command(epilog="Example: retentiond audit --only listening-line --save plan.json")
@click.option("--only", metavar="NAME", help="One target alone.")
@click.option("--as-of", type=Day(), help="Judge as on this day.")
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.option("--csv", "as_lines", is_flag=True, help="A line for each folder and verdict, as CSV.")
@click.option("--save", metavar="FILE", help="Save the plan for review; `purge` carries it out.")
@click.option("--names", is_flag=True, help="Show folders by their own names (on a terminal only).")
@click.pass_context
def command(
    ctx: click.Context,
    only: str | None,
    as_of: datetime | None,
    as_document: bool,
    as_lines: bool,
    save: str | None,
    names: bool,
) -> int:
    """What would be destroyed, brought home, held or reviewed, and why.

    This is the dry run: it looks at every mailbox, changes nothing anywhere, and stops after the plan.
    Nobody's folder or correspondent is named.
    """
    if as_document and as_lines:
        raise click.UsageError("either --json or --csv")
    if save and as_of:
        raise click.UsageError("a plan as of another day cannot be carried out: --save without --as-of")
    if names and not sys.stdout.isatty():
        raise click.UsageError("--names shows folder names on a terminal only")
    current = session(ctx)
    with current.estate_to_look_at() as (estate, book), progress(current.quiet) as seen:
        moment = _end_of(as_of.date(), estate) if as_of else None
        found = audit(estate, now(), book=book, only=only, as_of=moment, progress=seen)
        if save:
            _save(found, save, current.ledger() if book is None else book)
        decoded = _names(estate, only) if names else None
    if save and not as_document and not as_lines:
        say(current, f"Saved as {save}: review it, then within a day: retentiond purge {save}")
    if as_document:
        more = _standing(found) | not_reached_document(current.config)
        click.echo(as_json("audit", found.plan, found.findings, found.exit_code, more=more))
    elif as_lines:
        click.echo(as_csv(found.plan), nl=False)
    else:
        show(current, found, decoded, as_of)
    return found.exit_code


def show(
    current: Session, found: Audit, names: dict[tuple[str, str], str] | None, as_of: datetime | None
) -> None:
    """The audit as text: verdicts, findings, totals."""
    if not current.quiet:
        show_plan(found.plan, names)
        say(current)
    show_findings(found.findings, is_today=as_of is None)
    say(current, _totals(found))
    for sentence in holds_sentences(found.plan.register):
        say(current, sentence)
    for target in found.plan.targets:
        if target.beside:
            say(current, beside_sentence(target.target, target.beside))
    if paper := paper_sentence(found.plan):
        say(current, paper)
    day = f" as if it were {as_of:%Y-%m-%d}" if as_of else ""
    say(current, f"This was an audit{day}: nothing was changed.")
    say_elsewhere(current)


def _totals(found: Audit) -> str:
    counts = {
        kind: sum(each.count(kind) for each in found.plan.targets) for kind in (Destroy, Refile, Hold, Review)
    }
    others = f"Held: {counts[Hold]:,}. For review: {counts[Review]:,}."
    if counts[Destroy] or counts[Refile]:
        said = f"Due: {counts[Destroy]:,}. Astray: {counts[Refile]:,}. {others}"
        return f"{said} What could not be looked at is not counted." if found.plan.gaps else said
    if found.plan.gaps:  # never an empty mailbox
        return f"Nothing is due and nothing is astray where it could be looked at. {others}"
    return f"Nothing is due and nothing is astray. {others}"


def _standing(found: Audit) -> dict[str, Any]:
    armed = sorted(name for name, standing in found.standings.items() if standing.is_armed)
    beside = {each.target: dict(each.beside) for each in found.plan.targets if each.beside}
    return {
        "armed": armed,
        "beside": beside,
        **letters_document(found.plan),
        **holds_document(found.plan.register),
    }


def _end_of(day: date, estate: Estate) -> datetime:
    """The last minute of a day in the policy's zone."""
    return datetime.combine(day, time(23, 59), estate.zone).astimezone(UTC)


def _save(found: Audit, path: str, book: Ledger) -> None:
    from retentiond.saved_plan import save

    text = save(found.plan, found.standings, book.plan_key)
    try:
        write_paper(path, text)
    except OSError:
        raise click.UsageError(f"--save: {path} cannot be written; name a place of your own") from None


def _names(estate: Estate, only: str | None) -> dict[tuple[str, str], str]:
    from retentiond.mailbox.readonly import ReadOnly

    decoded: dict[tuple[str, str], str] = {}
    for target in estate.targets:
        if only in (None, target.name):
            with ReadOnly(target.open()) as mailbox:
                decoded |= {(target.name, label): name for label, name in mailbox.names().items()}
    return decoded
