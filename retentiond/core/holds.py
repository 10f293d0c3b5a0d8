"""What a hold keeps, and what a look makes of the register: found, seen, vanished, grown, ended (P6).

A hold always wins over a purge and never ends by itself: somebody releases it, or takes its sign away, and
then what it kept is kept for two weeks more, as a finding. The register knows marks, never a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from retentiond.core.model import FolderView, Item, Kind, Mark, Reason, Ref, Snapshot, TargetView

#: For so long an item is kept after the sign of its hold was first missed.
KEPT_AFTER_SIGN = timedelta(days=14)
#: When somebody must look at a hold again, where nobody said when.
REVIEW_AFTER = timedelta(days=30)
#: So many days past its review a hold is a promise that is not kept.
BROKEN_AFTER = 30

#: Who set a hold of which nothing but its sign is known.
BY_SIGN = "sign"


class Ground(StrEnum):
    """Why something is kept past its day: the policy's exceptions, and a legal claim."""

    CONSENT = "consent"
    CHILD = "child-at-risk"
    ADULT = "adult-at-risk"
    TERRORISM = "terrorism"
    STAFF = "threat-to-staff"
    INTERFERENCE = "interference"
    CLAIM = "legal-claim"
    OTHER = "other"
    NOT_STATED = "not-stated"


@dataclass(frozen=True, slots=True, order=True)
class Sign:
    """The sign of a hold on one item: in which target it was last seen, and since when it is missed."""

    mark: Mark
    lies_in: str
    seen: datetime
    vanished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A hold in the register. `id` is random and means nothing; "" where the book has not given it yet.

    `target` is the helpline or the folder of letters to which the items belong. `thread` are the marks by
    which a conversation is known again, where the hold is on all of it; they grow as its mail is seen.
    """

    id: str
    target: str
    who: str
    ground: Ground
    review: date
    since: datetime
    signs: tuple[Sign, ...]
    is_conversation: bool = False
    thread: frozenset[Mark] = frozenset()

    def days_past(self, today: date) -> int:
        """For how many days its review has been overdue; 0 where it is not."""
        return max(0, (today - self.review).days)

    @property
    def has_vanished(self) -> bool:
        """Whether a sign of it is missed."""
        return any(sign.vanished is not None for sign in self.signs)


@dataclass(frozen=True, slots=True)
class Sought:
    """By what a look at one target is to know again what the register keeps."""

    signed: frozenset[Mark] = frozenset()
    threads: frozenset[Mark] = frozenset()

    def is_in(self, item: Item) -> bool:
        """Whether an item (with its marks) may be one of these, or belong to one of these conversations."""
        marks = item.marks.parents | ({item.marks.message} if item.marks.message else set())
        return item.marks.message in self.signed or bool(self.threads & marks)


@dataclass(frozen=True, slots=True)
class Register:
    """The register as a look leaves it: `holds` are all, `found` and `changed` among them the new ones and
    those of which a mark changed, `ended` those that are none any more. `today` is the policy's day.

    `kept` are items that bear no sign and are kept all the same, with the reason.
    """

    today: date
    holds: tuple[Registered, ...] = ()
    found: tuple[Registered, ...] = ()
    changed: tuple[Registered, ...] = ()
    ended: tuple[Registered, ...] = ()
    kept: Mapping[Ref, Reason] = field(default_factory=dict)

    def grounds(self) -> dict[Ground, int]:
        """How many holds there are by ground, in the policy's order; those that there are."""
        counts = {ground: sum(hold.ground is ground for hold in self.holds) for ground in Ground}
        return {ground: count for ground, count in counts.items() if count}

    def past_review(self) -> tuple[Registered, ...]:
        """The holds that somebody should have looked at again, the longest overdue first."""
        late = (hold for hold in self.holds if hold.days_past(self.today))
        return tuple(sorted(late, key=lambda hold: (hold.review, hold.id)))


def sought(holds: Iterable[Registered], target: str, kind: Kind) -> Sought:
    """What a look at this target must know again. An advisor's mailbox may hold what is any helpline's."""
    mine = [hold for hold in holds if kind is Kind.ADVISOR or hold.target == target]
    return Sought(
        frozenset(sign.mark for hold in mine for sign in hold.signs),
        frozenset(mark for hold in mine for mark in _thread(hold)),
    )


def settle(snapshot: Snapshot, holds: Sequence[Registered], today: date) -> Register:
    """What this look makes of the register, and what is kept by it.

    A target that was not looked at says nothing of its holds: a gap is never a sign that vanished.
    """
    after: list[Registered] = []
    ended: list[Registered] = []
    for hold in holds:
        seen = replace(hold, signs=tuple(_signs(hold, snapshot)))
        if seen.signs:
            after.append(_grown(seen, snapshot))
        else:
            ended.append(hold)
    found = tuple(_found(snapshot, after, today))
    before = {hold.id: hold for hold in holds}
    changed = tuple(hold for hold in after if hold != before[hold.id])
    kept = dict(_kept(snapshot, after)) if after else {}
    return Register(today, (*after, *found), found, changed, tuple(ended), kept)


def keep(snapshot: Snapshot, holds: Sequence[Registered], today: date) -> Register:
    """What the register keeps of a look at one person's mail alone (an erasure's). It did not see the rest,
    so it says nothing of the signs: whatever is known is kept, and nothing of the register changes."""
    missed = [
        replace(hold, signs=tuple(replace(sign, vanished=snapshot.now) for sign in hold.signs))
        for hold in holds
    ]
    return Register(today, kept=dict(_kept(snapshot, [_grown(hold, snapshot) for hold in missed])))


# ── the signs ────────────────────────────────────────────────────────────────────────────────────


def _signs(hold: Registered, snapshot: Snapshot) -> Iterator[Sign]:
    """The signs as this look leaves them; without those that have been missed for long enough."""
    views = [view for view in snapshot.views if view.kind is Kind.ADVISOR or view.target == hold.target]
    views.sort(key=lambda view: view.target != hold.target)  # at home rather than astray
    looked = {view.target for view in views}
    for sign in hold.signs:
        where = next((view.target for view in views if sign.mark in view.signs), None)
        if where is not None:
            yield Sign(sign.mark, where, snapshot.now)
        elif not {hold.target, sign.lies_in} <= looked:
            yield sign
        elif sign.vanished is None:
            yield replace(sign, vanished=snapshot.now)
        elif snapshot.now - sign.vanished < KEPT_AFTER_SIGN:
            yield sign


def _found(snapshot: Snapshot, holds: Sequence[Registered], today: date) -> Iterator[Registered]:
    """Holds that are known by their sign alone; an advisor's are registered once they are at home."""
    for view in snapshot.views:
        if view.kind is Kind.ADVISOR:
            continue
        mine = [hold for hold in holds if hold.target == view.target]
        known = {sign.mark for hold in mine for sign in hold.signs}.union(*map(_thread, mine))
        for mark in sorted(view.signs - known):
            sign = Sign(mark, view.target, snapshot.now)
            review = today + REVIEW_AFTER
            yield Registered("", view.target, BY_SIGN, Ground.NOT_STATED, review, snapshot.now, (sign,))


# ── conversations ────────────────────────────────────────────────────────────────────────────────


def _thread(hold: Registered) -> frozenset[Mark]:
    return hold.thread | {sign.mark for sign in hold.signs} if hold.is_conversation else frozenset()


def _grown(hold: Registered, snapshot: Snapshot) -> Registered:
    """The hold with the marks of all mail of its conversation that this look saw."""
    if not hold.is_conversation:
        return hold
    items = [item for view in _own(hold, snapshot.views) for item in _marked(view.folders)]
    thread = _thread(hold)
    while True:
        joined = [item for item in items if thread & _of(item)]
        grown = thread.union(*map(_of, joined))
        if grown == thread:
            return replace(hold, thread=thread)
        thread = grown


def _own(hold: Registered, views: Iterable[TargetView]) -> Iterator[TargetView]:
    return (view for view in views if view.kind is Kind.ADVISOR or view.target == hold.target)


def _marked(folders: Iterable[FolderView]) -> Iterator[Item]:
    return (item for folder in folders for item in folder.items if item.marks.message or item.marks.parents)


def _of(item: Item) -> frozenset[Mark]:
    """The marks by which an item belongs to a conversation."""
    message = item.marks.message
    return item.marks.parents if message is None else item.marks.parents | {message}


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────


def _kept(snapshot: Snapshot, holds: Sequence[Registered]) -> Iterator[tuple[Ref, Reason]]:
    for view in snapshot.views:
        mine = tuple(hold for hold in holds if view.kind is Kind.ADVISOR or hold.target == view.target)
        reason = _Reasons.of(mine)
        for item in _marked(view.folders) if mine else ():
            if (why := reason(item)) is not None:
                yield item.ref, why


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Why some holds keep an item, by its marks, whatever sign it bears or lacks."""

    threads: frozenset[Mark]
    missed: frozenset[Mark]

    @classmethod
    def of(cls, holds: Sequence[Registered]) -> _Reasons:
        return cls(
            frozenset().union(*map(_thread, holds)),
            frozenset(sign.mark for hold in holds for sign in hold.signs if sign.vanished is not None),
        )

    def __call__(self, item: Item) -> Reason | None:
        if self.threads and self.threads & _of(item):
            return Reason.CONVERSATION_HELD
        return Reason.SIGN_VANISHED if item.marks.message in self.missed else None
