"""The control socket: people of one group ask the service, which does it with its secrets, in its turn.

Who asks is the kernel's word, not theirs (SO_PEERCRED); who is not allowed is told so, and logged. Requests
that destroy, or look at everything, are served one at a time beside the rounds. What was begun is finished
and entered, also when who asked is gone.
"""

from __future__ import annotations

import grp
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from retentiond.asking import Request, Verb, understood
from retentiond.logs import get_logger
from retentiond.talk import VERSION, Gone, Nonsense, Peer, Talk, peer_of

_log = get_logger()

#: Seconds within which a request must have come in whole.
_SOON: Final = 10.0
#: So many may be connected at a time; the next is told to come again.
_MOST: Final = 8
_MODE: Final = 0o660


#: Serves one request and returns its exit code. The last argument says whether it should come to an end.
Serve: TypeAlias = Callable[[Request, Talk, Callable[[], bool]], int]


class Control:
    """The socket of one service. `config` is told to whoever may ask: the file that is in force here."""

    def __init__(
        self,
        place: Path,
        group: str,
        config: str,
        verbs: Mapping[str, Verb],
        serve: Serve,
        *,
        looks_only: bool,
    ) -> None:
        self._place = place
        self._group = group
        self._config = config
        self._verbs = verbs
        self._serve = serve
        self._looks_only = looks_only
        self._gid: int | None = None
        self._socket: socket.socket | None = None
        self._should_stop: Callable[[], bool] = lambda: False
        self._places = threading.BoundedSemaphore(_MOST)
        self._turn = threading.Lock()
        self._in_hand: Request | None = None
        self._serving = 0
        self._lines: set[socket.socket] = set()
        self._changed = threading.Condition()

    @property
    def is_at_work(self) -> bool:
        """Whether a request is being served."""
        return self._serving > 0

    def is_idle_within(self, seconds: float) -> bool:
        """Waits at most so long; whether no request is being served any more."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.is_at_work, seconds)

    def open(self, should_stop: Callable[[], bool]) -> None:
        """Listens from now on. Only who has the service's own lock may call it: it replaces a stale socket.

        A socket that cannot be made is no reason not to sweep: it is logged, and there is none.
        """
        self._should_stop = should_stop
        try:
            self._socket = self._listening()
        except OSError as error:
            _log.error("control.failed", error=error)
            return
        _log.info("control.opened")
        threading.Thread(target=self._accept, args=(self._socket,), name="control", daemon=True).start()

    def close(self) -> None:
        """Hears nobody new, and no answer any more: who is at a question has begun nothing. What was begun
        goes on, and is told."""
        if self._socket is not None:
            listening, self._socket = self._socket, None
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            with suppress(OSError):
                self._place.unlink()
            with self._changed:
                for line in self._lines:
                    with suppress(OSError):
                        line.shutdown(socket.SHUT_RD)

    # ── listening ────────────────────────────────────────────────────────────────────────────────

    def _listening(self) -> socket.socket:
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(self._place.lstat().st_mode):
                raise FileExistsError
            self._place.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listening.bind(str(self._place))
            self._place.chmod(0o600)  # nobody connects before the group is right
            self._gid = self._given_to_group()
            self._place.chmod(_MODE)
            listening.listen(_MOST)
        except OSError:
            listening.close()
            raise
        return listening

    def _given_to_group(self) -> int | None:
        """Whose members may connect; None, and a line in the log, where there is no such group or it is
        not ours to give."""
        try:
            gid = grp.getgrnam(self._group).gr_gid
            if self._place.stat().st_gid != gid:  # under systemd it is so by birth, and nothing can be given
                os.chown(self._place, -1, gid)
        except (KeyError, OSError) as error:
            _log.warning("control.unshared", error=error)
            return None
        return gid

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._socket is not listening:
                    return
                time.sleep(0.1)  # too many open files, say: the socket itself is well
                continue
            try:
                threading.Thread(target=self._meet, args=(connection,), name="request", daemon=True).start()
            except RuntimeError:  # no thread is to be had at this moment
                connection.close()

    # ── one connection ───────────────────────────────────────────────────────────────────────────

    def _meet(self, connection: socket.socket) -> None:
        with connection, suppress(Gone, OSError):
            talk, peer = Talk(connection), peer_of(connection)
            if not self._is_allowed(peer):
                self._refuse(talk, "stranger", peer)
            elif not self._places.acquire(blocking=False):
                self._refuse(talk, "crowd", peer)
            else:
                with self._changed:
                    self._lines.add(connection)
                try:
                    self._hear(talk, peer)
                finally:
                    with self._changed:
                        self._lines.discard(connection)
                    self._places.release()

    def _is_allowed(self, peer: Peer) -> bool:
        return peer.uid in (0, os.getuid()) or (self._gid is not None and self._gid in peer.groups)

    def _refuse(self, talk: Talk, why: str, peer: Peer) -> None:
        _log.warning("control.refused", why=why, uid=peer.uid, pid=peer.pid)
        talk.say(version=VERSION, refused=why)

    def _hear(self, talk: Talk, peer: Peer) -> None:
        talk.say(version=VERSION, config=self._config)
        try:
            request = understood(talk.hear(_SOON), peer)
        except Nonsense:
            self._refuse(talk, "nonsense", peer)
            return
        verb = self._verbs.get(request.verb)
        if verb is None:
            self._refuse(talk, "verb", peer)
        elif verb.is_deed and self._looks_only:
            self._refuse(talk, "looks-only", peer)
        elif not verb.in_turn or self._has_turn(talk):
            self._do(request, talk, in_turn=verb.in_turn)

    def _has_turn(self, talk: Talk) -> bool:
        """Waits until nobody else's request is at work. What was not begun for somebody who is gone need not
        be."""
        if self._turn.acquire(blocking=False):
            return True
        before = self._in_hand
        if before is not None:
            talk.say(waits={"what": before.verb, "uid": before.peer.uid, "pid": before.peer.pid})
        while not self._turn.acquire(timeout=0.2):
            if talk.is_gone():
                return False
        return True

    def _do(self, request: Request, talk: Talk, *, in_turn: bool) -> None:
        """Serves a request; whose turn it was has it no more when they hear the end. It is at work until that
        is out: a service that ends waits for it."""
        self._count(1)
        try:
            code = self._in_turn(request, talk) if in_turn else self._served(request, talk)
            if code is not None:
                talk.say(end=code)
        finally:
            self._count(-1)

    def _in_turn(self, request: Request, talk: Talk) -> int | None:
        try:
            self._in_hand = request
            return self._served(request, talk)
        finally:
            self._in_hand = None
            self._turn.release()

    def _served(self, request: Request, talk: Talk) -> int | None:
        """Its exit code; None where it was refused, for the service ends."""
        if self._should_stop():
            self._refuse(talk, "stopping", request.peer)
            return None
        begun = time.monotonic()
        name = request.verb.replace(" ", "-")
        _log.info("request.started", verb=name, uid=request.peer.uid, pid=request.peer.pid)
        code = self._serve(request, talk, self._should_stop)
        seconds = round(time.monotonic() - begun, 1)
        _log.info("request.ended", verb=name, uid=request.peer.uid, exit=code, seconds=seconds)
        return code

    def _count(self, change: int) -> None:
        with self._changed:
            self._serving += change
            self._changed.notify_all()
