"""The book from the command line: made once, proved, shown, exported; whoever changes it is found out."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retentiond.config import load, read_secret_bytes
from retentiond.core.chain import seals_in
from retentiond.core.deeds import Intent, Phase, StrayMark
from retentiond.core.model import Reason, Role
from retentiond.demo.server import EmbeddedServer
from retentiond.doors import estate_of
from retentiond.ledger.book import Ledger
from retentiond.mailbox.marker import Marker
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, DUE, HELPLINE, Office
from tests.ledger.books import tampering


@pytest.fixture
def armed(office: Office) -> Office:
    """House entries: 1 founded, 2 and 3 armed; since its last checkpoint (entry 1) there are two."""
    office.arm_all()
    return office


# ── made ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_ledger_is_made_with_its_key_and_what_an_auditor_needs(
    new_office: NewOffice, embedded: EmbeddedServer
) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    told = office.run("ledger", "init").is_done("Keep a copy apart", "ledger.pub")
    assert len(seals_in(told.out)) == 1
    assert (office.state / "ledger.key").stat().st_mode & 0o777 == 0o400
    office.run("ledger", "verify").is_done("1 entries")


def test_a_second_ledger_overwrites_nothing(office: Office) -> None:
    before = {path.name: path.read_bytes() for path in office.state.iterdir()}
    told = office.run("ledger", "init").has(
        65, "there is a ledger or a key already", "nothing was overwritten"
    )
    assert told.out == ""
    assert {path.name: path.read_bytes() for path in office.state.iterdir()} == before


def test_without_a_ledger_nothing_is_armed_swept_or_purged(
    new_office: NewOffice, embedded: EmbeddedServer, tmp_path: Path
) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    with office.untouched():
        for words in (
            ("sweep",),
            ("arm", HELPLINE, "--destroy", "5"),
            ("purge", str(plan)),
            ("ledger", "verify"),
            ("ledger", "show"),
            ("ledger", "export"),
        ):
            told = office.run(*words).has(65, "no ledger", str(office.state), "retentiond ledger init")
            assert told.out == ""
    assert list(office.state.iterdir()) == []


def test_a_key_that_is_gone_is_said_so(armed: Office) -> None:
    (armed.state / "ledger.key").unlink()
    with armed.untouched():
        armed.run("sweep").has(65, str(armed.state), "ledger.key", "not there", "put back the copy")


def test_the_key_of_another_ledger_is_refused(armed: Office) -> None:
    key = armed.state / "ledger.key"
    key.chmod(0o600)
    key.write_bytes(bytes(32))
    key.chmod(0o400)
    with armed.untouched():
        armed.run("sweep").has(65, "key is not this ledger's", "[ledger]")


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_ledger_tells_what_was_done_and_of_nobody(armed: Office) -> None:
    assert armed.run("sweep").code == 0
    out = armed.run("ledger", "show").is_done().out
    entries = [json.loads(line) for line in out.splitlines()]
    events = [entry["event"] for entry in entries if entry["chain"] == "house"]
    assert events == ["founded", "hold added", "armed", "armed", "asked", "swept"]
    destroyed = [entry for entry in entries if entry["chain"] == HELPLINE]
    assert sum(entry["count"] for entry in destroyed) == DUE + 1, "and the reply that was brought home"
    assert "@" not in out
    out = armed.run("ledger", "show", "--chain", "house", "--last", "1").is_done().out
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["swept"]
    for unknown in ("nobody", "\udcff"):
        armed.run("ledger", "show", "--chain", unknown).has(2, "the ledger has no chain")


def test_the_export_is_json_lines_and_nothing_else(armed: Office) -> None:
    lines = armed.run("ledger", "export").is_done().out.split("\n")
    assert lines.pop() == ""
    documents = [json.loads(line) for line in lines]
    assert documents[0]["notice"] == "CONFIDENTIAL"
    assert len([each for each in documents if "body" in each]) == 4


# ── tampered with ────────────────────────────────────────────────────────────────────────────────


def _edited(database: sqlite3.Connection) -> None:
    """ "Nobody ever agreed to 1,000." """
    change = """ body = replace(body, '"number":1000', '"number":9') """
    database.execute(f"UPDATE entry SET {change} WHERE chain = 'house' AND seq = 3")


def _inserted(database: sqlite3.Connection) -> None:
    database.execute("UPDATE entry SET seq = 5 WHERE chain = 'house' AND seq = 4")
    database.execute("INSERT INTO entry SELECT chain, 4, body, hash FROM entry WHERE chain='house' AND seq=3")


def _deleted(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM entry WHERE chain = 'house' AND seq = 3")


def _cut(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM entry WHERE chain = 'house' AND seq = 4")


@pytest.mark.parametrize(
    ("change", "entry", "what"),
    [
        (_edited, 3, "does not match its hash"),
        (_inserted, 4, "does not match its hash"),
        (_deleted, 3, "an entry is missing"),
        (_cut, 4, "the end is cut off"),
    ],
)
def test_a_ledger_that_was_tampered_with_stops_everything(
    armed: Office, change: Callable[[sqlite3.Connection], None], entry: int, what: str
) -> None:
    with tampering(armed.state) as database:
        change(database)
    place = (f"chain house, entry {entry}", what, "nothing is destroyed")
    told = armed.run("ledger", "verify").has(65, *place)
    assert told.out == ""
    with armed.untouched():
        for words in (("sweep",), ("sweep", "--only", HELPLINE)):
            told = armed.run(*words).has(65, *place)
            assert len(told.err.splitlines()) == 1
        for words in (("audit",), ("arm", HELPLINE, "--destroy", "9")):
            armed.run(*words).has(65, "the ledger does not verify", "nothing is destroyed")
    armed.run("ledger", "verify").has(65, *place)


def test_an_old_copy_of_the_whole_state_is_found_out_by_a_seal_from_outside(
    armed: Office, tmp_path: Path
) -> None:
    """A chain with its tail cut off verifies; but every sweep's seal stands in its report too."""
    copy = shutil.copytree(armed.state, tmp_path / "copy")
    report = tmp_path / "report.txt"
    report.write_text(armed.run("sweep").out)
    armed.papers.append(report)
    armed.run("ledger", "verify", "--seal", str(report)).is_done("The ledger verifies")
    shutil.rmtree(armed.state)
    copy.rename(armed.state)
    armed.run("ledger", "verify").is_done("The ledger verifies")
    told = armed.run("ledger", "verify", "--seal", "-", typed=report.read_text())
    told.has(65, "chain house, entry 5", "the end is cut off")


def test_a_text_without_a_seal_proves_nothing(armed: Office, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("all is well")
    armed.run("ledger", "verify", "--seal", str(tmp_path / "note.txt")).has(2, "no seal")
    armed.run("ledger", "verify", "--seal", str(tmp_path / "nothing.txt")).has(2, "does not exist")


def test_a_ledger_that_is_no_ledger_is_said_so(armed: Office) -> None:
    (armed.state / "ledger.db").write_bytes(b"quixotrill" * 1000)
    with armed.untouched():
        armed.run("sweep").has(65, "does not verify", "not readable as a ledger")
    (armed.state / "ledger.db").write_bytes(b"")


# ── a reply that was lost on its way home ────────────────────────────────────────────────────────


def lose_a_reply(office: Office) -> None:
    """The power went while a stray was being removed; now it stands in neither mailbox."""
    config = load(office.config)
    with Ledger.open(config.ledger.directory, read_secret_bytes(config.ledger.key)) as book:
        estate = estate_of(config, Marker(book.mark_key))
        with estate.target(ADVISOR).open() as mailbox:
            sent = mailbox.place(Role.SENT)
        today = datetime.now(UTC).date()
        strays = (StrayMark(9999, b"no such message", 1, b"nor such content"),)
        intent = Intent(
            sent, Phase.ADDING, (9999,), HELPLINE, Reason.ASTRAY, today, today, home=HELPLINE, strays=strays
        )
        book.advance(book.intend(intent), Phase.REMOVING)


def test_everything_stops_for_a_lost_reply_until_the_sentence_that_was_shown_is_typed(armed: Office) -> None:
    lose_a_reply(armed)
    stopped = armed.run("sweep").has(65, ADVISOR, "1 item on the way home", "neither mailbox")
    way_on = stopped.err.rpartition("retentiond ")[2].split()
    assert way_on == ["ledger", "accept-loss", ADVISOR, "--count", "1"]
    armed.run(*way_on[:-1], "2").has(65, "1 item")
    armed.run(*way_on).is_done(f"{ADVISOR}: the loss of 1 is entered, and the next sweep goes on.")
    armed.run(*way_on).is_done(f"{ADVISOR}: none of its replies is lost; nothing was done.")
    assert armed.run("sweep").code == 0
    assert armed.count(HELPLINE, "Deleted Items") == 0, "what was due goes again"


def test_status_tells_of_a_lost_reply_what_is_to_be_typed(armed: Office) -> None:
    lose_a_reply(armed)
    assert armed.run("daemon", "--once").code == 65
    told = armed.run("status").has(1, "1 item on the way home", f"accept-loss {ADVISOR} --count 1")
    line = next(line for line in told.err.splitlines() if "accept-loss" in line)
    armed.run(*line.rpartition("retentiond ")[2].split()).is_done("the next sweep goes on")
    assert armed.run("daemon", "--once").code == 0
