"""Words on a command line become one call; errors become sentences and exit codes. Only here is printed.

Each command is a module of its own, imported when it is called: `--help` imports no mail library.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

import click

from retentiond import __version__, logs
from retentiond.errors import Exit, RetentionError

#: Each command with the module that holds it (as `command`) and its one line of help.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "See it work on an invented helpline, in a minute, touching nothing of yours."),
    "check": ("check", "Is the configuration right, and can the servers do what is needed? Changes nothing."),
    "audit": ("audit", "What would be destroyed, brought home, held or reviewed. The dry run."),
    "arm": ("arm", "Let a target loose, once you have seen what is due there."),
    "sweep": ("sweep", "One pass: look, judge, destroy, look again, report."),
    "purge": ("purge", "On demand: a reviewed plan, what came before a day, or one person's mail."),
    "hold": ("hold", "Keep something past its day: add, list, review and release holds."),
    "approve": ("approve", "Agree, as a second person, to what one may not do alone."),
    "daemon": ("daemon", "The service: sweep by the schedule of the configuration, for years."),
    "status": ("status", "How the promise stands: last and next round, what is due, held or in the way."),
    "report": ("report", "A month that is over, for the Helplines' Manager: is the promise kept?"),
    "policy": ("policy", "The public statement, made from the configuration in force."),
    "pause": ("pause", "Destroy nothing until a day, for a reason; look all the same."),
    "resume": ("resume", "End a pause."),
    "retire": ("retire", "Say that nobody is to wait for a target that left the configuration."),
    "ledger": ("ledger", "The book of what was done: make it, verify it, show it, export it."),
    "config": ("config", "Write an example configuration, show the one in force, or its schema."),
    "install": ("install", "Make it a service of this machine (systemd), step by step; or undo that."),
    "as-service": ("as_service", "Run one command as the service would, with its credentials."),
    "completion": ("completion", "Print the completion script for your shell."),
}


class Commands(click.Group):
    """The commands, each imported only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"retentiond.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        from retentiond.cli.verbs import VERBS

        if not any(verb.split()[0] == cmd_name for verb in VERBS):
            return command
        from retentiond.cli.through import relayed

        return relayed(command, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command: {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        import platform

        python = platform.python_version()
        click.echo(f"retentiond {__version__} (Python {python}, {platform.system()})")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: retentiond --config /etc/retentiond/retentiond.toml audit",
)
@click.option(
    "--config",
    "config",
    metavar="FILE",
    help="The configuration (else $RETENTIOND_CONFIG, else /etc/retentiond/retentiond.toml).",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Log each step.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Which version this is.",
)
@click.pass_context
def cli(ctx: click.Context, config: str | None, quiet: bool, verbose: bool) -> None:
    """Keeps a helpline's promise: mail is gone when it was said to be, and provably.

    Nothing is destroyed until you have seen what is due (audit) and said so (arm).

    \b
    Exit codes: 0 done · 1 findings: something due was not done · 2 usage ·
    3 stopped (fuse, clock, pause, plan, a second person) · 65 ledger ·
    75 a mailbox could not be looked at · 77 permissions too open · 78 configuration
    """
    ctx.obj = {"config": config, "quiet": quiet, "verbose": verbose}


#: Options that stand before the command, and are missed where they are typed after it.
_EVERYWHERE: frozenset[str] = frozenset(name for each in cli.params for name in each.opts) - {"--help"}


class Heard:
    """An output whose reader may go away (`retentiond … | head`): what nobody hears any more is dropped,
    and the findings and the exit code come all the same."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._forget()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._forget()

    def end(self) -> None:
        """Nothing more is written. What had no room, and was told, would be Python's own exit code 120."""
        try:
            self._stream.flush()
        except OSError:
            self._forget()

    def _forget(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code; no user's mistake ends in a traceback."""
    logs.install_last_resort()
    _open_streams()
    out, err = Heard(sys.stdout), Heard(sys.stderr)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    code = run(arguments)
    out.end()
    err.end()
    sys.exit(code)


def _open_streams() -> None:
    """A stream that is closed (`2>&-`) hears and says nothing, and leaves its number to no other file."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 — for good
    if isinstance(sys.stdout, TextIOWrapper):  # what a terminal's alphabet lacks is no reason to stop
        sys.stdout.reconfigure(errors="replace")


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    os.umask(0o077)
    return coded(arguments)


def coded(arguments: list[str] | None) -> int:
    """Runs a command; whatever comes of it ends in an exit code, and sentences."""
    try:
        return int(cli.main(arguments, prog_name="retentiond", standalone_mode=False) or Exit.DONE)
    except RetentionError as error:
        from retentiond.cli.sentences import sentences

        for sentence in sentences(error):
            click.echo(f"retentiond: {sentence}", err=True)
        return error.exit_code
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.option_name in _EVERYWHERE:
            said = f"{error.option_name} stands before the command: retentiond {error.option_name} …"
            error = click.UsageError(said, error.ctx)
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # click makes an Abort of a Ctrl-C at work, too, and names its cause then.
        if isinstance(error, click.Abort) and not isinstance(error.__cause__, KeyboardInterrupt):
            said = "stopped at the question, and nothing of it was begun; run the same command again"
        else:
            said = "stopped; run the same command again to finish"
        click.echo(f"retentiond: {said}", err=True)
        return 130
    except PermissionError as error:
        where = error.filename or "a file"
        click.echo(f"retentiond: {where}: not allowed; run as root, or as the service's user", err=True)
        return Exit.TOO_OPEN
    except OSError as error:
        return _on_disk(error)
    except Exception as error:
        return _own_fault(error)


def _on_disk(error: OSError) -> int:
    """The ledger says itself what its disk keeps it from; this is for whatever else is written."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            what = "no room is left where this answer, or a file beside it, was to be written; make room,"
        case errno.EROFS:
            what = f"{error.filename or 'a file'} lies on a disk that is read-only; mount it for writing,"
        case _:
            return _own_fault(error)
    with suppress(OSError):  # there may be no room for this sentence either
        said = f"{what} and run it again; whatever was done before stands in the ledger"
        click.echo(f"retentiond: {said}", err=True)
    return Exit.UNREACHED


def _own_fault(error: Exception) -> int:
    """A fault of ours: its class and place, never its words, which may be somebody's (P7)."""
    from retentiond.cli.caller import caller
    from retentiond.events import describe

    if caller() is not None:
        logs.get_logger().error("crash.caught", error=error)  # the service's own log must know of it as well
    told: dict[str, Any] = describe(error)
    where = told.get("at", "outside its own code")
    click.echo(f"retentiond: a fault of its own: {told['error']} at {where}", err=True)
    click.echo("retentiond: nothing more was done; please report these two lines", err=True)
    return Exit.FINDINGS
