"""Letting a target loose: a fresh look, a number that somebody typed, and a test of the server.

Accepted only if no more is due than the number says, for what was agreed to must be what will happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond.audit import Progress, concerned, look_and_judge, refuse_gaps
from retentiond.core.fuse import Arming
from retentiond.core.model import Kind
from retentiond.core.plan import TargetPlan
from retentiond.errors import ArmingRefused, MailboxError, Unreachable, Why
from retentiond.locks import IN_SILENCE, Waiting, held
from retentiond.recovery import going_on_from
from retentiond.targets import Estate, Target

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Proposal:
    """What arming a target would let loose. `number` items would leave its folders."""

    target: Target
    plan: TargetPlan

    @property
    def number(self) -> int:
        """What `--destroy` must at least name: items destroyed, and strays that leave for home."""
        return self.plan.due + self.plan.astray

    @property
    def imported(self) -> tuple[str, ...]:
        """The folders of which more than a fifth was received on one day."""
        return tuple(census.place.folder for census in self.plan.censuses if census.looks_imported)


def propose(estate: Estate, name: str, book: Ledger, now: datetime) -> Proposal:
    """Looks at the target afresh. Raises Unreachable where it, or what is looked at with it, is a gap."""
    target = estate.target(name)
    plan = look_and_judge(estate, concerned(estate, name), now, book, Progress(), wants_days=True)
    refuse_gaps(plan)
    found = plan.target(name)
    assert found is not None, "a target that is no gap was looked at"
    return Proposal(target, found)


def arm(
    estate: Estate,
    name: str,
    number: int,
    book: Ledger,
    locks: Path,
    now: datetime,
    *,
    who: str,
    told: str = "",
    wait_seconds: float = 0,
    waiting: Waiting = IN_SILENCE,
) -> tuple[Arming, Proposal]:
    """Arms the target if at most `number` items would leave its folders, by a fresh look.

    A helpline's server is then tried with one test message of our own; an advisor's mailbox takes the
    result of nobody (None). Raises ArmingRefused with the new number, and Unreachable where another
    sweep holds the mailbox.
    """
    time = going_on_from(now)
    with held(locks, (name,), wait_seconds, waiting) as names:
        if name not in names:
            raise Unreachable(name, Why.LOCKED)
        now = time()  # waiting for the lock may have taken long
        proposal = propose(estate, name, book, now)
        if proposal.number > number:
            raise ArmingRefused(name, number, proposal.number)
        arming = Arming(
            rules=proposal.target.rules,
            period=str(proposal.target.period),
            number=number,
            strays=proposal.plan.astray,
            forecast=proposal.plan.ahead,
            when=now,
            who=who,
            keeps_copies=_keeps_copies(proposal.target),
            told=told,
            longest=str(proposal.target.longest or ""),
        )
        book.arm(name, arming)
    return arming, proposal


def _keeps_copies(target: Target) -> bool | None:
    """Whether the server still has what was destroyed; None where that could not be tried."""
    if target.kind is Kind.ADVISOR:
        return None
    try:
        with target.open() as mailbox:
            return mailbox.keeps_copies()
    except MailboxError:
        return None
