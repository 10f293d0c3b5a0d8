"""A Snapshot becomes a Plan: one verdict for each item, settled across all targets.

The order of the questions about one item is the policy's (`core/policy.py`); here they are asked of all that
was looked at, with what one item means for another: whose a reply is, which conversations live.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from retentiond.core.conversations import Conversations, Owners, conversations_of
from retentiond.core.erasure import judge_for_erasure
from retentiond.core.holds import Register
from retentiond.core.model import (
    Census,
    FolderView,
    Hold,
    Item,
    Keep,
    Key,
    Kind,
    Mark,
    Place,
    Reason,
    Ref,
    Refile,
    Snapshot,
    TargetView,
    Verdict,
)
from retentiond.core.plan import Part, Plan, TargetPlan
from retentiond.core.policy import Terms, judge, judge_lot, judge_stray
from retentiond.core.replies import Helpline, Threads, recognise, threads_of

#: Why the register of holds keeps an item that bears no sign of one.
Kept: TypeAlias = Mapping[Ref, Reason]


@dataclass(frozen=True, slots=True)
class House:
    """What the core must know of the configuration: terms by helpline (and letters folder), and who is who,
    by marks. `correspondents` are those of one person whose mail is to be erased, where it is.

    With `by_conversation`, `ahead` are the terms of the day up to which the forecast counts, and `mailboxes`
    the helplines and advisors of whom a conversation can have members.
    """

    terms: Mapping[str, Terms]
    helplines: tuple[Helpline, ...]
    insiders: frozenset[Mark] = field(default_factory=frozenset)
    by_thread: bool = False
    correspondents: frozenset[Mark] = frozenset()
    by_conversation: bool = False
    ahead: Mapping[str, Terms] = field(default_factory=dict)
    mailboxes: frozenset[str] = frozenset()


def make_plan(snapshot: Snapshot, house: House, register: Register | None = None) -> Plan:
    """One verdict for each item of the snapshot, settled across all targets. What the look made of the
    register of holds, where there is one, says what is kept without a sign."""
    held = register.kept if register is not None else {}
    owners = _owners(snapshot, house)
    # One after the other: each follows all conversations, and a million items are enough to hold once.
    judged = _judged(snapshot, house, owners, held)
    censuses = _counted(snapshot, house, owners)
    plans = [
        TargetPlan(view.target, view.kind, parts, counts, view.beside)
        for view, parts, counts in zip(snapshot.views, judged, censuses, strict=True)
    ]
    return Plan(snapshot.now, tuple(plans), snapshot.gaps, register)


def _judged(snapshot: Snapshot, house: House, owners: Owners, held: Kept) -> list[tuple[Part, ...]]:
    """The parts of each target, in the order of the views."""
    homes = frozenset(view.target for view in snapshot.views if view.kind is Kind.HELPLINE)
    conversations = _following(snapshot, house, house.terms, owners)
    judged = []
    for view in snapshot.views:
        if house.correspondents:
            judged.append(_judged_for_erasure(view, house, owners, held))
        elif view.kind is not Kind.ADVISOR:
            judged.append(_judged_own(view, house, conversations, held))
        else:
            judged.append(_judged_advisor(view, house, homes, owners, conversations, held))
    return judged


def _counted(snapshot: Snapshot, house: House, owners: Owners) -> list[tuple[Census, ...]]:
    """What the folders of each target hold, with the forecast by conversation where these are followed."""
    ahead = _following(snapshot, house, house.ahead, owners)
    return [
        tuple(_foreseen(folder, view, house, ahead) for folder in view.folders) for view in snapshot.views
    ]


def _following(
    snapshot: Snapshot, house: House, terms: Mapping[str, Terms], owners: Owners
) -> Conversations | None:
    return conversations_of(snapshot, terms, owners, house.mailboxes) if house.by_conversation else None


def _owners(snapshot: Snapshot, house: House) -> dict[Ref, frozenset[str]]:
    """The helplines of what lies in advisors' folders."""
    seen = [view for view in snapshot.views if view.kind is Kind.HELPLINE]
    threads = _threads(seen, house) if house.by_thread else None
    owners: dict[Ref, frozenset[str]] = {}
    for view in snapshot.views:
        if view.kind is Kind.ADVISOR:
            items = [item for folder in view.folders for item in folder.items]
            owners |= recognise(items, house.helplines, threads)
    return owners


def _foreseen(folder: FolderView, view: TargetView, house: House, ahead: Conversations | None) -> Census:
    """The folder's census with a forecast that leaves out what its conversation will keep even then."""
    census = folder.census
    if ahead is None or view.kind is not Kind.HELPLINE or census.ahead is None:
        return census
    now, then = house.terms[view.target], house.ahead[view.target]
    kept = sum(
        not item.is_held and now.has_ended(item) and ahead.keep(item, then) is Reason.CONVERSATION
        for item in folder.items
    )
    return replace(census, ahead=max(0, census.ahead - kept))


def _threads(views: Sequence[TargetView], house: House) -> Threads:
    items = ((view.target, item) for view in views for folder in view.folders for item in folder.items)
    return threads_of(items, house.insiders)


def _judged_own(
    view: TargetView, house: House, conversations: Conversations | None, held: Kept
) -> tuple[Part, ...]:
    terms = house.terms[view.target]
    follows = conversations if view.kind is Kind.HELPLINE else None
    parts: list[Part] = []
    for folder in view.folders:
        parts.extend(
            Part(lot.place, judge_lot(lot, terms), lot.keys, lot.oldest, lot.newest)
            for lot in folder.lots
            if lot.keys
        )
        judged = ((item, _own(item, terms, follows, held)) for item in folder.items)
        parts.extend(_grouped(judged, terms))
    return _merged(parts)


def _own(item: Item, terms: Terms, follows: Conversations | None, held: Kept) -> Verdict:
    """A hold wins over all else, also where its item bears no sign; then comes the conversation (P6)."""
    if not item.is_held and item.ref in held:
        return Hold(held[item.ref])
    return judge(item, terms, follows.keep(item, terms) if follows else None)


def _judged_advisor(
    view: TargetView,
    house: House,
    homes: frozenset[str],
    owners: Owners,
    conversations: Conversations | None,
    held: Kept,
) -> tuple[Part, ...]:
    terms = house.terms

    def verdict(item: Item) -> Verdict:
        mine, kept = owners[item.ref], None
        if conversations is not None and len(mine) == 1:
            kept = conversations.keep(item, terms[next(iter(mine))])
        return judge_stray(item, mine, terms, homes, kept, held.get(item.ref))

    items = (item for folder in view.folders for item in folder.items)
    return tuple(_grouped(((item, verdict(item)) for item in items), next(iter(terms.values()))))


def _judged_for_erasure(view: TargetView, house: House, owners: Owners, held: Kept) -> tuple[Part, ...]:
    """No part says of which days it is: an entry made of it must not tell when somebody wrote (P7)."""
    items = (item for folder in view.folders for item in folder.items)
    any_terms = next(iter(house.terms.values()))

    def judged(item: Item) -> Verdict:
        why = held.get(item.ref)
        if view.kind is not Kind.ADVISOR:
            return judge_for_erasure(item, house.correspondents, house.insiders, kept=why)
        if not owners[item.ref]:
            return Keep(Reason.NOT_OURS)
        return judge_for_erasure(item, house.correspondents, house.insiders, min(owners[item.ref]), why)

    parts = _grouped(((item, judged(item)) for item in items), any_terms)
    return tuple(replace(part, oldest=None, newest=None) for part in parts)


def _grouped(judged: Iterable[tuple[Item, Verdict]], terms: Terms) -> list[Part]:
    """Items with the same folder and verdict become one part. Of very many, the items are not kept."""
    groups: dict[tuple[Place, Verdict], _Group] = {}
    for item, verdict in judged:
        groups.setdefault((item.ref.place, verdict), _Group()).add(item, verdict, terms)
    return [
        Part(
            place,
            verdict,
            tuple(group.keys),
            group.oldest.astimezone(terms.zone).date() if group.oldest else None,
            group.newest.astimezone(terms.zone).date() if group.newest else None,
            tuple(group.items),
        )
        for (place, verdict), group in groups.items()
    ]


@dataclass(slots=True)
class _Group:
    """A part in the making."""

    keys: list[Key] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, item: Item, verdict: Verdict, terms: Terms) -> None:
        self.keys.append(item.ref.key)
        if isinstance(verdict, Refile) or verdict.reason is Reason.ERASURE:
            self.items.append(item)
        received = item.received
        if received is not None and terms.believes(received):
            self.oldest = min(received, self.oldest or received)
            self.newest = max(received, self.newest or received)


def _merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with the same folder and verdict become one (a lot, and the items near its edge)."""
    groups: dict[tuple[Place, Verdict], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.place, part.verdict), []).append(part)
    return tuple(
        group[0]
        if len(group) == 1
        else Part(
            place,
            verdict,
            tuple(sorted((key for part in group for key in part.keys), key=_order)),
            min((part.oldest for part in group if part.oldest), default=None),
            max((part.newest for part in group if part.newest), default=None),
        )
        for (place, verdict), group in groups.items()
    )


def _order(key: Key) -> tuple[int, str]:
    return (key, "") if isinstance(key, int) else (0, key)
