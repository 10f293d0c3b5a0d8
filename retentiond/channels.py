"""Where an alert goes besides the mail, by apprise: the same fixed text, and an address that is a secret.

Nothing goes in clear text further than this machine, and no certificate goes unchecked. What apprise or a
channel says is not passed on: only whether it took the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from retentiond.config import SecretReference, read_secret
from retentiond.errors import RetentionError
from retentiond.logs import get_logger

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

_log = get_logger()


def send(channels: Sequence[SecretReference], subject: str, text: str) -> bool:
    """Sends the text through each channel; whether one of them took it. Each that did not is logged."""
    taken = [_sent(channel, subject, text) for channel in channels]
    return any(taken)


def _sent(channel: SecretReference, subject: str, text: str) -> bool:
    try:
        address = read_secret(channel)
    except RetentionError:
        return _failed("no-secret")
    try:
        from apprise import Apprise, NotifyFormat  # here, for it takes a while, and most have no channel
    except ImportError:
        return _failed("not-installed")
    try:
        found = Apprise.instantiate(address, asset=_nameless(), suppress_exceptions=True)
        if found is None:
            return _failed("address")
        if not _is_closed(found, address):
            return _failed("clear-text")
        if not found.notify(body=text, title=subject, body_format=NotifyFormat.TEXT):
            return _failed("refused")
    except Exception:  # whatever a plug-in raises: its words may be a server's
        return _failed("crashed")
    _log.info("alert.sent", count=1)
    return True


def _nameless() -> AppriseAsset:
    """What apprise would say of itself is not said, it follows no redirection, and keeps no file."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="",
        app_desc="",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
    )


def _is_closed(channel: NotifyBase, address: str) -> bool:
    """Whether nobody on the way can read along: TLS with a certificate that is checked, or this machine."""
    scheme = address.partition("://")[0].strip().lower()
    closed = channel.secure_protocol or ()
    closed = (closed,) if isinstance(closed, str) else closed
    if scheme in closed:
        return bool(channel.verify_certificate)
    try:
        return ip_address(str(channel.host or "")).is_loopback
    except ValueError:
        return bool(channel.host == "localhost")


def _failed(why: str) -> bool:
    _log.error("channel.failed", why=why)
    return False
