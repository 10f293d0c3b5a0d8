"""Every room stands on its floor and says only its own words; and what checks that is checked as well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house_rules import STAIRS, WAY_ON, faults_of, read, standing

ROOT = Path(__file__).parent.parent

# ── the house as it stands ───────────────────────────────────────────────────────────────────────


def test_the_house_keeps_its_rules() -> None:
    assert faults_of(ROOT / "retentiond") == []


def test_every_room_stands_in_the_table_of_the_house() -> None:
    """docs/house.md names each room, on the floor on which the stairs have it."""
    page = (ROOT / "docs/house.md").read_text(encoding="utf-8")
    told = {
        (int(floor), room)
        for floor, rooms in re.findall(r"^\| (\d) \| (.+?) \|", page, re.M)
        for room in rooms.split("`")
    }
    missing = []
    for name in read(ROOT / "retentiond"):
        place = standing(name)
        if place is None:
            continue
        floor, _, room = place
        words = {p.replace(".", "/") + end for p in room.split() for end in (".py", "/")}
        if not any((floor, word) in told for word in words):
            missing.append(f"{name} (floor {floor})")
    assert missing == [], WAY_ON


def test_the_table_of_the_house_is_in_the_order_of_the_stairs_and_names_no_room_twice_or_in_vain() -> None:
    """A room that is gone, or that two hands wrote into the table, is found; a reader goes up, never down."""
    page = (ROOT / "docs/house.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| (.+?) \|", page, re.M)
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) == len(set(names))
    assert [name for name in names if not list((ROOT / "retentiond").glob(name.rstrip("/")))] == []
    stairs = {part: step for step, (_, rooms) in enumerate(STAIRS) for room in rooms for part in room.split()}
    steps = [stairs[name.rstrip("/").removesuffix(".py").replace("/", ".")] for name in names]
    assert steps == sorted(steps)


def test_every_promise_that_is_named_anywhere_is_told_in_the_house() -> None:
    page = (ROOT / "docs/house.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| (P\d+) \|", page, re.M))
    sources = [*(ROOT / "retentiond").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    named = {name for path in sources for name in re.findall(r"\bP\d+\b", path.read_text(encoding="utf-8"))}
    assert named == told


# ── each rule broken on purpose ──────────────────────────────────────────────────────────────────

PLANTED = {
    "import of a higher floor": ("survey.py", "import retentiond.sweep", "floor 4 (survey) imports"),
    "import under another name": (
        "survey.py",
        "import retentiond.sweep as story",
        "imports retentiond.sweep",
    ),
    "from the package": ("survey.py", "from retentiond import sweep", "imports retentiond.sweep of floor 5"),
    "from the module": (
        "survey.py",
        "from retentiond.sweep import run",
        "imports retentiond.sweep of floor 5",
    ),
    "the second of two names": (
        "survey.py",
        "from retentiond import errors, sweep",
        "retentiond.sweep of floor 5",
    ),
    "relative": ("survey.py", "from . import sweep", "imports retentiond.sweep of floor 5"),
    "relative module": ("survey.py", "from .sweep import run", "imports retentiond.sweep of floor 5"),
    "relative from a package": (
        "ledger/book.py",
        "from .. import sweep",
        "imports retentiond.sweep of floor 5",
    ),
    "relative, deeper": (
        "core/period.py",
        "from ..mailbox import base",
        "imports retentiond.mailbox.base of floor 3",
    ),
    "in a function": (
        "survey.py",
        "def look():\n    from retentiond import sweep",
        "retentiond.sweep of floor 5",
    ),
    "in a method": ("survey.py", "class A:\n    def b(self):\n        import retentiond.sweep", "of floor 5"),
    "under TYPE_CHECKING": (
        "survey.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from retentiond.sweep import run",
        "retentiond.sweep of floor 5",
    ),
    "through the bare package": (
        "survey.py",
        "import retentiond\nretentiond.sweep.run()",
        "retentiond.sweep of floor 5",
    ),
    "by a name made at run time": (
        "survey.py",
        "import importlib\nimportlib.import_module('retentiond.sweep')",
        "imports by a name made at run time",
    ),
    "by a name made at run time, otherwise": (
        "ledger/__init__.py",
        "from importlib import import_module\nimport_module(f'retentiond.{x}')",
        "imports by a name made at run time",
    ),
    "a neighbour": ("survey.py", "from retentiond import execute", "imports retentiond.execute of floor 4"),
    "backend to backend": (
        "mailbox/imap.py",
        "from retentiond.mailbox import memory",
        "retentiond.mailbox.memory",
    ),
    "base to a backend": (
        "mailbox/base.py",
        "from retentiond.mailbox.memory import M",
        "retentiond.mailbox.memory",
    ),
    "core out of order": (
        "core/model.py",
        "from retentiond.core.plan import Plan",
        "retentiond.core.plan of floor 1",
    ),
    "daemon to the command line": ("daemon.py", "from retentiond.cli import main", "imports retentiond.cli"),
    "a package that imports": (
        "mailbox/__init__.py",
        "from retentiond.mailbox import memory",
        "this __init__ imports",
    ),
    "an unknown room": ("attic.py", "", "nobody knows on which floor this stands"),
    "an unknown room, imported": (
        "sweep.py",
        "import retentiond.attic",
        "nobody knows on which floor that stands",
    ),
    "a circle": ("ledger/book.py", "from retentiond.ledger import seal", "a circle of imports"),
    "imapclient elsewhere": ("survey.py", "from imapclient import IMAPClient", "imports imapclient"),
    "imapclient, a part of it": ("demo/story.py", "import imapclient.exceptions", "imports imapclient"),
    "exchangelib": ("mailbox/imap.py", "import exchangelib", "imports exchangelib"),
    "sqlalchemy": ("report.py", "import sqlalchemy as sa", "imports sqlalchemy"),
    "pydantic": ("core/plan.py", "from pydantic import BaseModel", "imports pydantic"),
    "click": ("demo/story.py", "import click", "imports click"),
    "rich": ("report.py", "from rich.table import Table", "imports rich"),
    "structlog": ("sweep.py", "import structlog", "imports structlog"),
    "logging": ("mailbox/imap.py", "import logging", "imports logging"),
    "traceback": ("sweep.py", "import traceback", "imports traceback"),
    "core with a clock": ("core/plan.py", "import time", "imports time: the core decides"),
    "core with files": ("core/plan.py", "from pathlib import Path", "imports pathlib: the core decides"),
    "core with chance": ("core/plan.py", "import secrets", "imports secrets: the core decides"),
    "core asks the time": ("core/plan.py", "from datetime import datetime\ndatetime.now()", "calls now()"),
    "core asks the day": ("core/plan.py", "import datetime\ndatetime.date.today()", "calls today()"),
    "core opens": ("core/plan.py", "open('x')", "calls open()"),
    "print below the command line": ("sweep.py", "print('x')", "prints; only cli/ does"),
    "stdout below the command line": (
        "report.py",
        "import sys\nsys.stdout.write('x')",
        "writes to sys.stdout",
    ),
    "expunge": ("mailbox/imap.py", "client.expunge()", "calls .expunge()"),
    "close_folder": ("mailbox/imap.py", "client.close_folder()", "calls .close_folder()"),
    "empty": ("mailbox/imap.py", "account.trash.empty()", "calls .empty()"),
    "wipe": ("mailbox/imap.py", "account.trash.wipe()", "calls .wipe()"),
    "a dry run's parameter": ("sweep.py", "def run(*, dry_run): ...", "knows dry_run"),
    "a dry run's argument": ("demo/story.py", "run(dry_run=True)", "knows dry_run"),
    "a dry run's variable": ("execute.py", "dry_run = True", "knows dry_run"),
    "an error's words": (
        "sweep.py",
        "try: ...\nexcept OSError as e:\n    x = str(e)",
        "the words of an exception",
    ),
    "an error's words, formatted": (
        "sweep.py",
        "try: ...\nexcept OSError as e:\n    x = f'{e}'",
        "the words of",
    ),
    "an error's arguments": ("sweep.py", "try: ...\nexcept OSError as e:\n    x = e.args", "the words of an"),
    "an unlisted event": ("sweep.py", "log.info('item.seen')", "logs item.seen"),
    "an event made up": ("sweep.py", "log.info(f'{x}')", "logs something that is not one fixed event"),
    "an unlisted field": ("sweep.py", "log.info('plan.made', subject=x)", "logs the field subject"),
}

#: What the small trees hold besides: nothing of it breaks a rule.
SOUND = {
    "__init__.py": "__version__ = '1'",
    "__main__.py": "from retentiond.cli import main",
    "errors.py": "",
    "core/__init__.py": "",
    "core/model.py": "from retentiond import errors",
    "core/plan.py": "from retentiond.core import model",
    "mailbox/__init__.py": "",
    "mailbox/base.py": "from ..core.model import Item",
    "mailbox/memory.py": "from . import base",
    "mailbox/wire.py": "import imapclient",
    "mailbox/imap.py": "from retentiond.mailbox.wire import Wire\nfrom retentiond.mailbox import base",
    "survey.py": "from retentiond.mailbox.base import Mailbox",
    "execute.py": "",
    "ledger/__init__.py": "from importlib import import_module\nimport_module(f'retentiond.ledger.{x}')",
    "ledger/seal.py": "def s():\n    from retentiond.ledger import book\n    import sqlalchemy",
    "ledger/book.py": "from retentiond import __version__",
    "sweep.py": "from retentiond import survey, execute\nlog.info('plan.made', due=1)",
    "daemon.py": "import apscheduler\nfrom retentiond import sweep",
    "cli/__init__.py": "from retentiond import daemon\nprint('x')\ndry_run = 1",
}


def plant(folder: Path, files: dict[str, str]) -> Path:
    house = folder / "retentiond"
    for name, text in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return house


def test_a_sound_tree_breaks_no_rule(tmp_path: Path) -> None:
    assert faults_of(plant(tmp_path, SOUND)) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_broken_rule_is_found(name: str, tmp_path: Path) -> None:
    """One violation planted in a sound tree is named, with its file, and nothing else is."""
    file, text, sentence = PLANTED[name]
    faults = faults_of(plant(tmp_path, {**SOUND, file: text}))
    assert [fault for fault in faults if sentence in fault], faults
    assert all(file in fault or "circle" in fault for fault in faults), faults
