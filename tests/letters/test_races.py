"""What another program does to a letter between our last look at it and the rename that takes it away."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retentiond.core.deeds import Result
from retentiond.mailbox import letters_walk
from retentiond.mailbox.letters import LettersMailbox
from tests.letters.test_faults import mailbox
from tests.letters.world import OLD, World
from tests.servers.seed import CANARY

_DEEDS: list[Callable[[], None]] = []


def _before_rename(event: str, _arguments: object) -> None:
    if event == "os.rename" and _DEEDS:
        _DEEDS.pop()()


sys.addaudithook(_before_rename)  # cannot be taken away again; without a deed it does nothing


def destroyed(letters: World, opened: LettersMailbox, deed: Callable[[], None]) -> Result:
    """The answer for the one letter, where `deed` happens just before it is taken out of reach."""
    place = opened.find("letters")
    assert place is not None
    root = os.open(letters.folder, os.O_RDONLY | os.O_DIRECTORY)
    [seen] = letters_walk.walk(root).files
    os.close(root)
    _DEEDS.append(deed)
    [outcome] = opened.destroy(place, [seen.key])
    assert not _DEEDS
    return outcome.result


def a_letter(path: Path) -> None:
    path.write_bytes(b"a new letter")


def a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "young.odt").write_bytes(b"a new letter")


@pytest.mark.parametrize("other", [a_letter, a_link, a_folder])
def test_what_took_a_letters_name_keeps_it(letters: World, other: Callable[[Path], None]) -> None:
    path = letters.save(OLD, f"{CANARY}.odt")
    letters.settle()
    away = letters.disk.top / "away"

    def swap() -> None:
        path.rename(away)
        other(path)

    with mailbox(letters) as opened:
        assert destroyed(letters, opened, swap) is not Result.DONE
    assert {each.name for each in letters.folder.iterdir()} == {path.name}
    assert away.exists()


def test_a_letter_that_is_renamed_in_the_middle_is_left_for_the_next_look(letters: World) -> None:
    path = letters.save(OLD, content=b"the text")
    letters.settle()
    other = path.with_name("other.odt")
    with mailbox(letters) as opened:
        assert destroyed(letters, opened, lambda: os.replace(path, other)) is Result.CHANGED  # noqa: PTH105
    assert other.read_bytes() == b"the text"


@pytest.mark.parametrize("overwrite", [True, False])
def test_of_a_letter_that_got_a_second_name_in_the_middle_nobody_says_it_is_gone(
    letters: World, overwrite: bool
) -> None:
    letters.configure(overwrite=overwrite)
    path = letters.save(OLD)
    letters.settle()
    with mailbox(letters) as opened:
        assert destroyed(letters, opened, lambda: os.link(path, letters.disk.top / "second")) is Result.FAILED


def test_an_edit_in_the_middle_does_not_reach_a_letter_that_is_going(letters: World) -> None:
    """The lease makes whoever opens it wait: what is destroyed is what was seen."""
    path = letters.save(OLD)
    letters.settle()
    with mailbox(letters) as opened:

        def edit() -> None:
            with pytest.raises(BlockingIOError):
                os.open(path, os.O_WRONLY | os.O_NONBLOCK)

        assert destroyed(letters, opened, edit) is Result.DONE
    assert letters.letters() == set()
