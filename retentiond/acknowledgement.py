"""Somebody has seen a finding: it is still told daily, but not to the second recipient, for two weeks.

Who says so is another process than the service, which owns its own file; so this is a file of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from retentiond.core.promises import Concern
from retentiond.files import write_private

FILE: Final = "acknowledged.json"


def write(directory: Path, concerns: Iterable[Concern], now: datetime, who: str) -> None:
    """Notes that these were seen, in the place of what was noted before. Raises OSError."""
    rows = [
        {"target": each.target, "cause": each.cause, "folder": each.folder, "seen": now.isoformat()}
        for each in concerns
    ]
    write_private(directory / FILE, json.dumps({"who": who, "rows": rows}, indent=1) + "\n")


def applied(directory: Path, concerns: Iterable[Concern]) -> tuple[Concern, ...]:
    """The concerns, each with when it was seen. One that came back after that was seen by nobody; what
    cannot be read or understood was seen by nobody either."""
    try:
        told = json.loads((directory / FILE).read_text(encoding="utf-8"))
        seen = dict(map(_row, told["rows"]))
    except (OSError, ValueError, KeyError, TypeError):
        seen = {}
    return tuple(
        replace(each, seen=seen[each.key] if each.key in seen and seen[each.key] >= each.since else None)
        for each in concerns
    )


def _row(row: dict[str, Any]) -> tuple[tuple[str, str, str], datetime]:
    return (row["target"], row["cause"], row["folder"]), datetime.fromisoformat(row["seen"]).astimezone(UTC)
