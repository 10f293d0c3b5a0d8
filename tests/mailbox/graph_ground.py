"""The ground of the contract on the stand-in Graph, and an account as the configuration would have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retentiond.config import GraphAccount, Proof, SecretReference, Source
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.graph import GraphMailbox
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import Gate
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.grounds import MARKER
from tests.mailbox.microsoft_ground import MicrosoftGround
from tests.servers.graph import Graph


def graph_account(server: Graph, **changes: Any) -> GraphAccount:
    """An account as the configuration would have it, of the stand-in's own application."""
    settings: dict[str, Any] = {
        "name": "mail",
        "tenant": server.tenant.id,
        "client_id": server.app.client_id,
        "auth": Proof.CERTIFICATE,
        "secret": SecretReference("mail", Source.ENV, "NOBODY_ASKS"),
        "endpoint": server.url,
        "authority": server.endpoint,
        "ca_file": Path(server.ca_file),
        "timeout": 20,
        "patience": 20,
        "has_recoverable_items": True,
        "tells_of_archive": True,
        "single_item_recovery": None,
        "reviews_receipts": True,
        "hold_category": "Retention hold",
    }
    return GraphAccount(**{**settings, **changes})


class GraphGround(MicrosoftGround):
    """Two fresh mailboxes on the stand-in."""

    def __init__(self, server: Graph, *, recovers: bool = False, **changes: Any) -> None:
        super().__init__()
        self.server = server
        self.account = graph_account(server, **changes)
        self.patience = Patience(20, sleep=lambda seconds: None)
        credential = server.credential
        self.secret = Secret(lambda: credential.key_pem + credential.certificate_pem)
        self.badge = Badge(self.account, self.secret)
        self.gate = Gate()
        for where in ("here", "there"):
            server.mailbox(self.address(where), recovers=recovers)

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        return GraphMailbox(
            self.account, scope, MARKER, self.address(where), self.badge, self.patience, self.gate
        )

    def id_of(self, item: Any) -> str:
        """An immutable id as Graph writes it."""
        return str(item.lasting_id).translate(str.maketrans("+/", "-_"))
