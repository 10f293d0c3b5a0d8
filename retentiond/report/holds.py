"""What is said of holds: how many, on which grounds, which are past their review (P6)."""

from __future__ import annotations

from typing import Any, Final

from retentiond.core.findings import Cause, Finding
from retentiond.core.holds import Ground, Register

#: The grounds in the policy's words.
GROUNDS: Final[dict[Ground, str]] = {
    Ground.CONSENT: "consent or request",
    Ground.CHILD: "child at risk",
    Ground.ADULT: "adult at risk",
    Ground.TERRORISM: "terrorism or bomb threat",
    Ground.STAFF: "threat to staff",
    Ground.INTERFERENCE: "interference with the service",
    Ground.CLAIM: "legal claim",
    Ground.OTHER: "other",
    Ground.NOT_STATED: "not stated",
}


def holds_sentences(register: Register | None) -> list[str]:
    """How many holds there are, by ground, and which are past their review; nothing without a register."""
    if register is None or not register.holds:
        return []
    said = [f"Holds: {grounds_sentence(register.grounds())}."]
    if late := register.past_review():
        said.append(f"Past their review: {', '.join(hold.id for hold in late)}.")
    return said


def grounds_sentence(counts: dict[Ground, int]) -> str:
    """`5 (child at risk 2, not stated 3)`."""
    by_ground = ", ".join(f"{GROUNDS[ground]} {count:,}" for ground, count in counts.items())
    return f"{sum(counts.values()):,} ({by_ground})" if counts else "none"


def as_document(register: Register | None) -> dict[str, Any]:
    """The same for a JSON document; nothing without a register."""
    if register is None:
        return {}
    return {
        "holds": {
            "total": len(register.holds),
            "by_ground": {ground.value: count for ground, count in register.grounds().items()},
            "past_review": [hold.id for hold in register.past_review()],
            "vanished": [hold.id for hold in register.holds if hold.has_vanished],
        }
    }


def hold_sentence(finding: Finding) -> str:
    """One sentence for a finding about holds, and the way on."""
    count = f"{finding.count:,} hold{'s' if finding.count > 1 else ''}"
    match finding.cause:
        case Cause.HOLD_OVERDUE:
            days, *is_too_long = finding.numbers
            broken = ": the promise is not kept" if is_too_long else ""
            late = f"(the oldest for {days} day{'s' if days > 1 else ''})"
            return f"{count} past their review {late}{broken}; see which: retentiond hold list --overdue"
        case Cause.HOLD_VANISHED:
            return (
                f"{count} lost their sign; what they held is kept for two weeks from then; set it again, or"
                " say that it may go: retentiond hold release ID"
            )
        case _:
            return (
                f"{count} known by the sign alone, with no ground stated; to complete: retentiond hold list,"
                " then retentiond hold review ID --ground … --until DATE"
            )
