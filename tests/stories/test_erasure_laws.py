"""The laws of an erasure, in a small world with a real book: everywhere, theirs alone, and forgotten (P9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from retentiond.core.holds import Ground
from retentiond.core.model import Destroy, Hold, Reason, Review
from retentiond.errors import NotArmed, PurgeRefused, Unreachable
from retentiond.holding import Order, find, hold
from retentiond.locks import held
from retentiond.mailbox.base import Wanted
from retentiond.purging import Erasure, Proposal, erase, new_receipt, propose
from tests.stories.small_world import HELD, LINE, NOW, YOUTH, World, mail
from tests.stories.traces import assert_no_trace

ANN, ANN_TOO, BEA = "ann@post.example", "Ann.Writer@Mail.example", "bea@post.example"
THEIRS = (ANN, ANN_TOO.lower())
NEW, OLD = NOW - timedelta(days=2), NOW - timedelta(days=170)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two helplines and two advisors; of Ann six messages and two replies astray; of others seven."""
    world = World(tmp_path)
    world.arm_all()
    world.put("line", "INBOX", mail(ANN, "a1", LINE), NEW)
    world.put("line", "INBOX", mail("ANN@Post.Example", "a2", LINE), OLD)
    world.put("line", "Sent", mail(LINE, "a3", to=ANN), NEW)
    world.put("line", "Trash", mail(ANN_TOO, "a4", LINE), NEW)
    world.put("youth", "INBOX", mail(ANN, "a5", LINE), NEW)
    world.put("youth", "INBOX", mail(ANN, "a6", LINE), None)
    world.put("ana", "Sent", mail(LINE, "a7", to=ANN), NEW)
    world.put("ben", "Trash", mail(YOUTH, "a8", to=f"{ANN}, {LINE}"), OLD)
    world.put("line", "INBOX", mail(BEA, "b1", LINE, text=f"{ANN} told me"), NEW)
    world.put("line", "INBOX", mail(ANN, "held", LINE), NEW, HELD)
    world.put("line", "Archive 2025", mail(ANN, "held folder", LINE), OLD)
    world.put("youth", "Sent", mail(YOUTH, "both", to=f"{ANN}, {BEA}"), NEW)
    world.put("ana", "Sent", mail("ana@line.example", "own", to=ANN), NEW)
    world.put("ana", "INBOX", mail(ANN, "to ana", LINE), NEW)
    world.put("ben", "Sent", mail(YOUTH, "b2", to=BEA), NEW)
    return world


def proposed(world: World) -> Proposal:
    with world.book() as book:
        return propose(world.estate(book).erasing(THEIRS), book, NOW)


def erased(world: World, number: int = 8, receipt: str = "") -> Erasure:
    with world.book() as book:
        wrapped = world.wrap(book)
        proposal = propose(world.estate(book).erasing(THEIRS), wrapped, NOW)
        receipt = receipt or new_receipt()
        return erase(proposal, number, wrapped, world.directory, NOW, receipt=receipt, who="uid 0")


def names(world: World) -> set[str]:
    """The subjects of all that is left, anywhere."""
    lines = [content.split(b"Subject: ")[1] for _, _, content, _, _ in world.state()]
    return {line.split(b"\r\n")[0].decode() for line in lines}


KEPT = {"b1", "b2", "held", "held folder", "both", "own", "to ana"}


def test_each_item_has_its_verdict_and_an_audit_changes_nothing(world: World) -> None:
    before = world.state()
    proposal = proposed(world)
    assert proposal.number == 8
    assert (proposal.count(Hold), proposal.count(Review)) == (2, 1)
    parts = [part for target in proposal.plan.targets for part in target.parts]
    assert {part.verdict.reason for part in parts} == {Reason.ERASURE, Reason.HELD, Reason.THIRD_PARTY}
    assert all(part.oldest is part.newest is None for part in parts), "no day of anybody's mail is told"
    homes = {
        (part.place.target, part.verdict.on_behalf_of) for part in parts if isinstance(part.verdict, Destroy)
    }
    assert homes == {("line", None), ("youth", None), ("ana", "line"), ("ben", "youth")}
    assert world.state() == before


def test_all_of_theirs_goes_and_nothing_of_anybody_else(world: World) -> None:
    done = erased(world)
    assert done.is_finished
    assert (done.report.exit_code, done.held, done.for_review) == (0, 2, 1)
    assert names(world) == KEPT
    assert proposed(world).number == 0
    with world.book() as book:
        assert book.unfinished_erasures() == ()
        assert book.open_intents() == ()
        book.verify()
    assert_no_trace(world.book_directory, world.key, THEIRS, [f"<a{n}@x.example>" for n in range(1, 9)])


def test_the_ledger_has_a_receipt_and_counts_and_no_month(world: World) -> None:
    done = erased(world)
    with world.book() as book:
        entries = list(book.show(last=100))
    house = [dict(entry.body) for entry in entries if entry.chain == "house"]
    begun = next(body for body in house if body["event"] == "erasure")
    ended = next(body for body in house if body["event"] == "erasure ended")
    assert (begun["receipt"], begun["number"], begun["who"]) == (done.receipt, 8, "uid 0")
    assert (ended["receipt"], ended["finished"]) == (done.receipt, 1)
    assert ["line", "removed", 4] in ended["counts"] or ["line", "done", 4] in ended["counts"]
    assert ["line", "kept by a hold", 2] in ended["counts"]
    assert ["youth", "kept for review", 1] in ended["counts"]
    deeds = [entry.body for entry in entries if entry.body.get("reason") == "erasure"]
    assert sum(int(body["count"]) for body in deeds) == 8
    assert not any({"from", "to"} & body.keys() for body in deeds)


def test_a_sweep_afterwards_finds_everything_as_it_should_be(world: World) -> None:
    """What was foreseen still is: an erasure neither spends it nor adds to it."""
    world.sweep()
    with world.book() as book:
        before = {name: book.standing(name) for name in ("line", "youth")}
    erased(world)
    with world.book() as book:
        assert {name: book.standing(name) for name in ("line", "youth")} == before
    report = world.sweep()
    assert report.exit_code == 0
    assert names(world) == KEPT


def test_an_item_without_a_date_is_no_longer_remembered(world: World) -> None:
    """The one of Ann's that nobody can date was first seen by a sweep; with it goes that memory."""
    world.sweep()
    with world.book() as book:
        assert len(book.recall("seen", "youth")) == 1
    erased(world, 10)
    with world.book() as book:
        assert book.recall("seen", "youth") == {}


def test_more_than_was_agreed_to_is_refused_and_nothing_is_done(world: World) -> None:
    before = world.state()
    with pytest.raises(PurgeRefused) as caught:
        erased(world, 7)
    assert (caught.value.given, caught.value.found) == (7, 8)
    assert world.state() == before


def test_what_arrives_meanwhile_was_not_agreed_to(world: World) -> None:
    proposal = proposed(world)
    world.put("line", "INBOX", mail(ANN, "late", LINE), NOW)
    with world.book() as book:
        done = erase(proposal, 8, book, world.directory, NOW, receipt="E-1", who="uid 0")
        assert names(world) == KEPT | {"late"}
        assert not done.is_finished
        assert book.unfinished_erasures() == ("E-1",)
    assert erased(world, 1, "E-1").is_finished
    assert names(world) == KEPT


def test_a_hold_that_is_set_after_the_number_was_typed_wins(world: World) -> None:
    proposal = proposed(world)
    world.server.mailbox("youth")["INBOX"].messages[1].flags |= {HELD}
    with world.book() as book:
        done = erase(proposal, 8, book, world.directory, NOW, receipt="E-1", who="uid 0")
    assert (done.is_finished, done.held) == (True, 3)
    assert names(world) == KEPT | {"a5"}


def test_what_the_register_keeps_without_a_sign_is_kept_and_nothing_is_taken_for_vanished(
    world: World,
) -> None:
    """A conversation that is held, a sign that was taken away a moment ago; what the look did not see, such
    as a hold on somebody else's mail, says nothing."""
    world.put("line", "Sent", mail(LINE, "answer", to=ANN, answers="a1"), NEW)
    world.put("line", "INBOX", mail(BEA, "b3", LINE), NEW)
    order = Order(Ground.CLAIM, NOW.date() + timedelta(days=20), "uid 0")
    with world.book() as book:
        estate = world.estate(book)
        for name, is_conversation in (("a1", True), ("a4", False), ("b3", False)):
            found = find(estate, "line", Wanted(message_id=f"{name}@x.example"), NOW)
            hold(estate, "line", found, replace(order, is_conversation=is_conversation), book, NOW)
        before = book.holds.all()
    for stored in world.server.mailbox("line")["Trash"].messages.values():
        stored.flags -= {HELD}
    done = erased(world)
    assert (done.is_finished, done.held) == (True, 5)
    assert names(world) == KEPT | {"a1", "answer", "a4", "b3"}
    with world.book() as book:
        assert book.holds.all() == before


@pytest.mark.parametrize("away", ["line", "ben"])
def test_everywhere_at_once_or_not_at_all(world: World, away: str) -> None:
    before = world.state()
    world.server.unreachable.add(away)
    with pytest.raises(Unreachable):
        erased(world)
    world.server.unreachable.clear()
    with held(world.directory, (away,)), pytest.raises(Unreachable):
        erased(world)
    assert world.state() == before
    with world.book() as book:
        assert book.unfinished_erasures() == ()


def test_nothing_goes_from_a_target_that_nobody_let_loose(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("line", "INBOX", mail(ANN, "a1", LINE), NEW)
    with pytest.raises(NotArmed) as caught:
        erased(world)
    assert (caught.value.target, caught.value.count) == ("line", 1)
    assert names(world) == {"a1"}


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.campaign)])
def test_a_power_cut_at_any_moment_leaves_no_trace_and_the_next_run_ends_it(
    tmp_path: Path, step: int
) -> None:
    """After the cut the next sweep clears up by looking, without knowing whom; whoever was asked types the
    addresses once more, under the same receipt."""
    cuts = 0
    ids = [f"<a{n}@x.example>" for n in range(1, 9)]
    while True:
        (tmp_path / f"{cuts}").mkdir()
        world = furnished(tmp_path / f"{cuts}")
        if not world.is_cut_at(cuts + 1, partial(erased, world)):
            break
        assert names(world) >= KEPT
        assert_no_trace(world.book_directory, world.key, THEIRS, ids)
        with world.book() as book:
            unfinished = book.unfinished_erasures()
        report = world.sweep()
        told = [each.detail for each in report.findings if each.cause == "erasure-unfinished"]
        assert told == list(unfinished)
        assert names(world) >= KEPT
        assert erased(world, 100, unfinished[0] if unfinished else "").is_finished
        assert names(world) == KEPT
        with world.book() as book:
            assert (book.unfinished_erasures(), book.open_intents()) == ((), ())
            book.verify()
        assert_no_trace(world.book_directory, world.key, THEIRS, ids)
        cuts += step
    assert cuts > 50


@pytest.mark.parametrize("kind", ["address", "message"])
def test_a_trace_would_be_found(world: World, kind: str) -> None:
    """What the tests look for is found where it is: a mark that the book remembers, in its file."""
    name = ANN if kind == "address" else "a1@x.example"
    with world.book() as book:
        mark = world.estate(book).marker.mark(kind, name)
        book.remember("thread", "line", (mark,), NOW, NOW + timedelta(days=1))
    with pytest.raises(AssertionError, match="ledger"):
        assert_no_trace(world.book_directory, world.key, THEIRS, ["<a1@x.example>"])
    erased(world)
    assert_no_trace(world.book_directory, world.key, THEIRS, ["<a1@x.example>"])


def furnished(directory: Path) -> World:
    return world.__wrapped__(directory)  # type: ignore[attr-defined,no-any-return]
