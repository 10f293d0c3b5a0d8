"""The laws of a sweep, in random small worlds, with the power cut at any moment (P1, P3, P6).

Each law was found by breaking a draft of the design. The book is the real one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.arming import arm
from retentiond.core.chain import Break
from retentiond.core.deeds import Result
from retentiond.core.findings import Cause
from retentiond.core.model import Item, Key, Kind, Marks, Place, Ref, Role
from retentiond.core.period import Period
from retentiond.errors import ArmingRefused, ClockDoubted, LedgerDamaged, Unreachable, Why
from retentiond.ledger.memory import SEEN
from retentiond.locks import held
from retentiond.mailbox.base import CARRY_MESSAGES, Sameness, Standing
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.memory import Folder, MemoryMailbox
from retentiond.mailbox.scope import Scope
from retentiond.recovery import recover
from retentiond.refile import Stray, batches
from retentiond.sweep import sweep
from tests.stories.small_world import (
    ADVISORS,
    CUTOFF,
    HELD,
    HELPLINES,
    LINE,
    NOW,
    YOUTH,
    CuttingBook,
    World,
    mail,
)

EIGHT = Period(months=8)
_SHM = Path("/dev/shm")  # the book's many commits need no disk here; its own tests use one


@dataclass(frozen=True)
class Put:
    """One message of a world."""

    mailbox: str
    folder: str
    content: bytes
    received: datetime
    flags: tuple[str, ...]


_moments = st.sampled_from([-400, -40, -2, -1, 0, 1, 2, 40, 170]).map(
    lambda n: CUTOFF + timedelta(days=n, hours=5)
)
_flags = st.sampled_from([(), (), ("\\Seen",), ("\\Seen", HELD), (HELD,), ("\\Flagged", "\\Answered")])
_inbound = st.builds(
    Put,
    st.sampled_from([*HELPLINES]),
    st.sampled_from(["INBOX", "Trash", "Archive 2025"]),
    st.integers(0, 3).map(lambda n: mail("writer@post.example", f"in{n}")),
    _moments,
    _flags,
)
_own = st.builds(
    Put,
    st.sampled_from([*ADVISORS]),
    st.sampled_from(["INBOX", "Sent", "Trash"]),
    st.integers(0, 3).map(lambda n: mail("ana@line.example", f"own{n}")),
    _moments,
    _flags,
)
_replies = st.tuples(st.integers(0, 1), st.sampled_from(["", "other text"])).map(
    lambda pair: mail(LINE, f"reply{pair[0]}", text=pair[1])
)
_strays = st.builds(
    Put, st.sampled_from([*ADVISORS]), st.sampled_from(["Sent", "Trash"]), _replies, _moments, _flags
)
_twins = st.builds(
    Put, st.just("line"), st.just("Sent"), _replies, _moments, st.one_of(_flags, st.just(("\\Deleted",)))
)
_worlds = st.lists(st.one_of(_inbound, _own, _strays, _strays, _twins), max_size=14)
#: Few contents and many places: strays, copies and twins of the same reply meet in every world.
_meetings = st.lists(st.one_of(_strays, _twins), min_size=2, max_size=8)

_quick = settings(
    max_examples=40 if settings.default.max_examples == 100 else settings.default.max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


#: A server that keeps bytes, and one that keeps what survives of a message.
_either_way = pytest.mark.parametrize("sameness", list(Sameness))


@contextmanager
def world_of(puts: list[Put], sameness: Sameness = Sameness.BYTES) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None) as directory:
        world = World(Path(directory))
        world.server.sameness = sameness
        for put in puts:
            world.put(put.mailbox, put.folder, put.content, put.received, *put.flags)
        world.arm_all()
        yield world


def is_held(put: Put) -> bool:
    return HELD in put.flags or (put.mailbox in HELPLINES and put.folder == "Archive 2025")


def is_stray(put: Put) -> bool:
    return put.mailbox in ADVISORS and put.folder != "INBOX" and b"From: <help@" in put.content


@given(_worlds)
@_quick
def test_a_sweep_does_what_is_promised_and_leaves_nothing_for_the_next(puts: list[Put]) -> None:
    """Due and unheld is gone, nothing else is; strays stand at home; a second sweep finds nothing to do."""
    with world_of(puts) as world:
        report = world.sweep()
        state = world.state()
        held_strays = {put.content for put in puts if is_stray(put) and is_held(put)}
        for put in puts:
            key = (put.mailbox, put.folder, put.content, put.received, frozenset(put.flags))
            is_due = put.received < CUTOFF and not is_held(put)
            if is_stray(put):
                assert state[key] == 0, "no stray is left behind"
                if not is_due:
                    assert put.content in world.contents("line", "Sent"), "it stands at home"
            elif is_due and put.mailbox in HELPLINES:
                assert state[key] == 0, "what is due is gone"
            else:
                now_held = (*key[:4], key[4] | {HELD})
                may_be_held = (put.mailbox, put.folder) == ("line", "Sent") and put.content in held_strays
                is_there = state[key] or (may_be_held and state[now_held])
                assert is_there, "nothing is gone before its day, and nothing foreign ever"
        assert report.exit_code == 0
        again = world.sweep()
        assert again.outcomes == ()
        assert again.exit_code == 0
        assert world.state() == state


@_either_way
@given(_meetings)
@_quick
def test_home_holds_as_many_copies_as_there_were_strays_and_no_more(
    sameness: Sameness, puts: list[Put]
) -> None:
    """Copies are counted by content: never fewer than an advisor had, never doubled."""
    with world_of(puts, sameness) as world:
        world.sweep()
        for content in {put.content for put in puts if is_stray(put)}:
            kept = [p for p in puts if p.content == content and (p.received >= CUTOFF or is_held(p))]
            at_home = [p for p in kept if (p.mailbox, p.folder) == ("line", "Sent")]
            doomed = sum("\\Deleted" in p.flags for p in at_home)  # anybody's EXPUNGE takes it: no twin
            by_advisor = [sum(is_stray(p) and p.mailbox == name for p in kept) for name in ADVISORS]
            expected = max(len(at_home) - doomed, *by_advisor) + doomed
            assert world.contents("line", "Sent").count(content) == expected


@_either_way
@given(st.one_of(_worlds, _meetings), st.integers(1, 60))
@_quick
def test_a_power_cut_at_any_moment_and_a_sweep_end_like_a_sweep_without(
    sameness: Sameness, puts: list[Put], moment: int
) -> None:
    with world_of(puts, sameness) as undisturbed, world_of(puts, sameness) as disturbed:
        undisturbed.sweep()
        disturbed.is_cut_at(moment, disturbed.sweep)
        disturbed.sweep()
        with disturbed.book() as book:
            assert book.open_intents() == ()
            book.verify()
        assert disturbed.state() == undisturbed.state()


@given(_worlds, st.integers(1, 40), st.integers(1, 40))
@_quick
def test_even_a_cut_during_recovery_changes_nothing_in_the_end(
    puts: list[Put], first: int, second: int
) -> None:
    with world_of(puts) as undisturbed, world_of(puts) as disturbed:
        undisturbed.sweep()
        disturbed.is_cut_at(first, disturbed.sweep)
        disturbed.is_cut_at(second, disturbed.sweep)
        disturbed.sweep()
        assert disturbed.state() == undisturbed.state()


@given(_meetings)
@_quick
def test_no_reply_that_may_still_be_kept_is_ever_nowhere(puts: list[Put]) -> None:
    """At every instant of the sweep, not only at its end."""
    kept = {p.content for p in puts if is_stray(p) and (p.received >= CUTOFF or is_held(p))}
    with world_of(puts) as world:

        def look(*_: object) -> None:
            there = {key[2] for key in world.state()}
            assert kept <= there

        world.server.on_effect = look
        world.sweep()


@given(st.lists(st.one_of(_inbound, _own), max_size=10))
@_quick
def test_an_advisors_mailbox_without_a_helplines_reply_is_never_written_to(puts: list[Put]) -> None:
    with world_of(puts) as world:
        before = {name: world.server.mailbox(name) for name in ADVISORS}
        snapshot = {name: repr(folders) for name, folders in before.items()}
        world.sweep()
        assert {name: repr(world.server.mailbox(name)) for name in ADVISORS} == snapshot


@given(_worlds)
@_quick
def test_an_audit_says_what_the_sweep_then_does(puts: list[Put]) -> None:
    from retentiond.audit import audit

    with world_of(puts) as world:
        before = world.state()
        with world.book() as book:
            found = audit(world.estate(book), NOW, book=book)
        assert world.state() == before, "an audit changes nothing"
        report = world.sweep()
        assert report.plan.digest == found.plan.digest
        done = report.count(Result.DONE, Result.REMOVED, Result.RETAINED)
        assert done == sum(each.due + each.astray for each in found.plan.targets)


# ── one story each ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


OLD, NEW = CUTOFF - timedelta(days=30), CUTOFF + timedelta(days=30)


def test_a_hold_that_is_set_after_the_look_wins(world: World) -> None:
    uid = world.put("line", "INBOX", mail("writer@post.example", "late"), OLD)
    world.arm_all()

    def hold_late(what: str, is_done: bool) -> None:
        if what == "look for holds":
            world.server.mailbox("line")["INBOX"].messages[uid].flags |= {HELD}

    world.server.on_effect = hold_late
    report = world.sweep()
    assert report.count(Result.HELD) == 1
    assert uid in world.server.mailbox("line")["INBOX"].messages


def test_a_folder_made_anew_between_look_and_deed_is_left_alone(world: World) -> None:
    """Its first message bears the number of another one: a reused key is skipped, not destroyed."""
    world.put("line", "INBOX", mail("writer@post.example", "old"), OLD)
    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    world.arm_all()

    def make_anew(what: str, is_done: bool) -> None:
        folder = world.server.mailbox("line")["INBOX"]
        if what == "add" and is_done and folder.version == 1:
            folder.version, folder.next_uid = 2, 1
            folder.messages.clear()
            folder.put(mail("writer@post.example", "fresh"), NEW)

    world.server.on_effect = make_anew
    report = world.sweep()
    assert report.count(Result.CHANGED) == 1
    assert world.contents("line", "INBOX") == [mail("writer@post.example", "fresh")]
    assert report.exit_code == 1


def test_a_stray_held_after_its_copy_went_home_is_held_there_and_not_doubled(world: World) -> None:
    reply = mail(LINE, "reply")
    uid = world.put("ana", "Sent", reply, NEW, "\\Seen")
    world.arm_all()

    def hold_late(what: str, is_done: bool) -> None:
        if what == "look for holds":
            world.server.mailbox("ana")["Sent"].messages[uid].flags |= {HELD}

    world.server.on_effect = hold_late
    world.sweep()
    world.server.on_effect = lambda *_: None
    world.sweep()
    (home,) = world.server.mailbox("line")["Sent"].messages.values()
    assert home.flags == {"\\Seen", HELD}
    assert not world.server.mailbox("ana")["Sent"].messages


def test_a_held_stray_stays_where_its_copy_at_home_does_not_take_the_sign(world: World) -> None:
    """The server says yes and keeps no keyword: what is held may be nowhere without its hold (P6)."""
    reply = mail(LINE, "reply")
    world.put("line", "Sent", reply, NEW)
    world.put("ana", "Sent", reply, NEW, HELD)
    world.arm_all()

    def forget(what: str, is_done: bool) -> None:
        if what == "hold" and is_done:
            for message in world.server.mailbox("line")["Sent"].messages.values():
                message.flags -= {HELD}

    world.server.on_effect = forget
    report = world.sweep()
    [stray] = world.server.mailbox("ana")["Sent"].messages.values()
    assert HELD in stray.flags
    assert (report.exit_code, report.count(Result.FAILED)) == (1, 1)


def test_what_is_astray_counts_at_arming_as_what_is_due_does(world: World) -> None:
    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    world.put("ana", "Sent", mail(LINE, "overdue"), OLD)
    with world.book() as book:
        with pytest.raises(ArmingRefused) as refused:
            arm(world.estate(book), "ana", 1, book, world.directory, NOW, who="uid 0", told="2026-01-01")
        assert refused.value.found == 2


def test_a_twin_that_is_itself_due_is_no_twin(world: World) -> None:
    """It would be gone by the end of the same sweep, and the reply with it."""
    reply = mail(LINE, "reply")
    world.put("line", "Sent", reply, OLD)
    world.put("ana", "Sent", reply, NEW)
    world.arm_all()
    assert world.sweep().exit_code == 0
    (home,) = world.server.mailbox("line")["Sent"].messages.values()
    assert (home.content, home.received) == (reply, NEW)


@pytest.mark.parametrize(("by", "size"), [(Sameness.BYTES, 100), (Sameness.PARTS, 7)])
def test_replies_that_are_alike_are_carried_together(by: Sameness, size: int) -> None:
    """What stands at home is counted for all of them at once; half of them a batch later would find it again.
    A server that keeps properties writes each anew, longer or shorter: there the size says nothing."""
    sent = Place("ana", "sent", Role.SENT, 1)
    items = [Item(Ref(sent, n), NEW, marks=Marks(message=b"m%d" % (n % 600)), size=100) for n in range(600)]
    items.append(replace(items[0], ref=Ref(sent, 600), size=size))
    carried = batches([Stray(each, False) for each in items], by)
    found = [{stray.item.ref.key for stray in batch} for batch in carried]
    assert sorted(key for batch in found for key in batch) == list(range(601))
    assert all(len(batch) <= CARRY_MESSAGES for batch in found)
    assert [{0, 600} <= batch for batch in found] == [True, False]


def test_a_copy_that_vanished_at_home_before_the_recount_keeps_both_strays(world: World) -> None:
    """Two strays alike need two copies: with one of them the group stays, whole."""
    reply = mail(LINE, "reply")
    for _ in range(2):
        world.put("ana", "Sent", reply, NEW)
    world.arm_all()

    def take_one(what: str, is_done: bool) -> None:
        if what == "add" and is_done:
            world.server.mailbox("line")["Sent"].messages.popitem()

    world.server.on_effect = take_one
    report = world.sweep()
    assert report.count(Result.FAILED) == 2
    assert report.exit_code == 1
    assert world.contents("ana", "Sent") == [reply, reply]
    world.server.on_effect = lambda *_: None
    assert world.sweep().exit_code == 0
    assert world.contents("line", "Sent") == [reply, reply]


def test_a_hold_set_while_the_power_was_out_finds_its_message_unmarked(world: World) -> None:
    """Cut between mark and expunge: what is kept by then must not be left for anybody's EXPUNGE."""
    uid = world.put("line", "INBOX", mail("writer@post.example", "late"), OLD, "\\Seen")
    world.arm_all()
    world.sweep_cut_at_expunge(is_done=False)
    message = world.server.mailbox("line")["INBOX"].messages[uid]
    assert "\\Deleted" in message.flags
    message.flags |= {HELD}
    assert world.sweep().exit_code == 0
    assert world.server.mailbox("line")["INBOX"].messages[uid].flags == {"\\Seen", HELD}


def test_a_stray_that_vanished_while_it_was_removed_and_stands_nowhere_stops_everything(world: World) -> None:
    from retentiond.errors import StrayLost
    from retentiond.recovery import accept_loss

    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    world.sweep_cut_at_expunge()
    world.server.mailbox("line")["Sent"].messages.clear()
    with pytest.raises(StrayLost):
        world.sweep()
    assert world.contents("line", "INBOX"), "nothing else is touched until somebody has looked"
    with world.book() as book:
        estate = world.estate(book)
        with pytest.raises(StrayLost):
            accept_loss(estate, book, world.directory, "ana", 2, NOW, who="uid 0")
        assert accept_loss(estate, book, world.directory, "ana", 1, NOW, who="uid 0") == 1
        [accepted] = [
            entry.body for entry in book.show("house", 50) if entry.body["event"] == "loss accepted"
        ]
        assert (accepted["target"], accepted["count"], accepted["who"]) == ("ana", 1, "uid 0")
    assert world.sweep().exit_code == 0
    assert not world.contents("line", "INBOX")


def cut_while_removing(world: World) -> None:
    """A reply went home in the night before its day; the power went when it was gone from where it lay."""
    world.put("ana", "Sent", mail(LINE, "reply"), CUTOFF - timedelta(hours=11))
    world.arm_all(NOW - timedelta(days=1))
    world.sweep_cut_at_expunge(NOW - timedelta(days=1))
    assert world.contents("line", "Sent") == [mail(LINE, "reply")]


def test_a_copy_that_went_on_its_day_while_the_intent_was_open_is_not_lost(world: World) -> None:
    cut_while_removing(world)
    world.server.unreachable = {"ana"}
    assert world.sweep().exit_code == 75
    assert not world.contents("line", "Sent"), "it was due by then"
    world.server.unreachable = set()
    assert world.sweep().exit_code == 0


def test_a_sweep_of_the_home_alone_settles_first_what_was_on_its_way_there(world: World) -> None:
    cut_while_removing(world)
    report = world.sweep(only="line")
    assert [(each.place.target, each.result) for each in report.recovered] == [("ana", Result.DONE)]
    assert not world.contents("line", "Sent")
    with world.book() as book:
        assert book.open_intents() == ()


def test_what_another_process_has_at_hand_is_not_settled(world: World) -> None:
    cut_while_removing(world)
    with held(world.directory, ("ana",)):
        report = world.sweep()
    assert (report.exit_code, report.recovered) == (75, ())
    with world.book() as book:
        assert len(book.open_intents()) == 1
    assert world.sweep().exit_code == 0


def test_nothing_is_settled_at_a_time_that_a_server_contradicts(world: World) -> None:
    cut_while_removing(world)
    before, wrong = world.state(), NOW + timedelta(days=30)
    world.server.clock_offset = timedelta(days=-30)
    with world.book() as book, pytest.raises(ClockDoubted):
        recover(world.estate(book), book, world.directory, wrong)
    assert world.state() == before
    with world.book() as book:
        assert len(book.open_intents()) == 1
        assert book.last_minute() == (NOW - timedelta(days=1)).replace(second=0)


def test_a_clock_a_year_ahead_touches_nothing_and_is_not_written_down(world: World) -> None:
    from retentiond.errors import ClockDoubted

    world.put("line", "INBOX", mail("writer@post.example", "new"), NOW - timedelta(days=2))
    world.arm_all()
    world.server.clock_offset = timedelta(days=-365)
    before = world.state()
    with pytest.raises(ClockDoubted):
        world.sweep(NOW + timedelta(days=365))
    assert world.state() == before
    with world.book() as book:
        assert book.last_minute() == NOW.replace(second=0)


@pytest.mark.parametrize(("at", "is_gone"), [("intend", False), ("settle", True)])
def test_a_ledger_that_takes_nothing_more_stops_everything_before_the_next_deed(
    world: World, at: str, is_gone: bool
) -> None:
    """A disk that is full or fails at the intent: nothing is done. After the deed, at its entry: nothing more
    is done anywhere, the intent stays open, and the next sweep finds out by looking."""
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.put("line", "Trash", mail("writer@post.example", "other"), OLD)
    world.put("youth", "INBOX", mail("writer@post.example", "youth"), OLD)
    world.arm_all()
    calls: list[str] = []

    class FullBook(CuttingBook):
        def __getattr__(self, name: str) -> Any:
            if name != at:
                return getattr(self._book, name)
            calls.append(name)
            raise LedgerDamaged("", None, Break.FULL)

    world.wrap = lambda book: FullBook(book, None)  # type: ignore[assignment, return-value]
    with pytest.raises(LedgerDamaged):
        world.sweep()
    assert calls == [at], "the first failure is the last thing that was tried"
    left = world.state().total()
    assert left == (2 if is_gone else 3)
    world.wrap = lambda book: book
    with world.book() as book:
        assert len(book.open_intents()) == is_gone
        book.verify()
    report = world.sweep()
    assert (report.exit_code, world.state().total()) == (0, 0)
    assert sum(len(each.keys) for each in report.recovered) == is_gone


def test_an_unreachable_mailbox_is_a_gap_and_the_others_go_on(world: World) -> None:
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.put("ana", "Sent", mail("help@youth.example", "reply"), NEW)
    world.arm_all()
    world.server.unreachable = {"youth"}
    report = world.sweep()
    assert report.exit_code == 75
    assert not world.contents("line", "INBOX")
    assert world.contents("ana", "Sent") == [mail("help@youth.example", "reply")]


def test_what_surprised_once_is_not_foreseen_the_next_time(world: World) -> None:
    """An import trips the fuse tonight, and tomorrow, until somebody armed it again."""
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    world.sweep()
    for n in range(40):
        world.put("line", "INBOX", mail("writer@post.example", f"imported{n}"), OLD)
    for day in (1, 2):
        report = world.sweep(NOW + timedelta(days=day))
        assert report.exit_code == 3
        assert len(world.contents("line", "INBOX")) == 40
    world.arm_all(NOW + timedelta(days=2))
    assert world.sweep(NOW + timedelta(days=2)).exit_code == 0
    assert not world.contents("line", "INBOX")


def test_an_undated_message_counts_from_when_it_was_first_seen(world: World) -> None:
    world.put("line", "INBOX", mail("writer@post.example", "undated"), None)
    world.arm_all()
    assert world.sweep().exit_code == 0
    for months in (3, 6):
        world.sweep(NOW + timedelta(days=30 * months))
        assert world.contents("line", "INBOX")
    world.sweep(NOW + timedelta(days=183))
    assert not world.contents("line", "INBOX")


def test_a_connection_that_breaks_after_a_deed_leaves_its_end_open_and_the_next_sweep_finds_it(
    world: World,
) -> None:
    """Nobody knows what was done: neither "failed" nor "destroyed" is entered before somebody has looked."""
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()

    def breaks(what: str, is_done: bool) -> None:
        if what == "expunge" and is_done:
            raise Unreachable("line", Why.NETWORK)

    world.server.on_effect = breaks
    assert world.sweep().exit_code == 1
    assert deeds(world, "line") == []
    world.server.on_effect = lambda *_: None
    report = world.sweep()
    assert [each.result for each in report.recovered] == [Result.DONE]
    assert deeds(world, "line") == [("done", 1)]


def test_what_an_open_intent_named_in_a_folder_made_anew_is_somebody_elses(world: World) -> None:
    """The same numbers mean other messages; whoever marked one of those as deleted is not contradicted."""
    uid = world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    world.sweep_cut_at_expunge(is_done=False)
    old = world.server.mailbox("line")["INBOX"]
    world.server.mailbox("line")["INBOX"] = Folder(old.role, version=old.version + 1)
    assert world.put("line", "INBOX", mail("writer@post.example", "new"), NEW, "\\Deleted") == uid
    before = world.state()
    report = world.sweep()
    assert [(each.result, each.why) for each in report.recovered] == [(Result.CHANGED, "new-version")]
    assert world.state() == before


def test_what_is_done_to_an_overdue_stray_is_entered_under_its_helpline(world: World) -> None:
    world.put("ana", "Sent", mail(LINE, "overdue"), OLD)
    world.put("ben", "Sent", mail(YOUTH, "reply"), NEW)
    world.arm_all()
    assert world.sweep().exit_code == 0
    chains = {name: deeds(world, name) for name in (*HELPLINES, *ADVISORS)}
    assert chains == {"line": [("done", 1)], "youth": [("done", 1)], "ana": [], "ben": []}


def deeds(world: World, chain: str) -> list[tuple[object, object]]:
    with world.book() as book:
        bodies = [entry.body for entry in book.entries() if entry.chain == chain]
    return [(body["result"], body["count"]) for body in bodies if body["event"] == "deed"]


def test_a_sweep_of_one_advisor_sweeps_no_helpline(world: World) -> None:
    """The homes are looked at, for the replies go there; nothing of their own is touched."""
    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    world.put("ben", "Sent", mail(LINE, "other"), NEW)
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    assert world.sweep(only="ana").exit_code == 0
    assert world.contents("line", "Sent") == [mail(LINE, "reply")]
    assert world.contents("line", "INBOX")
    assert world.contents("ben", "Sent")


def test_an_undated_message_is_remembered_while_its_mailbox_is_away(world: World) -> None:
    world.put("line", "INBOX", mail("writer@post.example", "undated"), None)
    world.arm_all()
    world.sweep()
    world.server.unreachable = {"line"}
    for days in (50, 100, 150):
        assert world.sweep(NOW + timedelta(days=days)).exit_code == 75
    world.server.unreachable = set()
    world.sweep(NOW + timedelta(days=183))
    assert not world.contents("line", "INBOX")


def test_what_is_gone_is_remembered_no_longer_than_its_term(world: World) -> None:
    """Twice the period after it was last seen no mark tells that it ever was (P9)."""
    world.put("line", "INBOX", mail("writer@post.example", "undated"), None)
    world.arm_all()
    world.sweep()
    world.server.mailbox("line")["INBOX"].messages.clear()
    for days, count in ((300, 1), (370, 0)):
        world.sweep(NOW + timedelta(days=days))
        with world.book() as book:
            assert len(book.recall(SEEN, "line")) == count


def test_undated_messages_are_foreseen_by_when_they_were_first_seen(world: World) -> None:
    """Forty fall due in one night, more than may surprise: they were counted five weeks before."""
    for number in range(40):
        world.put("line", "INBOX", mail("writer@post.example", f"undated{number}"), None)
    world.arm_all()
    for days in range(0, 180, 30):
        world.sweep(NOW + timedelta(days=days))
    assert world.sweep(NOW + timedelta(days=183)).exit_code == 0
    assert not world.contents("line", "INBOX")


def test_an_answer_from_the_advisors_own_address_comes_home_by_its_thread(tmp_path: Path) -> None:
    world = World(tmp_path, by_thread=True)
    world.put("line", "INBOX", mail("writer@post.example", "question", to=LINE), NEW)
    answer = mail("ana@line.example", "answer", answers="question")
    follow_up = mail("ana@line.example", "more", answers="answer")
    aside = mail("ana@line.example", "aside", to="friend@post.example", answers="question")
    for content in (follow_up, answer, aside):
        world.put("ana", "Sent", content, NEW)
    world.arm_all()
    world.sweep()
    assert world.contents("line", "Sent") == sorted([answer, follow_up])
    assert world.contents("ana", "Sent") == [aside]


def test_what_may_lie_in_a_bin_by_now_is_not_called_destroyed(world: World) -> None:
    """A server whose deed is a way through its bins: who was interrupted looks there, and judges anew."""

    class WithBin(MemoryMailbox):
        def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
            return replace(super().stand(place, keys), is_final=False)

    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    world.sweep_cut_at_expunge()
    scope = Scope("line", Kind.HELPLINE, (LINE,))
    with world.book() as book:
        estate = world.estate(book)
        line = replace(
            estate.target("line"), open=lambda: WithBin(world.server, "line", scope, Marker(book.mark_key))
        )
        others = (each for each in estate.targets if each.name != "line")
        report = sweep(replace(estate, targets=(line, *others)), book, world.directory, NOW)
    assert [each.result for each in report.recovered] == [Result.CHANGED]


def test_what_is_due_is_asked_by_the_one_rule_on_the_day_of_the_zone(world: World) -> None:
    with world.book() as book:
        estate = world.estate(book)
    for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles")):
        there = replace(estate, zone=zone)
        for hours in range(0, 24, 3):
            now = NOW + timedelta(hours=hours)
            target = there.target("line")
            question, cutoff = there.question(target, now), target.period.cutoff(now, zone)
            assert question.cutoff == cutoff == there.terms(target, now).cutoff
            ahead = now + timedelta(days=35)
            assert question.ahead == target.period.cutoff(ahead, zone)


def test_a_target_with_nothing_due_and_nothing_astray_arms_itself(world: World) -> None:
    world.put("line", "INBOX", mail("writer@post.example", "new"), NEW)
    report = world.sweep()
    assert report.armed == {*HELPLINES, *ADVISORS}
    assert report.exit_code == 0


def test_an_advisor_whose_answers_nobody_could_recognise_does_not_arm_itself(tmp_path: Path) -> None:
    """By thread: what is astray is known only once the helpline's own mail was seen."""
    world = World(tmp_path, by_thread=True)
    world.put("line", "INBOX", mail("writer@post.example", "question", to=LINE), NEW)
    world.put("ana", "Sent", mail("ana@line.example", "answer", answers="question"), NEW)
    world.server.unreachable = {"line"}
    assert world.sweep().armed == {"youth"}


def test_what_waits_for_a_helpline_to_be_armed_is_foreseen_as_it_was(world: World) -> None:
    """The second look at an advisor's mailbox is a look at its homes too."""
    world.put("ana", "Sent", mail(LINE, "overdue"), OLD)
    world.put("ana", "Sent", mail(YOUTH, "waiting"), NEW)
    world.put("youth", "INBOX", mail("writer@post.example", "due"), OLD)
    with world.book() as book:
        for name in ("line", "ana"):
            arm(world.estate(book), name, 10, book, world.directory, NOW, who="uid 0", told="2026-01-01")
    report = world.sweep()
    second = report.second.target("ana")
    assert second is not None
    assert (second.due, second.astray, second.is_whole) == (0, 1, True)
    assert {each.cause for each in report.findings} == {Cause.UNARMED, Cause.HOME_UNARMED}


def test_a_target_that_would_keep_less_than_was_agreed_to_does_not_arm_itself(world: World) -> None:
    """Nothing is due tonight, but it would go two months sooner than somebody agreed to (decision 0110)."""
    world.put("line", "INBOX", mail("writer@post.example", "young"), CUTOFF + timedelta(days=1))
    with world.book() as book:
        estate = world.estate(book)
        longer = replace(estate, targets=tuple(replace(each, period=EIGHT) for each in estate.targets))
        assert sweep(longer, book, world.directory, NOW).armed == {*HELPLINES, *ADVISORS}
    assert world.sweep().armed == frozenset()
    later = world.sweep(NOW + timedelta(days=2))
    assert [(each.target, each.cause, each.count) for each in later.findings] == [("line", Cause.UNARMED, 1)]
    assert world.contents("line", "INBOX"), "until persons have agreed"
    world.arm_all(NOW + timedelta(days=2))
    assert world.sweep(NOW + timedelta(days=2)).exit_code == 0
    assert not world.contents("line", "INBOX")


def test_what_an_advisors_own_server_keeps_is_not_called_destroyed(world: World) -> None:
    """The operator declared it of the account in which the advisors' mailboxes lie, not of the helplines'."""
    world.put("ana", "Sent", mail(LINE, "overdue"), OLD)
    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.arm_all()
    with world.book() as book:
        estate = world.estate(book)
        targets = (replace(each, server_keeps=Period(days=14)) for each in estate.of(Kind.ADVISOR))
        declared = replace(estate, targets=(*estate.of(Kind.HELPLINE), *targets))
        report = sweep(declared, book, world.directory, NOW)
    until = (NOW + timedelta(days=14)).date()
    assert {(each.place.target, each.result, each.until) for each in report.outcomes} == {
        ("ana", Result.RETAINED, until),
        ("line", Result.DONE, None),
    }
    kept = [(each.target, each.count) for each in report.findings if each.cause is Cause.KEPT_BY_SERVER]
    assert kept == [("ana", 2)]


def test_nothing_is_touched_in_a_target_that_nobody_armed(world: World) -> None:
    world.put("line", "INBOX", mail("writer@post.example", "due"), OLD)
    world.put("ana", "Sent", mail(LINE, "reply"), NEW)
    before = world.state()
    report = world.sweep()
    assert report.exit_code == 1
    assert world.state() == before
