"""The servers as pytest fixtures: each started once a session, users fresh for each test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from retentiond.demo.authority import Authority, found_authority
from retentiond.demo.server import EmbeddedServer
from tests.servers.canary import assert_no_canary
from tests.servers.dovecot import INSTALL, Dovecot, is_installed
from tests.servers.relay import Relay
from tests.servers.settings import Options

DovecotFactory = Callable[..., Dovecot]


def is_dovecot_required() -> bool:
    """Where nobody would read the word "skipped", a missing Dovecot is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true"} or bool(
        os.environ.get("RETENTIOND_REQUIRE_DOVECOT")
    )


def require_dovecot() -> None:
    """Skips the test, or fails it where it must not be skipped, naming the line to type."""
    if is_installed():
        return
    words = f"Dovecot is not installed. Type: sudo {INSTALL}"
    if is_dovecot_required():
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The tests' own certificate authority."""
    return found_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def relay(authority: Authority) -> Iterator[Relay]:
    """A mail relay that keeps what it is given, none of which may hold the canary."""
    relay = Relay(authority)
    yield relay
    assert_no_canary(texts=[each.as_bytes() for each in relay.taken])
    relay.close()


@pytest.fixture(scope="session")
def dovecot_factory(authority: Authority) -> Iterator[DovecotFactory]:
    """`dovecot_factory(store="mdbox", zone="Asia/Tokyo")`: one instance a session for each `Options`.

    A test that kills or pauses a server makes its own: `with Dovecot(authority, Options()) as server`.
    """
    running: dict[Options, Dovecot] = {}
    with ExitStack() as stack:

        def instance(**options: Any) -> Dovecot:
            require_dovecot()
            wanted = Options(**options)
            if wanted not in running:
                running[wanted] = stack.enter_context(Dovecot(authority, wanted))
            return running[wanted]

        yield instance


@pytest.fixture(scope="session")
def dovecot(dovecot_factory: DovecotFactory) -> Dovecot:
    """The plain instance: Maildir, UTC, every ability. Take users from `dovecot.new_user()`."""
    return dovecot_factory()


@pytest.fixture(scope="session")
def embedded(authority: Authority) -> Iterator[EmbeddedServer]:
    """The demo's own server. Take users from `embedded.new_user()`."""
    with EmbeddedServer({}, authority) as server:
        yield server


@pytest.fixture
def machine_zone() -> Iterator[Callable[[str], None]]:
    """`machine_zone("Asia/Tokyo")` puts this process into another time zone until the test ends."""
    before = os.environ.get("TZ")

    def change(zone: str) -> None:
        os.environ["TZ"] = zone
        time.tzset()

    yield change
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()
