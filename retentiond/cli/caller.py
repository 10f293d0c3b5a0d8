"""Who asked for the command that runs here: whoever started this process, or somebody at the control socket.

A command is written once. Within the service it speaks to whoever asked: what it writes goes to them, what
it asks they answer, and a file that they named is read and written by them, with their rights.
"""

from __future__ import annotations

import getpass
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import click

from retentiond.audit import Progress
from retentiond.talk import LARGE, Gone, Nonsense, Talk

if TYPE_CHECKING:
    from retentiond.asking import Request
    from retentiond.config import Config

#: For how long a person may think about a question, in seconds. Nobody else is served meanwhile.
_THINKING: Final = 900.0
#: For how long a file of theirs is waited for.
_READING: Final = 30.0

_ROOT: Final = 0


class Caller:
    """Somebody who asked through the control socket; `config` is the configuration in force."""

    def __init__(self, request: Request, talk: Talk, config: Config, should_stop: Callable[[], bool]) -> None:
        self.request = request
        self.config = config
        self.should_stop = should_stop
        self._talk = talk
        self._is_gone = False
        self._turn = threading.Lock()

    @property
    def person(self) -> int | None:
        """The user id of one human being, or None: root is nobody in particular, and a service no person."""
        uid = self.request.peer.uid
        if uid == _ROOT:
            uid = self.request.sudo_uid or _ROOT
        return None if uid in (_ROOT, os.getuid()) else uid

    @property
    def progress(self) -> Progress:
        """How far it is, for whoever asked."""
        return Progress(
            looked=lambda target: self.say(looked=target),
            done=lambda target, count: self.say(done=target, count=count),
            should_stop=self.should_stop,
        )

    def say(self, **document: Any) -> None:
        """Told, if somebody still listens: the deed goes on without them."""
        with self._turn:
            if not self._is_gone:
                try:
                    self._talk.say(**document)
                except Gone:
                    self._is_gone = True

    def ask(self, seconds: float, **document: Any) -> str:
        """Their answer. Raises EOFError where they have none, and click.Abort where nobody is there to give
        one, or the service ends: what is asked for is not begun then."""
        self.say(**document)
        if self._is_gone:
            raise click.Abort
        try:
            answer = self._talk.hear(seconds, LARGE).get("answer")
        except (Gone, Nonsense):
            raise click.Abort from None
        if not isinstance(answer, str):
            raise EOFError
        return answer


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller | None:
    """Who asked through the control socket; None for a command of this process's own."""
    return _CALLER.get()


@contextmanager
def called_by(who: Caller) -> Iterator[None]:
    """What this thread does within is done for them."""
    token = _CALLER.set(who)
    try:
        yield
    finally:
        _CALLER.reset(token)


# ── files that they named ────────────────────────────────────────────────────────────────────────


def is_paper(path: str) -> bool:
    """Whether the person who named it has such a file."""
    who = caller()
    if who is None:
        return Path(path).is_file()
    try:
        return who.ask(_READING, seek=path) == "found"
    except EOFError:
        return False


def read_paper(path: str) -> str:
    """The text of a file that the person named. Raises OSError and UnicodeDecodeError."""
    who = caller()
    if who is None:
        return Path(path).read_text(encoding="utf-8")
    try:
        return who.ask(_READING, read=path)
    except EOFError:
        raise OSError from None


def write_paper(path: str, text: str) -> None:
    """Writes a file that the person named (0600). Raises OSError."""
    who = caller()
    if who is not None:
        try:
            answer = who.ask(_READING, write=path, text=text)
        except EOFError:
            raise OSError from None
        if answer != "written":
            raise OSError
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


# ── what they hear, and what they answer ─────────────────────────────────────────────────────────


class _Outlet:
    """An output of this process that is, within a request, the output of whoever asked."""

    def __init__(self, own: TextIO, name: str) -> None:
        self._own = own
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def write(self, text: str) -> int:
        who = caller()
        if who is None:
            return self._own.write(text)
        if not isinstance(text, str):
            raise TypeError
        if text:
            who.say(**{self._name: text})
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if caller() is None:
            self._own.flush()

    def isatty(self) -> bool:
        who = caller()
        return self._own.isatty() if who is None else self._name in who.request.terminals


class _Inlet:
    """The input of this process that is, within a request, what whoever asked types or pipes."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, own: TextIO | None) -> None:
        self._own = own

    def fileno(self) -> int:
        if caller() is not None or self._own is None:
            raise io.UnsupportedOperation
        return self._own.fileno()

    def isatty(self) -> bool:
        who = caller()
        if who is None:
            return self._own is not None and self._own.isatty()
        return "in" in who.request.terminals

    def readable(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def readline(self, size: int = -1, /) -> str:
        """The next line; nothing at the end of what they typed. Raises click.Abort: whoever hung up in the
        middle has ended nothing, and half a list must not be acted on."""
        who = caller()
        if who is None:
            return "" if self._own is None else self._own.readline(size)
        try:
            return who.ask(_THINKING, ask="line")
        except EOFError:
            raise click.Abort from None

    def read(self, size: int = -1, /) -> str:
        who = caller()
        if who is None:
            return "" if self._own is None else self._own.read(size)
        return "".join(self) if size else ""


@contextmanager
def heard_by_callers() -> Iterator[None]:
    """Within a request, standard input and outputs are those of whoever asked; elsewhere our own."""
    before, own_secret = (sys.stdin, sys.stdout, sys.stderr), getpass.getpass

    def secret(prompt: str = "Password: ", stream: TextIO | None = None) -> str:
        """What is typed without an echo. It would otherwise be asked for at our own terminal."""
        who = caller()
        if who is None:
            return own_secret(prompt, stream)
        who.say(err=prompt)
        return who.ask(_THINKING, ask="secret")

    getpass.getpass = secret
    sys.stdin = cast("TextIO", _Inlet(before[0]))
    sys.stdout = cast("TextIO", _Outlet(before[1], "out"))
    sys.stderr = cast("TextIO", _Outlet(before[2], "err"))
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        getpass.getpass = own_secret
