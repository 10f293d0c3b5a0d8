"""The way of an IT admin: check, audit, arm, sweep, look again, prove it; and what may be asked there."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.demo.server import EmbeddedServer
from retentiond.events import EVENTS, FIELDS
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, ASTRAY, DUE, HELD, HELPLINE, KEPT, OLD, YOUNG, Office, mail
from tests.servers.fixtures import DovecotFactory


def due_flags(office: Office) -> list[int]:
    return [office.count(HELPLINE, folder) for folder in ("INBOX", "Sent", "Deleted Items")]


# ── the whole way ────────────────────────────────────────────────────────────────────────────────


def the_whole_way(office: Office) -> None:
    """From a first look to a second one that finds nothing due."""
    with office.untouched():
        office.run("check").is_done("reached and logged in", "All is well.")
        told = office.run("audit")
        assert told.code == 0
        assert f"Due: {DUE}. Astray: {ASTRAY}. Held: {HELD}. For review: 0." in told.out
        told.has(0, HELPLINE, f"{DUE} items due", "not armed", f"retentiond arm {HELPLINE} --destroy {DUE}")
        told.has(0, ADVISOR, "1 astray", "not armed", f"retentiond arm {ADVISOR} --destroy 1")
        told = office.run("sweep").has(1, HELPLINE, f"{DUE} items due", "not armed")
        told.has(1, ADVISOR, "not armed")
        office.run("arm", HELPLINE, "--destroy", str(DUE)).is_done(f"{HELPLINE} is armed: {DUE} items")
        office.run("arm", ADVISOR, "--destroy", "1", "--told", "2026-01-05").is_done(
            f"{ADVISOR} is armed: 1 item"
        )
        office.run("audit").is_done("nothing was changed")
    [private] = [
        row for uid, row in office.contents(ADVISOR)["Sent"].items() if row[0] < datetime.now(UTC) - YOUNG * 2
    ]
    told = office.run("--verbose", "sweep")
    assert told.code == 0, told.err
    assert "no findings" in told.out
    assert "Sealed: seal:house:" in told.out
    assert due_flags(office) == [3, 3, 0], "the held, the young, and the reply that came home"
    assert list(office.contents(ADVISOR)["Sent"].values()) == [private], "the private one is as it was"
    office.run("audit").is_done(f"Nothing is due and nothing is astray. Held: {HELD}. For review: 0.")
    office.run("ledger", "verify").is_done("The ledger verifies")


def test_the_whole_way_on_the_embedded_server(office: Office) -> None:
    the_whole_way(office)


def test_the_whole_way_on_dovecot(new_office: NewOffice, dovecot_factory: DovecotFactory) -> None:
    the_whole_way(new_office(dovecot_factory()).furnish())


def test_a_sweep_after_a_sweep_has_nothing_to_do_and_is_quiet(office: Office) -> None:
    office.arm_all()
    assert office.run("sweep").code == 0
    with office.untouched():
        told = office.run("--quiet", "sweep")
    assert (told.code, told.out, told.err) == (0, "", "")


def test_what_is_in_order_is_not_talked_about_when_asked_for_quiet(office: Office) -> None:
    office.arm_all()
    for words in (("check",), ("audit",), ("sweep",), ("ledger", "verify")):
        told = office.run("--quiet", *words)
        assert (told.code, told.out, told.err) == (0, "", ""), words


def test_findings_are_heard_through_quiet(office: Office) -> None:
    told = office.run("--quiet", "sweep").has(1, HELPLINE, "not armed")
    assert told.out == ""


# ── audit ────────────────────────────────────────────────────────────────────────────────────────


def test_an_audit_needs_no_ledger(new_office: NewOffice, embedded: EmbeddedServer) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    with office.untouched():
        told = office.run("audit").has(0, HELPLINE, "not armed")
    assert f"Due: {DUE}." in told.out
    assert list(office.state.iterdir()) == []


def test_an_audit_of_one_target_looks_at_no_other(office: Office) -> None:
    office.helpline("night-line")
    office.put("night-line", {"INBOX": mail(2, OLD)})
    office.write()
    told = office.run("audit", "--only", "night-line")
    assert told.code == 0
    assert "Due: 2." in told.out
    assert HELPLINE not in told.out + told.err


def test_an_audit_of_another_day(office: Office) -> None:
    """Nothing was due before the oldest was six months old; the held stay held whatever the day."""
    past = (datetime.now(UTC) - timedelta(days=100)).date().isoformat()
    told = office.run("audit", "--only", HELPLINE, "--as-of", past)
    assert told.code == 0
    assert "Nothing is due and nothing is astray." in told.out
    told = office.run("audit", "--only", HELPLINE, "--as-of", "2031-01-01")
    assert f"Due: {DUE + KEPT}." in told.out
    assert f"Held: {HELD}." in told.out
    assert "This was an audit as if it were 2031-01-01: nothing was changed." in told.out
    assert told.err == f"! {HELPLINE}: {DUE + KEPT} items due, but it is not armed\n", (
        "no number to type: by that day another is due"
    )


def test_folders_that_are_left_out_are_told_of_in_every_report(office: Office) -> None:
    """A folder that nobody sweeps and nobody speaks of is a promise that nobody keeps."""
    office.put(HELPLINE, {"Training": mail(2, OLD), "Templates": mail(1, OLD)})
    office.targets[HELPLINE]["leave_out"] = ["Training", "Templates"]
    office.write()
    office.arm_all()
    told = f"Left out by the configuration, and not swept: 2 folders of {HELPLINE}."
    for words in (("audit",), ("sweep",), ("report",)):
        assert told in " ".join(office.run(*words).out.split()), words
    for words in (("audit",), ("sweep",)):
        of_helpline = {"target": HELPLINE, "folders": 2, "sentence": told}
        assert office.run(*words, "--json").document["left_out"] == [of_helpline], words
    assert office.count(HELPLINE, "Training") == 2


def test_an_audit_as_json(office: Office) -> None:
    told = office.run("audit", "--json")
    assert told.err == ""
    document = told.document
    assert document["exit_code"] == told.code == 0
    assert document["what"] == "audit"
    assert document["armed"] == document["left_out"] == []
    by_name = {each["target"]: each for each in document["targets"]}
    assert by_name[HELPLINE]["destroy"] == DUE
    assert by_name[ADVISOR]["bring_home"] == ASTRAY
    assert {row["verdict"] for row in document["rows"]} == {"destroy", "refile", "hold", "keep"}
    assert {each["cause"] for each in document["findings"]} == {"unarmed"}
    of_helpline = [row["count"] for row in document["rows"] if row["target"] == HELPLINE]
    assert sum(of_helpline) == DUE + HELD + KEPT, "every item has one verdict"
    of_advisor = [row["count"] for row in document["rows"] if row["target"] == ADVISOR]
    assert sum(of_advisor) == ASTRAY, "of the rest of an advisor's mailbox nothing is counted"


def test_an_audit_as_csv(office: Office) -> None:
    told = office.run("audit", "--csv")
    lines = list(csv.DictReader(io.StringIO(told.out)))
    due = [int(line["count"]) for line in lines if (line["target"], line["verdict"]) == (HELPLINE, "destroy")]
    assert sum(due) == DUE
    assert told.err == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--json", "--csv"), "either --json or --csv"),
        (("--save", "plan.json", "--as-of", "2030-01-01"), "--save without --as-of"),
        (("--names",), "on a terminal only"),
        (("--as-of", "tomorrow"), "--as-of"),
        (("--as-of", "0001-01-01"), "1995 to 2999"),
        (("--as-of", "9999-12-31"), "1995 to 2999"),
    ],
)
def test_what_an_audit_refuses(office: Office, words: tuple[str, ...], sentence: str) -> None:
    office.run("audit", *words).has(2, sentence)


def test_folder_names_are_not_shown(office: Office) -> None:
    """A folder may be called after somebody. It has a number, and `--names` on a terminal."""
    office.put(HELPLINE, {"Quixotrill papers": mail(1, OLD)})
    told = office.run("audit")
    assert "folder-" in told.out
    assert f"Due: {DUE + 1}." in told.out


def test_the_dry_run_of_a_sweep_is_the_audit(office: Office) -> None:
    with office.untouched():
        dry, audit = office.run("sweep", "--dry-run"), office.run("audit")
        assert (dry.code, dry.out, dry.err) == (audit.code, audit.out, audit.err)
        document = office.run("sweep", "--dry-run", "--json", "--only", HELPLINE).document
    assert document["what"] == "audit"
    assert [each["target"] for each in document["targets"]] == [HELPLINE]


# ── check ────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_as_json(office: Office) -> None:
    document = office.run("check", "--json").document
    assert document["exit_code"] == 0
    assert {line["target"] for line in document["lines"]} == {HELPLINE, ADVISOR}


def test_a_check_says_that_there_is_no_ledger_yet(new_office: NewOffice, embedded: EmbeddedServer) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    office.run("check").is_done("retentiond ledger init")


# ── arm ──────────────────────────────────────────────────────────────────────────────────────────


def test_arming_with_too_small_a_number_is_refused_with_the_new_one(office: Office) -> None:
    with office.untouched():
        told = office.run("arm", HELPLINE, "--destroy", "3")
        told.has(3, HELPLINE, f"{DUE} items", "more than the 3", f"retentiond arm {HELPLINE} --destroy {DUE}")
        office.run("sweep", "--only", HELPLINE).has(1, "not armed")


def test_an_advisor_is_armed_only_with_the_day_since_which_advisors_were_told(office: Office) -> None:
    office.run("arm", ADVISOR, "--destroy", "1").has(2, "--told DATE")
    office.targets[ADVISOR]["told"] = datetime(2026, 1, 5).date()
    office.run("sweep", "--only", ADVISOR).has(1, "not armed")


def test_without_a_terminal_and_without_a_number_nothing_is_armed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("5\n"))
    office.run("arm", HELPLINE).has(2, "--destroy N")
    office.run("sweep", "--only", HELPLINE).has(1, "not armed")


def test_arming_shows_every_folder_that_it_covers(office: Office) -> None:
    now = datetime.now(UTC)
    since_noon = now - now.replace(hour=12, minute=0, second=0)
    office.put(HELPLINE, {"Drafts": mail(30, OLD + since_noon, "draft")})
    told = office.run("arm", HELPLINE, "--destroy", "35").is_done()
    lines = {line.split()[0]: line for line in told.out.splitlines() if line.startswith("  ")}
    assert {"inbox", "sent", "trash", "drafts", "junk"} <= set(lines)
    assert "[drafts]" in lines["drafts"]
    assert "30 of 30" in lines["drafts"]
    assert "received on one day: an import?" in lines["drafts"]
    assert "[junk]" in lines["junk"]


def test_arming_leaves_nothing_of_its_test_message(office: Office) -> None:
    with office.untouched():
        told = office.run("arm", HELPLINE, "--destroy", str(DUE))
    told.is_done("A test message was destroyed and is found nowhere")


def test_a_server_that_keeps_copies_is_found_out_at_arming(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    office = new_office(dovecot_factory(lazy_expunge=True)).furnish()
    office.run("arm", HELPLINE, "--destroy", str(DUE)).is_done("The server keeps copies of what is removed")
    told = office.run("sweep", "--only", HELPLINE)
    told.has(1, HELPLINE, "removed", "the server keeps a copy", "not yet destroyed")


# ── sweep ────────────────────────────────────────────────────────────────────────────────────────


def test_a_sweep_of_one_target_touches_no_other(office: Office) -> None:
    office.arm_all()
    with office.untouched(ADVISOR):
        assert office.run("sweep", "--only", HELPLINE).code == 0
    assert due_flags(office) == [3, 2, 0]


def test_a_sweep_as_json(office: Office) -> None:
    office.arm_all()
    told = office.run("sweep", "--json")
    document = told.document
    assert document["exit_code"] == told.code == 0
    results = {(each["target"], each["folder"]): each["count"] for each in document["outcomes"]}
    assert results[(HELPLINE, "inbox")] == 3
    assert results[(ADVISOR, "sent")] == 1
    assert any(seal.startswith("seal:house:") for seal in document["seals"])


@pytest.mark.parametrize(("approvers", "who"), [(2, "itself"), (1, "itself, approvers = 1")])
def test_a_target_with_nothing_to_do_arms_itself(
    new_office: NewOffice, embedded: EmbeddedServer, approvers: int, who: str
) -> None:
    """The ledger keeps that one person is enough there, as it does where somebody arms a target."""
    office = new_office(embedded)
    office.policy["approvers"] = approvers
    office.helpline(HELPLINE)
    office.put(HELPLINE, {"INBOX": mail(2, YOUNG)})
    office.write()
    office.run("ledger", "init").is_done()
    with office.untouched():
        told = office.run("sweep")
    assert told.code == 0
    assert f"{HELPLINE}: nothing due and nothing astray, so it armed itself." in told.out
    [armed] = [each for each in office.run("ledger", "show").out.splitlines() if '"event": "armed"' in each]
    assert f'"who": "{who}"' in armed


def test_an_item_that_nobody_can_date_is_a_finding_for_a_person(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    office = new_office(dovecot_factory())
    office.helpline(HELPLINE)
    office.put(HELPLINE, {"INBOX": [*mail(1, timedelta(days=15_000), "undated"), *mail(1, YOUNG)]})
    office.write()
    office.run("ledger", "init").is_done()
    with office.untouched():
        told = office.run("sweep")
        assert told.code == 0, "it waits for a person and breaks no promise yet"
        told.has(told.code, HELPLINE, "inbox", "looked at by a person", "no believable date")


# ── what is logged ───────────────────────────────────────────────────────────────────────────────


def test_only_what_is_registered_is_logged(office: Office) -> None:
    office.arm_all()
    told = office.run("--verbose", "sweep")
    events = [json.loads(line) for line in told.err.splitlines()]
    assert {"plan.made", "sweep.ended"} <= {event["event"] for event in events}
    for event in events:
        assert event["event"] in EVENTS
        assert event.keys() - {"event", "level", "timestamp"} <= FIELDS.keys()


def test_nothing_was_written_but_the_ledger_and_its_locks(office: Office, tmp_path: Path) -> None:
    office.arm_all()
    assert office.run("sweep").code == 0
    names = {path.name for path in office.state.iterdir()}
    locks = {f"{HELPLINE}.lock", f"{ADVISOR}.lock"}
    assert names == locks | {"ledger.db", "ledger.key", "ledger.pub", "seals.log"}
    assert {path.name for path in office.directory.iterdir()} == {"state", "secret", "retentiond.toml"}
