"""The contract on IMAP: real Dovecot in several shapes, and the demo's embedded server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retentiond.demo.server import EmbeddedServer
from tests.mailbox.contract import MailboxContract
from tests.mailbox.grounds import ImapGround, dovecot_ground
from tests.servers.fixtures import DovecotFactory
from tests.servers.settings import capability_without
from tests.servers.users import User

POOR = capability_without(
    "UIDPLUS", "MULTIAPPEND", "ESEARCH", "ESORT", "WITHIN", "LITERAL+", "CONDSTORE", "QRESYNC",
    "CONTEXT=SEARCH", "SEARCHRES", "LIST-EXTENDED", "ACL", "RIGHTS=texk", "ID",
)  # fmt: skip


class TestDovecotMaildir(MailboxContract):
    """Everything that IMAP has to offer."""

    @pytest.fixture
    def ground(self, dovecot_factory: DovecotFactory) -> Iterator[ImapGround]:
        yield from dovecot_ground(dovecot_factory())


class TestDovecotMdboxInTokyo(MailboxContract):
    """Another store, and a server whose days begin nine hours before ours."""

    @pytest.fixture
    def ground(self, dovecot_factory: DovecotFactory) -> Iterator[ImapGround]:
        yield from dovecot_ground(dovecot_factory(store="mdbox", zone="Asia/Tokyo"))


class TestPoorDovecot(MailboxContract):
    """A server with nothing but IMAP4rev1: plain paths everywhere, and no destruction."""

    @pytest.fixture
    def ground(self, dovecot_factory: DovecotFactory) -> Iterator[ImapGround]:
        yield from dovecot_ground(dovecot_factory(zone="Asia/Tokyo", capability=POOR), ["uidplus"])


class TestEmbedded(MailboxContract):
    """The demo's server; it hangs up on a search that meets a malformed header."""

    @pytest.fixture
    def ground(self, embedded: EmbeddedServer) -> Iterator[ImapGround]:
        here, there = (User(one.name, one.password) for one in (embedded.new_user(), embedded.new_user()))
        ground = ImapGround(embedded, here, there, ["malformed"])
        yield ground
        ground.close()
