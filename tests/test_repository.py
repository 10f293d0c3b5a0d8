"""What the repository owes its readers: quick help, whole records, no real address, locked versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def pages() -> list[Path]:
    """Every text of the repository that is ours."""
    away = {".git", ".venv", "__pycache__", ".hypothesis"}
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and not away & set(parts) and not any(part.endswith("_cache") for part in parts):
            found.append(path)
    return found


RECORDS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_decision_says_what_it_must(record: Path) -> None:
    """A record of a decision: its number and title; what was faced, what was chosen, what it costs."""
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(record.name[:4])}. ")
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == ["What we faced", "What we chose", "What it costs"]


def test_every_decision_stands_once_in_their_list_under_its_title() -> None:
    page = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.+)\]\((\S+)\)$", page, re.M)
    told = [
        (path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), path.name) for path in RECORDS
    ]
    assert sorted(listed) == sorted(told), "each record needs one line in docs/decisions/README.md"


def test_every_file_that_a_decision_names_is_there() -> None:
    """A record that speaks of a room that was taken down or renamed has been overtaken by the code."""
    files = {str(path.relative_to(ROOT)) for path in pages() if path.suffix == ".py"}
    gone = [
        f"{record.name}: {name}"
        for record in RECORDS
        for name in re.findall(r"`(?:\./)?([\w/]+\.py)`", record.read_text(encoding="utf-8"))
        if not any(f"/{file}".endswith(f"/{name}") for file in files)
    ]
    assert gone == []


def test_no_two_decisions_have_one_number() -> None:
    assert len({path.name[:4] for path in RECORDS}) == len(RECORDS)


def test_the_changelog_says_each_thing_once() -> None:
    """A change that is told twice reads like two."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = text.partition("## [Unreleased]")[2].partition("\n## ")[0]
    groups = re.findall(r"^### (.+)$", unreleased, re.M)
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert groups == [kind for kind in kinds if kind in groups], "each group once, in this order"
    beginnings = [" ".join(each.split()[:5]) for each in unreleased.split("\n- ")[1:]]
    assert sorted(set(beginnings)) == sorted(beginnings)


def test_no_address_of_a_real_domain_is_in_the_repository() -> None:
    """Whoever copies an example writes to nobody (RFC 2606: .example)."""
    units = ("service", "socket", "timer")
    real = []
    for path in pages():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for domain in re.findall(r"[\w.+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\b", text):
            if domain.rpartition(".")[2].lower() not in ("example", *units):
                real.append(f"{path.relative_to(ROOT)}: {domain}")
    assert real == []


def test_every_dependency_is_locked() -> None:
    """constraints.txt pins whatever pyproject.toml asks for, to a version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    locked = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    assert all(len(pin.specifier) == 1 and not pin.extras and not pin.url for pin in pins)
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name != "retentiond":
            assert name in locked, f"{name} is not locked; the head of constraints.txt says how"
            assert requirement.specifier.contains(locked[name], prereleases=True), f"{name} {locked[name]}"


def test_no_list_of_packages_names_where_they_come_from() -> None:
    """A machine's own settings say where packages come from; the repository never does."""
    for name in ("constraints.txt", "pyproject.toml", "run", ".ci/run", "noxfile.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(
            r"--(extra-)?index-url(?! \\)[ =]\S|--find-links|--trusted-host|https?://", text
        ), name
