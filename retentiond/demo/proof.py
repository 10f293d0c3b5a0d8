"""What a plain client saw before and after, against what was promised; the sweep's own word counts nothing.

Even the date rule stands here a second time, in its simplest form: a mistake in one would show in the other.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retentiond.demo.witness import Found
from retentiond.demo.world import HELPLINES, ODD_WORD, ZONE, Fate, World

_LINES = frozenset(line.alias for line in HELPLINES)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that was promised, with its number, and whether it is so."""

    sentence: str
    is_so: bool


def prove(
    world: World, before: Sequence[Found], after: Sequence[Found], today: date, written: Path
) -> list[Claim]:
    """Every claim. `today` is the day (in the policy's zone) on which the story began, `written` the
    folder with everything that retentiond wrote."""
    fates = {letter.content: letter.fate for letter in world.letters}
    return [
        _gone(world, before, after, today),
        _left(world, after, today),
        _home(world, after),
        _overdue(world, after),
        _untouched(world, before, after, Fate.PRIVATE, "private messages of the advisors are as they were"),
        _untouched(world, before, after, Fate.HELD, "held messages lie where they lay"),
        _untouched(world, before, after, Fate.KEPT, "messages of the helplines that are not yet due remain"),
        _nothing_else(fates, before, after),
        _silent(written),
    ]


def _gone(world: World, before: Iterable[Found], after: Iterable[Found], today: date) -> Claim:
    still = {_place(each) for each in after}
    gone = [each for each in before if each.mailbox in _LINES and _place(each) not in still]
    early = sum(not _is_past(each, today) for each in gone)
    return Claim(
        f"{len(gone):,} messages are gone from the helplines' mailboxes: {len(gone) - early:,} past six"
        f" months, {early:,} too early",
        len(gone) == world.count(Fate.DUE) and not early,
    )


def _left(world: World, after: Iterable[Found], today: date) -> Claim:
    left = [each for each in after if each.mailbox in _LINES and _is_past(each, today)]
    held, review = world.count(Fate.HELD, Fate.ASTRAY_HELD), world.count(Fate.REVIEW)
    wanted = {
        letter.content
        for letter in world.letters
        if letter.fate in (Fate.HELD, Fate.ASTRAY_HELD, Fate.REVIEW)
    }
    return Claim(
        f"{len(left):,} are left there that seem past six months: {held:,} held, and {review:,} dated before"
        " 1995, which a person must look at",
        len(left) == len(wanted) and {each.content for each in left} == wanted,
    )


def _home(world: World, after: Iterable[Found]) -> Claim:
    strays = [letter for letter in world.letters if letter.fate in (Fate.ASTRAY, Fate.ASTRAY_HELD)]
    stands: dict[bytes, list[Found]] = {}
    for each in after:
        stands.setdefault(each.content, []).append(each)
    once = 0
    for letter in strays:
        match stands.get(letter.content, []):
            case [Found(mailbox=letter.home, folder="Sent", received=letter.received) as copy]:
                once += copy.flags == frozenset(letter.flags)
    return Claim(
        f"{once:,} of {len(strays):,} replies astray stand in their helpline's Sent, once each, with the same"
        " bytes, date and flags",
        once == len(strays),
    )


def _overdue(world: World, after: Iterable[Found]) -> Claim:
    overdue = {letter.content for letter in world.letters if letter.fate is Fate.ASTRAY_OVERDUE}
    left = sum(each.content in overdue for each in after)
    return Claim(
        f"{len(overdue) - left:,} of {len(overdue):,} replies astray and past six months are gone", left == 0
    )


def _untouched(
    world: World, before: Iterable[Found], after: Iterable[Found], fate: Fate, words: str
) -> Claim:
    """By mailbox, folder, number, bytes, date and flags: `Found` compares them all."""
    mine = {(letter.mailbox, letter.content) for letter in world.letters if letter.fate is fate}
    was = [each for each in before if (each.mailbox, each.content) in mine]
    same = len(set(was) & set(after))
    return Claim(f"{same:,} of {len(mine):,} {words}", len(was) == same == len(mine))


def _nothing_else(fates: dict[bytes, Fate], before: Iterable[Found], after: Sequence[Found]) -> Claim:
    laid = {each.content for each in before}
    strange = sum(each.content not in laid or each.content not in fates for each in after)
    return Claim(f"{strange:,} messages are there that were not there before", strange == 0)


def _silent(written: Path) -> Claim:
    files = [path for path in written.rglob("*") if path.is_file()]
    loud = sum(ODD_WORD.encode("ascii") in path.read_bytes().lower() for path in files)
    return Claim(
        f"{loud:,} of the {len(files):,} files that were written hold the odd word that stands in every"
        " subject, text and outside address",
        loud == 0,
    )


def _place(found: Found) -> tuple[str, str, int]:
    return found.mailbox, found.folder, found.uid


def _is_past(found: Found, today: date) -> bool:
    """Six calendar months after the day of receipt, or that month's last day, must be over."""
    day = found.received.astimezone(ZONE).date()
    year, month = divmod(day.year * 12 + day.month - 1 + 6, 12)
    last_day = monthrange(year, month + 1)[1]
    return today > date(year, month + 1, min(day.day, last_day))
