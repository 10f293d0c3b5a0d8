"""`retentiond hold`: what is asked, said and refused; and that what was typed is nowhere (P6, P7)."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.demo.server import EmbeddedServer
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, DUE, HELD, HELPLINE, OLD, Office, mail, received
from tests.cli.test_terminal import Typed, on_terminal
from tests.ledger.test_upgrade import FROZEN
from tests.servers.canary import assert_no_canary
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import CANARY, Seed, letter

ADD = ("hold", "add", HELPLINE, "--ground", "child-at-risk")
#: One of the due messages of a furnished office.
DUE_ID = f"letter-{OLD.days}-1@post.example"
CORRESPONDENT = "helpline@relay.example"
SECRET_ID = f"{CANARY}-1@post.example"


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def holds(office: Office) -> dict[str, dict[str, object]]:
    """The register by ground; in a furnished office there is one of the ground "other" already."""
    told = office.run("hold", "list", "--json").is_done().document["holds"]
    return {each["ground"]: each for each in told}


def test_a_hold_is_added_listed_reviewed_and_released(office: Office) -> None:
    with office.untouched(ADVISOR):
        told = office.run(*ADD, "--review", day(60), typed=DUE_ID).is_done("1 item held: inbox 1.")
        hold = holds(office)["child-at-risk"]
        id = str(hold["id"])
        assert f"Hold {id} of {HELPLINE}: child at risk, to be looked at again by {day(60)}." in told.out
        assert (hold["target"], hold["items"], hold["review"]) == (HELPLINE, 1, day(60))
        assert str(hold["by"]).startswith("uid ")
        told = office.run("hold", "list").is_done(id, "child at risk", day(60))
        assert "Holds: 2 (child at risk 1, other 1)." in told.out
        office.run("hold", "review", id, "--until", day(90), "--ground", "legal-claim").is_done("legal claim")
        assert holds(office)["legal-claim"]["review"] == day(90)
        office.run("hold", "release", id).is_done(f"Hold {id} is released: 1 item bore its sign alone.")
        assert [*holds(office)] == ["other"]
        office.run("hold", "release", id).has(2, id, "retentiond hold list")
        office.run("hold", "review", id, "--until", day(90)).has(2, id, "retentiond hold list")


def test_every_report_counts_the_holds_by_ground(office: Office) -> None:
    office.run(*ADD, typed=DUE_ID).is_done()
    said = "Holds: 2 (child at risk 1, other 1)."
    assert said in office.run("audit").out
    document = {
        "total": 2,
        "by_ground": {"child-at-risk": 1, "other": 1},
        "past_review": [],
        "vanished": [],
    }
    assert office.run("audit", "--json").document["holds"] == document
    office.arm_all()
    assert said in office.run("sweep").out
    assert office.run("sweep", "--json").document["holds"] == document
    office.run("daemon", "--once")
    assert said in office.run("status").out
    assert office.run("status", "--json").document["holds"] == {
        "by_ground": {"child-at-risk": 1, "other": 1},
        "past_review": [],
    }


def test_an_overdue_review_is_loud_and_after_a_month_a_broken_promise(office: Office) -> None:
    office.arm_all()
    id = str(holds(office)["other"]["id"])
    for past, code, words in (
        (1, 0, "for 1 day"),
        (30, 0, "for 30 days"),
        (31, 1, "the promise is not kept"),
    ):
        with closing(sqlite3.connect(office.state / "ledger.db")) as database:
            database.execute("UPDATE hold SET review = ?", (day(-past),))
            database.commit()
        told = office.run("sweep").has(
            code, HELPLINE, "1 hold past their review", words, "hold list --overdue"
        )
        assert f"Past their review: {id}." in told.out
        office.run("audit").has(0, HELPLINE, words)
        assert holds(office)["other"]["days_past_review"] == past
        assert id in office.run("hold", "list", "--overdue").is_done().out
        office.run("daemon", "--once")
        told = office.run("status")
        assert (told.code, f"Past their review: {id}." in told.out) == (code, True)
    office.run("hold", "review", id, "--until", day(9)).is_done()
    assert "no findings" in office.run("sweep").out
    assert id not in office.run("hold", "list", "--overdue").is_done().out


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("--review", day(0)), DUE_ID, "at most 12 months ahead"),
        (("--review", day(370)), DUE_ID, "at most 12 months ahead"),
        (("--from", "2026-01-01"), DUE_ID, "go with --correspondent"),
        ((), "", "that is no Message-ID"),
        ((), "a\tb@post.example", "that is no Message-ID"),
        (("--correspondent",), CANARY, "that is no address"),
        (("--ground", "not-stated"), DUE_ID, "'not-stated' is not one of"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    office: Office, words: tuple[str, ...], typed: str, said: str
) -> None:
    with office.untouched():
        told = office.run(*ADD, *words, typed=typed)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert [*holds(office)] == ["other"]


def test_a_ground_must_be_stated(office: Office) -> None:
    told = office.run("hold", "add", HELPLINE, typed=DUE_ID)
    assert told.code == 2
    assert "--ground consent|child-at-risk|adult-at-risk|terrorism|threat-to-staff" in told.err


def test_an_item_that_is_held_twice_is_held_until_both_are_released(office: Office) -> None:
    office.arm_all()
    office.run(*ADD, typed=DUE_ID).is_done()
    office.run("hold", "add", HELPLINE, "--ground", "legal-claim", typed=DUE_ID).is_done()
    registered = holds(office)
    office.run("hold", "release", str(registered["child-at-risk"]["id"])).is_done("still held by another")
    office.run("sweep")
    assert office.count(HELPLINE, "INBOX") == HELD + 1 + 2
    office.run("hold", "release", str(registered["legal-claim"]["id"])).is_done("1 item bore its sign alone")
    office.run("sweep")
    assert office.count(HELPLINE, "INBOX") == HELD + 2


def test_what_is_held_in_the_hold_folder_is_released_by_moving_it_out(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    office = new_office(dovecot_factory())
    office.helpline(HELPLINE, hold_folder="On hold")
    office.put(HELPLINE, {"INBOX": mail(2, OLD), "On hold": mail(1, OLD, "kept")})
    office.write()
    office.run("ledger", "init").is_done()
    office.arm_all()
    office.run("sweep").has(0, HELPLINE, "1 hold known by the sign alone")
    assert (office.count(HELPLINE, "INBOX"), office.count(HELPLINE, "On hold")) == (0, 1)
    id = str(holds(office)["not-stated"]["id"])
    office.run("hold", "review", id, "--until", day(20), "--ground", "consent").is_done()
    office.run("hold", "release", id).has(1, HELPLINE, "hold", "moving it out")
    assert "Holds: 1 (consent or request 1)." in office.run("sweep").out


# ── what was typed is nowhere ────────────────────────────────────────────────────────────────────


def test_what_is_typed_is_in_no_argument_output_log_or_file(office: Office) -> None:
    """Looked at from outside, while the command waits for the line and after it has read it."""
    office.put(HELPLINE, {"INBOX": [Seed(letter(SECRET_ID), received(OLD))]})
    process = office.start("--verbose", *ADD, stdin=subprocess.PIPE)
    assert process.stdin is not None
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    process.stdin.write(f"<{SECRET_ID}>\n".encode())
    process.stdin.flush()
    told = office.end(process)
    assert told.code == 0, told.err
    assert "1 item held: inbox 1." in told.out
    office.run("ledger", "export").is_done()
    office.run("ledger", "show").is_done()
    assert_no_canary([office.state], [arguments, environment, told.out, told.err, *office.said])


def test_on_a_terminal_it_asks_and_shows_counts_alone(office: Office) -> None:
    office.put(HELPLINE, {"INBOX": [Seed(letter(f"{n}-{SECRET_ID}"), received(OLD)) for n in "ab"]})
    office.run("audit")
    code, shown = on_terminal(
        office,
        *("hold", "add", HELPLINE, "--correspondent"),
        typed=(
            Typed("Ground", "threat-to-staff"),
            Typed("Address", CORRESPONDENT),
            Typed("Hold them?", "y"),
        ),
    )
    assert code == 0, shown
    assert "items found: inbox " in shown
    assert holds(office)["threat-to-staff"]["target"] == HELPLINE
    assert_no_canary(texts=[shown])


def test_whoever_says_no_holds_nothing(office: Office) -> None:
    with office.untouched():
        code, _ = on_terminal(
            office,
            *("hold", "add", HELPLINE, "--correspondent", "--ground", "other"),
            typed=(Typed("Address", CORRESPONDENT), Typed("Hold them?", "n")),
        )
    assert code == 130
    assert [*holds(office)] == ["other"]


# ── a ledger of the version before ───────────────────────────────────────────────────────────────


def test_an_old_ledger_is_upgraded_by_command_and_by_nothing_else(
    new_office: NewOffice, embedded: EmbeddedServer
) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    for name in ("seals.log", "ledger.pub"):
        shutil.copy(FROZEN / name, office.state / name)
        (office.state / name).chmod(0o600)
    with closing(sqlite3.connect(office.state / "ledger.db")) as database:
        database.executescript((FROZEN / "ledger.sql").read_text(encoding="utf-8"))
    (office.state / "ledger.db").chmod(0o600)
    (office.state / "ledger.key").write_bytes(bytes(range(32)))
    (office.state / "ledger.key").chmod(0o400)
    with office.untouched():
        for words in (("sweep",), ("audit",), ("hold", "list"), ("ledger", "verify"), ("daemon", "--once")):
            office.run(*words).has(65, "version 1", "retentiond ledger upgrade")
        office.run("ledger", "upgrade").is_done("of version 2 now (it was 1), and verifies: 20 entries")
        office.run("ledger", "upgrade").is_done("already; nothing was done")
        office.run("ledger", "verify").is_done("20 entries")
        assert holds(office) == {}
    assert f"Due: {DUE}." in office.run("audit").out
