"""`seals.log`: the seals of every sweep's end, appended and never rewritten, outside the database.

A line is a minute and a seal; a sweep adds one for each chain that grew, the house's last. They are
written after the commit that they bear witness to, under the file's lock; verification reads both under
the same lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retentiond.core.chain import HOUSE, Break, Seal, seals_in
from retentiond.errors import LedgerDamaged
from retentiond.ledger.places import meaning

#: How much of the file's end is read where only the newest seals are wanted (bytes).
RECENT = 64 * 1024


@dataclass(frozen=True, slots=True)
class SealsLog:
    """The file, held open and locked."""

    descriptor: int

    def read(self, *, only_recent: bool = False) -> tuple[Seal, ...]:
        """The seals in it, oldest first; a line that a power cut left unfinished is not one.

        Raises LedgerDamaged where a line says something else.
        """
        size = os.fstat(self.descriptor).st_size
        start = max(0, size - RECENT) if only_recent else 0
        lines = os.pread(self.descriptor, size - start, start).split(b"\n")[:-1]
        if start:
            del lines[:1]
        found: list[Seal] = []
        for line in lines:
            minute, _, word = line.decode("ascii", "replace").partition(" ")
            seals = seals_in(word)
            if len(minute) != len("2026-07-16T03:05Z") or [str(seal) for seal in seals] != [word]:
                raise LedgerDamaged(HOUSE, None, Break.SEALS)
            found += seals
        return tuple(found)

    def append(self, minute: str, seals: Sequence[Seal]) -> None:
        """Adds lines, durably. What a power cut left unfinished is taken off first."""
        size = os.fstat(self.descriptor).st_size
        tail = os.pread(self.descriptor, RECENT, max(0, size - RECENT))
        os.ftruncate(self.descriptor, size - (len(tail) - (tail.rfind(b"\n") + 1)))
        lines = "".join(f"{minute} {seal}\n" for seal in seals).encode("ascii")
        while lines:  # a disk that has room for a part takes that part, and refuses the rest
            lines = lines[os.write(self.descriptor, lines) :]
        os.fsync(self.descriptor)

    def has(self, seal: Seal) -> bool:
        """Whether this seal is among the newest."""
        return seal in self.read(only_recent=True)


@contextmanager
def locked(path: Path, *, for_writing: bool = False) -> Iterator[SealsLog]:
    """Opens and locks the file until the block ends. Raises LedgerDamaged where it is not there."""
    try:
        descriptor = os.open(path, (os.O_RDWR if for_writing else os.O_RDONLY) | os.O_APPEND | os.O_NOFOLLOW)
    except OSError:
        raise LedgerDamaged(HOUSE, None, Break.SEALS) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if for_writing else fcntl.LOCK_SH)
        yield SealsLog(descriptor)
    except OSError as error:
        raise LedgerDamaged(HOUSE, None, meaning(error)) from None
    finally:
        os.close(descriptor)
