"""`retentiond status`: how the promise stands, read beside the service; needs no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click

from retentiond import acknowledgement
from retentiond import condition as conditions
from retentiond import pause as pauses
from retentiond.alert import CODES
from retentiond.cli.session import Session, now, say, session, who
from retentiond.condition import Condition, HoldCounts
from retentiond.config import Config
from retentiond.core.holds import Ground
from retentiond.core.promises import Concern, Worry, no_sweep, remembered
from retentiond.errors import ControlRefused, Exit
from retentiond.report.concerns import concern_sentence
from retentiond.report.holds import grounds_sentence
from retentiond.report.words import items

_KINDS = {
    "sweep": "sweep",
    "audit": "audit (nothing is destroyed)",
    "pause": "look (paused: nothing is destroyed)",
}


@dataclass(frozen=True, slots=True)
class Status:
    """The condition as it stands at this moment, which may be later than when it was written."""

    condition: Condition
    concerns: tuple[Concern, ...]
    is_running: bool
    next_at: datetime | None
    moment: datetime

    @property
    def exit_code(self) -> int:
        """1 while there is a finding; else 75 before the first round, for nobody has looked."""
        if any(each.is_broken for each in self.concerns):
            return Exit.FINDINGS
        return Exit.UNREACHED if self.condition.round is None else Exit.DONE


@click.command(epilog="Example: retentiond status --json")
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.option("--acknowledge", is_flag=True, help="Say that you have seen the findings that it tells.")
@click.pass_context
def command(ctx: click.Context, as_document: bool, acknowledge: bool) -> int:
    """How the promise stands: last and next round, what is due, held, overdue or in the way.

    Reads what the service wrote; it may run meanwhile. Exits with 1 while there is a finding, and with 75
    before the first round, when nobody has looked yet. A finding that was acknowledged is told daily as
    before, but for two weeks not to the second recipient.
    """
    current = session(ctx)
    try:
        found = status_of(current.config, now())
    except PermissionError:
        raise ControlRefused("silent") from None
    if acknowledge:
        directory = current.config.ledger.directory
        acknowledgement.write(directory, found.concerns, found.moment, who())
        seen = acknowledgement.applied(directory, found.concerns)
        found = replace(found, concerns=seen)
    if as_document:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _show(current, found)
    return found.exit_code


def status_of(config: Config, moment: datetime) -> Status:
    """What the service wrote, and what time alone has made of it since."""
    from retentiond.daemon import is_running
    from retentiond.timetable import next_round

    directory = config.ledger.directory
    written = conditions.read(directory)
    kept = [each for each in written.concerns if each.cause not in (Worry.PAUSED, Worry.NO_SWEEP)]
    switch = pauses.concern(directory, moment, config.policy.zone)
    silent = no_sweep(written.finished, moment)
    found = [*kept, *(each for each in (switch, silent) if each is not None)]
    concerns = acknowledgement.applied(directory, remembered(found, written.concerns))
    running = is_running(directory)
    next_at = next_round(config.schedule, moment) if running else None
    return Status(written, concerns, running, next_at, moment)


def _show(current: Session, found: Status) -> None:
    zone, condition = current.config.policy.zone, found.condition

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")

    say(current, "The service is running." if found.is_running else "The service is not running.")
    if condition.round is None:
        say(current, "Last round: none yet.")
    else:
        last = condition.round
        done = f"{items(last.done)} done" if last.result == "done" else f"came to no end: {last.result}"
        say(current, f"Last round: {_KINDS.get(last.kind, last.kind)}, {local(last.started)}, {done}.")
    if found.next_at is not None:
        say(current, f"Next round: {local(found.next_at)}, or a little later.")
    for each in condition.counts:
        armed = "" if each.is_armed else ", not armed"
        said = f"due {each.due:,}, held {each.held:,}, for review {each.review:,}{armed}"
        say(current, f"  {each.target}: {said} (looked at {local(each.looked)})")
    for sentence in _holds(condition.holds):
        say(current, sentence)
    say(
        current,
        f"Open intents: {condition.open_intents}. Ledger: {condition.seal or 'not sealed by a round yet'}",
    )
    for concern in found.concerns:
        seen = "" if concern.seen is None else f" [seen {local(concern.seen)}]"
        click.echo(f"! {concern.target}: {concern_sentence(concern, found.moment)}{seen}", err=True)
    say(current, _in_short(found))


def _in_short(found: Status) -> str:
    """The last line: it calls nothing in order that nobody has looked at."""
    if found.exit_code == Exit.FINDINGS:
        return "Lines that begin with ! need somebody."
    if found.condition.round is None:
        return "Nothing is known yet: only a round of the service (daemon, daemon --once) is told here."
    if found.concerns:
        return "No promise is broken. Lines that begin with ! wait for a person."
    return "No findings."


def _holds(holds: HoldCounts | None) -> list[str]:
    if holds is None or not holds.by_ground:
        return []
    counts = grounds_sentence({Ground(ground): count for ground, count in holds.by_ground})
    late = f" Past their review: {', '.join(holds.past_review)}." if holds.past_review else ""
    return [f"Holds: {counts}.{late}"]


def _document(found: Status) -> dict[str, Any]:
    condition, last = found.condition, found.condition.round
    overdue = [each for each in found.concerns if each.cause == Worry.OVERDUE]
    return {
        "schema_version": 1,
        "what": "status",
        "is_running": found.is_running,
        "last": None
        if last is None
        else {
            "kind": last.kind,
            "started": _text(last.started),
            "ended": _text(last.ended),
            "result": last.result,
            "done": last.done,
        },
        "finished": _text(condition.finished),
        "next": _text(found.next_at),
        "overdue": sum(each.count for each in overdue),
        "held": sum(each.held for each in condition.counts),
        "blocked": sorted({each.target for each in found.concerns}),
        "holds": None
        if condition.holds is None
        else {
            "by_ground": dict(condition.holds.by_ground),
            "past_review": list(condition.holds.past_review),
        },
        "open_intents": condition.open_intents,
        "seal": condition.seal,
        "targets": [
            {
                "target": each.target,
                "due": each.due,
                "held": each.held,
                "review": each.review,
                "is_armed": each.is_armed,
                "looked_at": _text(each.looked),
            }
            for each in condition.counts
        ],
        "findings": [
            {
                "target": each.target,
                "cause": each.cause,
                "folder": each.folder,
                "count": each.count,
                "code": CODES[each.cause],
                "since": _text(each.since),
                "acknowledged": _text(each.seen),
                "is_grave": each.is_grave(found.moment),
                "sentence": concern_sentence(each, found.moment),
            }
            for each in found.concerns
        ],
        "exit_code": found.exit_code,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
