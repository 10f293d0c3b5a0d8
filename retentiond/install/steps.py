"""What is to be done is known whole before anything is done, and what is done already is left as it is.

Each step can be taken twice. A file that somebody changed by hand is never overwritten.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from retentiond.config import Config, example
from retentiond.install import receipt
from retentiond.install.contents import (
    ADMINS,
    CONFIGURATION,
    CREDENTIALS,
    CREDENTIALS_DROP_IN,
    LETTERS_DROP_IN,
    LOCAL,
    ONCE,
    PARTS,
    PROGRAM,
    SERVICE,
    STATE,
    TIMER,
    USER,
    VENDOR,
    Kind,
    Part,
    text_of,
)
from retentiond.install.dropins import (
    credential_names,
    credential_place,
    credentials_text,
    ground_of,
    is_key,
    letters_text,
)
from retentiond.install.machine import Machine

#: Asks for a credential by its name and whether it is the ledger's key. None: not now. Empty: make a key.
Ask: TypeAlias = Callable[[str, bool], bytes | None]


class What(StrEnum):
    """What a step sees to; the command line has a sentence for each."""

    SYSUSERS = "sysusers"
    TMPFILES = "tmpfiles"
    USER = "user"
    EXAMPLE = "example"
    FOLDERS = "folders"
    UNIT = "unit"
    CREDENTIALS = "credentials"
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


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for: the program that units start, a timer in the service's stead, a start."""

    program: str = PROGRAM
    has_timer: bool = False
    is_started: bool = False

    @property
    def unit(self) -> str:
        """What is started at boot."""
        return TIMER if self.has_timer else SERVICE


def is_example(machine: Machine) -> bool:
    """Whether the configuration is still the example, in which nothing is anybody's own."""
    return machine.digest(CONFIGURATION) == _digest(example())


def steps(machine: Machine, config: Config | None, wishes: Wishes, ask: Ask) -> list[Step]:
    """Every step, in the order in which they are taken. `config` is None where there is none of its own."""
    shipped = [part for part in PARTS if wishes.has_timer or not part.is_for_timer]

    def parts(kind: Kind) -> list[Step]:
        return [_part(machine, part, wishes) for part in shipped if part.kind is kind]

    found = [*parts(Kind.SYSUSERS), _user(machine), _example(machine)]
    found += [*parts(Kind.TMPFILES), _folders(machine), *parts(Kind.UNIT)]
    found += _drop_ins(machine, config, wishes)
    if config is not None:
        found += [_credential(machine, config, name, ask) for name in credential_names(config)]
    if machine.is_booted and any(step.state is State.TO_DO for step in found):
        found.append(command(machine, What.RELOAD, "systemctl", "systemctl", "daemon-reload"))
    if wishes.is_started:
        now = ("--now",) if machine.is_booted else ()
        found.append(command(machine, What.START, wishes.unit, "systemctl", "enable", *now, wishes.unit))
    return found


# ── single steps ─────────────────────────────────────────────────────────────────────────────────


def _part(machine: Machine, part: Part, wishes: Wishes) -> Step:
    what = {Kind.SYSUSERS: What.SYSUSERS, Kind.TMPFILES: What.TMPFILES, Kind.UNIT: What.UNIT}[part.kind]
    vendor = part.place(VENDOR)
    if machine.at(vendor).exists():
        return Step(what, vendor, State.SHIPPED, lambda: True)
    return _file(machine, what, part.place(LOCAL), text_of(part, wishes.program))


def _file(machine: Machine, what: What, path: str, text: str) -> Step:
    """A file of ours: written where it is missing or still as we wrote it, else left."""
    is_there, wanted = machine.digest(path), _digest(text)
    if is_there == wanted:
        state = State.DONE
    elif not is_there or is_there == receipt.read(machine).get(path):
        state = State.TO_DO
    else:
        state = State.KEPT

    def do() -> bool:
        machine.make_folder(path.rpartition("/")[0], 0o755)
        _received(machine, path, machine.put(path, text.encode()))
        return True

    return Step(what, path, state, do)


def _received(machine: Machine, path: str, digest: str) -> None:
    receipt.write(machine, receipt.read(machine) | {path: digest})


def _user(machine: Machine) -> Step:
    users, groups = machine.names("/etc/passwd"), machine.names("/etc/group")
    is_there = USER in users and USER in groups and USER in groups.get(ADMINS, "").split(",")
    step = command(machine, What.USER, USER, "systemd-sysusers", "retentiond.conf")
    return Step(step.what, step.place, State.DONE if is_there else State.TO_DO, step.do)


def _folders(machine: Machine) -> Step:
    modes = (machine.mode(CONFIGURATION.rpartition("/")[0]), machine.mode(STATE), machine.mode(CONFIGURATION))
    state = State.DONE if modes in ((0o750, 0o700, 0o640),) else State.TO_DO
    step = command(machine, What.FOLDERS, STATE, "systemd-tmpfiles", "--create", "retentiond.conf")
    return Step(step.what, step.place, state, step.do)


def _example(machine: Machine) -> Step:
    """The example, where there is no configuration at all; what is there is never overwritten."""

    def do() -> bool:
        machine.make_folder(CONFIGURATION.rpartition("/")[0], 0o750)
        _received(machine, CONFIGURATION, machine.put(CONFIGURATION, example().encode(), 0o640, USER))
        return True

    state = State.DONE if machine.at(CONFIGURATION).exists() else State.TO_DO
    return Step(What.EXAMPLE, CONFIGURATION, state, do)


def _drop_ins(machine: Machine, config: Config | None, wishes: Wishes) -> Iterator[Step]:
    """What the configuration needs of the unit, for each of the units; what it needs no more is removed."""
    texts = {CREDENTIALS_DROP_IN: "", LETTERS_DROP_IN: ""}
    if config is not None and (names := credential_names(config)):
        texts[CREDENTIALS_DROP_IN] = credentials_text(names)
    if config is not None and config.letters:
        texts[LETTERS_DROP_IN] = letters_text([ground_of(each) for each in config.letters])
    whats = {CREDENTIALS_DROP_IN: What.CREDENTIALS, LETTERS_DROP_IN: What.LETTERS}
    files = receipt.read(machine)
    for unit in (SERVICE, ONCE) if wishes.has_timer else (SERVICE,):
        for name, text in texts.items():
            path = f"{LOCAL.units}/{unit}.d/{name}"
            if text:
                yield _file(machine, whats[name], path, text)
            elif config is not None and path in files:
                yield removal(machine, path, files[path])


def _credential(machine: Machine, config: Config, name: str, ask: Ask) -> Step:
    path, key = credential_place(name), is_key(config, name)

    def do() -> bool:
        value = ask(name, key)
        if value is None or not (value or key):
            return False
        value = value or secrets.token_hex(32).encode()
        machine.make_folder(CREDENTIALS, 0o700)
        sealed = machine.run("systemd-creds", "encrypt", f"--name={name}", "-", "-", given=value)
        digest = machine.put(path, sealed, 0o600)
        if not key:  # the key is in no receipt: nothing of ours ever removes it
            _received(machine, path, digest)
        return True

    state = State.DONE if machine.at(path).exists() else State.TO_DO if machine.is_here else State.LATER
    return Step(What.KEY if key else What.CREDENTIAL, path, state, do)


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
