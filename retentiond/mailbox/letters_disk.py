"""What only the kernel says of a file or of the disk under it; nothing is guessed where it does not say.

The time of birth comes from statx(2), which Python's `os.stat` does not show on Linux. Where a file system
keeps no birth, or the C library has no statx, the answer is None: the letter then counts from when it was
first seen.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_EMPTY_PATH: Final = 0x1000
_WANTS: Final = 0x7FF | 0x800  # the basic fields, and STATX_BTIME
_HAS_BIRTH: Final = 0x800
_ATTRIBUTES: Final = 0x10 | 0x20  # immutable, append-only (ioctl_iflags(2))

#: Beginning of struct statx: mask, block size, attributes, links, uid, gid, mode, inode, size, blocks,
#: which attributes are known, and the times of access and of birth (seconds, nanoseconds).
_STATX: Final = struct.Struct("=IIQIIIHxxQQQQqIxxxxqIxxxx")
_STATX_SIZE: Final = 256

#: File systems that a server keeps for us: who may read there is the server's business.
SHARES: Final = frozenset({"cifs", "smb3", "smbfs", "nfs", "nfs4", "9p", "afs", "ceph", "glusterfs", "davfs"})
#: What writes in place: the old bytes are overwritten where they lay, as far as the disk itself obeys.
IN_PLACE: Final = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "jfs", "vfat", "exfat", "msdos", "tmpfs", "ramfs"}
)


@dataclass(frozen=True, slots=True)
class Birth:
    """A file by its statx: `born_ns` since 1970, None where the file system keeps no birth."""

    born_ns: int | None
    is_immutable: bool


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def birth_of(descriptor: int) -> Birth:
    """The birth of what is open (O_PATH suffices)."""
    try:
        statx = _libc().statx
    except AttributeError:
        return Birth(None, is_immutable=False)
    answer = ctypes.create_string_buffer(_STATX_SIZE)
    if statx(descriptor, b"", _EMPTY_PATH, _WANTS, answer) != 0:
        return Birth(None, is_immutable=False)
    fields = _STATX.unpack_from(answer)
    mask, attributes, seconds, nanoseconds = fields[0], fields[2], fields[13], fields[14]
    born = seconds * 1_000_000_000 + nanoseconds if mask & _HAS_BIRTH else None
    return Birth(born, bool(attributes & _ATTRIBUTES))


def flush(descriptor: int) -> None:
    """All of a file system to its disk (syncfs(2)); one file where the C library cannot. Raises OSError."""
    try:
        syncfs = _libc().syncfs
    except AttributeError:
        os.fsync(descriptor)
        return
    if syncfs(descriptor) != 0:
        raise OSError(ctypes.get_errno(), "")


@dataclass(frozen=True, slots=True)
class Mount:
    """The mount on which something lies. `device` is `major:minor` of what is mounted."""

    id: int
    point: str
    kind: str
    device: str
    source: str

    @property
    def is_share(self) -> bool:
        """Whether a server keeps it."""
        return self.kind in SHARES or self.kind.startswith("fuse.")

    @property
    def is_written_in_place(self) -> bool:
        """Whether an overwritten block is the block that was there."""
        return self.kind in IN_PLACE

    @property
    def is_encrypted(self) -> bool | None:
        """Whether dm-crypt is visible under it; None where there is no block device to be seen."""
        block = Path("/sys/dev/block") / self._block()
        return _is_crypt(block) if block.exists() else None

    def _block(self) -> str:
        """A btrfs has a device number of its own; its source names the disk."""
        if self.device.startswith("0:") and self.source.startswith("/dev/"):
            try:
                number = Path(self.source).stat().st_rdev
            except OSError:
                return self.device
            return f"{os.major(number)}:{os.minor(number)}"
        return self.device


def _is_crypt(block: Path) -> bool:
    """Whether this block device, or any below it, is a dm-crypt one (its uuid begins with CRYPT-)."""
    try:
        if (block / "dm/uuid").read_text("ascii").startswith("CRYPT-"):
            return True
    except (OSError, UnicodeDecodeError):
        pass
    whole = block if (block / "slaves").is_dir() else block.resolve().parent
    try:
        below = [*(whole / "slaves").iterdir()]
    except OSError:
        return False
    return any(_is_crypt(each) for each in below)


def mount_id(descriptor: int) -> int:
    """On which mount something that is open lies (proc(5), fdinfo): bind mounts have an id of their own."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text("ascii").splitlines():
        if line.startswith("mnt_id:"):
            return int(line.split()[1])
    return 0


def mount_of(descriptor: int) -> Mount:
    """The mount on which something that is open lies."""
    number = mount_id(descriptor)
    text = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    for line in text.splitlines():
        words = line.split(" ")
        if int(words[0]) == number:
            kind, source = words[words.index("-") + 1 :][:2]
            return Mount(number, _top(_plain(words[4])), kind, words[2], _plain(source))
    return Mount(number, "/", "unknown", "0:0", "")


def _top(point: str) -> str:
    """The top of the file system at a mount point. systemd mounts each writable path of a service upon
    itself; the bins of a disk lie where it begins, not where such a mount does."""
    here = Path(point)
    with suppress(OSError):
        while here != here.parent and here.parent.stat().st_dev == here.stat().st_dev:
            here = here.parent
    return str(here)


def missing_mount(directory: str, table: Path = Path("/etc/fstab")) -> str | None:
    """The place above `directory` (or itself) where fstab(5) wants something mounted and nothing is."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        point = _plain(words[1]).rstrip("/")
        if point and (directory == point or directory.startswith(point + "/")) and not os.path.ismount(point):
            return point
    return None


def _plain(text: str) -> str:
    """Without the octal escapes of proc(5) and fstab(5)."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text
