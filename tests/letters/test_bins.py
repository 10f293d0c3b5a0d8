"""What was deleted lies in a bin until its day: freedesktop, Windows, Synology, Samba (P4)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.letters.world import NAME, OLD, YOUNG, World
from tests.servers.seed import CANARY


def throw_away(letters: World, trash: Path, path: Path, where: str) -> Path:
    """As a file manager does it: the file to `files`, and beside it a note of where it came from."""
    for folder in ("files", "info"):
        (trash / folder).mkdir(parents=True, exist_ok=True)
    trash.chmod(0o700)
    note = trash / "info" / f"{path.name}.trashinfo"
    note.write_text(f"[Trash Info]\nPath={quote(where)}\nDeletionDate=2026-10-01T12:00:00\n")
    return path.rename(trash / "files" / path.name)


@pytest.mark.parametrize(
    "place",
    [
        "$RECYCLE.BIN/S-1-5-21/$R1234.odt",
        f"#recycle/2026/{CANARY}.odt",
        f".recycle/{CANARY}/{CANARY}.odt",
        f"below/.Trash-1000/files/{CANARY}.odt",
        f"~${CANARY}.docx",
        f".~lock.{CANARY}.odt#",
    ],
)
def test_bins_and_lock_files_below_the_folder_are_part_of_it(letters: World, place: str) -> None:
    old = letters.save(OLD, place)
    young = letters.save(YOUNG, place.replace(".odt", "2.odt").replace(".docx", "2.docx"))
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert (document["exit_code"], document["letters"]["fell_due"]) == (0, 1)
    [outcome] = document["outcomes"]
    assert outcome["folder"] == ("letters" if "lock" in place or place.startswith("~") else "trash")
    assert not old.exists()
    assert young.exists()


def test_a_note_in_a_bin_goes_with_its_letter_and_not_before(letters: World) -> None:
    """The note bears the letter's name; a folder that was thrown away has one note for all in it."""
    trash = letters.folder / ".Trash-0"
    old, young = letters.save(OLD), letters.save(YOUNG)
    old = throw_away(letters, trash, old, str(old))
    young = throw_away(letters, trash, young, str(young))
    letters.save(OLD, f".Trash-0/files/case {CANARY}/old.odt")
    letters.save(YOUNG, f".Trash-0/files/case {CANARY}/young.odt")
    (trash / "info" / f"case {CANARY}.trashinfo").write_text(f"[Trash Info]\nPath=case%20{CANARY}\n")
    letters.settle()
    assert letters.due() == 2
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert {path.name for path in (trash / "info").iterdir()} == {
        f"{young.name}.trashinfo",
        f"case {CANARY}.trashinfo",
    }
    assert young.exists()
    assert not old.exists()


def test_at_the_top_of_the_disk_only_what_came_from_the_folder_is_taken(letters: World) -> None:
    """A bin there is everybody's: the notes say what was a letter."""
    top = letters.disk.top
    ours = [letters.save(OLD) for _ in range(2)]
    theirs = letters.disk.write("elsewhere/theirs.odt", b"theirs", datetime.now(UTC) - OLD)
    beside = letters.disk.write("letters-of-others/x.odt", b"theirs", datetime.now(UTC) - OLD)
    unnoted = letters.disk.write(".Trash-0/files/no note.odt", b"whose?", datetime.now(UTC) - OLD)
    letters.settle()
    gone = [
        throw_away(letters, top / ".Trash-0", ours[0], f"letters/{ours[0].name}"),
        throw_away(letters, top / ".Trash/0", ours[1], f"letters/sub/../{ours[1].name}"),
    ]
    stays = [
        throw_away(letters, top / ".Trash-0", theirs, "elsewhere/theirs.odt"),
        throw_away(letters, top / ".Trash-0", beside, "letters-of-others/x.odt"),
        unnoted,
    ]
    assert letters.due() == 2
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert [path.exists() for path in (*gone, *stays)] == [False, False, True, True, True]
    assert len(list((top / ".Trash-0/info").iterdir())) == 2, "the note of what was ours is gone"


def test_a_folder_behind_a_link_has_the_same_bins(letters: World) -> None:
    """The way to the folder may lead over links, and so may the way that a desktop noted."""
    link = letters.directory / "srv"
    link.symlink_to(letters.disk.top)
    letters.configure(directory=str(link / "letters"))
    ours = letters.save(OLD)
    letters.settle()
    gone = throw_away(letters, letters.disk.top / ".Trash-0", ours, f"{link}/letters/{ours.name}")
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert not gone.exists()


def test_a_share_s_bin_keeps_the_path_and_only_ours_is_taken(letters: World) -> None:
    top = letters.disk.top
    born = datetime.now(UTC) - OLD
    ours = letters.disk.write(f"#recycle/letters/{CANARY}.odt", b"ours", born)
    theirs = letters.disk.write("#recycle/accounts/2026.ods", b"theirs", born)
    letters.settle()
    for folder in (top / "#recycle", top / "#recycle/letters"):
        folder.chmod(0o700)
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert (ours.exists(), theirs.exists()) == (False, True)


def test_a_folder_that_was_thrown_away_goes_with_the_last_letter_in_it(letters: World) -> None:
    """Its name may be somebody's, and a file manager notes it once more, with the sizes of the bin."""
    trash = letters.folder / ".Trash-0"
    for place in (f"{CANARY}/below/old.odt", "mixed/below/old.odt"):
        letters.save(OLD, f".Trash-0/files/{place}")
    young = letters.save(YOUNG, ".Trash-0/files/mixed/young.odt")
    recycled = letters.save(OLD, f"#recycle/2026/{CANARY}/old.odt")
    filed = letters.save(OLD, "a line of its own/old.odt")
    (trash / "files" / CANARY / "was always empty").mkdir()
    (trash / "info").mkdir()
    for name in (CANARY, "mixed"):
        (trash / "info" / f"{name}.trashinfo").write_text(f"[Trash Info]\nPath={name}\n")
    (trash / "directorysizes").write_text(f"16384 1790000000 {CANARY}\n")
    letters.settle()
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert [path.name for path in (trash / "files").iterdir()] == ["mixed"]
    assert sorted(path.name for path in (trash / "files" / "mixed").iterdir()) == ["below", "young.odt"]
    assert young.exists()
    assert not (trash / "directorysizes").exists()
    assert list((letters.folder / "#recycle").iterdir()) == []
    assert not recycled.exists()
    assert filed.parent.exists(), "a folder that is no bin is its owner's to keep"


def test_a_folder_in_a_bin_elsewhere_goes_too_and_the_bin_stays(letters: World) -> None:
    top, born = letters.disk.top, datetime.now(UTC) - OLD
    theirs = letters.disk.write("#recycle/accounts/2026.ods", b"theirs", born)
    letters.disk.write(f"#recycle/letters/{CANARY}/old.odt", b"ours", born)
    letters.disk.write(f".Trash-0/files/{CANARY}/old.odt", b"ours", born)
    letters.disk.write(
        f".Trash-0/info/{CANARY}.trashinfo", f"[Trash Info]\nPath=letters/{CANARY}\n".encode(), born
    )
    letters.settle()
    for folder in (top / "#recycle", top / "#recycle/letters", top / ".Trash-0"):
        folder.chmod(0o700)
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert list((top / "#recycle/letters").iterdir()) == []
    assert list((top / ".Trash-0/files").iterdir()) == []
    assert theirs.exists()


def test_a_bin_that_does_not_say_what_came_from_here_is_a_finding(letters: World) -> None:
    theirs = letters.disk.write("$RECYCLE.BIN/S-1/$R1.odt", b"whose?", datetime.now(UTC) - OLD)
    letters.settle()
    assert letters.found(letters.json("audit")) == {("notice", "bin-not-told-apart"): 1}
    letters.run("arm", NAME, "--destroy", "0")
    assert letters.sweep()["exit_code"] == 1
    assert theirs.exists()


def test_a_bin_that_is_named_by_its_path_is_looked_through_whole(letters: World) -> None:
    named = letters.disk.write(f"snapshots/{CANARY}.odt", b"ours", datetime.now(UTC) - OLD)
    letters.settle()
    named.parent.chmod(0o700)
    letters.configure(bins=[".recycle", str(named.parent)])
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert not named.exists()


def test_a_bin_whose_place_is_missing_is_an_error(letters: World) -> None:
    """A bin is made when something is thrown away; the folder in which it would lie is there before."""
    letters.configure(bins=[str(letters.disk.top / ".recycle-of-letters")])
    assert letters.json("audit")["exit_code"] == 0
    letters.configure(bins=[str(letters.disk.top / "mistyped/.recycle")])
    assert letters.json("audit")["exit_code"] == 75


def test_the_bin_in_the_managers_home_is_looked_through(
    letters: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desktop throws away into the home of whoever deletes, where that is on the same disk."""
    import pwd

    home = letters.disk.top / "home"
    entry = pwd.getpwnam("root")
    fields = [*entry[:5], str(home), entry[6]]
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(fields))
    ours = letters.save(OLD)
    theirs = letters.disk.write("home/note.odt", b"theirs", datetime.now(UTC) - OLD)
    letters.settle()
    trash = home / ".local/share/Trash"
    gone = throw_away(letters, trash, ours, str(ours))
    stays = throw_away(letters, trash, theirs, str(theirs))
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    assert (gone.exists(), stays.exists()) == (False, True)


def test_a_test_letter_is_sought_in_the_bins_when_arming(letters: World) -> None:
    letters.save(YOUNG)
    letters.settle()
    before = letters.letters()
    assert letters.run("arm", NAME, "--destroy", "0") == 0
    assert "A test letter was overwritten, unlinked, and is found in no bin." in letters.out
    assert letters.letters() == before


def test_a_letter_in_the_bin_keeps_the_age_of_its_first_saving(letters: World) -> None:
    path = letters.save(timedelta(days=50))
    letters.settle()
    moved = throw_away(letters, letters.folder / ".Trash-0", path, str(path))
    os.utime(moved)
    letters.run("arm", NAME, "--destroy", "0")
    [row] = [row for row in letters.json("audit")["rows"] if row["folder"] == "trash"]
    assert (row["verdict"], row["count"]) == ("keep", 1)
    letters.configure(period="1 month", more="[policy]\napprovers = 1\n")
    assert letters.due() == 1
