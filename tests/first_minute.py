"""One real run of the demo, as a newcomer would see it, shared by all tests that read what it said."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Minute:
    """What a run said (both outputs, as on a terminal), how it ended, and what it left lying about."""

    said: str
    exit_code: int
    seconds: float
    left: tuple[str, ...]

    @property
    def flowing(self) -> str:
        """What was said, without its line breaks."""
        return " ".join(self.said.split())


@functools.cache
def first_minute() -> Minute:
    """Runs `retentiond demo` in an empty HOME and an empty TMPDIR."""
    with tempfile.TemporaryDirectory() as directory:
        home, temporary = Path(directory, "home"), Path(directory, "tmp")
        home.mkdir()
        temporary.mkdir()
        started = time.monotonic()
        done = run_demo(home, temporary)
        seconds = time.monotonic() - started
        left = tuple(str(path) for folder in (home, temporary) for path in folder.rglob("*"))
    return Minute(done.stdout, done.returncode, seconds, left)


def run_demo(home: Path, temporary: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    environment = kept | {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "retentiond", "demo", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
