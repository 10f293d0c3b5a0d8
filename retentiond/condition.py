"""How the promise stands, remembered between sweeps in one small file that `status` reads beside the service.

It holds aliases, folder labels, counts, codes and times: nothing of a correspondent, and no key is
needed to read it. What cannot be understood is read as if it were not there; the next sweep writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from retentiond.core.promises import Concern
from retentiond.errors import Exit, gravest
from retentiond.files import write_private

FILE: Final = "status.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Round:
    """The last time that the service looked. `kind` is sweep, audit or pause; `result` is done or a Worry."""

    kind: str
    started: datetime
    ended: datetime
    result: str
    done: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """One target after the last look at it. `left` is how many items of ours were left in it: all that it
    holds, in an advisor's mailbox what is a helpline's; None where nobody counted."""

    target: str
    due: int
    held: int
    review: int
    is_armed: bool
    looked: datetime
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """How things stood when a month began ("2026-11", in the policy's zone): what had been done in all until
    then, how long the ledger was, and what waited for a person. For those who may not see single days."""

    name: str
    destroyed: int = 0
    refiled: int = 0
    entries: int = 0
    review: int = 0


@dataclass(frozen=True, slots=True)
class HoldCounts:
    """The register of holds after the last look: how many by ground, and which are past their review."""

    by_ground: tuple[tuple[str, int], ...]
    past_review: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """`finished` is when a sweep last came to its end; `cleared` are grave concerns that are gone and were
    told, for the all-clear. `previewed` is the month in which it was last mailed what a service that only
    audits would do. Times are aware."""

    round: Round | None = None
    finished: datetime | None = None
    counts: tuple[Counts, ...] = ()
    concerns: tuple[Concern, ...] = ()
    cleared: tuple[Concern, ...] = ()
    open_intents: int = 0
    seal: str = ""
    month: Month | None = None
    previewed: str = ""
    holds: HoldCounts | None = None

    @property
    def exit_code(self) -> int:
        """What its round exits with, where it is all that was asked for: the gravest of what is wrong. A look
        that nobody wanted to be more is done also when things are due, as an audit is."""
        codes = [each.exit_code for each in self.concerns]
        if self.round is not None and (self.round.kind, self.round.result) == ("audit", "done"):
            codes = [code for code in codes if code == Exit.UNREACHED]
        return gravest(codes)

    def succeeded_by(self, concerns: tuple[Concern, ...]) -> Condition:
        """This with other concerns; of those that are gone, what had been told is to be cleared."""
        keys = {each.key for each in concerns}
        gone = (each for each in (*self.concerns, *self.cleared) if each.key not in keys and each.told)
        unique = {each.key: each for each in gone}
        return replace(self, concerns=concerns, cleared=tuple(unique.values()))


def read(directory: Path) -> Condition:
    """The condition that was last written; an empty one where there is none."""
    try:
        told = json.loads((directory / FILE).read_text(encoding="utf-8"))
        return _condition(told) if told["format"] == FORMAT else Condition()
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return Condition()


def write(directory: Path, condition: Condition) -> None:
    """Replaces the file, whole or not at all. Raises OSError."""
    text = json.dumps({"format": FORMAT, **asdict(condition)}, default=_plain, indent=1)
    write_private(directory / FILE, text + "\n")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    raise TypeError(type(value).__name__)


def _condition(told: dict[str, Any]) -> Condition:
    return Condition(
        round=_known(Round, told["round"], "started", "ended") if told["round"] else None,
        finished=_moment(told["finished"]),
        counts=tuple(_known(Counts, each, "looked") for each in told["counts"]),
        concerns=tuple(_concern(each) for each in told["concerns"]),
        cleared=tuple(_concern(each) for each in told["cleared"]),
        open_intents=int(told["open_intents"]),
        seal=str(told["seal"]),
        month=Month(**told["month"]) if told.get("month") else None,
        previewed=str(told.get("previewed", "")),
        holds=_holds(told.get("holds")),
    )


def _holds(told: dict[str, Any] | None) -> HoldCounts | None:
    if told is None:
        return None
    by_ground = tuple((str(ground), int(count)) for ground, count in told["by_ground"])
    return HoldCounts(by_ground, tuple(map(str, told["past_review"])))


def _concern(told: dict[str, Any]) -> Concern:
    plain = told | {"numbers": tuple(map(int, told["numbers"]))}
    found: Concern = _known(Concern, plain, "since", "told", "seen")
    return found


def _known(make: Callable[..., Any], told: dict[str, Any], *times: str) -> Any:
    return make(**told | {name: _moment(told.get(name)) for name in times})


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
