"""The control socket: who may ask, what is done for them, and that nothing hostile disturbs the service.

One service runs for the whole page; nothing here destroys anything. What is destroyed: test_on_demand.py.
"""

from __future__ import annotations

import json
import os
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from retentiond.core.model import Role
from retentiond.locks import Waiting, held
from retentiond.talk import VERSION, Gone, Talk
from tests.daemon import everybody
from tests.daemon.conftest import Running, running
from tests.daemon.desk import FIRST, GROUP, SECOND, SERVICE, STRANGER, Answer, Desk, due, furnished, young
from tests.servers.fixtures import DovecotFactory


@pytest.fixture(scope="module")
def desk(dovecot_factory: DovecotFactory) -> Iterator[Desk]:
    """Three items due, two young ones, nothing armed."""
    everybody.python()
    with furnished(dovecot_factory) as made:
        story = made.story
        story.seed(story.line, Role.INBOX, [*due(3), *young(2)])
        made.furnish(is_readable=True)
        yield made


@pytest.fixture(scope="module")
def service(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    journal = tmp_path_factory.mktemp("service") / "journal"
    address = f"@control-{os.getpid()}"
    with running(desk.story.config, journal, address, user=SERVICE, groups=(GROUP.gr_gid,)) as found:
        found.listener.until(lambda line: line.startswith("STATUS=idle"), 30)
        yield found
        assert found.process.poll() is None, "it did not live through this page"
        assert not found.logged("crash.caught")


@contextmanager
def connected(desk: Desk) -> Iterator[tuple[socket.socket, Talk]]:
    """A client of one's own making, which has heard who is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(desk.socket))
        talk = Talk(connection)
        assert talk.hear(10) == {"version": VERSION, "config": str(desk.story.config)}
        yield connection, talk


def request(verb: str, *words: str, **more: Any) -> dict[str, Any]:
    plain = {"version": VERSION, "verb": verb, "words": list(words), "sudo_uid": None}
    return {**plain, "terminals": [], "columns": 0, "quiet": False, **more}


# ── who may ask ──────────────────────────────────────────────────────────────────────────────────


def test_the_group_and_root_and_its_own_user_may_ask(desk: Desk, service: Running) -> None:
    """The configuration, the password and the ledger are closed to the admin."""
    for uid, groups in ((FIRST, (GROUP.gr_gid,)), (0, ()), (SERVICE, ())):
        told = desk.ask(uid, "status", "--json", groups=groups)
        assert json.loads(told.out)["is_running"] is True, told.err
    asked = [(each["verb"], each["uid"]) for each in service.logged("request.started")]
    assert asked[-3:] == [("status", FIRST), ("status", 0), ("status", SERVICE)]
    assert not service.logged("control.unshared")
    assert desk.socket.stat().st_mode & 0o777 == 0o660
    assert (desk.socket.stat().st_uid, desk.socket.stat().st_gid) == (SERVICE, GROUP.gr_gid)


def test_a_stranger_is_told_so(desk: Desk, service: Running) -> None:
    """By the file's mode; and where somebody has loosened that, by the kernel's word for who they are."""
    told = desk.ask(STRANGER, "status", groups=())
    assert (told.code, told.out) == (77, "")
    assert "you may not ask it for anything" in told.err
    assert "retentiond-admin" in told.err
    desk.socket.chmod(0o666)
    try:
        assert desk.ask(STRANGER, "purge", "/etc/hostname", groups=()) == told
        [refused] = service.logged("control.refused", why="stranger")
    finally:
        desk.socket.chmod(0o660)
    assert (refused["uid"], refused["level"]) == (STRANGER, "warning")
    assert not service.logged("request.started", uid=STRANGER)


def test_only_root_is_believed_for_whom_it_acts(desk: Desk, service: Running) -> None:
    """The ledger knows who asked for what; SUDO_UID is a word that anybody can write."""
    for uid in (FIRST, 0):
        words = ("pause", "--until", "2099-12-31", "--reason", "a test")
        assert desk.ask(uid, *words, SUDO_UID="41777").code == 0
        assert desk.ask(uid, "resume", SUDO_UID="41777").out == "The pause is over.\n"
    assert [each["who"] for each in desk.events("paused")] == [
        f"uid {FIRST}",
        "uid 0 (sudo by uid 41777)",
    ]


# ── what is done for them ────────────────────────────────────────────────────────────────────────


def same(desk: Desk, *words: str) -> Answer:
    """Asks the service, then does it without it: the same words, and the same exit code."""
    through = desk.ask(SERVICE, *words)
    directly = desk.ask(SERVICE, *words, config=desk.aside)
    assert _timeless(through) == _timeless(directly)
    return through


def _timeless(answer: Answer) -> Answer:
    return replace(answer, out=re.sub(r'"looked_at": "[^"]+"', "", answer.out))


def test_it_answers_as_the_command_itself_would(desk: Desk, service: Running) -> None:
    desk.plan.write_text("no plan at all")
    desk.plan.chmod(0o644)
    assert "Due: 3. Astray: 0." in same(desk, "audit").out
    assert same(desk, "--quiet", "audit").out == ""
    assert json.loads(same(desk, "audit", "--json", "--as-of", "2020-01-01").out)["exit_code"] == 0
    assert same(desk, "audit", "--only", "nobody").code == 2
    assert same(desk, "audit", "--json", "--csv").code == 2
    assert same(desk, "purge", str(desk.plan)).code == 3
    assert same(desk, "purge", "/nowhere/at/all").code == 2
    assert same(desk, "arm", "line", "--destroy", "2").code == 3
    assert same(desk, "sweep", "--help").code == 0
    assert same(desk, "sweep", "--wait", "-1").code == 2
    verbs = {str(each["verb"]) for each in service.logged("request.ended")}
    assert {"audit", "purge", "arm"} <= verbs


def test_what_is_asked_on_a_terminal_is_asked_there(desk: Desk, service: Running) -> None:
    """`arm` without a number shows what is due, and waits for the person's answer."""
    with connected(desk) as (_, talk):
        talk.say(**request("arm", "line", terminals=["in", "out", "err"]))
        said = ""
        while "ask" not in (told := talk.hear(30)):
            said += told.get("out", "")
        assert "3 items would leave the folders of line." in said
        talk.say(answer="2\n")
        told = talk.hear(30)
        while "end" not in told:
            said += told.get("err", "")
            told = talk.hear(30)
    assert told["end"] == 3
    assert "more than the 2 agreed to" in said


def test_a_terminal_is_drawn_for_as_wide_as_it_is(desk: Desk, service: Running) -> None:
    """The service itself sits at none; whoever asks does, and hears how far it is."""
    with connected(desk) as (_, talk):
        talk.say(**request("audit", terminals=["out"], columns=60))
        heard = [talk.hear(30)]
        while "end" not in heard[-1]:
            heard.append(talk.hear(30))
    said = "".join(each.get("out", "") for each in heard)
    assert "───" in said
    plain = click.unstyle(said)
    [width] = {len(line) for line in plain.splitlines() if line.startswith("line")}
    assert 55 <= width <= 60
    assert "a helpline's reply in a personal folder" not in plain, "it goes over lines where it has no room"
    assert {"line", "ana"} <= {each["looked"] for each in heard if "looked" in each}


def test_whoever_hears_the_end_has_given_up_the_turn(desk: Desk, service: Running) -> None:
    """The next one, at that very moment, is not told to wait for who is done."""
    for _turn in range(20):
        with connected(desk) as (_, talk):
            talk.say(**request("sweep", "--wait", "-1"))
            heard = [talk.hear(30)]
            while "end" not in heard[-1]:
                heard.append(talk.hear(30))
        assert not any("waits" in each for each in heard)


def test_files_are_the_askers_own_business(desk: Desk, service: Running) -> None:
    """The service opens no path that somebody names: it asks for the text, or hands it over."""
    with connected(desk) as (_, talk):
        talk.say(**request("purge", str(desk.story.secret)))
        assert talk.hear(30) == {"seek": str(desk.story.secret)}
        talk.say(answer="found")
        assert talk.hear(30) == {"read": str(desk.story.secret)}
        talk.say(answer=None)
        assert "altered since it was saved" in talk.hear(30)["err"]
    with connected(desk) as (_, talk):
        talk.say(**request("audit", "--save", "/etc/no-such-place"))
        told = talk.hear(60)
        while "write" not in told:
            told = talk.hear(60)
        assert told["write"] == "/etc/no-such-place"
        assert json.loads(told["text"])["format"] == 1
    assert not Path("/etc/no-such-place").exists()


def test_whoever_waits_for_a_mailbox_says_for_whom(desk: Desk, service: Running) -> None:
    """At once, and again when it was had; the lock's file says who has it and nothing else."""
    with ExitStack() as stack:
        assert stack.enter_context(held(desk.story.state, ("line",), 0, Waiting("purge", 41888)))
        held_by = json.loads((desk.story.state / "line.lock").read_text())
        assert held_by == {"pid": os.getpid(), "uid": 41888, "what": "purge"}
        asking = desk.begin(FIRST, "arm", "line", "--destroy", "0", "--wait", "30")
        assert asking.process.stderr is not None
        first = asking.process.stderr.readline()
        assert first == f"line: a purge (process {os.getpid()}, user id 41888) has it; waiting\n"
        stack.close()
        answer = asking.ends()
    assert answer.err.startswith("line: had after ")
    assert answer.code == 3
    assert (desk.story.state / "line.lock").read_text() == ""


def test_one_after_the_other_but_a_pause_waits_for_nobody(desk: Desk, service: Running) -> None:
    with ExitStack() as stack:
        stack.enter_context(held(desk.story.state, ("line",), 0))
        first = desk.begin(FIRST, "arm", "line", "--destroy", "0", "--wait", "60")
        assert first.process.stderr is not None
        assert "has it; waiting" in first.process.stderr.readline()
        second = desk.begin(SECOND, "audit", "--json")
        assert second.process.stderr is not None
        told = second.process.stderr.readline()
        assert told.startswith(f"the service is busy with an arming of user id {FIRST}; ")
        assert desk.ask(SECOND, "status", "--json").out
        assert desk.ask(SECOND, "resume").out == "There was no pause.\n"
        assert second.process.poll() is None
        stack.close()
        assert first.ends().code == 3
        answer = second.ends()
        assert (answer.code, answer.err) == (0, "")


# ── hostile clients ──────────────────────────────────────────────────────────────────────────────

NONSENSE = (
    b"\xff\x00\xfe binary\n",
    b"[1, 2, 3]\n",
    b"null\n",
    b"{}\n",
    b"[" * 100_000 + b"\n",
    b"{" * 200_000,
    b"x" * 10_000_000,
    json.dumps(request("audit", version=99)).encode() + b"\n",
    json.dumps(request("audit", "nul\0")).encode() + b"\n",
    json.dumps(request("audit", columns="wide")).encode() + b"\n",
    json.dumps(request("audit", sudo_uid=-5)).encode() + b"\n",
    json.dumps(request("audit", *["x"] * 101)).encode() + b"\n",
    json.dumps(request("audit", quiet=1)).encode() + b"\n",
    json.dumps(request("audit", words=[1])).encode() + b"\n",
)


@pytest.mark.parametrize("words", NONSENSE, ids=lambda words: repr(words[:12]))
def test_nonsense_is_refused(desk: Desk, service: Running, words: bytes) -> None:
    with connected(desk) as (connection, talk):
        try:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it hung up in the middle of ten megabytes
        try:
            assert talk.hear(15) == {"version": VERSION, "refused": "nonsense"}
        except Gone:
            assert len(words) > 1_000_000
    assert service.logged("control.refused", why="nonsense", uid=0)


def test_what_is_no_verb_of_it_is_refused(desk: Desk, service: Running) -> None:
    for verb in ("daemon", "ledger", "--config", "", "../audit", "demo"):
        with connected(desk) as (_, talk):
            talk.say(**request(verb, "x"))
            assert talk.hear(15) == {"version": VERSION, "refused": "verb"}


def test_whoever_hangs_up_or_says_nothing_keeps_nobody_waiting(desk: Desk, service: Running) -> None:
    """Half a line, gone in the middle of a look, silent, and more of them than there are places."""
    with connected(desk) as (connection, _):
        connection.sendall(b'{"version"')
    with connected(desk) as (_, talk):
        talk.say(**request("audit"))
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(desk)) for _ in range(7)]
        silent[0][0].sendall(b'{"version": 1, ')
        assert desk.ask(FIRST, "status", "--json").out
        silent.append(stack.enter_context(connected(desk)))
        told = desk.ask(FIRST, "status")
        assert (told.code, told.out) == (75, "")
        assert "too many people ask" in told.err
    told = desk.ask(FIRST, "audit", "--json")
    assert json.loads(told.out)["exit_code"] == told.code == 0


def test_a_thousand_connections_leave_nothing_behind(desk: Desk, service: Running) -> None:
    """All at once and none with a word: the service has a thread and a file for a few of them alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    try:
        with ExitStack() as stack:
            refused = 0
            for _ in range(1000):
                line = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                line.settimeout(30)
                line.connect(str(desk.socket))
                refused += "refused" in Talk(line).hear(30)
            assert refused == 1000 - 8
            own = Path(f"/proc/{service.process.pid}")
            assert len([*(own / "task").iterdir()]) < 64, "what the unit allows (TasksMax=)"
            assert len([*(own / "fd").iterdir()]) < 64
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    told = desk.ask(FIRST, "audit", "--json")
    assert json.loads(told.out)["exit_code"] == told.code == 0


@pytest.mark.campaign
def test_whoever_is_slow_is_refused_after_ten_seconds(desk: Desk, service: Running) -> None:
    with connected(desk) as (connection, talk):
        connection.sendall(b'{"version": 1, ')
        assert talk.hear(15) == {"version": VERSION, "refused": "nonsense"}
