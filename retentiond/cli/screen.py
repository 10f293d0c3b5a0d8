"""Tables and progress for a terminal; plain lines where there is none."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from retentiond.audit import Progress
from retentiond.core.findings import Finding
from retentiond.core.model import Outcome
from retentiond.core.plan import Plan
from retentiond.report.tables import outcome_rows, rows
from retentiond.report.words import DEEDS, finding_sentence


def show_plan(plan: Plan, names: dict[tuple[str, str], str] | None = None) -> None:
    """The verdicts, a line for each folder and verdict. `names` decodes labels, on a terminal only."""
    lines = [
        (
            row.target,
            (names or {}).get((row.target, row.folder), row.folder),
            DEEDS[row.verdict],
            f"{row.count:,}",
            row.oldest or "",
            row.reason,
        )
        for row in rows(plan)
    ]
    if lines:
        show_table(("target", "folder", "what", "items", "oldest", "why"), lines, numbers=(3,))


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """What became of the items."""
    lines = [
        (target, folder, words + (f" until {until}" if until else ""), f"{count:,}")
        for target, folder, words, count, until in sorted(outcome_rows(outcomes))
    ]
    if lines:
        show_table(("target", "folder", "what happened", "items"), lines, numbers=(3,))


def show_findings(findings: Sequence[Finding]) -> None:
    """The findings, a sentence each, on the error output: they are heard with --quiet too."""
    for finding in findings:
        click.echo(f"! {finding.target}: {finding_sentence(finding)}", err=True)


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Bars on a terminal, nothing elsewhere (a journal has the log). SIGTERM ends after the batch in hand."""
    is_stopped = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: is_stopped.set())
    try:
        if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield Progress(should_stop=is_stopped.is_set, waiting=_waiting)
        else:
            with _bars() as (looked, done):
                yield Progress(looked, done, is_stopped.is_set, _waiting)
    finally:
        signal.signal(signal.SIGTERM, before)


def _waiting(target: str) -> None:
    click.echo(f"waiting for {target}: another sweep or purge is at work there", err=True)


@contextmanager
def _bars() -> Iterator[tuple[Callable[[str], None], Callable[[str, int], None]]]:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("looking")
        counts: dict[str, int] = {}

        def looked(target: str) -> None:
            bars.update(task, description=f"looking at {target}")

        def done(target: str, count: int) -> None:
            counts[target] = counts.get(target, 0) + count
            bars.update(task, description=f"{target}: {counts[target]:,} items done")

        yield looked, done


def show_table(head: Sequence[str], lines: Sequence[Sequence[str]], numbers: tuple[int, ...] = ()) -> None:
    """Rows under a head; the columns `numbers` stand flush right."""
    if not sys.stdout.isatty():
        widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
        for line in (head, *lines):
            cells = (
                cell.rjust(width) if i in numbers else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            click.echo("  ".join(cells).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i in numbers else "left")
    for line in lines:
        table.add_row(*line)
    Console().print(table)
