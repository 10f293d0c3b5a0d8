"""The control socket: who may ask, what is done for them, and that nothing hostile disturbs the service."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from retentiond.core.model import Role
from tests.daemon import everybody
from tests.daemon.conftest import Running
from tests.daemon.desk import FIRST, GROUP, SERVICE, Desk
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, letter
from tests.stories.real_world import Helpline
from tests.stories.world import cutoff

Start = Callable[..., AbstractContextManager[Running]]


def due(count: int, start: int = 0) -> list[Seed]:
    return [
        Seed(letter(f"old{start + n}@post.example"), cutoff() - timedelta(hours=30, minutes=n), ())
        for n in range(count)
    ]


def young(count: int) -> list[Seed]:
    return [
        Seed(letter(f"new{n}@post.example"), cutoff() + timedelta(hours=30 + n), ()) for n in range(count)
    ]


@pytest.fixture(autouse=True)
def _several_users() -> None:
    everybody.python()


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path that every user may walk down: pytest's own folders are closed and too deep."""
    directory = Path(tempfile.mkdtemp(prefix="rd-desk-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def desk(dovecot_factory: DovecotFactory, place: Path) -> Iterator[Desk]:
    """A helpline with 12 items due and 5 young ones, armed."""
    server = dovecot_factory()
    Path(server.directory).chmod(0o755)
    story = Helpline(server, place / "own", server.new_user("line"), server.new_user("ana"))
    story.seed(story.line, Role.INBOX, [*due(12), *young(5)])
    story.arm()
    furnished = Desk(story, place)
    furnished.furnish()
    yield furnished
    furnished.no_canary()


@contextmanager
def served(desk: Desk, start: Start, *words: str, **more: str) -> Iterator[Running]:
    """The service of this desk, under its own user, when its socket is open."""
    with start(desk.story.config, *words, user=SERVICE, groups=(GROUP.gr_gid,), **more) as service:
        try:
            service.listener.until(lambda line: line.startswith("STATUS=idle"), 20)
        except AssertionError:
            print(service.log)
            raise
        yield service


def logged(service: Running, event: str) -> list[dict[str, object]]:
    told = [json.loads(line) for line in service.log.splitlines()]
    return [each for each in told if each["event"] == event]


def left(desk: Desk) -> int:
    return len(desk.story.mail(desk.story.line, Role.INBOX))


# ── who may ask, and what for ────────────────────────────────────────────────────────────────────


def test_an_admin_without_any_secret_audits_and_purges(desk: Desk, start: Start) -> None:
    """Configuration, password and ledger are closed to them. The ledger knows who it was."""
    with served(desk, start) as service:
        saved = desk.ask(FIRST, "audit", "--save", str(desk.plan))
        assert saved.code == 0, saved.err + service.log
        assert "Due: 12." in saved.out
        assert (desk.plan.stat().st_uid, desk.plan.stat().st_mode & 0o777) == (FIRST, 0o600)
        purged = desk.ask(FIRST, "purge", str(desk.plan))
        assert (purged.code, purged.err) == (0, "")
        assert "12 items done" in purged.out
        status = desk.ask(FIRST, "status", "--json")
        assert json.loads(status.out)["is_running"] is True
        started = logged(service, "request.started")
    assert [(each["verb"], each["uid"]) for each in started] == [
        ("audit", FIRST),
        ("purge", FIRST),
        ("status", FIRST),
    ]
    assert left(desk) == 5
    assert desk.destroyed() == 12
    assert [(each["what"], each["who"]) for each in desk.events("asked")] == [("purge", f"uid {FIRST}")]
