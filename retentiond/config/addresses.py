"""Which address of a server may be written: https and a whole host, and nobody's name in it.

Each check returns the value or raises NotAccepted, which never repeats what was typed.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from retentiond.config.words import NotAccepted, absolute, plain

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?")
_IDENTIFIER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
#: The hosts of Exchange Online, and what lies below them.
_ONLINE: Final = (
    "office365.com",
    "office.com",
    "outlook.com",
    "office365.us",
    "partner.outlook.cn",
    "outlook.de",
)


def host(value: str) -> str:
    """A host's name in ASCII and lower case (it is part of what arming covers), or an IP address."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if _HOST.fullmatch(value) and ".." not in value:
            return value.lower()
    raise NotAccepted("this is not the name of a host", "the bare name, such as mail.charity.example")


def endpoint(value: str) -> str:
    """The address of an Exchange server's web service: https, a host, a path, nothing else."""
    parts = _https(value, 'such as endpoint = "https://mail.charity.example/EWS/Exchange.asmx"')
    if any(parts == online or parts.endswith("." + online) for online in _ONLINE):
        raise NotAccepted(
            "Exchange Online lets nobody in by EWS",
            'its way is an account of kind = "graph"',
        )
    return value


def graph(value: str) -> str:
    """The root of Microsoft Graph: https, a host, a version."""
    _https(value, 'such as endpoint = "https://graph.microsoft.com/v1.0"')
    return value.rstrip("/")


def authority(value: str) -> str:
    """Where applications get their tokens: https and a host; the tenant is added."""
    example = 'such as authority = "https://login.microsoftonline.com"'
    if urlsplit(plain(value)).path not in ("", "/"):
        raise NotAccepted("this is more than a host; the tenant is a key of its own", example)
    _https(value.rstrip("/") + "/tenant", example)
    return value.rstrip("/")


def tenant(value: str) -> str:
    """A tenant's id or one of its domains."""
    return _identifier(value, 'such as tenant = "charity.onmicrosoft.com"')


def client_id(value: str) -> str:
    """An application's id, or that of a managed identity."""
    return _identifier(value, "the application (client) id, as Entra shows it")


def _identifier(value: str, example: str) -> str:
    if not _IDENTIFIER.fullmatch(value) or value.lower() in ("common", "organizations", "consumers"):
        raise NotAccepted("this names nobody in Microsoft Entra", example)
    return value.lower()


def token_url(value: str) -> str:
    """Where an application gets its token: https, a host, a path."""
    _https(value, 'such as token_url = "https://login.charity.example/oauth2/v2.0/token"')
    return value


def _https(value: str, example: str) -> str:
    """The host of an address in lower case. Raises NotAccepted."""
    try:
        parts = urlsplit(plain(value))
        name = parts.hostname or ""
        is_whole = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        raise NotAccepted("this is not an address", example) from None
    if parts.scheme != "https":
        raise NotAccepted("only https is spoken", example)
    if not is_whole or parts.path in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise NotAccepted("this is not a whole address without a name in it", example)
    host(name)
    return name.lower().removesuffix(".")


def heartbeat(value: str) -> str:
    """Where a sign of life goes: https, a host, whatever comes after it, and nobody's name."""
    example = 'such as url = "https://health.charity.example/ping/0123"'
    try:
        parts = urlsplit(plain(value))
        is_whole = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        raise NotAccepted("this is not an address", example) from None
    if parts.scheme != "https":
        raise NotAccepted("only https is spoken", example)
    if not is_whole or parts.fragment or "@" in parts.netloc or not value.isascii() or " " in value:
        raise NotAccepted("this is not a whole address without a name in it", example)
    host(parts.hostname or "")
    return value


def listen(value: str) -> str:
    """Where metrics are answered: a loopback address with a port, or the path of a Unix socket."""
    if value.startswith("/"):
        return absolute(value)
    name, _, port = plain(value).rpartition(":")
    try:
        is_here = ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise NotAccepted(
            "metrics are answered on this machine only", 'such as listen = "127.0.0.1:9753", or a path'
        )
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise NotAccepted("the port is missing", 'such as listen = "127.0.0.1:9753"')
    return value
