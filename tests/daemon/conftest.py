"""A helpline on a real server whose service runs as a process of its own, as systemd would run it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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

    def logged(self, event: str, **fields: object) -> list[dict[str, object]]:
        """The lines of the log with this event, and these fields."""
        told = [json.loads(line) for line in self.log.splitlines() if line.endswith("}")]
        return [
            each
            for each in told
            if each["event"] == event and all(each.get(key) == value for key, value in fields.items())
        ]

    def ends(self, seconds: float = 40) -> int:
        """Its exit code."""
        return self.process.wait(seconds)


@contextmanager
def running(
    config: Path,
    journal: Path,
    address: str,
    *words: str,
    program: str = "retentiond",
    user: int | None = None,
    groups: Sequence[int] = (),
    **environment: str,
) -> Iterator[Running]:
    """A service; at the end it is killed, and its log searched. `program` is run instead of the command
    line; `user` is the uid that it runs as, in `groups` (the first of them its own)."""
    python, found = everybody.python() if user is not None else (sys.executable, {})
    command = [python, "-m", program, "--config", str(config), "daemon", *words]
    rights: dict[str, Any] = (
        {} if user is None else {"user": user, "group": groups[0], "extra_groups": [*groups]}
    )
    with listening(address) as listener, journal.open("w") as file:
        variables = os.environ | {"NOTIFY_SOCKET": address} | found | environment
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=file, stderr=file, text=True, **rights
        )
        try:
            yield Running(process, listener, journal)
        finally:
            process.kill()
            process.wait()
            assert_no_canary(texts=(journal.read_text(), "\n".join(listener.heard)))


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., object]:
    """`with start(config, "--once") as service`: a service of its own, see `running`."""
    numbers = itertools.count(1)

    def run(config: Path, *words: str, **options: Any) -> AbstractContextManager[Running]:
        number = next(numbers)
        address = str(tmp_path / f"notify-{number}")
        if options.get("user") is not None:  # who could not reach a socket in this folder
            address = f"@{tmp_path.name}-{number}-{os.getpid()}"
        return running(config, tmp_path / f"journal-{number}", address, *words, **options)

    return run


def a_night_was_missed(state: Path) -> None:
    """The service was away for two nights: it sweeps as soon as it starts."""
    condition.write(state, Condition(finished=datetime.now(UTC) - timedelta(days=2)))
