"""Tables and progress for a terminal; plain lines where there is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace

import click

from retentiond.core.findings import Finding
from retentiond.core.model import Key, Outcome, Place, Refile, Result
from retentiond.core.plan import Plan
from retentiond.report.tables import outcome_rows, rows
from retentiond.report.words import DEEDS, RESULTS, finding_sentence
from retentiond.sweep import Progress

#: What the end of a stray is called, which left a copy at home.
_HOMEWARD = {
    RESULTS[Result.DONE]: "brought home",
    RESULTS[Result.REMOVED]: "brought home",
    RESULTS[Result.RETAINED]: "brought home, the server keeps a copy here",
}


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
        _table(("target", "folder", "what", "items", "oldest", "why"), lines, numbers=(3,))


def show_outcomes(outcomes: Sequence[Outcome], plan: Plan) -> None:
    """What became of the items. A stray that left for home was carried there first, and is so called."""
    strays = {(part.place, key) for target in plan.targets for part in target.of(Refile) for key in part.keys}
    rest, carried = _divided(outcomes, strays)
    lines = [(row, row[2]) for row in outcome_rows(rest)]
    lines += [(row, _HOMEWARD.get(row[2], row[2])) for row in outcome_rows(carried)]
    cells = [
        (target, folder, words + (f" until {until}" if until else ""), f"{count:,}")
        for (target, folder, _, count, until), words in sorted(lines)
    ]
    if cells:
        _table(("target", "folder", "what happened", "items"), cells, numbers=(3,))


def _divided(
    outcomes: Sequence[Outcome], strays: Set[tuple[Place, Key]]
) -> tuple[list[Outcome], list[Outcome]]:
    """The outcomes of what is no stray, and those of strays."""
    parts: tuple[list[Outcome], list[Outcome]] = ([], [])
    for outcome in outcomes:
        for is_stray, part in enumerate(parts):
            keys = tuple(key for key in outcome.keys if ((outcome.place, key) in strays) == bool(is_stray))
            if keys:
                part.append(replace(outcome, keys=keys))
    return parts


def show_findings(findings: Sequence[Finding]) -> None:
    """The findings, a sentence each, on the error output: they are heard with --quiet too."""
    for finding in findings:
        click.echo(f"! {finding.target}: {finding_sentence(finding)}", err=True)


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Bars on a terminal, nothing elsewhere (a journal has the log)."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Progress()
        return
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

        yield Progress(looked, done)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], numbers: tuple[int, ...] = ()) -> None:
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
