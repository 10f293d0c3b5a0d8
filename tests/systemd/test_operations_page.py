"""The page for operators lists every event of the log, with the sentence that the program has for it."""

from __future__ import annotations

import re
from pathlib import Path

from retentiond.events import EVENTS

PAGE = Path(__file__).parents[2] / "docs/admin/operations.md"


def test_every_event_is_on_the_page_with_its_sentence() -> None:
    told = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert told == sorted(EVENTS.items()), "write the table anew from retentiond/events.py"
