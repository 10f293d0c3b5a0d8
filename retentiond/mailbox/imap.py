"""A target's mailbox on an IMAP server: each verb of the port, handed to the room that keeps its promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from retentiond.config import ImapAccount, Login
from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome
from retentiond.core.model import FolderView, Item, Key, Kind, Place, Role
from retentiond.errors import Unreachable, Why
from retentiond.mailbox import (
    imap_carry,
    imap_destroy,
    imap_holds,
    imap_kin,
    imap_look,
    imap_probe,
    imap_strays,
    imap_twins,
)
from retentiond.mailbox.base import (
    Abilities,
    Copy,
    Likeness,
    Mailbox,
    Message,
    Question,
    Sameness,
    Standing,
    Wanted,
)
from retentiond.mailbox.imap_session import Session
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope, Scoped
from retentiond.mailbox.secret import Secret
from retentiond.mailbox.wire import Wire


class ImapMailbox(Scoped):
    """One target on an account. `secret` is called once, on connecting; its value is not kept."""

    def __init__(
        self, account: ImapAccount, scope: Scope, marker: Marker, mailbox: str, secret: Secret
    ) -> None:
        self._account = account
        self._scope = scope
        self._marker = marker
        self._mailbox = mailbox
        self._secret = secret
        self._open: Session | None = None
        self._indexes: dict[Place, imap_twins.Index] = {}

    @property
    def sameness(self) -> Sameness:
        return Sameness.BYTES

    def __enter__(self) -> Self:
        user = self._account.login_name(self._mailbox)
        with self._secret.attempt():
            if self._secret.is_refused:
                raise Unreachable(self.target, Why.PASSWORD)
            try:
                wire = Wire(self._account, self.target, user, self._secret())
            except Unreachable as error:
                self._secret.is_refused |= error.why is Why.PASSWORD
                raise
            self._secret.is_accepted = True
        self._open = Session(wire, self._account, self._scope, self._marker, self._mailbox)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.leave()
            self._open.wire.close()
            self._open = None
        self._indexes.clear()

    @property
    def _session(self) -> Session:
        if self._open is None:
            raise Unreachable(self.target, Why.NETWORK)
        return self._open

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        return imap_probe.abilities(self._session)

    def clock(self, now: datetime) -> ClockReading:
        return imap_probe.clock(self._session, now)

    def look(self, question: Question) -> Iterator[FolderView]:
        if self.kind is Kind.ADVISOR:
            return imap_strays.look_for_strays(self._session, question)
        return imap_look.look(self._session, question)

    def message_ids(self) -> Iterator[str]:
        return imap_look.message_ids(self._session)

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        return imap_holds.identify(self._session, place, keys)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        return imap_holds.seek(self._session, wanted)

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        return imap_kin.named(self._session, place, keys)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        return imap_kin.younger(self._session, question, of)

    def place(self, role: Role) -> Place:
        return self._session.place(self._session.in_role(role))

    def find(self, label: str) -> Place | None:
        session = self._session
        found = (folder for folder in session.folders() if folder.label == label)
        return next((session.place(folder) for folder in found), None)

    def names(self) -> dict[str, str]:
        return {folder.label: folder.name for folder in self._session.folders()}

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        return imap_carry.fetch(self._session, place, keys, sizes)

    @property
    def takes_parcels(self) -> bool:
        return False

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return {}

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        return imap_twins.copies(self._session, place, of, by, self._indexes)

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        imap_carry.add(self._session, place, messages)

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        """Only where one shared login opens both mailboxes: another login must not reach them."""
        is_one_login = isinstance(home, ImapMailbox) and home._account == self._account
        if not is_one_login or self._account.login is not Login.SHARED:
            return False
        assert isinstance(home, ImapMailbox)
        return imap_carry.copy(self._session, place, keys, home._session, sent)

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> bool:
        if not isinstance(home, ImapMailbox) or place.version != sent.version:
            return False
        return imap_twins.is_itself(self._session, place, int(key), home._session, sent)

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        return imap_destroy.destroy(self._session, place, keys, holds_win=holds_win)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        return imap_destroy.stand(self._session, place, keys)

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        imap_destroy.unmark(self._session, place, keys)

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        imap_holds.hold(self._session, place, keys)

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        imap_holds.unhold(self._session, place, keys)

    def keeps_copies(self) -> bool | None:
        return imap_probe.keeps_copies(self._session)
