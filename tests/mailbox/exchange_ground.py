"""The ground of the contract on the stand-in Exchange, and an account as the configuration would have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retentiond.config import Access, Auth, ExchangeAccount, SecretReference, Source
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.ews import EwsMailbox
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.grounds import MARKER
from tests.mailbox.microsoft_ground import MicrosoftGround
from tests.servers.exchange import Exchange


def exchange_account(server: Exchange, **changes: Any) -> ExchangeAccount:
    """An account as the configuration would have it, with the service's login."""
    settings: dict[str, Any] = {
        "name": "mail",
        "endpoint": server.url,
        "ca_file": Path(server.ca_file),
        "auth": Auth.BASIC,
        "user": server.service.name,
        "client_id": "",
        "token_url": "",
        "secret": SecretReference("mail", Source.ENV, "NOBODY_ASKS"),
        "access": Access.DELEGATE,
        "timeout": 20,
        "patience": 20,
        "has_recoverable_items": True,
        "looks_in_archive": True,
        "single_item_recovery": None,
        "hold_category": "Retention hold",
    }
    return ExchangeAccount(**{**settings, **changes})


class ExchangeGround(MicrosoftGround):
    """Two fresh mailboxes on the stand-in."""

    def __init__(self, server: Exchange, **changes: Any) -> None:
        super().__init__()
        self.server = server
        self.account = exchange_account(server, **changes)
        self.patience = Patience(20, sleep=lambda seconds: None)
        self.secret = server.service.password
        for where in ("here", "there"):
            server.mailbox(self.address(where))

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        secret = Secret(lambda: self.secret)
        return EwsMailbox(self.account, scope, MARKER, self.address(where), secret, self.patience)

    def id_of(self, item: Any) -> str:
        return str(item.id)
