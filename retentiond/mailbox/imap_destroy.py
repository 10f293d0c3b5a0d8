"""Destroying over IMAP: exactly the named versions, after a last look, believed after a fresh search.

Only `UID EXPUNGE` (RFC 4315) removes: EXPUNGE and CLOSE would take what other clients marked
`\\Deleted`. STORE and UID EXPUNGE go out in one write; where the server offers CONDSTORE the STORE
fails for whatever was touched since the last look (UNCHANGEDSINCE, RFC 7162), so a hold set in between
wins. There is no conditional EXPUNGE: a hold set after the STORE, within that one write, can be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import Hindrance, Key, Place, Role
from retentiond.errors import Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.base import Standing
from retentiond.mailbox.imap_answers import Answer, keys_of, status_of
from retentiond.mailbox.imap_session import Opened, Session, numbers
from retentiond.mailbox.wire import Wire

#: How often what is left is tried again; the last time without pipelining.
ROUNDS = 3

_REFUSALS = {Hindrance.NO_RIGHT: Why.NO_RIGHT, Hindrance.READ_ONLY: Why.READ_ONLY}


@dataclass(slots=True)
class _Stand:
    """What a look found of the keys that it was asked for."""

    present: set[int]
    held: set[int]
    deleted: set[int]


def destroy(
    session: Session, place: Place, keys: Sequence[Key], *, holds_win: bool = True
) -> tuple[Outcome, ...]:
    """The verb of the port. The folder is left by UNSELECT, whatever happened."""
    if not keys:
        return ()
    if place.role is Role.HOLD and holds_win:
        return (Outcome(place, Result.HELD, tuple(keys)),)
    if not session.wire.offers("UIDPLUS"):
        raise Unsupported(session.target, Why.NO_UIDPLUS, place.folder)
    try:
        opened = session.take_again(place)
        refuse_where_hindered(session, opened)
        return _Deed(session, place, numbers(keys), holds_win).done()
    finally:
        session.leave()


def refuse_where_hindered(session: Session, opened: Opened) -> None:
    """Raises Refused before anything is done: without the right an OK would mean nothing."""
    label = opened.place.folder
    if opened.hindrance in _REFUSALS:
        raise Refused(session.target, _REFUSALS[opened.hindrance], label)
    if opened.is_read_only:
        raise Refused(session.target, Why.READ_ONLY, label)
    if "\\deleted" not in opened.lasting:
        raise Refused(session.target, Why.NO_RIGHT, label)


class _Deed:
    """One folder's batch, from the last look to the proof."""

    def __init__(self, session: Session, place: Place, keys: Sequence[int], holds_win: bool) -> None:
        self._session = session
        self._wire = session.wire
        self._place = place
        self._keys = keys
        self._holds_win = holds_win
        self._folder = session.folder(place.folder)
        self._tried: set[int] = set()
        self._touched: set[int] = set()

    def done(self) -> tuple[Outcome, ...]:
        since, first = self._last_look(self._keys)
        try:
            return self._struck(since, first)
        except Refused as error:  # what was done by then nobody has seen yet
            raise Unreachable(error.target, error.why, error.detail) from None

    def _struck(self, since: int | None, first: _Stand) -> tuple[Outcome, ...]:
        now = first
        why = "not-removed"
        for attempt in range(1, ROUNDS + 1):
            doomed = now.present - now.held
            if not doomed:
                break
            self._tried |= doomed
            # What bears the mark already would be expunged in the same write although the STORE failed.
            marked = doomed & now.deleted
            try:
                self._strike(sorted(doomed - marked), since, is_pipelined=attempt < ROUNDS)
                self._strike(sorted(marked), since, is_pipelined=False)
            except Refused as error:
                why = error.why.value
            since, now = self._last_look(self._keys)
            if why != "not-removed":
                break
        # A mark that we set and that did not lead to an end is taken back; another client's is not.
        self._unmark((now.deleted & self._tried) - first.deleted)
        return self._outcomes(now, why)

    def _last_look(self, keys: Sequence[int]) -> tuple[int | None, _Stand]:
        """The state of the folder is noted before it is searched, so that what comes later shows."""
        since = None
        if self._wire.offers("CONDSTORE"):
            status = b"STATUS " + self._folder.argument + b" (HIGHESTMODSEQ)"
            since = status_of(self._wire.ask(status)[0]).get(b"HIGHESTMODSEQ") or None
        self._wire.expect(self._wire.ask(b"NOOP")[0], self._place.folder)
        found = _stand(self._session, keys, self._place)
        if not self._holds_win:
            found.held.clear()
        return since, found

    def _strike(self, doomed: Sequence[int], since: int | None, *, is_pipelined: bool) -> None:
        condition = b"" if since is None else b" (UNCHANGEDSINCE %d)" % since
        for uids in self._wire.sets(doomed, max(1, len(doomed))):
            store = b"UID STORE " + uids + condition + b" +FLAGS.SILENT (\\Deleted)"
            if is_pipelined:
                answers = self._wire.ask(store, b"UID EXPUNGE " + uids, keeps=False)
                for answer in answers:
                    self._accept(answer)
            else:
                self._step_by_step(store, uids)

    def _step_by_step(self, store: bytes, uids: bytes) -> None:
        answer = self._wire.ask(store, keeps=False)[0]
        self._accept(answer)
        with self._wire.reading():
            touched = set(_modified(answer))
        self._touched |= touched
        left = [key for key in keys_of(uids) if key not in touched]
        for rest in self._wire.sets(left, max(1, len(left))):
            self._accept(self._wire.ask(b"UID EXPUNGE " + rest, keeps=False)[0])

    def _accept(self, answer: Answer) -> None:
        """NO with MODIFIED means that some were touched: they are looked at again, not refused."""
        if answer.code != b"MODIFIED":
            self._wire.expect(answer, self._place.folder)

    def _unmark(self, keys: Iterable[int]) -> None:
        unmark_in_open_folder(self._wire, sorted(keys))

    def _outcomes(self, now: _Stand, why: str) -> tuple[Outcome, ...]:
        gone = [key for key in self._keys if key not in now.present]
        left = [key for key in self._keys if key in now.present and key not in now.held]
        found = (
            (Result.DONE, [key for key in gone if key in self._tried], ""),
            (Result.GONE_ALREADY, [key for key in gone if key not in self._tried], ""),
            (Result.HELD, [key for key in self._keys if key in now.present and key in now.held], ""),
            (Result.CHANGED, [key for key in left if key in self._touched], ""),
            (Result.FAILED, [key for key in left if key not in self._touched], why),
        )
        return tuple(
            Outcome(self._place, result, tuple(keys), why=why) for result, keys, why in found if keys
        )


def _stand(session: Session, keys: Sequence[int], place: Place) -> _Stand:
    """What of `keys` is in the open folder now, held, or marked `\\Deleted`."""
    wire = session.wire
    keyword = b" KEYWORD " + session.scope.hold_keyword.encode("ascii")
    stand = _Stand(set(), set(), set())
    for uids in wire.sets(keys, share=3):
        within = b"UID " + uids
        present, held, deleted = wire.search(
            within, within + keyword, within + b" DELETED", label=place.folder
        )
        stand.present.update(present)
        stand.held.update(held)
        stand.deleted.update(deleted)
    if place.role is Role.HOLD:
        stand.held = set(stand.present)
    return stand


def stand(session: Session, place: Place, keys: Sequence[Key]) -> Standing:
    """The verb of the port; the folder is only examined."""
    session.look_again(place)
    found = _stand(session, numbers(keys), place)
    session.leave()
    return Standing(*(tuple(sorted(each)) for each in (found.present, found.held, found.deleted)))


def unmark(session: Session, place: Place, keys: Sequence[Key]) -> None:
    """The verb of the port."""
    if not keys:
        return
    try:
        session.take_again(place)
        unmark_in_open_folder(session.wire, numbers(keys))
    finally:
        session.leave()


def unmark_in_open_folder(wire: Wire, keys: Sequence[int]) -> None:
    for uids in wire.sets(keys):
        wire.expect(wire.ask(b"UID STORE " + uids + b" -FLAGS.SILENT (\\Deleted)", keeps=False)[0])


def remove(session: Session, keys: Sequence[int]) -> None:
    """Takes messages of our own making out of the folder that is open for writing."""
    for uids in session.wire.sets(keys):
        store = b"UID STORE " + uids + b" +FLAGS.SILENT (\\Deleted)"
        session.wire.ask(store, b"UID EXPUNGE " + uids, keeps=False)


def _modified(answer: Answer) -> tuple[int, ...]:
    if answer.code != b"MODIFIED" or not answer.arguments:
        return ()
    return keys_of(answer.arguments[0])
