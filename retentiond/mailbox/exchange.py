"""What every opened Exchange mailbox, here or in the cloud, has in common: its name, its places, its end.

Its folders are known by id; how it is read and changed is each server's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Generic, TypeVar

from retentiond.core.model import Key, Place, Role
from retentiond.errors import Unreachable, Why
from retentiond.mailbox.base import Mailbox, Sameness
from retentiond.mailbox.exchange_folders import Folders
from retentiond.mailbox.scope import Scope, Scoped

SomeFolders = TypeVar("SomeFolders", bound=Folders)


class Opened(Scoped, Generic[SomeFolders]):
    """A mailbox of Exchange, here or in the cloud, that may be open."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._open: SomeFolders | None = None

    @property
    def sameness(self) -> Sameness:
        return Sameness.PARTS

    @property
    def takes_parcels(self) -> bool:
        return True

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def session(self) -> SomeFolders:
        """The mailbox while it is open. Raises Unreachable."""
        if self._open is None:
            raise Unreachable(self.target, Why.NETWORK)
        return self._open

    def place(self, role: Role) -> Place:
        return self.session.place(self.session.in_role(role))

    def find(self, label: str) -> Place | None:
        folder = self.session.folder(label)
        return None if folder is None else self.session.place(folder)

    def names(self) -> dict[str, str]:
        return {folder.label: folder.path for folder in self.session.layout().folders}

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> bool:
        """An id names one item of all that there are, by whichever address its mailbox is opened."""
        return True

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        """Nothing is marked deleted in Exchange. Raises Changed where the folder is gone."""
        self.session.at(place)
