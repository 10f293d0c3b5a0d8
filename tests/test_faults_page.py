"""The page of faults names tests that exist, and is found by whom it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/faults.md"
_TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")
_HEADS = ("what goes wrong", "by which way", "law")


def names_in(path: Path) -> set[str]:
    """The tests of a module, those of a class after its name; none where there is no such module."""
    if not path.is_file():
        return set()
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def test_every_test_that_the_page_names_exists() -> None:
    named = _TEST.findall(PAGE.read_text(encoding="utf-8"))
    known = {path: names_in(ROOT / "tests" / path) for path, _ in named}
    assert [f"{path}::{name}" for path, name in named if name not in known[path]] == []
    assert len(set(named)) > 150


def test_every_fault_of_the_page_has_its_test() -> None:
    lines = [line.strip("| ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    rows = [line.split(" | ") for line in lines if not line.startswith(_HEADS) and set(line) - set("-|")]
    assert [row[0] for row in rows if not _TEST.search(row[-1])] == []
    assert len({row[0] for row in rows}) > 100


def test_every_record_that_the_page_names_exists() -> None:
    numbers = set(re.findall(r"\((\d+)\)", PAGE.read_text(encoding="utf-8")))
    records = {str(int(path.name[:4])) for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    assert {"130", "131"} <= numbers <= records


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("README.md", "docs/faults.md"),
        ("docs/auditor.md", "faults.md"),
        ("docs/contributor.md", "faults.md"),
    ],
)
def test_the_page_is_found(page: str, link: str) -> None:
    assert f"]({link})" in (ROOT / page).read_text(encoding="utf-8")


def test_a_test_that_does_not_exist_would_be_found() -> None:
    assert "test_every_test_that_the_page_names_exists" in names_in(Path(__file__))
    contract = names_in(ROOT / "tests/mailbox/contract.py")
    assert "MailboxContract::test_a_hold_set_since_the_look_wins" in contract
    assert "test_a_hold_set_since_the_look_wins" not in contract
    assert names_in(ROOT / "tests/nowhere.py") == set()
