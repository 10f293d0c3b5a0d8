"""The contract on Exchange, through the stand-in: by delegate rights, and by impersonation."""

from __future__ import annotations

import pytest

from retentiond.config import Access
from tests.mailbox.contract import MailboxContract
from tests.mailbox.exchange_ground import ExchangeGround
from tests.servers.exchange import Exchange


class TestExchangeByDelegation(MailboxContract):
    @pytest.fixture
    def ground(self, exchange: Exchange) -> ExchangeGround:
        return ExchangeGround(exchange)


class TestExchangeByImpersonation(MailboxContract):
    """The same, and a server that fills Purges only where something keeps what is in it."""

    @pytest.fixture
    def ground(self, exchange: Exchange) -> ExchangeGround:
        exchange.retention.hard_delete_fills_purges = False
        exchange.allow_impersonation(exchange.service.name)
        return ExchangeGround(exchange, access=Access.IMPERSONATION)
