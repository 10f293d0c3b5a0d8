"""A target's mailbox in Microsoft 365, by Graph: each verb of the port, handed to its room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Self

from retentiond.config import GraphAccount
from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome
from retentiond.core.model import FolderView, Item, Key, Kind, Place
from retentiond.mailbox import (
    graph_carry,
    graph_destroy,
    graph_holds,
    graph_kin,
    graph_look,
    graph_probe,
    graph_strays,
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
from retentiond.mailbox.exchange import Opened
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import Gate
from retentiond.mailbox.graph_line import Line
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope


class GraphMailbox(Opened[Session]):
    """One target on an account; `mailbox` is its address. Badge, patience and gate are shared by all
    mailboxes of the account in one command."""

    def __init__(
        self,
        account: GraphAccount,
        scope: Scope,
        marker: Marker,
        mailbox: str,
        badge: Badge,
        patience: Patience,
        gate: Gate,
    ) -> None:
        super().__init__(scope)
        self._account = account
        self._marker = marker
        self._mailbox = mailbox
        self._badge = badge
        self._patience = patience
        self._gate = gate

    def __enter__(self) -> Self:
        """Signs in, by asking for the folders: a refused proof or a closed door is found out here."""
        line = Line(self._account, self.target, self._mailbox, self._badge, self._patience, self._gate)
        self._open = Session(line, self._scope, self._marker)
        try:
            self._open.layout()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        return graph_probe.abilities(self.session)

    def clock(self, now: datetime) -> ClockReading:
        return self.session.reading(now)

    def look(self, question: Question) -> Iterator[FolderView]:
        if self.kind is Kind.ADVISOR:
            return graph_strays.look_for_strays(self.session, question)
        return graph_look.look(self.session, question)

    def message_ids(self) -> Iterator[str]:
        return graph_look.message_ids(self.session)

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        return graph_holds.identify(self.session, place, keys)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        return graph_holds.seek(self.session, wanted)

    def named(self, place: Place, keys: Sequence[Key]) -> Iterator[str]:
        return graph_kin.named(self.session, place, keys)

    def younger(self, question: Question, of: Sequence[str] = ()) -> Iterator[Item]:
        return graph_kin.younger(self.session, question)

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        return graph_carry.fetch(self.session, place, keys)

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return graph_carry.pack(self.session, place, keys)

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        """By what survives, whatever the other end keeps: Graph gives other bytes each time."""
        return graph_carry.copies(self.session, place, of)

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        graph_carry.add(self.session, place, messages)

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        """Graph copies within one mailbox only; what was packed goes home by `add`."""
        return False

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        return graph_destroy.destroy(self.session, place, keys, holds_win=holds_win)

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        return graph_destroy.stand(self.session, place, keys)

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        graph_holds.hold(self.session, place, keys)

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        graph_holds.unhold(self.session, place, keys)

    def keeps_copies(self) -> bool | None:
        return graph_probe.keeps_copies(self.session)
