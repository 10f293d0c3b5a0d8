"""`retentiond check`: configuration, reachability, abilities, rights and clock. Changes nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import click

from retentiond.cli import check_grants
from retentiond.cli.check_letters import answers
from retentiond.cli.screen import progress
from retentiond.cli.sentences import SECRETS
from retentiond.cli.session import now, say, session
from retentiond.core.model import Kind, Role
from retentiond.errors import Exit, MailboxError, SecretMissing, gravest
from retentiond.mailbox.readonly import ReadOnly
from retentiond.report.letters import notice_sentence
from retentiond.report.words import WHYS, way_home
from retentiond.targets import Estate, Target


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was checked. `code` is 0 where it is as it should be."""

    target: str
    what: str
    answer: str
    code: int = Exit.DONE


@click.command(epilog="Example: retentiond check --only listening-line")
@click.option("--only", metavar="NAME", help="One target alone.")
@click.option(
    "--tenant-probe",
    "probed",
    metavar="NAME",
    help="Try on this target, a test mailbox in Microsoft 365, what is not documented.",
)
@click.option("--yes", is_flag=True, help="With --tenant-probe: do not ask first.")
@click.option(
    "--receipt-wait",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    default=120,
    show_default=True,
    help="With --tenant-probe: how long to wait for a receipt.",
)
@click.option("--json", "as_document", is_flag=True, help="One JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    only: str | None,
    probed: str | None,
    yes: bool,
    receipt_wait: float,
    as_document: bool,
) -> int:
    """Is the configuration right, and can the servers do what is needed? Changes nothing.

    Connects once to each mailbox, logs in, and asks what the server can do, what the login may do in
    each folder, and whether the clocks agree. With --tenant-probe it makes a folder of its own with a few
    messages in one mailbox, sends none of them, tells what the server did with them, and removes them.
    """
    if probed is not None:
        if only is not None:
            raise click.UsageError("one of: --only NAME; --tenant-probe NAME")
        from retentiond.cli.check_tenant import probe

        return probe(session(ctx), probed, receipt_wait, is_agreed=yes, as_document=as_document)
    if yes:
        raise click.UsageError("--yes goes with --tenant-probe NAME")
    current = session(ctx)
    lines: list[Line] = []
    with current.estate_to_look_at() as (estate, book), progress(current.quiet) as seen:
        for target in estate.targets if only is None else (estate.target(only),):
            seen.looked(target.name)
            lines.extend(_checked(estate, target))
            lines.extend(_ways(estate, target))
        if book is None:
            lines.append(Line("ledger", "state", "none yet; make it: retentiond ledger init"))
    code = gravest([line.code for line in lines])
    if as_document:
        click.echo(
            json.dumps({"schema_version": 1, "lines": [asdict(line) for line in lines], "exit_code": code})
        )
        return code
    for line in lines:
        text = f"{'! ' if line.code else '  '}{line.target}: {line.what}: {line.answer}"
        if line.code:
            click.echo(text, err=True)
        else:
            say(current, text)
    say(current, "All is well." if code == Exit.DONE else "Lines that begin with ! need somebody.")
    return code


def _ways(estate: Estate, target: Target) -> list[Line]:
    """By which way an advisor's replies go home to each helpline."""
    if target.kind is not Kind.ADVISOR:
        return []
    return [
        Line(target.name, f"way to {home.name}", way_home(target.server_kind, home.server_kind))
        for home in estate.of(Kind.HELPLINE)
    ]


def _checked(estate: Estate, target: Target) -> list[Line]:
    try:
        return _looked_at(estate, target)
    except MailboxError as error:
        where = f" ({error.detail})" if error.detail else ""
        code = max(error.exit_code, Exit.UNREACHED) if error.exit_code != Exit.FINDINGS else Exit.UNREACHED
        return [Line(target.name, "mailbox", WHYS.get(error.why.value, error.why.value) + where, code)]
    except SecretMissing as error:
        return [Line(target.name, "secret", _secret(error), Exit.UNREACHED)]


def _secret(error: SecretMissing) -> str:
    way_on = f"; {SECRETS[error.way]}" if error.way else ""
    return f"cannot be read from {error.place}{way_on}"


def _looked_at(estate: Estate, target: Target) -> list[Line]:
    moment = now()
    with ReadOnly(target.open()) as mailbox:
        abilities = mailbox.abilities()
        clock = mailbox.clock(moment)
        folders = tuple(mailbox.look(estate.question(target, moment)))
        sent = mailbox.place(Role.SENT).folder if target.kind is Kind.HELPLINE else ""
    if target.kind is Kind.LETTERS:
        return [Line(target.name, *each) for each in answers(abilities, folders)]
    lines = [Line(target.name, "server", f"{abilities.server}, reached and logged in")]
    if not abilities.destroys_exactly:
        lines.append(Line(target.name, "abilities", WHYS[abilities.missing], Exit.FINDINGS))
    for note in abilities.notes:
        code = Exit.FINDINGS if note == "too-many-rights" else Exit.DONE
        lines.append(Line(target.name, "exchange", WHYS[note], code))
    lines.extend(Line(target.name, *each) for each in check_grants.answers(abilities))
    carries = "in batches" if abilities.carries_in_batches else "one by one"
    age = "by age, exact to the second" if abilities.searches_by_age else "by date, with a margin"
    lines.append(Line(target.name, "abilities", f"carries replies {carries}; searches {age}"))
    if clock.agrees is False:
        answer = "this machine's clock and the server's differ by more than 5 minutes"
        lines.append(Line(target.name, "clock", answer, Exit.STOPPED))
    else:
        lines.append(
            Line(target.name, "clock", "agrees" if clock.agrees else "cannot be asked; others decide")
        )
    for folder in folders:
        census = folder.census
        if census.hindrance is not None and census.hindrance.value != "no-uidplus":
            where = census.place.folder
            lines.append(Line(target.name, where, WHYS[census.hindrance.value], Exit.FINDINGS))
        lines.extend(
            Line(target.name, census.place.folder, notice_sentence(notice, count, ""), Exit.FINDINGS)
            for notice, count in census.notices
        )
    names = ", ".join(folder.place.folder for folder in folders)
    lines.append(Line(target.name, "folders", names + (f"; replies come home to {sent}" if sent else "")))
    return lines
