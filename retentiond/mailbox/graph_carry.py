"""Messages on their way between mailboxes of Microsoft 365: exported whole, and imported as they were.

The parcel is the server's own and opaque: dates, sender, read or not, categories, attachments, all of it.
It is imported at an address that is a secret, and what stands there afterwards is looked at. A message from
another kind of server is made anew, and compared whole. Nothing here makes a draft of a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retentiond.core.model import Key, Place
from retentiond.errors import MailboxError, Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.base import Copy, Likeness, Message
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.graph_answers import BATCH, Ask
from retentiond.mailbox.graph_destroy import destroy
from retentiond.mailbox.graph_line import TurnedAway
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import LAST_VERB, STATE, Row, either, segment, text
from retentiond.mailbox.graph_write import NotSayable, written
from retentiond.mailbox.likeness import likeness

_REPLIED = "102"
#: How many Message-IDs one search names.
_TERMS = 15
#: How often an import that was turned away is tried again.
_ATTEMPTS = 5
#: What a server says of a parcel that it cannot open, such as another kind of server's.
_NO_PARCEL = frozenset(("errorcorruptdata", "errorinvaliddata"))


def fetch(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Message]:
    """The verb of the port: the message as MIME, known again by what survives of it. One that changed
    since it was seen comes under its old key, and its destruction will be refused."""
    folder = session.at(place)
    for start in range(0, len(keys), BATCH):
        part = keys[start : start + BATCH]
        rows = {key: row for key, row in session.items(folder, part, STATE, (LAST_VERB,)) if row is not None}
        for key, content in _contents(session, rows).items():
            row = rows[key]
            if row.received is not None:
                yield Message(key, content, row.received, _flags(row))


def pack(session: Session, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
    """The verb of the port: exported whole."""
    session.at(place)
    found: dict[Key, str] = {}
    for start in range(0, len(keys), BATCH):
        part = {str(key).partition(" ")[0]: key for key in keys[start : start + BATCH]}
        found |= {part[identity]: data for identity, data in _exported(session, list(part)).items()}
    return found


def copies(session: Session, place: Place, of: Sequence[Likeness]) -> Iterator[Copy]:
    """The verb of the port. Sizes do not count: the same message weighs otherwise in another mailbox."""
    folder = session.at(place)
    keys = list(dict.fromkeys(row.key for row in _alike(session, folder, of)))
    if not keys:
        return
    conversations = session.held_conversations()
    for start in range(0, len(keys), BATCH):
        part = keys[start : start + BATCH]
        rows = {key: row for key, row in session.items(folder, part, STATE, (LAST_VERB,)) if row is not None}
        for key, content in _contents(session, rows).items():
            row = rows[key]
            if row.received is not None and row.parent in ("", folder.id):
                is_held = session.is_held(folder, row, conversations)
                yield Copy(row.key, likeness(content), row.received, _flags(row), is_held, False)


def _contents(session: Session, rows: Mapping[Key, Row]) -> dict[Key, bytes]:
    """The whole of each message as MIME; what is gone by now, or is no message, is left out."""
    asks = [Ask(f"{session.line.user}/messages/{segment(row.id)}/$value") for row in rows.values()]
    found = {}
    for key, answer in zip(rows, session.line.ask_all(asks), strict=True):
        if answer.is_missing:
            continue
        if not answer.is_good:
            raise session.line.error(answer)
        if not answer.content:
            raise Unreachable(session.target, Why.PROTOCOL)
        found[key] = answer.content
    return found


def _alike(session: Session, folder: Folder, of: Sequence[Likeness]) -> Iterator[Row]:
    """The items with one of these Message-IDs: by a search where they are at hand, else by their marks."""
    marker = session.marker
    hints = {each.hint for each in of if each.hint}
    wanted = {each.message for each in of}
    nameless = marker.message("") in wanted
    known = {marker.message(hint) for hint in hints}
    fields = ("id", "changeKey", "internetMessageId", "receivedDateTime")
    if nameless or wanted - known:
        for page in session.pages(folder, fields):
            yield from (row for row in page.rows if marker.message(row.message_id) in wanted)
        return
    terms = sorted(hints)
    for start in range(0, len(terms), _TERMS):
        where = either(f"internetMessageId eq {text(each)}" for each in terms[start : start + _TERMS])
        yield from (row for _, row in session.found([folder], fields, where))


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────


def _exported(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Each item as the server packs it (base64), by id; one that it does not pack is left out."""
    if not ids or not session.items_path:
        return {}
    answer = session.line.ask(Ask(f"{session.items_path}/exportItems", "POST", {"ItemIds": list(ids)}))
    if answer.status in (403, 404):
        return {}
    if not answer.is_good:
        raise session.line.error(answer)
    told = answer.body.get("value")
    found: dict[str, str] = {}
    for each in told if isinstance(told, list) else ():
        data = each.get("data") if isinstance(each, Mapping) else None
        if isinstance(data, str) and data and each.get("itemId") in ids:
            found[each["itemId"]] = data
    return found


def add(session: Session, place: Place, messages: Sequence[Message]) -> None:
    """The verb of the port: imported as it was packed, else made anew. Not all or none: what a broken line
    left is found as a twin the next time, and one message that is refused does not keep the others.

    Raises, at the end, Unsupported(no-parcel) where JSON cannot say a message whole, and Refused(not-kept),
    after the copy was destroyed again, where it was not kept whole.
    """
    folder = session.at(place)
    door = _Door(session, folder)
    stored: list[tuple[Message, str]] = []
    made: list[tuple[Message, str]] = []
    refused: MailboxError | None = None
    for message in messages:
        try:
            if message.parcel and (identity := door.imported(message.parcel)):
                stored.append((message, identity))
            else:
                made.append((message, _made(session, folder, message)))
        except (Refused, Unsupported) as error:
            refused = error
    _require_whole(session, folder, place, stored, made)
    if refused is not None:
        raise refused


# ── made anew ────────────────────────────────────────────────────────────────────────────────────


def _made(session: Session, folder: Folder, message: Message) -> str:
    """Makes the item in JSON; its id. An order that was given once, and looked for when in doubt."""
    try:
        body = written(message)
    except NotSayable:
        raise Unsupported(session.target, Why.NO_PARCEL, folder.label) from None
    ask = Ask(f"{session.line.user}/mailFolders/{segment(folder.id)}/messages", "POST", body)
    for attempt in range(_ATTEMPTS):
        try:
            answer = session.line.order(ask)
        except TurnedAway as refused:
            if not refused.is_sure:
                raise
            session.line.wait(attempt, refused.wait, refused.why)
            continue
        identity = answer.body.get("id")
        if not answer.is_good:
            raise session.line.error(answer, folder.label)
        if not isinstance(identity, str) or not identity:
            raise Unreachable(session.target, Why.PROTOCOL)
        return identity
    raise Unreachable(session.target, Why.BUSY)


def _require_whole(
    session: Session,
    folder: Folder,
    place: Place,
    stored: Sequence[tuple[Message, str]],
    made: Sequence[tuple[Message, str]],
) -> None:
    """Each stands where it should, with its date and its flags; what was made anew is compared whole, and is
    no draft. A copy that is not the same is destroyed again: else it would be a twin the next time. Raises
    Refused(not-kept)."""
    wrong: list[Key] = []
    is_lost = False
    copies = [(each, False) for each in stored] + [(each, True) for each in made]
    for start in range(0, len(copies), BATCH):
        part = copies[start : start + BATCH]
        rows = dict(session.items(folder, [identity for (_, identity), _ in part], STATE, (LAST_VERB,)))
        anew: dict[Key, Row] = {
            identity: row for (_, identity), is_anew in part if is_anew and (row := rows[identity])
        }
        contents = _contents(session, anew)
        for (message, identity), is_anew in part:
            row = rows[identity]
            if row is None:
                is_lost = True
            elif not _is_kept(row, message, folder) or (
                is_anew and likeness(contents.get(identity, b"")) != likeness(message.content)
            ):
                wrong.append(row.key)
    if wrong:
        destroy(session, place, wrong, holds_win=False)
    if wrong or is_lost:
        raise Refused(session.target, Why.NOT_KEPT, folder.label)


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────


class _Door:
    """The address at which a mailbox takes parcels: good for a while, secret, never shown."""

    def __init__(self, session: Session, folder: Folder) -> None:
        self._session = session
        self._folder = folder
        self._url = ""

    def imported(self, parcel: str) -> str:
        """Stores one parcel; the id of the item, empty where this server does not take it. An import whose
        answer was lost is not repeated."""
        body = {"FolderId": self._folder.id, "Mode": "create", "Data": parcel}
        line = self._session.line
        is_fresh = False
        for attempt in range(_ATTEMPTS):
            try:
                answer = line.send_parcel(self._opened(), body)
            except TurnedAway as refused:
                if not refused.is_sure:
                    raise
                line.wait(attempt, refused.wait, refused.why)
                continue
            if answer.status in (401, 403, 404, 410) and not is_fresh:
                self._url, is_fresh = "", True  # its time was over
                continue
            identity = answer.body.get("itemId")
            if answer.is_good and isinstance(identity, str) and identity:
                return identity
            if answer.is_good:
                raise Unreachable(line.target, Why.PROTOCOL)
            if answer.code in _NO_PARCEL:
                return ""
            raise line.error(answer, self._folder.label)
        raise Unreachable(line.target, Why.BUSY)

    def _opened(self) -> str:
        if not self._url:
            session = self._session
            if not session.items_path:
                raise Unsupported(session.target, Why.NO_PARCEL)
            answer = session.line.ask(Ask(f"{session.items_path}/createImportSession", "POST", {}))
            url: Any = answer.body.get("importUrl")
            if not answer.is_good:
                raise session.line.error(answer)
            if not isinstance(url, str):
                raise Unreachable(session.target, Why.PROTOCOL)
            self._url = url
        return self._url


# ── what an item is, beside its content ──────────────────────────────────────────────────────────


def _flags(row: Row) -> frozenset[str]:
    """What IMAP calls flags; a category stands under its own name."""
    told = set(row.categories)
    told |= {"\\Seen"} if row.is_read else set()
    told |= {"\\Draft"} if row.is_draft else set()
    told |= {"\\Flagged"} if row.is_flagged else set()
    told |= {"\\Answered"} if row.property(LAST_VERB) == _REPLIED else set()
    return frozenset(told)


def _is_kept(row: Row, message: Message, folder: Folder) -> bool:
    """Whether it stands where it should, with its date and its flags."""
    wanted = {flag.casefold() for flag in message.flags}
    is_there = row.parent in ("", folder.id)
    return is_there and row.received == message.received and {f.casefold() for f in _flags(row)} == wanted
