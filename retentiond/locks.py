"""One sweep at a time per mailbox, by a lock that dies with its holder (flock(2))."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.1


@contextmanager
def held(
    directory: Path,
    names: Iterable[str],
    wait_seconds: float = 0,
    waiting: Callable[[str], None] = lambda name: None,
) -> Iterator[frozenset[str]]:
    """Takes the lock of each name, in sorted order; gives those that were had within the time. `waiting`
    hears of each name that must be waited for, before the wait.

    What another process holds is left out: the caller reports it and goes on without it. The files
    stay (they hold nothing); the locks end with this block, or with the process.
    """
    deadline = time.monotonic() + wait_seconds
    descriptors: dict[str, int] = {}
    try:
        for name in sorted(set(names)):
            descriptor = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            is_ours = _take(descriptor, time.monotonic())
            if not is_ours and time.monotonic() < deadline:
                waiting(name)
                is_ours = _take(descriptor, deadline)
            if is_ours:
                descriptors[name] = descriptor
            else:
                os.close(descriptor)
        yield frozenset(descriptors)
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def is_held(directory: Path, name: str) -> bool:
    """Whether a process has the lock of this name. Makes no file: who asks may be another user."""
    try:
        descriptor = os.open(directory / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _take(descriptor, time.monotonic())
    finally:
        os.close(descriptor)


def _take(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
