"""Small files: whole or not there at all; those of the state directory are nobody else's to read."""

from __future__ import annotations

import os
from pathlib import Path


def write_public(path: Path, content: bytes) -> None:
    """Writes a file that everybody may read (0644) so that a reader finds the old one or the new one.

    Made for what is written anew every hour: it is not made durable. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o644), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
    temporary.replace(path)


def write_private(path: Path, text: str) -> None:
    """Writes a file (0600) so that a reader, or a power cut, finds the old one or the new one.

    The folder's own entry is made durable too. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if os.geteuid() == 0:  # an admin writes for the service, whose folder it is
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
