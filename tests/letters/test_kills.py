"""SIGKILL at any moment, then a sweep: none early, all due gone, nothing half done, no open intent."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.sweep import sweep
from tests.killed import is_killed_after
from tests.letters.later import estate_of_letters
from tests.letters.world import NAME, World, world

_MANY = 400


def _scene(letters: World) -> dict[str, bytes]:
    """As many old letters as young ones, some in a bin, some held; what must be there in the end."""
    letters.configure(hold_folder="On hold")
    kept = {}
    for number in range(_MANY):
        name = f"{'.Trash-0/files/' if number % 7 == 0 else ''}old {number}"
        letters.save(timedelta(days=64 + number % 200), name)
        content = b"young " * (1 + number % 900)
        letters.save(timedelta(days=number % 58), f"young {number}", content)
        kept[f"young {number}"] = content
    letters.save(timedelta(days=90), "On hold/held", b"held")
    letters.settle()
    letters.arm()
    return {**kept, "On hold/held": b"held"}


def _check(letters: World, kept: dict[str, bytes]) -> None:
    assert {name: (letters.folder / name).read_bytes() for name in letters.letters()} == kept
    with letters.book() as book:
        assert book.open_intents() == ()
        book.verify()


def _kill_often(directory: Path, times: int) -> tuple[int, int]:
    """How many sweeps were killed at work, and how many of those in the middle of their deed."""
    chance = random.Random(20261122)
    (directory / "measured").mkdir()
    with world(directory / "measured") as letters:
        kept = _scene(letters)
        is_killed_after(letters.config, 0, "--only", NAME)  # the process that forks is up from here on
        begun = time.monotonic()
        assert not is_killed_after(letters.config, 60, "--only", NAME)
        whole = time.monotonic() - begun
        _check(letters, kept)
    kills = halves = 0
    for number in range(times):
        (directory / str(number)).mkdir()
        with world(directory / str(number)) as letters:
            kept = _scene(letters)
            was_at_work = is_killed_after(
                letters.config, chance.uniform(whole / 4, whole * 3 / 4), "--only", NAME
            )
            kills += was_at_work
            if not was_at_work:
                whole *= 0.8  # it was measured on a busier machine
            left = letters.letters()
            assert kept.keys() <= left, "nothing is early"
            halves += _MANY + len(kept) > len(left) > len(kept)
            assert letters.run("sweep", "--only", NAME) == 0, letters.complaints
            _check(letters, kept)
    return kills, halves


#: The steps of a deed, by the call with which each begins; the process ends instead of the nth one.
STEPS = [
    ("rename", 1),
    ("rename", 5),
    ("pwrite", 1),
    ("pwrite", 7),
    ("unlink", 1),
    ("unlink", 6),
    ("fsync", 1),
]


@pytest.mark.parametrize("keeps_birth", [True, False], ids=["births", "no births"])
@pytest.mark.parametrize(("step", "number"), STEPS)
def test_cut_short_at_each_step(tmp_path: Path, step: str, number: int, keeps_birth: bool) -> None:
    """What was taken out of reach, or half overwritten, is found and destroyed by the next sweep."""
    with world(tmp_path, keeps_birth=keeps_birth) as letters:
        for _ in range(10):
            letters.save(timedelta(days=70))
        letters.settle()
        later = 0 if keeps_birth else 63
        if not keeps_birth:
            _look(letters, 0)
        letters.configure("[limits]\nunforeseen = 10\n")
        assert letters.run("arm", NAME, "--destroy", "10") == 0, letters.complaints
        program = (
            "import os, sys\nfrom datetime import *\nfrom retentiond.cli import run, session\n"
            f"import retentiond.cli.sweep as command\ndo, left = os.{step}, [{number}]\n"
            "def instead(*a, **k):\n    left[0] -= 1\n"
            "    return os._exit(9) if not left[0] else do(*a, **k)\n"
            f"command.now = lambda: datetime.now(UTC) + timedelta(days={later})\n"
            "sys.argv = ['x']\nimport retentiond.ledger.book, retentiond.mailbox.letters\n"
            f"os.{step} = instead\n"
            f"sys.exit(run(['--config', {str(letters.config)!r}, 'sweep', '--only', {NAME!r}]))"
        )
        cut = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
        assert cut.returncode == 9, cut.stderr
        letters.said += [cut.stdout.decode(), cut.stderr.decode()]
        assert letters.letters() or step == "fsync", "only the last sync comes after all of it"
        _look(letters, later)
        assert letters.letters() == set()
        with letters.book() as book:
            assert book.open_intents() == ()
            book.verify()


def _look(letters: World, days: int) -> None:
    """A sweep so many days from now."""
    with letters.book() as book:
        estate = estate_of_letters(letters, book)
        report = sweep(estate, book, letters.state, datetime.now(UTC) + timedelta(days=days))
        assert report.exit_code == 0, report.findings


@pytest.mark.timeout(300)
def test_killed_at_fifteen_moments(tmp_path: Path) -> None:
    kills, halves = _kill_often(tmp_path, 15)
    print(f"15 runs, {kills} killed at work, {halves} of them in the middle of the deed")
    assert kills >= 5, "kills must meet a sweep at work"


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_killed_at_two_hundred_moments(tmp_path: Path) -> None:
    kills, halves = _kill_often(tmp_path, 200)
    print(f"200 runs, {kills} killed at work, {halves} of them in the middle of the deed")
    assert kills >= 120
