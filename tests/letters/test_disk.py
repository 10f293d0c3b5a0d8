"""What the kernel is asked about a disk: birth, mount, encryption, what fstab wants."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retentiond.mailbox.letters_disk import Mount, birth_of, missing_mount, mount_of
from tests.letters.disks import disk
from tests.letters.world import NAME, OLD, World


def test_a_birth_is_what_the_disk_says(tmp_path: Path) -> None:
    """Before 1970 and after 2038 as well; and a small inode keeps none."""
    for year in (1969, 1999, 2026, 2040):
        folder = tmp_path / str(year)
        folder.mkdir()
        with disk(folder) as made:
            at = datetime(year, 7, 1, 12, 30, 0, 250_000, tzinfo=UTC)
            path = made.write("letter", b"x", at if year < 2038 else None)
            made.age()
            descriptor = os.open(path, os.O_PATH)
            born = birth_of(descriptor).born_ns
            os.close(descriptor)
            assert born is not None
            if year < 2038:
                assert born == int(at.timestamp()) * 10**9 + 250_000_000
    folder = tmp_path / "none"
    folder.mkdir()
    with disk(folder, keeps_birth=False) as made:
        descriptor = os.open(made.write("letter"), os.O_PATH)
        assert birth_of(descriptor).born_ns is None
        assert mount_of(descriptor).point == str(made.top)
        os.close(descriptor)


def test_a_folder_that_is_mounted_upon_itself_hides_no_bin_of_its_disk(tmp_path: Path) -> None:
    """As systemd does it with each writable path of a service: the disk begins above."""
    with disk(tmp_path) as made:
        folder = made.write("letters/letter").parent
        subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
        try:
            descriptor = os.open(folder, os.O_PATH)
            assert mount_of(descriptor).point == str(made.top)
            os.close(descriptor)
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def test_encryption_is_seen_through_whatever_lies_between(tmp_path: Path) -> None:
    """A volume on a volume on a dm-crypt device, as /sys shows them; and a partition of a plain disk."""
    from retentiond.mailbox import letters_disk

    plain, volume, crypt = (tmp_path / name for name in ("sda1", "dm-1", "dm-0"))
    for each in (plain, volume, crypt):
        (each / "slaves").mkdir(parents=True)
    for each, uuid in ((volume, "LVM-abc"), (crypt, "CRYPT-LUKS2-0123")):
        (each / "dm").mkdir()
        (each / "dm/uuid").write_text(uuid + "\n")
    (volume / "slaves/dm-0").symlink_to(crypt)
    assert [letters_disk._is_crypt(each) for each in (plain, crypt, volume)] == [False, True, True]


@pytest.mark.parametrize("kind", ["btrfs", "zfs", "overlay", "f2fs"])
def test_a_disk_that_writes_elsewhere_is_not_said_to_overwrite(kind: str) -> None:
    assert not Mount(1, "/", kind, "0:1", "").is_written_in_place


def test_what_fstab_wants_mounted_is_missed(tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    absent = tmp_path / "a share"
    absent.mkdir()
    table.write_text(
        f"# comment\nproc /proc proc defaults 0 0\n//s/x {str(absent).replace(' ', chr(92) + '040')} cifs\n"
    )
    assert missing_mount(f"{absent}/letters", table) == str(absent)
    assert missing_mount(str(absent), table) == str(absent)
    assert missing_mount(f"{absent}-other", table) is None
    assert missing_mount("/proc/letters", table) is None, "something is mounted there"
    assert missing_mount(str(absent), tmp_path / "no such table") is None


def test_programs_that_open_letters_during_a_sweep_neither_end_it_nor_save_them(letters: World) -> None:
    """Whoever opens a leased file sends a signal that would end the process that holds the lease."""
    for _ in range(300):
        letters.save(OLD)
    letters.settle()
    letters.arm()
    program = (
        "import os, sys\nprint('open', flush=True)\n"
        "while os.getppid() == int(sys.argv[2]) and (names := os.listdir(sys.argv[1])):\n"
        "    for name in names:\n"
        "        try:\n"
        "            with open(os.path.join(sys.argv[1], name), 'rb') as f: f.read(1)\n"
        "        except OSError: pass\n"
    )
    command = [sys.executable, "-c", program, str(letters.folder), str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        for _ in range(3):
            assert letters.run("sweep", "--only", NAME) in (0, 1)
        reader.kill()
    assert letters.run("sweep", "--only", NAME) == 0, letters.complaints
    assert letters.letters() == set()
