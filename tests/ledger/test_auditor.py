"""The page for auditors is right: its recipe, run by a bare Python, tells whole from broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retentiond.core.chain import Seal
from retentiond.core.deeds import Result
from retentiond.ledger.book import Ledger
from retentiond.ledger.holds import ADDED, ENDED, FOUND, RELEASED, REVIEWED
from retentiond.ledger.standing import OWN_EVENTS, RETIRED
from retentiond.ledger.upgrade import UPGRADED
from tests.ledger.books import KEY, at, destroy, lived_in

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "auditor.md"

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl: apt-get install openssl")


class Desk:
    """An auditor's desk: the recipe, an export, the public key and a report with seals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "check.py"
        self.export = folder / "export.jsonl"
        self.public_key = folder / "ledger" / "ledger.pub"
        check, look = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        self.recipe.write_text(check)
        (folder / "look.py").write_text(look)
        self.environment = dict(os.environ)

    def check(self, *reports: Path) -> tuple[int, str]:
        return self._run(self.recipe, self.export, self.public_key, *reports)

    def look(self) -> str:
        status, words = self._run(self.folder / "look.py", self.export)
        assert status == 0
        return words

    def _run(self, *files: Path) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", *map(str, files)]
        answer = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=self.environment
        )
        assert answer.stderr == ""
        return answer.returncode, answer.stdout

    def export_of(self, ledger: Ledger) -> None:
        self.export.write_text("".join(f"{line}\n" for line in ledger.export()), "ascii")

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.export.read_text("ascii").splitlines()]

    def write(self, lines: list[Any]) -> None:
        self.export.write_text("".join(json.dumps(line) + "\n" for line in lines), "ascii")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    lived_in(tmp_path / "ledger")
    desk = Desk(tmp_path)
    with Ledger.open(tmp_path / "ledger", KEY) as ledger:
        desk.export_of(ledger)
    return desk


def test_an_auditor_finds_a_whole_ledger_whole(desk: Desk) -> None:
    status, words = desk.check()
    assert (status, words) == (
        0,
        "OK: 19 entries in 3 chains, 7 signatures, 13 seals,\n    0 of them from outside\n",
    )


def test_an_auditor_holds_it_against_seals_from_reports(desk: Desk) -> None:
    with Ledger.open(desk.folder / "ledger", KEY) as ledger:
        heads = dict(ledger.verify().chains)
    report = desk.folder / "report.txt"
    report.write_text((desk.folder / "ledger" / "seals.log").read_text())
    assert desk.check(report)[0] == 0
    report.write_text(f"Sealed as {Seal('helpline-1', heads['helpline-1'] + 1, bytes(32))}.")
    assert desk.check(report) == (1, "BROKEN: chain helpline-1, entry 9: the end is cut off\n")
    report.write_text(f"Sealed as {Seal('helpline-2', 2, bytes(32))}.")
    assert desk.check(report)[1] == (
        "BROKEN: chain helpline-2, entry 2: this is not the entry that was sealed\n"
    )


def _edit(lines: list[Any]) -> None:
    lines[4]["body"]["count"] = 9


def _delete(lines: list[Any]) -> None:
    del lines[4]


def _insert(lines: list[Any]) -> None:
    lines.insert(5, lines[4])


def _cut(lines: list[Any]) -> None:
    del lines[8]


def _forge(lines: list[Any]) -> None:
    lines[-1]["note"] = lines[-2]["note"]


def _other_key(lines: list[Any]) -> None:
    lines[0]["public_key"] = lines[0]["public_key"].replace("A", "B", 1)


@pytest.mark.parametrize(
    ("tamper", "where"),
    [
        (_edit, "chain helpline-1, entry 4:"),
        (_delete, "chain helpline-1, entry 4:"),
        (_insert, "chain helpline-1, entry 5:"),
        (_cut, "chain helpline-1, entry 8:"),
        (_forge, "chain house, entry 8:"),
        (_other_key, "chain house, entry 1:"),
    ],
)
def test_an_auditor_finds_the_place_that_was_tampered_with(
    desk: Desk, tamper: Callable[[list[Any]], None], where: str
) -> None:
    lines = desk.lines()
    tamper(lines)
    desk.write(lines)
    status, words = desk.check()
    assert status == 1
    assert words.startswith(f"BROKEN: {where}")


def test_a_ledger_that_was_set_back_is_found_by_a_seal_from_outside(tmp_path: Path) -> None:
    """Whoever has the key and the disk puts an old backup of the whole ledger in place of the new one."""
    lived_in(tmp_path / "ledger")
    desk = Desk(tmp_path)
    shutil.copytree(tmp_path / "ledger", tmp_path / "backup")
    with Ledger.open(tmp_path / "ledger", KEY) as ledger:
        destroy(ledger, when=at(60))
        seals = ledger.swept(at(60), {}, {})
    report = tmp_path / "report.html"
    report.write_text(f"<p>The ledger verifies. {seals[-1]}</p>")
    with Ledger.open(tmp_path / "ledger", KEY) as ledger:
        desk.export_of(ledger)
    assert desk.check(report)[0] == 0
    with Ledger.open(tmp_path / "backup", KEY) as ledger:
        desk.export_of(ledger)
    assert desk.check()[0] == 0, "by itself it is as whole as it was on that day"
    assert desk.check(report) == (1, "BROKEN: chain house, entry 9: the end is cut off\n")


@pytest.mark.parametrize("version", ["LibreSSL 3.3.6", "OpenSSL 1.1.1w  11 Sep 2023", None])
def test_an_old_or_missing_openssl_is_no_fault_of_the_ledger(desk: Desk, version: str | None) -> None:
    """macOS calls LibreSSL `openssl`: it cannot check these signatures, and must accuse nobody."""
    programs = desk.folder / "programs"
    programs.mkdir()
    if version is not None:
        (programs / "openssl").write_text(f"#!/bin/sh\n[ $1 = version ] && echo '{version}'\n")
        (programs / "openssl").chmod(0o755)
    desk.environment["PATH"] = str(programs)
    assert desk.check() == (2, "NOT CHECKED: OpenSSL 3.0 or newer is needed\n")


def test_a_report_whose_seal_cannot_be_read_is_not_taken_for_one_that_was_borne_out(desk: Desk) -> None:
    """A mail program broke the line in the middle of the seal."""
    report = desk.folder / "report.txt"
    seal = str(Seal("house", 8, bytes(32)))
    report.write_text(f"The ledger verifies.\n{seal[:60]}\n{seal[60:]}\n", encoding="latin-1")
    assert desk.check(report) == (2, f"NOT CHECKED: no seal stands in {report}\n")


def test_an_export_that_did_not_arrive_whole_is_told_of(desk: Desk) -> None:
    text = desk.export.read_text("ascii")
    desk.export.write_text(text[: len(text) // 2], "ascii")
    status, words = desk.check()
    assert status == 2
    assert words.endswith("of the export cannot be read; did it arrive whole?\n")


# ── what to look at ──────────────────────────────────────────────────────────────────────────────


def test_a_look_sums_up_what_was_done_and_how_long_nothing_was(desk: Desk) -> None:
    words = desk.look()
    assert "helpline-1: 18 due, done\n" in words
    assert "helpline-1: 5 due, retained\n" in words
    assert "Sweeps that came to their end: 3; the longest time between two: 0:10:00\n" in words
    assert words.endswith("without an arming: 0\n")


@pytest.mark.parametrize("period", ["6 months", "1 year", "180 days", "26 weeks"])
def test_a_look_names_what_went_before_its_month(desk: Desk, period: str) -> None:
    """All of it was destroyed on 16 July 2026; what was received from `first` on must have gone too early."""
    first, last = ("2025-08", "2025-07") if period == "1 year" else ("2026-02", "2026-01")
    lines = desk.lines()
    for line in lines:
        body = line.get("body", {})
        if body.get("event") == "armed":
            body["period"] = period
        if body.get("event") == "deed":
            body["to"] = first if (body["chain"], body["seq"]) == ("helpline-2", 2) else last
    desk.write(lines)
    words = desk.look()
    assert (
        words.splitlines()[0] == f"TOO EARLY: chain helpline-2, entry 2: received {first}, 2026-07-16T03:25Z"
    )
    assert words.endswith("without an arming: 1\n")


def test_a_look_names_what_nobody_had_agreed_to(desk: Desk) -> None:
    desk.write(
        [
            line
            for line in desk.lines()
            if line.get("body", {}).get("target") != "helpline-2" or "root" in line["body"]
        ]
    )
    assert "NOT AGREED: chain helpline-2, entry 1: nobody had armed it\n" in desk.look()


# ── what the export says ─────────────────────────────────────────────────────────────────────────


def test_the_page_tells_of_every_event_that_the_ledger_may_hold() -> None:
    """Read from the source: whatever is recorded by name, and whatever the book's rooms give a name."""
    sources = [path.read_text("utf-8") for path in (ROOT / "retentiond").rglob("*.py")]
    recorded = {name for text in sources for name in re.findall(r'book\.record\(\s*"([a-z ]+)"', text)}
    own = {name for text in sources for name in re.findall(r'"event": "([a-z ]+)"', text)}
    events = recorded | own | OWN_EVENTS | {RETIRED, UPGRADED, ADDED, FOUND, REVIEWED, RELEASED, ENDED}
    assert events >= {"asked", "purge", "erasure ended", "loss accepted"}, (
        "the source is read as it is written"
    )
    rows = re.findall(r"^\| (`.+?`) \| (?:house|a target's)", PAGE.read_text("utf-8"), re.M)
    told = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert told == events


def test_the_page_tells_of_every_result_of_a_deed() -> None:
    [told] = re.findall(r"^Results: (.+?)\. Reasons:", PAGE.read_text("utf-8"), re.M | re.S)
    assert set(re.findall(r"`([a-z-]+)`", told)) == {result.value for result in Result}


def test_an_export_says_that_it_is_confidential(desk: Desk) -> None:
    assert desk.lines()[0]["notice"] == "CONFIDENTIAL"
