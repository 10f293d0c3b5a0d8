"""How a server is reached and who signs in there: one kind of account for each kind of server.

Where a secret is kept stands here too; the secret itself never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

from retentiond.core.model import Role
from retentiond.core.period import Period


class Source(StrEnum):
    """Where a secret may be kept."""

    CREDENTIAL = "credential"
    FILE = "file"
    ENV = "env"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is kept; never the secret. `read_secret` fetches it when it is needed.

    `place` is a credential's name, an absolute path, a variable's name or a program; `arguments` are
    the program's. `owner` is the account whose secret it is, or "ledger".
    """

    owner: str
    source: Source
    place: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: where the secret is. A command's arguments are left out, they might tell."""
        return f"{self.source} {self.place}"


class Tls(StrEnum):
    """How the connection is protected. There is no third way."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"


class Login(StrEnum):
    """As whom an account opens its mailboxes."""

    DIRECT = "direct"
    MASTER = "master"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """How to reach an IMAP server. `timeout` is in seconds.

    `server_keeps` is what the operator declares: so long the server keeps what was removed. `roles`
    names folders whose role the server does not tell.
    """

    name: str
    host: str
    port: int
    tls: Tls
    ca_file: Path | None
    user: str | None
    login: Login
    master_separator: str
    shared_prefix: str | None
    secret: SecretReference
    timeout: int
    server_keeps: Period | None
    roles: Mapping[Role, str]

    kind: ClassVar[str] = "imap"

    def login_name(self, mailbox: str) -> str:
        """The name with which to log in in order to reach `mailbox`."""
        match self.login:
            case Login.MASTER:
                return f"{mailbox}{self.master_separator}{self.user}"
            case Login.DIRECT:
                return self.user or mailbox
            case Login.SHARED:
                return self.user or ""

    def prefix(self, mailbox: str) -> str | None:
        """The folder below which `mailbox` lies (login "shared"); None where it is the login's own."""
        return None if self.shared_prefix is None else self.shared_prefix.replace("{mailbox}", mailbox)


class Auth(StrEnum):
    """How an Exchange server learns who is there."""

    BASIC = "basic"
    NTLM = "ntlm"
    KERBEROS = "kerberos"
    OAUTH = "oauth"


class Access(StrEnum):
    """By which right an Exchange account opens mailboxes."""

    DELEGATE = "delegate"
    IMPERSONATION = "impersonation"


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """How to reach an Exchange Server by EWS. `timeout` and `patience` are in seconds.

    `user` is who signs in (basic, NTLM); `client_id` and `token_url` say where an application gets its
    token (OAuth). `single_item_recovery` is what the operator declares: so long the server keeps what
    was removed. `hold_category` is the category by which Outlook holds an item or its conversation.
    """

    name: str
    endpoint: str
    ca_file: Path | None
    auth: Auth
    user: str
    client_id: str
    token_url: str
    secret: SecretReference
    access: Access
    timeout: int
    patience: int
    has_recoverable_items: bool
    looks_in_archive: bool
    single_item_recovery: Period | None
    hold_category: str

    kind: ClassVar[str] = "exchange"
    #: Roles are told by the server, and what it keeps is seen or declared as single item recovery.
    roles: ClassVar[Mapping[Role, str]] = MappingProxyType({})
    server_keeps: ClassVar[Period | None] = None

    @property
    def host(self) -> str:
        """The server's name, as the endpoint has it."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def is_impersonating(self) -> bool:
        return self.access is Access.IMPERSONATION


class Proof(StrEnum):
    """How an application proves to Microsoft Entra who it is."""

    CERTIFICATE = "certificate"
    FEDERATED = "federated"
    MANAGED_IDENTITY = "managed-identity"
    SECRET = "secret"  # noqa: S105 — the name of a way, not a secret


@dataclass(frozen=True, slots=True)
class GraphAccount:
    """How to reach a tenant of Microsoft 365 by Graph. `timeout` and `patience` are in seconds.

    `secret` is where the proof is kept: a PEM file of private key and certificate, a federated assertion,
    or a client secret; None with a managed identity. `reviews_receipts`: what is unread and asked for a
    receipt is left to a person.
    """

    name: str
    tenant: str
    client_id: str
    auth: Proof
    secret: SecretReference | None
    endpoint: str
    authority: str
    ca_file: Path | None
    timeout: int
    patience: int
    has_recoverable_items: bool
    tells_of_archive: bool
    single_item_recovery: Period | None
    reviews_receipts: bool
    hold_category: str

    kind: ClassVar[str] = "graph"
    #: Roles are told by the server, and what it keeps is seen or declared as single item recovery.
    roles: ClassVar[Mapping[Role, str]] = MappingProxyType({})
    server_keeps: ClassVar[Period | None] = None

    @property
    def host(self) -> str:
        """Graph's name, as the endpoint has it."""
        return urlsplit(self.endpoint).hostname or ""


Account: TypeAlias = ImapAccount | ExchangeAccount | GraphAccount
