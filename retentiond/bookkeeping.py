"""What a sweep writes into the book beside its deeds: holds, what armed itself, what is foreseen, counts.

Nothing here destroys; but what is written decides what may be destroyed next time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from retentiond.audit import standings_of
from retentiond.core.deeds import Outcome
from retentiond.core.findings import Cause, Finding
from retentiond.core.fuse import Approved, Arming, Standing
from retentiond.core.model import Kind
from retentiond.core.plan import Plan
from retentiond.errors import Exit
from retentiond.logs import get_logger
from retentiond.survey import item_mark
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger

_log = get_logger()


def keep_register(plan: Plan, book: Ledger, now: datetime) -> None:
    """What the look made of the register of holds is written before anything is destroyed by it."""
    register = plan.register
    if register is None:
        return
    book.holds.settle(register, now)
    for target in sorted({hold.target for hold in register.found}):
        _log.info("hold.found", target=target, count=sum(hold.target == target for hold in register.found))
    gone = [hold for hold in register.holds if hold.has_vanished]
    for target in sorted({hold.target for hold in gone}):
        _log.warning("hold.vanished", target=target, count=sum(hold.target == target for hold in gone))


def since_when(broken: Sequence[Finding], plan: Plan, book: Ledger, now: datetime) -> list[Finding]:
    """Findings of unarmed targets learn for how many days they have been findings."""
    from retentiond.ledger import UNARMED  # here, for it brings SQLAlchemy

    unarmed = {finding.target for finding in broken if finding.cause is Cause.UNARMED}
    for target in plan.targets:
        if target.target not in unarmed and target.is_clean and target.is_whole:
            book.forget(UNARMED, target.target)
    return [
        replace(finding, numbers=(*finding.numbers, (now - book.unarmed_since(finding.target, now)).days))
        if finding.cause is Cause.UNARMED
        else finding
        for finding in broken
    ]


def arm_the_clean(
    plan: Plan,
    standings: Mapping[str, Standing],
    estate: Estate,
    book: Ledger,
    now: datetime,
    only: str | None,
) -> frozenset[str]:
    """A target with nothing due and nothing astray arms itself: there is nothing to be surprised by.

    Not an advisor while a helpline could not be looked at: what is astray is not known then. And not where
    mail would go sooner than was last agreed to: that is for persons to agree to (decision 0110).
    """
    armed = set()
    has_gap = any(gap.kind is Kind.HELPLINE for gap in plan.gaps)
    for target in plan.targets:
        if (only is not None and target.target != only) or (has_gap and target.kind is Kind.ADVISOR):
            continue
        standing = standings[target.target]
        if target.is_clean and target.is_whole and not standing.is_armed and not standing.keeps_less:
            of = estate.target(target.target)
            arming = Arming(
                of.rules,
                str(of.period),
                0,
                0,
                target.ahead,
                now,
                "itself, approvers = 1" if estate.approvers == 1 else "itself",
                keeps_copies=None,
                longest=str(of.longest or ""),
            )
            book.arm(target.target, arming)
            armed.add(target.target)
    return frozenset(armed)


def forecasts_of(
    second: Plan, approved: Mapping[str, Approved], estate: Estate, book: Ledger, *, is_purge: bool
) -> dict[str, int]:
    """What is foreseen from now on: counted anew only where the fuse let the target through, for what
    surprised us once must not be foreseen the next time because it was counted; and only where nothing
    waits for a mailbox that was away, for then nobody knows what its conversation keeps.

    After a purge what is counted may lower what is foreseen and never raise it: the purge was agreed to, and
    not what arrived beside it. The look of an erasure counts nothing.
    """
    if estate.correspondents:
        return {}
    counted = {
        target.target: target.ahead
        for target in second.targets
        if target.target in approved and target.is_whole
    }
    if not is_purge:
        return counted
    standings = standings_of(estate, book)
    return {name: min(count, standings[name].foreseen) for name, count in counted.items()}


def marks_of(approved: Mapping[str, Approved], estate: Estate) -> set[bytes]:
    """Every mark that could have been made of one person's mail: by none of them may it be looked up that
    this person ever wrote (P9). Forgotten before the deed: a crash after it would leave nobody to ask."""
    items = [item for each in approved.values() for part in each.parts for item in part.items]
    marks = {estate.marker.address(each) for each in estate.correspondents}
    marks |= {item.marks.message for item in items if item.marks.message is not None}
    return marks | {item_mark(estate.marker, item) for item in items}


def counts_of(outcomes: Sequence[Outcome], found: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """What the house chain keeps of a sweep: by target, outcomes, findings, and what only waits for a
    person and breaks no promise."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        of_target = counts.setdefault(outcome.place.target, {})
        of_target[outcome.result.value] = of_target.get(outcome.result.value, 0) + len(outcome.keys)
    for finding in found:
        of_target = counts.setdefault(finding.target, {})
        what = "findings" if finding.exit_code != Exit.DONE else "waiting"
        of_target[what] = of_target.get(what, 0) + 1
    return counts
