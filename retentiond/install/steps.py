"""What is to be done is known whole before anything is done, and what is done already is left as it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from retentiond.config import Config, LettersSettings, example
from retentiond.install import receipt
from retentiond.install.contents import (
    ADMINS,
    CONFIGURATION,
    CREDENTIALS,
    CREDENTIALS_DROP_IN,
    LEDGER_DROP_IN,
    LEDGER_TMPFILES,
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
    Ground,
    credential_names,
    credential_place,
    credentials_text,
    ground_of,
    is_key,
    is_usual,
    ledger_folder_text,
    ledger_text,
    letters_text,
)
from retentiond.install.machine import Machine
from retentiond.install.step import (
    State,
    Step,
    What,
    command,
    digest_of,
    file,
    now,
    received,
    removal,
    stopping,
)
from retentiond.ledger import is_founded

#: Asks for a credential by its name and whether it is the ledger's key. None: not now. Empty: make a key.
Ask: TypeAlias = Callable[[str, bool], bytes | None]


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

    @property
    def other(self) -> str:
        """What excludes it."""
        return SERVICE if self.has_timer else TIMER


def is_example(machine: Machine) -> bool:
    """Whether the configuration is still the example, in which nothing is anybody's own."""
    return machine.digest(CONFIGURATION) == digest_of(example())


def steps(machine: Machine, config: Config | None, wishes: Wishes, ask: Ask) -> list[Step]:
    """Every step, in the order in which they are taken. `config` is None where there is none of its own."""
    shipped = [part for part in PARTS if wishes.has_timer or not part.is_for_timer]

    def parts(kind: Kind) -> list[Step]:
        return [step for part in shipped if part.kind is kind for step in _part(machine, part, wishes)]

    found = [*parts(Kind.SYSUSERS), _user(machine), _example(machine)]
    found += [*parts(Kind.TMPFILES), *_ledger_folder(machine, config), _folders(machine, config)]
    found += parts(Kind.UNIT)
    found += _drop_ins(machine, config, wishes)
    if config is not None:
        found += [_credential(machine, config, name, ask) for name in credential_names(config)]
    if machine.is_booted and any(step.state is State.TO_DO for step in found):
        found.append(command(machine, What.RELOAD, "systemctl", "systemctl", "daemon-reload"))
    if wishes.is_started:
        found += [stopping(machine, wishes.other)] if _is_enabled(machine, wishes.other) else []
        found.append(
            command(machine, What.START, wishes.unit, "systemctl", "enable", *now(machine), wishes.unit)
        )
    return found


# ── single steps ─────────────────────────────────────────────────────────────────────────────────


def _part(machine: Machine, part: Part, wishes: Wishes) -> Iterator[Step]:
    """A file that is shipped. Where the package has it, one of ours in /etc would go before it."""
    what = {Kind.SYSUSERS: What.SYSUSERS, Kind.TMPFILES: What.TMPFILES, Kind.UNIT: What.UNIT}[part.kind]
    vendor, local = part.place(VENDOR), part.place(LOCAL)
    if not machine.at(vendor).exists():
        yield file(machine, what, local, text_of(part, wishes.program))
        return
    yield Step(what, vendor, State.SHIPPED, lambda: True)
    if digest := receipt.read(machine).get(local):
        yield removal(machine, local, digest)


def _user(machine: Machine) -> Step:
    users, groups = machine.names("/etc/passwd"), machine.names("/etc/group")
    is_there = USER in users and USER in groups and USER in groups.get(ADMINS, "").split(",")
    step = command(machine, What.USER, USER, "systemd-sysusers", "retentiond.conf")
    return Step(step.what, step.place, State.DONE if is_there else State.TO_DO, step.do)


def _ledger_folder(machine: Machine, config: Config | None) -> Iterator[Step]:
    """The ledger's own folder is made at each boot too; what is in it is nobody's to remove."""
    path = f"{LOCAL.base}/{Kind.TMPFILES}/{LEDGER_TMPFILES}"
    if config is not None and not is_usual(config):
        yield file(machine, What.LEDGER_FOLDER, path, ledger_folder_text(str(config.ledger.directory)))
    elif config is not None and (digest := receipt.read(machine).get(path)):
        yield removal(machine, path, digest)


def _folders(machine: Machine, config: Config | None) -> Step:
    wanted = {CONFIGURATION.rpartition("/")[0]: 0o750, STATE: 0o700, CONFIGURATION: 0o640}
    names = ["retentiond.conf"]
    if config is not None and not is_usual(config):
        wanted[str(config.ledger.directory)] = 0o700
        names.append(LEDGER_TMPFILES)
    is_done = all(machine.mode(path) == mode for path, mode in wanted.items())
    step = command(machine, What.FOLDERS, STATE, "systemd-tmpfiles", "--create", *names)
    return Step(step.what, step.place, State.DONE if is_done else State.TO_DO, step.do)


def _example(machine: Machine) -> Step:
    """The example, where there is no configuration at all; what is there is never overwritten."""

    def do() -> bool:
        machine.make_folder(CONFIGURATION.rpartition("/")[0], 0o750)
        received(machine, CONFIGURATION, machine.put(CONFIGURATION, example().encode(), 0o640, ADMINS))
        return True

    state = State.DONE if machine.at(CONFIGURATION).exists() else State.TO_DO
    return Step(What.EXAMPLE, CONFIGURATION, state, do)


def _drop_ins(machine: Machine, config: Config | None, wishes: Wishes) -> Iterator[Step]:
    """What the configuration needs of the unit, for each of the units; what it needs no more is removed."""
    texts = {CREDENTIALS_DROP_IN: "", LEDGER_DROP_IN: "", LETTERS_DROP_IN: ""}
    if config is not None and (names := credential_names(config)):
        texts[CREDENTIALS_DROP_IN] = credentials_text(names)
    if config is not None and not is_usual(config):
        texts[LEDGER_DROP_IN] = ledger_text(str(config.ledger.directory))
    if config is not None and config.letters:
        texts[LETTERS_DROP_IN] = letters_text([_ground(machine, each) for each in config.letters])
    whats = {
        CREDENTIALS_DROP_IN: What.CREDENTIALS,
        LEDGER_DROP_IN: What.LEDGER,
        LETTERS_DROP_IN: What.LETTERS,
    }
    files = receipt.read(machine)
    for unit in (SERVICE, ONCE) if wishes.has_timer else (SERVICE,):
        for name, text in texts.items():
            path = f"{LOCAL.units}/{unit}.d/{name}"
            if text:
                yield file(machine, whats[name], path, text)
            elif config is not None and path in files:
                yield removal(machine, path, files[path])


def _ground(machine: Machine, letters: LettersSettings) -> Ground:
    """Of another machine's homes and bins this one knows nothing; `install` typed there opens them."""
    return ground_of(letters) if machine.is_here else Ground(str(letters.directory))


def _credential(machine: Machine, config: Config, name: str, ask: Ask) -> Step:
    path, key = credential_place(name), is_key(config, name)

    def do() -> bool:
        value = ask(name, key)
        may_be_made = key and not is_founded(machine.at(str(config.ledger.directory)))
        if value is None or not (value or may_be_made):  # a new key opens no ledger that is there
            return False
        value = value or secrets.token_hex(32).encode()
        machine.make_folder(CREDENTIALS, 0o700)
        sealed = machine.run("systemd-creds", "encrypt", f"--name={name}", "-", "-", given=value)
        digest = machine.put(path, sealed, 0o600)
        if not key:  # the key is in no receipt: nothing of ours ever removes it
            received(machine, path, digest)
        return True

    state = State.DONE if machine.at(path).exists() else State.TO_DO if machine.is_here else State.LATER
    return Step(What.KEY if key else What.CREDENTIAL, path, state, do)


def _is_enabled(machine: Machine, unit: str) -> bool:
    wanted = "timers" if unit == TIMER else "multi-user"
    return machine.at(f"{LOCAL.units}/{wanted}.target.wants/{unit}").is_symlink()
