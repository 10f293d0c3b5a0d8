"""A real Dovecot on loopback, in a private folder, gone when the tests are gone.

It runs as a child of the tests under one unprivileged user (the one who runs them, or `nobody` where
that is root), speaks TLS with a certificate of the tests' own authority, and dies with its parent.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority
from tests.servers.client import Person
from tests.servers.owner import mail_owner
from tests.servers.settings import Ground, Options, configuration
from tests.servers.users import PASSWORD, User

DOVECOT = "/usr/sbin/dovecot"
DOVEADM = "/usr/bin/doveadm"
#: Asks the kernel to end Dovecot when the tests die (util-linux: on every Debian). KILL, because upon
#: TERM its master waits up to six seconds; without a master the others leave by themselves.
_WITH_PARENT = ("/usr/bin/setpriv", "--pdeathsig", "KILL")
INSTALL = "apt-get install --no-install-recommends dovecot-imapd"

MASTER = "master"
#: Who reaches other users' folders through `shared/<user>/`, once they were shared.
SERVICE = "service@relay.example"

FOLDERS = ("INBOX", "Sent", "Deleted Items", "Drafts", "Junk")

#: IMAP's letters (RFC 4314) in the words that doveadm wants.
_RIGHTS = {
    "l": "lookup",
    "r": "read",
    "w": "write",
    "s": "write-seen",
    "t": "write-deleted",
    "i": "insert",
    "p": "post",
    "e": "expunge",
    "k": "create",
    "x": "delete",
    "a": "admin",
}
ALL_RIGHTS = "".join(_RIGHTS)

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


class NotStarted(Exception):
    """Dovecot did not come up; the text is the end of its own log."""


def is_installed() -> bool:
    """Whether this machine has a Dovecot to test against."""
    return Path(DOVECOT).exists() and Path(DOVEADM).exists()


class Dovecot:
    """One instance. Use as a context manager, or `start()` and `stop()`.

    `host`, `port` (TLS from the first byte), `starttls_port` and `ca_file` are what a client needs.
    `directory` is private, short and removed at the end.
    """

    host = "127.0.0.1"

    def __init__(self, authority: Authority, options: Options | None = None) -> None:
        self.authority = authority
        self.options = options or Options()
        self.ca_file = authority.ca_file
        self.port = 0
        self.starttls_port = 0
        self.service = User(SERVICE)
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = mail_owner()
        # Unix sockets allow 107 bytes of path, and pytest's own folders are too deep for that.
        self.directory = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
        self._config = self.directory / "dovecot.conf"
        self._furnish()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the server and returns when it accepts connections. Again after `kill()`: same ports."""
        for _attempt in range(3):
            self._clear_run()
            self._write_configuration()
            self._process = self._spawn()
            if self._is_up():
                return
            self.kill()
            self.port = self.starttls_port = 0  # somebody else took the port between our look and the start
        raise NotStarted(self.log()[-2000:])

    def stop(self) -> None:
        """Stops the server and removes its folder with all mail in it."""
        self.kill()
        remove(self.directory)

    def kill(self) -> None:
        """Ends every process of the server at once, as a power cut would; the folder stays."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            # The others of the group die a moment after the master, and hold its ports until then.
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline and any(
                map(self._is_listening, (self.port, self.starttls_port))
            ):
                time.sleep(0.005)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """For a while the server neither answers nor closes a connection."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def log(self) -> str:
        """What the server wrote so far."""
        path = self.directory / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # ── users and rights ─────────────────────────────────────────────────────────────────────────

    def new_user(self, stem: str = "someone") -> User:
        """A user nobody used before, with empty folders: tests on one instance do not meet.

        Any other name is a user as well: `User("helpline@relay.example")`.
        """
        return User(f"{stem}{next(self._numbers)}@relay.example")

    def home(self, user: Person) -> Path:
        """Where a user's mail lies."""
        return self.directory / "home" / user.name

    def as_master(self, user: User) -> User:
        """The same mailbox, opened by the master user."""
        return User(f"{user.name}*{MASTER}")

    def restrict(self, user: User, folder: str, rights: str, who: str = "owner") -> None:
        """Leaves `who` exactly these rights (letters of RFC 4314) on a folder.

        `who` is "owner" (its user, and the master user for it) or "user=NAME". Needs `Options.acl`; the
        folder must exist. Holds for sessions that sign in afterwards: one that has the folder open
        keeps what it had.
        """
        words = [_RIGHTS[letter] for letter in rights]
        self.doveadm("acl", "set", "-u", user.name, folder, who, *words)

    def share(self, owner: User, folders: Sequence[str] = FOLDERS, rights: str = ALL_RIGHTS) -> None:
        """Lets `self.service` reach these folders as `shared/<owner>/<folder>`, and see them in LIST.

        LIST calls the shared INBOX `shared/<owner>`; `shared/<owner>/INBOX` opens it too.
        """
        for folder in folders:
            if folder != "INBOX":
                with contextlib.suppress(subprocess.CalledProcessError):  # it exists already
                    self.doveadm("mailbox", "create", "-u", owner.name, folder)
            self.restrict(owner, folder, rights, f"user={self.service.name}")

    def doveadm(self, *arguments: str) -> str:
        """Runs doveadm against this instance; CalledProcessError where it fails."""
        return subprocess.run(
            [DOVEADM, "-c", str(self._config), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=self._environment(),
            user=self._owner.other_uid,
            group=self._owner.other_gid,
            extra_groups=self._owner.other_groups,
        ).stdout

    def give(self, path: Path) -> None:
        """Hands a file or folder made by the tests to the user who runs the server."""
        if self._owner.is_other:
            os.chown(path, self._owner.uid, self._owner.gid)

    @property
    def owner_ids(self) -> tuple[int, int]:
        """Uid and gid of the user who runs the server and owns all mail."""
        return self._owner.uid, self._owner.gid

    # ── within ───────────────────────────────────────────────────────────────────────────────────

    def _furnish(self) -> None:
        self.give(self.directory)
        (self.directory / "home").mkdir()
        self.give(self.directory / "home")
        for name, source in (
            ("server.pem", self.authority.certificate_file),
            ("server.key", self.authority.key_file),
        ):
            self._append(name, source.read_text("ascii"))
        self._append("masters", f"{MASTER}:{PASSWORD}::::::\n")
        self._append("log", "")

    def _clear_run(self) -> None:
        # A killed server leaves a lock there for which the next one would wait twelve seconds.
        run = self.directory / "run"
        remove(run)
        run.mkdir()
        self.give(run)

    def _append(self, name: str, text: str) -> None:
        path = self.directory / name
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        path.chmod(0o600)
        self.give(path)

    def _write_configuration(self) -> None:
        if not self.port:
            self.port, self.starttls_port = _free_ports()
        ground = Ground(self.directory, self._owner.name, self._owner.group, self.port, self.starttls_port)
        self._config.write_text(configuration(self.options, ground), "utf-8")
        self.give(self._config)

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": self.options.zone}

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_WITH_PARENT, DOVECOT, "-F", "-c", str(self._config)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=self._owner.other_uid,
            group=self._owner.other_gid,
            extra_groups=self._owner.other_groups,
        )

    def _is_up(self) -> bool:
        assert self._process
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_listening(self.port):
                return self._process.poll() is None
            time.sleep(0.01)
        return False

    def _is_listening(self, port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.host, port), timeout=1):
            return True
        return False


def remove(directory: Path) -> None:
    """Removes a folder in which a dying process may still be writing its last words."""
    for _attempt in range(100):
        if not directory.exists():
            return
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            time.sleep(0.05)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
