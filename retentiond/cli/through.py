"""A command that the service carries out, where it runs: this process only relays what is said and asked.

Of this person's files it opens those alone that they named themselves.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import click

from retentiond.audit import NOBODY_HEARS, Progress
from retentiond.cli.caller import caller, is_paper, read_paper, write_paper
from retentiond.cli.screen import bars
from retentiond.cli.session import loaded
from retentiond.cli.verbs import VERBS
from retentiond.config import PLACE, Config, find
from retentiond.errors import ConfigurationRefused, ControlRefused, PermissionsTooOpen
from retentiond.report.words import HOLDERS
from retentiond.talk import LARGE, VERSION, Gone, Nonsense, Talk

#: For where the socket is, to those who may not read the configuration.
VARIABLE: Final = "RETENTIOND_SOCKET"
#: For how long a service is given to say who it is, in seconds.
_HELLO: Final = 5.0
#: Where a context keeps what was typed after the command's name.
_WORDS: Final = "retentiond.words"


def relayed(command: click.Command, verb: str) -> click.Command:
    """A command, or each command of a group, as one that goes through the service where that serves it."""
    if isinstance(command, click.Group):
        return _Group(command, verb)
    return _Relayed(command, verb) if verb in VERBS else command


class _Group(click.Group):
    """A group whose commands go through the service, each by itself."""

    def __init__(self, group: click.Group, verb: str) -> None:
        self.__dict__.update(vars(group))
        self.commands = {name: relayed(each, f"{verb} {name}") for name, each in group.commands.items()}


class _Relayed(click.Command):
    """A command that is asked of the service where one answers, and carried out here where none does."""

    def __init__(self, command: click.Command, verb: str) -> None:
        self.__dict__.update(vars(command))
        self._verb = verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        talk = None if caller() is not None else _service(ctx)
        if talk is None:
            return super().invoke(ctx)
        quiet = bool(ctx.find_root().obj["quiet"])
        return asked(talk, self._verb, ctx.meta[_WORDS], quiet=quiet)


# ── is there a service? ──────────────────────────────────────────────────────────────────────────


def _service(ctx: click.Context) -> Talk | None:
    """A connection to the service of this configuration, or None. Raises ControlRefused.

    A configuration that this user may not read is the service's own affair; one that is refused is for the
    command itself to complain of.
    """
    try:
        config: Config | None = loaded(ctx)
    except (ConfigurationRefused, PermissionsTooOpen):
        if not _is_closed(find(ctx.find_root().obj["config"])):
            return None
        config = None
    place = config.control.asked_at if config else Path(os.environ.get(VARIABLE, PLACE))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(_HELLO)
        connection.connect(str(place))
    except PermissionError:
        connection.close()
        if config is None:
            raise ControlRefused("stranger") from None
        return None
    except OSError:
        connection.close()
        return None
    talk = Talk(connection)
    if _is_ours(talk, None if config is None else str(config.path.resolve())):
        return talk
    talk.close()
    return None


def _is_ours(talk: Talk, path: str | None) -> bool:
    """Whether it is the service of this configuration. Raises ControlRefused where it will not serve us."""
    try:
        hello = talk.hear(_HELLO)
    except (Gone, Nonsense):
        return False
    if "refused" in hello:
        raise ControlRefused(str(hello["refused"]))
    return hello.get("version") == VERSION and path in (None, hello.get("config"))


def _is_closed(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return True
    except OSError:
        pass
    return False


# ── what is asked, and what comes back ───────────────────────────────────────────────────────────


def asked(talk: Talk, verb: str, words: Sequence[str], *, quiet: bool) -> int:
    behind = os.environ.get("SUDO_UID", "")
    streams = {"in": sys.stdin, "out": sys.stdout, "err": sys.stderr}
    try:
        talk.say(
            version=VERSION,
            verb=verb,
            words=list(words),
            sudo_uid=int(behind) if behind.isdecimal() else None,
            terminals=[key for key, stream in streams.items() if stream is not None and stream.isatty()],
            columns=_columns(),
            quiet=quiet,
        )
        with ExitStack() as stack:
            seen: Progress | None = None
            while "end" not in (told := talk.hear(largest=LARGE)):
                is_progress = bool({"looked", "done"} & told.keys())
                if is_progress and seen is None:
                    seen = stack.enter_context(bars(quiet))
                elif not is_progress:  # nothing is said, or asked, into a bar
                    stack.close()
                    seen = None
                _take(talk, told, words, seen or NOBODY_HEARS)
        return int(told["end"])
    except (Gone, Nonsense):
        raise ControlRefused("away") from None
    except KeyboardInterrupt:
        click.echo("retentiond: the service finishes what it has begun; see: retentiond status", err=True)
        raise


def _take(talk: Talk, told: dict[str, Any], words: Sequence[str], seen: Progress) -> None:
    """One thing that the service says or asks."""
    match told:
        case {"out": str(text)}:
            sys.stdout.write(text)
            sys.stdout.flush()
        case {"err": str(text)}:
            sys.stderr.write(text)
            sys.stderr.flush()
        case {"looked": str(target)}:
            seen.looked(target)
        case {"done": str(target), "count": int(count)}:
            seen.done(target, count)
        case {"waits": {"what": str(what), "uid": int(uid)}}:
            whose = f"{HOLDERS.get(what, 'another request')} of user id {uid}"
            click.echo(f"the service is busy with {whose}; this begins when that has ended", err=True)
        case {"ask": "line"}:
            _answer(talk, _line())
        case {"ask": "secret"}:
            _answer(talk, _secret())
        case {"seek": str(path)} if _was_named(path, words):
            _answer(talk, "found" if is_paper(path) else "missing")
        case {"read": str(path)} if _was_named(path, words):
            _answer(talk, _read(path))
        case {"write": str(path), "text": str(text)} if _was_named(path, words):
            _answer(talk, _written(path, text))
        case {"refused": str(why)}:
            raise ControlRefused(why)
        case _:
            raise Nonsense


def _answer(talk: Talk, answer: str | None) -> None:
    """One answer. A service that ends hears none any more, but what it said last is still to be heard."""
    with suppress(Gone):
        talk.say(answer=answer)


def _line() -> str:
    """Raises click.Abort where somebody presses Ctrl-C at the question: nothing was begun then."""
    try:
        return sys.stdin.readline() if sys.stdin is not None else ""
    except KeyboardInterrupt:
        raise click.Abort from None


def _secret() -> str:
    """What somebody types without an echo; the question was shown already."""
    try:
        return getpass.getpass("")
    except EOFError:
        return ""
    except KeyboardInterrupt:
        raise click.Abort from None


def _was_named(path: str, words: Sequence[str]) -> bool:
    return any(path in (word, word.partition("=")[2]) for word in words)


def _read(path: str) -> str | None:
    """None (no answer) for what cannot be read as text."""
    try:
        return read_paper(path)
    except (OSError, UnicodeDecodeError):
        return None


def _written(path: str, text: str) -> str | None:
    try:
        write_paper(path, text)
    except OSError:
        return None
    return "written"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout is not None else 0
    except (OSError, ValueError):
        return 0
