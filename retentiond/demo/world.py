"""The invented helpline: who there is, and every message of eighteen months with what must become of it.

Nothing here is real, and every address ends in `.example`. The odd word stands in each subject, text and
outside address, so that a leak into anything that is written would be found.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from retentiond.core.period import Period, start_of

ZONE = ZoneInfo("Europe/London")
PERIOD = Period(months=6)
ODD_WORD = "brambleweft"
HOLD_KEYWORD = "$RetentionHold"
HOLD_FOLDER = "On hold"

_MONTHS = 18
#: How old the newest message is at least: a server need not take mail from the future.
_NEWEST = timedelta(hours=1)


class Fate(Enum):
    """What the promise asks for a message."""

    KEPT = auto()
    DUE = auto()
    HELD = auto()
    REVIEW = auto()
    ASTRAY = auto()
    ASTRAY_HELD = auto()
    ASTRAY_OVERDUE = auto()
    PRIVATE = auto()


@dataclass(frozen=True, slots=True)
class Owner:
    """A helpline or an advisor, with one mailbox. `alias` is its name in all that is written."""

    alias: str
    address: str


HELPLINES = (
    Owner("listening-line", "listening@helpline.example"),
    Owner("night-line", "night@helpline.example"),
)
ADVISORS = tuple(
    Owner(f"advisor-{number}", f"{name}@helpline.example")
    for number, name in enumerate(("alder", "birch", "cedar"), 1)
)
MAILBOXES = (*HELPLINES, *ADVISORS)


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A message where it is laid down. `mailbox` and `home` are aliases; `received` is aware."""

    mailbox: str
    folder: str
    content: bytes
    received: datetime
    flags: tuple[str, ...]
    fate: Fate
    home: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is laid down, and the counts that the promise asks for."""

    letters: tuple[Letter, ...]

    def count(self, *fates: Fate, mailbox: str = "") -> int:
        """How many letters have one of these fates, in all mailboxes or in one."""
        return sum(letter.fate in fates and mailbox in ("", letter.mailbox) for letter in self.letters)

    def leaving(self, mailbox: str) -> int:
        """The number that arming this mailbox must name: what is due there, and what goes home."""
        return self.count(Fate.DUE, Fate.ASTRAY, Fate.ASTRAY_HELD, Fate.ASTRAY_OVERDUE, mailbox=mailbox)

    def folders(self, mailbox: str) -> tuple[str, ...]:
        """The folders of a mailbox in which something is laid down."""
        return tuple(dict.fromkeys(each.folder for each in self.letters if each.mailbox == mailbox))


def invent(now: datetime) -> World:
    """The whole world, relative to `now` (aware). The same moment gives the same world."""
    author = _Author(now)
    letters = [*author.helpline(HELPLINES[0], 420), *author.helpline(HELPLINES[1], 240)]
    letters += author.oddities(HELPLINES[0])
    for number, advisor in enumerate(ADVISORS):
        letters += author.private(advisor)
        letters += author.strays(
            advisor, HELPLINES[number % 2], recent=14 - 3 * number, overdue=9 - 2 * number
        )
    letters += author.twins(ADVISORS[0], HELPLINES[0])
    return World(tuple(letters))


class _Author:
    """Writes letters, each under a number of its own."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._chance = random.Random(18)  # noqa: S311 — invented mail, and the same every time
        self._number = 0
        today = now.astimezone(ZONE).date()
        self._cutoff = PERIOD.cutoff(now, ZONE)
        # What falls due at the next midnight is left out, so that a demo that runs across midnight
        # promises the same before and after.
        self._kept_from = start_of(PERIOD.cutoff_day(today + timedelta(days=1)), ZONE)
        self._first = start_of(Period(months=_MONTHS).cutoff_day(today), ZONE)

    # ── helplines ────────────────────────────────────────────────────────────────────────────────

    def helpline(self, line: Owner, count: int) -> Iterator[Letter]:
        """Eighteen months of what came in and what was answered, on both sides of the boundary."""
        for when in self._moments(count):
            fate = Fate.DUE if when < self._cutoff else Fate.KEPT
            folder = self._chance.choices(("INBOX", "Deleted Items", "Closed", "Junk"), (70, 16, 10, 4))[0]
            flags = ("\\Seen",) if self._chance.random() < 0.9 else ()
            yield Letter(line.alias, folder, self._incoming(line, when), when, flags, fate)
            answered = when + timedelta(hours=self._chance.randint(1, 5))
            is_same_side = (answered < self._cutoff) == (when < self._cutoff)
            if self._chance.random() < 0.6 and is_same_side and answered < self._now - _NEWEST:
                content = self._reply(line, answered)
                yield Letter(line.alias, "Sent", content, answered, ("\\Seen",), fate)

    def oddities(self, line: Owner) -> Iterator[Letter]:
        """The minutes around midnight, holds, and a message whose date nobody can believe."""
        edge = timedelta(minutes=30)
        for when, fate in ((self._cutoff - edge, Fate.DUE), (self._kept_from + edge, Fate.KEPT)):
            yield Letter(line.alias, "INBOX", self._incoming(line, when), when, ("\\Seen",), fate)
        for days in (40, 90):
            when = self._cutoff - timedelta(days=days)
            flags = ("\\Seen", HOLD_KEYWORD)
            yield Letter(line.alias, "INBOX", self._incoming(line, when), when, flags, Fate.HELD)
        for days in (15, 120, 300):
            when = self._cutoff - timedelta(days=days)
            yield Letter(line.alias, HOLD_FOLDER, self._incoming(line, when), when, ("\\Seen",), Fate.HELD)
        when = datetime(1994, 3, 14, 9, 26, 53, tzinfo=UTC)
        yield Letter(line.alias, "INBOX", self._incoming(line, when), when, ("\\Seen",), Fate.REVIEW)

    # ── advisors ─────────────────────────────────────────────────────────────────────────────────

    def private(self, advisor: Owner) -> Iterator[Letter]:
        """An advisor's own mail, of any age, some of it about the helpline and none of it the helpline's."""
        for when in self._moments(60):
            folder = self._chance.choice(("INBOX", "INBOX", "Sent", "Sent", "Deleted Items"))
            sender, to = (
                (advisor.address, self._outside())
                if folder != "INBOX"
                else (self._outside(), advisor.address)
            )
            if folder == "Sent" and self._chance.random() < 0.2:
                to = HELPLINES[0].address  # written to the helpline is not written by the helpline
            if folder == "Sent" and self._chance.random() < 0.1:
                sender = f"not-{HELPLINES[0].address}"  # a server that searches by parts of words finds this
            flags = ("\\Seen",) if self._chance.random() < 0.8 else ()
            content = self._letter(sender, to, when)
            yield Letter(advisor.alias, folder, content, when, flags, Fate.PRIVATE)

    def strays(self, advisor: Owner, line: Owner, recent: int, overdue: int) -> Iterator[Letter]:
        """Replies from the helpline's address that were saved in the advisor's own folders."""
        for index in range(recent):
            when = self._between(self._kept_from, self._now - _NEWEST)
            folder = "Sent" if index else "Deleted Items"
            flags = ("\\Seen", "\\Answered") if index % 3 else ("\\Seen", "\\Flagged")
            yield Letter(advisor.alias, folder, self._reply(line, when), when, flags, Fate.ASTRAY, line.alias)
        for _ in range(overdue):
            when = self._between(self._first, self._cutoff)
            content = self._reply(line, when)
            yield Letter(advisor.alias, "Sent", content, when, ("\\Seen",), Fate.ASTRAY_OVERDUE, line.alias)

    def twins(self, advisor: Owner, line: Owner) -> Iterator[Letter]:
        """A stray that stands at home already, and one that is past its day and held."""
        when = self._between(self._kept_from, self._now - _NEWEST)
        content = self._reply(line, when)
        yield Letter(line.alias, "Sent", content, when, ("\\Seen",), Fate.KEPT)
        yield Letter(advisor.alias, "Sent", content, when, ("\\Seen",), Fate.ASTRAY, line.alias)
        when = self._between(self._first, self._cutoff)
        flags = ("\\Seen", HOLD_KEYWORD)
        yield Letter(
            advisor.alias, "Sent", self._reply(line, when), when, flags, Fate.ASTRAY_HELD, line.alias
        )

    # ── words and times ──────────────────────────────────────────────────────────────────────────

    def _moments(self, count: int) -> list[datetime]:
        """Moments in order, none of them about to fall due at the next midnight."""
        found: list[datetime] = []
        while len(found) < count:
            when = self._between(self._first, self._now - _NEWEST)
            if not self._cutoff <= when < self._kept_from:
                found.append(when)
        return sorted(found)

    def _between(self, first: datetime, last: datetime) -> datetime:
        seconds = self._chance.randrange(int((last - first).total_seconds()))
        return (first + timedelta(seconds=seconds)).replace(microsecond=0).astimezone(ZONE)

    def _outside(self) -> str:
        return f"{ODD_WORD}.{self._chance.randrange(10_000):04d}@{ODD_WORD}.example"

    def _incoming(self, line: Owner, when: datetime) -> bytes:
        return self._letter(self._outside(), line.address, when)

    def _reply(self, line: Owner, when: datetime) -> bytes:
        return self._letter(line.address, self._outside(), when)

    def _letter(self, sender: str, to: str, when: datetime) -> bytes:
        self._number += 1
        return (
            f"From: {sender}\r\nTo: {to}\r\nDate: {format_datetime(when)}\r\n"
            f"Subject: {ODD_WORD} {self._number}\r\n"
            f"Message-ID: <{self._number}.{ODD_WORD}@helpline.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
            f"An invented {ODD_WORD} of a message, number {self._number}, that nobody ever sent.\r\n"
        ).encode("ascii")
