"""Killed at any moment, used by two programs at once: what was acknowledged is there, nothing is half."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from retentiond.core.chain import Break
from retentiond.core.deeds import Deed, Outcome, Phase, Result
from retentiond.errors import LedgerDamaged
from retentiond.ledger.book import Ledger
from tests.ledger.books import INBOX, KEY, NOW, at, destroy, founded, intent, lived_in

_SPAWN = multiprocessing.get_context("spawn")


def _work(directory: str, answer: Connection) -> None:
    """Intends, advances, settles, and now and then ends a sweep; says of each call that it returned."""
    with Ledger.open(Path(directory), KEY) as ledger:
        start = len(ledger.open_intents())
        answer.send(("ready", start))
        while True:
            number = ledger.intend(intent())
            answer.send(("intended", number))
            ledger.advance(number, Phase.REMOVING)
            answer.send(("advanced", number))
            deeds = [Deed(Outcome(INBOX, Result.DONE, (key,)), bytes(32)) for key in (1, 2, 3)]
            ledger.settle(number, deeds, NOW)
            answer.send(("settled", number))
            if number % 5 == 0:
                ledger.swept(NOW, {"helpline-1": 9}, {})
                answer.send(("swept", number))


def _until_killed(directory: Path, after: float) -> list[tuple[str, int]]:
    """What a program was told before SIGKILL came, so many seconds after it had opened the ledger."""
    here, there = _SPAWN.Pipe(duplex=False)
    program = _SPAWN.Process(target=_work, args=(str(directory), there), daemon=True)
    program.start()
    there.close()
    heard = [here.recv()]
    timer = threading.Timer(after, os.kill, (program.pid, signal.SIGKILL))
    timer.start()
    try:
        while True:
            heard.append(here.recv())
    except EOFError:
        pass
    program.join()
    assert program.exitcode == -signal.SIGKILL
    return heard[1:]


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_loses_nothing_that_was_acknowledged_and_leaves_nothing_half(
    directory: Path, seed: int
) -> None:
    _campaign(directory, random.Random(seed), kills=2)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(20))
def test_many_kills(directory: Path, seed: int) -> None:
    _campaign(directory, random.Random(1000 + seed), kills=10)


def _campaign(directory: Path, chance: random.Random, kills: int) -> None:
    founded(directory).close()
    for _ in range(kills):
        with Ledger.open(directory, KEY) as ledger:
            before = {open_.id: open_ for open_ in ledger.open_intents()}
            entries = dict(ledger.verify().chains).get("helpline-1", 0)
        heard = _until_killed(directory, chance.uniform(0.001, 0.12))
        with Ledger.open(directory, KEY) as ledger:
            proof = ledger.verify()
            ledger.verify(since_checkpoint=True)
            open_now = {open_.id: open_ for open_ in ledger.open_intents() if open_.id not in before}
        written = dict(proof.chains).get("helpline-1", 0) - entries
        told = {what: {number for said, number in heard if said == what} for what, _ in heard}
        settled = told.get("settled", set())
        assert written % 3 == 0, "the deeds of one intent are entered together"
        assert written // 3 - len(settled) in (0, 1), "at most the last one was settled unheard"
        unsettled = told.get("intended", set()) - settled
        assert open_now.keys() >= unsettled - ({max(unsettled)} if written // 3 > len(settled) else set())
        assert len(open_now) <= 1
        for number in told.get("advanced", set()) & open_now.keys():
            assert open_now[number].phase is Phase.REMOVING


def _enter(directory: str, target: str, times: int) -> None:
    with Ledger.open(Path(directory), KEY) as ledger:
        for _ in range(times):
            destroy(ledger, target, 1)
            destroy(ledger, "both", 1)
        ledger.swept(NOW, {target: times}, {})


def test_two_programs_at_once_do_not_get_into_each_others_way(directory: Path) -> None:
    founded(directory).close()
    programs = [
        _SPAWN.Process(target=_enter, args=(str(directory), f"helpline-{number}", 15)) for number in (1, 2)
    ]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    assert [program.exitcode for program in programs] == [0, 0]
    with Ledger.open(directory, KEY) as ledger:
        counts = dict(ledger.verify().chains)
        assert ledger.standing("both") == (None, None)
    assert counts == {"both": 30, "helpline-1": 15, "helpline-2": 15, "house": 3}


def test_several_threads_share_one_ledger(ledger: Ledger) -> None:
    failures: list[BaseException] = []

    def work(target: str) -> None:
        try:
            for minute in range(10):
                destroy(ledger, target, 2, at(minute % 3))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(f"helpline-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert dict(ledger.verify().chains) == {**{f"helpline-{number}": 10 for number in range(8)}, "house": 1}


def test_a_reader_does_not_keep_a_sweep_waiting(ledger: Ledger) -> None:
    destroy(ledger)
    lines = ledger.export()
    next(lines)
    begun = time.monotonic()
    ledger.swept(at(1), {}, {})
    assert time.monotonic() - begun < 5
    assert len(list(lines)) == 4, "the reader still sees the book as it was"


def test_a_full_disk_is_said_plainly_and_harms_nothing(ledger: Ledger) -> None:
    destroy(ledger)
    with ledger._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerDamaged) as damage:
        ledger.intend(intent(keys=tuple(range(1, 100_000, 2))))
    assert damage.value.what == Break.FULL
    assert ledger.open_intents() == ()
    assert dict(ledger.verify().chains) == {"helpline-1": 1, "house": 1}


def test_a_disk_that_is_full_for_two_nights_leaves_a_whole_ledger(ledger: Ledger, directory: Path) -> None:
    """seals.log cannot grow, the database can: the second night is not entered before the first is sealed."""
    log = directory / "seals.log"
    log.write_text(log.read_text() * 20_000)  # longer than the database will be
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 10, unlimited[1]))
    try:
        for night in (1, 2):
            destroy(ledger, when=at(night))
            with pytest.raises(LedgerDamaged) as damage:
                ledger.swept(at(night), {}, {})
            assert damage.value.what == Break.FULL
            assert ledger.verify().entries == 2 + night
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    ledger.swept(at(3), {}, {})
    assert ledger.verify().checkpoints == 3
    assert ledger.verify(since_checkpoint=True).proved == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, with room for one ledger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ("mount", "-t", "tmpfs", "-o", "size=400k,mode=700", "none", str(disk))
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.call(words) != 0:
        pytest.skip("only root can mount a disk")
    yield disk
    subprocess.check_call(["umount", str(disk)])


def what_is_said(directory: Path) -> set[str]:
    said = set()
    asks: list[Callable[[Ledger], object]] = [
        lambda ledger: ledger.verify(),
        lambda ledger: ledger.intend(intent()),
        lambda ledger: ledger.swept(at(60), {}, {}),
        lambda ledger: ledger.holds.all(),
    ]
    for ask in asks:
        with pytest.raises(LedgerDamaged) as damage, Ledger.open(directory, KEY) as ledger:
            ask(ledger)
        said.add(damage.value.what)
    return said


def test_a_disk_without_room_or_without_leave_to_write_loses_nothing(small_disk: Path) -> None:
    directory = small_disk / "ledger"
    lived_in(directory)
    subprocess.check_call(["mount", "-o", "remount,ro", str(small_disk)])
    assert what_is_said(directory) == {Break.UNWRITABLE}
    subprocess.check_call(["mount", "-o", "remount,rw", str(small_disk)])
    filled = os.open(small_disk / "filled", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(filled, bytes(1024)):
            pass
    os.close(filled)
    assert what_is_said(directory) == {Break.FULL}
    (small_disk / "filled").unlink()
    with Ledger.open(directory, KEY) as ledger:
        assert ledger.verify().entries == 19
