"""By conversation, an email and the responses to it fall due together, by the latest of them (P1).

A conversation is what hangs together by Message-ID, In-Reply-To and References (RFC 5322, 3.6.4), and by the
server's own mark of it, wherever its members lie. It lives while one member is not past its own period. Its
members are kept until then, but none for longer than `longest` after its own receipt; a member that goes for
that reason holds nothing together any more, so that what is decided today is not decided anew tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from retentiond.core.kin import Kin, thread_of
from retentiond.core.model import Item, Kind, Reason, Ref, Snapshot
from retentiond.core.policy import Terms

#: The helplines to which each item in an advisor's folders belongs.
Owners: TypeAlias = Mapping[Ref, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Conversations:
    """Which conversations live, at one moment."""

    kin: Kin
    living: frozenset[int]
    #: Whether every mailbox was seen in which a member could lie.
    is_whole: bool = True

    def keep(self, item: Item, terms: Terms) -> Reason | None:
        """Why an item that is past its own period is kept all the same, if it is. What has neither a name
        nor a parent has no relatives and waits for none."""
        thread = thread_of(item.marks)
        if not thread or not terms.has_ended(item) or terms.is_past_longest(item):
            return None
        if self.kin.of(thread) in self.living:
            return Reason.CONVERSATION
        return None if self.is_whole else Reason.CONVERSATION_UNKNOWN


def conversations_of(
    snapshot: Snapshot, terms: Mapping[str, Terms], owners: Owners, expected: frozenset[str]
) -> Conversations:
    """The conversations of what was looked at, by `terms` of each helpline (of now, or of a day to come).

    `owners` are the helplines of what lies in advisors' folders; `expected` the mailboxes in which a member
    could lie: all helplines' and all advisors'.
    """
    kin = Kin()
    for item, homes in _members(snapshot, owners):
        if not all(terms[home].is_past_longest(item) for home in homes):
            kin.tell(thread_of(item.marks))
    living = set()
    for item, homes in _members(snapshot, owners):
        if not all(terms[home].has_ended(item) for home in homes):
            living.add(kin.of(thread_of(item.marks)))
    is_whole = expected <= {view.target for view in snapshot.views}
    return Conversations(kin, frozenset(each for each in living if each is not None), is_whole)


def _members(snapshot: Snapshot, owners: Owners) -> Iterator[tuple[Item, frozenset[str]]]:
    """Every item that can be a member, with the helplines by whose terms it is kept."""
    for view in snapshot.views:
        own = frozenset((view.target,))
        for folder in view.folders if view.kind is not Kind.LETTERS else ():
            for item in folder.items:
                homes = own if view.kind is Kind.HELPLINE else owners[item.ref]
                if homes:
                    yield item, homes
        yield from ((item, own) for item in view.younger)
