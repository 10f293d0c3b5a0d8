"""Holds in memory: what is held stays, whoever held it and however, and nothing is held in silence (P6)."""

from __future__ import annotations

import sqlite3
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.audit import Audit, audit
from retentiond.core.deeds import Result
from retentiond.core.findings import Cause, Finding
from retentiond.core.holds import BY_SIGN, Ground, Registered, Sought
from retentiond.core.model import Census, FolderView, Item, Kind, Marks, Reason, Ref, Role, TargetView
from retentiond.core.promises import Concern, of_findings
from retentiond.core.roll import Roll
from retentiond.errors import ClockDoubted, LedgerDamaged, NothingFound, Refused, Unreachable, Why
from retentiond.holding import Order, Released, between_sweeps, find, hold, release
from retentiond.locks import held
from retentiond.mailbox.base import Question, Wanted
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.memory import MemoryMailbox
from retentiond.mailbox.scope import Scope
from retentiond.signs import with_signs
from retentiond.sweep import Report
from tests.stories.small_world import CUTOFF, HELD, LINE, NOW, World, mail

OLD, YOUNG = CUTOFF - timedelta(days=10), CUTOFF + timedelta(days=20)
DAY = timedelta(days=1)
WRITER = "writer@post.example"


@pytest.fixture
def world() -> Iterator[World]:
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as directory:
        yield World(Path(directory))


def hold_by_command(
    world: World,
    wanted: Wanted,
    name: str = "line",
    *,
    is_conversation: bool = False,
    review: date = date(2026, 12, 22),
    now: datetime = NOW,
) -> Registered:
    with world.book() as book:
        estate = world.estate(book)
        order = Order(Ground.CHILD, review, "uid 1000", is_conversation)
        [registered] = hold(estate, name, find(estate, name, wanted, now), order, book, now)
    return registered


def by_id(name: str) -> Wanted:
    return Wanted(message_id=f"{name}@x.example")


def register(world: World) -> tuple[Registered, ...]:
    with world.book() as book:
        return book.holds.all()


def look(world: World, now: datetime = NOW) -> Audit:
    with world.book() as book:
        return audit(world.estate(book), now, book=book)


def events(world: World) -> list[str]:
    with world.book() as book:
        told = [str(entry.body["event"]) for entry in book.show("house", 1000)]
    return [event for event in told if event.startswith("hold")]


def causes(findings: tuple[Finding, ...]) -> set[Cause]:
    return {finding.cause for finding in findings}


def unsign(world: World, folder: str = "INBOX", mailbox: str = "line") -> None:
    """Somebody takes the signs away in a mail program."""
    for stored in world.server.mailbox(mailbox)[folder].messages.values():
        stored.flags -= {HELD}


def done(report: Report) -> int:
    return report.count(Result.DONE, Result.REMOVED)


# ── by command ───────────────────────────────────────────────────────────────────────────────────


def test_what_is_held_by_command_bears_the_sign_and_stays(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "held"), OLD, "\\Seen")
    world.put("line", "INBOX", mail(WRITER, "due"), OLD)
    world.arm_all()
    registered = hold_by_command(world, by_id("held"))
    [stored] = [m for m in world.server.mailbox("line")["INBOX"].messages.values() if HELD in m.flags]
    assert stored.flags == {"\\Seen", HELD}
    report = world.sweep()
    assert (done(report), report.findings) == (1, ())
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")]
    assert register(world) == (registered,)
    assert world.sweep(NOW + 200 * DAY).exit_code == 1, "its review was never held"
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")], "a hold never ends by itself"


@pytest.mark.parametrize(
    "damage", ["UPDATE hold SET ground = 'because'", "UPDATE hold SET review = '2026-99-01'"]
)
def test_where_the_register_cannot_be_read_nothing_is_destroyed_anywhere(world: World, damage: str) -> None:
    """Whom it keeps is then not known: neither the held item goes nor any other, in no mailbox."""
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.put("line", "INBOX", mail(WRITER, "due"), OLD)
    world.put("youth", "INBOX", mail(WRITER, "other"), OLD)
    world.arm_all()
    hold_by_command(world, by_id("held"), is_conversation=True)
    before = world.state()
    with closing(sqlite3.connect(world.book_directory / "ledger.db")) as database:
        assert database.execute(damage).rowcount
        database.commit()
    with pytest.raises(LedgerDamaged):
        world.sweep()
    assert world.state() == before


def test_all_of_one_correspondents_days_is_one_hold(world: World) -> None:
    for n in range(3):
        world.put("line", "INBOX", mail("ann@post.example", f"a{n}"), OLD + n * DAY)
    world.put("line", "Sent", mail(LINE, "r", to="ann@post.example"), OLD + DAY)
    world.put("line", "INBOX", mail("joann@post.example", "j"), OLD + DAY)
    world.arm_all()
    wanted = Wanted(address="ANN@post.example", since=OLD + DAY, until=OLD + 2 * DAY)
    assert len(hold_by_command(world, wanted).signs) == 2
    world.sweep()
    assert world.contents("line", "INBOX") == [mail("ann@post.example", "a1")]
    assert world.contents("line", "Sent") == [mail(LINE, "r", to="ann@post.example")]


def test_what_is_not_there_cannot_be_held(world: World) -> None:
    with pytest.raises(NothingFound):
        hold_by_command(world, by_id("nowhere"))
    assert register(world) == ()


@pytest.mark.parametrize("ahead", [365, -365])
def test_a_clock_that_the_server_or_the_ledger_contradicts_enters_no_hold(world: World, ahead: int) -> None:
    """An entry of next year would leave nobody who could sweep until then. The sign is not touched either."""
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.arm_all()
    registered = hold_by_command(world, by_id("held"))
    world.put("line", "INBOX", mail(WRITER, "wanted"), OLD)
    before, wrong = world.state(), NOW + ahead * DAY
    world.server.clock_offset = -ahead * DAY
    with pytest.raises(ClockDoubted):
        hold_by_command(world, by_id("wanted"), now=wrong)
    with world.book() as book, pytest.raises(ClockDoubted):
        release(world.estate(book), registered, book, "uid 1000", wrong)
    assert world.state() == before
    with world.book() as book:
        assert book.last_minute() == NOW.replace(second=0)


def test_a_hold_of_somebody_who_left_is_released(world: World) -> None:
    """What bore it came home; the advisor's mailbox, where it was last seen, is no target any more."""
    world.put("ana", "Sent", mail(LINE, "reply"), YOUNG)
    world.arm_all()
    registered = hold_by_command(world, by_id("reply"), "ana")
    assert registered.target == "line"
    assert [sign.lies_in for sign in registered.signs] == ["ana"]
    with world.book() as book:
        estate = world.estate(book)
        without = replace(estate, targets=tuple(each for each in estate.targets if each.name != "ana"))
        assert release(without, registered, book, "uid 1000", NOW) == Released(0, 0)
        assert book.holds.all() == ()


def test_a_server_that_keeps_no_keyword_is_not_believed(world: World) -> None:
    key = world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.server.on_effect = lambda what, is_done: (
        world.server.mailbox("line")["INBOX"].messages[key].__setattr__("flags", frozenset())
        if (what, is_done) == ("hold", True)
        else None
    )
    with pytest.raises(Refused) as caught:
        hold_by_command(world, by_id("held"))
    assert caught.value.why is Why.NO_KEYWORDS
    assert register(world) == ()


def test_a_hold_can_be_set_while_a_sweep_is_at_work(world: World) -> None:
    """Between the look and the deed: the last look sees the sign, whoever set it."""
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.put("line", "INBOX", mail(WRITER, "due"), OLD)
    world.arm_all()

    def meanwhile(what: str, is_done: bool) -> None:
        if what == "look for holds":
            world.server.on_effect = lambda what, is_done: None
            hold_by_command(world, by_id("held"))

    world.server.on_effect = meanwhile
    report = world.sweep()
    assert report.count(Result.HELD) == 1
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")]
    [registered] = register(world)
    assert registered.ground is Ground.CHILD
    assert world.sweep(NOW + DAY).findings == ()
    assert [each.id for each in register(world)] == [registered.id]


def test_a_conversation_is_not_held_while_a_sweep_is_between_look_and_deed(world: World) -> None:
    with world.book() as book, held(world.directory, ("line",)):
        estate = world.estate(book)
        with (
            pytest.raises(Unreachable) as caught,
            between_sweeps(estate, "line", world.directory, 0, is_needed=True),
        ):
            raise AssertionError("the lock was not asked for")
        assert caught.value.why is Why.LOCKED
        with between_sweeps(estate, "line", world.directory, 0, is_needed=False):
            pass


def test_a_stray_held_by_command_goes_home_and_stays_held(world: World) -> None:
    stray, private = mail(LINE, "reply"), mail("ana@line.example", "reply")
    world.put("ana", "Sent", stray, OLD)
    world.put("ana", "Sent", private, OLD)
    world.arm_all()
    registered = hold_by_command(world, by_id("reply"), "ana")
    assert (registered.target, registered.signs[0].lies_in, len(registered.signs)) == ("line", "ana", 1)
    assert [m.flags for m in world.server.mailbox("ana")["Sent"].messages.values()] == [{HELD}, set()]
    for n in range(3):
        assert world.sweep(NOW + n * DAY).findings == ()
    assert world.contents("ana", "Sent") == [private]
    assert world.contents("line", "Sent") == [stray]
    [after] = register(world)
    assert (after.id, after.ground, after.signs[0].lies_in) == (registered.id, Ground.CHILD, "line")
    assert after.signs[0].vanished is None


# ── by its sign ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("folder", "flags"), [("INBOX", (HELD,)), ("Archive 2025", ())])
def test_what_is_found_by_its_sign_is_registered_and_waits_to_be_completed(
    world: World, folder: str, flags: tuple[str, ...]
) -> None:
    world.put("line", folder, mail(WRITER, "held"), OLD, *flags)
    world.arm_all()
    seen = look(world)
    assert causes(seen.findings) == {Cause.HOLD_UNSTATED}
    assert register(world) == (), "an audit writes nothing"
    report = world.sweep()
    assert causes(report.findings) == {Cause.HOLD_UNSTATED}
    assert report.exit_code == 0
    [found] = register(world)
    assert (found.target, found.who, found.ground) == ("line", BY_SIGN, Ground.NOT_STATED)
    assert found.review == date(2026, 12, 22), "in 30 days"
    with world.book() as book:
        book.holds.review(found.id, date(2027, 1, 31), Ground.CLAIM, "uid 1000", NOW)
    report = world.sweep(NOW + DAY)
    assert report.findings == ()
    [completed] = register(world)
    assert (completed.id, completed.ground, completed.review) == (
        found.id,
        Ground.CLAIM,
        date(2027, 1, 31),
    )
    assert events(world) == ["hold found", "hold reviewed"]


def test_a_hold_follows_its_item_from_folder_to_folder(world: World) -> None:
    key = world.put("line", "INBOX", mail(WRITER, "held"), OLD, HELD)
    world.arm_all()
    world.sweep()
    [before] = register(world)
    folders = world.server.mailbox("line")
    stored = folders["INBOX"].messages.pop(key)
    folders["Trash"].put(stored.content, stored.received, tuple(stored.flags))
    world.sweep(NOW + DAY)
    [after] = register(world)
    assert after == replace(before, signs=(replace(before.signs[0], seen=NOW + DAY),))


def test_an_item_without_a_message_id_is_held_where_it_lies(world: World) -> None:
    nameless = b"From: <writer@post.example>\r\n\r\nno name\r\n"
    world.put("line", "INBOX", nameless, OLD, HELD)
    world.arm_all()
    world.sweep()
    unsign(world)
    assert causes(world.sweep(NOW + DAY).findings) == {Cause.HOLD_UNSTATED, Cause.HOLD_VANISHED}
    world.sweep(NOW + 14 * DAY)
    assert world.contents("line", "INBOX") == [nameless]
    world.sweep(NOW + 15 * DAY)
    assert world.contents("line", "INBOX") == []


def test_two_holds_on_one_item_are_one_that_is_stated(world: World) -> None:
    """Found by its sign first, then held by the command: one ground, one review."""
    world.put("line", "INBOX", mail(WRITER, "held"), OLD, HELD)
    world.arm_all()
    world.sweep()
    registered = hold_by_command(world, by_id("held"))
    assert register(world) == (registered,)
    assert world.sweep(NOW + DAY).findings == ()


# ── vanished ─────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_that_vanished_leaves_two_weeks(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.arm_all()
    hold_by_command(world, by_id("held"))
    world.sweep()
    unsign(world)
    for n in (1, 2, 14):
        report = world.sweep(NOW + n * DAY)
        assert causes(report.findings) == {Cause.HOLD_VANISHED}
        assert report.exit_code == 0
        [part] = [part for plan in report.plan.targets for part in plan.parts]
        assert part.verdict.reason is Reason.SIGN_VANISHED
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")]
    report = world.sweep(NOW + 15 * DAY)
    assert (done(report), report.findings) == (1, ())
    assert register(world) == ()
    assert events(world) == ["hold added", "hold ended"]


def test_a_sign_that_comes_back_is_the_same_hold(world: World) -> None:
    key = world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.arm_all()
    registered = hold_by_command(world, by_id("held"))
    unsign(world)
    world.sweep(NOW + DAY)
    world.server.mailbox("line")["INBOX"].messages[key].flags |= {HELD}
    assert world.sweep(NOW + 2 * DAY).findings == ()
    unsign(world)
    world.sweep(NOW + 10 * DAY)
    world.sweep(NOW + 23 * DAY)
    [after] = register(world)
    assert (after.id, after.ground) == (registered.id, registered.ground)
    assert after.signs[0].vanished == NOW + 10 * DAY, "the two weeks begin anew"
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")]


def test_a_mailbox_that_does_not_answer_is_no_sign_that_vanished(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.put("ana", "Sent", mail(LINE, "reply"), YOUNG)
    world.arm_all()
    hold_by_command(world, by_id("held"))
    hold_by_command(world, by_id("reply"), "ana")
    before = register(world)
    world.server.unreachable = {"ana", "line"}
    for n in range(1, 40, 3):
        world.sweep(NOW + n * DAY)
    assert register(world) == before
    world.server.unreachable = {"ana"}
    world.sweep(NOW + 40 * DAY)
    assert [sign.vanished for each in register(world) for sign in each.signs] == [None, None]


def test_a_sign_taken_from_an_overdue_stray_leaves_it_two_weeks_where_it_lies(world: World) -> None:
    world.put("ana", "Sent", mail(LINE, "reply"), OLD)
    world.arm_all()
    hold_by_command(world, by_id("reply"), "ana")
    unsign(world, "Sent", "ana")
    world.sweep(NOW)
    world.sweep(NOW + 13 * DAY)
    assert world.contents("ana", "Sent") == [mail(LINE, "reply")]
    world.sweep(NOW + 14 * DAY)
    assert world.contents("ana", "Sent") == world.contents("line", "Sent") == []


# ── conversations ────────────────────────────────────────────────────────────────────────────────


def test_a_hold_on_a_conversation_covers_what_it_answers_and_later_replies(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "first"), OLD)
    world.put("line", "Sent", mail(LINE, "answer", answers="first"), OLD + DAY)
    world.put("line", "INBOX", mail(WRITER, "aside"), OLD)
    world.arm_all()
    registered = hold_by_command(world, by_id("answer"), is_conversation=True, review=date(2027, 10, 1))
    world.sweep()
    assert world.contents("line", "INBOX") == [mail(WRITER, "first")]
    assert world.contents("line", "Sent") == [mail(LINE, "answer", answers="first")]
    # A later answer names the answer alone; one after it names only that: the marks have grown by then.
    later = CUTOFF + 30 * DAY
    world.put("line", "INBOX", mail(WRITER, "third", answers="answer"), later)
    world.put("line", "Trash", mail(WRITER, "fourth", answers="third"), later)
    world.put("line", "Trash", mail(WRITER, "stranger", answers="nobody"), later)
    world.sweep(NOW + 60 * DAY)
    assert world.contents("line", "INBOX") == sorted(
        [mail(WRITER, "first"), mail(WRITER, "third", answers="answer")]
    )
    assert world.contents("line", "Trash") == [mail(WRITER, "fourth", answers="third")]
    [after] = register(world)
    assert (after.id, len(after.thread)) == (registered.id, 4)
    with world.book() as book:
        assert release(world.estate(book), after, book, "uid 1000", NOW + 61 * DAY) == Released(1, 0)
    world.sweep(NOW + 61 * DAY)
    assert world.contents("line", "INBOX") == world.contents("line", "Sent") == []


def test_an_overdue_stray_of_a_held_conversation_is_kept_where_it_lies(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "first"), OLD)
    world.put("ana", "Sent", mail(LINE, "answer", answers="first"), OLD)
    world.put("ana", "Sent", mail(LINE, "other"), OLD)
    world.arm_all()
    world.put("ana", "Sent", mail(LINE, "young", answers="answer"), YOUNG)
    registered = hold_by_command(world, by_id("first"), is_conversation=True)
    for n in range(2):
        assert world.sweep(NOW + n * DAY).findings == ()
    assert world.contents("ana", "Sent") == [mail(LINE, "answer", answers="first")]
    assert world.contents("line", "Sent") == [mail(LINE, "young", answers="answer")]
    assert len(register(world)) == 1
    with world.book() as book:
        release(world.estate(book), registered, book, "uid 1000", NOW + 2 * DAY)
    world.sweep(NOW + 2 * DAY)
    assert world.contents("ana", "Sent") == []


def test_a_link_that_lies_in_an_advisors_folder_holds_a_conversation_together(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "first"), OLD)
    world.put("ana", "Sent", mail(LINE, "answer", answers="first"), OLD)
    world.put("line", "Trash", mail(WRITER, "third", answers="answer"), OLD)
    world.arm_all()
    hold_by_command(world, by_id("first"), is_conversation=True)
    assert world.sweep().outcomes == ()


def test_one_message_without_a_number_among_very_many_costs_no_more_memory(world: World) -> None:
    """It is known by where it lies; the others stay packed (house: memory stays flat)."""
    nameless = world.put(
        "line", "INBOX", mail(WRITER, "x").replace(b"Message-ID: <x@x.example>\r\n", b""), OLD
    )
    scope, count = Scope("line", Kind.HELPLINE, (LINE,)), 20_000
    with world.book() as book:
        marker = Marker(book.mark_key)
    mailbox = MemoryMailbox(world.server, "line", scope, marker)
    place = next(view.place for view in mailbox.look(world_question(world)) if view.place.role is Role.INBOX)
    numbers = (Marks(message=n.to_bytes(16) if n != nameless else None) for n in range(1, count + 1))
    roll = Roll.of(place, (Item(Ref(place, n), OLD, marks=each) for n, each in enumerate(numbers, 1)))
    view = TargetView("line", Kind.HELPLINE, (FolderView(Census(place, count), (), roll),))
    tracemalloc.start()
    [folder] = with_signs(mailbox, view, Sought(threads=frozenset((b"a conversation's",))), marker).folders
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(folder.items) == count
    assert all(item.marks.message for item in folder.items)
    assert peak < 150 * count


def world_question(world: World) -> Question:
    with world.book() as book:
        estate = world.estate(book)
        return estate.question(estate.target("line"), NOW)


def test_marks_are_asked_for_only_where_a_sign_is_missed_or_a_conversation_held(world: World) -> None:
    """The law of scale: what is due is not read because something else is held."""
    for n in range(20):
        world.put("line", "INBOX", mail(WRITER, f"due{n}"), OLD)
    world.put("line", "INBOX", mail(WRITER, "held"), OLD, HELD)
    world.arm_all()
    world.sweep()
    for n in range(20):
        world.put("line", "INBOX", mail(WRITER, f"more{n}"), OLD)
    plan = look(world).plan.target("line")
    assert plan is not None
    [view_parts] = [[len(part.keys) for part in plan.parts if part.verdict.reason is Reason.DUE]]
    assert view_parts == [20]


# ── released, reviewed ───────────────────────────────────────────────────────────────────────────


def test_what_is_released_is_judged_anew(world: World) -> None:
    for name in ("a", "b"):
        world.put("line", "INBOX", mail(WRITER, name), OLD, "\\Seen")
    world.arm_all()
    first, second = (hold_by_command(world, by_id(name)) for name in ("a", "b"))
    with world.book() as book:
        assert release(world.estate(book), first, book, "uid 1000", NOW) == Released(1, 0)
    assert [m.flags for m in world.server.mailbox("line")["INBOX"].messages.values()] == [
        {"\\Seen"},
        {"\\Seen", HELD},
    ]
    world.sweep()
    assert world.contents("line", "INBOX") == [mail(WRITER, "b")]
    assert [each.id for each in register(world)] == [second.id]
    assert events(world) == ["hold added", "hold added", "hold released"]


def test_what_another_hold_is_on_keeps_its_sign(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "both"), OLD)
    world.put("line", "INBOX", mail(WRITER, "one"), OLD)
    world.arm_all()
    of_all = hold_by_command(world, Wanted(address=WRITER))
    hold_by_command(world, by_id("both"))
    with world.book() as book:
        assert release(world.estate(book), of_all, book, "uid 1000", NOW) == Released(1, 1)
    world.sweep()
    assert world.contents("line", "INBOX") == [mail(WRITER, "both")]
    [stored] = world.server.mailbox("line")["INBOX"].messages.values()
    assert HELD in stored.flags


def test_what_lies_in_the_hold_folder_is_released_by_moving_it_out(world: World) -> None:
    world.put("line", "Archive 2025", mail(WRITER, "kept"), OLD)
    world.arm_all()
    world.sweep()
    [registered] = register(world)
    with world.book() as book, pytest.raises(Refused) as caught:
        release(world.estate(book), registered, book, "uid 1000", NOW)
    assert caught.value.why is Why.HOLD_FOLDER
    assert register(world) == (registered,)


def test_an_overdue_review_is_a_finding_and_after_a_month_a_broken_promise(world: World) -> None:
    world.put("line", "INBOX", mail(WRITER, "held"), OLD)
    world.arm_all()
    hold_by_command(world, by_id("held"), review=NOW.date() + DAY)
    assert world.sweep(NOW + DAY).findings == ()
    for now, days, is_broken in ((2, 1, False), (31, 30, False), (32, 31, True), (400, 399, True)):
        moment = NOW + now * DAY
        report = world.sweep(moment)
        [finding] = report.findings
        assert (finding.cause, finding.numbers[0]) == (Cause.HOLD_OVERDUE, days)
        assert report.exit_code == (1 if is_broken else 0)
        assert look(world, moment).findings == (finding,)
        [concern] = of_findings(report.findings, moment)
        assert (concern.is_broken, concern.must_be_told(moment)) == (is_broken, is_broken)
        assert concern.needs_another(moment) is is_broken, "the second recipient hears at once"
    assert world.contents("line", "INBOX") == [mail(WRITER, "held")]


def test_holds_that_wait_for_a_person_break_no_promise() -> None:
    for cause in (Cause.HOLD_UNSTATED, Cause.HOLD_VANISHED):
        concern = Concern("line", cause, NOW - 100 * DAY, 3)
        assert not concern.is_grave(NOW)
        assert not concern.needs_another(NOW)
