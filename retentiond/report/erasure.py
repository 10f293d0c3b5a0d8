"""The one answer to everybody who asks for an erasure, true whether mail was found, held or absent (P9).

docs/admin/erasure.md has it word for word (a test keeps both the same). It says nothing of what was found.
"""

from __future__ import annotations

from typing import Final

ANSWER: Final = """\
Your request has been dealt with. Its receipt number is {receipt}.

We do not tell anybody whether somebody has been in touch with us, or whether
we hold anything about them. So this answer is the same for everybody who
asks, whatever we found.

On a request like yours we erase the mail that we find from and to the
addresses that you gave us. We keep only what we have to: mail that somebody's
safety or a duty in law requires us to keep for now, and mail that concerns
another person as well. It goes when that reason or its period is over. Copies
that our systems keep for a limited time, in case of failure, go with that
time.
"""


def answer(receipt: str) -> str:
    """What the requester is told, and nothing else."""
    return ANSWER.format(receipt=receipt)
