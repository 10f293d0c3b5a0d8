"""Other channels take the very texts of the mail, through apprise itself, and never in clear text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from retentiond import alert, channels, logs
from retentiond.condition import Condition
from retentiond.config import AlertSettings, SecretReference, Source, Tls
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from tests.servers.canary import assert_no_canary
from tests.servers.seed import CANARY

pytest.importorskip("apprise", reason='Type: pip install "retentiond[apprise]"')

NOW = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)


class Chat:
    """A service of one's own on this machine (apprise's `json://`): what it was sent, headers and all."""

    def __init__(self) -> None:
        self.taken: list[dict[str, object]] = []
        self.headers: list[str] = []
        self.status = 200
        chat = self

        class Asked(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                chat.taken.append(json.loads(self.rfile.read(length)))
                chat.headers.append(str(self.headers))
                self.send_response_only(chat.status, CANARY)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Asked)
        self.address = f"json://127.0.0.1:{self._server.server_port}/token-0123"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    assert_no_canary(texts=[json.dumps(chat.taken), *chat.headers])
    chat.close()


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    logs.configure("info", "json")
    yield
    logs.unconfigure()


def place(tmp_path: Path, address: str) -> SecretReference:
    secret = tmp_path / "channel"
    secret.unlink(missing_ok=True)
    secret.write_text(f"{address}\n")
    secret.chmod(0o400)
    return SecretReference("alert", Source.FILE, str(secret))


def settings(*found: SecretReference) -> AlertSettings:
    """A relay that does not answer: the channel is all there is."""
    return AlertSettings(
        host="127.0.0.1",
        port=1,
        tls=Tls.STARTTLS,
        ca_file=None,
        user=None,
        secret=None,
        sender="it@charity.example",
        to=("it@charity.example",),
        second=(),
        call="the IT department",
        timeout=5,
        channels=found,
    )


#: What waits for a person, and breaks no promise by that.
WAITING = (Cause.HOLD_UNSTATED, Cause.HOLD_VANISHED)


@pytest.mark.parametrize("cause", [*Worry, *(each for each in Cause if each not in WAITING)])
def test_every_kind_of_alert_arrives_word_for_word(cause: str, chat: Chat, tmp_path: Path) -> None:
    concern = Concern("line-1", cause, NOW - timedelta(days=40), 4711, CANARY, CANARY, (1, 1))
    told = alert.tell(settings(place(tmp_path, chat.address)), Condition(concerns=(concern,)), NOW)
    [message] = chat.taken
    assert message["title"] == alert.SUBJECT
    assert (
        str(message["message"]).rstrip()
        == alert.TEXT.format(codes=f"    {alert.CODES[cause]}  line-1").rstrip()
    )
    assert message["attachments"] == []
    assert told.concerns[0].told == NOW, "one way that took it is enough"
    said = json.dumps(message) + chat.headers[0]
    assert not {"4711", "apprise", "Apprise", "retention"} & set(said.replace('"', " ").split())


def test_an_all_clear_goes_there_too(chat: Chat, tmp_path: Path) -> None:
    gone = Concern("house", Worry.CLOCK, NOW, told=NOW)
    told = alert.tell(settings(place(tmp_path, chat.address)), Condition(cleared=(gone,)), NOW)
    assert told.cleared == ()
    assert [message["title"] for message in chat.taken] == [alert.CLEAR_SUBJECT]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("json://chat.charity.example/token-0123", "clear-text"),
        ("jsons://chat.charity.example/token-0123?verify=no", "clear-text"),
        ("ntfy://chat.charity.example/token-0123", "clear-text"),
        (f"nothing-of-the-kind://{CANARY}", "address"),
        ("REFUSED", "refused"),
        ("", "no-secret"),
    ],
)
def test_what_was_not_taken_stays_to_be_told(
    address: str, why: str, heard: None, chat: Chat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.status = 500
    channel = place(tmp_path, chat.address if address == "REFUSED" else address)
    assert channels.send((channel,), alert.SUBJECT, "text") is False
    out, err = capsys.readouterr()
    assert f'"why": "{why}"' in err
    assert "token-0123" not in out + err, "no library says where it goes"
    assert_no_canary(texts=[out, err])
    condition = Condition(concerns=(Concern("house", Worry.CLOCK, NOW),))
    assert alert.tell(settings(channel), condition, NOW) == condition


def test_one_channel_that_fails_keeps_nothing_from_the_others(chat: Chat, tmp_path: Path) -> None:
    lost = SecretReference("alert", Source.FILE, str(tmp_path / "not-there"))
    assert channels.send((lost, place(tmp_path, chat.address)), alert.SUBJECT, "text") is True
    assert len(chat.taken) == 1


def test_what_is_closed_is_tried_wherever_it_lies(
    tmp_path: Path, heard: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens there; but it is not refused for being in clear text."""
    channel = place(tmp_path, "jsons://127.0.0.2:1/token-0123")
    assert channels.send((channel,), alert.SUBJECT, "text") is False
    assert '"why": "refused"' in capsys.readouterr().err
