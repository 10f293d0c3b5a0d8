"""Calendar periods: "6 months" and a day become a cutoff, by one rule, here and nowhere else.

The rule (decisions: date rule; the corresponding-date rule of Dodds v Walker [1981]; P1): an item is
due when the local date of now is *later* than the local date of its receipt plus the period, clamped
to the month's end. Received 15 January with six months: due from 16 July, 00:00. Received 31 August:
due from 1 March.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_UNITS = {"day": "days", "week": "weeks", "month": "months", "year": "years"}
_WORDS = re.compile(r"(\d{1,4}) (day|week|month|year)s?")

#: The shortest and the longest period that a configuration may name.
SHORTEST_DAYS = 28
LONGEST_DAYS = 3653


@dataclass(frozen=True, slots=True)
class Period:
    """A span in calendar units: months (a year is twelve), then days (a week is seven)."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, words: str) -> Period:
        """`"6 months"`, `"1 year"`, `"8 weeks"`, `"180 days"`; anything else raises ValueError."""
        match = _WORDS.fullmatch(words.strip())
        if match is None:
            raise ValueError("a number and a unit, such as '6 months'")
        number, unit = int(match[1]), match[2]
        if number == 0:
            raise ValueError("more than nothing, such as '6 months'")
        match unit:
            case "year":
                return cls(months=12 * number)
            case "month":
                return cls(months=number)
            case "week":
                return cls(days=7 * number)
            case _:
                return cls(days=number)

    def __str__(self) -> str:
        for number, unit in ((self.months, "month"), (self.days, "day")):
            if number:
                return f"{number} {unit}{'s' if number > 1 else ''}"
        return "0 days"

    def after(self, day: date) -> date:
        """`day` plus this period, clamped to the month's end; date.max where the calendar ends."""
        year, month = divmod(day.year * 12 + day.month - 1 + self.months, 12)
        if year > date.max.year:
            return date.max
        moved = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
        try:
            return moved + timedelta(days=self.days)
        except OverflowError:
            return date.max

    def cutoff_day(self, today: date) -> date:
        """The smallest day d with d + period >= today: what was received before d is due today."""
        day = today - timedelta(days=self.longest_days + 4)
        while self.after(day) < today:
            day += timedelta(days=1)
        return day

    def cutoff(self, now: datetime, zone: tzinfo) -> datetime:
        """The instant (UTC) before which an item must have been received to be due at `now`."""
        return self.cutoff_on(now.astimezone(zone).date(), zone)

    def cutoff_on(self, today: date, zone: tzinfo) -> datetime:
        """The same on a day of the zone."""
        return start_of(self.cutoff_day(today), zone)

    @property
    def shortest_days(self) -> int:
        """The fewest days that this period can span."""
        return _month_days(self.months, shortest=True) + self.days

    @property
    def longest_days(self) -> int:
        """The most days that this period can span."""
        return _month_days(self.months, shortest=False) + self.days

    def is_never_shorter_than(self, other: Period) -> bool:
        """Whether nothing can fall due sooner under this period than under `other`."""
        if self.months >= other.months and self.days >= other.days:
            return True
        return self.shortest_days >= other.longest_days


def start_of(day: date, zone: tzinfo) -> datetime:
    """The instant (UTC) at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _month_days(months: int, *, shortest: bool) -> int:
    """The fewest or the most days that so many calendar months can span, clamping included."""
    years, rest = divmod(months, 12)
    leap_days = (years + 3) // 4 if not shortest else years // 4 - (1 if years >= 100 else 0)
    fewest = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334)[rest]
    most = (0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337)[rest]
    return 365 * years + leap_days + (fewest if shortest else most)
