"""A monthly report as text, as a page, and as JSON: the same words each time."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import fill
from typing import Any, Final

from retentiond.report.monthly import Paper
from retentiond.report.tables import SCHEMA_VERSION

_COLUMNS: Final = (
    ("target", "target"),
    ("destroyed", "destroyed"),
    ("removed_only", "only removed"),
    ("brought_home", "brought home"),
    ("undone", "not done"),
    ("held", "held"),
    ("review", "for review"),
)

#: What a reader must know of the columns. Held and for review come from the last look, not from the month.
LEGEND: Final = (
    "Only removed: gone from the mailbox, but the server keeps a copy, or may. Not done: tried in vain, each"
    " night counted; a later night may have done it. Held and for review: as of the service's last look,"
    " with ? where there was none."
)


def as_text(told: Paper) -> str:
    """For a terminal, or the text of a mail: at most 100 columns."""
    rows = [tuple(name for _, name in _COLUMNS)]
    rows += [tuple(getattr(line, key) for key, _ in _COLUMNS) for line in (*told.lines, told.totals)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    table = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    parts = [
        f"Retention report for {told.title}",
        "\n".join([told.verdict, *(f"  ! {reason}" for reason in told.reasons)]),
        "\n".join(table),
        LEGEND,
    ]
    kept = [
        f"{line.target}: the server keeps copies until {line.kept_until}."
        for line in told.lines
        if line.kept_until
    ]
    for block in (kept, [told.letters] if told.letters else [], told.holds, told.events):
        if block:
            parts.append("\n".join(block))
    parts.append("\n".join((*told.elsewhere, f"Not in our reach: {', '.join(told.out_of_reach)}.")))
    parts.append(told.proof)
    lines = "\n\n".join(parts).splitlines()
    return (
        "\n".join(fill(line, 100, break_long_words=False) if "  " not in line else line for line in lines)
        + "\n"
    )


def as_document(told: Paper) -> str:
    """One JSON document, with the words of the page."""
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "what": "report", **asdict(told)}
    return json.dumps(document, indent=2)


def as_page(told: Paper) -> str:
    """One page of HTML that loads nothing: no script, no picture, no font from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    rooms = Environment(
        loader=PackageLoader("retentiond.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return rooms.get_template("monthly.html").render(told=told, columns=_COLUMNS, legend=LEGEND)
