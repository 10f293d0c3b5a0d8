"""Every step back: what was put there is taken away, and what was changed since, or is evidence, is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from retentiond.config import load
from retentiond.errors import RetentionError
from retentiond.install import receipt
from retentiond.install.contents import CONFIGURATION, CREDENTIALS, LOCAL, SERVICE, STATE, TIMER, USER, VENDOR
from retentiond.install.machine import Machine
from retentiond.install.step import Step, What, command, removal, stopping


def undoing(machine: Machine) -> list[Step]:
    """Every step back. What was changed since is left, and so is all that is in no receipt."""
    files = receipt.read(machine)
    units = [unit for unit in (SERVICE, TIMER) if _has_unit(machine, unit)]
    found = [stopping(machine, unit) for unit in units]
    for path, digest in sorted(files.items(), reverse=True):
        found.append(removal(machine, path, digest))
    if machine.is_booted and files:
        found.append(command(machine, What.RELOAD, "systemctl", "systemctl", "daemon-reload"))
    return found


def left(machine: Machine) -> Iterator[str]:
    """What stays when everything was undone: evidence, keys, what is somebody's own."""
    ledger = STATE
    with suppress(RetentionError):  # one that is broken says nothing of a place, and is no hindrance
        ledger = str(load(machine.at(CONFIGURATION)).ledger.directory)
    for path in dict.fromkeys((STATE, ledger, CONFIGURATION)):
        if machine.at(path).exists():
            yield path
    yield from sorted(f"{CREDENTIALS}/{each.name}" for each in machine.at(CREDENTIALS).glob("retentiond.*"))
    if USER in machine.names("/etc/passwd"):
        yield f"the user {USER}"


def _has_unit(machine: Machine, unit: str) -> bool:
    return any(machine.at(f"{layout.units}/{unit}").exists() for layout in (LOCAL, VENDOR))
