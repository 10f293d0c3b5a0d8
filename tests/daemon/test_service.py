"""The service as a real process on a real server: it starts, sweeps, stops, and leaves nothing open."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from retentiond import condition
from retentiond.core.model import Role
from retentiond.core.promises import Worry
from retentiond.ledger import Ledger
from tests.daemon.conftest import Running, a_night_was_missed
from tests.daemon.test_metrics import asked, free_port, told
from tests.servers.fixtures import DovecotFactory
from tests.stories.real_world import Helpline
from tests.stories.test_kills import Scene, scene
from tests.stories.world import cutoff, private, reply

Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture
def furnished(dovecot_factory: DovecotFactory, tmp_path: Path) -> Scene:
    return scene(dovecot_factory, tmp_path, 40)


def book_of(story: Helpline) -> Ledger:
    return Ledger.open(story.state, (story.state / "ledger.key").read_bytes())


def idle(line: str) -> bool:
    return line.startswith("STATUS=idle")


def test_it_starts_sweeps_and_stops_as_systemd_asks(furnished: Scene, start: Start) -> None:
    """READY, the night that was missed, SIGHUP refused, SIGTERM obeyed; STATUS says what it does."""
    state = furnished.story.state
    a_night_was_missed(state)
    with start(furnished.story.config) as service:
        service.listener.until(lambda line: line == "READY=1")
        service.listener.until(lambda line: line == "STATUS=a sweep begins")
        service.listener.until(idle)
        service.process.send_signal(signal.SIGHUP)
        service.listener.until(lambda line: line == "WATCHDOG=1")
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() == 0
        service.listener.hear()
        assert "STOPPING=1" in service.listener.heard
        assert any(line.startswith("STATUS=looking at line") for line in service.listener.heard)
        events = [json.loads(line)["event"] for line in service.log.splitlines()]
    assert {"daemon.started", "ledger.verified", "ledger.sealed", "reload.refused"} <= set(events)
    assert events[-1] == "daemon.stopped"
    furnished.check()
    standing = condition.read(state)
    assert standing.round is not None
    assert (standing.round.kind, standing.round.result, standing.concerns) == ("sweep", "done", ())
    assert (state / condition.FILE).stat().st_mode & 0o777 == 0o600
    furnished.story.no_canary()


def test_monitors_are_answered_and_signals_are_heard_beside_it(furnished: Scene, start: Start) -> None:
    """The file is there after the round, the endpoint while it runs; a heartbeat that nobody hears hinders
    nothing; more time is asked for until it is ready."""
    story, (port, silent) = furnished.story, (free_port(), free_port())
    textfile = story.directory / "retentiond.prom"
    story.write_configuration(
        f'[metrics]\ntextfile = "{textfile}"\nlisten = "127.0.0.1:{port}"\n'
        f'[heartbeat]\nurl = "https://localhost:{silent}/ping"\n'
    )
    a_night_was_missed(story.state)
    with start(story.config) as service:
        service.listener.until(lambda line: line == "EXTEND_TIMEOUT_USEC=600000000")
        service.listener.until(lambda line: line == "READY=1")
        service.listener.until(idle)
        found = told(asked(f"127.0.0.1:{port}")[1])
        assert found["retentiond_last_round_success"] == 1
        assert found["retentiond_next_round_timestamp_seconds"] > time.time()
        assert found["retentiond_targets.armed"] == 2
        assert sum(value for name, value in found.items() if ".R" in name) == 0
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() == 0
    assert told(textfile.read_bytes())["retentiond_last_round_success"] == 1
    assert '"event": "heartbeat.failed"' in service.log
    furnished.check()
    story.no_canary()


def test_sigterm_finishes_the_batch_in_hand_and_leaves_no_open_intent(
    dovecot_factory: DovecotFactory, tmp_path: Path, start: Start
) -> None:
    """At several moments of a sweep: it ends well and soon, and what it had begun is entered."""
    for moment in ("STATUS=looking at line", "STATUS=looking at ana", "STATUS=ana: a batch"):
        directory = tmp_path / moment[-5:].replace(" ", "-").replace(":", "-")
        directory.mkdir()
        disturbed = scene(dovecot_factory, directory, 60)
        a_night_was_missed(disturbed.story.state)
        with start(disturbed.story.config) as service:
            service.listener.until(lambda line, at=moment: line.startswith(at))  # type: ignore[misc]
            service.process.send_signal(signal.SIGTERM)
            assert service.ends(30) == 0
        with book_of(disturbed.story) as book:
            assert book.open_intents() == ()
            book.verify()
        assert disturbed.story.run("sweep") == 0, disturbed.story.complaints
        disturbed.check()


def test_what_a_kill_left_open_is_settled_before_anything_new(furnished: Scene, start: Start) -> None:
    a_night_was_missed(furnished.story.state)
    with start(furnished.story.config) as service:
        service.listener.until(lambda line: line.startswith("STATUS=ana: a batch"))
        service.process.kill()
    with start(furnished.story.config, "--once") as service:
        assert service.ends(60) == 0
    furnished.check()


def test_a_second_service_on_the_same_ledger_is_refused(furnished: Scene, start: Start) -> None:
    with start(furnished.story.config) as service:
        service.listener.until(lambda line: line == "READY=1")
        with start(furnished.story.config) as second:
            assert second.ends() == 75
            assert "runs already" in second.log


def test_a_damaged_ledger_is_not_served(furnished: Scene, start: Start) -> None:
    """Exit 65, before a mailbox is looked at; systemd does not restart it."""
    seals = furnished.story.state / "seals.log"
    seals.write_text(seals.read_text().replace(":1:", ":2:", 1))
    a_night_was_missed(furnished.story.state)
    with start(furnished.story.config) as service:
        assert service.ends() == 65
        assert "READY=1" not in service.listener.hear()
        assert '"event": "ledger.damaged"' in service.log


def test_an_audit_only_service_touches_nothing(
    dovecot_factory: DovecotFactory, tmp_path: Path, start: Start
) -> None:
    server = dovecot_factory()
    story = Helpline(server, tmp_path, server.new_user("line"), server.new_user("ana"))
    old = [reply(number, cutoff() - timedelta(days=5, minutes=number)) for number in range(12)]
    story.seed(story.line, Role.INBOX, old)
    story.seed(story.ana, Role.SENT, private(20))
    story.arm()
    before = story.mail(story.line, Role.INBOX), story.mail(story.ana, Role.SENT)
    with start(story.config, "--audit-only", "--once") as service:
        assert service.ends(60) == 0
    assert (story.mail(story.line, Role.INBOX), story.mail(story.ana, Role.SENT)) == before
    standing = condition.read(story.state)
    assert standing.round is not None
    assert standing.round.kind == "audit"
    [late] = standing.concerns
    assert (late.target, late.cause, late.count) == ("line", Worry.OVERDUE, 12)
    assert late.is_grave(late.since)
