"""Which items in an advisor's folders are a helpline's: recognised by marks, never by reading (P3).

An item is a helpline's if one of its identities is in From, else in Sender. Where the policy asks
for it, an item is also the helpline's by its thread: it has an outside correspondent among its
recipients and answers, directly or through recognised replies, a message that this correspondent
sent to the helpline (RFC 5322, 3.6.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from retentiond.core.model import Item, Mark, Marks, Ref


@dataclass(frozen=True, slots=True)
class Helpline:
    """A helpline as the core knows it: its name and the marks of its identities."""

    name: str
    identities: frozenset[Mark] = field(default_factory=frozenset)


#: Who wrote what to which helpline: by the mark of a Message-ID, each helpline that it reached and the
#: outside correspondents to whom an answer may go.
Threads: TypeAlias = Mapping[Mark, Mapping[str, frozenset[Mark]]]


def threads_of(helpline_items: Iterable[tuple[str, Item]], insiders: frozenset[Mark]) -> Threads:
    """The threads that reached a helpline from outside. `insiders` are the marks of every helpline's
    identities and every advisor's mailbox: a colleague is not a correspondent."""
    threads: dict[Mark, dict[str, frozenset[Mark]]] = {}
    for helpline, item in helpline_items:
        outside = item.marks.authors - insiders
        if item.marks.message is not None and outside:
            reached = threads.setdefault(item.marks.message, {})
            reached[helpline] = reached.get(helpline, frozenset()) | outside
    return threads


def owners_by_identity(marks: Marks, helplines: Iterable[Helpline]) -> frozenset[str]:
    """The helplines whose identity stands in From; where none does, those in Sender."""
    helplines = tuple(helplines)
    by_author = frozenset(h.name for h in helplines if h.identities & marks.authors)
    return by_author or frozenset(h.name for h in helplines if h.identities & marks.senders)


def recognise(
    items: Iterable[Item],
    helplines: Iterable[Helpline],
    threads: Threads | None = None,
) -> dict[Ref, frozenset[str]]:
    """The helplines to which each item belongs: none (not ours), one, or several (a person must look).

    With `threads`, the transitive closure is taken: a reply to a recognised reply is recognised too,
    in whatever order the items come, so that one sweep suffices.
    """
    items, helplines = tuple(items), tuple(helplines)
    owners = {item.ref: owners_by_identity(item.marks, helplines) for item in items}
    if threads is None:
        return owners
    known = {message: dict(reached) for message, reached in threads.items()}
    has_grown = True
    while has_grown:
        has_grown = False
        for item in items:
            found = _answered(item.marks, known)
            owners[item.ref] |= found.keys()
            if item.marks.message is not None and found:
                has_grown |= _learn(known.setdefault(item.marks.message, {}), found)
    return owners


def _answered(marks: Marks, known: Threads) -> dict[str, frozenset[Mark]]:
    """The helplines whose correspondents this item answers, with the correspondents it is sent to."""
    found: dict[str, frozenset[Mark]] = {}
    for parent in marks.parents & known.keys():
        for helpline, correspondents in known[parent].items():
            if reached := correspondents & marks.recipients:
                found[helpline] = found.get(helpline, frozenset()) | reached
    return found


def _learn(reached: dict[str, frozenset[Mark]], found: Mapping[str, frozenset[Mark]]) -> bool:
    """Adds what was found; whether anything was new."""
    before = dict(reached)
    for helpline, correspondents in found.items():
        reached[helpline] = reached.get(helpline, frozenset()) | correspondents
    return reached != before
