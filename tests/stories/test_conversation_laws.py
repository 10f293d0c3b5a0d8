"""The laws of a sweep by conversation, in random small worlds, beside a judgement drawn on paper (P1).

The naive one knows nothing of marks, rolls or searches: it draws lines between names on paper.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.audit import audit
from retentiond.core.deeds import Result
from retentiond.core.findings import Cause
from retentiond.core.fuse import Limits
from retentiond.core.period import Period
from tests.stories.small_world import ADVISORS, CUTOFF, HELD, HELPLINES, LINE, NOW, YOUTH, ZONE, World, mail

YEAR = Period(months=12)
LONGEST = YEAR.cutoff(NOW, ZONE)
_SHM = Path("/dev/shm")
_HOMES = {LINE: "line", YOUTH: "youth"}


@dataclass(frozen=True)
class Told:
    """One message of a world; `name` and `answers` are empty where it bears no number or names no parent."""

    mailbox: str
    folder: str
    sender: str
    name: str
    answers: str
    received: datetime
    flags: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        lines = [f"From: <{self.sender}>", "To: <writer@post.example>"]
        lines += [f"Message-ID: <{self.name}@x.example>"] if self.name else []
        lines += [f"In-Reply-To: <{self.answers}@x.example>"] if self.answers else []
        return "\r\n".join([*lines, "Subject: words", "", "words", ""]).encode()

    @property
    def is_stray(self) -> bool:
        return self.mailbox in ADVISORS and self.sender in _HOMES

    @property
    def is_held(self) -> bool:
        return HELD in self.flags or self.folder == "Archive 2025"

    @property
    def is_old(self) -> bool:
        return self.received < CUTOFF

    @property
    def is_past_longest(self) -> bool:
        return self.received < LONGEST and not self.is_held

    @property
    def thread(self) -> set[str]:
        return {self.name, self.answers} - {""}


#: A name with a blank in it can be searched for on no server: there all numbers are read and compared.
_names = st.sampled_from(["", "a", "b", "c", "d", "e", "an odd one"])
_moments = st.sampled_from([-300, -190, -180, -40, -1, 0, 1, 20, 170]).map(
    lambda days: CUTOFF + timedelta(days=days, hours=5)
)
_flags = st.sampled_from([(), (), (), ("\\Seen",), (HELD,)])
_own = st.builds(
    Told,
    st.sampled_from([*HELPLINES]),
    st.sampled_from(["INBOX", "Sent", "Trash", "Archive 2025"]),
    st.sampled_from(["writer@post.example", LINE]),
    _names,
    _names,
    _moments,
    _flags,
)
_strays = st.builds(
    Told,
    st.sampled_from([*ADVISORS]),
    st.sampled_from(["Sent", "Trash"]),
    st.sampled_from([LINE, LINE, YOUTH]),
    _names,
    _names,
    _moments,
    _flags,
)
_private = st.builds(
    Told, st.just("ana"), st.just("Sent"), st.just("ana@line.example"), _names, _names, _moments
)
_worlds = st.lists(st.one_of(_own, _own, _strays, _private), max_size=12)

_quick = settings(
    max_examples=12 if settings.default.max_examples == 100 else settings.default.max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def due_in(told: Iterable[Told]) -> set[Told]:
    """What a conversation does not keep, drawn on paper."""
    members = [each for each in told if each.mailbox in HELPLINES or each.is_stray]
    groups: list[set[str]] = []
    for each in members:
        if each.thread and not each.is_past_longest:
            touched = [group for group in groups if group & each.thread]
            groups = [group for group in groups if group not in touched]
            groups.append(each.thread.union(*touched))
    young = [each.thread for each in members if not each.is_old]
    living = set().union(*(group for group in groups if any(group & thread for thread in young)))
    return {
        each
        for each in members
        if each.is_old and not each.is_held and (each.is_past_longest or not each.thread & living)
    }


@contextmanager
def world_of(told: list[Told], **more: object) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None) as directory:
        world = World(Path(directory), longest=YEAR, **more)  # type: ignore[arg-type]
        for each in told:
            world.put(each.mailbox, each.folder, each.content, each.received, *each.flags)
        world.arm_all()
        yield world


@given(_worlds)
@_quick
def test_nothing_goes_before_the_latest_of_its_conversation_and_nothing_stays_after(told: list[Told]) -> None:
    """And a second sweep has nothing to do."""
    due = due_in(told)
    with world_of(told) as world:
        report = world.sweep()
        state = world.state()
        held_strays = {each.content for each in told if each.is_stray and each.is_held}
        for each in told:
            key = (each.mailbox, each.folder, each.content, each.received, frozenset(each.flags))
            if each.is_stray:
                assert state[key] == 0, "no stray is left behind"
                if each not in due:
                    assert each.content in world.contents(_HOMES[each.sender], "Sent"), "it stands at home"
            elif each in due:
                assert state[key] == 0, "what is due is gone"
            else:
                may_be_held = each.folder == "Sent" and each.content in held_strays
                now_held = (*key[:4], key[4] | {HELD})
                assert state[key] or (may_be_held and state[now_held]), "nothing is gone before its day"
        assert report.exit_code == 0
        again = world.sweep()
        assert (again.outcomes, again.exit_code) == ((), 0)
        assert world.state() == state


@given(_worlds, st.integers(1, 60))
@_quick
def test_a_power_cut_at_any_moment_and_a_sweep_end_like_a_sweep_without(
    told: list[Told], moment: int
) -> None:
    with world_of(told) as undisturbed, world_of(told) as disturbed:
        undisturbed.sweep()
        disturbed.is_cut_at(moment, disturbed.sweep)
        disturbed.sweep()
        with disturbed.book() as book:
            assert book.open_intents() == ()
            book.verify()
        assert disturbed.state() == undisturbed.state()


@given(_worlds)
@_quick
def test_an_audit_gives_one_verdict_each_and_the_sweep_does_what_it_says(told: list[Told]) -> None:
    with world_of(told) as world:
        with world.book() as book:
            found = audit(world.estate(book), NOW, book=book)
        for target in found.plan.targets:
            keys = Counter((part.place, key) for part in target.parts for key in part.keys)
            assert set(keys.values()) <= {1}
            for census in target.censuses:
                looked = sum(place == census.place for place, _ in keys)
                assert census.total is None or looked <= census.total
        report = world.sweep()
        assert report.plan.digest == found.plan.digest
        done = report.count(Result.DONE, Result.REMOVED, Result.RETAINED)
        assert done == sum(each.due + each.astray for each in found.plan.targets)


@given(_worlds, st.lists(st.integers(1, 34), min_size=1, max_size=3))
@_quick
def test_what_falls_due_within_the_forecast_was_foreseen_to_the_item(
    told: list[Told], steps: list[int]
) -> None:
    """Whole conversations fall due at once, and the fuse lets them: with no surprise allowed at all."""
    with world_of(told, limits=Limits(unforeseen=0, strays=0)) as world:
        now = NOW
        assert world.sweep(now).exit_code == 0
        for days in steps:
            now += timedelta(days=days)
            report = world.sweep(now)
            grave = {each.cause for each in report.findings if each.exit_code}
            assert grave <= {Cause.HOLD_OVERDUE}, "a hold of more than two months that nobody reviewed"
            assert world.sweep(now).outcomes == ()


@given(_worlds, st.sampled_from([*HELPLINES, *ADVISORS]))
@_quick
def test_while_a_mailbox_is_away_nothing_goes_that_it_might_keep(told: list[Told], away: str) -> None:
    """Only what no conversation could keep: it is past the longest, or has neither name nor parent."""
    with world_of(told) as world:
        before = world.state()
        world.server.unreachable = {away}
        assert world.sweep().exit_code == 75
        gone = before - world.state()
        by_key = {
            (each.mailbox, each.folder, each.content, each.received, frozenset(each.flags)): each
            for each in told
        }
        for key in gone:
            each = by_key[key]
            assert each.is_stray or (each.is_old and (each.is_past_longest or not each.thread))
        world.server.unreachable = set()
        assert world.sweep().exit_code == 0


# ── one story each ───────────────────────────────────────────────────────────────────────────────


OLD, NEW = CUTOFF - timedelta(days=30), CUTOFF + timedelta(days=30)


def test_an_answer_known_by_its_thread_alone_comes_home_and_keeps_its_question(tmp_path: Path) -> None:
    """Both readings of a thread at once: whose it is, and until when it is kept."""
    world = World(tmp_path, by_thread=True, longest=YEAR)
    world.put("line", "INBOX", mail("writer@post.example", "question", to=LINE), OLD)
    world.put("line", "INBOX", mail("writer@post.example", "over", to=LINE), OLD)
    answer = mail("ana@line.example", "answer", answers="question")
    world.put("ana", "Sent", answer, NEW)
    world.arm_all()
    assert world.sweep().exit_code == 0
    assert world.contents("line", "INBOX") == [mail("writer@post.example", "question", to=LINE)]
    assert world.contents("line", "Sent") == [answer]
    assert world.sweep().outcomes == ()


def test_an_old_twin_at_home_is_no_twin_of_a_stray_that_is_not_due(tmp_path: Path) -> None:
    """The conversation keeps the old one only while the young one is there: that one comes home too."""
    world = World(tmp_path, longest=YEAR)
    reply = mail(LINE, "reply")
    world.put("line", "Sent", reply, OLD)
    for received in (NEW, OLD):
        world.put("ana", "Sent", reply, received)
    world.arm_all()
    assert world.sweep().exit_code == 0
    dates = sorted(each.received for each in world.server.mailbox("line")["Sent"].messages.values())
    assert dates == [OLD, NEW]
    assert world.sweep().outcomes == ()


def test_a_twin_past_the_longest_is_no_twin_of_a_stray_that_its_conversation_keeps(tmp_path: Path) -> None:
    """The copy at home goes tonight; the stray would too, were it taken for the same."""
    world = World(tmp_path, longest=YEAR)
    reply = mail(LINE, "reply", answers="question")
    world.put("line", "Sent", reply, LONGEST - timedelta(days=1))
    world.put("ana", "Sent", reply, CUTOFF - timedelta(days=1))
    world.put(
        "line", "INBOX", mail("writer@post.example", "more", answers="question"), CUTOFF + timedelta(days=9)
    )
    world.arm_all()
    assert world.sweep().exit_code == 0
    [stored] = world.server.mailbox("line")["Sent"].messages.values()
    assert (stored.content, stored.received) == (reply, CUTOFF - timedelta(days=1))
    assert not world.contents("ana", "Sent")


def test_what_nobody_can_date_keeps_its_conversation_until_it_is_old_by_when_it_was_seen(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, longest=YEAR)
    world.put("line", "INBOX", mail("writer@post.example", "question"), NEW)
    world.put("line", "INBOX", mail("writer@post.example", "more", answers="question"), None)
    world.arm_all()
    for days in range(0, 184, 30):
        world.sweep(NOW + timedelta(days=days))
    assert len(world.contents("line", "INBOX")) == 2
    assert world.sweep(NOW + timedelta(days=184)).exit_code == 0
    assert not world.contents("line", "INBOX")


def test_what_is_held_links_what_hangs_by_it_however_old_it_is(tmp_path: Path) -> None:
    """The younger one is related to what is due by nothing but what is held."""
    world = World(tmp_path, longest=YEAR)
    held = mail(LINE, "held", answers="gone")
    world.put("line", "Sent", held, LONGEST - timedelta(days=9), HELD)
    world.put("line", "INBOX", mail("writer@post.example", "due", answers="held"), OLD)
    world.put("line", "INBOX", mail("writer@post.example", "young", answers="gone"), NEW)
    world.arm_all()
    assert world.sweep().outcomes == ()


def test_one_target_alone_is_swept_by_all_that_is_known_of_its_conversations(tmp_path: Path) -> None:
    world = World(tmp_path, longest=YEAR)
    world.put("line", "INBOX", mail("writer@post.example", "question"), OLD)
    world.put("youth", "INBOX", mail("writer@post.example", "more", answers="question"), NEW)
    world.put("line", "INBOX", mail("writer@post.example", "over"), OLD)
    world.put("youth", "INBOX", mail("writer@post.example", "theirs"), OLD)
    world.arm_all()
    assert world.sweep(only="line").exit_code == 0
    assert world.contents("line", "INBOX") == [mail("writer@post.example", "question")]
    assert len(world.contents("youth", "INBOX")) == 2, "nothing else was touched"


def test_an_import_does_not_hide_behind_what_is_kept(tmp_path: Path) -> None:
    """Kept far beyond the forecast, a hundred messages foresee nothing."""
    world = World(tmp_path, longest=YEAR)
    for n in range(100):
        world.put("line", "INBOX", mail("writer@post.example", f"q{n}", answers="root"), OLD)
    world.put("line", "INBOX", mail("writer@post.example", "root"), NOW - timedelta(days=3))
    world.arm_all()
    assert world.sweep().exit_code == 0
    for n in range(40):
        world.put("line", "INBOX", mail("writer@post.example", f"imported{n}"), OLD)
    assert world.sweep(NOW + timedelta(days=1)).exit_code == 3
    assert len(world.contents("line", "INBOX")) == 141
