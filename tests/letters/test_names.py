"""Whatever a disk answers to whichever system call, no name of a letter or of its folder is told (P7)."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.letters.world import NAME, OLD, YOUNG, World
from tests.servers.seed import CANARY

_CODES: Final = (errno.EACCES, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP)
_CALLS: Final[tuple[tuple[ModuleType, str], ...]] = (
    *((os, name) for name in ("open", "stat", "lstat", "fstat", "fstatvfs", "scandir", "listdir", "read")),
    *((os, name) for name in ("rename", "link", "unlink", "rmdir", "pwrite", "lseek", "fsync", "getxattr")),
    (fcntl, "fcntl"),
)
#: Where the room of letters calls the kernel: the module, the line, and what is called.
Site = tuple[str, int, str]


@contextmanager
def calls(seen: Callable[[Site], None]) -> Iterator[None]:
    """Tells of each system call that the room of letters makes, before it is made."""

    def told(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*words: Any, **more: Any) -> Any:
            frame = sys._getframe(1)
            module = str(frame.f_globals["__name__"])
            if module.startswith("retentiond.mailbox.letters"):
                seen((module, frame.f_lineno, name))
            return real(*words, **more)

        return instead

    with pytest.MonkeyPatch.context() as patch:
        for module, name in _CALLS:
            patch.setattr(module, name, told(name, getattr(module, name)))
        yield


def failing(at: Site, code: int) -> Callable[[Site], None]:
    """From here on this call fails, in the kernel's words with a letter's name in them, as Python has it."""

    def fail(site: Site) -> None:
        if site == at:
            raise OSError(code, os.strerror(code), f"{CANARY}/{CANARY}.odt")

    return fail


def _filled(letters: World) -> None:
    """One letter due in the folder, one below it, one thrown away by itself and one with its folder."""
    letters.save(OLD)
    letters.save(OLD, f"{CANARY}/{CANARY} {letters.count}.odt")
    for name, thrown in ((f"{CANARY} {letters.count}.odt", ""), (f"{CANARY} {letters.count}", f"/{CANARY}")):
        letters.save(OLD, f".Trash-0/files/{name}{thrown}")
        info = f"[Trash Info]\nPath={letters.folder}/{name}\n".encode()
        letters.save(OLD, f".Trash-0/info/{name}.trashinfo", info)
    letters.save(OLD, ".Trash-0/directorysizes", f"4096 1 {CANARY}\n".encode())
    letters.settle()


def _left_open(letters: World) -> list[str]:
    """What of the folder this process still holds open."""
    found = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return [str(each) for each in found if each.is_relative_to(letters.folder)]


def _trouble(letters: World, codes: Callable[[int], tuple[int, ...]]) -> int:
    """Each call of a sweep fails, one after the other; how many there were."""
    letters.configure(hold_folder="On hold", overwrite=True)
    letters.save(YOUNG, f"On hold/{CANARY}")
    _filled(letters)
    letters.arm()
    sites: dict[Site, None] = {}
    with calls(lambda site: sites.setdefault(site)):
        assert letters.run("sweep", "--only", NAME) == 0, letters.complaints
    is_filled = False
    for number, site in enumerate(sites):
        for code in codes(number):
            if not is_filled:
                _filled(letters)
            with calls(failing(site, code)):
                for verb in ("check", "sweep"):
                    told = (site, errno.errorcode[code], verb)
                    assert letters.run(verb, "--only", NAME) in (0, 1, 75), (told, letters.complaints)
                    assert "fault of its own" not in letters.complaints, (told, letters.complaints)
                    assert "not allowed" not in letters.complaints, (told, letters.complaints)
            assert not _left_open(letters), "nobody could unmount the disk"
            is_filled = len(letters.letters()) > 1
    assert letters.run("sweep", "--only", NAME) == 0, letters.complaints
    assert letters.letters() == {f"On hold/{CANARY}"}
    return len(sites)


def test_a_disk_that_fails_at_any_call_tells_no_name(letters: World) -> None:
    """Each of the answers in turn. The folders, files and notes all bear the canary, which the world seeks
    at its end in all that was said and written; and once the disk is well, everything due is gone."""
    assert _trouble(letters, lambda number: (_CODES[number % len(_CODES)],)) > 30


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_disk_that_fails_in_each_way_at_each_call_tells_no_name(letters: World) -> None:
    assert _trouble(letters, lambda number: _CODES) > 30
