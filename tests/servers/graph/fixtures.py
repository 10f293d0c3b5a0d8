"""The stand-in Graph as pytest fixtures: a fresh server for each test, and a plain client for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from retentiond.demo.authority import Authority
from tests.servers.graph import Graph
from tests.servers.graph.call import IMMUTABLE


@pytest.fixture
def graph(authority: Authority) -> Iterator[Graph]:
    """A stand-in Graph without mailboxes. It fails the test if a request or an answer broke the schema."""
    with Graph(authority) as server:
        yield server


class Caller:
    """A plain client with a token: `caller.get("users/…", {"$top": "5"})` gives an answer of requests."""

    def __init__(self, server: Graph, token: str = "", *, is_immutable: bool = True) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(server.ca_file)
        self.session.headers["Authorization"] = f"Bearer {token or server.token()}"
        if is_immutable:
            self.session.headers["Prefer"] = IMMUTABLE

    def call(
        self, method: str, path: str, options: dict[str, str] | None = None, **how: Any
    ) -> requests.Response:
        url = path if path.startswith("https:") else f"{self.server.url}/{path}"
        return self.session.request(method, url, params=options, timeout=20, **how)

    def get(self, path: str, options: dict[str, str] | None = None, **how: Any) -> requests.Response:
        return self.call("GET", path, options, **how)

    def post(self, path: str, body: object = None, **how: Any) -> requests.Response:
        return self.call("POST", path, json=body, **how)

    def delete(self, path: str, options: dict[str, str] | None = None, **how: Any) -> requests.Response:
        return self.call("DELETE", path, options, **how)

    def pages(self, path: str, options: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Everything behind a path, its nextLinks followed."""
        found: list[dict[str, Any]] = []
        answer = self.get(path, options).json()
        found += answer["value"]
        while "@odata.nextLink" in answer:
            answer = self.get(answer["@odata.nextLink"]).json()
            found += answer["value"]
        return found


@pytest.fixture
def caller(graph: Graph) -> Iterator[Caller]:
    """A client that asks for immutable ids on every request."""
    found = Caller(graph)
    yield found
    found.session.close()
