"""Intent before deed, outcome after; who armed what; what was forecast; what is remembered for a time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.core.deeds import Deed, Intent, Outcome, Phase, Result, StrayMark
from retentiond.core.fuse import Forecast
from retentiond.core.model import Place, Reason, Role
from retentiond.errors import ClockDoubted, LedgerDamaged
from retentiond.ledger.book import Ledger
from retentiond.ledger.intents import keys_from, keys_text
from retentiond.ledger.memory import SEEN, THREAD, UNARMED
from tests.ledger.books import INBOX, KEY, NOW, arming, at, destroy, founded, intent

# ── intents ──────────────────────────────────────────────────────────────────────────────────────

_numbers = st.lists(st.integers(1, 2**32 - 1) | st.integers(1, 20), max_size=30).map(tuple)
_texts = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5)
_days = st.none() | st.dates(date(1995, 1, 1), date(2090, 1, 1))
_words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=12)
_marks = st.binary(min_size=16, max_size=16)
_intents = st.builds(
    Intent,
    place=st.builds(Place, _words, _words, st.sampled_from(Role), st.integers(0, 2**32 - 1)),
    phase=st.sampled_from(Phase),
    keys=_numbers | _texts.map(tuple),
    chain=st.just("helpline-1"),
    reason=st.sampled_from(Reason),
    oldest=_days,
    newest=_days,
    home=st.none() | _words,
    strays=st.lists(st.builds(StrayMark, st.integers(1, 2**32 - 1), _marks, st.integers(0), _marks)).map(
        lambda strays: tuple(replace(stray, size=stray.size % 2**40) for stray in strays)
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_intents)
def test_an_intent_is_read_again_as_it_was_written(ledger: Ledger, intended: Intent) -> None:
    number = ledger.intend(intended)
    assert ledger.open_intents() == (replace(intended, id=number),)
    ledger.settle(number, (), NOW)
    assert ledger.open_intents() == ()


def test_keys_are_kept_short() -> None:
    assert keys_text((*range(1, 501), 600)) == "1:500,600"
    assert keys_text((5, 3, 4, 2)) == "5,3:4,2"
    assert keys_text(("AAMk x",)) == '["AAMk x"]'
    assert keys_text(()) == ""


@given(_numbers | _texts.map(tuple))
def test_keys_come_back_in_their_order(keys: tuple[int | str, ...]) -> None:
    assert keys_from(keys_text(keys)) == keys


def test_an_intent_is_there_for_whoever_opens_the_ledger_next(ledger: Ledger, directory: Path) -> None:
    number = ledger.intend(intent())
    ledger.advance(number, Phase.REMOVING)
    with Ledger.open(directory, KEY) as another:
        assert another.open_intents() == (replace(intent(), phase=Phase.REMOVING, id=number),)


def test_settling_enters_each_deed_and_removes_the_intent(ledger: Ledger) -> None:
    number = ledger.intend(intent(keys=(1, 2, 3, 9)))
    retained = Outcome(INBOX, Result.RETAINED, (9,), date(2026, 8, 1))
    deeds = [Deed(Outcome(INBOX, Result.DONE, (1, 2, 3)), bytes(32)), Deed(retained, bytes(32), True)]
    ledger.settle(number, deeds, at(2))
    assert ledger.open_intents() == ()
    done, kept = ledger.show("helpline-1")
    assert done.body == {
        "event": "deed",
        "chain": "helpline-1",
        "seq": 1,
        "minute": "2026-07-16T03:07Z",
        "target": "helpline-1",
        "folder": "inbox",
        "reason": "due",
        "result": "done",
        "count": 3,
        "from": "2026-01",
        "to": "2026-01",
        "root": "00" * 32,
        "recovered": 0,
    }
    assert (kept.body["until"], kept.body["recovered"], kept.seq) == ("2026-08-01", 1, 2)


def test_an_intent_is_settled_once(ledger: Ledger) -> None:
    number = ledger.intend(intent())
    ledger.settle(number, [], NOW)
    with pytest.raises(LedgerDamaged):
        ledger.settle(number, [Deed(Outcome(INBOX, Result.DONE, (1,)), bytes(32))], NOW)
    with pytest.raises(LedgerDamaged):
        ledger.advance(number, Phase.REMOVING)
    assert ledger.intend(intent()) > number, "a number is never given again"
    assert dict(ledger.verify().chains) == {"house": 1}


def test_a_deed_that_cannot_be_entered_leaves_the_intent_open(ledger: Ledger) -> None:
    number = ledger.intend(intent())
    good = Deed(Outcome(INBOX, Result.DONE, (1,)), bytes(32))
    bad = replace(good, outcome=replace(good.outcome, place=replace(INBOX, target=None)))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ledger.settle(number, [good, bad], NOW)
    assert [open_.id for open_ in ledger.open_intents()] == [number]
    assert list(ledger.show("helpline-1")) == []
    assert ledger.verify().entries == 1


def test_a_stray_is_entered_under_its_helpline(ledger: Ledger) -> None:
    sent = Place("advisor-1", "Sent", Role.SENT, 5)
    number = ledger.intend(Intent(sent, Phase.REMOVING, (4,), "helpline-1", Reason.ASTRAY, home="helpline-1"))
    ledger.settle(number, [Deed(Outcome(sent, Result.DONE, (4,)), bytes(32))], NOW)
    (entry,) = ledger.show("helpline-1")
    assert (entry.body["target"], entry.body["folder"], entry.body["reason"]) == (
        "advisor-1",
        "sent",
        "astray",
    )
    assert "from" not in entry.body


def test_no_target_may_be_called_house(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="house"):
        ledger.intend(replace(intent(), chain="house"))
    with pytest.raises(ValueError, match="house"):
        ledger.arm("house", arming())


# ── arming and forecast ──────────────────────────────────────────────────────────────────────────


def test_a_target_that_nobody_armed_stands_unarmed(ledger: Ledger) -> None:
    assert ledger.standing("helpline-1") == (None, None)


def test_the_latest_arming_counts(ledger: Ledger) -> None:
    ledger.arm("helpline-1", arming(at(1)))
    later = replace(arming(at(2), 30, 50), keeps_copies=True)
    ledger.arm("helpline-1", later)
    assert ledger.standing("helpline-1") == (later, Forecast(50, at(2), 0))


def test_the_forecast_goes_down_by_what_was_destroyed_since(ledger: Ledger) -> None:
    destroy(ledger, count=100, when=at(0))
    ledger.arm("helpline-1", arming(at(1)))
    destroy(ledger, count=7, when=at(2))
    destroy(ledger, count=5, when=at(2), reason=Reason.DUE_SINCE_SEEN)
    destroy(ledger, count=2, when=at(2), result=Result.REMOVED)
    destroy(ledger, count=1, when=at(2), result=Result.RETAINED)
    for not_counted in (Result.HELD, Result.FAILED, Result.CHANGED, Result.GONE_ALREADY):
        destroy(ledger, count=50, when=at(2), result=not_counted)
    destroy(ledger, count=3, when=at(2), reason=Reason.ASTRAY)
    destroy(ledger, count=1, when=at(2), reason=Reason.ASTRAY_OVERDUE)
    destroy(ledger, "helpline-2", count=50, when=at(2))
    assert ledger.standing("helpline-1")[1] == Forecast(40, at(1), 19)
    ledger.swept(at(3), {"helpline-1": 22}, {})
    assert ledger.standing("helpline-1")[1] == Forecast(22, at(3), 0)
    destroy(ledger, count=4, when=at(4))
    assert ledger.standing("helpline-1")[1] == Forecast(22, at(3), 4)
    ledger.verify()
    ledger.verify(since_checkpoint=True)


def test_the_forecast_of_a_target_that_a_sweep_did_not_finish_stands(ledger: Ledger) -> None:
    ledger.arm("helpline-1", arming(at(1)))
    ledger.swept(at(2), {"helpline-1": 22}, {})
    destroy(ledger, count=4, when=at(3))
    ledger.swept(at(4), {"helpline-2": 1}, {})
    assert ledger.standing("helpline-1") == (arming(at(1)), Forecast(22, at(2), 4))
    assert ledger.standing("helpline-2") == (None, Forecast(1, at(4), 0))


def test_a_sweep_leaves_a_seal_of_every_chain(ledger: Ledger, directory: Path) -> None:
    destroy(ledger)
    seals = ledger.swept(at(1), {}, {"helpline-1": {"done": 3}})
    assert [(seal.chain, seal.count) for seal in seals] == [("helpline-1", 1), ("house", 2)]
    quiet = ledger.swept(at(2), {}, {})
    assert quiet[0] == seals[0]
    lines = (directory / "seals.log").read_text().splitlines()
    assert [line.split(":")[2:4] for line in lines] == [
        ["house", "1"],
        ["helpline-1", "1"],
        ["house", "2"],
        ["house", "3"],
    ], "a chain that did not grow is not sealed again"
    assert lines[1] == f"2026-07-16T03:06Z {seals[0]}"
    ledger.verify(seals=[*seals, *quiet])


def test_a_seal_that_a_power_cut_kept_from_the_log_is_made_good(ledger: Ledger, directory: Path) -> None:
    log = directory / "seals.log"
    first = log.read_bytes()
    seals = ledger.swept(at(1), {}, {})
    log.write_bytes(first + b"2026-07-16T03:06Z seal:hou")
    assert ledger.verify().checkpoints == 2
    later = ledger.swept(at(2), {}, {})
    assert log.read_bytes() == first + (
        f"2026-07-16T03:07Z {seals[-1]}\n2026-07-16T03:07Z {later[-1]}\n".encode()
    )
    ledger.verify()


def test_other_events_of_the_house_are_entered(ledger: Ledger) -> None:
    ledger.record("rules", {"target": "helpline-1", "digest": "a1"}, at(1))
    entry = list(ledger.show("house"))[-1]
    assert (entry.body["event"], entry.body["digest"], entry.minute) == ("rules", "a1", at(1))
    with pytest.raises(ValueError, match="own"):
        ledger.record("swept", {}, at(1))
    with pytest.raises(TypeError):
        ledger.record("rules", {"share": 0.5}, at(1))  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        ledger.record("rules", {"seq": 5}, at(1))
    assert ledger.verify().entries == 2


def test_the_newest_entries_are_shown_oldest_first(ledger: Ledger) -> None:
    for minute in range(1, 5):
        destroy(ledger, f"helpline-{minute % 2}", when=at(minute))
    shown = [(entry.chain, entry.seq) for entry in ledger.show(last=3)]
    assert shown == [("helpline-0", 1), ("helpline-1", 2), ("helpline-0", 2)]
    assert [entry.seq for entry in ledger.show("helpline-1", last=1)] == [2]
    assert list(ledger.show(last=0)) == []


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_time_of_the_newest_entry_is_known(ledger: Ledger) -> None:
    assert ledger.last_minute() == NOW
    destroy(ledger, when=at(9))
    assert ledger.last_minute() == at(9)


def test_a_clock_that_was_set_back_a_little_does_not_break_the_book(ledger: Ledger) -> None:
    destroy(ledger, when=at(9))
    destroy(ledger, "helpline-2", when=at(5))
    assert [entry.minute for entry in ledger.show(last=2)] == [at(9), at(9)]
    ledger.verify()


def test_a_time_long_before_the_newest_entry_is_never_written(ledger: Ledger) -> None:
    destroy(ledger, when=at(9))
    number = ledger.intend(intent())
    with pytest.raises(ClockDoubted) as doubt:
        ledger.settle(number, [Deed(Outcome(INBOX, Result.DONE, (1,)), bytes(32))], at(3))
    assert (doubt.value.against, doubt.value.seconds) == ("ledger", -360)
    assert [open_.id for open_ in ledger.open_intents()] == [number]


def test_minutes_are_written_in_utc(ledger: Ledger) -> None:
    destroy(ledger, when=datetime(2026, 7, 16, 9, 0, tzinfo=ZoneInfo("Europe/London")))
    assert ledger.last_minute() == datetime(2026, 7, 16, 8, 0, tzinfo=UTC)
    with pytest.raises(ValueError, match="aware"):
        ledger.record("rules", {}, datetime(2026, 7, 16, 9, 0))


# ── memory ───────────────────────────────────────────────────────────────────────────────────────

_LATER = at(0) + timedelta(days=180)


def test_an_item_without_a_date_is_known_since_it_was_first_seen(ledger: Ledger) -> None:
    assert ledger.first_seen("helpline-1", [b"a", b"b"], at(0), _LATER) == {b"a": at(0), b"b": at(0)}
    assert ledger.first_seen("helpline-1", [b"b", b"c"], at(5), _LATER) == {b"b": at(0), b"c": at(5)}
    assert ledger.first_seen("helpline-2", [b"a"], at(6), _LATER) == {b"a": at(6)}
    assert ledger.first_seen("helpline-2", [], at(6), _LATER) == {}


def test_marks_are_forgotten_when_their_term_is_over_and_not_before(ledger: Ledger) -> None:
    ledger.remember(THREAD, "helpline-1", [b"a", b"b"], at(0), at(10))
    ledger.remember(THREAD, "helpline-1", [b"b"], at(5), at(20))
    ledger.remember(THREAD, "helpline-1", [b"b"], at(6), at(8))
    assert ledger.forget_expired(at(9)) == 0
    assert ledger.forget_expired(at(10)) == 1
    assert ledger.recall(THREAD, "helpline-1") == {b"b": at(0)}
    assert ledger.recall(SEEN, "helpline-1") == {}


def test_it_is_known_since_when_an_unarmed_target_has_something_due(ledger: Ledger) -> None:
    assert ledger.unarmed_since("helpline-1", at(0)) == at(0)
    assert ledger.unarmed_since("helpline-1", at(60)) == at(0)
    ledger.forget(UNARMED, "helpline-1")
    assert ledger.unarmed_since("helpline-1", at(61)) == at(61)
    ledger.arm("helpline-1", arming(at(62)))
    assert ledger.unarmed_since("helpline-1", at(63)) == at(63)


# ── an export ────────────────────────────────────────────────────────────────────────────────────


def test_an_export_is_one_view_of_the_book(ledger: Ledger, directory: Path) -> None:
    destroy(ledger)
    lines = ledger.export()
    header = json.loads(next(lines))
    destroy(ledger, when=at(1))
    ledger.swept(at(2), {}, {})
    assert len(list(lines)) == 2 + 2, "two entries, two signed heads"
    assert header["public_key"] == (directory / "ledger.pub").read_text()


def test_keys_for_marks_and_plans_differ_and_stay(tmp_path: Path) -> None:
    with founded(tmp_path / "one") as one, founded(tmp_path / "two") as two:
        assert (one.mark_key, one.plan_key) == (two.mark_key, two.plan_key)
        assert len({one.mark_key, one.plan_key, KEY}) == 3
        assert {len(one.mark_key), len(one.plan_key)} == {32}
        assert one.mark_key.hex() not in repr(one)
