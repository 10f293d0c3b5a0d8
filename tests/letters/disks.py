"""Real disks for letters: an ext4 in a file, loop-mounted, whose births can be set while it is not mounted.

Nothing but a file system's own tool sets a birth. Where a machine lets nobody mount, tests that need a
year of letters skip, saying so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

_TOOLS = ("mount", "umount", "mkfs.ext4", "debugfs")


def _runs(*words: str, text: str | None = None) -> bool:
    result = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)
    return result.returncode == 0


@cache
def why_not() -> str:
    """Why no disk can be mounted here; empty where one can."""
    if os.geteuid() != 0:
        return "only root can mount a disk"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"install e2fsprogs and mount: there is no {missing[0]}"
    return "" if Path("/dev/loop-control").exists() else "this machine has no loop devices"


@dataclass
class Disk:
    """An ext4 of its own, mounted at `top`. `keeps_birth` is False for small inodes, which hold none."""

    image: Path
    top: Path
    keeps_birth: bool = True
    megabytes: int = 64
    born: dict[int, datetime] = field(default_factory=dict)

    def make(self) -> None:
        with self.image.open("wb") as file:
            file.truncate(self.megabytes * 1024 * 1024)
        inodes = () if self.keeps_birth else ("-I", "128")
        assert _runs("mkfs.ext4", "-q", "-N", "40000", *inodes, str(self.image))
        self.top.mkdir()
        self.mount()

    def mount(self, *options: str) -> None:
        if not _runs("mount", "-o", ",".join(("loop", *options)), str(self.image), str(self.top)):
            pytest.skip("this machine lets nobody mount a disk in a file")

    def unmount(self) -> None:
        _runs("umount", str(self.top))

    def write(self, path: str, content: bytes = b"a letter\n", born: datetime | None = None) -> Path:
        """Saves a letter; its birth is set by `age`."""
        place = self.top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if born is not None:
            self.born[place.stat().st_ino] = born
            os.utime(place, (born.timestamp(), born.timestamp()))
        return place

    def age(self) -> None:
        """Sets the births that were asked for, while nothing is mounted."""
        if not self.born or not self.keeps_birth:
            self.born.clear()
            return
        self.unmount()
        lines = []
        for inode, born in self.born.items():
            moment = born.astimezone(UTC)
            # Two bits of the extra field are the epoch, the others are nanoseconds.
            lines.append(f"sif <{inode}> crtime @{int(moment.timestamp())}")
            lines.append(f"sif <{inode}> crtime_extra {moment.microsecond * 1000 << 2}")
        assert _runs("debugfs", "-w", "-f", "-", str(self.image), text="\n".join(lines) + "\n")
        self.born.clear()
        self.mount()


@contextmanager
def disk(directory: Path, *, keeps_birth: bool = True, megabytes: int = 64) -> Iterator[Disk]:
    """A fresh disk; skips where none can be mounted."""
    if why := why_not():
        pytest.skip(why)
    made = Disk(directory / "disk.img", directory / "disk", keeps_birth, megabytes)
    made.make()
    try:
        yield made
    finally:
        made.unmount()
