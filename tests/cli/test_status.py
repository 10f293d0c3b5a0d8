"""How the promise stands is told beside the service; and a pause stops every hand that destroys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from retentiond import acknowledgement, condition
from retentiond import pause as pauses
from retentiond.core.promises import Worry
from retentiond.errors import Exit
from retentiond.locks import held
from retentiond.pause import Pause
from tests.cli.office import ADVISOR, DUE, HELD, HELPLINE, OLD, YOUNG, Office, mail

#: A day to come, for a run across midnight too.
SOON = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


def test_before_the_first_round_there_is_nothing_to_tell(office: Office) -> None:
    """Nor is anything called in order: a monitor that hears the exit code alone must know."""
    told = office.run("status")
    assert told.code == Exit.UNREACHED
    assert "Last round: none yet." in told.out
    assert "Nothing is known yet" in told.out
    assert "No findings" not in told.out, "nobody has looked"
    assert office.run("status", "--json").document["exit_code"] == Exit.UNREACHED
    office.arm_all()
    assert office.run("sweep").code == 0
    told = office.run("status")
    assert told.code == Exit.UNREACHED, "a sweep by hand is not written there"
    assert "Nothing is known yet" in told.out
    assert office.run("daemon", "--once").code == 0
    office.run("status").is_done("No findings.")


def test_what_waits_for_a_person_is_told_and_breaks_no_promise(office: Office) -> None:
    office.put(HELPLINE, {"INBOX": mail(1, OLD, "marked", ("\\Seen", "$RetentionHold"))})
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    told = office.run("status").has(0, HELPLINE, "no ground stated")
    assert "No promise is broken. Lines that begin with ! wait for a person." in told.out
    assert "No findings" not in told.out


def test_an_unarmed_target_is_a_finding_until_it_is_armed(office: Office) -> None:
    assert office.run("daemon", "--once").code == 1
    told = office.run("status").has(1, HELPLINE, "not armed", f"arm {HELPLINE} --destroy {DUE}")
    assert f"held {HELD}" in told.out
    assert "Last round: sweep" in told.out
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    told = office.run("status")
    told.is_done("items done", "No findings.", "seal:house:", f"{HELPLINE}: due 0, held {HELD}")


def test_the_document_says_the_same(office: Office) -> None:
    assert office.run("daemon", "--once").code == 1
    document = office.run("status", "--json").document
    assert document["last"]["kind"] == "sweep"
    assert document["last"]["result"] == "done"
    assert (document["held"], document["open_intents"], document["exit_code"]) == (HELD, 0, 1)
    assert document["blocked"] == [ADVISOR, HELPLINE]
    assert {each["cause"] for each in document["findings"]} == {"unarmed"}
    assert not any(each["is_grave"] for each in document["findings"]), "arming has seven days"
    assert document["seal"].startswith("seal:house:")


def test_it_sees_whether_the_service_runs_and_waits_for_nothing(office: Office) -> None:
    with held(office.state, ("_daemon",)):
        document = office.run("status", "--json").document
        assert document["is_running"]
        assert document["next"] > datetime.now(UTC).isoformat()
        office.run("daemon", "--once").has(75, "runs already")
    assert office.run("status", "--json").document["is_running"] is False


def test_who_has_seen_the_findings_says_so(office: Office) -> None:
    assert office.run("daemon", "--once").code == 1
    office.run("status", "--acknowledge").has(1, HELPLINE, "not armed", "[seen 20")
    office.run("status").has(1, HELPLINE, "[seen 20")
    told = office.run("status", "--json").document["findings"]
    assert {each["code"] for each in told} == {"R13"}
    assert all(each["acknowledged"] for each in told)
    assert office.run("daemon", "--once").code == 1
    assert all(each.seen for each in condition.read(office.state).concerns), "the service has heard of it"
    assert (office.state / acknowledgement.FILE).stat().st_mode & 0o777 == 0o600


def test_a_target_that_left_is_a_finding_until_somebody_retires_it(office: Office) -> None:
    """An advisor's replies came home, so the advisor may go; a helpline holds mail that is not due yet."""
    office.helpline("second-line")
    office.put("second-line", {"INBOX": mail(3, YOUNG)})
    office.write()
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    del office.targets["second-line"], office.targets[ADVISOR]
    office.write()
    assert office.run("daemon", "--once").code == 1
    told = office.run("status").has(1, "second-line", "3 items were left", "retentiond retire second-line")
    assert ADVISOR not in told.err
    reason = ("--reason", "deleted by IT")
    office.run("retire", HELPLINE, *reason).has(2, "the configuration has this target")
    office.run("retire", "third-line", *reason).has(2, "nobody waits for a target of this name")
    office.run("retire", "second-line", "--reason", "ask jo@post.example").has(2, "nobody's name or address")
    office.run("retire", "second-line", *reason).is_done("second-line is retired")
    office.run("retire", "second-line", *reason).has(2, "nobody waits")
    assert office.run("daemon", "--once").code == 0
    office.run("status").is_done("No findings.")
    shown = office.run("ledger", "show").out
    assert '"event": "retired"' in shown
    assert '"left": 3' in shown
    office.run("ledger", "verify").is_done()


def test_asking_makes_no_file(office: Office) -> None:
    before = sorted(path.name for path in office.state.iterdir())
    office.run("status")
    assert sorted(path.name for path in office.state.iterdir()) == before


def test_silence_for_more_than_two_days_is_a_finding(office: Office) -> None:
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    office.run("status").is_done()
    with freeze_time(datetime.now(UTC) + timedelta(hours=49), tick=True, real_asyncio=True):
        office.run("status").has(1, "house", "no sweep has come to its end for 2 days", "systemctl")


def test_a_clock_in_doubt_is_told_and_what_was_wrong_before_stays_told(office: Office) -> None:
    assert office.run("daemon", "--once").code == 1
    with freeze_time(datetime.now(UTC) - timedelta(hours=1), tick=True, real_asyncio=True):
        assert office.run("daemon", "--once").code == 3
        told = office.run("status").has(1, "house", "clock is in doubt", "timedatectl")
        assert HELPLINE in told.err


@pytest.mark.parametrize("lost", ["ledger.key", "ledger.db"])
def test_a_ledger_that_cannot_even_be_opened_is_told(office: Office, lost: str) -> None:
    """Such a round looked at nothing: what the one before it saw must not stand there as if all were well."""
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    (office.state / lost).rename(office.state / "elsewhere")
    assert office.run("daemon", "--once").code == 65
    office.run("status").has(1, "house", "the ledger is missing", "retentiond ledger verify")
    (office.state / "elsewhere").rename(office.state / lost)
    assert office.run("daemon", "--once").code == 0
    office.run("status").is_done()


def test_one_round_for_a_timer_ends_as_a_sweep_would(office: Office) -> None:
    """A timer, or cron, sees nothing but the exit code: 0 is that every promise is kept."""
    once = ("daemon", "--once")
    assert (office.run("sweep").code, office.run(*once).code) == (1, 1), "nothing is armed"
    assert office.run("daemon", "--once", "--audit-only").code == office.run("audit").code == 0
    office.arm_all()
    assert office.run(*once).code == office.run("sweep").code == 0
    office.targets[HELPLINE]["mailbox"] = "nobody@relay.example"
    office.write()
    assert office.run(*once).code == office.run("sweep").code == 75
    assert office.run("daemon", "--once", "--audit-only").code == office.run("audit").code == 75


@pytest.mark.parametrize("command", [("sweep",), ("daemon", "--once")])
def test_while_paused_nothing_is_destroyed(office: Office, command: tuple[str, ...]) -> None:
    office.arm_all()
    office.run("pause", "--until", SOON, "--reason", "mailboxes are being moved").is_done(SOON)
    with office.untouched():
        told = office.run(*command)
    assert told.code == 3
    office.run("status").has(1, "house", "paused until", "retentiond resume")
    office.run("resume").is_done("The pause is over.")
    office.run("resume").is_done("There was no pause.")
    assert office.run("sweep").code == 0
    assert '"event": "paused"' in office.run("ledger", "show").out
    assert '"event": "resumed"' in office.run("ledger", "show").out


def test_a_reviewed_plan_waits_for_the_end_of_a_pause(office: Office) -> None:
    office.arm_all()
    plan = office.directory / "plan.json"
    office.papers.append(plan)
    office.run("audit", "--save", str(plan)).is_done()
    office.run("pause", "--until", SOON, "--reason", "the manager asked").is_done()
    with office.untouched():
        office.run("purge", str(plan)).has(3, "paused until", "the manager asked", "retentiond resume")
    office.run("resume").is_done()
    assert office.run("purge", str(plan)).code == 0


def test_a_pause_ends_with_its_day_in_the_policys_zone(office: Office) -> None:
    office.run("pause", "--until", SOON, "--reason", "holidays").is_done()
    office.run("status").has(1, "paused until")
    with freeze_time(datetime.now(UTC) + timedelta(days=3), tick=True, real_asyncio=True):
        told = office.run("status")
    assert told.code == Exit.UNREACHED, "there was no round yet"
    assert "paused" not in told.out + told.err


def test_a_pause_is_loud_after_seven_days(office: Office) -> None:
    now = datetime.now(UTC)
    until = now.date() + timedelta(days=30)
    pauses.begin(office.state, Pause(now - timedelta(days=6), until, "a reason", "uid 0"), UTC)
    pauses.begin(office.state, Pause(now, until + timedelta(days=1), "another", "uid 0"), UTC)
    assert office.run("daemon", "--once").code == 3
    [paused] = [each for each in condition.read(office.state).concerns if each.cause == Worry.PAUSED]
    assert not paused.is_grave(now)
    assert paused.is_grave(now + timedelta(days=1, minutes=1)), "a prolonged pause is one pause"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--until", SOON), "--reason"),
        (("--reason", "holidays"), "--until"),
        (("--until", "2020-01-01", "--reason", "holidays"), "this day is over"),
        (("--until", SOON, "--reason", "ask jo@post.example"), "nobody's name or address"),
        (("--until", SOON, "--reason", ""), "3 to 80"),
    ],
)
def test_a_pause_has_an_end_and_a_reason(office: Office, words: tuple[str, ...], sentence: str) -> None:
    office.run("pause", *words).has(2, sentence)
    assert pauses.read(office.state) is None


@pytest.mark.parametrize("text", ["", "{}", '{"since": 1}', "null", "\x00"])
def test_a_switch_that_cannot_be_understood_is_a_pause(office: Office, text: str) -> None:
    office.arm_all()
    (office.state / pauses.FILE).write_text(text)
    with office.untouched():
        office.run("sweep").has(3, "paused until")


@pytest.mark.parametrize("text", ["", "{}", "null", '{"format": 2}', '{"format": 1, "round": 7}'])
def test_a_condition_that_cannot_be_understood_is_written_anew(office: Office, text: str) -> None:
    (office.state / condition.FILE).write_text(text)
    told = office.run("status")
    assert told.code == Exit.UNREACHED
    assert "none yet" in told.out
    assert office.run("daemon", "--once").code == 1, "nothing is armed"
    assert "Last round: sweep" in office.run("status").out
