"""A target's mailbox on an Exchange Server: each verb of the port, handed to its room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from retentiond.config import ExchangeAccount
from retentiond.core.model import FolderView, Item, Key, Kind, Outcome, Place, Role
from retentiond.errors import Unreachable, Why
from retentiond.mailbox import ews_carry, ews_destroy, ews_holds, ews_kin, ews_look, ews_probe, ews_strays
from retentiond.mailbox.base import (
    Abilities,
    ClockReading,
    Copy,
    Likeness,
    Mailbox,
    Marker,
    Message,
    Question,
    Sameness,
    Scope,
    Secret,
    Standing,
    Wanted,
)
from retentiond.mailbox.ews_line import Line
from retentiond.mailbox.ews_session import Session
from retentiond.mailbox.patience import Patience


class EwsMailbox:
    """One target on an account; `mailbox` is its address. `secret` is called once, on connecting.

    `patience` is shared by all mailboxes of the account in one command.
    """

    def __init__(
        self,
        account: ExchangeAccount,
        scope: Scope,
        marker: Marker,
        mailbox: str,
        secret: Secret,
        patience: Patience | None = None,
    ) -> None:
        self._account = account
        self._scope = scope
        self._marker = marker
        self._mailbox = mailbox
        self._secret = secret
        self._patience = patience or Patience(account.patience)
        self._open: Session | None = None

    @property
    def target(self) -> str:
        return self._scope.target

    @property
    def kind(self) -> Kind:
        return self._scope.kind

    @property
    def sameness(self) -> Sameness:
        return Sameness.PARTS

    @property
    def hold_sign(self) -> str:
        return self._scope.hold_keyword

    def __enter__(self) -> Self:
        """Signs in, by asking for the folders: a wrong password or a closed door is found out here."""
        with self._secret.attempt():
            if self._secret.is_refused:
                raise Unreachable(self.target, Why.PASSWORD)
            line = Line(self._account, self.target, self._mailbox, self._secret(), self._patience)
            self._open = Session(line, self._scope, self._marker, self._mailbox)
            try:
                self._open.layout()
            except BaseException as error:
                self._secret.is_refused |= isinstance(error, Unreachable) and error.why is Why.PASSWORD
                self.__exit__(None, None, None)
                raise
            self._secret.is_accepted = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.line.close()
            self._open = None

    @property
    def _session(self) -> Session:
        if self._open is None:
            raise Unreachable(self.target, Why.NETWORK)
        return self._open

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        return ews_probe.abilities(self._session)

    def clock(self, now: datetime) -> ClockReading:
        return ews_probe.clock(self._session, now)

    def look(self, question: Question) -> Iterator[FolderView]:
        if self.kind is Kind.ADVISOR:
            return ews_strays.look_for_strays(self._session, question)
        return ews_look.look(self._session, question)

    def message_ids(self) -> Iterator[str]:
        return ews_look.message_ids(self._session)

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        return ews_holds.identify(self._session, place, keys)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        return ews_holds.seek(self._session, wanted)

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        self._session.at(place)
        return ews_kin.named(self._session, keys)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        return ews_kin.younger(self._session, question)

    def place(self, role: Role) -> Place:
        return self._session.place(self._session.in_role(role))

    def find(self, label: str) -> Place | None:
        session = self._session
        folder = session.folder(label)
        return None if folder is None else session.place(folder)

    def names(self) -> dict[str, str]:
        return {folder.label: folder.path for folder in self._session.layout().folders}

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        return ews_carry.fetch(self._session, place, keys)

    @property
    def takes_parcels(self) -> bool:
        return True

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return ews_carry.pack(self._session, place, keys)

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        return ews_carry.copies(self._session, place, of)

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        ews_carry.add(self._session, place, messages)

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        """Between mailboxes of the same server; each end by its own login."""
        if not isinstance(home, EwsMailbox) or home._account.endpoint != self._account.endpoint:
            return False
        return ews_carry.copy(self._session, place, keys, home._session, sent)

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        return ews_destroy.destroy(self._session, place, keys, holds_win=holds_win)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        return ews_destroy.stand(self._session, place, keys)

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        """Nothing is marked deleted on Exchange. Raises Changed where the folder is gone."""
        self._session.at(place)

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        ews_holds.hold(self._session, place, keys)

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        ews_holds.unhold(self._session, place, keys)

    def keeps_copies(self) -> bool | None:
        return ews_probe.keeps_copies(self._session)
