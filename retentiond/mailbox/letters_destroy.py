"""One letter is destroyed: taken out of reach, overwritten where it lies, synced, unlinked, looked at again.

Nothing is opened for writing that was not first seen, through a descriptor, to be that very file. What
others hold open, what has a second name, what may not be changed is left alone, with the reason. An
interrupted deed leaves a residue (`letters_walk.RESIDUE`) that the next look finds like any other letter.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from retentiond.errors import Why
from retentiond.mailbox.letters_disk import birth_of, flush
from retentiond.mailbox.letters_walk import Found, folder, seen

#: So many letters share one sync of the disk.
GROUP: Final = 128
#: At most so much of one letter is overwritten; a larger one has no letter's size, and is unlinked.
OVERWRITE_AT_MOST: Final = 1024**3
_BLOCK: Final = bytes(1024 * 1024)
_AGAIN: Final = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

#: Why a system call said no, in our words.
_WHYS: Final = {
    errno.EROFS: Why.READ_ONLY,
    errno.EPERM: Why.IMMUTABLE,
    errno.EACCES: Why.NO_RIGHT,
    errno.EAGAIN: Why.OPEN_FILE,
    errno.EBUSY: Why.OPEN_FILE,
    errno.ETXTBSY: Why.OPEN_FILE,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter that was left alone. `why` is None where it is not the one that was seen."""

    key: str
    why: Why | None


@dataclass(slots=True)
class _Doomed:
    """A letter in hand: its file (for writing), its folder, and what it is called by now."""

    letter: Found
    file: int
    here: int
    name: str


def destroy(root: int, letters: Sequence[tuple[Found, bytes]], *, overwrites: bool) -> Iterator[Kept]:
    """Destroys these letters, each with the mark by which it is known again; yields those that it left.

    `root` is what their folders lead from. Raises nothing: what fails is left with its reason.
    """
    for start in range(0, len(letters), GROUP):
        with ExitStack() as open_files:
            yield from _group(root, letters[start : start + GROUP], open_files, overwrites=overwrites)


def _group(
    root: int, letters: Sequence[tuple[Found, bytes]], open_files: ExitStack, *, overwrites: bool
) -> Iterator[Kept]:
    doomed: list[_Doomed] = []
    folders: dict[tuple[str, ...], int] = {}
    for letter, sighting in letters:
        try:
            here = folders.get(letter.folders)
            if here is None:
                here = folders[letter.folders] = open_files.enter_context(folder(root, letter.folders))
            doomed.append(_taken(letter, sighting, here, open_files))
        except _Left as left:
            yield Kept(letter.key, left.why)
        except OSError as error:
            yield Kept(letter.key, _why(error))
    failed = _overwritten(doomed) if overwrites else frozenset()
    for each in doomed:
        if each.letter.key in failed or not _unlinked(each):
            yield Kept(each.letter.key, Why.DISK)
    for here in folders.values():
        with suppress(OSError):  # the look that follows says whether they are gone
            os.fsync(here)


class _Left(Exception):
    """A letter that is not to be destroyed."""

    def __init__(self, why: Why | None) -> None:
        super().__init__()
        self.why = why


def _taken(letter: Found, sighting: bytes, here: int, open_files: ExitStack) -> _Doomed:
    """Opens exactly this file, sees that nobody else has it, and takes its name away."""
    file = _opened(letter, here)
    open_files.callback(os.close, file)
    _lease(file)
    name = f".retentiond-{letter.inode:x}-{sighting.hex()}"
    if name == letter.name:
        return _Doomed(letter, file, here, name)
    if _is_there(name, here):  # something else bears it: a rename would take that away
        raise _Left(Why.DISK)
    os.rename(letter.name, name, src_dir_fd=here, dst_dir_fd=here)
    if os.stat(name, dir_fd=here, follow_symlinks=False).st_ino != letter.inode:
        _give_back(name, letter.name, here)
        raise _Left(None)
    return _Doomed(letter, file, here, name)


def _give_back(name: str, before: str, here: int) -> None:
    """Somebody put something else under this name in the meantime: it gets its name back, unless that was
    given to a third thing. A folder has no second name; over a file it cannot be renamed."""
    with suppress(OSError):
        if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            os.rename(name, before, src_dir_fd=here, dst_dir_fd=here)
        else:
            os.link(name, before, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
            os.unlink(name, dir_fd=here)


def _is_there(name: str, here: int) -> bool:
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _opened(letter: Found, here: int) -> int:
    """The file for reading and writing; first seen by a descriptor that can do neither."""
    path = os.open(letter.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        now = seen(path, letter.folders, letter.name)
        if now is None or now.key != letter.key:
            raise _Left(None)
        if now.links != 1:
            raise _Left(Why.HARD_LINK)
        if birth_of(path).is_immutable:
            raise _Left(Why.IMMUTABLE)
        return os.open(f"/proc/self/fd/{path}", _AGAIN)
    finally:
        os.close(path)


def _lease(file: int) -> None:
    """A write lease (fcntl(2)) is given only where nobody else has the file open. A file system without
    leases cannot say; there a server refuses what others have open."""
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # else whoever opens it would end this process
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise _Left(Why.OPEN_FILE) from None
        if error.errno == errno.EACCES:
            raise _Left(Why.NO_RIGHT) from None


def _overwritten(doomed: Sequence[_Doomed]) -> frozenset[str]:
    """Overwrites all of them and syncs once; returns the keys of those with which that failed."""
    failed = set()
    for each in doomed:
        try:
            _overwrite(each.file)
        except OSError:
            failed.add(each.letter.key)
    if doomed:
        try:
            flush(doomed[0].here)
        except OSError:  # what reached the disk is not known; a sync is never believed on a second try
            return frozenset(each.letter.key for each in doomed)
    return frozenset(failed)


def _overwrite(file: int) -> None:
    """Zeros over every extent that is allocated; a hole stays a hole (lseek(2), SEEK_DATA)."""
    left, at, size = OVERWRITE_AT_MOST, 0, os.fstat(file).st_size
    while at < size and left > 0:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            start, end = at, size
        while start < end and left > 0:
            written = os.pwrite(file, memoryview(_BLOCK)[: min(len(_BLOCK), end - start, left)], start)
            start, left = start + written, left - written
        at = max(end, start)


def _unlinked(each: _Doomed) -> bool:
    """Whether the file has no name left."""
    with suppress(OSError):
        if os.stat(each.name, dir_fd=each.here, follow_symlinks=False).st_ino != each.letter.inode:
            return False
        os.unlink(each.name, dir_fd=each.here)
        return os.fstat(each.file).st_nlink == 0
    return False


def _why(error: OSError) -> Why | None:
    if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
        return None
    return _WHYS.get(error.errno or 0, Why.DISK)


def unlink_beside(root: int, path: tuple[str, ...]) -> None:
    """Takes away the info file of a bin with its letter: overwriting it first, for it holds the name."""
    with suppress(OSError), folder(root, path[:-1]) as here:
        file = os.open(path[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                return
            writable = os.open(f"/proc/self/fd/{file}", _AGAIN)
            try:
                _overwrite(writable)
                os.fsync(writable)
            finally:
                os.close(writable)
            os.unlink(path[-1], dir_fd=here)
            os.fsync(here)
        finally:
            os.close(file)


def remove_emptied(root: int, path: tuple[str, ...]) -> None:
    """Takes away a folder of a bin, and those below it, in which nothing is left: the names of folders name
    people, too. What holds anything stays, with the folders that lead there."""
    with suppress(OSError):
        with folder(root, path) as here:
            with os.scandir(here) as entries:
                below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            for name in below:
                remove_emptied(root, (*path, name))
        with folder(root, path[:-1]) as above:
            os.rmdir(path[-1], dir_fd=above)
            os.fsync(above)
