"""The same commands as for mailboxes: audit, arm, fuse, sweep, plan, ledger; and no name in any of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from retentiond.audit import audit
from retentiond.errors import ClockDoubted
from tests.letters.later import estate_of_letters
from tests.letters.world import NAME, OLD, YOUNG, World
from tests.servers.seed import CANARY


def test_an_unarmed_folder_is_looked_at_and_untouched(letters: World) -> None:
    for _ in range(3):
        letters.save(OLD)
    letters.settle()
    before = letters.letters()
    document = letters.sweep()
    assert letters.found(document) == {("unarmed", ""): 3}
    assert letters.run("arm", NAME, "--destroy", "2") == 3
    assert "more than the 2 agreed to" in letters.complaints
    assert letters.letters() == before


def test_letters_that_fall_due_by_surprise_stop_the_sweep(letters: World) -> None:
    """A backdated import, or a restored backup that keeps its births."""
    letters.save(YOUNG)
    letters.settle()
    letters.arm()
    for _ in range(26):
        letters.save(OLD)
    letters.settle()
    document = letters.sweep()
    assert (document["exit_code"], letters.found(document)) == (3, {("unforeseen", ""): 26})
    assert len(letters.letters()) == 27
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert len(letters.letters()) == 1


def test_a_changed_rule_disarms(letters: World) -> None:
    letters.save(OLD)
    letters.settle()
    letters.arm()
    letters.configure(bins=[".recycle", ".Trash-*", "old"])
    assert letters.found(letters.sweep()) == {("unarmed", ""): 1}


def test_a_reviewed_plan_is_carried_out_and_no_more(letters: World) -> None:
    letters.save(OLD)
    letters.settle()
    letters.arm()
    plan = letters.directory / "plan.json"
    assert letters.run("audit", "--only", NAME, "--save", str(plan)) == 0
    assert json.loads(plan.read_text())["parts"][0]["folder"] == "letters"
    later = letters.save(OLD)
    letters.settle()
    letters.run("purge", str(plan), "--json")  # the helpline of the configuration is not there: 75
    assert letters.letters() == {later.name}


def test_names_are_nowhere_and_the_ledger_verifies(letters: World) -> None:
    """The canary stands in every name and text; the fixture seeks it in all that was said and written."""
    letters.configure(hold_folder="On hold")
    for number in range(5):
        letters.save(OLD, f"{CANARY} {number}/{CANARY}.odt")
        letters.save(OLD, f".Trash-1/files/{CANARY} {number}")
        letters.save(YOUNG, f"{CANARY} {number}/{CANARY} new.odt")
    letters.save(OLD, f"On hold/{CANARY}")
    letters.settle()
    letters.run("check", "--only", NAME, "--json")
    letters.run("--verbose", "audit", "--only", NAME)
    letters.run("audit", "--only", NAME, "--csv")
    letters.arm()
    letters.run("--verbose", "sweep", "--only", NAME)
    assert letters.run("ledger", "verify") == 0
    letters.run("ledger", "show")
    letters.run("ledger", "export")
    assert len(letters.said) > 16
    assert len(letters.letters()) == 6
    with letters.book() as book:
        deeds = [entry for entry in book.show(NAME) if entry.body["event"] == "deed"]
    assert {(entry.body["folder"], entry.body["count"]) for entry in deeds} == {("other", 5), ("trash", 5)}


def test_a_letter_is_held_by_lying_in_the_hold_folder_and_by_nothing_else(letters: World) -> None:
    """Registered, completed, moved back (by somebody who did not know): two weeks, as a finding (P6)."""
    letters.configure(hold_folder="On hold")
    (letters.folder / "On hold").mkdir(mode=0o700)
    held = letters.save(OLD, f"On hold/{CANARY}.odt")
    letters.settle()
    letters.arm()
    assert letters.run("sweep", "--only", NAME) == 0
    assert "1 hold known by the sign alone" in letters.complaints
    assert letters.run("hold", "list", "--json") == 0
    [hold] = json.loads(letters.out)["holds"]
    assert (hold["target"], hold["ground"]) == (NAME, "not-stated")
    until = str((datetime.now(UTC) + timedelta(days=100)).date())
    assert letters.run("hold", "review", hold["id"], "--until", until, "--ground", "legal-claim") == 0
    held.rename(letters.folder / "On hold" / f"{CANARY} renamed.odt")
    assert letters.run("sweep", "--only", NAME) == 0
    assert [line for line in letters.complaints.splitlines() if "hold" in line] == []
    (letters.folder / "On hold" / f"{CANARY} renamed.odt").rename(letters.folder / f"{CANARY} back.odt")
    for _ in range(2):
        assert letters.run("sweep", "--only", NAME) == 0
        assert "lost their sign" in letters.complaints
        assert (letters.folder / f"{CANARY} back.odt").exists()
    for words in (("add", NAME, "--ground", "other"), ("release", hold["id"])):
        code = letters.run("hold", *words)
        assert (code, "hold folder" in letters.complaints) == ((1, True) if words[0] == "add" else (0, False))
    assert letters.run("sweep", "--only", NAME) == 0
    assert not (letters.folder / f"{CANARY} back.odt").exists()


def test_an_import_is_shown_when_arming(letters: World) -> None:
    for _ in range(25):
        letters.save(OLD)
    letters.settle()
    assert letters.run("arm", NAME, "--destroy", "25") == 0
    assert "an import?" in letters.out


def test_a_clock_ahead_of_the_ledger_and_of_every_letter_is_doubted(letters: World) -> None:
    """Nothing tells a folder the time; a year without a letter and without a sweep is not believed."""
    letters.save(YOUNG)
    letters.settle()
    with letters.book() as book:
        estate = estate_of_letters(letters, book)
        audit(estate, datetime.now(UTC), book=book)
        with pytest.raises(ClockDoubted) as caught:
            audit(estate, datetime.now(UTC) + timedelta(days=365), book=book)
    assert caught.value.against == "mail"


def test_letters_older_than_a_day_are_destroyed_on_demand(letters: World) -> None:
    """What is past its two months by one person; what is younger, where that is on record."""
    letters.configure(hold_folder="On hold")
    for _ in range(2):
        letters.save(OLD)
    young = letters.save(YOUNG)
    letters.save(OLD, "On hold/kept.odt")
    letters.settle()
    letters.arm()
    past = (datetime.now(UTC) - OLD + timedelta(days=2)).date().isoformat()
    assert letters.run("purge", NAME, "--older-than", past, "--destroy", "2") == 0, letters.complaints
    assert letters.letters() == {young.name, "On hold/kept.odt"}
    today = datetime.now(UTC).date().isoformat()
    assert letters.run("purge", NAME, "--older-than", today, "--destroy", "1") == 3
    assert "younger than its period" in letters.complaints
    letters.configure(hold_folder="On hold", more="[policy]\napprovers = 1\n")
    assert letters.run("purge", NAME, "--older-than", today, "--destroy", "1") == 0, letters.complaints
    assert letters.letters() == {"On hold/kept.odt"}
    assert letters.run("ledger", "verify") == 0
