"""A person sees what would be destroyed on demand, and says the number."""

from __future__ import annotations

import sys

import click

from retentiond.cli.screen import show_findings, show_plan
from retentiond.cli.session import Session, typed_number
from retentiond.purging import Proposal
from retentiond.report.words import items


def agreed_number(current: Session, proposal: Proposal, number: int | None, *, as_document: bool) -> int:
    """Shows what would be destroyed, and asks a person for the number where none was given."""
    if number is None or not (as_document or current.quiet):
        show_plan(proposal.plan)
    if number is not None or not proposal.number:
        return number or 0
    show_findings(proposal.findings)
    if not sys.stdin.isatty():
        raise click.UsageError("without a terminal: --destroy N")
    click.echo(f"{items(proposal.number)} would be destroyed.")
    return typed_number()
