"""What a command needs of the world: the configuration, the ledger, the estate, the time, who asks."""

from __future__ import annotations

import os
import re
import secrets
import sys
import syslog
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from retentiond import logs
from retentiond.cli.caller import caller
from retentiond.config import Config, find, load, read_secret_bytes
from retentiond.doors import estate_of
from retentiond.errors import LedgerMissing, SecretMissing
from retentiond.ledger import is_founded
from retentiond.mailbox.marker import Marker
from retentiond.report.words import elsewhere_sentence, left_out_sentence
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Session:
    """A loaded configuration with the options of the command line."""

    config: Config
    quiet: bool

    @property
    def is_passing(self) -> bool:
        """Whether the ledger lies in a temporary folder (the demo): nobody's evidence, and its seals in the
        journal would be taken for the real ledger's."""
        return self.config.ledger.directory.is_relative_to(Path(tempfile.gettempdir()).resolve())

    def ledger(self) -> Ledger:
        """The ledger, opened. Raises LedgerMissing, LedgerDamaged, PermissionsTooOpen."""
        from retentiond.ledger import Ledger

        settings = self.config.ledger
        try:
            return Ledger.open(settings.directory, read_secret_bytes(settings.key))
        except SecretMissing as error:
            key = error.place if is_founded(settings.directory) else ""
            raise LedgerMissing(str(settings.directory), key, error.way) from None

    @contextmanager
    def estate_with_ledger(self) -> Iterator[tuple[Estate, Ledger]]:
        """Both, for a command that changes something."""
        with self.ledger() as book:
            yield estate_of(self.config, Marker(book.mark_key)), book

    @contextmanager
    def estate_to_look_at(self) -> Iterator[tuple[Estate, Ledger | None]]:
        """For a command that only looks: without a ledger, marks have a key that dies with the command."""
        if is_founded(self.config.ledger.directory):
            with self.estate_with_ledger() as both:
                yield both
        else:
            yield estate_of(self.config, Marker(secrets.token_bytes(32))), None


class Day(click.DateTime):
    """A day, written `2026-10-31`, of years with which dates can be reckoned."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            day = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no day; write it like 2026-10-31.", param, ctx)
        if not 1995 <= day.year <= 2999:
            self.fail(f"{day:%Y-%m-%d} lies outside the years 1995 to 2999.", param, ctx)
        return day


class Number(click.IntRange):
    """How many items somebody agrees to: `7312`, or as it was shown to them, `7,312`."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]{1,12}|[0-9]{1,3}(,[0-9]{3}){1,3}", text):
            self.fail(f"{value!r} is no number of items; write it like 7312.", param, ctx)
        return int(text.replace(",", ""))


def typed_number() -> int:
    """The number that was just shown, typed by a person."""
    return int(click.prompt("Type that number to agree", type=Number()))


#: How long a command waits where somebody else is at work in a mailbox.
wait_option = click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=0,
    help="How long to wait for a mailbox in which somebody else is at work.",
)


def session(ctx: click.Context) -> Session:
    """The session of a command. Raises ConfigurationRefused or PermissionsTooOpen, all faults at once.

    Within the service the configuration is the one in force there, and so is the log.
    """
    options, who = ctx.find_root().obj, caller()
    if who is not None:
        return Session(who.config, options["quiet"])
    config = loaded(ctx)
    logs.configure(_level(config, options), config.log.format)
    return Session(config, options["quiet"])


def loaded(ctx: click.Context) -> Config:
    """The configuration that the command line names, read once. Raises as `session` does."""
    options = ctx.find_root().obj
    if "loaded" not in options:
        options["loaded"] = load(find(options["config"]))
    config: Config = options["loaded"]
    return config


def log_to(ctx: click.Context, current: Session, stream: TextIO) -> None:
    """The log goes there from now on, whoever hears what commands say."""
    logs.configure(_level(current.config, ctx.find_root().obj), current.config.log.format, stream)


def _level(config: Config, options: dict[str, bool]) -> logs.Level:
    """At a terminal the answers are enough; in a journal, or a file, the log is what stays."""
    if options["verbose"]:
        return "debug"
    if options["quiet"]:
        return "error"
    return "warning" if sys.stderr.isatty() else config.log.level


def now() -> datetime:
    """The one reading of this machine's clock in a command."""
    return datetime.now(UTC)


def who() -> str:
    """Who asks, for the ledger: the Unix user id, and the one behind sudo."""
    by = caller()
    if by is not None:
        uid, behind = by.request.peer.uid, by.request.sudo_uid
    else:
        told = os.environ.get("SUDO_UID", "")
        uid, behind = os.getuid(), int(told) if told.isdecimal() else None
    return f"uid {uid}" + (f" (sudo by uid {behind})" if behind is not None else "")


def witness(line: str) -> None:
    """Puts a line into the system's journal, where it outlives the state directory; the log of a service
    is there already."""
    if not logs.is_journal(sys.stderr):
        syslog.openlog("retentiond", facility=syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_NOTICE, line)


def say_elsewhere(current: Session) -> None:
    """The end of every report."""
    for sentence in not_reached(current.config):
        say(current, sentence)


def not_reached(config: Config) -> list[str]:
    """What the administrator declared: folders that are left out, and what keeps copies too."""
    left_out = [left_out_sentence(name, count) for name, count in _left_out(config)]
    return left_out + [elsewhere_sentence(place.what, place.kept) for place in config.elsewhere]


def _left_out(config: Config) -> list[tuple[str, int]]:
    """Helplines that leave folders out, with how many: a folder may be named after a person."""
    return [(each.name, len(each.leave_out)) for each in config.helplines if each.leave_out]


def not_reached_document(config: Config) -> dict[str, list[dict[str, str | int]]]:
    """The same for a JSON document."""
    return {
        "left_out": [
            {"target": name, "folders": count, "sentence": left_out_sentence(name, count)}
            for name, count in _left_out(config)
        ],
        "elsewhere": [
            {
                "what": place.what,
                "kept": str(place.kept),
                "sentence": elsewhere_sentence(place.what, place.kept),
            }
            for place in config.elsewhere
        ],
    }


def say(current: Session, text: str = "") -> None:
    """A line for the person at the terminal, unless they asked for quiet."""
    if not current.quiet:
        click.echo(text)
