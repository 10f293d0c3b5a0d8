"""What may be due in a mailbox of Microsoft 365: messages by date, oldest first, until the first not due.

Nothing is read but ids, dates and signs: of a hold, and of a receipt that was asked for. What lies in a
folder of mail and is no message is found by the difference of two counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from retentiond.core.model import (
    Census,
    FolderView,
    Item,
    Notice,
    Ref,
    Role,
)
from retentiond.core.roll import Roll
from retentiond.mailbox.base import Question
from retentiond.mailbox.exchange_folders import Folder, keeping
from retentiond.mailbox.exchange_look import MARGIN, looks_imported, lot
from retentiond.mailbox.graph_marks import (
    THREAD_PROPERTIES,
    judged,
    marked,
    parties_of_row,
    with_headers,
    with_marks,
)
from retentiond.mailbox.graph_session import PAGE, Session
from retentiond.mailbox.graph_words import (
    DEFERRED,
    DELETED_ON,
    PARTIES,
    ROW,
    Row,
    instant,
)


@dataclass
class _Listed:
    """What a walk through a folder found. `unseen` is how many items are no messages and cannot be listed."""

    total: int = 0
    is_whole: bool = False
    unseen: int = 0
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of a folder too long to be read whole: its messages, those with a date that can be, those ahead."""

    all: int
    believable: int
    ahead: int


def look(session: Session, question: Question) -> Iterator[FolderView]:
    """The verb of the port, for a helpline's mailbox."""
    folders = [
        each for each in session.layout(afresh=True).folders if each.path not in session.scope.leave_out
    ]
    bearing = list(session.bearing_the_sign())
    conversations = frozenset(row.conversation for _, row in bearing if row.conversation)
    long = [] if question.correspondents else [each for each in folders if each.count > PAGE]
    counts = _counted(session, long, question)
    for folder in folders:
        held = [row for where, row in bearing if where == folder]
        if question.correspondents:
            yield _view_of_correspondents(session, folder, question, conversations)
        else:
            yield _view(session, folder, question, held, conversations, counts.get(folder))
    yield from session.archive_view()


def _counted(session: Session, folders: Sequence[Folder], question: Question) -> dict[Folder, _Counts]:
    ahead = question.ahead or question.cutoff
    wheres = ("", f"receivedDateTime le {instant(question.latest)}", f"receivedDateTime lt {instant(ahead)}")
    counts = iter(session.counts([(folder, where) for folder in folders for where in wheres]))
    return {folder: _Counts(next(counts), next(counts), next(counts)) for folder in folders}


def _view(
    session: Session,
    folder: Folder,
    question: Question,
    held: Sequence[Row],
    conversations: frozenset[str],
    counts: _Counts | None,
) -> FolderView:
    """What is held is told of whether it is due or not (P6); of the rest what may be due."""
    place = session.place(folder)
    listed = _listed(session, folder, question, counts)
    seen = {row.id for row in listed.rows}
    listed.rows += [row for row in held if row.id not in seen]
    sure: dict[bool, list[Row]] = {}
    single: list[Row] = []
    near: list[Item] = []
    edge = question.cutoff - MARGIN
    for row in listed.rows:
        received = row.received
        is_held = session.is_held(folder, row, conversations)
        is_believable = received is not None and question.earliest <= received <= question.latest
        wakes = session.line.account.reviews_receipts and row.awaits_receipt
        if received is None or not is_believable:
            single.append(row)
            near.append(Item(Ref(place, row.key), received, is_held, wakes_receipt=wakes))
        elif (is_held or received < edge) and not wakes:
            sure.setdefault(is_held, []).append(row)
        elif is_held or received < question.cutoff + MARGIN:
            single.append(row)
            near.append(Item(Ref(place, row.key), received, is_held, wakes_receipt=wakes))
    items: Sequence[Item] = tuple(near)
    if question.wants_threads:
        sure, items = {}, tuple(with_marks(session, folder, conversations, listed.rows, question.now))
    elif question.wants_marks:
        rows = [row for rows in sure.values() for row in rows] + single
        sure, items = {}, Roll.of(place, marked(session, folder, question, conversations, rows))
    lots = tuple(lot(place, rows, edge, is_held) for is_held, rows in sorted(sure.items()))
    return FolderView(_census(session, folder, question, listed, counts), lots, items)


def _listed(session: Session, folder: Folder, question: Question, counts: _Counts | None) -> _Listed:
    """The items up to a day past the cutoff, those with no believable date, and what is no message."""
    listed = _Listed()
    expand = (DELETED_ON,) if folder.is_bin else (DEFERRED,) if folder.role is Role.DRAFTS else ()
    wants_all = question.wants_days or folder.role is Role.HOLD
    for page in session.pages(folder, ROW, expand=expand):
        listed.rows += page.rows
        listed.total, listed.is_whole = page.total, page.is_last
        last = page.rows[-1].received if page.rows else None
        is_past = last is not None and last >= question.cutoff + MARGIN
        if is_past and not wants_all and counts is not None:
            break
    if not listed.is_whole and counts is not None:
        listed.rows += _odd(session, folder, question, counts, listed)
    if folder.count > listed.total:
        _add_others(session, folder, listed)
    listed.total = max(listed.total, folder.count)
    now = session.clock or question.now
    listed.rows = [row for row in listed.rows if not row.is_deferred(now)]
    return listed


def _odd(session: Session, folder: Folder, question: Question, counts: _Counts, listed: _Listed) -> list[Row]:
    """What the walk did not come to and has no date that can be: of the future, or none at all."""
    seen = {row.id for row in listed.rows}
    expected = counts.all - counts.believable - sum(row.received is None for row in listed.rows)
    if expected <= 0:
        return []
    ahead = f"receivedDateTime gt {instant(question.latest)}"
    found = [row for page in session.pages(folder, ROW, ahead) for row in page.rows if row.id not in seen]
    if len(found) < expected:  # some have no date, and do not stand where dates stand
        rows = [row for page in session.pages(folder, ROW) for row in page.rows if row.received is None]
        found += [row for row in rows if row.id not in seen]
    return found


def _add_others(session: Session, folder: Folder, listed: _Listed) -> None:
    """What is no message: every item of the folder is listed, a stated exception to the law of scale.

    Of the messages among them only those that were seen are known; what is not due is not due either way.
    """
    rows = session.others(folder)
    if rows is None:
        listed.unseen = folder.count - listed.total
        return
    seen = {row.id for row in listed.rows}
    listed.rows += [row for row in rows if row.id not in seen]


def _census(
    session: Session, folder: Folder, question: Question, listed: _Listed, counts: _Counts | None
) -> Census:
    total = listed.total
    hindrance, until = (
        keeping(listed.rows, session.line.account.single_item_recovery, question.now)
        if folder.is_bin
        else (None, None)
    )
    return Census(
        session.place(folder),
        total,
        _ahead(question, listed, counts) if question.ahead else None,
        hindrance,
        question.wants_days and looks_imported(listed.rows, total),
        until,
        _notices(folder, listed.unseen),
    )


def _notices(folder: Folder, unseen: int) -> tuple[tuple[Notice, int], ...]:
    """What is there and cannot be looked at: items that are no messages, folders below it."""
    told = ((Notice.ITEMS_UNSEEN, unseen), (Notice.FOLDERS_UNSEEN, folder.unseen))
    return tuple((notice, count) for notice, count in told if count > 0)


def _ahead(question: Question, listed: _Listed, counts: _Counts | None) -> int:
    """How many items there will be to destroy by then: counted here where all were seen, else there."""
    ahead = question.ahead
    assert ahead is not None, "it was asked for"
    dates = [row.received for row in listed.rows if row.received is not None]
    here = sum(date < ahead for date in dates)
    return here if listed.is_whole or counts is None else max(here, counts.ahead)


# ── one correspondent's mail ──────────────────────────────────────────────────────────────────────


def _view_of_correspondents(
    session: Session, folder: Folder, question: Question, conversations: frozenset[str]
) -> FolderView:
    """What is from or to one of the correspondents, whatever its age. Graph filters no recipients, so every
    message of the folder is asked for its addresses, a stated exception to the law of scale. What is no
    message has none to ask for, and is counted as not seen."""
    wanted = {session.marker.address(each) for each in question.correspondents}
    now = session.clock or question.now
    expand = (*THREAD_PROPERTIES, DELETED_ON, DEFERRED)
    rows: list[Row] = []
    total = 0
    for page in session.pages(folder, PARTIES, expand=expand):
        total = page.total
        rows += [row for row in page.rows if wanted & parties_of_row(session, row).parties]
    rows = [row for row in rows if not row.is_deferred(now)]
    rows = with_headers(session, folder, rows, DELETED_ON, DEFERRED)
    place = session.place(folder)
    items = tuple(
        replace(judged(session, folder, place, row, conversations), marks=parties_of_row(session, row))
        for row in rows
    )
    hindrance, until = (
        keeping(rows, session.line.account.single_item_recovery, question.now)
        if folder.is_bin
        else (None, None)
    )
    notices = _notices(folder, folder.count - total)
    return FolderView(Census(place, None, None, hindrance, kept_until=until, notices=notices), (), items)


def message_ids(session: Session) -> Iterator[str]:
    """The verb of the port."""
    for folder in session.layout().folders:
        if folder.path in session.scope.leave_out:
            continue
        for page in session.pages(folder, ("id", "internetMessageId", "receivedDateTime")):
            yield from (row.message_id for row in page.rows if row.message_id)
