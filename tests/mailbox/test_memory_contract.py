"""The contract in memory: the reference holds what it asks of the others."""

from __future__ import annotations

import pytest

from tests.mailbox.contract import MailboxContract
from tests.mailbox.grounds import MemoryGround


class TestMemory(MailboxContract):
    @pytest.fixture
    def ground(self) -> MemoryGround:
        return MemoryGround()
