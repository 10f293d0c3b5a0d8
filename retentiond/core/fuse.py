"""Plan and limits become Approved, or every limit that was broken. There is no way round it.

Nothing falls due by surprise: dates of receipt do not change, so what will be due is counted ahead.
Only `approve` and `approve_reviewed` make an Approved, and only an Approved is carried out. What persons
ask for beside the nightly rule (a reviewed plan, a purge, an erasure) carries its own number (`agree`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from retentiond.core.model import Destroy, Key, Place, Reason, Refile, Verdict
from retentiond.core.period import Period
from retentiond.core.plan import Part, TargetPlan

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Arming:
    """Who let a target loose, on what. `rules` is the digest without the period; `number` is N.

    `strays` and `forecast` are the counts that were seen; `told` is the day since when the advisors
    have been told (ISO; for an advisor's mailbox). `longest` is for how long a conversation may keep one
    of its members; empty where each is kept by its own date.
    """

    rules: str
    period: str
    number: int
    strays: int
    forecast: int
    when: datetime
    who: str
    keeps_copies: bool | None
    told: str = ""
    longest: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many items were to fall due soon, by the last count, and how many were destroyed since."""

    count: int
    made: datetime
    destroyed_since: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may surprise us before a target stops (configurable; `[limits]`)."""

    unforeseen: int = 25
    strays: int = 100
    forecast_days: int = 35


@dataclass(frozen=True, slots=True)
class Standing:
    """What the book says of a target, beside its rules of today. `longest` is for how long a conversation may
    keep something there; None where each item is kept by its own date."""

    rules: str
    period: Period
    arming: Arming | None = None
    forecast: Forecast | None = None
    longest: Period | None = None

    @property
    def is_armed(self) -> bool:
        """Whether somebody let this target loose under rules that took at least as much."""
        return self.arming is not None and self.arming.rules == self.rules and not self.keeps_less

    @property
    def keeps_less(self) -> bool:
        """Whether mail may go sooner than was last agreed to: only persons may agree to that."""
        if self.arming is None:
            return False
        period = Period.parse(self.arming.period)
        longest = Period.parse(self.arming.longest) if self.arming.longest else period
        kept = self.longest or self.period
        return not (self.period.is_never_shorter_than(period) and kept.is_never_shorter_than(longest))

    @property
    def foreseen(self) -> int:
        """How many items may leave this target without surprise."""
        if self.forecast is None:
            return 0
        return max(0, self.forecast.count - self.forecast.destroyed_since)


@dataclass(frozen=True, slots=True)
class Unarmed:
    """Looked at and reported, and untouched, until it is armed."""

    target: str
    due: int
    astray: int


@dataclass(frozen=True, slots=True)
class Unforeseen:
    """More is due than was counted ahead: an import, a shortened period, a clock, a long outage."""

    target: str
    planned: int
    foreseen: int
    limit: int


@dataclass(frozen=True, slots=True)
class TooManyStrays:
    """More replies are astray in one advisor's folders than arming, or the last sweep, showed."""

    target: str
    planned: int
    foreseen: int
    limit: int


@dataclass(frozen=True, slots=True)
class HomeUnarmed:
    """Strays of a helpline that is itself not armed stay where they are; nothing else is stopped."""

    target: str
    home: str
    count: int


@dataclass(frozen=True, slots=True)
class MoreThanAgreed:
    """More would be destroyed than the number that somebody typed."""

    found: int
    agreed: int


Broken: TypeAlias = Unarmed | Unforeseen | TooManyStrays | HomeUnarmed


class Approved:
    """A target's plan that passed the fuse."""

    __slots__ = ("parts", "target", "withheld")

    def __init__(
        self, seal: object, target: str, parts: tuple[Part, ...], withheld: tuple[HomeUnarmed, ...]
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only the fuse makes an Approved")
        self.target = target
        self.parts = parts
        self.withheld = withheld


def approve(
    plan: TargetPlan, standings: Mapping[str, Standing], limits: Limits
) -> Approved | tuple[Broken, ...]:
    """The plan's deeds if they are foreseen and the target is armed, else every reason against."""
    standing = standings[plan.target]
    if not standing.is_armed:
        return () if plan.is_clean else (Unarmed(plan.target, plan.due, plan.astray),)
    broken: list[Broken] = []
    if plan.due > standing.foreseen + limits.unforeseen:
        broken.append(Unforeseen(plan.target, plan.due, standing.foreseen, limits.unforeseen))
    if plan.astray > standing.foreseen + limits.strays:
        broken.append(TooManyStrays(plan.target, plan.astray, standing.foreseen, limits.strays))
    return tuple(broken) if broken else _approved(plan, plan.of(Destroy, Refile), standings)


def agree(plans: Iterable[TargetPlan], number: int) -> dict[Place, frozenset[Key]] | MoreThanAgreed:
    """What was shown, for `approve_reviewed`, if it is no more than the number typed on seeing it."""
    parts = [part for plan in plans for part in plan.of(Destroy)]
    found = sum(len(part.keys) for part in parts)
    if found > number:
        return MoreThanAgreed(found, number)
    shown: dict[Place, frozenset[Key]] = {}
    for part in parts:
        shown[part.place] = shown.get(part.place, frozenset()) | frozenset(part.keys)
    return shown


def approve_reviewed(
    plan: TargetPlan, reviewed: Mapping[Place, frozenset[Key]], standings: Mapping[str, Standing]
) -> Approved | tuple[Broken, ...]:
    """What stands both in the fresh plan and in a reviewed one: the review is its own number.

    `reviewed` maps a Place (its version included) to the keys that were reviewed there.
    """
    if not standings[plan.target].is_armed:
        return () if plan.is_clean else (Unarmed(plan.target, plan.due, plan.astray),)
    cut = (part.cut_to(reviewed.get(part.place, frozenset())) for part in plan.of(Destroy, Refile))
    return _approved(plan, (part for part in cut if part.keys), standings)


def _approved(plan: TargetPlan, parts: Iterable[Part], standings: Mapping[str, Standing]) -> Approved:
    """What may be done. Where the look saw that nothing can be destroyed, nothing is tried."""
    hindered = {census.place for census in plan.censuses if census.hindrance is not None}
    allowed: list[Part] = []
    withheld: Counter[str] = Counter()
    for part in parts:
        if part.place in hindered:
            continue
        home = _awaited_home(part.verdict, standings)
        if home is not None:
            withheld[home] += len(part.keys)
        else:
            allowed.append(part)
    waiting = tuple(HomeUnarmed(plan.target, home, count) for home, count in sorted(withheld.items()))
    return Approved(_SEAL, plan.target, tuple(allowed), waiting)


def _awaited_home(verdict: Verdict, standings: Mapping[str, Standing]) -> str | None:
    """The helpline that must be armed first: a stray comes home to no other, and one that is overdue by a
    period that nobody has agreed to stays (its advisor was armed for the shortest of all periods)."""
    match verdict:
        case Refile(home) if not standings[home].is_armed:
            return home
        case Destroy(Reason.ASTRAY_OVERDUE, str(home)) if standings[home].keeps_less:
            return home
        case _:
            return None
