"""A command within the service speaks with whoever asked for it, and with nobody else."""

from __future__ import annotations

import getpass
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
import pytest

from retentiond.asking import Request
from retentiond.cli.caller import Caller, called_by, heard_by_callers, read_paper, write_paper
from retentiond.cli.session import who
from retentiond.cli.through import asked
from retentiond.config import Config
from retentiond.talk import Gone, Peer, Talk


class Conversation:
    """A command in a thread of its own, and the other end of its line."""

    def __init__(self, line: Talk, caller: Caller) -> None:
        self.line, self._caller = line, caller
        self.answers: list[Any] = []

    @contextmanager
    def about(self, do: Callable[[], Any]) -> Iterator[Talk]:
        """The command runs within, and is over afterwards."""

        def run() -> None:
            with called_by(self._caller):
                self.answers.append(do())

        thread = threading.Thread(target=run)
        with heard_by_callers():
            thread.start()
            yield self.line
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def conversation() -> Iterator[Conversation]:
    ours, theirs = socket.socketpair()
    peer = Peer(4242, 1001, frozenset((1001,)))
    request = Request("purge", (), peer, None, frozenset(("in", "out")), 80, is_quiet=False)
    with ours, theirs:
        yield Conversation(Talk(theirs), Caller(request, Talk(ours), cast("Config", None), lambda: False))


def test_what_is_said_goes_to_whoever_asked_and_nobody_else(
    conversation: Conversation, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> str:
        click.echo("for them")
        click.echo("a complaint", err=True)
        assert sys.stdout.isatty()
        assert not sys.stderr.isatty()
        return who()

    with conversation.about(command) as line:
        sys.stdout.write("for us")
        assert line.hear(5) == {"out": "for them\n"}
        assert line.hear(5) == {"err": "a complaint\n"}
    assert capsys.readouterr() == ("for us", "")
    assert conversation.answers == ["uid 1001"]


def test_what_is_asked_is_answered_there(conversation: Conversation) -> None:
    with conversation.about(lambda: click.prompt("How many", type=int)) as line:
        said = ""
        while (told := line.hear(5)) != {"ask": "line"}:
            said += told["out"]
        assert said.strip() == "How many:"
        line.say(answer="12\n")
    assert conversation.answers == [12]


def test_a_secret_is_typed_there_without_an_echo(conversation: Conversation) -> None:
    with conversation.about(lambda: click.prompt("An address", hide_input=True, err=True)) as line:
        heard = [line.hear(5)]
        while heard[-1] != {"ask": "secret"}:
            heard.append(line.hear(5))
        assert "An address" in "".join(each.get("err", "") for each in heard)
        line.say(answer="somebody")
    assert conversation.answers == ["somebody"]


def test_what_is_piped_is_read_to_its_end(conversation: Conversation) -> None:
    with conversation.about(lambda: [each.strip() for each in sys.stdin]) as line:
        for said in ("one\n", "two\n", ""):
            assert line.hear(5) == {"ask": "line"}
            line.say(answer=said)
    assert conversation.answers == [["one", "two"]]


def test_a_file_is_theirs_to_open(conversation: Conversation, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    with conversation.about(lambda: read_paper(path)) as line:
        assert line.hear(5) == {"read": path}
        line.say(answer="a plan")
    with conversation.about(lambda: write_paper(path, "a plan")) as line:
        assert line.hear(5) == {"write": path, "text": "a plan"}
        line.say(answer="written")
    assert conversation.answers == ["a plan", None]
    assert not Path(path).exists()


def test_whoever_hangs_up_is_asked_nothing_more(conversation: Conversation) -> None:
    conversation.line.close()

    def command() -> None:
        for _ in range(10_000):
            click.echo("is anybody there?")
        with pytest.raises(click.Abort):
            sys.stdin.readline()

    with conversation.about(command):
        pass
    assert conversation.answers == [None]


def test_afterwards_the_process_has_its_own_streams_again() -> None:
    before = sys.stdin, sys.stdout, sys.stderr, getpass.getpass
    with heard_by_callers():
        assert sys.stdout is not before[1]
    assert (sys.stdin, sys.stdout, sys.stderr, getpass.getpass) == before


def test_what_a_service_said_before_it_ended_is_heard_though_it_hears_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody answers at last, and the service has given up: its own words and code, and no riddle."""
    monkeypatch.setattr("sys.stdin", io.StringIO("120\n"))
    ours, theirs = socket.socketpair()

    def service() -> None:
        line = Talk(theirs)
        line.hear(30)
        theirs.shutdown(socket.SHUT_RD)
        line.say(ask="line")
        line.say(err="stopped\n")
        line.say(end=130)

    with ours, theirs:
        thread = threading.Thread(target=service)
        thread.start()
        assert asked(Talk(ours), "purge", (), quiet=False) == 130
        thread.join(30)
    assert capsys.readouterr().err == "stopped\n"


def test_nobody_at_the_other_end_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(Gone):
        Talk(ours).hear(5)
