"""A helpline on a real server whose service runs as a process of its own, as systemd would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond import condition, logs
from retentiond.condition import Condition
from tests.daemon import everybody
from tests.daemon.listener import Listener, listening
from tests.servers.canary import assert_no_canary

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    """The command line sets the umask and the log of its process, which is ours here."""
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    logs.unconfigure()


class Running:
    """The service as a process: what it tells systemd, and what it writes to the journal."""

    def __init__(self, process: subprocess.Popen[str], listener: Listener, journal: Path) -> None:
        self.process, self.listener, self._journal = process, listener, journal

    @property
    def log(self) -> str:
        return self._journal.read_text()

    def ends(self, seconds: float = 40) -> int:
        """Its exit code."""
        return self.process.wait(seconds)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., object]:
    """`with start(config, "--once") as service`: at the end it is killed, and its log searched.

    `program` is run instead of the command line; `user` is the uid that it runs as, in `groups`.
    """
    number = 0

    @contextmanager
    def run(
        config: Path,
        *words: str,
        program: str = "retentiond",
        user: int | None = None,
        groups: Sequence[int] = (),
        **environment: str,
    ) -> Iterator[Running]:
        nonlocal number
        number += 1
        journal = tmp_path / f"journal-{number}"
        # Another user could not reach a socket in this folder.
        address = (
            tmp_path / f"notify-{number}" if user is None else f"@{tmp_path.name}-{number}-{os.getpid()}"
        )
        python, found = everybody.python() if user is not None else (sys.executable, {})
        command = [python, "-m", program, "--config", str(config), "daemon", *words]
        rights = {} if user is None else {"user": user, "group": user, "extra_groups": list(groups)}
        with ExitStack() as stack:
            listener = stack.enter_context(listening(address))
            file = stack.enter_context(journal.open("w"))
            variables = os.environ | {"NOTIFY_SOCKET": str(address)} | found | environment
            process = subprocess.Popen(
                command, cwd=ROOT, env=variables, stdout=file, stderr=file, text=True, **rights
            )
            try:
                yield Running(process, listener, journal)
            finally:
                process.kill()
                process.wait()
                assert_no_canary(texts=(journal.read_text(), "\n".join(listener.heard)))

    return run


def a_night_was_missed(state: Path) -> None:
    """The service was away for two nights: it sweeps as soon as it starts."""
    condition.write(state, Condition(finished=datetime.now(UTC) - timedelta(days=2)))
