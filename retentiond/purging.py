"""What a person asks for beside the nightly rule: an older day, or one correspondent's erasure (P9).

Both are sweeps of an estate that asks another question: the same look, judgement, deeds, second look and
book. What is shown is what is agreed to, and no more than that is done.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond.audit import (
    NOBODY_HEARS,
    Progress,
    Reviewed,
    approve_all,
    concerned,
    findings_of,
    look_and_judge,
    refuse_gaps,
    standings_of,
)
from retentiond.core.approval import Request, Wish
from retentiond.core.chain import Value
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import MoreThanAgreed, agree
from retentiond.core.model import Destroy, Hindrance, Hold, Reason, Review
from retentiond.core.plan import Plan, TargetPlan
from retentiond.errors import NotArmed, PurgeRefused
from retentiond.recovery import going_on_from
from retentiond.sweep import Report, sweep
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

#: With one of these, an erasure has left something undone and must be run again.
_UNDONE = frozenset((Cause.UNREACHABLE, Cause.UNARMED, Cause.CHANGED, Cause.FAILED, Cause.STILL_THERE))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be destroyed, by a look that changed nothing. `only` is the one target that it is about."""

    estate: Estate
    plan: Plan
    findings: tuple[Finding, ...]
    only: str | None = None

    @property
    def number(self) -> int:
        """How many items would be destroyed."""
        return self.count(Destroy)

    def count(self, kind: type) -> int:
        """How many items have a verdict of this kind."""
        return sum(each.count(kind) for each in self._targets)

    @property
    def is_early(self) -> bool:
        """Whether anything of it is younger than its period."""
        return any(
            part.verdict.reason is Reason.ON_DEMAND for each in self._targets for part in each.of(Destroy)
        )

    def request(self, wish: Wish) -> Request:
        """What a second person is asked to agree to."""
        return Request(wish, tuple(each.target for each in self._targets), self.plan.digest, self.number)

    def agreed(self, number: int) -> Reviewed:
        """What was shown, for somebody agreed to this number. Raises PurgeRefused where it is more."""
        shown = agree(self._targets, number)
        if isinstance(shown, MoreThanAgreed):
            raise PurgeRefused(number, shown.found)
        return shown

    @property
    def _targets(self) -> list[TargetPlan]:
        return [each for each in self.plan.targets if self.only in (None, each.target)]


def propose(
    estate: Estate,
    book: Ledger,
    now: datetime,
    *,
    only: str | None = None,
    progress: Progress = NOBODY_HEARS,
) -> Proposal:
    """Looks and judges. Raises ClockDoubted, Unreachable where a mailbox could not be looked at, NotArmed
    where something would go from a target that is not armed: all of it is done, or nothing."""
    plan = look_and_judge(estate, concerned(estate, only), now, book, progress)
    refuse_gaps(plan)
    _, broken = approve_all(plan, standings_of(estate, book), estate, only, {})
    for finding in broken:
        if finding.cause is Cause.UNARMED:
            raise NotArmed(finding.target, finding.count)
    return Proposal(estate, plan, tuple(findings_of(estate, plan, now)), only)


def purge(
    proposal: Proposal,
    number: int,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    day: str,
    who: str,
    wait_seconds: float = 0,
    progress: Progress = NOBODY_HEARS,
) -> Report:
    """Destroys what was shown of one target, received before `day` (ISO). Raises as `sweep` does."""
    assert proposal.only is not None, "a purge is of one target"
    fields: dict[str, Value] = {"target": proposal.only, "before": day, "number": proposal.number, "who": who}
    reviewed = proposal.agreed(number)
    return sweep(
        proposal.estate,
        book,
        locks,
        now,
        only=proposal.only,
        reviewed=reviewed,
        before_acting=lambda when: book.record("purge", fields, when),
        wait_seconds=wait_seconds,
        progress=progress,
    )


@dataclass(frozen=True, slots=True)
class Erasure:
    """What came of an erasure. Unless it `is_finished`, it must be run again under the same receipt."""

    receipt: str
    report: Report
    held: int
    for_review: int

    @property
    def is_finished(self) -> bool:
        return not any(_is_undone(finding, self.report) for finding in self.report.findings)


def new_receipt() -> str:
    """A random number of which nothing can be learnt: `E-` and 16 hexadecimal digits."""
    return f"E-{secrets.token_hex(8)}"


def erase(
    proposal: Proposal,
    number: int,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    receipt: str,
    who: str,
    wait_seconds: float = 0,
    progress: Progress = NOBODY_HEARS,
) -> Erasure:
    """Destroys what was shown of one correspondent's mail, everywhere. Raises as `sweep` does, and
    Unreachable where one mailbox is held by another sweep: then nothing is done anywhere."""
    fields: dict[str, Value] = {"number": proposal.number, "who": who}
    reviewed, time = proposal.agreed(number), going_on_from(now)
    report = sweep(
        proposal.estate,
        book,
        locks,
        now,
        reviewed=reviewed,
        before_acting=lambda when: book.begin_erasure(receipt, fields, when),
        wait_seconds=wait_seconds,
        progress=progress,
    )
    done = Erasure(
        receipt,
        report,
        sum(each.count(Hold) for each in report.second.targets),
        sum(each.count(Review) for each in report.second.targets),
    )
    book.end_erasure(receipt, _counts(report), time(), is_finished=done.is_finished)
    return done


def _is_undone(finding: Finding, report: Report) -> bool:
    """What the server keeps for a time is out of our hands; anything else that stayed must be tried again."""
    if finding.cause is Cause.HINDERED:
        return finding.detail != Hindrance.SERVER_KEEPS
    return finding.cause in _UNDONE


def _counts(report: Report) -> dict[str, dict[str, int]]:
    """By target: outcomes, and what was kept by a hold or for a person to look at."""
    counts: dict[str, Counter[str]] = {}
    for outcome in report.outcomes:
        counts.setdefault(outcome.place.target, Counter())[outcome.result.value] += len(outcome.keys)
    for target in report.second.targets:
        for what, kind in (("kept by a hold", Hold), ("kept for review", Review)):
            if kept := target.count(kind):
                counts.setdefault(target.target, Counter())[what] += kept
    return {target: dict(each) for target, each in counts.items()}
