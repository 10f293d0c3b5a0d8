"""Under whose name a server of the tests runs."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """The one user of a server's processes and files; `is_other` where that is not us."""

    name: str
    group: str
    uid: int
    gid: int
    is_other: bool

    @property
    def other_uid(self) -> int | None:
        """What subprocess needs in order to become this user; None where we are it already."""
        return self.uid if self.is_other else None

    @property
    def other_gid(self) -> int | None:
        return self.gid if self.is_other else None

    @property
    def other_groups(self) -> list[int] | None:
        return [] if self.is_other else None


def mail_owner() -> Owner:
    """Dovecot opens no mailbox as uid 0: root's tests run it as nobody."""
    is_root = os.geteuid() == 0
    entry = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(entry.pw_gid).gr_name
    return Owner(entry.pw_name, group, entry.pw_uid, entry.pw_gid, is_root)
