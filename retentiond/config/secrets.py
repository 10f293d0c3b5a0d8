"""A secret's place is checked before anything is connected to; its value is read on connecting only.

No value is kept, shown or logged, and no error carries one.
"""

from __future__ import annotations

import os
import shlex
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from retentiond.config.accounts import SecretReference, Source
from retentiond.errors import Fault, PermissionsTooOpen, SecretMissing

READ_OR_WRITE: Final = 0o6
WRITE: Final = 0o2

_ACL: Final = "system.posix_acl_access"
_USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
_LARGEST: Final = 64 * 1024
_PATIENCE: Final = 60.0


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor for reading. A pipe is not waited for. Raises OSError, or ValueError for a NUL."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def content_of(descriptor: int, largest: int) -> bytes | None:
    """All of an open file; None where it is no regular file, or has more bytes than `largest`."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
        return None
    return b"".join(iter(lambda: os.read(descriptor, 65_536), b""))


def path_of(reference: SecretReference) -> Path | None:
    """The file that holds the secret; None where none does, or where systemd passed no credentials."""
    match reference.source:
        case Source.FILE:
            return Path(reference.place)
        case Source.CREDENTIAL if directory := os.environ.get("CREDENTIALS_DIRECTORY"):
            return Path(directory) / reference.place
        case _:
            return None


def too_open(path: Path | int, bits: int = READ_OR_WRITE) -> str | None:
    """To whom a file (a path or a descriptor) is open who should not have `bits` of it: "its group",
    "everybody" or "other users"; None where to nobody, or where the file cannot be seen.

    With an access control list the group bits of a mode are the list's mask, not the group's rights:
    systemd hands credentials over as `r--r-----` plus one named user, which is right as it is.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 — a descriptor too
    except (OSError, ValueError):
        return None
    if mode & bits:
        return "everybody"
    if not mode & (bits << 3):
        return None
    try:
        entries = os.getxattr(path, _ACL)[4:]
    except OSError:
        return "its group"
    return _open_by_list(entries, bits)


def _open_by_list(entries: bytes, bits: int) -> str | None:
    """The same for an access control list (acl(5); 8 bytes an entry: tag, rights, id)."""
    rights = list(struct.iter_unpack("<HHI", entries))
    mask = next((allowed for tag, allowed, _ in rights if tag == _MASK), 0o7)
    for tag, allowed, identity in rights:
        if not allowed & mask & bits:
            continue
        if tag in (_GROUP_OBJ, _GROUP):
            return "its group" if tag == _GROUP_OBJ else "another group"
        # Root cannot know which user the service runs as, so a named user is believed to be it.
        if tag == _USER and os.geteuid() != 0 and identity not in (0, os.geteuid()):
            return "other users"
    return None


def openness(reference: SecretReference, file: str, line: int | None, key: str) -> Fault | None:
    """What is wrong with the place of a secret. A place that is not there yet is not wrong."""
    path = path_of(reference)
    whom = path and too_open(path)
    if not path or not whom:
        return None
    way_on = f"chmod 400 {shlex.quote(str(path))}"
    return Fault(file, line, key, f"the file that holds this secret is open to {whom}", way_on)


def read_secret(reference: SecretReference) -> str:
    """The secret as text, without the one newline at its end.

    Raises SecretMissing where it is not there, is empty or has more than one line (the rest would
    break out of the command that sends it), PermissionsTooOpen where others can read it.
    """
    try:
        value = read_secret_bytes(reference).decode("utf-8")
    except UnicodeDecodeError:
        raise _missing(reference, "it is not UTF-8 text") from None
    if value.endswith("\n"):
        value = value[:-1].removesuffix("\r")
    if not value:
        raise _missing(reference, "it is empty")
    if not {"\n", "\r", "\0"}.isdisjoint(value):
        raise _missing(reference, "it has more than one line")
    return value


def read_secret_bytes(reference: SecretReference) -> bytes:
    """The secret as it is kept, to the last byte (a key of random bytes). Raises like `read_secret`."""
    match reference.source:
        case Source.ENV:
            value = os.environb.get(os.fsencode(reference.place))
            if value is None:
                raise _missing(reference, "this variable is not set")
            return value
        case Source.COMMAND:
            return _answer(reference)
        case _:
            return _content(reference)


def _content(reference: SecretReference) -> bytes:
    path = path_of(reference)
    if path is None:
        raise _missing(reference, "only systemd passes it", "as-service")
    try:
        with opened(path) as descriptor:
            # Asked again of the very file that is read: it may have been another one at the start.
            if whom := too_open(descriptor):
                what = f"the file that holds this secret is open to {whom}"
                raise PermissionsTooOpen(
                    (Fault(str(path), None, reference.owner, what, f"chmod 400 {shlex.quote(str(path))}"),)
                )
            content = content_of(descriptor, _LARGEST)
    except FileNotFoundError:
        raise _missing(reference, "this file is not there") from None
    except PermissionError:
        raise _missing(reference, "this user may not read it", "closed") from None
    except (OSError, ValueError):
        raise _missing(reference, "this file cannot be read") from None
    if content is None:
        raise _missing(reference, "this is not a file, or too large")
    return content


def _answer(reference: SecretReference) -> bytes:
    """What the command prints. What it says on its error output is not ours to pass on."""
    try:
        done = subprocess.run(  # noqa: S603 — the administrator's own command, without a shell
            [reference.place, *reference.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _missing(reference, f"this command did not end within {_PATIENCE:.0f} seconds") from None
    except (OSError, ValueError):
        raise _missing(reference, "this command could not be started") from None
    if done.returncode != 0:
        raise _missing(reference, f"this command failed (status {done.returncode})")
    return done.stdout


def _missing(reference: SecretReference, what: str, way: str = "") -> SecretMissing:
    return SecretMissing(reference.owner, f"{reference} ({what})", way)
