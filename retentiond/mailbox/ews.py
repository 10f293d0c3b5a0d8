"""A target's mailbox on an Exchange Server: each verb of the port, handed to its room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Self

from retentiond.config import ExchangeAccount
from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome
from retentiond.core.model import Beside, FolderView, Item, Key, Kind, Place
from retentiond.errors import Unreachable, Why
from retentiond.mailbox import (
    ews_beside,
    ews_carry,
    ews_copy,
    ews_destroy,
    ews_holds,
    ews_kin,
    ews_look,
    ews_probe,
    ews_strays,
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
from retentiond.mailbox.ews_line import Line
from retentiond.mailbox.ews_session import Session
from retentiond.mailbox.exchange import Opened
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret


class EwsMailbox(Opened[Session]):
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
        super().__init__(scope)
        self._account = account
        self._marker = marker
        self._mailbox = mailbox
        self._secret = secret
        self._patience = patience or Patience(account.patience)

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

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        return ews_probe.abilities(self.session)

    def clock(self, now: datetime) -> ClockReading:
        return self.session.reading(now)

    def look(self, question: Question) -> Iterator[FolderView]:
        if self.kind is Kind.ADVISOR:
            return ews_strays.look_for_strays(self.session, question)
        return ews_look.look(self.session, question)

    def beside(self, question: Question) -> tuple[tuple[Beside, int], ...]:
        return ews_beside.beside(self.session, question)

    def message_ids(self) -> Iterator[str]:
        return ews_look.message_ids(self.session)

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        return ews_holds.identify(self.session, place, keys)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        return ews_holds.seek(self.session, wanted)

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        self.session.at(place)
        return ews_kin.named(self.session, keys)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        return ews_kin.younger(self.session, question)

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        return ews_carry.fetch(self.session, place, keys)

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return ews_carry.pack(self.session, place, keys)

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        return ews_carry.copies(self.session, place, of)

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        ews_carry.add(self.session, place, messages)

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        """Between mailboxes of the same server; each end by its own login."""
        if not isinstance(home, EwsMailbox) or home._account.endpoint != self._account.endpoint:
            return False
        return ews_copy.copy(self.session, place, keys, home.session, sent)

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        return ews_destroy.destroy(self.session, place, keys, holds_win=holds_win)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        return ews_destroy.stand(self.session, place, keys)

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        ews_holds.hold(self.session, place, keys)

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        ews_holds.unhold(self.session, place, keys)

    def keeps_copies(self) -> bool | None:
        return ews_probe.keeps_copies(self.session)
