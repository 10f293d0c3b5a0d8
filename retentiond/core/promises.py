"""The promise over many nights: since when something is wrong, and when somebody must be told (disaster 2).

A finding is what one sweep saw; a concern is a finding that is remembered until it is gone. Some are
told at once, some only when a few nights did not mend them: a server that was away for an hour is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from retentiond.core.chain import HOUSE
from retentiond.core.findings import Cause, Finding
from retentiond.core.model import Destroy, Hindrance
from retentiond.core.period import Period, start_of
from retentiond.core.plan import Plan
from retentiond.errors import Exit, Why

#: How long something may be due and neither destroyed nor held.
PATIENCE = timedelta(hours=48)
#: After so long a concern that nobody mended is told again.
AGAIN = timedelta(days=1)
#: After so long it is told to the second recipient as well.
NOBODY_ANSWERED = timedelta(days=3)
#: For so long it is enough that somebody said "I have seen it"; then it is for the second recipient again.
SEEN_IS_ENOUGH = timedelta(days=14)


class Worry(StrEnum):
    """What can be wrong that no finding of a sweep says. `house` is the target of all but the first and of
    a target that left the configuration."""

    OVERDUE = "overdue"
    NO_SWEEP = "no-sweep"
    PAUSED = "paused"
    CLOCK = "clock"
    CRASHED = "crashed"
    LEDGER = "ledger"
    STRAY_LOST = "stray-lost"
    STOPPED = "stopped"
    ABANDONED = "abandoned"


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
#: Why a mailbox could not be looked at, where no later sweep mends it and each one tries again: told at once.
_WRONG_SECRET = (Why.PASSWORD, Why.NO_SECRET)
#: What is told by the server's own day, where that is known: `numbers` holds it as an ordinal.
_UNTIL_A_DAY = (Cause.KEPT_BY_SERVER, Cause.HINDERED)


#: The exit code of a round that ends with it; of what is missing here it is that of a finding.
_EXITS: Mapping[str, int] = {
    Cause.UNREACHABLE: Exit.UNREACHED,
    **dict.fromkeys((Cause.UNFORESEEN, Cause.TOO_MANY_STRAYS), Exit.STOPPED),
    **dict.fromkeys((Worry.CLOCK, Worry.STOPPED, Worry.PAUSED), Exit.STOPPED),
    **dict.fromkeys((Worry.LEDGER, Worry.STRAY_LOST), Exit.LEDGER),
}


@dataclass(frozen=True, slots=True, order=True)
class Concern:
    """Something that is wrong since a moment (aware). `cause` is a Cause or a Worry; the fields are a
    Finding's. `told` is when it was last told by mail, `seen` when somebody said that it was seen; None
    where that was not yet."""

    target: str
    cause: str
    since: datetime
    count: int = 0
    folder: str = ""
    detail: str = ""
    numbers: tuple[int, ...] = ()
    told: datetime | None = None
    seen: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """By what it is the same concern the next night."""
        return (self.target, self.cause, self.folder)

    @property
    def is_broken(self) -> bool:
        """Whether a promise is not kept. A Review that is not overdue only waits for a person, as does a
        hold, until its own review is overdue for a month."""
        match self.cause:
            case Cause.REVIEW:
                return bool(self.numbers)
            case Cause.HOLD_UNSTATED | Cause.HOLD_VANISHED:
                return False
            case Cause.HOLD_OVERDUE:
                return len(self.numbers) > 1
            case _:
                return True

    @property
    def exit_code(self) -> int:
        """What a round that ends with this exits with, as a sweep with such a finding does."""
        return _EXITS.get(self.cause, Exit.FINDINGS) if self.is_broken else Exit.DONE

    def is_grave(self, now: datetime) -> bool:
        """Whether somebody must be told by now."""
        if not self.is_broken:
            return False
        return now >= self._became_grave

    def must_be_told(self, now: datetime) -> bool:
        """Whether it is grave and was not told within a day. A clock that jumped does not silence it."""
        return self.is_grave(now) and (self.told is None or abs(now - self.told) >= AGAIN)

    def needs_another(self, now: datetime) -> bool:
        """Whether nobody did anything about it for three days after it had become grave, nor said that
        they had seen it. A hold past its review was left alone for a month by then."""
        if self.seen is not None and abs(now - self.seen) < SEEN_IS_ENOUGH:
            return False
        is_old = self.cause == Cause.HOLD_OVERDUE or now - self._became_grave >= NOBODY_ANSWERED
        return self.is_grave(now) and is_old

    @property
    def _began(self) -> datetime:
        """A copy that a server keeps until a day of its own is only late after that day."""
        if self.cause in _UNTIL_A_DAY and self.numbers:
            day = date.fromordinal(self.numbers[0])
            return max(self.since, datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
        return self.since

    @property
    def _became_grave(self) -> datetime:
        if self.cause == Cause.UNREACHABLE and self.detail in _WRONG_SECRET:
            return self._began
        return self._began + _LEFT.get(self.cause, timedelta())


def of_findings(findings: Iterable[Finding], now: datetime) -> list[Concern]:
    """Each finding as a concern since this moment; what is only worth knowing is none. An unarmed target's
    itself knows for how many days it has been one."""
    concerns = []
    for each in findings:
        if each.cause is Cause.NOTICE and each.exit_code == Exit.DONE:
            continue
        has_waited = each.cause is Cause.UNARMED and len(each.numbers) > 2
        since = now - timedelta(days=each.numbers[2]) if has_waited else now
        concerns.append(
            Concern(each.target, each.cause, since, each.count, each.folder, each.detail, each.numbers)
        )
    return concerns


def overdue(plan: Plan, periods: Mapping[str, Period], zone: tzinfo, now: datetime) -> list[Concern]:
    """What is due for more than 48 hours and stands in the plan of the last look, by target.

    `numbers` is for how many days the oldest of them has been due. What a server keeps until a day that it
    named is a finding of its own, and late only after that day.
    """
    found = []
    for target in plan.targets:
        late: list[int] = []
        days = 0
        waiting = {
            census.place
            for census in target.censuses
            if census.hindrance is Hindrance.SERVER_KEEPS and census.kept_until is not None
        }
        for part in target.of(Destroy):
            if part.oldest is None or part.place in waiting:
                continue
            owner = part.verdict.on_behalf_of if isinstance(part.verdict, Destroy) else None
            day = periods[owner or target.target].after(part.oldest) + timedelta(days=1)
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
            replace(
                each,
                since=min(each.since, known[each.key].since),
                told=known[each.key].told,
                seen=known[each.key].seen,
            )
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


def still_kept(
    before: Iterable[Concern], found: Iterable[Concern], keeps: Mapping[str, bool], now: datetime
) -> list[Concern]:
    """The copies that a server kept after an earlier sweep and may keep still: no later sweep says so by
    itself, for what was removed is not looked for again.

    Until the server's own day, and after it until the target was looked at (`keeps` names those) and
    nothing in the way was found there; where no day is known, while its copies were last seen to be kept.
    """
    anew = {
        each.target
        for each in found
        if each.cause == Cause.KEPT_BY_SERVER or each.detail == Hindrance.SERVER_KEEPS
    }
    still = []
    for each in before:
        if each.cause != Cause.KEPT_BY_SERVER or each.target in anew:
            continue
        is_waiting = bool(each.numbers) and now.date() <= date.fromordinal(each.numbers[0])
        is_looked_at = each.target in keeps
        if is_waiting or not is_looked_at or (not each.numbers and keeps[each.target]):
            still.append(each)
    return still
