"""The law of letters, in random trees: only due regular files of the tree go, and all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.letters.world import World, cutoff, world

#: What may lie in a folder: how many hours before the cutoff it was first saved, and what it is.
_ages = st.sampled_from([-24 * 50, -24 * 2, -1, 1, 24, 24 * 30, 24 * 300])
_names = st.sampled_from(
    ["a", "b", ".hidden", "~$a.docx", ".~lock.a#", "with blank", "new\nline", "é", "\udc80"]
)
_folders = st.sampled_from(
    ["", "", "sub", "sub/deep", ".Trash-1000/files", "#recycle", ".recycle/x", "On hold"]
)
_kinds = st.sampled_from(
    ["file", "file", "file", "file", "link", "folder link", "pipe", "second name", "hole"]
)
_things = st.lists(st.tuples(_folders, _names, _ages, _kinds), max_size=12)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("laws")) as letters:
        letters.configure("[limits]\nunforeseen = 10000\n", hold_folder="On hold")
        (letters.folder / "On hold").mkdir()
        letters.run("arm", "letters-1", "--destroy", "0")
        yield letters


@contextmanager
def emptied(letters: World) -> Iterator[Path]:
    """The folder without anything in it, and another one beside it with somebody else's file."""
    for entry in [*letters.folder.iterdir(), *(letters.disk.top / "theirs").glob("*")]:
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    (letters.folder / "On hold").mkdir()
    # Here an inode is given out again with the very birth that it had: no disk does that by itself.
    with letters.book() as book:
        for hold in book.holds.all():
            book.holds.release(hold.id, "uid 0", datetime.now(UTC))
    theirs = letters.disk.write("theirs/file", b"theirs", datetime(2001, 1, 1, tzinfo=UTC))
    yield theirs


@given(_things)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_only_due_letters_go_and_all_of_them(ground: World, things: list[tuple[str, str, int, str]]) -> None:
    with emptied(ground) as theirs:
        edge = cutoff()
        must_go, must_stay = set(), {"On hold"}
        for folder, name, hours, kind in things:
            path = f"{folder}/{name}" if folder else name
            if os.path.lexists(ground.folder / path):
                continue
            place = ground.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            is_due = hours > 0 and folder != "On hold" and kind in ("file", "hole")
            (must_go if is_due else must_stay).add(path)
            match kind:
                case "link":
                    place.symlink_to(theirs)
                case "folder link":
                    place.symlink_to(theirs.parent)
                case "pipe":
                    os.mkfifo(place)
                case _:
                    born = edge - timedelta(hours=hours)
                    ground.save(datetime.now(UTC) - born, path)
                    if kind == "second name":
                        os.link(place, theirs.parent / f"other {len(must_stay)}")
                    if kind == "hole":
                        os.truncate(place, 10**9)
                        os.utime(place, (0, 0))
        ground.settle()
        document = ground.sweep()
        for path in must_stay:
            assert os.path.lexists(ground.folder / path), "what is not due, or no letter, stays"
        for path in must_go:
            assert not os.path.lexists(ground.folder / path), "what is due is gone"
        assert theirs.read_bytes() == b"theirs", "what a link leads to is nobody's to destroy"
        assert not [name for name in ground.letters() if ".retentiond" in name]
        assert document["exit_code"] in (0, 1)
        done = sum(row["count"] for row in document["outcomes"] if row["result"] == "destroyed")
        assert done <= len(must_go)
