"""Runs as the service, under its own hardening, tries what must be denied, and writes what came of it.

Started by a drop-in that replaces ExecStart= and nothing else. The first argument is where the results go.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = Path(os.environ.get("STATE_DIRECTORY", "/"))
RUNTIME = Path(os.environ.get("RUNTIME_DIRECTORY", "/"))
LIBC = ctypes.CDLL(None, use_errno=True)
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
LIBRARIES = [
    "imapclient",
    "exchangelib",
    "sqlalchemy",
    "lxml.etree",
    "cryptography",
    "requests",
    "apscheduler",
]


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def script(folder: Path) -> int:
    """Writes a script and runs it: that must not work where files can be written."""
    path = folder / "probe.sh"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o700)
    try:
        return subprocess.call([str(path)])
    finally:
        path.unlink()


def syscall(name: str, *arguments: int) -> int:
    """A call of the C library; its error as an OSError."""
    result = int(getattr(LIBC, name)(*arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def write_and_execute_memory() -> int:
    """A page that may be written and executed (mmap(2): PROT 7, MAP_PRIVATE | MAP_ANONYMOUS)."""
    LIBC.mmap.restype = ctypes.c_void_p
    found = LIBC.mmap(None, ctypes.c_size_t(4096), 7, 0x22, -1, ctypes.c_long(0))
    if found in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return 0


def listening() -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))


def set_group_id() -> None:
    path = STATE / "set-group-id"
    path.touch()
    try:
        path.chmod(0o2755)
    finally:
        path.unlink()


#: What must be denied.
DENIED: dict[str, Callable[[], object]] = {
    "write /etc": lambda: Path("/etc/probe").touch(),
    "write /etc/retentiond": lambda: Path("/etc/retentiond/probe").touch(),
    "change the configuration": lambda: Path("/etc/retentiond/retentiond.toml").open("a").close(),
    "write /opt": lambda: Path("/opt/retentiond/probe").touch(),
    "write /usr": lambda: Path("/usr/probe").touch(),
    "write /run": lambda: Path("/run/probe").touch(),
    "write /srv": lambda: Path("/srv/probe").touch(),
    "read /root": lambda: names("/root"),
    "read /home": lambda: names("/home"),
    "read /etc/shadow": lambda: Path("/etc/shadow").read_text(),
    "read another's credential": lambda: names("/etc/credstore.encrypted"),
    "run from the state directory": lambda: script(STATE),
    "run from /tmp": lambda: script(Path("/tmp")),
    "run from /dev/shm": lambda: script(Path("/dev/shm")),
    "run from the runtime directory": lambda: script(RUNTIME),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "ptrace": lambda: syscall("ptrace", 0, 0, 0, 0),
    "chown to root": lambda: os.chown(STATE, 0, 0),
    "give a file to another group": lambda: os.chown(STATE, -1, os.getgid()),
    "become root": lambda: os.setuid(0),
    "a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "listen on a port": listening,
    "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a user namespace": lambda: syscall("unshare", 0x10000000),
    "mount": lambda: syscall("mount", 0, 0, 0, 0, 0),
    "a real-time schedule": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "memory that is written and run": write_and_execute_memory,
    "a set-group-id file": set_group_id,
    "raise the core limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1024, 1024)),
    "the kernel's log": lambda: Path("/dev/kmsg").open().close(),
    "a disk": lambda: os.open("/dev/sda", os.O_RDONLY),
    "the kernel's settings": lambda: Path("/proc/sys/kernel/hostname").write_text("probe"),
}

#: What must work.
ALLOWED: dict[str, Callable[[], Any]] = {
    "import every library": lambda: [__import__(name).__name__ for name in LIBRARIES],
    "sign and encrypt": lambda: sign(),
    "a callback by ctypes": lambda: CALLBACK(lambda number: number + 1)(1),
    "a database that is synced": lambda: database(),
    "threads": lambda: [thread.join() for thread in started()],
    "resolve a name": lambda: socket.getaddrinfo("localhost", 993)[0][4][1],
    "credentials": lambda: names(os.environ["CREDENTIALS_DIRECTORY"]),
    "modes of credentials": lambda: sorted(
        {oct(path.stat().st_mode & 0o7777) for path in Path(os.environ["CREDENTIALS_DIRECTORY"]).iterdir()}
    ),
    "mode of the state directory": lambda: oct(STATE.stat().st_mode & 0o7777),
    "mode of the runtime directory": lambda: oct(RUNTIME.stat().st_mode & 0o7777),
    "core limit": lambda: list(resource.getrlimit(resource.RLIMIT_CORE)),
    "core filter": lambda: Path("/proc/self/coredump_filter").read_text().strip(),
    "umask": lambda: oct(os.umask(0o077)),
    "status": lambda: status(),
    "processes of others that are seen": lambda: [
        path.name for path in Path("/proc").glob("[0-9]*") if path.stat().st_uid != os.getuid()
    ],
    "owner of a foreign file": lambda: Path("/etc/passwd").stat().st_uid,
    "watchdog": lambda: os.environ.get("WATCHDOG_USEC"),
}


def status() -> dict[str, str]:
    """What the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    told = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines}
    return {key: told[key] for key in ("CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}


def sign() -> int:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    Ed25519PrivateKey.generate().sign(b"x")
    return len(AESGCM(b"0" * 16).encrypt(b"0" * 12, b"d", None))


def database() -> int:
    path = STATE / "probe.db"
    with sqlite3.connect(path) as book:
        book.execute("pragma journal_mode=wal")
        book.execute("pragma synchronous=full")
        book.execute("create table if not exists t(x)")
        book.execute("insert into t values(1)")
    path.unlink()
    return 1


def started() -> list[threading.Thread]:
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    return threads


def control_socket() -> dict[str, Any]:
    """A socket that the group of admins may use: who connects is known by uid."""
    import struct

    path = RUNTIME / "probe.socket"
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(path))
        path.chmod(0o660)
        ours.listen()
        ours.settimeout(30)
        (STATE / "probe-listens").touch()
        theirs, _ = ours.accept()
        with theirs:
            peer = theirs.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            theirs.sendall(b"yes")
    return {"uid": struct.unpack("3i", peer)[1]}


def tried(deed: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"is_done": True, "answer": deed()}
    except OSError as error:
        return {"is_done": False, "error": type(error).__name__, "errno": error.errno}
    except Exception as error:
        return {"is_done": False, "error": type(error).__name__, "errno": None}


def main() -> None:
    found = {
        "denied": {name: tried(deed) for name, deed in DENIED.items()},
        "allowed": {name: tried(deed) for name, deed in ALLOWED.items()},
    }
    found["socket"] = tried(control_socket)
    Path(sys.argv[1]).write_text(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
