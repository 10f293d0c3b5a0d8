from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retentiond.ledger.book import Ledger
from tests.ledger.books import founded


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the ledger of this test lies; not there yet."""
    return tmp_path / "ledger"


@pytest.fixture
def ledger(directory: Path) -> Iterator[Ledger]:
    """A new ledger, open."""
    with founded(directory) as book:
        yield book
