"""A disk that takes nothing more: nothing is destroyed, and people hear of it all the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond import condition
from retentiond.audit import Progress
from retentiond.cli import run
from retentiond.errors import LedgerDamaged
from retentiond.rounds import begin, make_round, watch
from tests.config.conftest import LEAST
from tests.daemon.test_promise_watch import DAY, HOUR, Watch, put_due
from tests.stories.small_world import NOW, World


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes, in memory."""
    made = tmp_path / "disk"
    made.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(made)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a disk, and not everywhere. Type: sudo ./run test")
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", str(made)], check=True)


@pytest.fixture
def watching(disk: Path) -> Iterator[Watch]:
    world = World(disk)
    with freeze_time(NOW) as frozen:
        world.arm_all()
        found = Watch(world, frozen)
        found.service = replace(found.service, show=lambda condition, now: None)
        yield found


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Until there is room again not one byte can be written."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass
    yield
    filler.unlink()


def test_a_round_on_a_full_disk_destroys_nothing_and_is_told(watching: Watch, disk: Path) -> None:
    """The ledger comes before the deed; and that nothing can be written down is no reason for silence."""
    watching.nights()
    put_due(watching)
    with full(disk):
        with pytest.raises(LedgerDamaged):
            watching.nights()
        assert len(watching.world.contents("line", "INBOX")) == 1
        assert watching.alerts == ["R04"]
        for _ in range(5):  # the service looks again each hour; people are told once a day
            watching.frozen.tick(HOUR)
            watch(watching.service)
        assert watching.alerts == ["R04"]
        watching.frozen.tick(DAY)
        watch(watching.service)
        assert watching.alerts[:2] == ["R04", "R04"]
    watching.nights()
    assert watching.world.contents("line", "INBOX") == []
    assert watching.codes() == set()
    assert "R04" in watching.cleared


def test_a_start_on_a_full_disk_ends_as_the_ledger_says_and_is_told(watching: Watch, disk: Path) -> None:
    """65, which systemd does not restart, and not as a fault of the program's own, again and again."""
    watching.nights()
    watching.frozen.tick(timedelta(days=3))
    with full(disk):
        with pytest.raises(LedgerDamaged):
            begin(watching.service, Progress())
        assert watching.alerts == ["R04", "R02"]
    watch(watching.service)
    assert watching.alerts == ["R04", "R02"], "it was told already"
    assert all(each.told is not None for each in condition.read(disk).concerns)


def test_a_condition_that_a_power_cut_emptied_is_written_anew(watching: Watch) -> None:
    """Also one that is half there, or no text at all: the next round has its counts again."""
    for damage in (b"", b'{"format": 1, "round": {"ki', b"\0" * 4096, b"[]", b"\xff\xfe"):
        (watching.world.directory / condition.FILE).write_bytes(damage)
        assert condition.read(watching.world.directory) == condition.Condition()
        standing = make_round(watching.service, Progress())
        assert standing.round is not None
        assert standing.round.result == "done"
        assert condition.read(watching.world.directory) == standing


def test_a_disk_that_went_read_only_is_no_fault_of_the_program(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the kernel makes one after an error: the way on is to mount it, not to report us."""
    state = disk / "state"
    path = tmp_path / "retentiond.toml"
    path.write_text(f'{LEAST}\n[ledger]\ndirectory = "{state}"\n')
    path.chmod(0o600)
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert run(["--config", str(path), "daemon", "--audit-only", "--once"]) == 75
    said = capsys.readouterr().err
    assert f"retentiond: {state}/" in said
    assert "lies on a disk that is read-only; mount it for writing, and run it again" in said
