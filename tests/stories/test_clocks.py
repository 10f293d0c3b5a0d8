"""Clocks that nobody confirms: a wrong time server, none at all, time zones, and sleep."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond import machine_clock
from retentiond.arming import arm
from retentiond.audit import audit
from retentiond.config import load
from retentiond.core.findings import Cause
from retentiond.doors import estate_of
from retentiond.errors import ClockDoubted
from retentiond.mailbox.marker import Marker
from retentiond.sweep import sweep
from tests.daemon.night import Night
from tests.stories.small_world import CUTOFF, NOW, World, mail

OLD = CUTOFF - timedelta(days=3)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# ── who believes the clock ─────────────────────────────────────────────────────────────────────────


def test_a_clock_that_nobody_confirms_and_nobody_keeps_right_touches_nothing(world: World) -> None:
    """No server tells the time, and the kernel says that its own is unsynchronised."""
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    world.server.clock_offset = None
    before = world.state()
    with world.book() as book:
        estate = replace(world.estate(book), is_synchronised=lambda: False)
        with pytest.raises(ClockDoubted) as doubted:
            sweep(estate, book, world.directory, NOW)
        assert doubted.value.against == "kernel"
        assert world.state() == before
        world.server.clock_offset = timedelta()
        assert sweep(estate, book, world.directory, NOW).exit_code == 0, "a server that agrees is enough"
    assert not world.contents("line", "INBOX")


@pytest.mark.parametrize("clock_offset", [timedelta(0), None])
def test_a_clock_a_year_ahead_that_servers_share_stops_every_target(
    world: World, clock_offset: timedelta | None
) -> None:
    """The fuse trips in one target, and a small one that it would let through is left alone too.
    Nothing of that day is written down: the right clock goes on tonight."""
    for number in range(60):
        world.put("line", "INBOX", mail("writer@post.example", f"l{number}"), NOW - timedelta(days=number))
    world.put("youth", "INBOX", mail("writer@post.example", "small"), NOW - timedelta(days=2))
    world.arm_all()
    world.sweep()
    world.server.clock_offset = clock_offset
    before, later = world.state(), NOW + timedelta(days=365)
    if clock_offset is None:
        with pytest.raises(ClockDoubted):  # newest mail and ledger both doubt it
            world.sweep(later)
    else:
        report = world.sweep(later)
        assert report.exit_code == 3
        causes = {(each.target, each.cause) for each in report.findings}
        assert {("line", Cause.UNFORESEEN), ("youth", Cause.STILL_THERE)} <= causes
        assert (report.outcomes, report.seals) == ((), ())
    assert world.state() == before
    with world.book() as book:
        assert book.last_minute() == NOW.replace(second=0)
        book.verify()
    world.server.clock_offset = timedelta()
    assert world.sweep(NOW + timedelta(days=1)).exit_code == 0


@pytest.mark.parametrize("looks_only", [False, True], ids=["sweep", "audit"])
def test_a_clock_a_year_ahead_that_servers_share_makes_nothing_younger(
    world: World, looks_only: bool
) -> None:
    """What has no believable date counts from when it was first seen: not from a day that never was, or it
    would be kept a year too long."""
    for number in range(60):
        world.put("line", "INBOX", mail("writer@post.example", f"l{number}"), NOW - timedelta(days=number))
    world.arm_all()
    world.sweep()
    world.put("youth", "INBOX", mail("writer@post.example", "undated"), None)
    if looks_only:
        with world.book() as book:
            audit(world.estate(book), NOW + timedelta(days=365), book=book)
    else:
        assert world.sweep(NOW + timedelta(days=365)).exit_code == 3
    for days in (1, 30, 60, 90, 120, 150, 180):
        world.sweep(NOW + timedelta(days=days))
        assert world.contents("youth", "INBOX"), "nor older"
    world.sweep(NOW + timedelta(days=186))
    assert not world.contents("youth", "INBOX")


def test_a_long_silence_that_began_with_a_power_cut_is_one_all_the_same(world: World) -> None:
    """What the cut left open is not settled before the time is believed: no entry bears that day."""
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    for number in range(60):
        world.put("line", "INBOX", mail("writer@post.example", f"l{number}"), NOW - timedelta(days=number))
    world.put("youth", "INBOX", mail("writer@post.example", "small"), NOW - timedelta(days=2))
    world.arm_all()
    world.sweep_cut_at_expunge()
    before = world.state()
    report = world.sweep(NOW + timedelta(days=365))
    assert (report.exit_code, report.outcomes, report.recovered) == (3, (), ())
    assert world.state() == before
    report = world.sweep(NOW + timedelta(days=1))
    assert (report.exit_code, len(report.recovered)) == (0, 1), "the right clock goes on tonight"


def test_after_a_long_silence_arming_is_somebodys_word_for_the_day(world: World) -> None:
    for number in range(40):
        world.put(
            "line", "INBOX", mail("writer@post.example", f"l{number}"), NOW - timedelta(days=100 + number)
        )
    world.put("youth", "INBOX", mail("writer@post.example", "small"), NOW - timedelta(days=100))
    world.arm_all()
    late = NOW + timedelta(days=130)
    world.put("line", "INBOX", mail("writer@post.example", "fresh"), late - timedelta(days=1))
    assert world.sweep(late).exit_code == 3
    assert len(world.contents("line", "INBOX")) == 41
    with world.book() as book:
        arm(world.estate(book), "line", 40, book, world.directory, late, who="uid 0")
    assert world.sweep(late).exit_code == 0
    assert len(world.contents("line", "INBOX")) == 1
    assert not world.contents("youth", "INBOX")


# ── whom the question concerns ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hosts", "is_asked"),
    [
        (("127.0.0.1",), False),
        (("::1", "localhost"), False),
        (("mail.charity.example",), True),
        (("127.0.0.1", "mail.charity.example"), True),
    ],
)
def test_the_kernel_is_asked_where_a_server_is_another_machine(
    hosts: tuple[str, ...], is_asked: bool, tmp_path: Path
) -> None:
    """A server on this machine dates its mail by the same clock."""
    text = ""
    for number, host in enumerate(hosts):
        text += (
            f'[account.a{number}]\nkind = "imap"\nhost = "{host}"\nsecret = {{ env = "NONE" }}\n'
            f'[[helpline]]\nname = "h{number}"\naccount = "a{number}"\nmailbox = "m{number}"\n'
            f'identities = ["h{number}@charity.example"]\n'
        )
    path = tmp_path / "retentiond.toml"
    path.write_text(text)
    path.chmod(0o600)
    estate = estate_of(load(path), Marker(bytes(32)))
    assert (estate.is_synchronised is machine_clock.is_synchronised) is is_asked
    if not is_asked:
        assert estate.is_synchronised() is None


def test_the_kernel_answers_or_may_not_be_asked() -> None:
    """Whatever it is on this machine, the question itself changes nothing and raises nothing."""
    assert machine_clock.is_synchronised() in (True, False, None)


# ── time zones ─────────────────────────────────────────────────────────────────────────────────────


def test_without_time_zones_it_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "retentiond.toml"
    path.write_text(
        '[account.a]\nkind = "imap"\nhost = "mail.charity.example"\nsecret = { env = "NONE" }\n'
        '[[helpline]]\nname = "h"\naccount = "a"\nmailbox = "m"\nidentities = ["h@charity.example"]\n'
    )
    path.chmod(0o600)
    program = (
        "import sys; sys.modules['tzdata'] = None; from retentiond.cli import main;"
        f"main(['--config', {str(path)!r}, 'daemon'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert told.returncode == 78, told.stderr
    assert "zone: no time zone is known here, so no day can be told" in told.stderr
    assert "pip install tzdata" in told.stderr


# ── sleep in the middle of a round ─────────────────────────────────────────────────────────────────


def test_a_machine_that_slept_in_the_middle_of_a_round_finishes_its_batch_and_looks_anew(
    world: World,
) -> None:
    """After thirteen hours of sleep what was planned is not gone on with: the next round looks first."""
    evening = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
    for folder in ("INBOX", "Trash"):
        for number in range(3):
            world.put("line", folder, mail("writer@post.example", f"{folder}-{number}"), OLD)
    with freeze_time(evening) as frozen:
        world.arm_all(evening)
        night = Night(world, frozen)

        def sleep(_what: str, is_done: bool) -> None:
            if is_done and night.steady < 13 * 3600:
                frozen.tick(timedelta(hours=13))
                night.steady += 13 * 3600

        world.server.on_effect = sleep
        try:
            night.daemon.start()
            night.passes(timedelta(hours=6))
            night.has_swept(1)
            left = [len(world.contents("line", folder)) for folder in ("INBOX", "Trash")]
            assert sorted(left) == [0, 3], "the batch in hand, and no more"
            with world.book() as book:
                assert book.open_intents() == ()
            night.passes(timedelta(days=1))
            found = night.has_swept(2)
            assert found.concerns == ()
            assert not any(world.contents("line", folder) for folder in ("INBOX", "Trash"))
        finally:
            night.daemon._is_stopping = True
            night.daemon._scheduler.shutdown()
