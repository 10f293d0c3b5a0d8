"""Looking for what bears an address or answers a message: in an advisor's folders, and for an erasure (P3).

The server searches and is not believed: only a whole address, and a whole Message-ID, is a sign. Of what it
did not find nothing is fetched, counted or dated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retentiond.core.model import Census, FolderView, Item, Place, Ref, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Question
from retentiond.mailbox.headers import (
    IDENTITY_FIELDS,
    PARTIES,
    PARTY_FIELDS,
    THREAD_FIELDS,
    fields_of,
    marks_of,
    parties_of,
)
from retentiond.mailbox.imap_answers import Row, quoted
from retentiond.mailbox.imap_folders import Folder, is_named
from retentiond.mailbox.imap_rows import either, headers
from retentiond.mailbox.imap_session import Opened, Session

#: Of terms with an address: an address has at most 254 bytes, and a command 8,192 (RFC 7162, 4).
_TERMS_AT_ONCE = 12
_IDS_AT_ONCE = 12
_LONGEST_ID = 250
#: In which fields an identity is a sign.
SIGNS = ("FROM", "SENDER")


def look_for_strays(session: Session, question: Question) -> Iterator[FolderView]:
    """Of each folder that may be looked in, the messages that bear an identity or answer one of
    `replying_to`, directly or through each other; of the rest, nothing (P3). With `correspondents` only
    what is from or to one of them as well."""
    folders = _looked_in(session)
    found = []
    for folder in folders:
        opened = session.look_at(folder)
        has_threads = question.replying_to or question.wants_marks
        fields = THREAD_FIELDS if has_threads else IDENTITY_FIELDS
        search = Search(session, folder, opened, question.correspondents, fields)
        search.by_identity()
        found.append(search)
    ids = list(question.replying_to)
    while ids:
        ids = [message for search in found for message in search.by_parents(ids)]
    for search in found:
        yield search.view()
    session.leave()


class Search:
    """A folder in which items are sought by what their headers say; opened again before each search."""

    def __init__(
        self,
        session: Session,
        folder: Folder,
        opened: Opened,
        correspondents: Sequence[str],
        fields: Sequence[str] = (),
    ) -> None:
        self._session = session
        self._folder = folder
        self._opened = opened
        self._correspondents = correspondents
        self._wanted = {session.marker.address(each) for each in correspondents}
        self._fields = PARTY_FIELDS if correspondents else fields
        self._items: dict[int, Item] = {}

    def by_correspondent(self) -> FolderView:
        """What is from or to one of the correspondents, of a folder that is open."""
        if self._opened.exists:
            keys = _bearing(self._session, self._opened.place, self._correspondents, PARTIES)
            for row in headers(self._session, self._opened.place, keys, self._fields):
                self._keep(row)
        return self.view()

    def by_identity(self) -> None:
        """Only the whole address is a sign: the server matches parts of words."""
        scope, marker = self._session.scope, self._session.marker
        identities = {marker.address(identity) for identity in scope.identities}
        place = self._opened.place
        self._session.stay_at(place)
        keys = _bearing(self._session, place, scope.identities, SIGNS, self._correspondents)
        for row in headers(self._session, place, keys, self._fields):
            marks = marks_of(row.body, marker)
            if identities & (marks.authors | marks.senders):
                self._keep(row)

    def by_parents(self, ids: Sequence[str]) -> Iterator[str]:
        """Takes in what answers one of these messages; gives the Message-IDs of what is new."""
        marker = self._session.marker
        parents = {marker.message(each) for each in ids}
        place = self._opened.place
        self._session.stay_at(place)
        for row in headers(self._session, place, _naming(self._session, place, ids), self._fields):
            is_answer = bool(parents & marks_of(row.body, marker).parents)
            is_new = is_answer and row.uid not in self._items and self._keep(row)
            if is_new and (message := fields_of(row.body).get("message-id")):
                yield message

    def view(self) -> FolderView:
        census = Census(self._opened.place, None, hindrance=self._opened.hindrance)
        return FolderView(census, (), tuple(item for _, item in sorted(self._items.items())))

    def _keep(self, row: Row) -> bool:
        """Takes the item in, unless it is neither from nor to a correspondent who was asked for."""
        marker, keyword = self._session.marker, self._session.scope.hold_keyword.casefold()
        marks = parties_of(row.body, marker) if self._wanted else marks_of(row.body, marker)
        if self._wanted and not self._wanted & marks.parties:
            return False
        is_held = self._folder.role is Role.HOLD or any(flag.casefold() == keyword for flag in row.flags)
        ref = Ref(self._opened.place, row.uid)
        self._items[row.uid] = Item(ref, row.received, is_held, marks, row.size)
        return True


def _looked_in(session: Session) -> list[Folder]:
    folders = session.folders()
    found: list[Folder] = []
    for word in session.scope.look_in:
        by_role = [folder for folder in folders if folder.label == word]
        by_name = [folder for folder in folders if is_named(folder, (word,), session.prefix)]
        for folder in by_role[:1] or by_name[:1]:
            if folder not in found:
                found.append(folder)
            break
        else:
            is_role = word in {role.value for role in Role}
            raise Refused(session.target, Why.ROLE_UNKNOWN if is_role else Why.NO_FOLDER, word)
    return found


def _bearing(
    session: Session,
    place: Place,
    addresses: Sequence[str],
    fields: Sequence[str],
    parties: Sequence[str] = (),
) -> tuple[int, ...]:
    """What has one of these addresses in one of these fields, and of `parties` one in any; the server
    matches parts of words, so whoever asks looks at what it found."""
    found: set[int] = set()
    of_parties = list(_trees(parties, PARTIES)) or [b""]
    for tree in _trees(addresses, fields):
        for also in of_parties:
            both = (tree + b" " + also).strip()
            charset = b"" if both.isascii() else b"CHARSET UTF-8 "
            found.update(*session.wire.search(charset + both, label=place.folder))
    return tuple(sorted(found))


def _trees(addresses: Sequence[str], fields: Sequence[str]) -> Iterator[bytes]:
    """Searches of bounded size that together find each of these addresses in each of these fields."""
    at_once = _TERMS_AT_ONCE // len(fields)
    for start in range(0, len(addresses), at_once):
        some = [quoted(each.encode("utf-8")) for each in addresses[start : start + at_once]]
        yield either([b"HEADER %s %s" % (field.encode(), text) for text in some for field in fields])


def _naming(session: Session, place: Place, ids: Sequence[str]) -> tuple[int, ...]:
    """What names one of these Message-IDs as its parent; long and odd ids are passed over."""
    terms = [
        b"HEADER IN-REPLY-TO %s HEADER REFERENCES %s" % (text, text)
        for text in (quoted(each.encode()) for each in ids if each.isascii() and each.isprintable())
        if len(text) <= _LONGEST_ID
    ]
    found: set[int] = set()
    for start in range(0, len(terms), _IDS_AT_ONCE):
        tree = either([b"OR " + term for term in terms[start : start + _IDS_AT_ONCE]])
        found.update(*session.wire.search(tree, label=place.folder))
    return tuple(sorted(found))
