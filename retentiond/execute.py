"""Carries out an Approved plan, intent before deed, in batches; believes only what it looked at again.

There is no resume code: what a crash left undone is found by looking (`settle`), and the next plan
takes it up like anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Protocol

from retentiond.core.chain import root_hash
from retentiond.core.deeds import Deed, Intent, Outcome, Phase, Result
from retentiond.core.fuse import Approved
from retentiond.core.model import Destroy, Key, Place, Refile
from retentiond.core.period import start_of
from retentiond.core.plan import Part
from retentiond.errors import Changed, MailboxError, StrayLost, Unreachable
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.marker import Marker
from retentiond.refile import Stray, batches, bring_home, check_not_lost
from retentiond.twins import Stays

#: How many items one intent may name: a few seconds of a server's time.
BATCH = 100_000


class Book(Protocol):
    """What carrying out needs of the ledger. Each call is durable when it returns."""

    def intend(self, intent: Intent) -> int: ...

    def advance(self, intent_id: int, phase: Phase) -> None: ...

    def settle(self, intent_id: int, deeds: Sequence[Deed], minute: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is known of the copies that a server keeps of what is removed.

    `keeps` is None where it was never tried; `until` is the operator's declaration, if there is one.
    """

    keeps: bool | None = None
    until: date | None = None

    def of(self, outcome: Outcome) -> Outcome:
        """The outcome in honest words: DONE becomes REMOVED or RETAINED where a copy may be left."""
        if outcome.result is not Result.DONE or (self.keeps is False and self.until is None):
            return outcome
        result = Result.REMOVED if self.keeps is None and self.until is None else Result.RETAINED
        return replace(outcome, result=result, until=self.until)


@dataclass(frozen=True, slots=True)
class Hands:
    """What carrying out works with: how a mailbox is opened, the book, the marker, the time as the sweep
    goes on. `cutoffs` are the helplines', and so is `longest` where conversations are followed; `keeping` is
    by target; `told` hears of progress (target, number of items); `should_stop` is asked between batches.
    `homes` are the turns in which replies come home: two advisors' at once could leave a reply there
    twice."""

    open: Callable[[str], Mailbox]
    book: Book
    marker: Marker
    time: Callable[[], datetime]
    cutoffs: Mapping[str, datetime]
    keeping: Mapping[str, Keeping]
    told: Callable[[str, int], None] = lambda target, count: None
    should_stop: Callable[[], bool] = lambda: False
    homes: Mapping[str, AbstractContextManager[object]] = field(default_factory=dict)
    longest: Mapping[str, datetime] = field(default_factory=dict)

    def keeping_of(self, intent: Intent) -> Keeping:
        """What its server keeps: an advisor's as the helpline's test found, until its own declared day."""
        declared = self.keeping.get(intent.place.target, Keeping())
        return replace(self.keeping.get(intent.chain, Keeping()), until=declared.until)

    def stays(self, home: str) -> Stays:
        """Which copies will stay in a helpline's Sent Items."""
        return Stays(self.cutoffs[home], self.longest.get(home))


def execute(approved: Approved, hands: Hands) -> tuple[Outcome, ...]:
    """Does what was approved, refiles first, and answers for every item of it.

    A mailbox that fails is answered for with FAILED and left; an intent whose end is unknown
    (Unreachable) stays open and is settled by looking in the next sweep.
    """
    outcomes: list[Outcome] = []
    parts = approved.parts
    if not parts:
        return ()
    try:
        with hands.open(approved.target) as mailbox:
            outcomes.extend(_carry_out(mailbox, parts, hands))
    except MailboxError as error:
        answered: dict[Place, set[Key]] = {}
        for each in outcomes:
            answered.setdefault(each.place, set()).update(each.keys)
        for part in parts:
            left = tuple(key for key in part.keys if key not in answered.get(part.place, ()))
            if left:
                outcomes.append(Outcome(part.place, Result.FAILED, left, why=error.why.value))
    return tuple(outcomes)


def _carry_out(mailbox: Mailbox, parts: Sequence[Part], hands: Hands) -> Iterator[Outcome]:
    homes: dict[str, list[Stray]] = {}
    for part in parts:
        if isinstance(part.verdict, Refile):
            is_held = part.verdict.is_held
            homes.setdefault(part.verdict.home, []).extend(Stray(item, is_held) for item in part.items)
    for home, strays in homes.items():
        yield from _refile_all(mailbox, home, strays, hands)
    for part in parts:
        if isinstance(part.verdict, Destroy):
            yield from _destroy(mailbox, part, hands)


def _destroy(mailbox: Mailbox, part: Part, hands: Hands) -> Iterator[Outcome]:
    assert isinstance(part.verdict, Destroy)
    chain = part.verdict.on_behalf_of or part.place.target
    for start in range(0, len(part.keys), BATCH):
        if hands.should_stop():
            return
        keys = part.keys[start : start + BATCH]
        intent = Intent(
            part.place, Phase.DESTROYING, keys, chain, part.verdict.reason, part.oldest, part.newest
        )
        intent = replace(intent, id=hands.book.intend(intent))
        outcomes = _attempt(mailbox, intent, hands)
        hands.told(part.place.target, len(keys))
        yield from outcomes


def _attempt(mailbox: Mailbox, intent: Intent, hands: Hands) -> tuple[Outcome, ...]:
    """One deed and its entry. A broken connection leaves the intent open: nobody knows what was done."""
    try:
        outcomes = mailbox.destroy(intent.place, intent.keys)
    except Unreachable:
        raise
    except Changed as error:
        outcomes = (Outcome(intent.place, Result.CHANGED, intent.keys, why=error.why.value),)
    except MailboxError as error:
        outcomes = (Outcome(intent.place, Result.FAILED, intent.keys, why=error.why.value),)
    return _enter(intent, outcomes, hands)


def _enter(
    intent: Intent, outcomes: Sequence[Outcome], hands: Hands, *, is_recovered: bool = False
) -> tuple[Outcome, ...]:
    keeping = hands.keeping_of(intent)
    told = (replace(outcome, reason=intent.reason) for outcome in outcomes if outcome.keys)
    honest = tuple(keeping.of(outcome) for outcome in told)
    deeds = [Deed(outcome, _root(outcome, hands.marker), is_recovered) for outcome in honest]
    hands.book.settle(intent.id, deeds, hands.time())
    return honest


def _root(outcome: Outcome, marker: Marker) -> bytes:
    """One hash over the marks of all items: enough to prove one of them with the key, useless without."""
    place = outcome.place
    prefix = f"{place.target}\0{place.folder}\0{place.version}\0"
    return root_hash(marker.mark("item", f"{prefix}{key}") for key in outcome.keys)


# ── refiling ─────────────────────────────────────────────────────────────────────────────────────


def _refile_all(source: Mailbox, home_name: str, strays: Sequence[Stray], hands: Hands) -> Iterator[Outcome]:
    """A home that fails stops only the refiles to it; what was not answered for is FAILED."""
    answered: set[tuple[Place, Key]] = set()
    try:
        for outcome in _refile(source, home_name, strays, hands):
            answered.update((outcome.place, key) for key in outcome.keys)
            yield outcome
    except MailboxError as error:
        if error.target == source.target:
            raise
        left: dict[Place, list[Key]] = {}
        for stray in strays:
            ref = stray.item.ref
            if (ref.place, ref.key) not in answered:
                left.setdefault(ref.place, []).append(ref.key)
        for place, keys in left.items():
            yield Outcome(place, Result.FAILED, tuple(keys), why=error.why.value)


def _refile(source: Mailbox, home_name: str, strays: Sequence[Stray], hands: Hands) -> Iterator[Outcome]:
    with hands.homes.get(home_name, nullcontext()), hands.open(home_name) as home:
        for batch in batches(strays, source.sameness.between(home.sameness)):
            if hands.should_stop():
                return
            yield from bring_home(source, home, batch, hands.stays(home_name), _Diary(hands, home_name))
            hands.told(source.target, len(batch))


@dataclass(frozen=True, slots=True)
class _Diary:
    """Writes a refile into the book, step by step."""

    hands: Hands
    home: str

    @property
    def marker(self) -> Marker:
        return self.hands.marker

    def intend(self, intent: Intent) -> Intent:
        return replace(intent, id=self.hands.book.intend(intent))

    def advance(self, intent: Intent) -> None:
        self.hands.book.advance(intent.id, Phase.REMOVING)

    def enter(self, intent: Intent, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        return _enter(intent, outcomes, self.hands)


# ── after a crash ────────────────────────────────────────────────────────────────────────────────


def _may_be_due(intent: Intent, hands: Hands) -> bool:
    """Whether the copies at home may have been destroyed on their day while the intent was open."""
    cutoff = hands.cutoffs.get(intent.home or "")
    return cutoff is None or intent.oldest is None or start_of(intent.oldest, UTC) < cutoff


def settle(intent: Intent, hands: Hands, *, accepts_loss_of: int = 0) -> tuple[Outcome, ...]:
    """Closes an open intent by looking: what is gone is done (recovered), what is there is judged anew.

    With `accepts_loss_of` exactly so many lost strays are entered as gone, not by us. Raises
    Unreachable where nobody can look (the intent stays open), StrayLost where a stray that was being
    removed stands in neither place.
    """
    with hands.open(intent.place.target) as mailbox:
        place = mailbox.find(intent.place.folder)
        if place is None or place.version != intent.place.version:
            outcome = Outcome(intent.place, Result.CHANGED, intent.keys, why="new-version")
            return _enter(intent, (outcome,), hands, is_recovered=True)
        standing = mailbox.stand(place, intent.keys)
        sameness = mailbox.sameness
        if standing.marked_deleted:
            mailbox.unmark(place, standing.marked_deleted)
    present = set(standing.present)
    gone: tuple[Key, ...] = tuple(key for key in intent.keys if key not in present)
    if intent.phase is Phase.REMOVING and gone and intent.home and not _may_be_due(intent, hands):
        with hands.open(intent.home) as home:
            try:
                check_not_lost(intent, frozenset(gone), home, sameness.between(home.sameness), hands.marker)
            except StrayLost as lost:
                if lost.count != accepts_loss_of:
                    raise
                outcome = Outcome(place, Result.GONE_ALREADY, gone, why="loss-accepted")
                return _enter(intent, (outcome,), hands, is_recovered=True)
    result = Result.GONE_ALREADY if intent.phase is Phase.ADDING else Result.DONE
    if result is Result.DONE and not standing.is_final:
        # They may lie in a bin of this mailbox now, under other keys, and are judged anew there.
        result = Result.REMOVED if intent.home else Result.CHANGED
    return _enter(intent, (Outcome(place, result, gone),), hands, is_recovered=True)
