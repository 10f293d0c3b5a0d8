"""How an account, or a relay, proves who is there: which keys go together, and which mean nothing then."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, TypeAlias

from retentiond.config.locate import Location, Trouble

Raw: TypeAlias = dict[str, Any]

#: The keys with which an Exchange account proves who is there.
_PROOFS = {
    "user": 'such as user = "CHARITY\\\\retentiond"',
    "client_id": "the application's own id",
    "token_url": "where the application gets its token",
}

#: What names an application, and with what it proves that it is the one.
_NAMES = {
    "tenant": "the tenant's id, or one of its domains",
    "client_id": "the application (client) id, as Entra shows it",
}
_PROOFS_OF_APPLICATION = {
    "certificate": "a PEM file with the private key and the certificate",
    "federated": "the file in which your platform keeps its assertion",
    "secret": "the application's secret; a certificate is better",
}


def troubles(location: Location, account: Raw) -> Iterator[Trouble]:
    """What is wrong with the keys of one account."""
    match account.get("kind"):
        case "exchange":
            yield from _proof(location, account)
        case "graph":
            yield from _application(location, account)
        case _:
            yield from _login(location, account)
    yield from one_place((*location, "secret"), account.get("secret"))


def _login(location: Location, account: Raw) -> Iterator[Trouble]:
    """Each way of logging in has its own keys, and the others mean nothing with it."""
    login = account.get("login", "direct")
    if login not in ("direct", "master", "shared"):
        return
    if login != "direct" and "user" not in account:
        yield Trouble((*location, "user"), f'login = "{login}" needs a user', "the name of the one login")
    if login == "shared" and "shared_prefix" not in account:
        way_on = 'such as shared_prefix = "shared/{mailbox}"'
        yield Trouble((*location, "shared_prefix"), "it is not said where shared mailboxes lie", way_on)
    for key, wanted in (("shared_prefix", "shared"), ("master_separator", "master")):
        if key in account and login != wanted:
            yield Trouble(
                (*location, key),
                f'this means nothing with login = "{login}"',
                f'it belongs to login = "{wanted}"',
            )


def _proof(location: Location, account: Raw) -> Iterator[Trouble]:
    """Each way of proving who is there has its own keys, and the others mean nothing with it."""
    auth = account.get("auth", "ntlm")
    needed = {"basic": ("user",), "ntlm": ("user",), "oauth": ("client_id", "token_url")}.get(str(auth), ())
    for key in needed:
        if key not in account:
            yield Trouble((*location, key), f'auth = "{auth}" needs this key', _PROOFS[key])
    for key in _PROOFS:
        if key in account and key not in needed and auth in ("basic", "ntlm", "oauth", "kerberos"):
            yield Trouble((*location, key), f'this means nothing with auth = "{auth}"', "leave it out")
    if auth == "kerberos" and find_spec("requests_gssapi") is None:
        way_on = 'pip install "exchangelib[kerberos]", or auth = "ntlm"'
        yield Trouble((*location, "auth"), "Kerberos is not installed here", way_on)
    if auth == "oauth" and account.get("access", "delegate") != "impersonation":
        way_on = 'write access = "impersonation"'
        yield Trouble((*location, "access"), "an application opens mailboxes by impersonation only", way_on)


def _application(location: Location, account: Raw) -> Iterator[Trouble]:
    """An application names its tenant and its proof; a managed identity has neither."""
    auth = str(account.get("auth", "certificate"))
    if auth not in _PROOFS_OF_APPLICATION and auth != "managed-identity":
        return
    for key in ("tenant", "client_id", "secret"):
        if auth != "managed-identity" and key not in account:
            way_on = _PROOFS_OF_APPLICATION[auth] if key == "secret" else _NAMES[key]
            yield Trouble((*location, key), f'auth = "{auth}" needs this key', way_on)
    for key in ("tenant", "secret"):
        if auth == "managed-identity" and key in account:
            yield Trouble((*location, key), "a managed identity has no such thing", "leave it out")


def one_place(location: Location, secret: Any) -> Iterator[Trouble]:
    """A secret is kept in one place."""
    places = {"credential", "file", "env", "command"}
    if isinstance(secret, dict) and len(places & secret.keys()) != 1:
        said = "no place" if places.isdisjoint(secret) else "more than one place"
        yield Trouble(
            location, f"{said} is named for this secret", f"exactly one of: {', '.join(sorted(places))}"
        )
