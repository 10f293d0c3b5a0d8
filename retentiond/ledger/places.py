"""The ledger's directory: what lies in it, and that nobody but its owner can look in.

`ledger.db` (0600) is the book, `ledger.pub` its public key (PEM), `seals.log` (0600) the seals of all
sweeps. A key that is kept in a file is `ledger.key` (0400) by default, here or elsewhere.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from retentiond.core.chain import HOUSE, Break
from retentiond.errors import Fault, LedgerDamaged, LedgerMissing, PermissionsTooOpen

BOOK = "ledger.db"
PUBLIC = "ledger.pub"
SEALS = "seals.log"


def is_founded(directory: Path) -> bool:
    """Whether a ledger was ever made here: anything of it is there.

    Raises LedgerDamaged where one may not look.
    """
    return any(_is_there(directory / name) for name in (BOOK, SEALS, PUBLIC))


def check_places(directory: Path) -> None:
    """Raises LedgerMissing where nothing is there, LedgerDamaged where only part of it is, and
    PermissionsTooOpen where anybody but the owner could look in."""
    found = [name for name in (BOOK, SEALS, PUBLIC) if _is_there(directory / name)]
    if not found:
        raise LedgerMissing(str(directory))
    if BOOK not in found:
        raise LedgerDamaged(HOUSE, 1, Break.TAIL)
    if SEALS not in found:
        raise LedgerDamaged(HOUSE, None, Break.SEALS)
    if PUBLIC not in found:
        raise LedgerDamaged(HOUSE, None, Break.KEY)
    check_closed(directory)


def check_public(directory: Path, pem: str) -> None:
    """Raises LedgerDamaged where the public key that lies there is another one, or cannot be read."""
    try:
        there = (directory / PUBLIC).read_bytes()
    except OSError:
        raise LedgerDamaged(HOUSE, None, Break.UNWRITABLE) from None
    if there != pem.encode("ascii"):
        raise LedgerDamaged(HOUSE, None, Break.KEY)


def check_closed(directory: Path) -> None:
    """Raises PermissionsTooOpen, listing every file that group or others may use (symbolic links too)."""
    faults = [*_faults(directory, "700")]
    for name in (BOOK, f"{BOOK}-wal", f"{BOOK}-shm", SEALS):
        if _is_there(directory / name):
            faults += _faults(directory / name, "600")
    if faults:
        raise PermissionsTooOpen(tuple(faults))


def _faults(path: Path, mode: str) -> list[Fault]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) and mode == "600":
        return [Fault(str(path), None, "", "this is a symbolic link", "put the file itself here")]
    if path.stat().st_mode & 0o077:
        return [
            Fault(str(path), None, "", "this is open to others", f"chmod {mode} {shlex.quote(str(path))}")
        ]
    return []


def _is_there(path: Path) -> bool:
    """What may not be looked at is not taken for absent, as `os.path.lexists` would."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        raise LedgerDamaged(HOUSE, None, Break.UNWRITABLE) from None
    return True


def meaning(error: OSError) -> Break:
    """What the system's refusal is called here."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return Break.FULL if is_full else Break.UNWRITABLE


def write_new(path: Path, content: bytes, mode: int, directory: Path) -> None:
    """Creates a file that was not there, durably: whole, or not at all. Raises FileExistsError, OSError.

    Whoever owns `directory`, the ledger's, owns the file too.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            os.fchmod(descriptor, mode)  # whatever the umask
            if os.geteuid() == 0:  # an admin founds it for the service, which could not open it otherwise
                owner = directory.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, "")
            os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
