"""One step of the installation: what it sees to, where, how it stands, and the taking of it.

Each step can be taken twice. A file that somebody changed by hand is never overwritten, nor removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from retentiond.install import receipt
from retentiond.install.machine import Machine


class What(StrEnum):
    """What a step sees to; the command line has a sentence for each."""

    SYSUSERS = "sysusers"
    TMPFILES = "tmpfiles"
    USER = "user"
    EXAMPLE = "example"
    FOLDERS = "folders"
    UNIT = "unit"
    CREDENTIALS = "credentials"
    LEDGER = "ledger"
    LEDGER_FOLDER = "ledger folder"
    LETTERS = "letters"
    CREDENTIAL = "credential"
    KEY = "key"
    RELOAD = "reload"
    START = "start"
    STOP = "stop"
    REMOVE = "remove"


class State(StrEnum):
    """How a step stands before it is taken."""

    TO_DO = "to do"
    DONE = "there already"
    SHIPPED = "by the package"
    KEPT = "changed by hand"
    LATER = "on the machine itself"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `do` takes it, and says whether it could be taken; raises InstallFailed."""

    what: What
    place: str
    state: State
    do: Callable[[], bool]


def file(machine: Machine, what: What, path: str, text: str) -> Step:
    """A file of ours: written where it is missing or still as we wrote it, else left."""
    is_there, wanted = machine.digest(path), digest_of(text)
    if is_there == wanted:
        state = State.DONE
    elif not is_there or is_there == receipt.read(machine).get(path):
        state = State.TO_DO
    else:
        state = State.KEPT

    def do() -> bool:
        machine.make_folder(path.rpartition("/")[0], 0o755)
        received(machine, path, machine.put(path, text.encode()))
        return True

    return Step(what, path, state, do)


def received(machine: Machine, path: str, digest: str) -> None:
    """Enters a file that was put there."""
    receipt.write(machine, receipt.read(machine) | {path: digest})


def removal(machine: Machine, path: str, digest: str) -> Step:
    """Removes a file that we put there, unless it was changed since."""
    is_there = machine.digest(path)

    def do() -> bool:
        machine.remove(path)
        files = receipt.read(machine)
        files.pop(path, None)
        receipt.write(machine, files)
        return True

    state = State.TO_DO if is_there in (digest, "") else State.KEPT
    return Step(What.REMOVE, path, state, do)


def command(machine: Machine, what: What, place: str, *words: str) -> Step:
    """A command of systemd."""

    def do() -> bool:
        machine.run(*words)
        return True

    return Step(what, place, State.TO_DO, do)


def stopping(machine: Machine, unit: str) -> Step:
    """A unit that runs no more, now and at each boot."""
    return command(machine, What.STOP, unit, "systemctl", "disable", *now(machine), unit)


def now(machine: Machine) -> tuple[str, ...]:
    """What makes systemctl do at once what it does for each boot, on a machine that runs."""
    return ("--now",) if machine.is_booted else ()


def digest_of(text: str) -> str:
    """SHA-256 of a text that would be written."""
    return hashlib.sha256(text.encode()).hexdigest()
