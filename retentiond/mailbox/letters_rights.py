"""Who may come into a folder of letters: its manager, the deputy, the daemon, root and a declared backup.

Anybody else is a finding (P4), by mode or by access control list. Only the top of the folder is asked:
whoever may not enter there reaches nothing below.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from retentiond.core.model import Notice

_ACL: Final = "system.posix_acl_access"
_USER, _GROUP_OBJ, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_NO_LIST: Final = (errno.ENODATA, errno.ENOTSUP)


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read, by user id; `unknown` is how many of the configured names this machine does not know."""

    allowed: frozenset[int]
    unknown: int

    @classmethod
    def of(cls, names: Iterable[str]) -> Readers:
        """The configured users, root, and whoever runs this."""
        ids, unknown = {0, os.geteuid()}, 0
        for name in names:
            try:
                ids.add(pwd.getpwnam(name).pw_uid)
            except (KeyError, ValueError):
                unknown += 1
        return cls(frozenset(ids), unknown)

    def includes_group(self, group: int) -> bool:
        """Whether every member of a group may read. A group of which no member is known here is not believed
        to be empty."""
        try:
            names = grp.getgrgid(group).gr_mem
        except KeyError:
            return False
        users = pwd.getpwall()
        ids = {user.pw_uid for user in users if user.pw_gid == group or user.pw_name in names}
        known = {user.pw_name for user in users}
        return bool(ids) and ids <= self.allowed and set(names) <= known


def strangers(descriptor: int, readers: Readers) -> int:
    """How many users or groups may use what is open who should not. Raises OSError where the access
    control list cannot be read."""
    status = os.fstat(descriptor)
    count = int(status.st_uid not in readers.allowed) + int(bool(status.st_mode & 0o007))
    entries = _list_of(descriptor)
    if entries is None:
        may_group = bool(status.st_mode & 0o070)
        return count + int(may_group and not readers.includes_group(status.st_gid))
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), 0o7)
    for tag, rights, identity in entries:
        if not rights & mask:
            continue
        if tag == _USER:
            count += identity not in readers.allowed
        elif tag in (_GROUP, _GROUP_OBJ):
            group = status.st_gid if tag == _GROUP_OBJ else identity
            count += not readers.includes_group(group)
    return count


def _list_of(descriptor: int) -> list[tuple[int, int, int]] | None:
    """The access control list (acl(5); 8 bytes an entry: tag, rights, id); None where there is none."""
    try:
        raw = os.getxattr(descriptor, _ACL)
    except OSError as error:
        if error.errno in _NO_LIST:
            return None
        raise
    return list(struct.iter_unpack("<HHI", raw[4:]))


def notices(descriptor: int, readers: Readers, *, is_share: bool) -> list[tuple[Notice, int]]:
    """What is to be said of the rights on a folder. On a share the rights are the server's business, and
    what this machine sees of them proves nothing."""
    if is_share:
        return [(Notice.RIGHTS_UNKNOWN, 1)]
    try:
        count = strangers(descriptor, readers)
    except OSError:
        return [(Notice.RIGHTS_UNKNOWN, 1)]
    found = [(Notice.OPEN_TO_OTHERS, count)] if count else []
    return [*found, (Notice.NO_SUCH_USER, readers.unknown)] if readers.unknown else found
