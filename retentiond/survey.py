"""Asks mailboxes what may be due or astray; one that does not answer is a gap, never an empty one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from retentiond.core.clock import ClockReading
from retentiond.core.model import Gap, Item, Kind, Snapshot, TargetView
from retentiond.errors import MailboxError, SecretMissing, Why
from retentiond.mailbox.base import Mailbox, Marker, Question
from retentiond.mailbox.readonly import ReadOnly


@dataclass(frozen=True, slots=True)
class Survey:
    """A Snapshot, and what each server said of the clock."""

    snapshot: Snapshot
    clocks: Mapping[str, ClockReading]


def survey(
    mailboxes: Sequence[tuple[Mailbox, Question]], told: Callable[[str], None] = lambda target: None
) -> Survey:
    """Looks at each mailbox in turn, through a wrapper that cannot change anything.

    `told` hears the alias of each mailbox before it is looked at. Where replies are recognised by
    thread, helplines come first: advisors' folders are searched for answers to what they hold.
    """
    views: list[TargetView] = []
    gaps: list[Gap] = []
    clocks: dict[str, ClockReading] = {}
    answered: list[str] = []
    started = time.monotonic()
    for mailbox, question in sorted(mailboxes, key=lambda pair: pair[0].kind is Kind.ADVISOR):
        told(mailbox.target)
        if mailbox.kind is Kind.ADVISOR and answered:
            question = replace(question, replying_to=tuple(answered))
        try:
            with ReadOnly(mailbox) as opened:
                clocks[mailbox.target] = opened.clock(question.now + _since(started))
                folders = tuple(opened.look(question))
                if mailbox.kind is Kind.HELPLINE and question.wants_threads:
                    answered.extend(opened.message_ids())
            views.append(TargetView(mailbox.target, mailbox.kind, folders))
        except MailboxError as error:
            gaps.append(Gap(mailbox.target, mailbox.kind, error.why.value, error.detail))
        except SecretMissing:
            gaps.append(Gap(mailbox.target, mailbox.kind, Why.NO_SECRET.value))
    now = mailboxes[0][1].now
    return Survey(Snapshot(now, tuple(views), tuple(gaps)), clocks)


def _since(started: float) -> timedelta:
    """The time since then: a long survey must not look like a clock that runs behind."""
    return timedelta(seconds=time.monotonic() - started)


def undated(snapshot: Snapshot, question: Question) -> dict[str, list[Item]]:
    """By target, the items without a believable date: they count from when they were first seen. And the
    letters that are to be known again by their place."""
    found: dict[str, list[Item]] = {}
    for view in snapshot.views:
        for folder in view.folders if view.kind is not Kind.ADVISOR else ():
            for item in folder.items:
                if item.sighting is not None or not is_believed(item, question):
                    found.setdefault(view.target, []).append(item)
    return found


def is_believed(item: Item, question: Question) -> bool:
    """Whether its date of receipt can be one."""
    return item.received is not None and question.earliest <= item.received <= question.latest


def item_mark(marker: Marker, item: Item) -> bytes:
    """The mark by which an item is known again as long as it lies where it lies."""
    if item.sighting is not None:
        return item.sighting
    place = item.ref.place
    return marker.mark("item", f"{place.target}\0{place.folder}\0{place.version}\0{item.ref.key}")
