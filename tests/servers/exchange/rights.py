"""Who may sign in, stand in for whom, and do what in which folder. Nothing here knows of SOAP."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from enum import IntEnum

from tests.servers.mailstore.names import short
from tests.servers.mailstore.store import Folder, Mailbox


class Right(IntEnum):
    """Each holds what the ones before it hold. VISIBLE: the folder may be seen, what is in it may not."""

    NONE = 0
    VISIBLE = 1
    READ = 2
    FULL = 3


class Rights:
    """Users, their passwords and tokens, their rights. Every owner has full rights on the own mailbox.

    A right on a folder stands over the right on its mailbox; folders are named by their path below the
    top of the mailbox or by distinguished id.
    """

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._mailboxes: dict[tuple[str, str], Right] = {}
        self._folders: dict[tuple[str, str, str], Right] = {}
        self._may_impersonate: set[tuple[str, str]] = set()
        #: Users who have full rights wherever no other right was given.
        self.everywhere: set[str] = set()

    def grant(self, user: str, mailbox: str, right: Right, folders: Iterable[str] = ()) -> None:
        names = tuple(folders)
        if not names:
            self._mailboxes[user, mailbox] = right
        for name in names:
            self._folders[user, mailbox, name] = right

    def new_token(self, user: str) -> str:
        token = secrets.token_urlsafe(24)
        self.tokens[token] = user
        return token

    def allow_impersonation(self, user: str, mailbox: str = "*") -> None:
        self._may_impersonate.add((user, mailbox))

    def forbid_impersonation(self, user: str) -> None:
        self._may_impersonate = {pair for pair in self._may_impersonate if pair[0] != user}

    def may_impersonate(self, user: str, mailbox: str) -> bool:
        return bool({(user, mailbox), (user, "*")} & self._may_impersonate)

    def on_mailbox(self, user: str, mailbox: Mailbox) -> Right:
        if user == mailbox.address:
            return Right.FULL
        default = Right.FULL if user in self.everywhere else Right.NONE
        return self._mailboxes.get((user, mailbox.address), default)

    def on_folder(self, user: str, folder: Folder) -> Right:
        for name in (folder.path, short(folder.path), folder.distinguished):
            given = self._folders.get((user, folder.mailbox.address, name)) if name else None
            if given is not None:
                return given
        return self.on_mailbox(user, folder.mailbox)
