"""`retentiond as-service`: a command typed by root, with the service's own user, folders and credentials."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from retentiond.cli.session import session
from retentiond.errors import AdminNeeded, CredentialsMissing


@click.command(
    epilog="Example: sudo retentiond as-service check",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...]) -> int:
    """Run one command as the service would: as its user, with its credentials (systemd-run).

    For check, audit, arm, ledger init and the like, where the configuration names credentials: only systemd
    can decrypt them, and only for a unit.
    """
    from retentiond.config import DEFAULT_PATH
    from retentiond.install.as_service import words as as_service
    from retentiond.install.dropins import credential_names, credential_place

    if os.geteuid() != 0:
        raise AdminNeeded("as-service")
    if ctx.find_root().obj["config"] is None:
        ctx.find_root().obj["config"] = str(DEFAULT_PATH)
    config = session(ctx).config
    names = sorted(credential_names(config))
    if missing := tuple(name for name in names if not Path(credential_place(name)).exists()):
        raise CredentialsMissing(missing)
    systemd_run = shutil.which("systemd-run")
    if systemd_run is None:
        raise click.UsageError("systemd-run is not on this machine")
    program = str(Path(sys.prefix) / "bin" / "retentiond")
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    who = int(os.environ.get("SUDO_UID") or os.getuid())
    os.execv(  # noqa: S606 — what was typed, in a unit of its own
        systemd_run, as_service(config, program, words, is_terminal=is_terminal, who=who)
    )
