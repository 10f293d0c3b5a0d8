"""Asks mailboxes what may be due or astray; one that does not answer is a gap, never an empty one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from retentiond.core.clock import ClockReading
from retentiond.core.model import FolderView, Gap, Item, Kind, Snapshot, TargetView
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import MailboxError, SecretMissing, Why
from retentiond.mailbox.base import Mailbox, Marker, Question
from retentiond.mailbox.readonly import ReadOnly


@dataclass(frozen=True, slots=True)
class Survey:
    """A Snapshot, and what each server said of the clock."""

    snapshot: Snapshot
    clocks: Mapping[str, ClockReading]


#: Asks an open mailbox more, once its folders are known.
Further: TypeAlias = Callable[[Mailbox, TargetView], TargetView]


@dataclass(frozen=True, slots=True)
class _Look:
    """What one mailbox answered: what it holds, or why it did not say."""

    seen: TargetView | Gap
    clock: ClockReading | None = None
    message_ids: tuple[str, ...] = ()


def survey(
    mailboxes: Sequence[tuple[Mailbox, Question]],
    told: Callable[[str], None] = lambda target: None,
    crew: Crew = ONE_BY_ONE,
    further: Further = lambda mailbox, view: view,
) -> Survey:
    """Looks at each mailbox, through a wrapper that cannot change anything.

    `told` hears the alias of each mailbox before it is looked at, and again after each folder. Helplines
    come first: where replies are recognised by thread, advisors' folders are searched for answers to
    what they hold. `further` is asked of each mailbox while it is open.
    """
    started = time.monotonic()
    helplines = [pair for pair in mailboxes if pair[0].kind is not Kind.ADVISOR]
    advisors = [pair for pair in mailboxes if pair[0].kind is Kind.ADVISOR]
    looks = _each(helplines, started, told, crew, further)
    answered = tuple(message_id for look in looks for message_id in look.message_ids)
    if answered:
        advisors = [(mailbox, replace(question, replying_to=answered)) for mailbox, question in advisors]
    looks += _each(advisors, started, told, crew, further)
    views = tuple(look.seen for look in looks if isinstance(look.seen, TargetView))
    gaps = tuple(look.seen for look in looks if isinstance(look.seen, Gap))
    clocks = {look.seen.target: look.clock for look in looks if look.clock is not None}
    return Survey(Snapshot(mailboxes[0][1].now, views, gaps), clocks)


def _each(
    mailboxes: Sequence[tuple[Mailbox, Question]],
    started: float,
    told: Callable[[str], None],
    crew: Crew,
    further: Further,
) -> list[_Look]:
    named = [(mailbox.target, (mailbox, question)) for mailbox, question in mailboxes]
    return crew.each(lambda pair: _look_at(*pair, started, told, further), named)


def _look_at(
    mailbox: Mailbox, question: Question, started: float, told: Callable[[str], None], further: Further
) -> _Look:
    told(mailbox.target)
    clock: ClockReading | None = None
    message_ids: tuple[str, ...] = ()
    folders: list[FolderView] = []
    try:
        with ReadOnly(mailbox) as opened:
            clock = opened.clock(question.now + _since(started))
            for folder in opened.look(question):
                folders.append(folder)
                told(mailbox.target)
            view = further(opened, TargetView(mailbox.target, mailbox.kind, tuple(folders)))
            if mailbox.kind is Kind.HELPLINE and question.wants_threads:
                message_ids = tuple(opened.message_ids())
    except MailboxError as error:
        return _Look(Gap(mailbox.target, mailbox.kind, error.why.value, error.detail), clock)
    except SecretMissing:
        return _Look(Gap(mailbox.target, mailbox.kind, Why.NO_SECRET.value))
    return _Look(view, clock, message_ids)


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
