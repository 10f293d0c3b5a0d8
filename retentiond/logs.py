"""The log: structlog behind the list of `events.py`, and every other voice in the process silenced.

What libraries log and warn is not written at all, at any level, because servers' words are in it
(P7). Before `configure` nothing is written either, and what is not listed raises, so that a test finds it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, TextIO, TypeAlias

from retentiond.events import ALWAYS, Value, check, chosen

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "json", "console"]

#: The levels, with what syslog(3) calls them.
_PRIORITY: Final[Mapping[str, int]] = {"debug": 7, "info": 6, "warning": 4, "error": 3}

#: Loggers that are known to write what servers say. The first is the root of all.
_LIBRARIES: Final = (
    *("", "apprise", "apscheduler", "asyncio", "exchangelib", "imapclient", "imapclient.imaplib", "imaplib"),
    *("markdown", "msal", "oauthlib", "prometheus_client", "py.warnings", "requests", "requests_oauthlib"),
    *("spnego", "sqlalchemy", "tzlocal", "urllib3"),
)

#: The configured structlog logger the least level that it writes, and whether it writes
#: witnesses whatever the level; None: nothing is written.
_writer: Any = None
_least: Level = "info"
_keeps_witness = False


class Log:
    """What a room writes with: `log.info("plan.made", target=alias, due=12)`."""

    __slots__ = ()

    def debug(self, event: str, **fields: Value) -> None:
        _write("debug", event, fields)

    def info(self, event: str, **fields: Value) -> None:
        _write("info", event, fields)

    def warning(self, event: str, **fields: Value) -> None:
        _write("warning", event, fields)

    def error(self, event: str, **fields: Value) -> None:
        _write("error", event, fields)


def get_logger() -> Log:
    """A logger. It costs nothing: structlog is imported by `configure`."""
    return Log()


def configure(level: Level = "info", format: Format = "auto", stream: TextIO | None = None) -> None:
    """Writes from now on what is of this level or above, and silences libraries and warnings.

    `auto` is JSON with its priority in front where the stream is the journal, text on a terminal,
    JSON elsewhere. Without a stream it is whatever `sys.stderr` is at the moment of writing.
    """
    global _writer, _least, _keeps_witness
    import structlog  # here, because `retentiond --help` does not need it

    _silence_libraries()
    target = stream or sys.stderr
    render: Callable[..., Any] = structlog.processors.JSONRenderer()
    if format == "console" or (format == "auto" and target.isatty()):
        has_colours = target.isatty() and not os.environ.get("NO_COLOR")
        render = structlog.dev.ConsoleRenderer(colors=has_colours)
    elif is_journal(target):
        render = _with_priority(render)
    structlog.configure(
        processors=[
            _chosen_only,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("notset"),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    _writer, _least, _keeps_witness = structlog.get_logger().bind(), level, is_journal(target)


def unconfigure() -> None:
    """Back to writing nothing, and the root logger has its voice again (tests share one process)."""
    global _writer
    _writer = None
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, logging.NullHandler)]
    root.setLevel(logging.WARNING)
    logging.disable(logging.NOTSET)
    logging.captureWarnings(False)


def is_journal(stream: TextIO) -> bool:
    """Whether the stream is the system journal (systemd.exec(5), JOURNAL_STREAM: device and inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def install_last_resort() -> None:
    """Lets an exception that nobody caught, in any thread or finaliser, be its class and place only.

    Python would print its words, its causes' words and its notes; of a crash of its own the kernel would
    write the whole memory into a core, messages and typed addresses included. Only a program's entry
    calls this: it changes the process.
    """
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.excepthook = lambda _kind, error, _traceback: _last_word(error)
    sys.unraisablehook = lambda caught: _last_word(caught.exc_value)
    threading.excepthook = lambda caught: _last_word(caught.exc_value)


def _last_word(error: BaseException | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        return
    try:
        if _writer is None:
            configure()
        _write("error", "crash.caught", {"error": error})
    except BaseException:  # Python would print this one and the first, words and all
        os.write(2, b"retentiond stopped and could not say why\n")


def _write(level: Level, event: str, fields: Mapping[str, Value]) -> None:
    if _writer is None:
        check(event, fields)
    elif _PRIORITY[level] <= _PRIORITY[_least] or (_keeps_witness and event in ALWAYS):
        getattr(_writer, level)(event, **fields)


def _silence_libraries() -> None:
    """No library's record is written, whatever level it sets and whenever its logger is made."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    logging.disable(sys.maxsize)
    logging.captureWarnings(True)


def _chosen_only(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The structlog processor that is the list: what it does not let through, no renderer sees."""
    return dict(chosen(event.get("event"), event))


def _with_priority(render: Callable[..., Any]) -> Callable[..., Any]:
    """Puts `<N>` before a line, by which the journal knows its priority (sd-daemon(3))."""

    def line(logger: object, method: str, event: Any) -> str:
        return f"<{_PRIORITY.get(method, 3)}>{render(logger, method, event)}"

    return line


class _Lines:
    """Where structlog leaves its rendered lines. Each goes out whole, also from several threads."""

    _turn = threading.RLock()  # re-entrant: a signal may log in the middle of a line

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        stream = self._stream or sys.stderr
        # A deed is not given up halfway because nobody listens any more.
        with self._turn, suppress(OSError, ValueError):
            stream.write(line + "\n")
            stream.flush()

    debug = info = warning = error = critical = msg
