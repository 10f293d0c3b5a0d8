"""Looking: the server does the choosing, INTERNALDATE decides, and nothing changes (P8).

Searches by age (WITHIN, RFC 5032) are exact but go by the server's clock, searches by date have the
granularity of a day in a zone that nobody tells. So both leave a margin around the cutoff, and what
falls into it is looked at by its own INTERNALDATE. The Date header, which a sender writes, is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from retentiond.core.model import Census, FolderView, Item, Lot, Place, Ref, Role
from retentiond.core.roll import Roll
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
from retentiond.mailbox.imap_answers import Row, day, number_in, quoted
from retentiond.mailbox.imap_folders import Folder, is_named
from retentiond.mailbox.imap_session import Opened, Session

#: The margins around the cutoff. A day in the zone of a server may begin 14 hours from ours.
AGE_MARGIN = timedelta(days=1)
DAY_MARGIN = timedelta(days=2)
ZONES_APART = timedelta(hours=14)

_DATES_AT_ONCE = 10_000
_HEADERS_AT_ONCE = 1_000
#: Of terms with an address: an address has at most 254 bytes, and a command 8,192 (RFC 7162, 4).
_TERMS_AT_ONCE = 12
_IDS_AT_ONCE = 12
_LONGEST_ID = 250
#: In which fields an identity is a sign.
SIGNS = ("FROM", "SENDER")
#: Fewer messages than this on one day are no import, however small the folder.
_IMPORT_AT_LEAST = 20


def surely_due(session: Session, question: Question) -> bytes:
    """The search that finds only what is due, and not what was received within a day or two of the cutoff."""
    return _Terms.of(question, _goes_by_age(session, question)).sure


def _goes_by_age(session: Session, question: Question) -> bool:
    return session.wire.offers("WITHIN") and question.may_use_server_clock


@dataclass(frozen=True, slots=True)
class _Terms:
    """The searches of one question.

    `sure` finds only what is due; `odd` what is near the cutoff, or has a date that nobody can believe.
    """

    sure: bytes
    odd: bytes
    ahead: bytes | None

    @classmethod
    def of(cls, question: Question, by_age: bool) -> _Terms:
        cutoff, now, ahead = question.cutoff, question.now, question.ahead
        margin = AGE_MARGIN if by_age else DAY_MARGIN
        sure = _before(cutoff - margin, now, by_age)
        near = b"NOT " + sure + b" " + _before(cutoff + margin, now, by_age)
        early = b"BEFORE " + _day(question.earliest + DAY_MARGIN)
        late = b"YOUNGER 1" if by_age else b"SINCE " + _day(question.latest - ZONES_APART)
        # By date the forecast counts a day too much rather than one too little.
        spare = timedelta(0) if by_age else timedelta(days=1)
        return cls(
            sure=sure,
            odd=b"OR (%s) OR %s %s" % (near, early, late),
            ahead=None if ahead is None else _before(ahead + spare, now, by_age),
        )


def _before(moment: datetime, now: datetime, by_age: bool) -> bytes:
    """What was received before `moment`, as nearly as the server can say it."""
    age = int((now - moment).total_seconds())
    return b"OLDER %d" % age if by_age and age >= 1 else b"BEFORE " + _day(moment)


def _day(moment: datetime) -> bytes:
    return day(moment.astimezone(UTC))


def look(session: Session, question: Question) -> Iterator[FolderView]:
    """Each folder of a helpline's mailbox. Raises Refused where one is virtual and not named."""
    for folder in _own_folders(session):
        opened = session.look_at(folder)
        if question.correspondents:
            yield _Search(session, folder, opened, question.correspondents).by_correspondent()
        else:
            yield _View(session, question, folder, opened).made()
    session.leave()


def _own_folders(session: Session) -> list[Folder]:
    scope = session.scope
    folders = [f for f in session.folders() if not is_named(f, scope.leave_out, session.prefix)]
    for folder in folders:
        if folder.is_virtual and not is_named(folder, scope.named, session.prefix):
            raise Refused(session.target, Why.VIRTUAL_FOLDER, folder.label)
    return folders


class _View:
    """One folder's view in the making."""

    def __init__(self, session: Session, question: Question, folder: Folder, opened: Opened) -> None:
        self._session = session
        self._question = question
        self._folder = folder
        self._opened = opened
        self._place = opened.place
        self._wire = session.wire
        self._terms = _Terms.of(question, _goes_by_age(session, question))

    def made(self) -> FolderView:
        if not self._opened.exists:
            return FolderView(self._census(0, is_imported=False))
        terms = self._terms
        searches = [terms.sure, terms.odd, self._held_term()]
        (sure, odd, held), ahead = self._ask(searches, terms.ahead)
        census = self._census(ahead, self._looks_imported())
        if self._question.wants_threads:
            return FolderView(census, (), tuple(self._threads(set(held))))
        if self._question.wants_marks:
            return FolderView(census, (), Roll.of(self._place, self._marked(sure, set(odd), set(held))))
        return self._sorted_out(census, sure, set(odd), set(held))

    def _ask(
        self, searches: Sequence[bytes], ahead: bytes | None
    ) -> tuple[list[tuple[int, ...]], int | None]:
        """All searches and the count of what is ahead, in one write where the answers stay short."""
        wire, label = self._wire, self._place.folder
        if not wire.offers("ESEARCH") or ahead is None:
            found = wire.search(*searches, label=label)
            return found, None if ahead is None else wire.count(ahead, label)
        commands = [b"UID SEARCH RETURN (ALL) " + search for search in searches]
        answers = wire.ask(*commands, b"UID SEARCH RETURN (COUNT) " + ahead)
        count = wire.counted(answers.pop(), label)
        return wire.found(answers, label), count

    def _held_term(self) -> bytes:
        if self._folder.role is Role.HOLD:
            return b"ALL"
        return b"KEYWORD " + self._session.scope.hold_keyword.encode("ascii")

    def _sorted_out(self, census: Census, sure: tuple[int, ...], odd: set[int], held: set[int]) -> FolderView:
        """Lots of what is surely due; by itself what is near the cutoff or has no believable date."""
        question = self._question
        items: list[Item] = []
        single: set[int] = set()
        due = odd.intersection(sure)
        for key, received in self._dates(odd):
            is_believable = received is not None and question.earliest <= received <= question.latest
            if is_believable and (key in due or received is None or received >= self._edge):
                continue
            single.add(key)
            items.append(Item(Ref(self._place, key), received, key in held))
        left = tuple(key for key in sure if key not in single) if single else sure
        lots = [self._lot([key for key in left if key not in held] if held else left, False)]
        if held:  # every report tells of all that is held, due or not (P6)
            lots.append(self._lot([key for key in sorted(held) if key not in single], True))
        for doubted in [lot for lot in lots if lot and not lot.is_held and not self._is_believed(lot)]:
            lots.remove(doubted)
            dates = self._dates(int(key) for key in doubted.keys)
            items += [Item(Ref(self._place, key), at, doubted.is_held) for key, at in dates]
        return FolderView(census, tuple(lot for lot in lots if lot), tuple(items))

    def _marked(self, sure: tuple[int, ...], odd: set[int], held: set[int]) -> Iterator[Item]:
        """The same, each by itself and with its marks; what is a little too young is left out."""
        question = self._question
        wanted = sorted(odd.union(held, sure)) if odd or held else sure
        for row in headers(self._session, self._place, wanted, THREAD_FIELDS):
            received, is_held = row.received, row.uid in held
            is_believable = received is not None and question.earliest <= received <= question.latest
            if is_held or not is_believable or received is None or received < self._edge:
                marks = marks_of(row.body, self._session.marker)
                yield Item(Ref(self._place, row.uid), received, is_held, marks, row.size)

    @property
    def _edge(self) -> datetime:
        return self._question.cutoff + DAY_MARGIN

    def _is_believed(self, lot: Lot) -> bool:
        """INTERNALDATE decides: a lot whose newest is not past the cutoff was found by a wrong clock."""
        return lot.newest is not None and lot.newest < self._question.cutoff.astimezone(UTC).date()

    def _lot(self, keys: Sequence[int], is_held: bool) -> Lot | None:
        if not keys:
            return None
        oldest, newest = self._span(keys)
        return Lot(self._place, tuple(keys), self._question.cutoff, is_held, oldest, newest)

    def _span(self, keys: Sequence[int]) -> tuple[date | None, date | None]:
        """The days (UTC) of the oldest and the newest: by the server's own sorting where it offers it."""
        if self._wire.offers("ESORT"):
            ends = []
            for uids in self._wire.sets(keys):
                command = b"UID SORT RETURN (MIN MAX) (ARRIVAL) US-ASCII UID " + uids
                answer = self._wire.expect(self._wire.ask(command)[0], self._place.folder)
                ends += [number_in(answer, name) for name in (b"MIN", b"MAX")]
            keys = [end for end in ends if end is not None] or keys
        days = [at.astimezone(UTC).date() for _, at in self._dates(keys) if at is not None]
        return (min(days), max(days)) if days else (None, None)

    def _dates(self, keys: Iterable[int]) -> Iterator[tuple[int, datetime | None]]:
        wanted = set(keys)
        for uids in self._wire.sets(list(wanted), _DATES_AT_ONCE):
            for row in self._wire.fetch_rows(uids, b"INTERNALDATE", (b"INTERNALDATE",), self._place.folder):
                if row.uid in wanted:
                    yield row.uid, row.received

    def _threads(self, held: set[int]) -> Iterator[Item]:
        [every] = self._wire.search(b"ALL", label=self._place.folder)
        for row in headers(self._session, self._place, every, THREAD_FIELDS):
            marks = marks_of(row.body, self._session.marker)
            yield Item(Ref(self._place, row.uid), row.received, row.uid in held, marks, row.size)

    def _looks_imported(self) -> bool:
        """Whether more than a fifth of the folder was received on one day (asked at arming only)."""
        if not self._question.wants_days:
            return False
        [every] = self._wire.search(b"ALL", label=self._place.folder)
        days = Counter(at.date() for _, at in self._dates(every) if at is not None)
        most = max(days.values(), default=0)
        return most >= _IMPORT_AT_LEAST and most * 5 > self._opened.exists

    def _census(self, ahead: int | None, is_imported: bool) -> Census:
        asked = None if self._question.ahead is None else ahead
        opened = self._opened
        return Census(self._place, opened.exists, asked, opened.hindrance, is_imported)


# ── an advisor's folders ─────────────────────────────────────────────────────────────────────────


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
        search = _Search(session, folder, opened, question.correspondents, fields)
        search.by_identity()
        found.append(search)
    ids = list(question.replying_to)
    while ids:
        ids = [message for search in found for message in search.by_parents(ids)]
    for search in found:
        yield search.view()
    session.leave()


class _Search:
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


def message_ids(session: Session) -> Iterator[str]:
    """The verb of the port."""
    for folder in session.folders():
        if not is_named(folder, session.scope.leave_out, session.prefix):
            place = session.look_at(folder).place
            [every] = session.wire.search(b"ALL", label=folder.label)
            for row in headers(session, place, every, ("MESSAGE-ID",)):
                if message := fields_of(row.body).get("message-id"):
                    yield message
    session.leave()


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


def either(terms: Sequence[bytes]) -> bytes:
    """At least one of them. OR takes two: a balanced tree, so that no server has to go deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return b"OR " + either(terms[:middle]) + b" " + either(terms[middle:])


def headers(session: Session, place: Place, keys: Sequence[int], fields: Sequence[str]) -> Iterator[Row]:
    """Dates, flags, sizes and a few header fields, in bounded portions; nothing is marked read."""
    wanted = set(keys)
    items = b"INTERNALDATE FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%s)]" % " ".join(fields).encode()
    for uids in session.wire.sets(keys, _HEADERS_AT_ONCE):
        session.stay_at(place)
        for row in session.wire.fetch_rows(uids, items, (b"INTERNALDATE", b"FLAGS", b"BODY"), place.folder):
            if row.uid in wanted:
                yield row
