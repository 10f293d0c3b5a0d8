"""Messages between two mailboxes of an Exchange server: copied by it, else exported and uploaded; verified.

Both carry all that an item is (dates, sender, read or not, categories, attachments, its conversation). The
destination is looked at before and after, each time: a copy across mailboxes is answered without an id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from retentiond.core.model import Key, Place
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Likeness
from retentiond.mailbox.ews_carry import PARCEL, STATE, WHOLE, alike, raise_if_unsure
from retentiond.mailbox.ews_session import CHUNK, Session
from retentiond.mailbox.ews_words import SENT, M, Row, item_ids, tag
from retentiond.mailbox.ews_write import flags_of
from retentiond.mailbox.exchange_folders import Folder


def copy(session: Session, place: Place, keys: Sequence[Key], home: Session, sent: Place) -> bool:
    """The verb of the port: by CopyItem where this login may act in both mailboxes, else by export and
    upload. False where the server refuses both. Raises Refused(not-kept) where a copy lost its state."""
    session.at(place)
    folder = home.at(sent)
    states = {key: row for key, row in session.items(keys, STATE) if isinstance(row, Row)}
    if len(states) != len(set(keys)):
        return False
    before = _census(home, folder, states.values())
    left = list(states)
    if session.line.account == home.line.account and not session.line.account.is_impersonating:
        left = _copied(session, left, folder)
    if left and not _uploaded(session, left, home, folder):
        if len(left) < len(states):  # the rest stands there already: nothing may be carried once more
            raise Refused(session.target, Why.NO_ACCESS)
        return False
    _verify(home, folder, states.values(), before)
    return True


def _copied(session: Session, keys: Sequence[Key], folder: Folder) -> list[Key]:
    """Lets the server copy; gives the keys that it would not."""
    refused: list[Key] = []
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        where = tag("m:ToFolderId", tag("t:FolderId", Id=folder.id))
        body = tag("m:CopyItem", where, item_ids(str(key) for key in part))
        replies = session.line.ask("CopyItem", body, len(part), orders=True)
        for key, reply in zip(part, replies, strict=True):
            if not reply.is_good:
                raise_if_unsure(session, reply.code)
                refused.append(key)
        if len(refused) == len(part) and start == 0:
            return list(keys)
    return refused


def _uploaded(session: Session, keys: Sequence[Key], home: Session, folder: Folder) -> bool:
    """Carries whole items by export and upload; False where the first of them is refused."""
    has_stored = False
    for parcels in _parcels(session, keys):
        if parcels is None:
            if has_stored:
                raise Refused(session.target, Why.NO_ACCESS)
            return False
        items = [
            tag(
                "t:Item",
                tag("t:ParentFolderId", Id=folder.id),
                tag("t:Data", parcel),
                CreateAction="CreateNew",
            )
            for parcel in parcels
        ]
        body = tag("m:UploadItems", tag("m:Items", *items))
        replies = home.line.ask("UploadItems", body, len(items), orders=True)
        for reply in replies:
            if not reply.is_good:
                raise home.line.error(reply.code, folder.label)
        has_stored = True
    return True


def _parcels(session: Session, keys: Sequence[Key]) -> Iterator[list[str] | None]:
    """Exported items (base64) in loads of bounded weight; None where an export is refused."""
    load: list[str] = []
    weight = 0
    for start in range(0, len(keys), WHOLE):
        part = keys[start : start + WHOLE]
        body = tag("m:ExportItems", item_ids(str(key) for key in part))
        for reply in session.line.ask("ExportItems", body, len(part)):
            data = reply.element.findtext(M + "Data")
            if not reply.is_good or not data:
                raise_if_unsure(session, reply.code)
                yield None
                return
            if load and weight + len(data) > PARCEL:
                yield load
                load, weight = [], 0
            load.append(data)
            weight += len(data)
    if load:
        yield load


def _state(row: Row) -> tuple[object, ...]:
    return row.message_id, row.received, flags_of(row), row.property(SENT)


def _census(home: Session, folder: Folder, rows: Iterable[Row]) -> Counter[tuple[object, ...]]:
    """How many items of each of these states stand at home."""
    of = [Likeness(home.marker.message(row.message_id), 0, row.message_id) for row in rows]
    keys = [row.key for row in alike(home, folder, of)]
    return Counter(_state(row) for _, row in home.items(keys, STATE) if isinstance(row, Row))


def _verify(home: Session, folder: Folder, rows: Iterable[Row], before: Counter[tuple[object, ...]]) -> None:
    """Each item stands at home once more than before, with its dates, flags and categories."""
    rows = list(rows)
    wanted = before + Counter(_state(row) for row in rows)
    if wanted - _census(home, folder, rows):
        raise Refused(home.target, Why.NOT_KEPT, folder.label)
