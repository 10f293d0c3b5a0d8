"""How much that is old lies beside the mail of an Exchange mailbox: counted, and nothing of it read.

Calendars, contacts, tasks and notes are outside the promise (P2 speaks of mail). That they outlive it is
for a person to know.
"""

from __future__ import annotations

from retentiond.core.model import Beside
from retentiond.errors import Unreachable, Why
from retentiond.mailbox.base import Question
from retentiond.mailbox.ews_session import Session
from retentiond.mailbox.ews_words import M, NotUnderstood, compared, instant, number_of, shape, tag

#: How many folders one request asks.
_FOLDERS = 50


def beside(session: Session, question: Question) -> tuple[tuple[Beside, int], ...]:
    """The verb of the port. An item there has no time of receipt; it counts from when it was made."""
    folders = session.layout().beside
    counts: dict[Beside, int] = {}
    for start in range(0, len(folders), _FOLDERS):
        part = folders[start : start + _FOLDERS]
        for (what, _), number in zip(part, _old(session, [id_ for _, id_ in part], question), strict=True):
            counts[what] = counts.get(what, 0) + number
    return tuple((what, counts[what]) for what in Beside if counts.get(what))


def _old(session: Session, folders: list[str], question: Question) -> list[int]:
    """How many items of each folder were made before the cutoff; none where the login may not look."""
    view = tag("m:IndexedPageItemView", MaxEntriesReturned="1", Offset="0", BasePoint="Beginning")
    chosen = tag("m:Restriction", compared("t:IsLessThan", "item:DateTimeCreated", instant(question.cutoff)))
    where = tag("m:ParentFolderIds", *(tag("t:FolderId", Id=each) for each in folders))
    body = tag("m:FindItem", shape("m:ItemShape", ()), view, chosen, where, Traversal="Shallow")
    roots = [
        reply.element.find(M + "RootFolder") for reply in session.line.ask("FindItem", body, len(folders))
    ]
    try:
        return [0 if root is None else number_of(root.get("TotalItemsInView")) for root in roots]
    except NotUnderstood:
        raise Unreachable(session.target, Why.PROTOCOL) from None
