"""`retentiond sweep`: one pass, from look to report."""

from __future__ import annotations

import click

from retentiond import pause as pauses
from retentiond.cli.screen import progress, show_findings, show_outcomes
from retentiond.cli.session import (
    Session,
    not_reached_document,
    now,
    say,
    say_elsewhere,
    session,
    wait_option,
    who,
    witness,
)
from retentiond.core.deeds import Result
from retentiond.report.holds import as_document as holds_document
from retentiond.report.holds import holds_sentences
from retentiond.report.letters import as_document as letters_document
from retentiond.report.letters import paper_sentence
from retentiond.report.tables import as_json
from retentiond.report.words import items
from retentiond.sweep import Report, sweep


@click.command(epilog="Example: retentiond sweep --only listening-line")
@click.option("--only", metavar="NAME", help="One target alone.")
@wait_option
@click.option("--dry-run", is_flag=True, help="Another name for `retentiond audit`.")
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.pass_context
def command(
    ctx: click.Context, only: str | None, wait_seconds: float, dry_run: bool, as_document: bool
) -> int:
    """One pass: look, judge, destroy and bring home, look again, report.

    Only armed targets are touched. What is due elsewhere is reported, and the exit code says so.
    """
    if dry_run:
        from retentiond.cli.audit import command as audit_command

        return int(ctx.invoke(audit_command, only=only, as_document=as_document))
    current = session(ctx)
    pauses.check(current.config.ledger.directory, now(), current.config.policy.zone)
    with current.estate_with_ledger() as (estate, book), progress(current.quiet, "sweep") as seen:
        report = sweep(
            estate,
            book,
            current.config.ledger.directory,
            now(),
            only=only,
            before_acting=lambda when: book.record("asked", {"what": "sweep", "who": who()}, when),
            wait_seconds=wait_seconds,
            progress=seen,
        )
    show(current, report, as_document=as_document)
    return report.exit_code


def show(current: Session, report: Report, *, as_document: bool) -> None:
    """What a sweep did, as text or JSON; its seal is a witness, and goes to the system's journal too."""
    if report.seals and not current.is_passing:
        witness(f"retentiond sealed its ledger: {report.seal}")
    if as_document:
        more = {
            "seals": [str(seal) for seal in report.seals],
            "armed_itself": sorted(report.armed),
            **not_reached_document(current.config),
        }
        more |= letters_document(report.plan) | holds_document(report.second.register)
        click.echo(as_json("sweep", report.plan, report.findings, report.exit_code, report.outcomes, more))
        return
    if not current.quiet:
        show_outcomes(report.outcomes)
    for name in sorted(report.armed):
        say(current, f"{name}: nothing due and nothing astray, so it armed itself.")
    if report.recovered:
        count = sum(len(outcome.keys) for outcome in report.recovered)
        say(current, f"{items(count)} of an interrupted sweep were cleared up by looking.")
    show_findings(report.findings)
    say(current, _summary(report))
    for sentence in holds_sentences(report.second.register):
        say(current, sentence)
    if paper := paper_sentence(report.plan):
        say(current, paper)
    if report.seals:
        say(current, f"Sealed: {report.seal}")
    say_elsewhere(current)


def _summary(report: Report) -> str:
    gone = report.count(Result.DONE, Result.REMOVED, Result.RETAINED)
    held = report.count(Result.HELD)
    late = f", {items(held)} held meanwhile" if held else ""
    count = len(report.findings)
    promise = f"{count} finding{'s' if count > 1 else ''} (above)" if count else "no findings"
    return f"{items(gone)} done{late}; looked again; {promise}."
