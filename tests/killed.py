"""A sweep in a process of its own, which is killed when its time is up."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from retentiond.cli import run

#: A process that has everything imported and forks: the moment of the kill then falls into the sweep.
_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(
    [
        "retentiond.cli.sweep",
        "retentiond.mailbox.imap",
        "retentiond.mailbox.ews",
        "retentiond.mailbox.graph",
        "retentiond.mailbox.letters",
        "retentiond.ledger.book",
        "retentiond.config.build",
    ]
)


def is_killed_after(config: Path, seconds: float, *words: str) -> bool:
    """Whether the sweep, with these words of its command line, was still at work when it was killed."""
    process = _SPAWN.Process(target=_sweep, args=(str(config), *words))
    process.start()
    process.join(seconds)
    was_alive = process.is_alive()
    process.kill()
    process.join()
    return was_alive


def _sweep(config: str, *words: str) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    run(["--config", config, "--quiet", "sweep", *words])
