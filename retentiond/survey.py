"""Asks mailboxes what may be due or astray; one that does not answer is a gap, never an empty one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from retentiond.core.clock import ClockReading
from retentiond.core.kin import Kin, thread_of
from retentiond.core.model import FolderView, Gap, Item, Key, Kind, Place, Snapshot, TargetView
from retentiond.crew import ONE_BY_ONE, Crew
from retentiond.errors import MailboxError, SecretMissing, Why
from retentiond.mailbox.base import Mailbox, Question
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.readonly import ReadOnly

#: Up to so many items that are due, their relatives are searched for by name; above, the numbers of all that
#: is not due are read (decision 0073).
SEARCHED = 60
SEARCHED_IDS = 200
_LONGEST_ID = 250


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
    named = {mailbox.target: (mailbox, question) for mailbox, question in mailboxes}
    helplines = [pair for pair in mailboxes if pair[0].kind is not Kind.ADVISOR]
    advisors = [pair for pair in mailboxes if pair[0].kind is Kind.ADVISOR]
    looks = _each(helplines, started, told, crew, further)
    answered = tuple(message_id for look in looks for message_id in look.message_ids)
    if answered:
        advisors = [(mailbox, replace(question, replying_to=answered)) for mailbox, question in advisors]
    looks += _each(advisors, started, told, crew, further)
    looks = _follow(looks, named, crew)
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
            if mailbox.kind is Kind.HELPLINE and question.wants_beside:
                view = replace(view, beside=opened.beside(question))
            if mailbox.kind is Kind.HELPLINE and question.wants_threads:
                message_ids = tuple(opened.message_ids())
    except MailboxError as error:
        return _Look(Gap(mailbox.target, mailbox.kind, error.why.value, error.detail), clock)
    except SecretMissing:
        return _Look(Gap(mailbox.target, mailbox.kind, Why.NO_SECRET.value))
    return _Look(view, clock, message_ids)


# ── conversations ────────────────────────────────────────────────────────────────────────────────


def _follow(looks: Sequence[_Look], named: Mapping[str, tuple[Mailbox, Question]], crew: Crew) -> list[_Look]:
    """Every helpline's view with its younger relatives of what is due, wherever that lies. A mailbox that
    does not answer now is a gap after all: it is not known whom it holds."""
    sought, due = _sought(looks, named)
    if not due:
        return list(looks)
    asked = [(target, named[target]) for look in looks if (target := _followed(look, named)) is not None]
    ids = _ids(due, named)
    found = crew.each(lambda pair: _younger(*pair, sought, ids), asked)
    fresh = dict(zip((target for target, _ in asked), found, strict=True))
    return [_with_younger(look, fresh.get(look.seen.target)) for look in looks]


def _followed(look: _Look, named: Mapping[str, tuple[Mailbox, Question]]) -> str | None:
    """The target of a helpline that was seen, where conversations are followed by further questions."""
    question = named[look.seen.target][1]
    is_asked = question.longest is not None and not question.wants_threads
    is_seen = isinstance(look.seen, TargetView) and look.seen.kind is Kind.HELPLINE
    return look.seen.target if is_asked and is_seen else None


def _sought(
    looks: Sequence[_Look], named: Mapping[str, tuple[Mailbox, Question]]
) -> tuple[Kin, dict[str, dict[Place, list[Key]]]]:
    """The marks by which something that is past its period could be kept, and where that lies: of no more
    than tell that they are too many to be searched for."""
    sought = Kin()
    count = 0
    due: dict[str, dict[Place, list[Key]]] = {}
    for look in looks:
        question = named[look.seen.target][1]
        if not isinstance(look.seen, TargetView) or question.longest is None:
            continue
        for folder in look.seen.folders:
            for item in folder.items:
                thread = thread_of(item.marks)
                if not thread or not _may_be_kept(item, question):
                    continue
                sought.tell(thread)
                count += 1
                if count <= SEARCHED + 1:
                    due.setdefault(look.seen.target, {}).setdefault(folder.place, []).append(item.ref.key)
    return sought, due


def _may_be_kept(item: Item, question: Question) -> bool:
    """Whether it may be past its period, and a conversation may keep it or a hold does."""
    if item.received is None or not is_believed(item, question):
        return True
    is_past_longest = question.longest is not None and item.received < question.longest
    return item.received < question.cutoff and (item.is_held or not is_past_longest)


def _ids(
    due: Mapping[str, Mapping[Place, Sequence[Key]]],
    named: Mapping[str, tuple[Mailbox, Question]],
) -> tuple[str, ...]:
    """The Message-IDs by which to search; none where they are too many or odd: all is compared then."""
    if sum(len(keys) for places in due.values() for keys in places.values()) > SEARCHED:
        return ()
    ids: dict[str, None] = {}
    for target, places in due.items():
        try:
            with ReadOnly(named[target][0]) as opened:
                for place, keys in places.items():
                    ids |= dict.fromkeys(opened.named(place, keys))
        except (MailboxError, SecretMissing):
            return ()
    is_few = len(ids) <= SEARCHED_IDS
    return tuple(ids) if is_few and all(_is_plain(each) for each in ids) else ()


def _is_plain(message_id: str) -> bool:
    """Whether every server can search for it, and finds it however the line was folded."""
    has_length = len(message_id) <= _LONGEST_ID
    return has_length and message_id.isascii() and message_id.isprintable() and " " not in message_id


def _younger(mailbox: Mailbox, question: Question, sought: Kin, ids: Sequence[str]) -> tuple[Item, ...] | Gap:
    """What of one mailbox shares a mark with what is sought."""
    try:
        with ReadOnly(mailbox) as opened:
            related = (
                item
                for item in opened.younger(question, ids)
                if is_believed(item, question) and sought.of(thread_of(item.marks)) is not None
            )
            return tuple(related)
    except MailboxError as error:
        return Gap(mailbox.target, mailbox.kind, error.why.value, error.detail)
    except SecretMissing:
        return Gap(mailbox.target, mailbox.kind, Why.NO_SECRET.value)


def _with_younger(look: _Look, found: tuple[Item, ...] | Gap | None) -> _Look:
    if found is None:
        return look
    if isinstance(found, Gap):
        return replace(look, seen=found)
    assert isinstance(look.seen, TargetView)
    return replace(look, seen=replace(look.seen, younger=found))


def _since(started: float) -> timedelta:
    """The time since then: a long survey must not look like a clock that runs behind."""
    return timedelta(seconds=time.monotonic() - started)


def is_believed(item: Item, question: Question) -> bool:
    """Whether its date of receipt can be one."""
    return item.received is not None and question.earliest <= item.received <= question.latest


def item_mark(marker: Marker, item: Item) -> bytes:
    """The mark by which an item is known again as long as it lies where it lies."""
    if item.sighting is not None:
        return item.sighting
    place = item.ref.place
    return marker.mark("item", f"{place.target}\0{place.folder}\0{place.version}\0{item.ref.key}")
