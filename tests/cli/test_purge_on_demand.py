"""`purge NAME --older-than DAY`: past its period one person may; younger, two must, or it is on record."""

from __future__ import annotations

import os
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest

from retentiond.ledger import Ledger
from retentiond.locks import held
from tests.cli.office import ADVISOR, DUE, HELPLINE, KEPT, OLD, Office, mail


def days_ago(number: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=number)).isoformat()


def between() -> str:
    """Before this day lies all that is due, and after it all that is not."""
    return days_ago(190)


def late() -> str:
    """Before this one lies what is younger than its period as well, at whatever hour it was put there."""
    return days_ago(0)


@pytest.fixture
def armed(office: Office) -> Office:
    office.arm_all()
    return office


def last_events(office: Office) -> list[dict[str, object]]:
    with Ledger.open(office.state, (office.state / "ledger.key").read_bytes()) as book:
        return [dict(entry.body) for entry in book.show(last=20)]


def test_what_is_older_than_a_day_and_past_its_period_needs_one_person(armed: Office) -> None:
    told = armed.run("purge", HELPLINE, "--older-than", between(), "--destroy", str(DUE))
    assert told.code == 0, told.err
    assert f"{DUE} items done" in told.out
    event = next(body for body in last_events(armed) if body["event"] == "purge")
    assert (event["target"], event["before"], event["number"]) == (HELPLINE, between(), DUE)
    assert re.fullmatch(r"uid \d+", str(event["who"]))
    deeds = {body["reason"] for body in last_events(armed) if body["event"] == "deed"}
    assert deeds == {"due"}
    assert "0 items done" in armed.run("sweep", "--only", HELPLINE).out
    armed.run("ledger", "verify").is_done()


def test_an_earlier_day_takes_less_than_is_due(armed: Office) -> None:
    armed.put(HELPLINE, {"Sent": mail(2, timedelta(days=400), "older")})
    day = days_ago(300)
    armed.run("purge", HELPLINE, "--older-than", day, "--destroy", "2", "--json")
    found = armed.run("audit", "--only", HELPLINE, "--json").document
    assert found["targets"][0]["destroy"] == DUE


def test_what_is_younger_than_its_period_is_not_for_one_person(armed: Office) -> None:
    with armed.untouched():
        told = armed.run("purge", HELPLINE, "--older-than", late(), "--destroy", "100")
        told.has(3, HELPLINE, "younger than its period", "nothing was done", "approvers = 1")


def test_with_one_approver_it_is_done_and_recorded(armed: Office) -> None:
    armed.policy["approvers"] = 1
    armed.write()
    told = armed.run("purge", HELPLINE, "--older-than", late(), "--destroy", str(DUE + KEPT))
    assert told.code == 0, told.err
    assert f"{DUE + KEPT} items done" in told.out
    assert "approvers = 1" in str(next(b for b in last_events(armed) if b["event"] == "purge")["who"])
    assert {b["reason"] for b in last_events(armed) if b["event"] == "deed"} == {"on-demand"}
    assert sum(len(each) for each in armed.contents(HELPLINE).values()) == 1, "what is held stays"
    assert armed.run("sweep").code == 0
    armed.run("ledger", "verify").is_done()


def test_more_than_the_number_is_refused_with_the_new_one(armed: Office) -> None:
    with armed.untouched():
        told = armed.run("purge", HELPLINE, "--older-than", between(), "--destroy", str(DUE - 1))
        told.has(3, f"{DUE} items would be destroyed", f"--destroy {DUE}")


def test_an_unarmed_target_is_not_purged(office: Office) -> None:
    with office.untouched():
        office.run("purge", HELPLINE, "--older-than", between(), "--destroy", "99").has(
            3, HELPLINE, "not armed", f"retentiond arm {HELPLINE}"
        )


def test_a_purge_makes_nothing_foreseen_that_was_not(armed: Office) -> None:
    """An import that trips the fuse tonight trips it after a purge as well."""
    armed.limits["unforeseen"] = 3
    armed.write()
    armed.put(HELPLINE, {"INBOX": mail(9, OLD, "import")})
    day = days_ago(300)
    armed.put(HELPLINE, {"Sent": mail(1, timedelta(days=400), "older")})
    armed.run("purge", HELPLINE, "--older-than", day, "--destroy", "1")
    armed.run("sweep", "--only", HELPLINE).has(3, HELPLINE, "stopped")


def test_a_purge_of_less_does_not_arm_what_was_changed(armed: Office) -> None:
    """Nothing older than that day is there; the rest is due, and untouched until somebody arms it."""
    armed.targets[HELPLINE]["hold_keyword"] = "$Label1"
    armed.write()
    day = days_ago(3000)
    assert armed.run("purge", HELPLINE, "--older-than", day, "--destroy", "0").code == 0
    armed.run("sweep", "--only", HELPLINE).has(1, HELPLINE, "not armed")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((HELPLINE, "--older-than", "2999-01-01", "--destroy", "1"), "not yet"),
        ((HELPLINE, "--older-than", "0001-01-01", "--destroy", "1"), "1995 to 2999"),
        ((ADVISOR, "--older-than", between(), "--destroy", "1"), "a sweep sees to them"),
        ((HELPLINE,), "--older-than"),
        ((), "--erase"),
        ((HELPLINE, "--erase"), "one of"),
        (("--receipt", "E-1", HELPLINE), "one of"),
    ],
)
def test_what_is_no_purge_is_said_to_be_none(office: Office, words: tuple[str, ...], sentence: str) -> None:
    with office.untouched():
        told = office.run("purge", *words)
        assert told.code == 2
        assert sentence in told.err


def test_it_says_for_what_it_waits_and_goes_on_when_that_is_over(armed: Office) -> None:
    holding = held(armed.state, (HELPLINE,))
    holding.__enter__()
    timer = threading.Timer(0.5, lambda: holding.__exit__(None, None, None))
    timer.start()
    words = ("purge", HELPLINE, "--older-than", between(), "--destroy", str(DUE))
    told = armed.run(*words, "--wait", "20")
    timer.join()
    assert told.code == 0, told.err
    assert f"{HELPLINE}: a sweep (process {os.getpid()}, user id {os.getuid()}) has it; waiting" in told.err
    assert f"{HELPLINE}: had after" in told.err
    with held(armed.state, (HELPLINE,)), armed.untouched():
        armed.run(*words[:-1], "0").has(75, HELPLINE, "another sweep holds")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [1, pytest.param(50, marks=pytest.mark.campaign)])
def test_a_sweep_and_a_purge_of_one_mailbox_at_once(armed: Office, times: int) -> None:
    """No double deed and no deadlock: whoever comes second says for what it waits, and finds it done."""
    for number in range(times):
        armed.put(HELPLINE, {"INBOX": mail(4, OLD, f"round{number}")})
        before = armed.run("audit", "--only", HELPLINE, "--json").document["targets"][0]["destroy"]
        words = ("purge", HELPLINE, "--older-than", between(), "--destroy", "50", "--wait", "60", "--json")
        at_once = [armed.start("sweep", "--only", HELPLINE, "--wait", "60", "--json"), armed.start(*words)]
        told = [armed.end(process) for process in at_once]
        assert [each.code for each in told] == [0, 0], [each.err for each in told]
        rows = [row for each in told for row in each.document["outcomes"]]
        done = [row["count"] for row in rows if row["result"] != "gone already, not by us"]
        assert sum(done) == before
        waits = [line for each in told for line in each.err.splitlines() if line.endswith("has it; waiting")]
        assert len(waits) <= 1
        assert all(HELPLINE in line for line in waits)
    armed.run("ledger", "verify").is_done()
