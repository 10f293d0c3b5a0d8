"""Names, depths and disks as nobody would choose them: a letter goes, or somebody is told."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.letters.test_faults import mounted
from tests.letters.world import OLD, World
from tests.servers.seed import CANARY


def test_letters_go_whatever_they_are_called(letters: World) -> None:
    """No UTF-8, a line break, an escape sequence, an umlaut in two parts, an option, the longest name."""
    names = (
        b"caf\xe9.odt",
        b"two\nlines.odt",
        b"\x1b[31m",
        "Zu\u0308rich".encode(),
        b"-rf",
        b" ",
        b"x" * 255,
    )
    for name in (*names, b"folder\xff\n/letter"):
        letters.save(OLD, os.fsdecode(name))
    letters.settle()
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert letters.letters() == set()


def test_folders_within_folders_without_end_are_a_finding_and_no_crash(letters: World) -> None:
    kept = letters.save(OLD)
    letters.settle()
    letters.arm()
    here = os.open(letters.folder, os.O_RDONLY)
    for _ in range(700):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    document = letters.sweep()
    assert letters.found(document) == {("unreachable", "disk"): 0}
    assert kept.exists()


def fill(letters: World) -> None:
    with (letters.disk.top / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    ballast.write(b"x" * size)
    with pytest.raises(OSError, match="No space left"):
        (letters.disk.top / "more").write_bytes(b"x" * 10_000)


def test_on_a_full_disk_letters_go_and_what_finds_no_room_to_is_said(letters: World) -> None:
    """Taking a letter out of reach needs room for a name; the letters that go make it."""
    for number in range(60):
        letters.save(OLD, f"{CANARY}, a rather long name, so that its folder needs many blocks {number}.odt")
    letters.settle()
    letters.arm()
    fill(letters)
    document = letters.sweep()
    left = len(letters.letters())
    assert letters.found(document) == ({("failed", "disk"): left} if left else {})
    assert left < 60
    assert letters.sweep()["exit_code"] == 0
    assert letters.letters() == set()


def test_a_file_that_is_mounted_over_a_letters_name_is_not_touched(letters: World) -> None:
    theirs = letters.disk.write("elsewhere/theirs.odt", b"not the helpline's", datetime.now(UTC) - OLD)
    (letters.folder / "bound.odt").write_bytes(b"")
    letters.settle()
    with mounted("--bind", theirs, letters.folder / "bound.odt"):
        letters.arm()
        assert letters.found(letters.sweep()) == {("failed", "open-file"): 1}
    assert theirs.read_bytes() == b"not the helpline's"


def test_a_note_in_a_bin_that_names_no_possible_path_stops_nothing(letters: World) -> None:
    info = letters.disk.top / ".Trash-0/info"
    info.mkdir(parents=True)
    (info / "x.trashinfo").write_text("[Trash Info]\nPath=a%00b\n")
    (info / "y.trashinfo").write_text("[Trash Info]\nPath=" + "a" * 5000 + "\n")
    (info / "z.trashinfo").write_bytes(b"\xff\xfe\x00")
    letters.save(OLD)
    letters.settle()
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert letters.letters() == set()


def test_on_a_disk_that_minds_no_case_the_hold_folder_is_called_as_it_is_written(
    letters: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Windows share opens `On Hold` for `on hold`: what lies there would be taken for letters and go."""
    letters.configure(hold_folder="on hold")
    held = letters.save(OLD, f"On Hold/{CANARY}.odt")
    letters.settle()
    do = os.open

    def minding_no_case(path: Any, *words: Any, dir_fd: int | None = None) -> int:
        if dir_fd is not None and path == "on hold":
            path = "On Hold" if "On Hold" in os.listdir(dir_fd) else path  # noqa: PTH208
        return do(path, *words, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", minding_no_case)
    assert letters.json("audit")["exit_code"] == 75
    assert held.exists()
