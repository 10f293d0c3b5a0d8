"""`retentiond install --systemd`: first what would be done; then, when somebody said so, each step."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from retentiond.errors import AdminNeeded, Exit

if TYPE_CHECKING:
    from retentiond.config import Config
    from retentiond.install.machine import Machine
    from retentiond.install.step import Step
    from retentiond.install.steps import Wishes

#: What each step sees to, beside the place where.
_WHATS: Final = {
    "sysusers": "who the service runs as, and the group that may ask it for something",
    "tmpfiles": "the folders of the configuration and of the ledger, and whose they are",
    "user": "make this user and the group retentiond-admin (systemd-sysusers)",
    "example": "an example of a configuration, for there is none",
    "folders": "make the folders, with their owners and modes (systemd-tmpfiles)",
    "unit": "the unit",
    "credentials": "loads the credentials that the configuration names",
    "ledger": "opens the ledger's folder to the service, which is not its usual one",
    "ledger folder": "makes the ledger's folder, the service's alone",
    "letters": "opens the folders of letters to the service, and nothing else",
    "credential": "encrypt this credential with the machine's own key; its value is asked for",
    "key": "the ledger's key, encrypted with the machine's own; it is asked for, or made",
    "reload": "let systemd read its units anew",
    "start": "start it, now and at each boot",
    "stop": "stop it, now and at each boot",
    "remove": "remove it",
}
_STATES: Final = {
    "to do": "",
    "there already": " (done)",
    "by the package": " (the Debian package has put it there)",
    "changed by hand": " (differs from ours and is LEFT AS IT IS: it was changed by hand)",
    "on the machine itself": " (later, on the machine itself: only there is its key)",
}
#: Folders that the unit closes, or that are emptied: no place for the program or the ledger.
_NO_HOME: Final = ("/home/", "/root/", "/run/", "/tmp/", "/var/tmp/")  # noqa: S108 — refused, not used


@click.command(epilog="Example: sudo retentiond install --systemd")
@click.option("--systemd", is_flag=True, help="As a service of systemd (there is no other way yet).")
@click.option("--timer", is_flag=True, help="One round a night by a timer, in the service's stead.")
@click.option("--start", is_flag=True, help="Start it at the end, now and at each boot.")
@click.option("--undo", is_flag=True, help="Take away what was put there; never the ledger or its key.")
@click.option("--yes", is_flag=True, help="Do it without asking. Without this it shows, and asks.")
@click.option("--root", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Into an image.")
@click.option("--program", metavar="PATH", help="What the units start (else: this very program).")
@click.pass_context
def command(
    ctx: click.Context,
    systemd: bool,
    timer: bool,
    start: bool,
    undo: bool,
    yes: bool,
    root: str | None,
    program: str | None,
) -> int:
    """Make retentiond a service of this machine, or undo that.

    Shows first what would be done. It puts units in place, makes a user and folders, gives an example of a
    configuration where there is none, and encrypts the credentials that yours names: each is asked for, or
    read from the input as lines NAME=VALUE. Type it again after each change of the configuration. Files
    that you changed are left alone.
    """
    from retentiond.install.machine import Machine
    from retentiond.install.steps import Wishes, steps
    from retentiond.install.undo import undoing

    if not systemd:
        raise click.UsageError("say which way: retentiond install --systemd")
    machine = Machine(Path(root or "/").resolve())
    if machine.is_here and os.geteuid() != 0:
        raise AdminNeeded("install")
    if undo:
        return _undo(machine, undoing(machine), yes)
    config = _configuration(ctx, machine)
    if start:
        _may_start(machine, config)
    wishes = Wishes(program or _own_program(), timer, start)
    found = steps(machine, config, wishes, _Asking().ask)
    if not _is_agreed(found, yes, "install"):
        return Exit.DONE
    open_steps = _taken(found)
    return _ended(open_steps, _next(machine, config, wishes))


def _configuration(ctx: click.Context, machine: Machine) -> Config | None:
    """The service's configuration; None where there is none yet, or still the example."""
    from retentiond.config import load
    from retentiond.install.contents import CONFIGURATION
    from retentiond.install.dropins import is_usual
    from retentiond.install.steps import is_example

    if ctx.find_root().obj["config"] not in (None, CONFIGURATION):
        raise click.UsageError(f"the service reads {CONFIGURATION} and no other; put yours there")
    path = machine.at(CONFIGURATION)
    if not path.exists() or is_example(machine):
        return None
    config = load(path)
    if not is_usual(config):
        _check_ledger(machine, str(config.ledger.directory))
    return config


def _check_ledger(machine: Machine, directory: str) -> None:
    """A ledger lies where the service sees it, and in a folder that can be the service's alone."""
    from retentiond.install.contents import CONFIGURATION, STATE

    way_on = f"name another as [ledger] directory in {CONFIGURATION}"
    if f"{directory}/".startswith(_NO_HOME):
        raise click.UsageError(
            f"the ledger cannot lie in {directory}: homes are hidden from the service, and the other places"
            f" are emptied; {way_on}"
        )
    folder, usual = machine.at(directory), machine.at(STATE)
    is_the_services = folder.exists() and usual.exists() and folder.stat().st_uid == usual.stat().st_uid != 0
    if folder.is_dir() and not is_the_services and {each.name for each in folder.iterdir()} - {"lost+found"}:
        raise click.UsageError(
            f"{directory} holds other things, and the ledger needs its own folder; {way_on}"
        )


def _may_start(machine: Machine, config: Config | None) -> None:
    """A service that can only fail is not started."""
    from retentiond.install.contents import CONFIGURATION
    from retentiond.ledger import is_founded

    if config is None:
        raise click.UsageError(f"nothing to start yet: write {CONFIGURATION} first")
    if machine.is_here and not is_founded(config.ledger.directory):
        raise click.UsageError(
            "nothing to start yet: there is no ledger. Install without --start, then type what it says last"
        )


def _own_program() -> str:
    """The program that is being run, as a unit can start it."""
    path = Path(sys.prefix) / "bin" / "retentiond"
    if not path.exists() or str(path).startswith(_NO_HOME):
        raise click.UsageError(
            f"the service cannot be started from {path}: install retentiond under /opt/retentiond"
            " (docs/admin/first-steps.md), or name a program with --program"
        )
    return str(path)


def _is_agreed(found: Sequence[Step], is_agreed: bool, verb: str) -> bool:
    """Shows the steps; whether they shall be taken."""
    for number, step in enumerate(found, 1):
        click.echo(f"{number:>3}. {step.place}: {_WHATS[step.what]}{_STATES[step.state]}")
    if is_agreed or not found:
        return True
    if sys.stdin.isatty() and click.confirm(f"\nShall these steps be taken ({verb})?", default=False):
        return True
    click.echo("\nNothing was done. To do it: the same command with --yes")
    return False


def _taken(found: Sequence[Step]) -> list[Step]:
    """Takes what is to do, in order; returns what could not be taken, or was left. Nothing is started while
    something that it needs was not given."""
    click.echo("")
    open_steps: list[Step] = []
    for number, step in enumerate(found, 1):
        if step.state == "to do":
            is_lacking = any(each.state == "to do" for each in open_steps)
            is_taken = False if step.what == "start" and is_lacking else step.do()
            click.echo(f"{number:>3}. {'done' if is_taken else 'NOT DONE'}: {step.place}")
            if is_taken:
                continue
        if step.state in ("to do", "changed by hand", "on the machine itself"):
            open_steps.append(step)
    return open_steps


class _Asking:
    """Where values of credentials come from: a prompt that shows nothing, or lines NAME=VALUE."""

    def __init__(self) -> None:
        self._given: dict[str, str] | None = None

    def ask(self, name: str, is_key: bool) -> bytes | None:
        """The value of a credential; None where nobody gives one. An empty one of a key: make it."""
        if sys.stdin.isatty():
            words = f"{name} (the ledger's key; Enter makes a new one)" if is_key else name
            value: str = click.prompt(words, hide_input=True, default="", show_default=False, err=True)
            return value.encode() if value or is_key else None
        if self._given is None:
            lines = (line.rstrip("\r\n") for line in sys.stdin)
            self._given = {line.partition("=")[0]: line.partition("=")[2] for line in lines if "=" in line}
        if name not in self._given:
            return None
        return self._given[name].encode()


def _ended(open_steps: Sequence[Step], following: Sequence[str]) -> int:
    """What is left to do, and what to type next; 1 where a step was not taken."""
    for step in open_steps:
        way_on = _NOT_STARTED if step.what == "start" else _WAYS_ON[step.state]
        click.echo(f"! {step.place}: {way_on}", err=True)
    click.echo("\nNext:")
    for line in following:
        click.echo(f"  {line}")
    return Exit.FINDINGS if open_steps else Exit.DONE


_NOT_STARTED: Final = "it was not started, for something that it needs is missing: see above"
_WAYS_ON: Final = {
    "to do": "it was not given; type the same command at a terminal, or give a line NAME=VALUE on its input"
    " (a new key is made only where there is no ledger yet)",
    "changed by hand": "it was changed by hand, and left so; remove it and type the same command to get ours",
    "on the machine itself": "type there: retentiond install --systemd",
}


def _next(machine: Machine, config: Config | None, wishes: Wishes) -> list[str]:
    from retentiond.install.contents import CONFIGURATION
    from retentiond.ledger import is_founded

    again = "sudo retentiond install --systemd"
    if config is None:
        return [f"edit {CONFIGURATION}", f"{again}    # again: credentials and letters are in it"]
    if not machine.is_here:
        return [f"{again}    # on the machine itself"]
    run = "sudo retentiond as-service"
    timer = " --timer" if wishes.has_timer else ""
    if not is_founded(config.ledger.directory):
        first = [f"{run} {words}" for words in ("check", "audit", "ledger init", "arm NAME --destroy NUMBER")]
        return [*first, f"{again}{timer} --start"]
    if not wishes.is_started:
        anew = f"sudo systemctl restart {wishes.unit}    # where it runs already: it reads its files then"
        return [f"{again}{timer} --start", *(() if timer else (anew,))]
    return [f"systemctl status {wishes.unit}", "sudo retentiond status"]


def _undo(machine: Machine, found: Sequence[Step], yes: bool) -> int:
    from retentiond.install.undo import left

    if not _is_agreed(found, yes, "undo"):
        return Exit.DONE
    _taken(found)
    stays = list(left(machine))
    if stays:
        click.echo("\nLeft, because it is evidence, a key, or yours:")
        for each in stays:
            click.echo(f"  {each}")
    return Exit.DONE
