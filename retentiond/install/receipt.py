"""A receipt for every file that was put there, so that just these can be taken away again.

The ledger's key never stands in it, nor the ledger: what is not in it is not removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from retentiond.install.machine import Machine

#: In a folder of root's own: whoever can change the receipt says what root removes.
PLACE: Final = "/etc/retentiond/installed.json"
_SCHEMA: Final = 1


def read(machine: Machine) -> dict[str, str]:
    """The paths that were written, each with its digest; nothing where there is no receipt, or one that
    cannot be read: then everything that is there was somebody else's, and is left."""
    try:
        document = json.loads(machine.at(PLACE).read_text("utf-8"))
        files = document["files"] if document["schema"] == _SCHEMA else {}
        return {str(path): str(digest) for path, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(machine: Machine, files: Mapping[str, str]) -> None:
    """Keeps the receipt; an empty one is removed. Raises InstallFailed."""
    if not files:
        machine.remove(PLACE)
        return
    document = json.dumps({"schema": _SCHEMA, "files": dict(sorted(files.items()))}, indent=2)
    machine.make_folder(PLACE.rpartition("/")[0], 0o750)
    machine.put(PLACE, document.encode() + b"\n", 0o600)
