"""The public statement: what is promised, in plain words, made from the very configuration in force (P10).

It names no mailbox and no server. It says that holds exist, and what is out of reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from retentiond.core.period import Period
from retentiond.report.monthly import OUT_OF_REACH


@dataclass(frozen=True, slots=True)
class Promise:
    """What a configuration promises. `mail` and `letters` are the periods in force, one for each target;
    `left_out` is whether folders are left out; `elsewhere` are what keeps copies too, and for how long.
    `server_keeps` is the longest for which a mail server was declared to keep what was removed.
    With `longest` an email and the responses to it go together, by the latest of them, and never later."""

    mail: Sequence[Period]
    letters: Sequence[Period]
    has_advisors: bool
    left_out: bool
    elsewhere: Sequence[tuple[str, Period]]
    longest: Period | None = None
    server_keeps: Period | None = None


def statement(promise: Promise) -> str:
    """The statement as Markdown, to be published as it is."""
    return "\n\n".join(["# How long we keep what you send us", *_paragraphs(promise)]) + "\n"


def _paragraphs(promise: Promise) -> Iterator[str]:
    yield (
        f"We keep a copy of an email that you send to our helplines, and of each response to it, for"
        f" {_periods(promise.mail)} {_counted(promise.longest)}. Then it is destroyed: in the shared"
        " mailboxes, in their sent mail and in their deleted mail."
    )
    if promise.server_keeps is not None:
        yield (
            "Our mail server keeps a hidden copy of what was destroyed for up to"
            f" {promise.server_keeps} more; then that is gone too."
        )
    if promise.has_advisors:
        yield (
            "A response that was saved in an advisor's own mailbox by mistake is moved to the helpline's, and"
            " destroyed there on the same day as it would have been."
        )
    if promise.letters:
        yield (
            f"We keep electronic copies of our responses to letters for {_periods(promise.letters)}. Then"
            " they are deleted, from the recycle bin too. Original letters are kept in a locked cabinet until"
            " a manager destroys them."
        )
    yield (
        "Sometimes we keep something longer than that: when you ask us to or agree to it, when a child or an"
        " adult is at risk, after a threat, when somebody interferes with our service, for a legal claim, or"
        " on another ground. That is decided by a person, its ground is to be written down, and it is looked"
        " at again on a set day."
    )
    if promise.left_out:
        yield "Some folders that hold no correspondence are left out of this."
    yield (
        f"What we cannot destroy from here: {', '.join(OUT_OF_REACH[:-1])} and {OUT_OF_REACH[-1]}."
        + "".join(f" We keep one more copy: {what}, for {kept}." for what, kept in promise.elsewhere)
    )
    yield (
        "You may ask us to erase what we hold of yours before that. What we must keep on one of those"
        " grounds, and what concerns another person too, is not erased then. Whether or not we ever heard"
        " from somebody is something that we tell nobody: everyone who asks gets the same answer."
    )
    yield (
        "Every destruction is entered in a ledger that names nobody, and that an auditor can check without"
        " trusting us."
    )


def _counted(longest: Period | None) -> str:
    if longest is None:
        return "from the day on which it was received or sent"
    return (
        "from the day of the latest of them (they are kept and destroyed together, and none of them for"
        f" longer than {longest})"
    )


def _periods(periods: Sequence[Period]) -> str:
    """`6 months`, or where targets differ, `6 months or 1 year, depending on the helpline`."""
    different = [str(period) for period, _ in groupby(sorted(periods, key=lambda each: each.shortest_days))]
    if len(different) == 1:
        return different[0]
    return f"{', '.join(different[:-1])} or {different[-1]}, depending on where it was sent,"
