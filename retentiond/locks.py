"""One sweep at a time per mailbox, by a lock that dies with its holder (flock(2)).

A lock's file says who has it (process, user and what it is for), so that whoever waits can say for what.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock, by its own words: numbers, and `what` it does there (a command, or "round")."""

    pid: int
    uid: int
    what: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """As whom locks are taken, and who hears of waiting.

    `begins` hears at once which lock is waited for and who has it (None: not known); `ends` hears after
    how many seconds, and whether it was had. `is_over` ends the waiting early. `uid` is of the person for
    whom it is done, where that is not this process's own.
    """

    what: str = "sweep"
    uid: int | None = None
    begins: Callable[[str, Holder | None], None] = lambda name, holder: None
    ends: Callable[[str, float, bool], None] = lambda name, seconds, is_had: None
    is_over: Callable[[], bool] = lambda: False


IN_SILENCE: Final = Waiting()


@contextmanager
def held(
    directory: Path, names: Iterable[str], wait_seconds: float = 0, waiting: Waiting = IN_SILENCE
) -> Iterator[frozenset[str]]:
    """Takes the lock of each name, in sorted order; gives those that were had within the time.

    What somebody else holds is left out: the caller reports it and goes on without it. The files stay,
    empty; the locks end with this block, or with the process.
    """
    deadline = time.monotonic() + wait_seconds
    descriptors: list[int] = []
    had: set[str] = set()
    try:
        for name in sorted(set(names)):
            descriptor = _open(directory / f"{name}.lock")
            descriptors.append(descriptor)
            if _is_had(descriptor, name, deadline, waiting):
                had.add(name)
                _sign(descriptor, waiting)
            else:
                os.close(descriptors.pop())
        yield frozenset(had)
    finally:
        for descriptor in descriptors:
            with suppress(OSError):  # a full disk keeps an old word, and no lock
                os.ftruncate(descriptor, 0)
            os.close(descriptor)


def is_held(directory: Path, name: str) -> bool:
    """Whether a process has the lock of this name. Makes no file: who asks may be another user."""
    try:
        descriptor = os.open(directory / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:  # an admin's command: the service must be able to take the lock next time
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _is_had(descriptor: int, name: str, deadline: float, waiting: Waiting) -> bool:
    begun = time.monotonic()
    is_had = _take(descriptor)
    if is_had or begun >= deadline:
        return is_had
    waiting.begins(name, _holder(descriptor))
    while not is_had and time.monotonic() < deadline and not waiting.is_over():
        time.sleep(_POLL_SECONDS)
        is_had = _take(descriptor)
    waiting.ends(name, time.monotonic() - begun, is_had)
    return is_had


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int, waiting: Waiting) -> None:
    uid = os.getuid() if waiting.uid is None else waiting.uid
    told = {"pid": os.getpid(), "uid": uid, "what": waiting.what}
    with suppress(OSError):  # what cannot be said is no reason against the lock
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(told).encode(), 0)


def _holder(descriptor: int) -> Holder | None:
    """Who has it by the file's own words; None in the moment between taking it and saying so."""
    try:
        told = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(told["pid"]), int(told["uid"]), str(told["what"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
