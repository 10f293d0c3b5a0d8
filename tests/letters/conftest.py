"""A world of letters for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.letters.world import World, world


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv("RETENTIOND_CONFIG", raising=False)
    with world(tmp_path) as made:
        yield made
