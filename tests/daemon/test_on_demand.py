"""What people ask the service to do beside its rounds: done once, finished, entered, and agreed to."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import pytest

from retentiond.core.model import Role
from retentiond.talk import VERSION, Talk
from tests.daemon.conftest import Running
from tests.daemon.desk import (
    FIRST,
    GROUP,
    SECOND,
    SERVICE,
    STRANGER,
    Answer,
    Desk,
    armed,
    due,
)
from tests.servers.client import signed_in
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import CANARY, append_all

Start = Callable[..., AbstractContextManager[Running]]

DUE, YOUNG = 40, 5


@pytest.fixture
def desk(dovecot_factory: DovecotFactory) -> Iterator[Desk]:
    """A helpline with DUE and YOUNG items, armed."""
    with armed(dovecot_factory, DUE, YOUNG) as made:
        yield made


@contextmanager
def served(desk: Desk, start: Start, **options: str) -> Iterator[Running]:
    """The service of this desk, under its own user, when it has begun to listen."""
    with start(desk.story.config, user=SERVICE, groups=(SERVICE, GROUP.gr_gid), **options) as service:
        service.listener.until(lambda line: line.startswith("STATUS=idle"), 30)
        yield service


def saved(desk: Desk) -> str:
    """A reviewed plan of everything that is due, as its text."""
    told = desk.ask(FIRST, "audit", "--save", str(desk.plan))
    assert told.code == 0, told.err
    return desk.plan.read_text()


@contextmanager
def purging(desk: Desk, plan: str, moment: str) -> Iterator[Talk]:
    """A purge of this plan that has come as far as this moment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(desk.socket))
        talk = Talk(connection)
        talk.hear(10)
        talk.say(
            version=VERSION,
            verb="purge",
            words=["plan.json"],
            sudo_uid=FIRST,
            terminals=[],
            columns=0,
            quiet=False,
        )
        while moment not in (told := talk.hear(30)):
            if "seek" in told:
                talk.say(answer="found")
            elif "read" in told:
                talk.say(answer=plan)
        yield talk


def left(desk: Desk) -> int:
    return len(desk.story.mail(desk.story.line, Role.INBOX))


def is_as_it_must_be(desk: Desk) -> None:
    """Everything due is gone and entered once, nothing young is, and nothing is open."""
    assert left(desk) == YOUNG
    assert desk.destroyed() == DUE
    desk.story.check_book()


def test_an_admin_without_any_secret_purges(desk: Desk, start: Start) -> None:
    """Configuration, password and ledger are closed to them; the ledger knows who it was."""
    with served(desk, start):
        saved(desk)
        assert (desk.plan.stat().st_uid, desk.plan.stat().st_mode & 0o777) == (FIRST, 0o600)
        told = desk.ask(FIRST, "purge", str(desk.plan))
        assert (told.code, told.err) == (0, "")
        assert f"{DUE} items done" in told.out
    is_as_it_must_be(desk)
    assert [(each["what"], each["who"]) for each in desk.events("asked")] == [("purge", f"uid {FIRST}")]


def test_once_it_says_that_it_is_ready_it_can_be_asked(desk: Desk, start: Start) -> None:
    """`systemctl start retentiond && retentiond audit` need not do the work itself, without a secret."""
    with start(desk.story.config, user=SERVICE, groups=(SERVICE, GROUP.gr_gid)) as service:
        service.listener.until(lambda line: line == "READY=1", 30)
        assert desk.socket.exists()
        assert service.logged("control.opened")


def test_a_purge_is_finished_though_nobody_listens_any_more(desk: Desk, start: Start) -> None:
    with served(desk, start) as service:
        plan = saved(desk)
        with purging(desk, plan, "looked"):
            pass
        service.process.send_signal(signal.SIGTERM)  # waits for the batch in hand, whoever asked for it
        assert service.ends(40) == 0
    assert left(desk) in (YOUNG, YOUNG + DUE)
    with desk.book() as book:
        assert book.open_intents() == ()
    assert desk.destroyed() == DUE + YOUNG - left(desk)


def test_sigterm_in_the_middle_of_a_purge_finishes_its_batch(desk: Desk, start: Start) -> None:
    with served(desk, start) as service:
        plan = saved(desk)
        with purging(desk, plan, "done") as talk:
            service.process.send_signal(signal.SIGTERM)
            assert service.ends(40) == 0
            told = talk.hear(10)
            while "end" not in told:
                told = talk.hear(10)
            assert told["end"] == 0
        assert service.logged("daemon.stopped")
        assert not service.logged("batch.abandoned")
        assert not desk.socket.exists()
    is_as_it_must_be(desk)


def test_a_question_that_nobody_answers_keeps_no_service_from_ending(desk: Desk, start: Start) -> None:
    """Somebody went for lunch at the prompt: they are told, nothing was begun, and nothing is abandoned."""
    with served(desk, start) as service, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(desk.socket))
        talk = Talk(connection)
        talk.hear(10)
        request = {"verb": "arm", "words": ["line"], "sudo_uid": None, "terminals": ["in"], "columns": 0}
        talk.say(version=VERSION, quiet=False, **request)
        while "ask" not in (told := talk.hear(30)):
            pass
        service.process.send_signal(signal.SIGTERM)
        assert service.ends(40) == 0
        said = ""
        while "end" not in told:
            told = talk.hear(5)
            said += told.get("err", "")
        assert (told["end"], "run the same command again" in said) == (130, True)
        assert not service.logged("batch.abandoned")


@pytest.mark.parametrize("moment", [pytest.param("looked", marks=pytest.mark.campaign), "done"])
def test_a_purge_that_was_cut_off_by_a_kill_is_settled_at_the_next_start(
    desk: Desk, start: Start, moment: str
) -> None:
    with served(desk, start) as service:
        plan = saved(desk)
        with purging(desk, plan, moment):
            service.process.kill()
            service.ends()
    assert desk.socket.exists()  # stale: the next service replaces it, for it has the lock
    with served(desk, start):
        with desk.book() as book:
            assert book.open_intents() == ()
        told = desk.ask(FIRST, "purge", str(desk.plan))
        assert told.code == 0, told.err
    is_as_it_must_be(desk)


# ── the service sweeps, and an admin purges ──────────────────────────────────────────────────────


_WAITS = r"^(\w+): a round of the service \(process (\d+), user id (\d+)\) has it; waiting$"


def _both_at_once(desk: Desk, start: Start, times: int, many: int) -> None:
    """The service sweeps again and again; each time new mail is due an admin purges it, at once: so many
    times, and on until the two have met."""
    told: list[Answer] = []
    with served(desk, start, program="tests.daemon.restless") as service:

        def have_met() -> bool:
            waited = any(re.search(_WAITS, each.err, re.MULTILINE) for each in told)
            return waited or bool(service.logged("lock.awaited", kind="purge", uid=FIRST))

        for turn in range(10 * times):
            if turn >= times and have_met():
                break
            with signed_in(desk.story.server, desk.story.line) as client:  # a file would be seen half made
                append_all(client, "INBOX", due(many, DUE + turn * many))
            saved(desk)
            told.append(desk.ask(FIRST, "purge", str(desk.plan), "--wait", "60"))
        service.process.send_signal(signal.SIGTERM)
        assert service.ends(40) == 0
        rounds = service.logged("lock.awaited", kind="purge", uid=FIRST)
        assert len(service.logged("lock.taken")) >= len(rounds)
        assert not service.logged("lock.missed")
        assert not service.logged("crash.caught")
        assert not service.logged("round.failed")
        pid = service.process.pid
    assert {each.code for each in told} == {0}, told
    waits = [re.findall(_WAITS, each.err, re.MULTILINE) for each in told]
    had = [re.findall(r"^\w+: had after [0-9.]+ seconds$", each.err, re.M) for each in told]
    assert [len(each) for each in had] == [len(each) for each in waits]
    holder = (str(pid), str(SERVICE))
    assert {each for found in waits for each in found} <= {("ana", *holder), ("line", *holder)}
    assert left(desk) == YOUNG
    assert desk.destroyed() == DUE + len(told) * many
    desk.story.check_book()
    asked = sum(map(bool, waits))
    print(
        f"{len(told)} purges, {asked} of them waited; {len(rounds)} rounds waited; each item destroyed once"
    )
    assert asked or rounds, "neither ever met the other"


@pytest.mark.timeout(180)
def test_a_service_sweeping_and_an_admin_purging_at_once(desk: Desk, start: Start) -> None:
    """Five times, or more: no double deed, no deadlock, and each says what it waited for."""
    _both_at_once(desk, start, 5, 4)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_a_service_sweeping_and_an_admin_purging_at_once_fifty_times(desk: Desk, start: Start) -> None:
    _both_at_once(desk, start, 50, 4)


# ── two persons ──────────────────────────────────────────────────────────────────────────────────


def test_a_shorter_period_needs_two_persons(desk: Desk, start: Start) -> None:
    """Each really another Unix user; the number and the rules are what both agreed to, and once."""
    desk.furnish('[policy]\nperiod = "8 months"\n')
    with served(desk, start):
        assert desk.ask(FIRST, "arm", "line", "--destroy", "0").code == 0
    desk.furnish()
    arm = ("arm", "line", "--destroy", str(DUE))
    with served(desk, start):
        told = desk.ask(FIRST, *arm)
        assert (told.code, told.out) == (3, "")
        [(code, number)] = re.findall(r"retentiond approve (\S+) --destroy (\d+)", told.err)
        assert int(number) == DUE
        approve = ("approve", code, "--destroy", number)
        for uid, sudo, words in (
            (FIRST, "", "whoever asked cannot agree"),
            (0, str(FIRST), "whoever asked cannot agree"),
            (0, "", "root or the service is nobody"),
            (0, str(SERVICE), "root or the service is nobody"),
            (SERVICE, "", "root or the service is nobody"),
            (STRANGER, "", "you may not ask it"),
        ):
            groups = () if uid == STRANGER else (GROUP.gr_gid,)
            refused = desk.ask(uid, *approve, groups=groups, SUDO_UID=sudo)
            assert refused.code in (3, 77), refused
            assert words in refused.err
        assert "agree to that number" in desk.ask(SECOND, "approve", code, "--destroy", "1").err
        unwritten = desk.ask(SECOND, "audit", "--only", "new-line").err
        assert "there is no target 'new-line'; the configuration knows line, " in unwritten
        assert "must be restarted: systemctl restart retentiond" in unwritten
        unknown = desk.ask(SECOND, "approve", "AAAA-AAAA", "--destroy", number)
        assert "nothing waits under this code" in unknown.err
        assert desk.ask(FIRST, *arm).err == told.err  # asked again: the same request
        agreed = desk.ask(0, *approve, SUDO_UID=str(SECOND))
        assert agreed.code == 0, agreed.err
        assert f"User id {FIRST} asks for an arming of line" in agreed.out
        assert "has agreed to this already" in desk.ask(SECOND, *approve).err
        assert desk.ask(FIRST, "arm", "line", "--destroy", str(DUE + 1)).code == 3  # more than was agreed to
        assert desk.ask(FIRST, *arm).code == 0
    [entry] = desk.events("approved")
    assert (entry["what"], entry["targets"], entry["number"]) == ("arm", ["line"], DUE)
    assert (entry["asked"], entry["who"]) == (f"uid {FIRST}", f"uid 0 (sudo by uid {SECOND})")
    assert re.fullmatch(r"[0-9a-f]{64}", str(entry["digest"]))
    armed = [each["who"] for each in desk.events("armed") if each["target"] == "line"]
    assert armed[-1] == f"uid {FIRST}, agreed to by uid {SECOND}"


def test_a_conversation_that_may_keep_less_long_needs_two_persons(desk: Desk, start: Start) -> None:
    by_conversation = '[policy]\nclock = "conversation"\nlongest = "{}"\n'
    desk.furnish(by_conversation.format("18 months"))
    with served(desk, start):
        assert desk.ask(FIRST, "arm", "line", "--destroy", str(DUE)).code == 0
    for less in (by_conversation.format("9 months"), ""):
        desk.furnish(less)
        with served(desk, start):
            told = desk.ask(FIRST, "arm", "line", "--destroy", str(DUE))
            assert told.code == 3
            assert re.search(r"retentiond approve \S+ --destroy \d+", told.err)
    armed = [each for each in desk.events("armed") if each["target"] == "line"]
    assert armed[-1]["longest"] == "18 months"


def test_what_is_younger_than_its_period_is_purged_by_two(desk: Desk, start: Start) -> None:
    """The plan that was shown, its number, and another person; then the very same command."""
    words = ("purge", "line", "--older-than", f"{datetime.now(UTC):%Y-%m-%d}", "--destroy", f"{DUE + YOUNG}")
    with served(desk, start):
        told = desk.ask(FIRST, *words)
        assert told.code == 3
        [(code, number)] = re.findall(r"retentiond approve (\S+) --destroy (\d+)", told.err)
        assert int(number) == DUE + YOUNG
        assert left(desk) == DUE + YOUNG
        assert "a purge of line" in desk.ask(SECOND, "approve", code, "--destroy", number).out
        told = desk.ask(FIRST, *words)
        assert (told.code, told.err) == (0, "")
        assert left(desk) == 0
    [entry] = desk.events("purge")
    assert entry["who"] == f"uid {FIRST}, agreed to by uid {SECOND}"
    desk.story.check_book()


def test_one_persons_mail_is_erased_and_their_address_stays_nowhere(desk: Desk, start: Start) -> None:
    """It is piped to the command, travels to the service, and is in no log, no book and no answer."""
    desk.furnish("[policy]\napprovers = 1\n")
    address = f"{CANARY}.old3@{CANARY}.example"
    with served(desk, start):
        told = desk.begin(FIRST, "purge", "--erase", "--destroy", "1").ends(f"{address}\n\n")
        assert (told.code, told.err) == (0, "")
        assert "Your request has been dealt with." in told.out
    assert left(desk) == DUE + YOUNG - 1
    [entry] = desk.events("erasure")
    assert entry["who"] == f"uid {FIRST}, approvers = 1"


def test_whoever_hangs_up_in_the_middle_of_their_list_erases_nobody(desk: Desk, start: Start) -> None:
    """Ctrl-C after the first address: half a list is no list, though the number was given already."""
    desk.furnish("[policy]\napprovers = 1\n")
    with served(desk, start) as service:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(desk.socket))
            talk = Talk(connection)
            talk.hear(10)
            words = ["--erase", "--destroy", "1"]
            request = {"verb": "purge", "words": words, "sudo_uid": None, "terminals": [], "columns": 0}
            talk.say(version=VERSION, quiet=False, **request)
            assert talk.hear(30) == {"ask": "line"}
            talk.say(answer=f"{CANARY}.old3@{CANARY}.example\n")
            assert talk.hear(30) == {"ask": "line"}
        assert desk.ask(FIRST, "audit", "--json").code == 0  # waits until the turn is free
        [ended] = service.logged("request.ended", verb="purge")
        assert ended["exit"] == 130
    assert left(desk) == DUE + YOUNG
    assert desk.events("erasure") == []


def test_whoever_asks_a_service_that_is_down_is_told_that_it_is(desk: Desk) -> None:
    """They may ask it, and may not read what it wrote: this is when they need a way on most."""
    desk.furnish(is_readable=True)
    told = desk.ask(FIRST, "status")
    assert told.code == 77
    assert "no service answers" in told.err
    assert "type: sudo retentiond status" in told.err


def test_without_the_service_nobody_is_two_persons(desk: Desk) -> None:
    story = desk.story
    story.write_configuration('[policy]\nperiod = "8 months"\n')
    assert story.run("arm", "line", "--destroy", "0") == 0
    story.write_configuration()
    for words in (("arm", "line", "--destroy", str(DUE)), ("approve", "AAAA-AAAA", "--destroy", "1")):
        assert story.run(*words) == 3
        assert "only the running service sees who they are" in story.complaints


def test_one_person_is_enough_where_the_policy_says_so_and_the_ledger_keeps_it(desk: Desk) -> None:
    story = desk.story
    story.write_configuration('[policy]\nperiod = "8 months"\napprovers = 1\n')
    assert story.run("arm", "line", "--destroy", "0") == 0
    story.write_configuration("[policy]\napprovers = 1\n")
    assert story.run("arm", "line", "--destroy", str(DUE)) == 0
    armed = [each["who"] for each in desk.events("armed") if each["target"] == "line"]
    assert armed[-1] == f"uid {os.getuid()}, approvers = 1"
