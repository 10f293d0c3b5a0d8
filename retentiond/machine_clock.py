"""Whether this machine's kernel says that its clock is kept right by somebody; it cannot say by how much.

After a start a clock may be anything until it is set from outside. Where no mail server tells the
time, that is asked before anything is destroyed. A machine that nobody ever sets (many a virtual one has its
time from its host) is waited for no longer than that: other checks then decide.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Final

#: adjtimex(2): the clock is not synchronised.
_TIME_ERROR: Final = 5
#: More than the kernel's own structure on any machine; `modes`, its first field, stays 0: only ask.
_ROOM: Final = 512
#: systemd-timesyncd makes it once the clock was set. Within the unit the call itself is not permitted.
_TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
#: For so long after a start (in seconds) somebody may still be about to set the clock.
_SETTLING: Final = 3600.0


def is_synchronised() -> bool | None:
    """None where the kernel may not be asked or does not know, and False only soon after a start."""
    if _TIMESYNCD.exists():
        return True
    if time.clock_gettime(time.CLOCK_BOOTTIME) > _SETTLING:
        return None
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
