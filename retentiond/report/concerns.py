"""What is wrong, since when, and the way on: one sentence a concern, for the screen."""

from __future__ import annotations

from datetime import datetime

from retentiond.core.findings import Cause, Finding
from retentiond.core.promises import Concern, Worry
from retentiond.report.words import finding_sentence, items

#: What a worry of the house means, and the way on. What stands in braces is made of the concern.
WORRIES: dict[Worry, str] = {
    Worry.OVERDUE: "{items} due for more than 48 hours (the oldest for {days} days) and neither destroyed nor"
    " held; what hinders it stands beside this, else: retentiond audit",
    Worry.NO_SWEEP: "no sweep has come to its end for {days} days; is the service running? systemctl status"
    " retentiond",
    Worry.PAUSED: "paused until the end of {detail}: nothing is destroyed meanwhile; to go on before that:"
    " retentiond resume",
    Worry.CLOCK: "this machine's clock is in doubt, so nothing was touched; set it right (timedatectl)",
    Worry.CRASHED: "the last round ended with a fault of retentiond itself ({detail}); please report it, with"
    " the log's line crash.caught",
    Worry.LEDGER: "the ledger is missing, does not verify or cannot be written (a full disk?), and nothing is"
    " destroyed until that is mended: retentiond ledger verify",
    Worry.STRAY_LOST: "{items} on the way home stand in neither mailbox, and everything stops until somebody"
    " has looked, and says: retentiond ledger accept-loss {detail} --count {count}",
    Worry.ABANDONED: "is not in the configuration any more, and {left} in it when it was last looked at;"
    " put it back under this name, or say that nobody is to wait for it: retentiond retire {target}",
    Worry.STOPPED: "the last round came to no end ({detail}); it is tried again, and the log says why",
}


def concern_sentence(concern: Concern, now: datetime) -> str:
    """One sentence for a concern, without its target's alias at the front."""
    if concern.cause in set(Cause):
        cause = Cause(concern.cause)
        finding = Finding(
            concern.target, cause, concern.count, concern.folder, concern.detail, concern.numbers
        )
        return f"{finding_sentence(finding)}{_since(concern, now)}"
    days = concern.numbers[0] if concern.numbers else 0
    left = f"{items(concern.count)} were left" if concern.count else "it is not known what was left"
    words = WORRIES[Worry(concern.cause)].format(
        items=items(concern.count),
        count=concern.count,
        days=days,
        detail=concern.detail,
        left=left,
        target=concern.target,
    )
    return f"{words}{'' if concern.cause in (Worry.OVERDUE, Worry.NO_SWEEP) else _since(concern, now)}"


def _since(concern: Concern, now: datetime) -> str:
    days = (now - concern.since).days
    if days < 1:
        return ""
    return " (since yesterday)" if days == 1 else f" (for {days} days)"
