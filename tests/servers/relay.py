"""A mail relay as a charity has one: real SMTP over TLS on a port of its own."""

from __future__ import annotations

import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from retentiond.demo.authority import Authority
from tests.servers.seed import CANARY

controller = pytest.importorskip("aiosmtpd.controller", reason="Type: pip install aiosmtpd")
smtp = pytest.importorskip("aiosmtpd.smtp")


class Relay:
    """A charity's relay: STARTTLS before anything else, a password, and every mail that it took."""

    def __init__(self, authority: Authority) -> None:
        self.taken: list[EmailMessage] = []
        self.refuses = ""
        self.logins: list[bytes] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._controller = controller.Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=authority.server_context(),
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=False,
        )
        self._controller.start()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _way: str, data: Any) -> Any:
        self.logins.append(data.login)
        return smtp.AuthResult(success=data.password == b"open-sesame", handled=False)

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address == self.refuses:
            return f"550 no such person {CANARY}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        assert session.ssl is not None, "nothing goes over the wire before TLS"
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        assert envelope.rcpt_tos == [each.strip() for each in parsed["To"].split(",")]
        self.taken.append(parsed)
        return "250 OK"

    def close(self) -> None:
        self._controller.stop()
