"""A whole Debian, really booted: systemd-nspawn over a root of mmdebstrap's making.

The root is made once and kept (/var/tmp/retentiond-booted); each boot works on a copy. There is no network in
it but its own loopback.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap"}
PACKAGES = ["systemd", "systemd-sysv", "dbus", "libnss-systemd", "python3", "tzdata", "acl", "dovecot-imapd"]
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
KEPT = Path("/var/tmp/retentiond-booted")

TRIAL_UNIT = """\
[Unit]
Description=The trial
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /trial/inside.py
ExecStopPost=/usr/bin/systemctl --no-block poweroff

[Install]
WantedBy=multi-user.target
"""


def why_not() -> str:
    """Why no machine can be booted here; empty where one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root. Type: sudo ./run test -m campaign tests/systemd"
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        return f"Type: sudo apt-get install -y --no-install-recommends {' '.join(missing)}"
    return ""


def root() -> Path:
    """The root that is kept, made where it is not there yet (half a minute, 300 MB)."""
    digest = hashlib.sha256(f"{SUITE} {PACKAGES}".encode()).hexdigest()[:12]
    kept = KEPT / digest
    if not kept.exists():
        KEPT.mkdir(mode=0o700, exist_ok=True)
        making = KEPT / f"{digest}.{os.getpid()}"
        include = f"--include={','.join(PACKAGES)}"
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, str(making), MIRROR],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            pytest.skip(f"no Debian could be fetched from {MIRROR}: {done.stderr[-300:]}")
        making.rename(kept)
    return kept


def boot(work: Path, binds: dict[Path, str], readable: dict[Path, str], *, seconds: int = 900) -> str:
    """Boots a copy of the root, which runs /trial/inside.py and powers off; returns what it printed."""
    machine = work / "machine"
    subprocess.run(["cp", "-a", "--reflink=auto", str(root()), str(machine)], check=True)
    (machine / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    units = machine / "etc/systemd/system"
    (units / "trial.service").write_text(TRIAL_UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/trial.service").symlink_to("../trial.service")
    shared = [f"--bind={outside}:{inside}" for outside, inside in binds.items()]
    shared += [f"--bind-ro={outside}:{inside}" for outside, inside in readable.items()]
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"]
    try:
        done = subprocess.run(
            [*command, "--private-network", *shared, f"--directory={machine}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    finally:
        shutil.rmtree(machine, ignore_errors=True)
    return done.stdout + done.stderr
