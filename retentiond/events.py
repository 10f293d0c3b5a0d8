"""What may be logged, chosen beforehand: the events, the fields, and the shape of each field's values.

What is not on this page cannot be logged: a field is dropped, a value that does not have its field's
shape is *withheld*, an exception is its class and the places in our own code that it passed, never
its words (P7). To log something new, add it here, with the sentence that tells a reader what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, TypeAlias

from retentiond.errors import RetentionError

Value: TypeAlias = str | int | float | date | BaseException | None

EVENTS: Final[Mapping[str, str]] = {
    "sweep.started": "A sweep has begun.",
    "sweep.ended": "A sweep is over; `findings` is how many promises it found not kept.",
    "sweep.stopped": "More was due than foreseen after a long silence: nothing was done or written down.",
    "mailbox.looked": "A mailbox was looked at and answered in full.",
    "mailbox.unreachable": "A mailbox could not be looked at; the sweep goes on without it.",
    "mailbox.refused": "A mailbox's server refused what was asked of it, and will refuse it again.",
    "plan.made": "Every item that was looked at has its verdict.",
    "plan.refused": "A saved plan is not carried out: altered, too old, or made under other rules.",
    "target.unarmed": "A target is looked at and reported, and untouched, until it is armed.",
    "target.stopped": "A target was stopped before its first act: more is due than was foreseen.",
    "intent.settled": "A deed whose end an earlier sweep did not see was cleared up by looking.",
    "intent.left_open": "A deed could not be cleared up: its mailbox did not answer. The next sweep tries.",
    "batch.destroyed": "A batch of items was destroyed, and a fresh search no longer finds them.",
    "batch.refiled": "A batch of replies stands in its helpline's Sent Items, and the strays are gone.",
    "batch.failed": "A batch was not done as planned; the next sweep takes it up again.",
    "hold.found": "A hold was found by its sign and is now in the register.",
    "hold.vanished": "The sign of a hold is gone; its item stays kept for a while, as a finding.",
    "stray.lost": "A reply on its way home stands in neither mailbox: everything stops.",
    "clock.doubted": "This machine's clock contradicts a server, the newest mail or the ledger.",
    "ledger.made": "A ledger and its key were made.",
    "ledger.sealed": "The ledger's head was signed; this line is a seal outside the ledger.",
    "ledger.damaged": "The ledger does not verify; nothing is destroyed until it does.",
    "ledger.verified": "The ledger verifies.",
    "arming.accepted": "A target was armed.",
    "arming.refused": "A target was not armed: more is due than the number that was given.",
    "copies.kept": "The server keeps copies of what was removed: *removed* is then not *destroyed*.",
    "daemon.started": "The service runs; `kind` is sweep, or audit where it destroys nothing.",
    "daemon.stopped": "The service was asked to stop, and has.",
    "round.scheduled": "When the next round of the service begins.",
    "round.started": "A round has begun; `kind` is sweep, audit, or pause (a look only).",
    "round.stopped": "A round was asked to stop; its batch is finished, and the next round goes on.",
    "round.failed": "A round came to no end; `error` says why, and the next round tries again.",
    "condition.unwritten": "How the promise stands could not be written down (a full disk?); it is told.",
    "control.opened": "The control socket is open: people of its group can ask the service.",
    "control.unshared": "The socket's group is not there or not ours to give: only root and we may ask.",
    "control.failed": "The control socket could not be made; the service sweeps without it.",
    "control.refused": "Somebody at the control socket was refused; `why` says it, `uid` and `pid` who.",
    "request.started": "Somebody asked for `verb` through the control socket; `uid` and `pid` say who.",
    "request.ended": "That was done, and the answer was exit code `exit`.",
    "lock.awaited": "A round waits for a mailbox; `kind` is what is done there, by `pid` for `uid`.",
    "lock.taken": "The round has the mailbox, after `seconds`.",
    "lock.missed": "The mailbox was not free within `seconds`; the round goes on without it.",
    "round.skipped": "A round should have begun while the one before it was still at work.",
    "batch.abandoned": "A batch did not end within 30 seconds of SIGTERM; the next start clears it up.",
    "reload.refused": "SIGHUP came. A changed configuration needs a restart, and the service went on.",
    "alert.sent": "A mail told `count` people what must not be overlooked, or that it is in order again.",
    "alert.failed": "Such a mail could not be sent; it is tried again within the hour.",
    "channel.failed": "A channel of `[alert]` did not take an alert; it is tried again within the hour.",
    "heartbeat.failed": "The heartbeat's address did not answer; the next round tries again.",
    "metrics.failed": "The metrics could not be written or served; nothing else is hindered by it.",
    "clock.jumped": "This machine's clock was set by `seconds`; the schedule was made anew from it.",
    "crash.caught": "A fault of our own stopped the program; `error` and `at` say which and where.",
    "event.unregistered": "Something was logged that is not on this page; a fault of our own.",
}

#: Written to the system journal at every level of the log: a seal there is evidence.
ALWAYS: Final = frozenset({"ledger.sealed"})

Shape: TypeAlias = re.Pattern[str] | None

_NUMBER: Final[Shape] = None  # a count, a measure, a yes or no
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_ALIAS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL: Final = re.compile(r"[A-Za-z0-9$\[][A-Za-z0-9._:/$\[\] -]{0,79}")
_HEX: Final = re.compile(r"[0-9a-f]{4,128}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?")
_SEAL: Final = re.compile(r"seal:[A-Za-z0-9_.~%-]{1,64}:\d{1,18}:[0-9a-f]{64}")
_CLASS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_PLACES: Final = re.compile(r"[a-z0-9_/]+\.py:\d+( [a-z0-9_/]+\.py:\d+)*")


def _each(shape: Shape, names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


#: Every field with the shape of its values. `error` takes an exception.
FIELDS: Final[Mapping[str, Shape]] = {
    **_each(_NUMBER, "due destroyed refiled gone held review changed retained failed kept total strays"),
    **_each(_NUMBER, "count limit given found unforeseen targets folders batches gaps entries entry open"),
    **_each(_NUMBER, "exit attempt seconds days bytes findings done pid uid"),
    **_each(_CODE, "why cause verdict reason outcome role kind phase verb against what"),
    **_each(_ALIAS, "target home account chain"),
    **_each(_LABEL, "folder detail"),
    **_each(_HEX, "root head plan rules"),
    **_each(_TIME, "as_of due_by next_at"),
    **_each(_SEAL, "seal"),
    **_each(_CLASS, "error caused_by"),
    **_each(_PLACES, "at"),
}

#: In the place of a value that does not have its field's shape.
WITHHELD: Final = "withheld"

_HOUSE: Final = Path(__file__).parent


class NotRegistered(Exception):
    """An event or a field that is not on this page: a fault of ours, for a test to find."""


def check(event: str, fields: Mapping[str, Value]) -> None:
    """Raises NotRegistered where the event or a field is not on this page."""
    strangers = [key for key in fields if key not in FIELDS]
    if event not in EVENTS or strangers:
        raise NotRegistered(event, *strangers)


def chosen(event: object, fields: Mapping[str, Any]) -> dict[str, str | int | float | None]:
    """What of an event is written: always a name of this page, listed fields, values of their shape."""
    told = dict(fields)
    error = told.get("error")
    if isinstance(error, BaseException):
        told = {**told, **describe(error), **{key: fields[key] for key in ("target",) if key in fields}}
    name = event if isinstance(event, str) and event in EVENTS else "event.unregistered"
    return {"event": name, **{key: _shaped(told[key], FIELDS[key]) for key in FIELDS if key in told}}


def describe(error: BaseException) -> dict[str, str | int]:
    """An exception without its words: class, our own codes, class of its cause, places in our code."""
    told: dict[str, str | int] = {"error": type(error).__name__}
    if isinstance(error, RetentionError):
        codes = {key: getattr(error, key, None) for key in ("why", "target")}
        told |= {key: str(code) for key, code in codes.items() if code is not None}
        told["exit"] = error.exit_code
    cause = error.__cause__ or error.__context__
    if cause is not None:
        told["caused_by"] = type(cause).__name__
    places = [*_places(error.__traceback__)]
    if places:
        told["at"] = " ".join(places[-8:])
    return told


def _places(traceback: TracebackType | None) -> Iterator[str]:
    """The frames of this house as file and line, outermost first."""
    for frame, line in walk_tb(traceback):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_HOUSE):
            yield f"{path.relative_to(_HOUSE.parent).as_posix()}:{line}"


def _shaped(value: object, shape: Shape) -> str | int | float | None:
    """The value where it has the shape of its field, else WITHHELD."""
    if value is None:
        return None
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, date):
        value = value.isoformat()
    if shape is None:
        return value if isinstance(value, int | float) else WITHHELD
    return value if isinstance(value, str) and shape.fullmatch(value) else WITHHELD
