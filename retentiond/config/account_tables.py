"""The shape of an account: one kind of server each, and how its mailboxes are opened."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from retentiond.config import addresses, words
from retentiond.config.shapes import (
    Keeping,
    RolesTable,
    Seconds,
    SecretTable,
    Table,
    Text,
    accepted,
)

#: The kinds of account that exist.
KINDS = ("imap", "exchange", "graph")


def _known_kind(table: Any) -> Any:
    """Looks at `kind` first: of an account of another kind every key would be wrong."""
    if isinstance(table, dict) and table.get("kind") not in KINDS:
        what = "the kind of this account is missing" if "kind" not in table else "no such kind of account"
        raise PydanticCustomError(
            "not_accepted", "{what}", {"what": what, "way_on": f"there is: {', '.join(KINDS)}", "key": "kind"}
        )
    return table


class ImapTable(Table):
    """An IMAP server, and the login with which its mailboxes are opened."""

    kind: Literal["imap"] = Field(description="The kind of server.")
    host: Annotated[str, AfterValidator(accepted(addresses.host))] = Field(description="The server's name.")
    port: int | None = Field(default=None, ge=1, le=65535, description="993, or 143 with STARTTLS.")
    tls: Literal["implicit", "starttls"] = Field(
        default="implicit", description="How the connection is protected."
    )
    ca_file: Annotated[str, AfterValidator(accepted(words.existing))] | None = Field(
        default=None, description="The certificate of a private authority (PEM)."
    )
    login: Literal["direct", "master", "shared"] = Field(
        default="direct",
        description="direct: as the mailbox itself; master: a master user opens every mailbox; "
        "shared: one login sees many mailboxes below shared_prefix.",
    )
    user: Text | None = Field(
        default=None, description="The login's name; with direct the mailbox's name by default."
    )
    master_separator: Text | None = Field(
        default=None, description='Between mailbox and master user; "*" by default.', max_length=4
    )
    shared_prefix: Annotated[str, AfterValidator(accepted(words.prefix))] | None = Field(
        default=None, description='Where shared mailboxes lie, such as "shared/{mailbox}".'
    )
    secret: SecretTable = Field(description="Where the password is kept.")
    timeout: Seconds = Field(default=60, description="For how long one answer is waited for.")
    server_keeps: Keeping | None = Field(
        default=None, description="So long this server keeps what was removed (you declare it)."
    )
    roles: RolesTable = Field(default_factory=RolesTable, description="Folders whose role is not told.")


class ExchangeTable(Table):
    """An Exchange Server (2016, 2019, Subscription Edition), and the login that opens its mailboxes."""

    kind: Literal["exchange"] = Field(description="The kind of server.")
    endpoint: Annotated[str, AfterValidator(accepted(addresses.endpoint))] = Field(
        description="The whole address of its web service; it is never looked up."
    )
    ca_file: Annotated[str, AfterValidator(accepted(words.existing))] | None = Field(
        default=None, description="The certificate of a private authority (PEM)."
    )
    auth: Literal["basic", "ntlm", "kerberos", "oauth"] = Field(
        default="ntlm", description="How the login is proved."
    )
    user: Text | None = Field(default=None, description="Who signs in (basic, ntlm).")
    client_id: Text | None = Field(default=None, description="The application (oauth).")
    token_url: Annotated[str, AfterValidator(accepted(addresses.token_url))] | None = Field(
        default=None, description="Where the application gets its token (oauth)."
    )
    secret: SecretTable = Field(description="Where the password, or the application's secret, is kept.")
    access: Literal["delegate", "impersonation"] = Field(
        default="delegate",
        description="delegate: by permissions on mailboxes and folders; impersonation: by the role of it.",
    )
    timeout: Seconds = Field(default=60, description="For how long one answer is waited for.")
    patience: Seconds = Field(
        default=300, description="For how long in all a busy server is waited for, in one command."
    )
    recoverable_items: bool = Field(
        default=True, description="Look into Recoverable Items too; false where the login may not."
    )
    archive: Literal["auto", "no"] = Field(
        default="auto", description="Look into the In-Place Archive where there is one."
    )
    single_item_recovery: Keeping | None = Field(
        default=None, description="So long this server keeps what was removed (you declare it)."
    )
    hold_category: Text = Field(
        default="Retention hold",
        max_length=255,
        description="What bears this category, or is of a conversation that does, is held.",
    )


class GraphTable(Table):
    """A tenant of Microsoft 365, and the application that opens its mailboxes by Microsoft Graph."""

    kind: Literal["graph"] = Field(description="The kind of server.")
    tenant: Annotated[str, AfterValidator(accepted(addresses.tenant))] | None = Field(
        default=None, description="The tenant's id, or one of its domains."
    )
    client_id: Annotated[str, AfterValidator(accepted(addresses.client_id))] | None = Field(
        default=None, description="The application's id; with managed-identity one assigned by a user."
    )
    auth: Literal["certificate", "federated", "managed-identity", "secret"] = Field(
        default="certificate", description="How the application is proved; a secret is discouraged."
    )
    secret: SecretTable | None = Field(
        default=None,
        description="Where the proof is kept: private key and certificate in one PEM file, "
        "a federated assertion, or the application's secret.",
    )
    endpoint: Annotated[str, AfterValidator(accepted(addresses.graph))] = Field(
        default="https://graph.microsoft.com/v1.0", description="Graph of this cloud."
    )
    authority: Annotated[str, AfterValidator(accepted(addresses.authority))] = Field(
        default="https://login.microsoftonline.com", description="Where tokens come from in this cloud."
    )
    ca_file: Annotated[str, AfterValidator(accepted(words.existing))] | None = Field(
        default=None, description="The certificate of a private authority (PEM)."
    )
    timeout: Seconds = Field(default=60, description="For how long one answer is waited for.")
    patience: Seconds = Field(
        default=300, description="For how long in all a busy server is waited for, in one command."
    )
    recoverable_items: bool = Field(default=True, description="Look into Recoverable Items too.")
    archive: Literal["auto", "no"] = Field(
        default="auto", description="Tell of an archive mailbox, which cannot be swept by Graph."
    )
    single_item_recovery: Keeping | None = Field(
        default=None, description="So long this server keeps what was removed (you declare it)."
    )
    unread_receipts: Literal["review", "destroy"] = Field(
        default="review",
        description="What is unread and asked for a receipt: a person looks, until `retentiond check "
        "--tenant-probe` has shown that its destruction sends nothing.",
    )
    hold_category: Text = Field(
        default="Retention hold",
        max_length=255,
        description="What bears this category, or is of a conversation that does, is held.",
    )


AccountTable: TypeAlias = Annotated[
    Annotated[ImapTable | ExchangeTable | GraphTable, Field(discriminator="kind")],
    BeforeValidator(_known_kind),
]
