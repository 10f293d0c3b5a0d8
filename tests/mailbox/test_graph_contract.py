"""The contract on Microsoft 365, through the stand-in Graph."""

from __future__ import annotations

import pytest

from tests.mailbox.contract import MailboxContract
from tests.mailbox.graph_ground import GraphGround
from tests.servers.graph import Graph


class TestGraph(MailboxContract):
    @pytest.fixture
    def ground(self, graph: Graph) -> GraphGround:
        return GraphGround(graph)
