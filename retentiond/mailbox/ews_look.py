"""What may be due or astray on Exchange: ids by date, oldest first, until the first that is not due.

The server sorts and the look stops early: that costs a page of a thousand ids for a thousand items due, and
one more, where a search by date costs one for every 250. Nothing is read but ids, dates and signs of a hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from retentiond.core.model import (
    Census,
    FolderView,
    Hindrance,
    Item,
    Ref,
    Role,
)
from retentiond.core.roll import Roll
from retentiond.mailbox.base import Question
from retentiond.mailbox.ews_marks import ROW, parties_of_row, rows_of_correspondents, with_marks
from retentiond.mailbox.ews_session import Session
from retentiond.mailbox.ews_words import (
    DELETED_ON,
    RECEIVED,
    Row,
    compared,
    either,
    instant,
    missing,
    tag,
)
from retentiond.mailbox.exchange_folders import Folder, keeping
from retentiond.mailbox.exchange_look import MARGIN, looks_imported, lot


@dataclass
class _Listed:
    """What a walk through a folder found. `total` is how many items there are in it."""

    total: int = 0
    is_whole: bool = False
    rows: list[Row] = field(default_factory=list)


def look(session: Session, question: Question) -> Iterator[FolderView]:
    """The verb of the port, for a helpline's mailbox."""
    layout = session.layout(afresh=True)
    bearing = list(session.bearing_the_sign(ROW))
    conversations = frozenset(row.conversation for _, row in bearing if row.conversation)
    for folder in layout.folders:
        if folder.path in session.scope.leave_out:
            continue
        if question.correspondents:
            yield _view_of_correspondents(session, folder, question, conversations)
        else:
            held = [row for where, row in bearing if where == folder]
            yield _view(session, folder, question, held, conversations)


def _view(
    session: Session,
    folder: Folder,
    question: Question,
    held: Sequence[Row],
    conversations: frozenset[str],
) -> FolderView:
    """What is held is told of whether it is due or not (P6); of the rest what may be due."""
    place = session.place(folder)
    listed = _listed(session, folder, question)
    seen = {row.id for row in listed.rows}
    listed.rows += [row for row in held if row.id not in seen]
    sure: dict[bool, list[Row]] = {}
    single: list[tuple[Row, bool]] = []
    edge = question.cutoff - MARGIN
    for row in listed.rows:
        received = row.received
        is_held = session.is_held(folder, row, conversations)
        is_believable = received is not None and question.earliest <= received <= question.latest
        if received is None or not is_believable:
            single.append((row, is_held))
        elif is_held or received < edge:
            sure.setdefault(is_held, []).append(row)
        elif received < question.cutoff + MARGIN:
            single.append((row, is_held))
    rows = [row for rows in sure.values() for row in rows] + [row for row, _ in single]
    items: Sequence[Item] = tuple(Item(Ref(place, row.key), row.received, is_held) for row, is_held in single)
    if question.wants_threads:
        rows = [row for page in session.pages(folder, ROW) for row in page.rows]
        marked = with_marks(session, folder, rows, conversations, question.wants_marks)
        sure, items = {}, tuple(marked)
    elif question.wants_marks:
        marked = with_marks(session, folder, rows, conversations, knows_conversation=True)
        sure, items = {}, Roll.of(place, marked)
    lots = tuple(lot(place, rows, edge, is_held) for is_held, rows in sorted(sure.items()))
    return FolderView(_census(session, folder, question, listed, rows), lots, items)


def _listed(session: Session, folder: Folder, question: Question) -> _Listed:
    """The items up to a day past the cutoff, and by a search of its own those with no believable date. A
    folder's own count is not believed where it says that there is nothing: Exchange may miscount."""
    listed = _Listed()
    for page in session.pages(folder, (*ROW, DELETED_ON) if folder.is_bin else ROW):
        listed.rows += page.rows
        listed.total, listed.is_whole = page.total, page.is_last
        last = page.rows[-1].received if page.rows else None
        is_past = last is not None and last >= question.cutoff + MARGIN
        if is_past and not question.wants_days and folder.role is not Role.HOLD:
            break
    if not listed.is_whole:
        odd = either(
            missing("item:DateTimeReceived"),
            compared("t:IsGreaterThan", "item:DateTimeReceived", instant(question.latest)),
        )
        seen = {row.id for row in listed.rows}
        for page in session.pages(folder, ROW, odd):
            listed.rows += [row for row in page.rows if row.id not in seen]
    _date_the_undated(session, listed)
    return listed


def _date_the_undated(session: Session, listed: _Listed) -> None:
    """A date with an odd fraction, or none at all: MAPI's own property is asked before a person is."""
    undated = [row for row in listed.rows if row.received is None]
    if not undated:
        return
    found = dict(session.items([row.key for row in undated], (*ROW, RECEIVED)))
    listed.rows = [
        fresh if row.received is None and isinstance(fresh := found.get(row.key), Row) else row
        for row in listed.rows
    ]


def _census(
    session: Session, folder: Folder, question: Question, listed: _Listed, rows: Sequence[Row]
) -> Census:
    total = listed.total
    ahead = _ahead(session, folder, question, listed) if question.ahead else None
    place = session.place(folder)
    hindrance, until = None, None
    if rows:
        hindrance = hindrance_of(session, rows[0].key)
    if hindrance is None and folder.is_bin and rows:
        hindrance, until = keeping(listed.rows, session.line.account.single_item_recovery, question.now)
    is_import = question.wants_days and looks_imported(listed.rows, total)
    return Census(place, total, ahead, hindrance, is_import, until)


def _ahead(session: Session, folder: Folder, question: Question, listed: _Listed) -> int:
    """How many items there will be to destroy by then: counted here where all were seen, else there."""
    ahead = question.ahead
    assert ahead is not None, "it was asked for"
    dates = [row.received for row in listed.rows if row.received is not None]
    if listed.is_whole or (dates and max(dates) >= ahead):
        return sum(date < ahead for date in dates)
    dated = tag("t:Exists", tag("t:FieldURI", FieldURI="item:DateTimeReceived"))
    before = compared("t:IsLessThan", "item:DateTimeReceived", instant(ahead))
    return session.count(folder, tag("t:And", dated, before))


def hindrance_of(session: Session, key: str) -> Hindrance | None:
    """Whether the login may delete there, asked of the first item that it would have to delete."""
    for _, row in session.items([key], ("item:EffectiveRights",)):
        if isinstance(row, Row) and not row.may_delete:
            return Hindrance.NO_RIGHT
    return None


# ── one correspondent's mail ──────────────────────────────────────────────────────────────────────


def _view_of_correspondents(
    session: Session, folder: Folder, question: Question, conversations: frozenset[str]
) -> FolderView:
    """What is from or to one of the correspondents, whatever its age. The server is not asked to search:
    of recipients it compares display names, so every item of the folder is asked for its addresses, a
    stated exception to the law of scale."""
    keys = [row.key for page in session.pages(folder, ()) for row in page.rows]
    rows = rows_of_correspondents(session, keys, question.correspondents, DELETED_ON)
    place = session.place(folder)
    items = tuple(
        Item(
            Ref(place, row.key),
            row.received,
            session.is_held(folder, row, conversations),
            parties_of_row(session, row),
            row.size,
        )
        for row in rows
    )
    hindrance, until = None, None
    if rows:
        hindrance = hindrance_of(session, rows[0].key)
    if rows and hindrance is None and folder.is_bin:
        hindrance, until = keeping(rows, session.line.account.single_item_recovery, question.now)
    census = Census(place, None, hindrance=hindrance, kept_until=until)
    return FolderView(census, (), items)


def message_ids(session: Session) -> Iterator[str]:
    """The verb of the port."""
    for folder in session.layout().folders:
        if folder.path in session.scope.leave_out:
            continue
        for page in session.pages(folder, ("message:InternetMessageId",)):
            yield from (row.message_id for row in page.rows if row.message_id)
