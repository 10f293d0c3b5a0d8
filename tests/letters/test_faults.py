"""What can be wrong with a folder of letters, on a real disk: links, holders, rights, odd files and times."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.core.deeds import Result
from retentiond.doors import estate_of
from retentiond.mailbox import letters_walk
from retentiond.mailbox.letters import LettersMailbox
from retentiond.mailbox.marker import Marker
from tests.letters.world import NAME, OLD, YOUNG, World, world
from tests.servers.seed import CANARY


def mailbox(letters: World) -> LettersMailbox:
    """The folder as a sweep opens it."""
    from retentiond.config import load

    opened = estate_of(load(letters.config), Marker(b"m" * 32)).target(NAME).open()
    assert isinstance(opened, LettersMailbox)
    return opened


def tools(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=30)


# ── links, and what is swapped in between ────────────────────────────────────────────────────────


def test_a_link_is_never_followed_and_never_touched(letters: World) -> None:
    """A link to a file, to a folder, and up; what they lead to stays as it was."""
    outside = letters.disk.write("elsewhere/theirs.odt", b"not the helpline's", datetime.now(UTC) - OLD)
    letters.save(OLD)
    (letters.folder / "file").symlink_to(outside)
    (letters.folder / "folder").symlink_to(outside.parent)
    (letters.folder / "up").symlink_to("..")
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert letters.found(document) == {("notice", "link"): 3}
    assert letters.letters() == {"file", "folder", "up"}
    assert outside.read_bytes() == b"not the helpline's"


def test_another_disk_below_the_folder_is_not_entered(letters: World) -> None:
    """A mount, and a bind mount of the very same disk."""
    theirs = letters.disk.write("elsewhere/theirs.odt", b"not the helpline's", datetime.now(UTC) - OLD)
    letters.save(OLD)
    for name in ("mounted", "bound"):
        (letters.folder / name).mkdir()
    letters.settle()
    with mounted("-t", "tmpfs", "tmpfs", letters.folder / "mounted"):
        (letters.folder / "mounted/new.odt").write_bytes(b"x")
        with mounted("--bind", theirs.parent, letters.folder / "bound"):
            letters.arm()
            document = letters.sweep()
            assert letters.found(document) == {("notice", "other-mount"): 2}
            assert letters.letters() == {"mounted/new.odt", "bound/theirs.odt"}
    assert theirs.read_bytes() == b"not the helpline's"


@contextmanager
def mounted(*words: object) -> Iterator[None]:
    tools("mount", *words)
    try:
        yield
    finally:
        tools("umount", words[-1])


def test_a_folder_that_became_a_link_since_the_look_leads_nowhere(letters: World) -> None:
    theirs = letters.disk.write("elsewhere/letter.odt", b"not the helpline's", datetime.now(UTC) - OLD)
    letters.save(OLD, f"{CANARY}/letter.odt", b"a letter of ours")
    letters.settle()
    with mailbox(letters) as opened:
        root = os.open(letters.folder, os.O_RDONLY | os.O_DIRECTORY)
        [seen] = letters_walk.walk(root).files
        (letters.folder / CANARY).rename(letters.disk.top / "moved")
        (letters.folder / CANARY).symlink_to(theirs.parent)
        place = opened.find("letters")
        assert place is not None
        [outcome] = opened.destroy(place, [seen.key])
        os.close(root)
    assert outcome.result is Result.GONE_ALREADY
    assert theirs.read_bytes() == b"not the helpline's"


def test_a_file_that_is_swapped_again_and_again_costs_nobody_elses(letters: World) -> None:
    """While a sweep is at work, another program puts a young letter and a link where the old letter lies."""
    target = letters.disk.write("elsewhere/theirs.odt", b"not the helpline's")
    old = [letters.save(OLD, f"{CANARY} {n}.odt") for n in range(40)]
    letters.settle()
    letters.arm()
    stop = threading.Event()
    spare = letters.disk.top / "spare"
    spare.mkdir()

    def swap() -> None:
        at = 0
        while not stop.is_set():
            place = old[at % len(old)]
            at += 1
            (spare / "new").write_bytes(b"a new letter")
            (spare / "new").replace(place)
            (spare / "link").symlink_to(target)
            (spare / "link").replace(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(3):
            letters.sweep()
    finally:
        stop.set()
        thread.join()
    assert target.read_bytes() == b"not the helpline's"
    assert letters.sweep()["letters"]["fell_due"] == 0


# ── a second name, another program, no right ─────────────────────────────────────────────────────


def test_a_letter_with_a_second_name_is_kept_and_said(letters: World) -> None:
    kept = letters.save(OLD, content=b"once here, once there")
    os.link(kept, letters.disk.top / "second name")
    letters.save(OLD)
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert letters.found(document) == {("failed", "hard-link"): 1, ("notice", "hard-link"): 1}
    assert document["exit_code"] == 1
    assert kept.read_bytes() == b"once here, once there"
    assert len(letters.letters()) == 1
    (letters.disk.top / "second name").unlink()
    assert letters.sweep()["exit_code"] == 0
    assert not letters.letters()


@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_a_letter_that_a_program_has_open_waits(letters: World, mode: str) -> None:
    """The write lease is refused while another process holds the file open, for reading alone too."""
    kept = letters.save(OLD, content=b"still being read")
    letters.save(OLD)
    letters.settle()
    letters.arm()
    program = f"f = open({str(kept)!r}, {mode!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"open\n"
        document = letters.sweep()
        reader.communicate(b"\n", timeout=20)
    assert letters.found(document) == {("failed", "open-file"): 1}
    assert kept.read_bytes() == b"still being read"
    assert letters.sweep()["exit_code"] == 0
    assert not letters.letters()


@pytest.mark.parametrize("attribute", ["i", "a"])
def test_an_immutable_letter_is_kept_and_said(letters: World, attribute: str) -> None:
    kept = letters.save(OLD, content=b"hewn in stone")
    letters.settle()
    letters.arm()
    tools("chattr", f"+{attribute}", kept)
    try:
        document = letters.sweep()
        assert letters.found(document) == {("failed", "immutable"): 1}
        assert kept.read_bytes() == b"hewn in stone"
    finally:
        tools("chattr", f"-{attribute}", kept)
    assert letters.sweep()["exit_code"] == 0


def test_in_an_immutable_folder_nothing_is_overwritten(letters: World) -> None:
    """A letter that cannot be taken out of reach keeps its content."""
    kept = letters.save(OLD, f"{CANARY}/letter.odt", b"hewn in stone")
    letters.settle()
    letters.arm()
    tools("chattr", "+i", kept.parent)
    try:
        assert letters.found(letters.sweep()) == {("failed", "immutable"): 1}
        assert kept.read_bytes() == b"hewn in stone"
    finally:
        tools("chattr", "-i", kept.parent)


def test_on_a_read_only_disk_nothing_is_tried(letters: World) -> None:
    kept = letters.save(OLD)
    letters.settle()
    letters.arm()
    letters.disk.unmount()
    letters.disk.mount("ro")
    assert letters.found(letters.sweep()) == {("failed", "read-only"): 1}
    assert kept.exists()
    letters.disk.unmount()
    letters.disk.mount()
    assert letters.sweep()["exit_code"] == 0


def test_without_the_right_nothing_is_destroyed(letters: World) -> None:
    """As another user than the owner, without root's power: not even looked at, and said."""
    kept = letters.save(OLD, f"{CANARY}/letter.odt")
    letters.settle()
    kept.parent.chmod(0o700)
    letters.folder.chmod(0o755)
    program = (
        "from retentiond.mailbox.letters import LettersMailbox\n"
        "from retentiond.config import LettersSettings\nfrom retentiond.core.period import Period\n"
        "from retentiond.errors import MailboxError\nfrom retentiond.mailbox.base import Marker\n"
        "from pathlib import Path\n"
        f"s = LettersSettings('x', Path({str(letters.folder)!r}), Period(months=2), 'root', None, (), (),"
        " None, True, None)\n"
        "import encodings.ascii\n"  # the interpreter may lie where the other user may not read
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n    with LettersMailbox(s, Marker(b'k' * 32)) as m: m.stand(m.find('letters'), ['1:2:3:4'])\n"
        "except MailboxError as error: print(type(error).__name__, error.why)\n"
    )
    for path in (letters.directory, *letters.directory.parents):
        if path.stat().st_uid == os.geteuid() and path.name.startswith(("pytest", letters.directory.name)):
            path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path.cwd(),
        timeout=30,
    )
    assert done.stdout == "Refused no-right\n", done.stderr
    assert kept.exists()


# ── odd files ────────────────────────────────────────────────────────────────────────────────────


def test_a_terabyte_of_nothing_is_gone_at_once(letters: World) -> None:
    """Of a sparse file only what is allocated is overwritten."""
    sparse = letters.save(OLD, content=b"begin")
    with sparse.open("r+b") as file:
        file.seek(10**12)
        file.write(b"end")
    os.utime(sparse, (0, 0))
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert document["exit_code"] == 0
    assert not letters.letters()


def test_pipes_sockets_and_devices_are_never_opened(letters: World) -> None:
    letters.save(OLD)
    os.mkfifo(letters.folder / "pipe")
    os.mknod(letters.folder / "device", 0o600 | 0o020000, os.makedev(1, 5))
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(letters.folder)
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert letters.found(document) == {("notice", "not-a-file"): 3}
    assert letters.letters() == {"pipe", "device", "socket"}


def test_a_file_grown_since_the_look_is_left_alone(letters: World) -> None:
    """A reused name or a changed letter is another version: never destroyed on the old look."""
    edited, replaced = letters.save(OLD), letters.save(OLD)
    letters.settle()
    with mailbox(letters) as opened:
        place = opened.find("letters")
        assert place is not None
        root = os.open(letters.folder, os.O_RDONLY | os.O_DIRECTORY)
        keys = [each.key for each in letters_walk.walk(root).files]
        os.close(root)
        with edited.open("ab") as file:
            file.write(b"one more line")
        (letters.folder / "new").write_bytes(b"a new letter")
        (letters.folder / "new").replace(replaced)
        results = {outcome.result: len(outcome.keys) for outcome in opened.destroy(place, keys)}
    assert results == {Result.CHANGED: 1, Result.GONE_ALREADY: 1}
    assert len(letters.letters()) == 2


# ── odd times ────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_neither_restarts_nor_shortens_the_age(letters: World) -> None:
    """P4: the age is that of the first saving; a later edit is a finding."""
    old, young = letters.save(OLD), letters.save(timedelta(days=30))
    letters.settle()
    recently = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for path in (old, young):
        os.utime(path, (recently, recently))
    os.utime(letters.save(YOUNG), (1, 1))  # the copy of an old file is as old as the copy
    assert letters.due() == 1
    letters.arm()
    document = letters.sweep()
    assert letters.found(document) == {("notice", "edited"): 2}
    assert not old.exists()
    assert young.exists()
    assert letters.found(letters.sweep()) == {("notice", "edited"): 1}


def test_a_letter_born_in_the_future_is_looked_at_by_a_person(letters: World) -> None:
    odd = letters.save(-timedelta(days=40))
    letters.settle()
    assert letters.found(letters.json("audit")) == {("review", "undated"): 1}
    letters.run("arm", NAME, "--destroy", "0")
    letters.sweep()
    assert odd.exists()


def test_an_editor_that_saves_by_replacing_is_not_silent(letters: World) -> None:
    """The new file is a letter of its own, and is not destroyed early; that it stands under a name that is
    past its period is said until its own day."""
    path = letters.save(timedelta(days=30))
    letters.settle()
    with letters.book() as book:
        # What sixty-five days of sweeps would have noted: the name, not the file.
        with mailbox_with(letters, book.mark_key) as opened:
            mark = sighting_of(letters, opened, path)
        book.first_seen(NAME, [mark], datetime.now(UTC) - timedelta(days=65), datetime.now(UTC) + YOUNG)
    assert letters.run("arm", NAME, "--destroy", "0") == 0
    document = letters.sweep()
    assert letters.found(document) == {("review", "replaced"): 1}
    assert document["exit_code"] == 1
    assert path.exists()


def mailbox_with(letters: World, key: bytes) -> LettersMailbox:
    from retentiond.config import load

    opened = estate_of(load(letters.config), Marker(key)).target(NAME).open()
    assert isinstance(opened, LettersMailbox)
    return opened


def sighting_of(letters: World, opened: LettersMailbox, path: Path) -> bytes:
    from tests.mailbox.contract import question

    for view in opened.look(question()):
        for item in view.items:
            if int(str(item.ref.key).partition(":")[0]) == path.stat().st_ino:
                assert item.sighting is not None
                return item.sighting
    raise AssertionError("not found")


def test_without_births_letters_count_from_when_they_were_first_seen(tmp_path: Path) -> None:
    """A disk that keeps no birth: nothing is early, an edit restarts nothing, and the day comes."""
    from retentiond.audit import audit
    from retentiond.sweep import sweep
    from tests.letters.later import estate_of_letters

    with world(tmp_path, keeps_birth=False) as letters:
        first = [letters.save(None) for _ in range(30)]
        begun = datetime.now(UTC)
        with letters.book() as book:
            estate = estate_of_letters(letters, book)

            def swept(days: int) -> set[str]:
                report = sweep(estate, book, letters.state, begun + timedelta(days=days))
                assert report.exit_code == 0, report.findings
                return letters.letters()

            assert len(swept(0)) == 30
            assert len(swept(30)) == 30
            for path in first[:5]:
                path.write_bytes(b"edited")
            second = letters.save(None)
            for day in range(31, 59, 7):
                assert len(swept(day)) == 31
            assert swept(64) == {second.name}
            assert not audit(estate, begun + timedelta(days=64), book=book).plan.targets[0].due
            assert not swept(100)


# ── what destruction is worth ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_bytes_on_the_disk_are_overwritten_where_they_lay(letters: World, overwrite: bool) -> None:
    """The text of the letter is sought on the raw disk; without `overwrite` it is still there."""
    letters.configure(overwrite=overwrite)
    text = b"Dear quixotrill, nobody shall find this sentence again." * 300
    letters.save(OLD, content=text)
    letters.settle()
    os.sync()
    assert text[:2000] in letters.disk.image.read_bytes()
    letters.arm()
    assert letters.sweep()["exit_code"] == 0
    os.sync()
    assert (text[:2000] in letters.disk.image.read_bytes()) is not overwrite


def test_check_says_what_destruction_is_worth_and_what_is_out_of_reach(letters: World) -> None:
    assert letters.run("check", "--only", NAME) == 0, letters.complaints
    for words in (
        "a folder on ext4",
        "Clear at most (NIST SP 800-88)",
        "no encryption is visible",
        "snapshots, shadow copies",
        "SharePoint and OneDrive are not covered",
        "open to nobody but those who are named",
    ):
        assert words in letters.out, words
    letters.configure(overwrite=False)
    letters.run("check", "--only", NAME)
    assert "less than Clear" in letters.out


# ── what is not there ────────────────────────────────────────────────────────────────────────────


def test_a_missing_folder_is_an_error_and_no_empty_one(letters: World) -> None:
    letters.save(OLD)
    letters.settle()
    letters.arm()
    letters.folder.rename(letters.disk.top / "away")
    document = letters.sweep()
    assert document["exit_code"] == 75
    assert letters.found(document) == {("unreachable", "no-directory"): 0}
    letters.folder.symlink_to(letters.disk.top / "away")
    assert letters.sweep()["exit_code"] == 75
    assert len(list((letters.disk.top / "away").iterdir())) == 1


def test_an_absent_mount_is_an_error_and_no_empty_folder(letters: World) -> None:
    """The empty place under an absent mount looks like a folder in which nothing is due."""
    letters.configure(mount=str(letters.disk.top))
    letters.save(OLD)
    letters.settle()
    letters.arm()
    letters.disk.unmount()
    letters.folder.mkdir()
    document = letters.sweep()
    letters.folder.rmdir()
    letters.disk.mount()
    assert document["exit_code"] == 75
    assert letters.found(document) == {("unreachable", "not-mounted"): 0}
    assert letters.sweep()["letters"]["fell_due"] == 1


def test_another_folder_in_its_place_is_not_what_an_interrupted_deed_meant(letters: World) -> None:
    """A restored or exchanged folder has another identity: keys of the old one are worth nothing there."""
    from retentiond.errors import Changed

    letters.save(OLD)
    letters.settle()
    with mailbox(letters) as opened:
        place = opened.find("letters")
    assert place is not None
    letters.folder.rename(letters.disk.top / "away")
    letters.folder.mkdir()
    with mailbox(letters) as opened, pytest.raises(Changed):
        opened.destroy(place, ["12:1:1:1"])


def test_a_hold_folder_keeps_what_lies_in_it_and_must_be_there(letters: World) -> None:
    letters.configure(hold_folder="On hold")
    held = letters.save(OLD, f"On hold/{CANARY}/letter.odt")
    letters.save(OLD)
    letters.settle()
    letters.arm()
    document = letters.sweep()
    assert [(row["folder"], row["verdict"]) for row in document["rows"] if row["verdict"] == "hold"] == [
        ("hold", "hold")
    ]
    assert held.exists()
    assert len(letters.letters()) == 1
    (letters.folder / "On hold").rename(letters.folder / "renamed")
    document = letters.sweep()
    assert document["exit_code"] == 75
    assert letters.letters() == {f"renamed/{CANARY}/letter.odt"}


def test_a_letter_moved_into_the_hold_folder_since_the_look_is_kept(letters: World) -> None:
    letters.configure(hold_folder="kept")
    path = letters.save(OLD)
    (letters.folder / "kept").mkdir()
    letters.settle()
    with mailbox(letters) as opened:
        place = opened.find("letters")
        assert place is not None
        root = os.open(letters.folder, os.O_RDONLY | os.O_DIRECTORY)
        [seen] = letters_walk.walk(root).files
        os.close(root)
        path.rename(letters.folder / "kept" / path.name)
        [outcome] = opened.destroy(place, [seen.key])
    assert outcome.result is Result.HELD


def test_the_lease_is_what_makes_the_difference(letters: World) -> None:
    """The kernel refuses the lease that a sweep asks for while somebody reads; else it grants it."""
    path = letters.save(OLD)
    with path.open("r+b") as ours:
        with path.open("rb"), pytest.raises(BlockingIOError):
            fcntl.fcntl(ours, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(ours, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(ours, fcntl.F_SETLEASE, fcntl.F_UNLCK)
