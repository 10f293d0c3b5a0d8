"""What a command needs of the world: the configuration, the ledger, the estate, the time, who asks."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from retentiond import logs
from retentiond.config import Config, find, load, read_secret_bytes
from retentiond.errors import LedgerMissing, SecretMissing
from retentiond.ledger import is_founded
from retentiond.mailbox.base import Marker
from retentiond.targets import Estate, estate_of

if TYPE_CHECKING:
    from retentiond.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Session:
    """A loaded configuration with the options of the command line."""

    config: Config
    quiet: bool

    def ledger(self) -> Ledger:
        """The ledger, opened. Raises LedgerMissing, LedgerDamaged, PermissionsTooOpen."""
        from retentiond.ledger import Ledger

        settings = self.config.ledger
        try:
            return Ledger.open(settings.directory, read_secret_bytes(settings.key))
        except SecretMissing as error:
            place = f"{settings.directory} ({error.place})" if is_founded(settings.directory) else None
            raise LedgerMissing(place or str(settings.directory)) from None

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


def session(ctx: click.Context) -> Session:
    """The session of a command. Raises ConfigurationRefused or PermissionsTooOpen, all faults at once."""
    options = ctx.find_root().obj
    config = load(find(options["config"]))
    logs.configure(_level(config, options), config.log.format)
    return Session(config, options["quiet"])


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
    behind = os.environ.get("SUDO_UID", "")
    return f"uid {os.getuid()}" + (f" (sudo by uid {behind})" if behind.isdigit() else "")


def say(current: Session, text: str = "") -> None:
    """A line for the person at the terminal, unless they asked for quiet."""
    if not current.quiet:
        click.echo(text)
