"""The page for auditors is right: its recipe, run by a bare Python, tells whole from broken."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retentiond.core.chain import Seal
from retentiond.ledger.book import Ledger
from tests.ledger.books import KEY, lived_in

PAGE = Path(__file__).parents[2] / "docs" / "auditor.md"

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl: apt-get install openssl")


class Desk:
    """An auditor's desk: the recipe, an export, the public key and a report with seals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "check.py"
        self.export = folder / "export.jsonl"
        self.public_key = folder / "ledger" / "ledger.pub"
        found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        assert found is not None
        self.recipe.write_text(found[1])

    def check(self, *reports: Path) -> tuple[int, str]:
        files = [self.recipe, self.export, self.public_key, *reports]
        command = [sys.executable, "-I", "-S", *map(str, files)]
        answer = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert answer.stderr == ""
        return answer.returncode, answer.stdout

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.export.read_text("ascii").splitlines()]

    def write(self, lines: list[Any]) -> None:
        self.export.write_text("".join(json.dumps(line) + "\n" for line in lines), "ascii")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    lived_in(tmp_path / "ledger")
    desk = Desk(tmp_path)
    with Ledger.open(tmp_path / "ledger", KEY) as ledger, desk.export.open("w", encoding="ascii") as stream:
        stream.writelines(f"{line}\n" for line in ledger.export())
    return desk


def test_an_auditor_finds_a_whole_ledger_whole(desk: Desk) -> None:
    status, words = desk.check()
    assert (status, words) == (0, "OK: 19 entries in 3 chains, 7 signatures, 13 seals\n")


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


def test_an_export_says_that_it_is_confidential(desk: Desk) -> None:
    assert desk.lines()[0]["notice"] == "CONFIDENTIAL"
