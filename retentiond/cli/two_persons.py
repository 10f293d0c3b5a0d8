"""What one person may not do alone: the first asks here, the second agrees by `retentiond approve`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256

from retentiond import approvals
from retentiond.approvals import Request
from retentiond.cli.caller import caller
from retentiond.cli.session import Session
from retentiond.errors import ApprovalRefused, SecondPersonNeeded


def digest_of(*parts: str) -> str:
    """What exactly is asked for, in one number: other parts, another request."""
    return sha256("\n".join(parts).encode()).hexdigest()


@contextmanager
def agreed_by_two(current: Session, request: Request, moment: datetime) -> Iterator[str]:
    """Around the deed: gives who agreed to it, for the ledger. Used up when the deed was done.

    With `approvers = 1` in the policy one person is enough, and the ledger keeps that. Raises
    SecondPersonNeeded with the code for `approve` where nobody has agreed yet, and ApprovalRefused.
    """
    if current.config.policy.approvers == 1:
        yield "approvers = 1"
        return
    by, directory = caller(), current.config.ledger.directory
    if by is None:
        raise ApprovalRefused("no-service")
    found = approvals.agreed(directory, request, moment)
    if found is None:
        asked = approvals.ask(directory, request, by.person, moment)
        raise SecondPersonNeeded(asked.code, request.number)
    yield f"agreed to by uid {found.agreed_by}"
    approvals.spend(directory, found, moment)
