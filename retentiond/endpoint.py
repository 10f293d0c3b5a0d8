"""Metrics for whoever asks on this machine: a loopback address or a Unix socket, one path, nothing else."""

from __future__ import annotations

import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer, TCPServer, UnixStreamServer
from typing import Final, TypeAlias

from retentiond.logs import get_logger

_log = get_logger()

#: What is answered at a moment.
Answer: TypeAlias = Callable[[datetime], bytes]

PATH: Final = "/metrics"
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def answering(listen: str, answer: Answer) -> Iterator[None]:
    """Answers as long as it is open, in a thread of its own. Where it cannot, that is logged, and the
    service does without."""
    try:
        server = _server(listen, answer)
    except OSError:
        _log.warning("metrics.failed", why="no-address")
        yield
        return
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        threading.Thread(target=server.shutdown, daemon=True).start()
        thread.join(2)  # whoever asks and never ends does not keep the service from ending
        server.server_close()


def _server(listen: str, answer: Answer) -> BaseServer:
    if not listen.startswith("/"):
        name, _, port = listen.rpartition(":")
        name = name.removeprefix("[").removesuffix("]")
        return (_Loopback6 if ":" in name else _Loopback)((name, int(port)), _asked(answer))
    path = Path(listen)
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()  # what a killed service left behind
    server = _OnSocket(listen, _asked(answer))
    path.chmod(0o660)
    return server


class _Quiet(BaseServer):
    """Python's own would print who asked, and an error's words."""

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # else whoever asked is gone
            _log.error("crash.caught", error=error)


class _OnSocket(_Quiet, UnixStreamServer):
    pass


class _Loopback(_Quiet, TCPServer):
    allow_reuse_address = True


class _Loopback6(_Loopback):
    address_family = socket.AF_INET6


def _asked(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Asked(BaseHTTPRequestHandler):
        """One question. What is asked for is neither logged nor repeated."""

        timeout = 5

        def do_GET(self) -> None:
            is_known = self.path.partition("?")[0] == PATH
            content = answer(datetime.now(UTC)) if is_known else b""
            self.send_response_only(200 if is_known else 404)
            self.send_header("Content-Type", _TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            self.send_response_only(code)
            self.end_headers()

    return Asked
