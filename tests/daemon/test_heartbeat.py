"""A sign of life after a round that was in order, over checked TLS, with nothing in it; silence otherwise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from retentiond import heartbeat, logs
from retentiond.condition import Condition, Round
from retentiond.config import HeartbeatSettings
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from retentiond.demo.authority import Authority, found_authority
from tests.servers.canary import assert_no_canary
from tests.servers.seed import CANARY

NOW = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)
WELL = Condition(round=Round("sweep", NOW, NOW, "done"), finished=NOW)


class Service:
    """A healthchecks service: every question that it was asked, word for word."""

    def __init__(self, authority: Authority) -> None:
        self.heard: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
        heard, service = self.heard, self

        class Asked(BaseHTTPRequestHandler):
            timeout = 5

            def handle(self) -> None:
                words = b""
                while b"\r\n\r\n" not in words:
                    words += self.connection.recv(4096)
                heard.append(words)
                self.connection.sendall(service.answer)

        self._server = HTTPServer(("127.0.0.1", 0), Asked)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        context = authority.server_context()
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}/ping/0123?a=b"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service(authority: Authority) -> Iterator[Service]:
    service = Service(authority)
    yield service
    service.close()


@pytest.fixture
def settings(service: Service, authority: Authority) -> HeartbeatSettings:
    return HeartbeatSettings(service.url, authority.ca_file, 5)


@pytest.fixture(autouse=True)
def _logged(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    logs.configure("info", "json")
    yield
    logs.unconfigure()


def test_a_round_that_was_in_order_is_one_question_and_nothing_else(
    service: Service, settings: HeartbeatSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    heartbeat.ping(settings, WELL, NOW)
    [question] = service.heard
    host = service.url.split("/")[2]
    assert question.decode() == (
        f"GET /ping/0123?a=b HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n\r\n"
    )
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("concern", "is_heard"),
    [
        (Concern("line-1", Worry.OVERDUE, NOW), False),
        (Concern("line-1", Cause.UNREACHABLE, NOW - timedelta(hours=30)), False),
        (Concern("line-1", Cause.UNREACHABLE, NOW), True),
        (Concern("line-1", Cause.UNARMED, NOW), True),
    ],
)
def test_it_is_silent_while_somebody_must_be_told(
    concern: Concern, is_heard: bool, service: Service, settings: HeartbeatSettings
) -> None:
    heartbeat.ping(settings, replace(WELL, concerns=(concern,)), NOW)
    assert len(service.heard) == is_heard


@pytest.mark.parametrize("condition", [Condition(), replace(WELL, round=Round("sweep", NOW, NOW, "clock"))])
def test_it_is_silent_after_a_round_that_came_to_no_end(
    condition: Condition, service: Service, settings: HeartbeatSettings
) -> None:
    heartbeat.ping(settings, condition, NOW)
    assert service.heard == []


@pytest.mark.parametrize("trouble", ["certificate", "network", "refused", "redirected"])
def test_a_failure_is_a_line_in_the_log_and_nothing_more(
    trouble: str,
    service: Service,
    settings: HeartbeatSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A redirection is not followed: it could lead to clear text."""
    match trouble:
        case "certificate":
            settings = replace(settings, ca_file=found_authority(tmp_path).ca_file)
        case "network":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                settings = replace(settings, url=f"https://localhost:{free.getsockname()[1]}/")
        case "refused":
            service.answer = f"HTTP/1.1 404 {CANARY}\r\nContent-Length: 0\r\n\r\n".encode()
        case "redirected":
            service.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    heartbeat.ping(settings, WELL, NOW)
    err = capsys.readouterr().err
    why = "refused" if trouble == "redirected" else trouble
    assert f'"why": "{why}"' in err
    assert '"event": "heartbeat.failed"' in err
    assert not [part for part in ("/ping", "0123?", "a=b") if part in err], "the address is nobody's to read"
    assert_no_canary(texts=[err])
