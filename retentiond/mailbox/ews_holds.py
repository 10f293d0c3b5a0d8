"""Holds on Exchange: which items bear the category, by their marks; setting it, and taking it away (P6).

An item of a conversation that is held bears no sign itself: Exchange knows the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from retentiond.core.model import Item, Key, Place, Ref, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Wanted
from retentiond.mailbox.ews_marks import ROW, THREAD
from retentiond.mailbox.ews_session import CHUNK, GONE, SIGN, Session
from retentiond.mailbox.ews_words import (
    MESSAGE_ID,
    Row,
    compared,
    contains,
    either,
    instant,
    tag,
    text,
)
from retentiond.mailbox.exchange_look import marks_of


def identify(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
    """The verb of the port."""
    folder = session.at(place)
    for _, row in session.items(keys, (*THREAD, "item:ParentFolderId")):
        if isinstance(row, str):
            if row not in GONE:
                raise session.line.error(row, place.folder)
        elif row.parent in ("", folder.id):
            is_held = folder.role is Role.HOLD or session.bears_sign(row)
            yield Item(Ref(place, row.key), row.received, is_held, marks_of(row, session.marker), row.size)


def seek(session: Session, wanted: Wanted) -> Iterator[Item]:
    """The verb of the port. By Message-ID the server searches; by correspondent every item of these days is
    asked for its addresses, for EWS searches recipients by what Outlook shows of them, not by address."""
    for folder in session.layout().folders:
        if folder.path in session.scope.leave_out:
            continue
        place = session.place(folder)
        keys = [row.key for page in session.pages(folder, ROW, _terms(wanted)) for row in page.rows]
        for item in identify(session, place, keys):
            if wanted.is_met_by(item, session.marker):
                yield item


def _terms(wanted: Wanted) -> str:
    if wanted.message_id:
        bare = wanted.message_id.strip().strip("<>").strip()
        return either(contains(MESSAGE_ID, bare), contains(MESSAGE_ID, f"<{bare}>"))
    days = []
    if wanted.since is not None:
        days.append(compared("t:IsGreaterThanOrEqualTo", "item:DateTimeReceived", instant(wanted.since)))
    if wanted.until is not None:
        days.append(compared("t:IsLessThan", "item:DateTimeReceived", instant(wanted.until)))
    return tag("t:And", *days) if len(days) > 1 else "".join(days)


def hold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port: the category is added to those that the item bears."""
    sign = session.scope.hold_keyword
    changes = []
    for row in _rows(session, place, keys):
        if not session.bears_sign(row):
            changes.append(_change(row, [*sorted(row.categories), sign]))
    _order(session, changes)


def unhold(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port: the category is taken from those that the item bears."""
    if place.role is Role.HOLD:
        raise Refused(session.target, Why.HOLD_FOLDER, place.folder)
    sign = session.scope.hold_keyword.casefold()
    changes = []
    for row in _rows(session, place, keys):
        if session.bears_sign(row):
            changes.append(_change(row, sorted(each for each in row.categories if each.casefold() != sign)))
    _order(session, changes)


def _rows(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Row]:
    session.at(place)
    for _, row in session.items(keys, SIGN):
        if isinstance(row, str):
            raise session.line.error(row, place.folder)
        yield row


def _change(row: Row, categories: Iterable[str]) -> str:
    field = tag("t:FieldURI", FieldURI="item:Categories")
    names = [tag("t:String", text(name)) for name in categories]
    if names:
        update = tag("t:SetItemField", field, tag("t:Message", tag("t:Categories", *names)))
    else:
        update = tag("t:DeleteItemField", field)
    identity = tag("t:ItemId", Id=row.id, ChangeKey=row.change_key)
    return tag("t:ItemChange", identity, tag("t:Updates", update))


def _order(session: Session, changes: Sequence[str]) -> None:
    """Nothing is sent for it: no receipt, no invitation (P7)."""
    for start in range(0, len(changes), CHUNK):
        part = changes[start : start + CHUNK]
        body = tag(
            "m:UpdateItem",
            tag("m:ItemChanges", *part),
            ConflictResolution="AutoResolve",
            MessageDisposition="SaveOnly",
            SendMeetingInvitationsOrCancellations="SendToNone",
            SuppressReadReceipts="true",
        )
        for reply in session.line.ask("UpdateItem", body, len(part), orders=True):
            if not reply.is_good:
                raise session.line.error(reply.code)
