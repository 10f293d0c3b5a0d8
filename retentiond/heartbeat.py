"""A sign of life after each round that was in order: one address is asked for, and nothing is sent with it.

Silence is the only other word: whoever misses the sign tells somebody, also when this machine is off. It
never stops a sweep.
"""

from __future__ import annotations

import ssl
from datetime import datetime
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from retentiond.condition import Condition
from retentiond.config import HeartbeatSettings
from retentiond.logs import get_logger

_log = get_logger()


def ping(settings: HeartbeatSettings, condition: Condition, now: datetime) -> None:
    """Asks for the address, if the round came to its end and nobody had to be told of anything."""
    if condition.round is None or condition.round.result != "done":
        return
    if any(each.is_grave(now) for each in condition.concerns):
        return
    try:
        status = _asked(settings)
    except ssl.SSLError:
        _log.warning("heartbeat.failed", why="certificate")
    except (OSError, HTTPException):
        _log.warning("heartbeat.failed", why="network")
    else:
        if not 200 <= status < 300:
            _log.warning("heartbeat.failed", why="refused", count=status)


def _asked(settings: HeartbeatSettings) -> int:
    """The status of the answer. A redirection is none: it could lead to clear text."""
    parts = urlsplit(settings.url)
    context = ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
    line = HTTPSConnection(parts.hostname or "", parts.port, timeout=settings.timeout, context=context)
    try:
        line.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return line.getresponse().status
    finally:
        line.close()
