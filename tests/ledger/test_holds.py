"""The register of holds in the ledger's file: what is written of a hold, by whom, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from retentiond.core.holds import BY_SIGN, Ground, Register, Registered, Sign
from retentiond.errors import UnknownHold
from retentiond.ledger.book import Ledger
from tests.ledger.books import KEY, NOW, at

REVIEW = date(2026, 9, 1)
TODAY = NOW.date()


def a_hold(*marks: bytes, who: str = "uid 1000", ground: Ground = Ground.CHILD) -> Registered:
    signs = tuple(Sign(mark.ljust(16, b"."), "helpline-1", NOW) for mark in marks)
    return Registered("", "helpline-1", who, ground, REVIEW, NOW, signs)


def house(ledger: Ledger) -> list[dict[str, object]]:
    entries = [dict(entry.body) for entry in ledger.show("house", 1000)]
    return [entry for entry in entries if str(entry["event"]).startswith("hold")]


def test_a_hold_is_read_again_as_it_was_written(ledger: Ledger, directory: Path) -> None:
    whole = replace(
        a_hold(b"b", b"a"),
        is_conversation=True,
        thread=frozenset((b"a".ljust(16, b"."), b"c".ljust(16, b"."))),
    )
    written = ledger.holds.add(whole, NOW)
    assert len(written.id) == 6
    with Ledger.open(directory, KEY) as again:
        [read] = again.holds.all()
    assert read == replace(written, signs=tuple(sorted(whole.signs)))


def test_the_house_chain_keeps_who_and_why_and_no_mark(ledger: Ledger) -> None:
    hold = ledger.holds.add(a_hold(b"a"), NOW)
    ledger.holds.review(hold.id, date(2026, 10, 1), Ground.CLAIM, "uid 1001", at(1))
    ledger.holds.release(hold.id, "uid 1002", at(2))
    common = {"chain": "house", "hold": hold.id, "target": "helpline-1", "count": 1, "conversation": 0}
    assert [{key: value for key, value in each.items() if key not in common} for each in house(ledger)] == [
        {
            "event": "hold added",
            "seq": 2,
            "minute": "2026-07-16T03:05Z",
            "ground": "child-at-risk",
            "review": "2026-09-01",
            "who": "uid 1000",
        },
        {
            "event": "hold reviewed",
            "seq": 3,
            "minute": "2026-07-16T03:06Z",
            "ground": "legal-claim",
            "review": "2026-10-01",
            "who": "uid 1001",
        },
        {
            "event": "hold released",
            "seq": 4,
            "minute": "2026-07-16T03:07Z",
            "ground": "legal-claim",
            "review": "2026-10-01",
            "who": "uid 1002",
        },
    ]
    assert all(common.items() <= each.items() for each in house(ledger))
    assert ledger.verify().entries == 4


def test_a_review_without_a_ground_leaves_the_ground(ledger: Ledger) -> None:
    hold = ledger.holds.add(a_hold(b"a"), NOW)
    reviewed = ledger.holds.review(hold.id, date(2026, 12, 1), None, "uid 1000", at(1))
    assert (reviewed.ground, reviewed.review) == (Ground.CHILD, date(2026, 12, 1))
    assert ledger.holds.all() == (reviewed,)


def test_an_unknown_id_changes_nothing(ledger: Ledger) -> None:
    hold = ledger.holds.add(a_hold(b"a"), NOW)
    with pytest.raises(UnknownHold):
        ledger.holds.review("zzzzzz", REVIEW, None, "uid 1000", at(1))
    with pytest.raises(UnknownHold):
        ledger.holds.release("zzzzzz", "uid 1000", at(1))
    assert ledger.holds.all() == (hold,)
    assert len(house(ledger)) == 1


def test_a_sweep_leaves_alone_what_somebody_changed_meanwhile(ledger: Ledger) -> None:
    """It looked before the review and the release, and writes after them."""
    stays, goes = (ledger.holds.add(a_hold(mark), NOW) for mark in (b"a", b"b"))
    seen = tuple(replace(h, signs=(replace(h.signs[0], seen=at(9)),)) for h in (stays, goes))
    ledger.holds.review(stays.id, date(2026, 12, 1), Ground.OTHER, "uid 1000", at(5))
    ledger.holds.release(goes.id, "uid 1000", at(5))
    late = a_hold(b"c", who=BY_SIGN, ground=Ground.NOT_STATED)
    by_command = ledger.holds.add(a_hold(b"c"), at(5))
    ledger.holds.settle(Register(TODAY, (*seen, late), (late,), seen), at(10))
    found = {hold.id: hold for hold in ledger.holds.all()}
    assert set(found) == {stays.id, by_command.id}
    assert (found[stays.id].ground, found[stays.id].review) == (Ground.OTHER, date(2026, 12, 1))
    assert found[stays.id].signs[0].seen == at(9)
    ledger.holds.settle(Register(TODAY, ended=(goes,)), at(11))
    events = [each["event"] for each in house(ledger)]
    assert events.count("hold ended") == 0, "it was released; it did not end"


def test_what_was_released_is_gone_from_the_file(ledger: Ledger, directory: Path) -> None:
    mark = bytes(range(100, 116))
    hold = ledger.holds.add(a_hold(mark), NOW)
    ledger.swept(at(1), {}, {})
    assert mark in (directory / "ledger.db").read_bytes()
    ledger.holds.release(hold.id, "uid 1000", at(2))
    ledger.swept(at(3), {}, {})
    assert not any(mark in path.read_bytes() for path in directory.iterdir())
