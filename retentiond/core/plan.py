"""What is to become of everything that was looked at: each item stands in exactly one part of a Plan.

Parts are grouped by folder and verdict. The plan's digest names it: two plans with the same digest
would do the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from retentiond.core.holds import Register
from retentiond.core.model import (
    Beside,
    Census,
    Destroy,
    Gap,
    Hold,
    Item,
    Keep,
    Key,
    Kind,
    Place,
    Reason,
    Refile,
    Review,
    Verdict,
)


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
    """What is to become of one target's items, what its folders hold, and how much lies beside the mail."""

    target: str
    kind: Kind
    parts: tuple[Part, ...]
    censuses: tuple[Census, ...]
    beside: tuple[tuple[Beside, int], ...] = ()

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
