"""Whether this machine's clock can be believed; a wrong clock destroys too early or never (disaster 1).

A server that answers exactly is believed over everything else. Only where no server does, the newest
mail and the gap since the ledger's last entry are asked, and both must speak against the clock: a
quiet helpline is not a wrong clock. A clock of which the kernel itself says that nobody keeps it right
is then not believed at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

#: How far this clock may run behind the ledger's newest entry.
BACKWARDS = timedelta(minutes=5)
#: Without an exact answer: older than this, the newest mail speaks against the clock.
QUIET = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What one mailbox says of this machine's clock.

    `agrees` is None where the server offers no exact way of asking; `newest` is the newest date of
    receipt that was seen (aware).
    """

    agrees: bool | None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Against what the clock was found wrong (`ledger`, `mail`, `kernel`, a target's alias), by how much."""

    against: str
    seconds: int | None = None


def doubt(
    now: datetime,
    readings: Mapping[str, ClockReading],
    last_entry: datetime | None,
    is_synchronised: bool | None = None,
) -> Doubt | None:
    """The reason not to believe `now`, or None. `readings` are by target; `last_entry` is the newest
    minute in the ledger; `is_synchronised` is the kernel's word, None where it has none."""
    if last_entry is not None and now < last_entry - BACKWARDS:
        return Doubt("ledger", int((last_entry - now).total_seconds()))
    for target, reading in sorted(readings.items()):
        if reading.agrees is False:
            return Doubt(target)
    if any(reading.agrees for reading in readings.values()):
        return None
    if is_synchronised is False and readings:
        return Doubt("kernel")
    dates = [reading.newest for reading in readings.values() if reading.newest is not None]
    if not dates:
        return None
    quiet = now - max(dates)
    is_gap_long = last_entry is not None and now - last_entry > QUIET
    if quiet > QUIET and is_gap_long:
        return Doubt("mail", int(quiet.total_seconds()))
    return None
