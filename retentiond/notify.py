"""What the service tells systemd (sd_notify(3)); nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


def tell(*assignments: str) -> None:
    """Sends assignments such as READY to the socket that $NOTIFY_SOCKET names, an abstract one if it
    begins with @. No word in them may come from a mailbox: `systemctl status` shows them to everybody.

    Work never waits for a reader that is stuck: only READY and STOPPING are waited for, 5 seconds.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line, suppress(OSError):
        line.settimeout(5 if {READY, STOPPING} & set(assignments) else 0)
        line.sendto("\n".join(assignments).encode(), address)


def status(text: str) -> str:
    """One line for `systemctl status`."""
    return f"STATUS={text}"


def more_time(seconds: int) -> str:
    """That starting or stopping takes so much longer than was allowed, counted from now."""
    return f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}"
