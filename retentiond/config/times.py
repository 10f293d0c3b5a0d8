"""When sweeps are made: plain words or a cron expression become the five fields of crontab(5), checked.

Days of the week become names: 0 is Sunday in a crontab and Monday elsewhere, and nobody shall guess.
"""

from __future__ import annotations

import re
from typing import Final

from retentiond.config.words import NotAccepted

_DAILY: Final = re.compile(r"daily at ([01]\d|2[0-3]):([0-5]\d)")
_HOURS: Final = re.compile(r"every (1|2|3|4|6|8|12) hours?")
_PART: Final = re.compile(r"(\*|[0-9a-z]{1,3})(?:-([0-9a-z]{1,3}))?(?:/([0-9]{1,2}))?")

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Least and greatest of each field, in the order of a crontab.
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_WAY_ON: Final = 'such as at = "daily at 03:15", "every 6 hours", or a cron expression: "15 3 * * *"'


def schedule(value: str) -> str:
    """Five fields (minute, hour, day, month, day of the week by name) from words or a cron expression."""
    if match := _DAILY.fullmatch(value):
        return f"{int(match[2])} {int(match[1])} * * *"
    if match := _HOURS.fullmatch(value):
        return f"0 */{match[1]} * * *" if match[1] != "1" else "0 * * * *"
    fields = value.lower().split()
    if len(fields) != len(_BOUNDS):
        raise NotAccepted("this does not say when", _WAY_ON)
    return " ".join(_field(text, place) for place, text in enumerate(fields))


def _field(text: str, place: int) -> str:
    return ",".join(_part(part, place) for part in text.split(","))


def _part(part: str, place: int) -> str:
    match = _PART.fullmatch(part)
    if match is None or (match[1] == "*" and match[2]):
        raise NotAccepted("this is not a cron expression", _WAY_ON)
    step = f"/{match[3]}" if match[3] else ""
    if match[3] and not 1 <= int(match[3]) <= _BOUNDS[place][1]:
        raise NotAccepted("a step of this cron expression is out of bounds", _WAY_ON)
    if match[1] == "*":
        return f"*{step}"
    first = _number(match[1], place)
    last = _number(match[2], place) if match[2] else first
    if first > last:
        raise NotAccepted("a range of this cron expression runs backwards", _WAY_ON)
    if place == 4:
        return _days(first, last, int(match[3] or 1))
    return (f"{first}-{last}" if match[2] else f"{first}") + step


def _days(first: int, last: int, step: int) -> str:
    """Each day by its name, so that a week may begin with any of them."""
    return ",".join(dict.fromkeys(_DAYS[day] for day in range(first, last + 1, step)))


def _number(text: str, place: int) -> int:
    names = {3: _MONTHS, 4: _DAYS[:7]}.get(place, ())
    if text in names:
        return names.index(text) + _BOUNDS[place][0]
    least, greatest = _BOUNDS[place]
    if not text.isdecimal() or not least <= int(text) <= greatest:
        raise NotAccepted("a number or name of this cron expression is out of bounds", _WAY_ON)
    return int(text)
