"""What a monitor is told: how the service is, and never on which day somebody wrote."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

import pytest
from freezegun import freeze_time
from prometheus_client.parser import text_string_to_metric_families

from retentiond import alert, condition, logs
from retentiond.condition import Condition, Counts, Month, Round
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from retentiond.endpoint import answering
from retentiond.metrics import Monitor, measures, text
from tests.servers.canary import assert_no_canary
from tests.servers.seed import CANARY
from tests.stories.year import DAY, Year

PAGE = Path(__file__).parents[2] / "docs/admin/metrics.md"
NOW = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)

FULL = Condition(
    round=Round("sweep", NOW - timedelta(minutes=5), NOW, "done", 41),
    finished=NOW,
    counts=(
        Counts("line-1", 3, 2, 1, True, NOW, 800),
        Counts("ana", 0, 1, 0, False, NOW, 1),
    ),
    concerns=(
        Concern("line-1", Worry.OVERDUE, NOW - 3 * DAY, 3, f"folder-{CANARY}", CANARY, (9,)),
        Concern("line-2", Cause.UNREACHABLE, NOW - timedelta(hours=1), detail="network"),
        Concern("house", Worry.PAUSED, NOW - DAY, detail="2026-12-01"),
        Concern("line-1", Cause.REVIEW, NOW, 4),
    ),
    open_intents=1,
    month=Month("2026-11", 1231, 43, 2500, 1),
)


def told(content: bytes) -> dict[str, float]:
    """Every sample by its name and its label's value, as Prometheus itself reads it."""
    return {
        ".".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def of(found: Condition, now: datetime = NOW) -> dict[str, float]:
    return told(text(measures(found, NOW + DAY, now)))


def test_prometheus_reads_what_the_service_is_and_which_promises_are_broken() -> None:
    found = of(FULL)
    assert found["retentiond_last_success_timestamp_seconds"] == NOW.timestamp()
    assert found["retentiond_next_round_timestamp_seconds"] == (NOW + DAY).timestamp()
    assert found["retentiond_last_round_success"] == found["retentiond_paused"] == 1
    assert (found["retentiond_findings.R01"], found["retentiond_alerts.R01"]) == (1, 1)
    assert (found["retentiond_findings.R11"], found["retentiond_alerts.R11"]) == (1, 0), "it has a day"
    assert found["retentiond_findings.R17"] == 0, "a review that is not overdue only waits"
    assert found["retentiond_overdue_targets"] == 1
    assert found["retentiond_overdue_since_timestamp_seconds"] == (NOW - 3 * DAY).timestamp()
    states = {state: found[f"retentiond_targets.{state}"] for state in ("known", "armed", "away", "blocked")}
    assert states == {"known": 3, "armed": 1, "away": 1, "blocked": 3}
    assert (found["retentiond_held_items"], found["retentiond_open_intents"]) == (3, 1)


def test_nothing_in_it_counts_a_day_or_names_a_target() -> None:
    """Totals are the month's beginning, in fives; no label but a code and a state; no time of creation."""
    content = text(measures(FULL, NOW + DAY, NOW))
    found = of(FULL)
    assert found["retentiond_destroyed_items_total"] == 1235
    assert found["retentiond_refiled_items_total"] == 45
    assert (found["retentiond_ledger_entries_total"], found["retentiond_review_items"]) == (2500, 5)
    labels = {name for line in content.decode().splitlines() for name in re.findall(r"(\w+)=\"", line)}
    assert labels == {"code", "state"}
    assert not re.search(rb"_created|python_|process_|line-1|ana|house|due_items", content)
    assert_no_canary(texts=[content])


def test_before_the_first_round_there_is_something_to_read_too() -> None:
    assert set(of(Condition())) == set(of(FULL))
    assert of(Condition())["retentiond_last_success_timestamp_seconds"] == 0


def test_every_code_has_a_number() -> None:
    every = tuple(Concern("x", cause, NOW - 60 * DAY, numbers=(1, 1)) for cause in alert.CODES)
    found = of(Condition(concerns=every))
    waiting = {alert.CODES[each] for each in (Cause.HOLD_UNSTATED, Cause.HOLD_VANISHED)}
    for code in alert.CODES.values():
        assert found[f"retentiond_findings.{code}"] == (0 if code in waiting else 1), code


def test_the_page_has_every_metric() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(retentiond_\w+)(?:\{\w+\})?` \|", page, re.M)
    assert sorted(listed) == sorted({name.partition(".")[0] for name in of(FULL)})
    for name in re.findall(r"expr: .*?(retentiond_\w+)", page):
        assert name in listed


# ── a month of nights ────────────────────────────────────────────────────────────────────────────


def test_no_night_can_be_told_from_the_next(tmp_path: Path) -> None:
    """Nights with fifteen letters, with one and with none: only the clock's numbers differ until the month
    turns; then there is one step, which is what the ledger has."""
    seen: dict[date, dict[str, float]] = {}
    with freeze_time("2027-03-24") as frozen:
        year = Year(tmp_path, frozen, date(2027, 3, 24))
        year.inbox.messages.clear()
        for ago, count in ((190, 15), (183, 3), (182, 0), (180, 1), (179, 4), (178, 15)):
            year.receive(year.first - ago * DAY, count)
        year.rearm()
        for number in range(10):
            day = year.first + number * DAY
            found = year.sweep(day)
            seen[day] = {name: value for name, value in of(found).items() if "timestamp" not in name}
    march = [seen[day] for day in sorted(seen) if day.month == 3]
    assert all(each == march[0] for each in march), "no night of a month differs from another"
    april = next(seen[day] for day in sorted(seen) if day.month == 4)
    assert march[0]["retentiond_destroyed_items_total"] == 0
    destroyed = april["retentiond_destroyed_items_total"]
    assert destroyed % 5 == 0
    assert 15 + 3 + 1 <= destroyed <= year.destroyed + 5


# ── where it is written, and who may ask ─────────────────────────────────────────────────────────


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    logs.configure("info", "json")
    yield
    logs.unconfigure()


def test_the_file_is_whole_and_for_everybody_to_read(tmp_path: Path) -> None:
    file = tmp_path / "retentiond.prom"
    monitor = Monitor(lambda now: NOW + DAY, file)
    monitor.write(Condition(), NOW)
    before = file.stat().st_ino
    monitor.write(FULL, NOW)
    assert told(file.read_bytes()) == of(FULL)
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.stat().st_ino != before, "replaced, not written over"
    assert [path.name for path in tmp_path.iterdir()] == ["retentiond.prom"]


@pytest.mark.parametrize(("place", "why"), [("nowhere/x.prom", "no-folder"), ("taken.prom", "disk")])
def test_a_file_that_cannot_be_written_hinders_nothing(
    place: str, why: str, heard: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken.prom").mkdir()
    Monitor(lambda now: None, tmp_path / place).write(FULL, NOW)
    assert f'"why": "{why}"' in capsys.readouterr().err


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def asked(listen: str, path: str = "/metrics", method: str = "GET") -> tuple[int, bytes]:
    line = HTTPConnection("127.0.0.1", int(listen.rpartition(":")[2]) if ":" in listen else 1, timeout=10)
    if ":" not in listen:
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.connect(listen)
    line.request(method, path)
    answer = line.getresponse()
    found = answer.status, answer.read()
    line.close()
    return found


@pytest.mark.parametrize("way", ["port", "socket"])
def test_whoever_asks_on_this_machine_is_answered(way: str, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}" if way == "port" else str(tmp_path / "metrics.sock")
    condition.write(tmp_path, FULL)
    monitor = Monitor(lambda now: NOW + DAY, None, partial(condition.read, tmp_path))
    with answering(listen, monitor.answer):
        status, content = asked(listen)
        assert (status, told(content)["retentiond_held_items"]) == (200, 3)
        condition.write(tmp_path, replace(FULL, counts=()))
        assert told(asked(listen)[1])["retentiond_held_items"] == 0, "as it is now"
        assert asked(listen, f"/{CANARY}") == (404, b"")
        assert asked(listen, method="POST")[0] == 501
    if way == "socket":
        with answering(listen, monitor.answer):
            assert Path(listen).stat().st_mode & 0o777 == 0o660, "one that was left behind is no hindrance"


def test_an_address_that_is_taken_hinders_nothing(heard: None, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken, ExitStack() as stack:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        stack.enter_context(answering(listen, lambda now: b""))
    assert '"why": "no-address"' in capsys.readouterr().err


def test_prometheus_is_imported_only_when_there_is_something_to_write() -> None:
    program = (
        "import sys, retentiond.metrics, retentiond.endpoint, retentiond.rounds, retentiond.channels;"
        "sys.exit(bool({'prometheus_client', 'apprise'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_who_asks_and_never_ends_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()
    with socket.socket() as slow, answering(listen, lambda now: b""):
        slow.connect(("127.0.0.1", int(listen.rpartition(":")[2])))
        slow.sendall(b"GET /metr")
    assert time.monotonic() - begun < 5


def test_whoever_hangs_up_or_a_fault_of_ours_leaves_no_traceback(
    heard: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's own server would print who asked, and the error's words, into the journal."""

    def fails(_now: datetime) -> bytes:
        raise ValueError(CANARY)

    listen = f"127.0.0.1:{free_port()}"
    with answering(listen, fails):
        with socket.socket() as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.connect(("127.0.0.1", int(listen.rpartition(":")[2])))
            rude.sendall(b"GET /metr")  # closed so, the line is reset
        with pytest.raises(RemoteDisconnected):
            asked(listen)
        assert asked(listen, "/other")[0] == 404, "the next is answered"
    told = capsys.readouterr()
    [line] = told.err.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["error"]) == ("crash.caught", "ValueError")
    assert told.out == ""
    assert_no_canary(texts=[told.err])


def test_a_fault_in_what_others_watch_ends_no_round(
    heard: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_condition: Condition, _now: datetime) -> None:
        raise ValueError(CANARY)

    with freeze_time("2027-03-24") as frozen:
        year = Year(tmp_path, frozen, date(2027, 3, 24))
        year.service = replace(year.service, show=fails, ping=fails)
        assert year.sweep(year.first).round is not None
    err = capsys.readouterr().err
    assert '"event": "crash.caught"' in err
    assert_no_canary(texts=[err])
