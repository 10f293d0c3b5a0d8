"""Holds through the running service: an admin without any secret keeps what is about to go, at once."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from retentiond.talk import VERSION, Talk
from tests.daemon.conftest import Running
from tests.daemon.desk import FIRST, GROUP, SECOND, SERVICE, STRANGER, Desk, armed
from tests.daemon.test_on_demand import left, purging, saved, served
from tests.servers.canary import assert_no_canary
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import CANARY

Start = Callable[..., AbstractContextManager[Running]]

DUE, YOUNG = 6, 1
ADDRESS = f"{CANARY}.old3@{CANARY}.example"
ADD = ("hold", "add", "line", "--ground", "child-at-risk")


@pytest.fixture
def desk(dovecot_factory: DovecotFactory) -> Iterator[Desk]:
    """A helpline with DUE and YOUNG items, armed."""
    with armed(dovecot_factory, DUE, YOUNG) as made:
        yield made


def register(desk: Desk, uid: int = FIRST) -> list[dict[str, Any]]:
    told = desk.ask(uid, "hold", "list", "--json")
    assert told.code == 0, told.err
    found: list[dict[str, Any]] = json.loads(told.out)["holds"]
    return found


def sweep(desk: Desk) -> None:
    told = desk.ask(SECOND, "sweep")
    assert told.code == 0, told.err


def test_an_admin_without_any_secret_holds_and_lets_go(desk: Desk, start: Start) -> None:
    """Set by one, kept through a sweep, looked at again and released by another: the ledger knows both."""
    with served(desk, start) as service:
        told = desk.ask(STRANGER, *ADD, groups=())
        assert (told.code, told.out) == (77, "")
        asking = desk.begin(FIRST, *ADD, "--correspondent")
        words = Path(f"/proc/{asking.process.pid}/cmdline").read_bytes()
        told = asking.ends(f"{ADDRESS}\n")
        assert (told.code, told.err) == (0, "")
        assert told.out.startswith("1 item held: inbox 1.\nHold ")
        [hold] = register(desk)
        assert (hold["by"], hold["ground"], hold["items"]) == (f"uid {FIRST}", "child-at-risk", 1)
        sweep(desk)
        assert left(desk) == YOUNG + 1
        id = str(hold["id"])
        told = desk.ask(SECOND, "hold", "review", id, "--until", f"{hold['review']}", "--ground", "other")
        assert (told.code, told.err) == (0, "")
        assert [each["ground"] for each in register(desk, SECOND)] == ["other"]
        assert desk.ask(SECOND, "hold", "release", id, SUDO_UID="41777").code == 0
        assert register(desk) == []
        sweep(desk)
        assert left(desk) == YOUNG
        verbs = [each["verb"] for each in service.logged("request.ended", exit=0)]
        assert verbs[:2] == ["hold-add", "hold-list"]
        assert {"hold-review", "hold-release"} <= set(verbs)
    people = {
        name: each["who"]
        for name in ("added", "reviewed", "released")
        for each in desk.events(f"hold {name}")
    }
    assert people == {"added": f"uid {FIRST}", "reviewed": f"uid {SECOND}", "released": f"uid {SECOND}"}
    assert_no_canary(texts=[words.decode()])


def test_a_hold_does_not_wait_for_a_purge_that_is_about_to_take_the_same(desk: Desk, start: Start) -> None:
    """The purge has its turn and waits for its plan; what is held meanwhile stays."""
    with served(desk, start) as service:
        plan = saved(desk)
        with purging(desk, plan, "read") as talk:
            told = desk.begin(FIRST, *ADD).ends("old3@post.example\n")
            assert (told.code, told.err) == (0, "")
            talk.say(answer=plan)
            while "end" not in (heard := talk.hear(30)):
                pass
        assert heard["end"] == 0
        assert left(desk) == YOUNG + 1
        ended = [each["verb"] for each in service.logged("request.ended")]
        assert ended[-2:] == ["hold-add", "purge"]


def test_at_a_terminal_ground_and_address_are_asked_for_there(desk: Desk, start: Start) -> None:
    """And how many there are, before any of them bears a sign."""
    with served(desk, start), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(desk.socket))
        talk = Talk(connection)
        talk.hear(10)
        request = {"verb": "hold add", "words": ["line", "--correspondent"], "sudo_uid": None, "columns": 80}
        talk.say(version=VERSION, terminals=["in", "out", "err"], quiet=False, **request)
        answers, said = ["threat-to-staff", "helpline@relay.example", "n"], ""
        while "end" not in (told := talk.hear(30)):
            said += told.get("out", "") + told.get("err", "")
            if "ask" in told:
                talk.say(answer=answers.pop(0) + "\n")
        assert (told["end"], answers) == (130, [])
        assert f"{DUE + YOUNG} items found: inbox {DUE + YOUNG}. Hold them?" in said
        assert register(desk) == []
    assert_no_canary(texts=[said])


def test_a_service_that_only_looks_keeps_what_somebody_holds_and_lets_nothing_go(
    desk: Desk, start: Start
) -> None:

    with start(desk.story.config, "--audit-only", user=SERVICE, groups=(SERVICE, GROUP.gr_gid)) as service:
        service.listener.until(lambda line: line.startswith("STATUS=idle"), 30)
        assert desk.begin(FIRST, *ADD).ends("old3@post.example\n").code == 0
        [hold] = register(desk)
        told = desk.ask(FIRST, "hold", "release", str(hold["id"]))
        assert (told.code, told.out) == (3, "")
        assert register(desk) == [hold]
