"""Tables and progress for a terminal; plain lines where there is none."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from retentiond.audit import NOBODY_HEARS, Progress
from retentiond.cli.caller import caller
from retentiond.core.deeds import Outcome
from retentiond.core.findings import Finding
from retentiond.core.plan import Plan
from retentiond.locks import Holder, Waiting
from retentiond.report.tables import outcome_rows, rows
from retentiond.report.words import DEEDS, HOLDERS, finding_sentence

#: How many letters the last column has at least where the others are not to be broken.
_LAST = 10


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


def show_findings(findings: Sequence[Finding], *, is_today: bool = True) -> None:
    """The findings, a sentence each, on the error output: they are heard with --quiet too."""
    for finding in findings:
        click.echo(f"! {finding.target}: {finding_sentence(finding, is_today=is_today)}", err=True)


@contextmanager
def progress(quiet: bool, what: str = "sweep") -> Iterator[Progress]:
    """Bars on a terminal, nothing elsewhere (a journal has the log). SIGTERM ends after the batch in hand.

    `what` is done under the mailboxes' locks; that one is waited for is told at once, and for whom.
    """
    who = caller()
    if who is not None:
        yield replace(who.progress, waiting=waiting(quiet, what))
        return
    with _own_progress(quiet) as seen:
        yield replace(seen, waiting=replace(waiting(quiet, what), is_over=seen.should_stop))


def waiting(quiet: bool, what: str) -> Waiting:
    """As whom locks are taken for `what`; what is waited for is told, unless quiet was asked for."""
    who = caller()
    found = Waiting(what) if who is None else Waiting(what, who.request.peer.uid, is_over=who.should_stop)
    return found if quiet else replace(found, begins=_say_waits, ends=_say_waited)


def _say_waits(name: str, holder: Holder | None) -> None:
    if holder is None:
        click.echo(f"{name}: somebody else has it; waiting", err=True)
    else:
        whose = f"{HOLDERS.get(holder.what, 'another command')} (process {holder.pid}, user id {holder.uid})"
        click.echo(f"{name}: {whose} has it; waiting", err=True)


def _say_waited(name: str, seconds: float, is_had: bool) -> None:
    click.echo(f"{name}: {'had' if is_had else 'not had'} after {seconds:.1f} seconds", err=True)


@contextmanager
def _own_progress(quiet: bool) -> Iterator[Progress]:
    is_stopped = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: is_stopped.set())
    try:
        with bars(quiet) as seen:
            yield replace(seen, should_stop=is_stopped.is_set)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def bars(quiet: bool) -> Iterator[Progress]:
    """What is looked at and done, where somebody sees it, and nothing else draws on that terminal."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or _is_piped():
        yield NOBODY_HEARS
    else:
        with _bars() as (looked, done):
            yield Progress(looked, done)


def _is_piped() -> bool:
    """Whether another program (less, tee) shows what is said here, on the same terminal as a rule."""
    try:
        return stat.S_ISFIFO(os.fstat(1).st_mode)
    except OSError:
        return False


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
    if sys.stdout.isatty():
        _show_to_person(head, lines, numbers)
        return
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    for line in (head, *lines):
        cells = (
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())


def _show_to_person(head: Sequence[str], lines: Sequence[Sequence[str]], numbers: tuple[int, ...]) -> None:
    """No letter is left out, whatever the width: the last column is broken first."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    who = caller()
    console = Console(width=who.request.columns or None if who is not None else None)
    *widths, last = [max(cell_len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    has_room = sum(widths) + 2 * len(widths) + min(last, _LAST) <= console.width
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for i, name in enumerate(head):
        is_whole = has_room and i < len(widths)
        table.add_column(name, justify="right" if i in numbers else "left", no_wrap=is_whole, overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(table)
