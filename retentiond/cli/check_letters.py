"""What `check` says of a folder of letters: where it lies, who may read it, what destruction is worth."""

from __future__ import annotations

from collections.abc import Iterator

from retentiond.core.model import Census, FolderView, Notice
from retentiond.errors import Exit
from retentiond.mailbox.base import Abilities
from retentiond.report.letters import OUT_OF_REACH, WORTH, notice_sentence

#: What is a shortcoming of the folder and not of what lies in it.
_ASKED = (
    Notice.OPEN_TO_OTHERS,
    Notice.RIGHTS_UNKNOWN,
    Notice.NO_SUCH_USER,
    Notice.OTHER_MOUNT,
    Notice.BIN_NOT_TOLD_APART,
)


def answers(abilities: Abilities, folders: tuple[FolderView, ...]) -> Iterator[tuple[str, str, int]]:
    """Lines as what, answer, exit code."""
    yield "folder", f"{abilities.server}, reached", Exit.DONE
    for code in abilities.notes:
        yield "destruction", WORTH[code], Exit.DONE
    told = [*_told(folders)]
    yield from told
    if not any(code for _, _, code in told) and abilities.tells_rights:
        yield "rights", "open to nobody but those who are named", Exit.DONE
    yield "reach", OUT_OF_REACH, Exit.DONE
    dates = any(item.received is None for folder in folders for item in folder.items)
    if dates:
        yield (
            "age",
            "this file system keeps no birth: letters count from when they were first seen",
            Exit.DONE,
        )
    yield "folders", ", ".join(folder.place.folder for folder in folders), Exit.DONE


def _told(folders: tuple[FolderView, ...]) -> Iterator[tuple[str, str, int]]:
    for folder in folders:
        census: Census = folder.census
        for notice, count in census.notices:
            if notice in _ASKED:
                code = Exit.DONE if notice.is_harmless else Exit.FINDINGS
                yield "rights", notice_sentence(notice, count, f" in {census.place.folder}"), code
