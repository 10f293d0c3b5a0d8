"""App registrations: how they prove themselves, what they were granted, and in which mailboxes.

A consent in Entra holds for the whole tenant and stands in the token's `roles`. A role given by RBAC for
Applications holds in its scope alone, and in no token; beside a consent for the same it is void, as what
is granted adds up.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

#: What holds what: a permission and the lesser ones that it includes.
INCLUDES = {
    "Mail.ReadWrite": ("Mail.Read", "Mail.ReadBasic"),
    "Mail.Read": ("Mail.ReadBasic",),
    "MailboxFolder.ReadWrite": ("MailboxFolder.Read",),
    "MailboxItem.ReadWrite": ("MailboxItem.Read",),
    "MailboxItem.ImportExport": ("MailboxItem.Export",),
    "User.Read": ("User.ReadBasic",),
}


def plain(permission: str) -> str:
    """Without `.All`: Entra's `MailboxItem.ReadWrite.All` is `MailboxItem.ReadWrite` in Exchange."""
    return permission.removesuffix(".All")


@dataclass(frozen=True, slots=True)
class Federation:
    """Whose assertions are taken for an app's: an issuer, its name for the app, its key."""

    issuer: str
    subject: str
    key: PublicKeyTypes


@dataclass(eq=False, slots=True)
class App:
    """One app registration. Addresses in `scopes` are lower-case."""

    name: str
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = ""
    certificates: list[x509.Certificate] = field(default_factory=list)
    federations: list[Federation] = field(default_factory=list)
    consents: set[str] = field(default_factory=set)
    scopes: dict[str, set[str]] = field(default_factory=dict)

    def consent(self, *permissions: str) -> None:
        """An administrator consents, for the whole tenant: "Mail.ReadBasic.All". The next token has them."""
        self.consents.update(permissions)

    def revoke(self, *permissions: str) -> None:
        """Takes consents back."""
        self.consents.difference_update(permissions)

    def scope(self, mailboxes: Iterable[str], *permissions: str) -> None:
        """Gives roles of RBAC for Applications in these mailboxes: "Mail.ReadBasic" for the role
        "Application Mail.ReadBasic"."""
        for permission in permissions:
            self.scopes.setdefault(plain(permission), set()).update(each.lower() for each in mailboxes)

    def granted(self, address: str) -> frozenset[str]:
        """All that it may do in a mailbox, without `.All`, what is included too."""
        found = {plain(permission) for permission in self.consents}
        found |= {permission for permission, addresses in self.scopes.items() if address in addresses}
        for permission in tuple(found):
            found.update(INCLUDES.get(permission, ()))
        return frozenset(found)
