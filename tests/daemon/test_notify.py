"""What systemd hears: real datagrams on a real socket, and nothing where nobody listens."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from retentiond import notify
from tests.daemon.listener import listening


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_every_assignment(
    is_abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"@retentiond-{uuid.uuid4()}" if is_abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with listening(address) as listener:
        notify.tell(notify.READY, notify.status("looking at line-1"))
        notify.tell(notify.ALIVE)
        notify.tell(notify.STOPPING, notify.more_time(30))
        listener.hear(5)
    assert listener.heard == [
        "READY=1",
        "STATUS=looking at line-1",
        "WATCHDOG=1",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=30000000",
    ]


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_listening_is_no_fault(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.tell(notify.READY)
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify.tell(notify.READY)


def test_work_does_not_wait_for_a_reader_that_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel holds a few datagrams; what comes after them is lost, and nothing stands still."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(tmp_path / "notify") as listener:
        for _ in range(2000):
            notify.tell(notify.ALIVE)
        listener.hear()
    assert 0 < len(listener.heard) < 2000
