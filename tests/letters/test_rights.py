"""Who may read the letters: the manager, the deputy, the daemon, root and a declared backup; nobody else."""

from __future__ import annotations

import os
import pwd
import struct
from collections.abc import Callable
from datetime import timedelta

import pytest

from retentiond.core.model import Notice
from retentiond.mailbox.letters_disk import Mount
from retentiond.mailbox.letters_rights import Readers, notices
from tests.letters.world import NAME, World

MANAGER, STRANGER = "games", "nobody"


def entry(tag: int, rights: int, identity: int = 0xFFFFFFFF) -> bytes:
    return struct.pack("<HHI", tag, rights, identity)


def acl(*more: bytes, group: int = 0, mask: int = 7) -> bytes:
    """An access control list (acl(5)) for owner alone, with these entries besides."""
    own = entry(0x01, 7)
    rest = entry(0x04, group) + entry(0x10, mask) + entry(0x20, 0)
    users = b"".join(each for each in more if each[0] == 0x02)
    groups = b"".join(each for each in more if each[0] == 0x08)
    return struct.pack("<I", 2) + own + users + entry(0x04, group) + groups + rest[8:]


def uid(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


Way = Callable[[World], None]

OPENED: dict[str, Way] = {
    "everybody": lambda w: w.folder.chmod(0o705),
    "everybody, to pass through": lambda w: w.folder.chmod(0o701),
    "its group": lambda w: (os.chown(w.folder, 0, 100), w.folder.chmod(0o750))[1],  # type: ignore[func-returns-value]
    "another owner": lambda w: os.chown(w.folder, uid(STRANGER), 0),
    "a user by list": lambda w: os.setxattr(
        w.folder, "system.posix_acl_access", acl(entry(0x02, 5, uid(STRANGER)))
    ),
    "a group by list": lambda w: os.setxattr(w.folder, "system.posix_acl_access", acl(entry(0x08, 4, 100))),
}

CLOSED: dict[str, Way] = {
    "the manager owns it": lambda w: os.chown(w.folder, uid(MANAGER), 0),
    "the manager by list": lambda w: os.setxattr(
        w.folder, "system.posix_acl_access", acl(entry(0x02, 7, uid(MANAGER)))
    ),
    "a list whose mask lets nobody": lambda w: os.setxattr(
        w.folder, "system.posix_acl_access", acl(entry(0x02, 7, uid(STRANGER)), mask=0)
    ),
    "a group of root alone": lambda w: w.folder.chmod(0o770),
    "open letters in a closed folder": lambda w: w.save(timedelta(days=1)).chmod(0o666),
}


@pytest.mark.parametrize("way", OPENED.values(), ids=OPENED)
def test_whoever_may_read_besides_is_a_finding(letters: World, way: Way) -> None:
    letters.configure(manager=MANAGER)
    letters.run("arm", NAME, "--destroy", "0")
    way(letters)
    document = letters.sweep()
    assert letters.found(document) == {("notice", "open-to-others"): 1}
    assert document["exit_code"] == 1
    assert letters.run("check", "--only", NAME) == 1
    assert "besides the manager" in letters.complaints


@pytest.mark.parametrize("way", CLOSED.values(), ids=CLOSED)
def test_those_who_are_named_are_no_finding(letters: World, way: Way) -> None:
    letters.configure(manager=MANAGER)
    letters.run("arm", NAME, "--destroy", "0")
    way(letters)
    assert letters.sweep()["findings"] == []


def test_a_deputy_and_the_backup_may_read(letters: World) -> None:
    both = acl(entry(0x02, 5, uid(MANAGER)), entry(0x02, 5, uid(STRANGER)))
    os.setxattr(letters.folder, "system.posix_acl_access", both)
    letters.configure(deputy=MANAGER, backup=[STRANGER])
    letters.run("arm", NAME, "--destroy", "0")
    assert letters.sweep()["findings"] == []


def test_a_manager_whom_this_machine_does_not_know_is_a_finding(letters: World) -> None:
    letters.configure(manager="ruth")
    assert letters.found(letters.json("audit")) == {("notice", "no-such-user"): 1}


@pytest.mark.parametrize("kind", ["cifs", "nfs4", "fuse.sshfs", "smb3"])
def test_on_a_share_the_rights_are_not_verifiable_here(letters: World, kind: str) -> None:
    """What this machine sees of a server's rights proves nothing, so nothing is claimed of them."""
    mount = Mount(1, "/mnt/share", kind, "0:99", "//server/share")
    letters.folder.chmod(0o777)
    descriptor = os.open(letters.folder, os.O_PATH)
    said = notices(descriptor, Readers.of(["root"]), is_share=mount.is_share)
    os.close(descriptor)
    letters.folder.chmod(0o700)
    assert said == [(Notice.RIGHTS_UNKNOWN, 1)]
    assert Notice.RIGHTS_UNKNOWN.is_harmless
    assert not mount.is_written_in_place
    assert mount.is_encrypted is None
