"""The ground of a story across two kinds of server: the helpline at home on one, the advisor on another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from retentiond.core.model import Role
from tests.servers.seed import Seed
from tests.stories.world import Seen, World


@dataclass
class Across(World):
    """`home` is the helpline's kind of server, `advisors` the advisor's; each seeds and reads its own end."""

    home: World
    advisors: World
    directory: Path

    tables: ClassVar[str] = '[log]\nlevel = "debug"\nformat = "json"\n'
    advisors_account: ClassVar[str] = "away"

    def __post_init__(self) -> None:
        self.line, self.ana = self.home.line, self.advisors.ana
        self.begin("nobody asks")

    def account(self) -> str:
        return self.home.account()

    def accounts(self) -> str:
        ends = {"mail": (self.home.account(), self.home.secret), "away": self.advisors.away()}
        return "\n".join(
            f'[account.{name}]\n{account}\nsecret = {{ file = "{secret}" }}'
            for name, (account, secret) in ends.items()
        )

    def _side(self, mailbox: Any) -> World:
        return self.home if mailbox is self.line else self.advisors

    def address(self, mailbox: Any) -> str:
        return self._side(mailbox).address(mailbox)

    def seed(self, mailbox: Any, folder: Role, messages: Iterable[Seed]) -> int:
        return self._side(mailbox).seed(mailbox, folder, messages)

    def mail(self, mailbox: Any, folder: Role) -> list[Seen]:
        return self._side(mailbox).mail(mailbox, folder)

    def parts(self, mailbox: Any, folder: Role) -> list[Seen]:
        return self._side(mailbox).parts(mailbox, folder)

    def seen(self, seed: Seed) -> Seen:
        return self.home.seen(seed)
