"""The machine below a root: its files, written whole or not at all, and the commands of its systemd.

A path is always the one that the machine itself will know; where it lies now (`--root`) is found here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retentiond.errors import InstallFailed


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, or the image of another one below `root`."""

    root: Path = Path("/")

    @property
    def is_here(self) -> bool:
        """Whether it is the machine on which we run: only it has keys, and services to start."""
        return self.root == Path("/")

    @property
    def is_booted(self) -> bool:
        """Whether its systemd is at work (sd_booted(3))."""
        return self.is_here and Path("/run/systemd/system").is_dir()

    def at(self, path: str) -> Path:
        """Where a path of the machine lies now."""
        return self.root / path.lstrip("/")

    def digest(self, path: str) -> str:
        """SHA-256 of a file, or nothing where it is not there. Raises InstallFailed."""
        try:
            return hashlib.sha256(self.at(path).read_bytes()).hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise InstallFailed(path, _code(error)) from None

    def mode(self, path: str) -> int | None:
        """The mode of a folder, None where there is none."""
        with suppress(OSError):
            return stat.S_IMODE(self.at(path).stat().st_mode)
        return None

    def names(self, table: str) -> dict[str, str]:
        """A table of names (/etc/passwd, /etc/group): the first field, and the last."""
        with suppress(OSError):
            lines = self.at(table).read_text("utf-8", "replace").splitlines()
            return {line.split(":")[0]: line.rpartition(":")[2] for line in lines}
        return {}

    def group_id(self, group: str) -> int:
        """The number of a group in this machine's own table; root's where it is not there."""
        with suppress(OSError, ValueError, IndexError):
            for line in self.at("/etc/group").read_text("utf-8", "replace").splitlines():
                if line.split(":")[0] == group:
                    return int(line.split(":")[2])
        return 0

    def make_folder(self, path: str, mode: int) -> None:
        """A folder, and those above it (0755). One that exists is left as it is. Raises InstallFailed."""
        place = self.at(path)
        try:
            missing = [each for each in (place, *place.parents) if not each.exists()]
            for each in reversed(missing):
                each.mkdir()
                each.chmod(mode if each == place else 0o755)
        except OSError as error:
            raise InstallFailed(path, _code(error)) from None

    def put(self, path: str, content: bytes, mode: int = 0o644, group: str = "root") -> str:
        """Writes a file so that a reader, or a power cut, finds the old one or the new one; returns its
        digest. Raises InstallFailed."""
        place = self.at(path)
        temporary = place.with_name(f".{place.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), 0, self.group_id(group))
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise InstallFailed(path, _code(error)) from None
        return hashlib.sha256(content).hexdigest()

    def remove(self, path: str) -> None:
        """Removes a file, and its folder where that is a folder for drop-ins and empty now."""
        place = self.at(path)
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise InstallFailed(path, _code(error)) from None
        if place.parent.name.endswith(".service.d"):
            with suppress(OSError):
                place.parent.rmdir()

    def run(self, *command: str, given: bytes | None = None) -> bytes:
        """Runs a command of systemd and returns what it prints; what it says of an error goes to ours.

        `given` is what it reads: a secret is never among its words. Raises InstallFailed.
        """
        program = shutil.which(command[0])
        if program is None:
            raise InstallFailed(command[0], "missing")
        words = [program, *self._at_root(command[0]), *command[1:]]
        try:
            done = subprocess.run(  # noqa: S603 — systemd's own programs, without a shell
                words, input=given or b"", check=False, stdout=subprocess.PIPE, timeout=120, umask=0o022
            )
        except (OSError, subprocess.TimeoutExpired):
            raise InstallFailed(command[0], "it could not be run") from None
        if done.returncode != 0:
            raise InstallFailed(command[0], f"ended with {done.returncode}")
        return done.stdout

    def _at_root(self, program: str) -> Sequence[str]:
        return () if self.is_here or program == "systemd-creds" else (f"--root={self.root}",)


def _code(error: OSError) -> str:
    """Why a system call said no, in the fixed words of `os.strerror`."""
    return os.strerror(error.errno) if error.errno else "input or output"
