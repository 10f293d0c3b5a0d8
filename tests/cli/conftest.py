"""A helpline's office: mail on a real server, a configuration in a private folder, and the command line.

Commands run in this process, as the program itself would run them; a few go through a process of
their own. Whatever they say or write is searched for the canary when the test is over.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retentiond import logs
from retentiond.demo.authority import Authority
from retentiond.demo.server import EmbeddedServer
from tests.cli.office import Office
from tests.servers.canary import assert_no_canary

NewOffice = Callable[..., Office]


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line sets the log and the umask of its process, which is ours here."""
    for name in ("RETENTIOND_CONFIG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "SUDO_UID", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    logs.unconfigure()


@pytest.fixture
def new_office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[NewOffice]:
    """`new_office(server)`: an empty office; at the end the canary is sought in all that was written."""
    opened: list[Office] = []

    def make(server: Any, **options: Any) -> Office:
        opened.append(Office(tmp_path / f"office-{len(opened)}", server, capsys, **options))
        return opened[-1]

    yield make
    assert opened, "the test opened no office"
    for office in opened:
        assert_no_canary((office.state, *office.papers), office.said)
        assert_private(office.state)


@pytest.fixture
def office(new_office: NewOffice, embedded: EmbeddedServer) -> Office:
    """One helpline and one advisor on the embedded server, with mail: see `Office.furnish`."""
    return new_office(embedded).furnish()


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that signed nobody's certificate here."""
    from retentiond.demo.authority import found_authority

    return found_authority(tmp_path_factory.mktemp("stranger"))


def assert_private(directory: Path) -> None:
    """Nobody else may read what was written, the public key aside."""
    for path in directory.rglob("*"):
        if path.name != "ledger.pub":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, f"{path.name} is open to others"
