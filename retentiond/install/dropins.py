"""What a site opens beyond the closed unit is read from its configuration, and each line says why.

Text only. What the machine knows of a folder of letters is looked up by `ground_of`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Final

from retentiond.config import Config, LettersSettings, SecretReference, Source
from retentiond.install.contents import ADMINS, CREDENTIALS, STATE, USER
from retentiond.mailbox.letters_bins import bins_outside
from retentiond.mailbox.letters_disk import mount_of

_CREDENTIALS_HEAD: Final = """\
# A line for each credential that the configuration names; `retentiond install --systemd` writes them. One
# that is missing stops the start (243/CREDENTIALS).
[Service]
"""

_LEDGER: Final = """\
# The ledger lies in a folder of its own; `retentiond install --systemd` writes this from the configuration.
[Unit]
RequiresMountsFor={plain}

[Service]
# Loosened: the ledger is written there, and whatever else the service remembers. Nothing in it is ever run.
ReadWritePaths={path}
NoExecPaths={path}
"""

_LEDGER_FOLDER: Final = """\
# The ledger's folder, the service's alone. It is there before `retentiond ledger init`.
d {path} 0700 {user} {group} -
"""

_LETTERS_HEAD: Final = """\
# Where letters are kept in folders; `retentiond install --systemd` writes it from the configuration.
[Unit]
# A share is mounted first, where it can be. If it is not, that target alone is reported as absent.
After=remote-fs.target

[Service]
"""

_LEASE: Final = """\
# Loosened: a lease on a letter says that nobody else has it open; only its owner may take one without this.
# It opens no file: the service's own rights on the folder do (docs/admin/letters.md).
CapabilityBoundingSet=CAP_LEASE
AmbientCapabilities=CAP_LEASE
"""

_OPENED: Final = """\
# Loosened: letters are destroyed in this folder, so it must be written to. Nothing in it is ever run.
"""

_HOMES: Final = """\
# Loosened: what is deleted from the folder may lie in a bin in this home. Every other home stays hidden.
ProtectHome=tmpfs
"""

#: What ProtectHome= hides.
_HIDDEN: Final = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the machine knows of one folder of letters: bins of its disk, and homes with bins."""

    directory: str
    bins: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()


def credential_names(config: Config) -> tuple[str, ...]:
    """The credentials that a configuration names, wherever in it, each once."""
    names = [each.place for each in _references(config) if each.source is Source.CREDENTIAL]
    return tuple(dict.fromkeys(names))


def _references(value: object) -> Iterator[SecretReference]:
    if isinstance(value, SecretReference):
        yield value
    elif isinstance(value, Mapping):
        yield from (found for each in value.values() for found in _references(each))
    elif isinstance(value, tuple):
        yield from (found for each in value for found in _references(each))
    elif is_dataclass(value):
        yield from (found for each in fields(value) for found in _references(getattr(value, each.name)))


def is_key(config: Config, name: str) -> bool:
    """Whether this credential is the ledger's key."""
    key = config.ledger.key
    return key.source is Source.CREDENTIAL and key.place == name


def credential_place(name: str) -> str:
    """Where a credential lies, encrypted."""
    return f"{CREDENTIALS}/retentiond.{name}"


def credentials_text(names: Iterable[str]) -> str:
    """The drop-in that loads these credentials."""
    lines = [f"LoadCredentialEncrypted={name}:{_specifiers(credential_place(name))}\n" for name in names]
    return _CREDENTIALS_HEAD + "".join(lines)


def is_usual(config: Config) -> bool:
    """Whether the ledger lies where the unit lets the service write anyway."""
    return _is_within(str(config.ledger.directory), STATE)


def ledger_text(directory: str) -> str:
    """The drop-in that opens the ledger's folder."""
    return _LEDGER.format(plain=_path(directory), path=_path(directory, "-"))


def ledger_folder_text(directory: str) -> str:
    """What makes the ledger's folder (tmpfiles.d(5))."""
    return _LEDGER_FOLDER.format(path=_path(directory), user=USER, group=ADMINS)


def letters_text(grounds: Sequence[Ground]) -> str:
    """The drop-in that opens these folders of letters, and nothing beside them."""
    said = [_LETTERS_HEAD, _LEASE]
    homes = list(dict.fromkeys(home for ground in grounds for home in ground.homes))
    for ground in grounds:
        said.append(_OPENED)
        for path in (ground.directory, *ground.bins):
            if _is_hidden(path) and not any(_is_within(path, home) for home in homes):
                homes.append(path)
            said.append(f"ReadWritePaths={_path(path, '-')}\nNoExecPaths={_path(path, '-')}\n")
    if homes:
        said += [_HOMES, *(f"BindPaths={_path(home).replace(':', chr(92) + ':')}\n" for home in homes)]
    return "".join(said)


def ground_of(letters: LettersSettings) -> Ground:
    """What this machine knows of the folder today. A bin that is made later is a finding (it cannot be
    written to), and installing again opens it."""
    directory = str(letters.directory)
    users = [letters.manager, *([letters.deputy] if letters.deputy else [])]
    homes = tuple(home for user in users if (home := _home(user)) and _is_hidden(home))
    bins: list[str] = []
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found, _ = bins_outside(os.path.realpath(directory), mount_of(descriptor), letters.bins, users)
            bins = [each.path for each in found if not any(_is_within(each.path, home) for home in homes)]
        finally:
            os.close(descriptor)
    return Ground(directory, tuple(bins), homes)


def _home(user: str) -> str:
    """Where a user is at home, if that place exists."""
    with suppress(KeyError, ValueError):
        home = pwd.getpwnam(user).pw_dir
        return home if Path(home).is_dir() else ""
    return ""


def _is_hidden(path: str) -> bool:
    return any(_is_within(path, place) for place in _HIDDEN)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _path(path: str, sign: str = "") -> str:
    """A path as systemd reads it: `%` begins a specifier, a blank ends a word; a `-` before it forgives that
    it is not there, which the program itself then says."""
    escaped = _specifiers(sign + path.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{escaped}"' if any(sign.isspace() for sign in path) else escaped


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
