"""The pause switch: a file in the state directory until whose day nothing is destroyed, only looked at.

A pause has an end and a reason, and says who asked for it. It stops the service and the command line alike.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Final

from retentiond.core.chain import HOUSE
from retentiond.core.promises import Concern, Worry
from retentiond.errors import Paused
from retentiond.files import write_private

FILE: Final = "pause.json"
#: A reason is a few plain words: it is shown to whoever is refused meanwhile, and may name nobody.
REASON: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.:;()/-]{2,79}")


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause from a moment (aware) until the end of a day in the policy's zone."""

    since: datetime
    until: date
    reason: str
    who: str

    def is_over(self, now: datetime, zone: tzinfo) -> bool:
        """Whether its last day has passed."""
        return now.astimezone(zone).date() > self.until


def begin(directory: Path, pause: Pause, zone: tzinfo) -> None:
    """Writes the switch, durably. A pause that is prolonged is one pause, since it first began; one whose day
    has passed is another."""
    standing = in_force(directory, pause.since, zone)
    since = pause.since if standing is None else min(pause.since, standing.since)
    told = {"since": since.isoformat(), "until": pause.until.isoformat()}
    write_private(directory / FILE, json.dumps(told | {"reason": pause.reason, "who": pause.who}) + "\n")


def end(directory: Path) -> bool:
    """Removes the switch; whether there was one."""
    try:
        (directory / FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def read(directory: Path) -> Pause | None:
    """The switch as it stands, over or not. One that cannot be read or understood is a pause without end."""
    try:
        told = json.loads((directory / FILE).read_text(encoding="utf-8"))
        since, until = datetime.fromisoformat(told["since"]), date.fromisoformat(told["until"])
        reason = told["reason"] if REASON.fullmatch(told["reason"]) else "unknown"
        who = told["who"] if REASON.fullmatch(told["who"]) else "unknown"
        return Pause(since.astimezone(UTC), until, reason, who)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        modified = (directory / FILE).stat().st_mtime
        return Pause(datetime.fromtimestamp(modified, UTC), date.max, "unknown", "unknown")


def concern(directory: Path, now: datetime, zone: tzinfo) -> Concern | None:
    """A pause that stands is a concern from its first day; None where there is none."""
    standing = in_force(directory, now, zone)
    if standing is None:
        return None
    return Concern(HOUSE, Worry.PAUSED, min(standing.since, now), detail=standing.until.isoformat())


def check(directory: Path, now: datetime, zone: tzinfo) -> None:
    """Raises Paused while the switch stands."""
    if (standing := in_force(directory, now, zone)) is not None:
        raise Paused(standing.until.isoformat(), standing.reason)


def in_force(directory: Path, now: datetime, zone: tzinfo) -> Pause | None:
    """The pause that stands at this moment; None where there is none, or its day has passed."""
    standing = read(directory)
    return None if standing is None or standing.is_over(now, zone) else standing
