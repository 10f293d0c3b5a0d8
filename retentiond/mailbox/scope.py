"""What of a mailbox is the promise's business: its folders, whose mail it is, and the sign of a hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from retentiond.core.model import Beside, Kind, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.base import Question


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a mailbox is the promise's business. One per target, made from the configuration.

    `identities` are raw addresses: a helpline's own, or for an advisor those of all helplines that
    the search in the advisor's folders asks for. `roles` names folders whose role the server does
    not tell. `look_in` (advisors) holds roles or folder names. `leave_out` and `named` (helplines)
    hold folder names; a virtual folder is looked at only if it is in `named`.
    """

    target: str
    kind: Kind
    identities: tuple[str, ...] = ()
    roles: dict[Role, str] = field(default_factory=dict)
    look_in: tuple[str, ...] = ("sent", "trash")
    leave_out: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    hold_keyword: str = "$RetentionHold"
    hold_folder: str | None = None

    def refuse_left_out(self, role: Role) -> None:
        """A folder with this role is named in `leave_out`. Raises Refused(left-out) where mail there was
        promised to go: a helpline's own, what it sent, and what was deleted (P1, P2)."""
        if self.kind is Kind.HELPLINE and role in (Role.INBOX, Role.SENT, Role.TRASH):
            raise Refused(self.target, Why.LEFT_OUT, role.value)


class Scoped:
    """A mailbox's name, its kind and its sign of a hold, as its scope has them."""

    _scope: Scope

    @property
    def target(self) -> str:
        return self._scope.target

    @property
    def kind(self) -> Kind:
        return self._scope.kind

    @property
    def hold_sign(self) -> str:
        return self._scope.hold_keyword

    def beside(self, question: Question) -> tuple[tuple[Beside, int], ...]:
        return ()
