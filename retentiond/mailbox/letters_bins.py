"""The bins behind a folder of letters: what was deleted there lies in them until its day, and no longer.

A bin below the folder holds what came from the folder. One at the top of the file system, or in a user's
home, holds other things too: of those only what is known to have come from the folder is taken, by its
info file (the freedesktop.org Trash specification 1.0) or by the path that the bin keeps.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from retentiond.mailbox.letters_disk import Mount
from retentiond.mailbox.letters_walk import Found, Walk, folder, walk

#: Bins that do not tell (us) from which folder a file came.
_NO_PATH_KEPT: Final = ("$RECYCLE.BIN",)
#: What is not there, or is no folder.
_NOTHING: Final = (FileNotFoundError, NotADirectoryError)
_INFO: Final = ".trashinfo"
_LARGEST_INFO: Final = 64 * 1024
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, repr=False)
class Bin:
    """A folder outside the letters in which what came from them may lie. `below` leads from `path` to what
    is looked through. `origin` is the letters' folder and `top` from where relative info paths count, where
    only some of what is there is ours; both empty where all of it is."""

    path: str
    below: tuple[str, ...] = ()
    origin: str = ""
    top: str = ""


def is_bin(name: str, patterns: Sequence[str]) -> bool:
    """Whether a folder is a bin by its name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def bins_outside(
    directory: str, mount: Mount, patterns: Sequence[str], users: Sequence[str]
) -> tuple[list[Bin], int]:
    """The bins that lie elsewhere, and how many there are of which nobody can say what came from here."""
    found = [Bin(pattern) for pattern in patterns if pattern.startswith("/")]
    untold = 0
    names = [pattern for pattern in patterns if not pattern.startswith("/")]
    relative = PurePosixPath(directory).relative_to(mount.point).parts
    if relative:  # else the top of the file system is the letters' own folder
        for name in _names_in(mount.point):
            if is_bin(name, names):
                if name in _NO_PATH_KEPT:
                    untold += 1
                else:
                    found.extend(_at_top(mount.point, name, relative, directory))
    for user in users:
        with suppress(KeyError, ValueError):
            home = os.path.join(pwd.getpwnam(user).pw_dir, ".local/share/Trash")  # noqa: PTH118
            if not _is_within(home, directory):
                found.append(Bin(home, (), directory, mount.point))
    return [each for each in found if _is_there(each, is_named=each.path in patterns)], untold


def _is_there(each: Bin, *, is_named: bool) -> bool:
    """Whether the bin was ever made. One that is configured by its path has at least a place where it would
    be made: FileNotFoundError. Where nobody may look, PermissionError: a hidden bin is not an empty one."""
    try:
        return stat.S_ISDIR(os.lstat(each.path).st_mode)
    except _NOTHING:
        if is_named:
            Path(each.path).parent.stat()
        return False


def _at_top(top: str, name: str, relative: tuple[str, ...], directory: str) -> Iterator[Bin]:
    place = f"{top.rstrip('/')}/{name}"
    if name == ".Trash":
        yield from (Bin(f"{place}/{user}", (), directory, top) for user in _names_in(place))
    elif name.startswith(".Trash-"):
        yield Bin(place, (), directory, top)
    else:  # these keep the path by which a file lay on the share
        with suppress(*_NOTHING), opened(place) as root, folder(root, relative):
            yield Bin(place, relative)


def _names_in(place: str) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False))
    except _NOTHING:
        return []


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of a folder by its path, itself no link. Raises OSError."""
    descriptor = os.open(path, _OPEN)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def look_into(root: int, each: Bin) -> Walk:
    """What of a bin is ours. Raises OSError where it cannot be read."""
    found = walk(root, each.below)
    if each.origin:
        ours = _ours(root, found, each)
        found.files = [file for file in found.files if _thing(file) in ours]
        found.passed = {}
    return found


def _ours(root: int, found: Walk, each: Bin) -> set[tuple[str, str]]:
    """By their info files: which things of a freedesktop bin came from the letters' folder. The entry in
    `files`, and the info file itself."""
    ours = set()
    for file in found.files:
        if file.folders == ("info",) and file.name.endswith(_INFO):
            path = info_path(root, file)
            if path and _came_from(path, each):
                ours |= {("files", file.name.removesuffix(_INFO)), ("info", file.name)}
    return ours


def _came_from(path: str, each: Bin) -> bool:
    """Whether what lay there lay in the letters' folder; a path that no file can have did not."""
    if "\0" in path:
        return False
    return _is_within(os.path.realpath(os.path.join(each.top, path)), each.origin)  # noqa: PTH118


def _thing(file: Found) -> tuple[str, str]:
    """The entry of a bin to which a file belongs: a folder that was thrown away is one entry."""
    return (file.path[0], file.path[1]) if len(file.path) > 1 else (file.path[0], "")


def info_path(root: int, file: Found) -> str | None:
    """From where something was thrown away, as its info file says (percent-encoded, `Path=`)."""
    with suppress(*_NOTHING), folder(root, file.folders) as here:
        descriptor = os.open(file.name, _READ, dir_fd=here)
        try:
            text = os.read(descriptor, _LARGEST_INFO).decode("utf-8", "surrogateescape")
        finally:
            os.close(descriptor)
        for line in text.splitlines():
            if line.startswith("Path="):
                return unquote(line.removeprefix("Path="), errors="surrogateescape")
    return None


def info_of(file: Found) -> tuple[str, ...] | None:
    """Where the info file of something in a freedesktop bin lies, from the same root; None elsewhere.

    `…/files/NAME/…` has `…/info/NAME.trashinfo`; it goes when all of NAME is gone.
    """
    at = _files_at(file.path)
    return None if at is None else (*file.path[:at], "info", file.path[at + 1] + _INFO)


def sizes_of(file: Found) -> tuple[str, ...] | None:
    """Where a freedesktop bin notes the sizes of the folders in it, by their names: a cache, which a file
    manager that misses it makes anew."""
    at = _files_at(file.path)
    return None if at is None else (*file.path[:at], "directorysizes")


def thrown_away(file: Found, outside: Bin | None, patterns: Sequence[str]) -> tuple[str, ...] | None:
    """The folder with which a file came into its bin; None where it came by itself. `outside` is the bin
    whose root it was found from, None below the letters' own folder."""
    if (at := _files_at(file.path)) is not None:
        stays = at + 1
    elif outside is not None:
        stays = len(outside.below)
    else:
        bins = [n for n, name in enumerate(file.folders, 1) if is_bin(name, patterns)]
        stays = bins[0] if bins else len(file.folders)
        stays += bool(bins) and file.folders[stays - 1] in _NO_PATH_KEPT  # there each user has a folder
    return file.folders[: stays + 1] if len(file.folders) > stays else None


def _files_at(path: tuple[str, ...]) -> int | None:
    """At which step on the way the `files` of a freedesktop bin stands, the innermost."""
    steps = range(len(path) - 2, -1, -1)
    return next((at for at in steps if path[at] == "files" and (at == 0 or is_bin_path(path[:at]))), None)


def is_bin_path(path: tuple[str, ...]) -> bool:
    """Whether a folder below the letters is a freedesktop bin (`.Trash-1000`, `.Trash/1000`, `Trash`)."""
    return path[-1].startswith(".Trash") or path[-1] == "Trash" or (len(path) > 1 and path[-2] == ".Trash")
