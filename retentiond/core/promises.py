"""The promise over many nights: since when something is wrong, and when somebody must be told (disaster 2).

A finding is what one sweep saw; a concern is a finding that is remembered until it is gone. Some are
told at once, some only when a few nights did not mend them: a server that was away for an hour is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from retentiond.core.chain import HOUSE
from retentiond.core.findings import Cause, Finding
from retentiond.core.model import Destroy
from retentiond.core.period import Period, start_of
from retentiond.core.plan import Plan
from retentiond.errors import Exit

#: How long something may be due and neither destroyed nor held.
PATIENCE = timedelta(hours=48)
#: After so long a concern that nobody mended is told again.
AGAIN = timedelta(days=1)
#: After so long it is told to the second recipient as well.
NOBODY_ANSWERED = timedelta(days=3)


class Worry(StrEnum):
    """What can be wrong that no finding of a sweep says. `house` is the target of all but the first."""

    OVERDUE = "overdue"
    NO_SWEEP = "no-sweep"
    PAUSED = "paused"
    CLOCK = "clock"
    CRASHED = "crashed"
    LEDGER = "ledger"
    STRAY_LOST = "stray-lost"
    STOPPED = "stopped"


#: For how long a concern is left to the next sweeps before it is told. What is missing here is told at
#: once.
_LEFT: Mapping[str, timedelta] = {
    Cause.UNREACHABLE: timedelta(hours=24),
    Cause.HOME_UNREACHABLE: timedelta(hours=24),
    Cause.CONVERSATION_UNKNOWN: timedelta(hours=24),
    Cause.UNARMED: timedelta(days=7),
    Cause.HOME_UNARMED: timedelta(days=7),
    Cause.HINDERED: PATIENCE,
    Cause.CHANGED: PATIENCE,
    Cause.FAILED: PATIENCE,
    Cause.STILL_THERE: PATIENCE,
    Cause.NOTICE: PATIENCE,
    Worry.PAUSED: timedelta(days=7),
}


@dataclass(frozen=True, slots=True, order=True)
class Concern:
    """Something that is wrong since a moment (aware). `cause` is a Cause or a Worry; the fields are a
    Finding's. `told` is when it was last told by mail; None where it was not yet."""

    target: str
    cause: str
    since: datetime
    count: int = 0
    folder: str = ""
    detail: str = ""
    numbers: tuple[int, ...] = ()
    told: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """By what it is the same concern the next night."""
        return (self.target, self.cause, self.folder)

    @property
    def is_broken(self) -> bool:
        """Whether a promise is not kept. A Review that is not overdue only waits for a person."""
        return self.cause != Cause.REVIEW or bool(self.numbers)

    def is_grave(self, now: datetime) -> bool:
        """Whether somebody must be told by now."""
        if not self.is_broken:
            return False
        return now - self._began >= _LEFT.get(self.cause, timedelta())

    def must_be_told(self, now: datetime) -> bool:
        """Whether it is grave and was not told within a day. A clock that jumped does not silence it."""
        return self.is_grave(now) and (self.told is None or abs(now - self.told) >= AGAIN)

    def needs_another(self, now: datetime) -> bool:
        """Whether nobody did anything about it for three days after it had become grave."""
        return self.is_grave(now) and now - self._became_grave >= NOBODY_ANSWERED

    @property
    def _began(self) -> datetime:
        """An unarmed target's finding itself knows for how many days it has been one."""
        if self.cause == Cause.UNARMED and len(self.numbers) > 2:
            return min(self.since, self.since - timedelta(days=self.numbers[2]))
        return self.since

    @property
    def _became_grave(self) -> datetime:
        return self._began + _LEFT.get(self.cause, timedelta())


def of_findings(findings: Iterable[Finding], now: datetime) -> list[Concern]:
    """Each finding as a concern of this moment; what is only worth knowing is none."""
    return [
        Concern(each.target, each.cause, now, each.count, each.folder, each.detail, each.numbers)
        for each in findings
        if each.cause is not Cause.NOTICE or each.exit_code != Exit.DONE
    ]


def overdue(plan: Plan, periods: Mapping[str, Period], zone: tzinfo, now: datetime) -> list[Concern]:
    """What is due for more than 48 hours and stands in the plan of the last look, by target.

    `numbers` is for how many days the oldest of them has been due.
    """
    found = []
    for target in plan.targets:
        late: list[int] = []
        days = 0
        for part in target.of(Destroy):
            if part.oldest is None:
                continue
            day = periods[target.target].after(part.oldest) + timedelta(days=1)
            waited = now - start_of(day, zone)
            if waited > PATIENCE:
                late.append(len(part.keys))
                days = max(days, waited.days)
        if late:
            found.append(Concern(target.target, Worry.OVERDUE, now, sum(late), numbers=(days,)))
    return found


def without_unarmed(concerns: Sequence[Concern]) -> list[Concern]:
    """Without what is overdue in targets that are not armed: that is a concern with a term of its own."""
    unarmed = {each.target for each in concerns if each.cause == Cause.UNARMED}
    return [each for each in concerns if each.cause != Worry.OVERDUE or each.target not in unarmed]


def remembered(concerns: Iterable[Concern], before: Iterable[Concern]) -> tuple[Concern, ...]:
    """The concerns of now, each since when it was first one, sorted."""
    known = {each.key: each for each in before}
    return tuple(
        sorted(
            replace(each, since=min(each.since, known[each.key].since), told=known[each.key].told)
            if each.key in known
            else each
            for each in concerns
        )
    )


def no_sweep(finished: datetime | None, now: datetime) -> Concern | None:
    """That no sweep has come to its end for more than 48 hours. Nothing where there never was one."""
    if finished is None or now - finished <= PATIENCE:
        return None
    return Concern(HOUSE, Worry.NO_SWEEP, finished, numbers=((now - finished).days,))
