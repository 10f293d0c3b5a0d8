"""A Snapshot becomes a Plan: every item that was looked at stands in exactly one part of it.

Parts are grouped by folder and verdict. The plan's digest names it: two plans with the same digest
would do the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias

from retentiond.core.conversations import Conversations, Owners, conversations_of
from retentiond.core.erasure import judge_for_erasure
from retentiond.core.holds import Register
from retentiond.core.model import (
    Census,
    Destroy,
    FolderView,
    Gap,
    Helpline,
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
    Review,
    Snapshot,
    TargetView,
    Verdict,
)
from retentiond.core.policy import Terms, judge, judge_lot, judge_stray
from retentiond.core.replies import Threads, recognise, threads_of

#: Why the register of holds keeps an item that bears no sign of one.
Kept: TypeAlias = Mapping[Ref, Reason]


@dataclass(frozen=True, slots=True)
class Part:
    """Items of one folder with one verdict. `oldest` and `newest` bound their days of receipt, in the
    policy's zone, where known. The part of a refile or an erasure holds its `items`, in order of key."""

    place: Place
    verdict: Verdict
    keys: tuple[Key, ...]
    oldest: date | None = None
    newest: date | None = None
    items: tuple[Item, ...] = ()

    def cut_to(self, allowed: frozenset[Key]) -> Part:
        """This part without the keys that are not allowed."""
        return Part(
            self.place,
            self.verdict,
            tuple(key for key in self.keys if key in allowed),
            self.oldest,
            self.newest,
            tuple(item for item in self.items if item.ref.key in allowed),
        )


#: What waits for another mailbox that was away.
_WAITING = frozenset((Reason.CONVERSATION_UNKNOWN, Reason.HOME_UNREACHABLE))


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What is to become of one target's items, and what its folders hold."""

    target: str
    kind: Kind
    parts: tuple[Part, ...]
    censuses: tuple[Census, ...]

    def of(self, *kinds: type) -> Iterator[Part]:
        """The parts with verdicts of these kinds."""
        return (part for part in self.parts if isinstance(part.verdict, kinds))

    def count(self, *kinds: type) -> int:
        """How many items have verdicts of these kinds."""
        return sum(len(part.keys) for part in self.of(*kinds))

    @property
    def due(self) -> int:
        """How many items are to be destroyed."""
        return self.count(Destroy)

    @property
    def astray(self) -> int:
        """How many replies are to be brought home."""
        return self.count(Refile)

    @property
    def ahead(self) -> int:
        """The forecast: how many will be due by the day that the question named, what is due now
        included; of an advisor's mailbox what is astray there now."""
        if self.kind is Kind.ADVISOR:
            return self.due + self.astray
        return sum(census.ahead or 0 for census in self.censuses)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to do here."""
        return not self.due and not self.astray

    @property
    def is_whole(self) -> bool:
        """Whether nothing waits here for a mailbox that could not be looked at."""
        return all(part.verdict.reason not in _WAITING for part in self.parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of everything that was looked at, made from a look at `made` (aware).

    `register` is what the look made of the register of holds; None where there is no ledger.
    """

    made: datetime
    targets: tuple[TargetPlan, ...]
    gaps: tuple[Gap, ...] = ()
    register: Register | None = None

    def target(self, name: str) -> TargetPlan | None:
        """The plan of one target; None where it could not be looked at."""
        return next((plan for plan in self.targets if plan.target == name), None)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over everything that the plan would do."""
        return hashlib.sha256(canonical_deeds(self.targets)).hexdigest()


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
    homes = frozenset(view.target for view in snapshot.views if view.kind is Kind.HELPLINE)
    now = ahead = None
    if house.by_conversation:
        now = conversations_of(snapshot, house.terms, owners, house.mailboxes)
        ahead = conversations_of(snapshot, house.ahead, owners, house.mailboxes)
    plans = []
    for view in snapshot.views:
        if house.correspondents:
            judged = _judged_for_erasure(view, house, owners, held)
        elif view.kind is not Kind.ADVISOR:
            judged = _judged_own(view, house, now, held)
        else:
            judged = _judged_advisor(view, house, homes, owners, now, held)
        censuses = tuple(_foreseen(folder, view, house, ahead) for folder in view.folders)
        plans.append(TargetPlan(view.target, view.kind, judged, censuses))
    return Plan(snapshot.now, tuple(plans), snapshot.gaps, register)


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


# ── a plan as text ───────────────────────────────────────────────────────────────────────────────


def canonical_deeds(targets: Iterable[TargetPlan]) -> bytes:
    """What plans would do, as canonical JSON: the same bytes for the same deeds."""
    deeds = [
        {
            "target": part.place.target,
            "folder": part.place.folder,
            "version": part.place.version,
            "verdict": verdict_name(part.verdict),
            "reason": part.verdict.reason.value,
            "home": part.verdict.home if isinstance(part.verdict, Refile) else "",
            "keys": ranges(part.keys),
        }
        for plan in targets
        for part in plan.of(Destroy, Refile)
    ]
    deeds.sort(key=lambda deed: json.dumps(deed, sort_keys=True))
    return json.dumps(deeds, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def verdict_name(verdict: Verdict) -> str:
    """`keep`, `refile`, `destroy`, `hold` or `review`."""
    match verdict:
        case Keep():
            return "keep"
        case Refile():
            return "refile"
        case Destroy():
            return "destroy"
        case Hold():
            return "hold"
        case Review():
            return "review"


def ranges(keys: Iterable[Key]) -> str:
    """Keys as text: numbers as ranges (`1:500,600`), others as JSON. `keys_from` reads it back."""
    keys = tuple(keys)
    if keys and not isinstance(keys[0], int):
        return json.dumps(keys, separators=(",", ":"), ensure_ascii=True)
    numbers = sorted(key for key in keys if isinstance(key, int))
    runs: list[str] = []
    index = 0
    while index < len(numbers):
        first = last = numbers[index]
        while index + 1 < len(numbers) and numbers[index + 1] == last + 1:
            index += 1
            last = numbers[index]
        runs.append(str(first) if first == last else f"{first}:{last}")
        index += 1
    return ",".join(runs)


def keys_from(text: str) -> tuple[Key, ...]:
    """The keys that `ranges` wrote. Raises ValueError on anything else."""
    if text.startswith("["):
        keys = json.loads(text)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("not a list of keys")
        return tuple(keys)
    numbers: list[Key] = []
    for run in text.split(",") if text else ():
        first, _, last = run.partition(":")
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)
