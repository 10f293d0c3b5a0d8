"""The page for operators lists every event of the log, with the sentence that the program has for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retentiond.alert import CODES
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern
from retentiond.events import EVENTS

PAGE = Path(__file__).parents[2] / "docs/admin/operations.md"


def test_every_event_is_on_the_page_with_its_sentence() -> None:
    told = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert told == sorted(EVENTS.items()), "write the table anew from retentiond/events.py"


#: What a finding bears besides its cause where it is one that somebody must be told of.
_NUMBERS = {Cause.REVIEW: (1,), Cause.HOLD_OVERDUE: (1, 1)}
_WAITS = {
    "at once": timedelta(),
    "after 24 hours": timedelta(hours=24),
    "after 48 hours": timedelta(hours=48),
    "after 7 days": timedelta(days=7),
}


def test_every_finding_is_on_the_page_with_the_time_after_which_it_is_told() -> None:
    rows = re.findall(r"^\| .+ \| (R[\dR, ]+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    told = {code: when for codes, when in rows for code in codes.split(", ")}
    assert sorted(told) == sorted(CODES.values())
    since = datetime(2026, 11, 25, tzinfo=UTC)
    for cause, code in CODES.items():
        concern = Concern(
            "line", cause, since, numbers=_NUMBERS.get(Cause(cause), ()) if cause in set(Cause) else ()
        )
        if told[code] == "never":
            assert not concern.is_grave(since + timedelta(days=365)), code
            continue
        wait = _WAITS[told[code]]
        assert concern.is_grave(since + wait), code
        assert not wait or not concern.is_grave(since + wait - timedelta(minutes=1)), code
