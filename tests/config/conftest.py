"""Real files in a private folder, with the rights that a configuration should have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retentiond.config import Config, load

HELPLINE = """\
[[helpline]]
name = "helpline-1"
account = "main"
mailbox = "help@charity.example"
identities = ["help@charity.example"]
"""
#: The least that is a configuration.
LEAST = f"""\
[account.main]
kind = "imap"
host = "mail.charity.example"
secret = {{ credential = "imap" }}

{HELPLINE}"""

Write = Callable[..., Path]
Loaded = Callable[[str], Config]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETENTIOND_CONFIG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of this test's own and gives it rights."""

    def _write(content: str | bytes, name: str = "retentiond.toml", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    return _write


@pytest.fixture
def loaded(write: Write) -> Loaded:
    return lambda text: load(write(text))
