"""Where Microsoft's own schemas lie, if they do: nothing of them is in this repository."""

from __future__ import annotations

import os
from pathlib import Path

ABSENT = "Microsoft's schemas are not beside this checkout; set RETENTIOND_SCHEMAS to check them"


def schema_file(name: str) -> Path | None:
    """A file below $RETENTIOND_SCHEMAS, or in `shared/schemas` beside the checkout; None where absent."""
    named = os.environ.get("RETENTIOND_SCHEMAS")
    root = Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared/schemas"
    return root / name if (root / name).exists() else None
