"""A whole Debian, really booted: by systemd-nspawn, or by QEMU where that may boot nothing.

Its root is mmdebstrap's, made once and kept (/var/tmp/retentiond-booted); each boot works on a copy. There is
no network in it but its own loopback. `RETENTIOND_BOOT=qemu` (or nspawn) chooses: a QEMU has a kernel of its
own, with the unified cgroup hierarchy, and takes some minutes more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.letters.disks import Disk

PACKAGES = ["systemd", "systemd-sysv", "dbus", "libnss-systemd", "python3", "tzdata", "acl", "dovecot-imapd"]
KERNEL = "linux-image-cloud-amd64"
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
KEPT = Path("/var/tmp/retentiond-booted")

NSPAWN, QEMU = "systemd-nspawn", "qemu-system-x86_64"
#: What each way needs, and the packages in which that is.
TOOLS = {
    NSPAWN: {NSPAWN: "systemd-container", "mmdebstrap": "mmdebstrap"},
    QEMU: {QEMU: "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"},
}
SECONDS = 1500

TRIAL_UNIT = """\
[Unit]
Description=The trial
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /trial/inside.py
ExecStopPost=-/bin/sh -c "test ! -b /dev/vdc || tar -cf /dev/vdc -C /result ."
ExecStopPost=/usr/bin/systemctl --no-block poweroff

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Luggage:
    """What a machine is given to read, where it writes, and the disk that it has at /srv/share."""

    trial: Path
    result: Path
    share: Disk


def why_not() -> str:
    """Why no machine can be booted here; empty where one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root. Type: sudo ./run test -m campaign tests/systemd"
    if all(map(_missing, TOOLS)):
        return f"Type: sudo apt-get install -y --no-install-recommends {' '.join(_missing(NSPAWN))}"
    return ""


def _missing(way: str) -> list[str]:
    return [package for tool, package in TOOLS[way].items() if shutil.which(tool) is None]


def boot(work: Path, luggage: Luggage) -> str:
    """Boots, which runs /trial/inside.py and powers off; returns what was printed."""
    wish = os.environ.get("RETENTIOND_BOOT", "")
    said = ""
    if wish != "qemu" and not _missing(NSPAWN):
        said = _nspawn(_furnished(work, ()), luggage)
        if wish == "nspawn" or any(luggage.result.iterdir()):
            return said
    if _missing(QEMU):
        pytest.skip(
            f"systemd-nspawn boots nothing here ({said.strip()[-200:]}). Type: sudo apt-get install -y"
            f" --no-install-recommends {' '.join(_missing(QEMU))}"
        )
    return _qemu(work, _furnished(work, (KERNEL,)), luggage)


def _root(more: tuple[str, ...]) -> Path:
    """The root that is kept, made where it is not there yet (half a minute, 300 MB)."""
    packages = [*PACKAGES, *more]
    digest = hashlib.sha256(f"{SUITE} {packages}".encode()).hexdigest()[:12]
    kept = KEPT / digest
    if not kept.exists():
        KEPT.mkdir(mode=0o700, exist_ok=True)
        making = KEPT / f"{digest}.{os.getpid()}"
        include = f"--include={','.join(packages)}"
        done = _run("mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, str(making), MIRROR)
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            pytest.skip(f"no Debian could be fetched from {MIRROR}: {done.stderr[-300:]}")
        making.rename(kept)
    return kept


def _furnished(work: Path, more: tuple[str, ...]) -> Path:
    """A copy of the root with the trial as a unit of its own."""
    machine = work / "machine"
    shutil.rmtree(machine, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(_root(more)), str(machine)], check=True)
    (machine / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    units = machine / "etc/systemd/system"
    (units / "trial.service").write_text(TRIAL_UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/trial.service").symlink_to("../trial.service")
    for folder in ("trial", "result", "srv/share"):
        (machine / folder).mkdir(parents=True)
    return machine


def _nspawn(machine: Path, luggage: Luggage) -> str:
    binds = [
        f"--bind-ro={luggage.trial}:/trial",
        f"--bind={luggage.result}:/result",
        f"--bind={luggage.share.top}:/srv/share",
    ]
    command = [NSPAWN, "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"]
    try:
        done = _run(*command, "--private-network", *binds, f"--directory={machine}")
    finally:
        shutil.rmtree(machine, ignore_errors=True)
    return done.stdout + done.stderr


def _qemu(work: Path, machine: Path, luggage: Luggage) -> str:
    """The root becomes a disk, the share is one already, and what was seen comes out on a third (tar)."""
    shutil.copytree(luggage.trial, machine / "trial", dirs_exist_ok=True)
    (machine / "etc/fstab").write_text(
        "/dev/vda / ext4 defaults 0 1\n/dev/vdb /srv/share ext4 defaults 0 2\n"
    )
    root, out = work / "root.img", work / "out.img"
    _made("mke2fs", "-q", "-t", "ext4", "-d", str(machine), str(root), "2G")
    [kernel] = (machine / "boot").glob("vmlinuz-*")
    [initial] = (machine / "boot").glob("initrd.img-*")
    with out.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    luggage.share.unmount()
    disks = [
        word
        for image in (root, luggage.share.image, out)
        for word in ("-drive", f"file={image},if=virtio,format=raw,cache=unsafe")
    ]
    words = [QEMU, "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "2", "-nographic", "-nic", "none"]
    words += ["-no-reboot", *disks, "-kernel", str(kernel), "-initrd", str(initial)]
    try:
        done = _run(*words, "-append", "root=/dev/vda rw console=ttyS0 quiet")
        _run("tar", "-xf", str(out), "-C", str(luggage.result))
    finally:
        shutil.rmtree(machine, ignore_errors=True)
        root.unlink(missing_ok=True)
        luggage.share.mount()
    return done.stdout + done.stderr


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )


def _made(*words: str) -> None:
    done = _run(*words)
    assert done.returncode == 0, done.stderr
