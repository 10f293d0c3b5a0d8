"""`retentiond hold`: keep something past its day, for a stated ground, until it is looked at again (P6).

What names the mail (a Message-ID, an address) is read from a prompt or from standard input, never from the
arguments, which other users of the machine can read; it is shown, kept and logged nowhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import click

from retentiond.cli.screen import show_table, waiting
from retentiond.cli.session import Day, now, say, session, wait_option, who
from retentiond.core.holds import BY_SIGN, REVIEW_AFTER, Ground, Registered
from retentiond.core.model import Item, Kind
from retentiond.core.period import Period, start_of
from retentiond.errors import Refused, UnknownHold, Why
from retentiond.holding import Order, between_sweeps, find, hold
from retentiond.holding import release as release_hold
from retentiond.mailbox.base import Wanted
from retentiond.report.holds import GROUNDS, grounds_sentence
from retentiond.report.words import items

#: A review lies at most so far ahead: what is kept without an end is not kept for a ground.
_LONGEST = Period(months=12)
_STATED = [ground.value for ground in Ground if ground is not Ground.NOT_STATED]
_DAY = Day()
_ground = click.option("--ground", type=click.Choice(_STATED), help="Why it is kept.")


@click.group(epilog="Example: retentiond hold add listening-line --ground child-at-risk")
def command() -> None:
    """Keep something past its day, for a ground, until somebody looks at it again.

    A hold never ends by itself. It is a keyword over IMAP and a category on Exchange, so every mail program
    shows it; letters are held by lying in their hold folder.
    """


@command.command(
    epilog="Example: retentiond hold add listening-line --ground legal-claim --review 2027-03-01"
)
@click.argument("name", metavar="NAME")
@click.option("--correspondent", is_flag=True, help="By a correspondent's address, not by a Message-ID.")
@click.option("--from", "first", type=_DAY, help="With --correspondent: received on this day or later.")
@click.option("--to", "last", type=_DAY, help="With --correspondent: received on this day or before.")
@_ground
@click.option("--review", type=_DAY, help="When somebody looks again (else in 30 days; 12 months at most).")
@click.option("--conversation", is_flag=True, help="Also what it answers, its answers, and later ones.")
@wait_option
@click.pass_context
def add(
    ctx: click.Context,
    name: str,
    correspondent: bool,
    first: datetime | None,
    last: datetime | None,
    ground: str | None,
    review: datetime | None,
    conversation: bool,
    wait_seconds: float,
) -> int:
    """Hold mail of a target. Asks for its Message-ID (or the address), or reads it from standard input."""
    if (first or last) and not correspondent:
        raise click.UsageError("--from and --to go with --correspondent")
    current = session(ctx)
    zone = current.config.policy.zone
    with current.estate_with_ledger() as (estate, book):
        if estate.target(name).kind is Kind.LETTERS:
            raise Refused(name, Why.HOLD_FOLDER)
        moment = now()
        order = Order(_stated(ground), _review(review, moment, zone), who(), conversation)
        wanted = _wanted(correspondent, first, last, zone)
        found = find(estate, name, wanted, moment)
        if len(found) > 1 and sys.stdin.isatty():
            click.confirm(f"{items(len(found))} found: {_folders(found)}. Hold them?", abort=True)
        locks = current.config.ledger.directory
        told = waiting(current.quiet, "hold")
        with between_sweeps(estate, name, locks, wait_seconds, told, is_needed=conversation):
            set_holds = hold(estate, name, found, order, book, now())  # whoever asked may have waited
    say(current, f"{items(len(found))} held: {_folders(found)}.")
    for each in set_holds:
        say(current, f"Hold {each.id} of {each.target}: {GROUNDS[each.ground]}, {_until(each)}.")
    return 0


@command.command("list", epilog="Example: retentiond hold list --overdue")
@click.option("--overdue", is_flag=True, help="Only those past their review.")
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.pass_context
def list_holds(ctx: click.Context, overdue: bool, as_document: bool) -> int:
    """The register: every hold, and when it needs another look.

    With its ground, how much it is on, since when, and how it came to be. Names nobody.
    """
    current = session(ctx)
    with current.ledger() as book:
        holds = book.holds.all()
    lines = [_line(each, now(), current.config.policy.zone) for each in holds]
    lines = [line for line in lines if line.days_past or not overdue]
    if as_document:
        told = [line.document for line in lines]
        click.echo(json.dumps({"schema_version": 1, "what": "holds", "holds": told}, indent=2))
        return 0
    if lines and not current.quiet:
        head = ("hold", "target", "ground", "items", "since", "review", "")
        show_table(head, [line.cells for line in lines], numbers=(3,))
    counts = {ground: sum(each.ground is ground for each in holds) for ground in Ground}
    say(current, f"Holds: {grounds_sentence({ground: n for ground, n in counts.items() if n})}.")
    return 0


@command.command(epilog="Example: retentiond hold review k7m3qa --until 2027-02-01 --ground child-at-risk")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--until", type=_DAY, required=True, help="When somebody must look again (12 months at most).")
@_ground
@click.pass_context
def review(ctx: click.Context, ids: tuple[str, ...], until: datetime, ground: str | None) -> int:
    """Somebody looked: it stands until that day. Completes a hold that was found by its sign, too."""
    current = session(ctx)
    moment = now()
    day = _review(until, moment, current.config.policy.zone)
    with current.ledger() as book:
        _all_known(book.holds.all(), ids)
        for id in ids:
            reviewed = book.holds.review(id, day, Ground(ground) if ground else None, who(), moment)
            say(current, f"Hold {id}: {GROUNDS[reviewed.ground]}, {_until(reviewed)}.")
    return 0


@command.command(epilog="Example: retentiond hold release k7m3qa")
@click.argument("id", metavar="ID")
@click.pass_context
def release(ctx: click.Context, id: str) -> int:
    """End a hold: its sign is taken away.

    What it kept is judged anew in the next sweep. What is held by lying in a hold folder is released by
    moving it out of there.
    """
    current = session(ctx)
    with current.estate_with_ledger() as (estate, book):
        holds = book.holds.all()
        _all_known(holds, (id,))
        registered = next(each for each in holds if each.id == id)
        released = release_hold(estate, registered, book, who(), now())
    others = f" {items(released.still_held)} still held by another hold." if released.still_held else ""
    judged = " The next sweep judges anew." if released.count else ""
    say(current, f"Hold {id} is released: {items(released.count)} bore its sign alone.{others}{judged}")
    return 0


# ── what was typed ───────────────────────────────────────────────────────────────────────────────


def _wanted(is_correspondent: bool, first: datetime | None, last: datetime | None, zone: tzinfo) -> Wanted:
    what = "address" if is_correspondent else "Message-ID"
    typed = (click.prompt(what[0].upper() + what[1:]) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    bare = typed.removeprefix("<").removesuffix(">").strip()
    if not bare or len(bare) > 900 or not bare.isprintable() or (is_correspondent and "@" not in bare):
        raise click.UsageError(f"that is no {what}; one line is read, from a prompt or standard input")
    if not is_correspondent:
        return Wanted(message_id=bare)
    return Wanted(
        address=bare,
        since=start_of(first.date(), zone) if first else None,
        until=start_of(last.date() + timedelta(days=1), zone) if last else None,
    )


def _stated(ground: str | None) -> Ground:
    if ground is None and sys.stdin.isatty():
        ground = click.prompt("Ground", type=click.Choice(_STATED))
    if ground is None:
        raise click.UsageError(f"without a terminal: --ground {'|'.join(_STATED)}")
    return Ground(ground)


def _review(asked: datetime | None, moment: datetime, zone: tzinfo) -> date:
    today = moment.astimezone(zone).date()
    day = asked.date() if asked is not None else today + REVIEW_AFTER
    last = _LONGEST.after(today)
    if not today < day <= last:
        raise click.UsageError(f"a review lies after today and at most 12 months ahead: until {last}")
    return day


def _all_known(holds: Sequence[Registered], ids: Sequence[str]) -> None:
    known = {each.id for each in holds}
    for id in ids:
        if id not in known:
            raise UnknownHold(id)


# ── what is said ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Line:
    """One hold as a row and as a document."""

    cells: tuple[str, ...]
    document: dict[str, Any]
    days_past: int


def _line(each: Registered, moment: datetime, zone: tzinfo) -> _Line:
    days = each.days_past(moment.astimezone(zone).date())
    gone = min((sign.vanished for sign in each.signs if sign.vanished), default=None)
    since = each.since.astimezone(zone).date()
    notes = [
        f"past its review for {days} days" if days > 1 else "past its review since yesterday" if days else "",
        f"sign gone since {gone.astimezone(zone).date()}" if gone else "",
        "found by its sign" if each.who == BY_SIGN and each.ground is Ground.NOT_STATED else "",
        "conversation" if each.is_conversation else "",
    ]
    cells = (each.id, each.target, GROUNDS[each.ground], f"{len(each.signs):,}", str(since), str(each.review))
    document = {
        "id": each.id,
        "target": each.target,
        "ground": each.ground.value,
        "items": len(each.signs),
        "since": each.since.astimezone(UTC).isoformat(timespec="seconds"),
        "by": each.who,
        "review": each.review.isoformat(),
        "days_past_review": days,
        "conversation": each.is_conversation,
        "sign_gone_since": None if gone is None else gone.astimezone(UTC).isoformat(timespec="seconds"),
    }
    return _Line((*cells, ", ".join(filter(None, notes))), document, days)


def _folders(found: Sequence[Item]) -> str:
    counts: dict[str, int] = {}
    for item in found:
        counts[item.ref.place.folder] = counts.get(item.ref.place.folder, 0) + 1
    return ", ".join(f"{folder} {count:,}" for folder, count in sorted(counts.items()))


def _until(each: Registered) -> str:
    return f"to be looked at again by {each.review}"
