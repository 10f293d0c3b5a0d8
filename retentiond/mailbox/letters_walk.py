"""Every regular file below a folder, found by descriptors: no link is followed and no mount is crossed.

Names are held here and nowhere else. What a key names is the file itself (inode, birth, size and time of
its last change); no name is in it, nor any digest of one.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from retentiond.core.model import Notice
from retentiond.mailbox.letters_disk import birth_of, mount_id

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

#: What a letter is called between being taken out of reach and being gone: its inode, and by what it is
#: known again. Whoever finds one finds a deed that was cut short.
RESIDUE = re.compile(r"\.retentiond-([0-9a-f]{1,16})-([0-9a-f]{32})")

#: Nobody files letters so deep, and each folder on the way is held open.
_DEEPEST = 200
#: An edit is one that came later than this after the first saving.
_DRAFTING = timedelta(days=1)


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """A regular file. `folders` leads to it from the root that was walked. It has no repr (P7)."""

    folders: tuple[str, ...]
    name: str
    inode: int
    born_ns: int | None
    size: int
    changed_ns: int
    links: int

    @property
    def key(self) -> str:
        """This version of this file."""
        return f"{self.inode}:{self.born_ns or 0}:{self.size}:{self.changed_ns}"

    @property
    def born(self) -> datetime | None:
        """When it was first saved in this place, to the microsecond; None where nobody knows."""
        return None if self.born_ns is None else instant(self.born_ns)

    @property
    def path(self) -> tuple[str, ...]:
        return (*self.folders, self.name)

    @property
    def residue_of(self) -> re.Match[str] | None:
        """Whether this is what an interrupted deed left: groups are the inode and the sighting, in hex."""
        match = RESIDUE.fullmatch(self.name)
        return match if match and int(match[1], 16) == self.inode else None

    def is_edited(self, latest: datetime) -> bool:
        """Whether it was changed long after it was first saved (a change that lies ahead is none)."""
        born, changed = self.born, instant(self.changed_ns)
        return born is not None and changed is not None and born + _DRAFTING < changed <= latest


def instant(nanoseconds: int) -> datetime | None:
    """A time of the kernel's; None where it is none that a calendar has."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None


@dataclass(slots=True)
class Walk:
    """What lies below a root: the files, and how many things were passed over, and why."""

    files: list[Found] = field(default_factory=list)
    passed: dict[Notice, int] = field(default_factory=dict)

    def note(self, notice: Notice) -> None:
        self.passed[notice] = self.passed.get(notice, 0) + 1


@contextmanager
def folder(root: int, folders: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of the folder to which `folders` leads. Raises OSError where a link or another file
    system stands in the way."""
    device = os.fstat(root).st_dev
    descriptor = os.dup(root)
    try:
        for name in folders:
            deeper = os.open(name, _OPEN_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
            if os.fstat(descriptor).st_dev != device:
                raise NotADirectoryError
        yield descriptor
    finally:
        os.close(descriptor)


def walk(root: int, below: tuple[str, ...] = ()) -> Walk:
    """Everything below the folder `below` of `root`. Raises OSError where a folder cannot be read: what
    cannot be looked at is not empty."""
    found = Walk()
    with folder(root, below) as descriptor:
        _into(descriptor, below, found, (os.fstat(root).st_dev, mount_id(root)))
    found.files.sort(key=lambda each: each.path)
    return found


def _into(
    here: int,
    folders: tuple[str, ...],
    found: Walk,
    ground: tuple[int, int],
) -> None:
    if len(folders) > _DEEPEST:
        raise OSError(errno.ENAMETOOLONG, "")
    with os.scandir(here) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        with suppress(FileNotFoundError):  # gone since the list was read
            status = os.lstat(name, dir_fd=here)
            if stat.S_ISDIR(status.st_mode):
                _deeper(here, name, folders, found, ground)
            elif stat.S_ISREG(status.st_mode):
                if file := _regular(here, name, folders):
                    found.files.append(file)
            else:
                found.note(Notice.LINK if stat.S_ISLNK(status.st_mode) else Notice.NOT_A_FILE)


def _deeper(
    here: int,
    name: str,
    folders: tuple[str, ...],
    found: Walk,
    ground: tuple[int, int],
) -> None:
    try:
        descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=here)
    except NotADirectoryError:  # a link took its place
        found.note(Notice.LINK)
        return
    try:
        if (os.fstat(descriptor).st_dev, mount_id(descriptor)) != ground:
            found.note(Notice.OTHER_MOUNT)
        else:
            _into(descriptor, (*folders, name), found, ground)
    finally:
        os.close(descriptor)


def _regular(here: int, name: str, folders: tuple[str, ...]) -> Found | None:
    """The file by a descriptor that can neither read nor write it (O_PATH)."""
    descriptor = os.open(name, _OPEN_PATH, dir_fd=here)
    try:
        return seen(descriptor, folders, name)
    finally:
        os.close(descriptor)


def seen(descriptor: int, folders: tuple[str, ...], name: str) -> Found | None:
    """What is open, as it is now; None where it is no regular file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return None
    born = birth_of(descriptor).born_ns
    return Found(folders, name, status.st_ino, born, status.st_size, status.st_mtime_ns, status.st_nlink)
