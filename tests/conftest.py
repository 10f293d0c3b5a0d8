"""What all tests share: the servers, and how Hypothesis searches."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ("tests.servers.fixtures", "tests.servers.exchange.fixtures", "tests.servers.graph.fixtures")

# Every day the same examples, so that a red test is red for everybody; a campaign searches afresh.
settings.register_profile("everyday", derandomize=True, deadline=None, database=None)
settings.register_profile("campaign", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever takes a Dovecot bears its mark: `-m 'not dovecot'` leaves those out."""
    for item in items:
        if "dovecot_factory" in getattr(item, "fixturenames", ()):
            item.add_marker("dovecot")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """A command closes what it makes to others, for its whole process; the next test begins anew."""
    before = os.umask(0o022)
    yield
    os.umask(before)
