"""The folder of letters and the bins behind it, opened: one walk over all of it is a Scene.

What the kernel says becomes one of the four failures here, without a name in it (P7).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from retentiond.config import LettersSettings
from retentiond.core.model import Notice
from retentiond.errors import Refused, Unreachable, Why
from retentiond.mailbox.letters_bins import (
    bins_outside,
    info_of,
    is_bin,
    look_into,
    opened,
    sizes_of,
    thrown_away,
)
from retentiond.mailbox.letters_destroy import remove_emptied, unlink_beside
from retentiond.mailbox.letters_disk import missing_mount, mount_of
from retentiond.mailbox.letters_rights import Readers, notices
from retentiond.mailbox.letters_walk import Found, Walk, walk


@dataclass(frozen=True, slots=True, repr=False)
class Lying:
    """A letter where it lies: below which root (the directory is the first), under which label."""

    root: int
    found: Found
    label: str


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """Everything as one walk found it. `notices` are by label."""

    lying: dict[str, Lying]
    notices: dict[str, list[tuple[Notice, int]]]


class Grounds:
    """The directory (the first of `roots`) and the bins elsewhere, as descriptors, with the mount."""

    def __init__(self, settings: LettersSettings) -> None:
        self._settings = settings
        self._stack = ExitStack()

    def open(self) -> None:
        """Raises Unreachable where the directory, or what should be mounted, is not there."""
        settings, directory = self._settings, str(self._settings.directory)
        is_absent = settings.mount is not None and not os.path.ismount(settings.mount)
        if is_absent or missing_mount(directory) or missing_mount(os.path.realpath(directory)):
            raise Unreachable(settings.name, Why.NOT_MOUNTED)
        with self.translated(), ExitStack() as stack:
            self.roots = [stack.enter_context(opened(directory))]
            self.mount = mount_of(self.roots[0])
            users = [settings.manager, *([settings.deputy] if settings.deputy else [])]
            real = str(Path(f"/proc/self/fd/{self.roots[0]}").readlink())  # links on the way followed
            self.bins, self._untold = bins_outside(real, self.mount, settings.bins, users)
            self.roots += [stack.enter_context(opened(each.path)) for each in self.bins]
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def scene(self) -> Scene:
        """Walks everything. A hold folder that is missing would let go what somebody held."""
        scene = Scene({}, {})
        hold = self._settings.hold_folder
        readers = Readers.of(
            (self._settings.manager, *filter(None, (self._settings.deputy,)), *self._settings.backup)
        )
        with self.translated():
            if hold is not None and not is_folder(self.roots[0], hold):
                raise Refused(self._settings.name, Why.NO_FOLDER, "hold")
            for root, descriptor in enumerate(self.roots):
                found = walk(descriptor) if root == 0 else look_into(descriptor, self.bins[root - 1])
                self._lay(root, found, scene)
                label = "letters" if root == 0 else "trash"
                told = notices(descriptor, readers, is_share=self.mount.is_share)
                scene.notices.setdefault(label, []).extend([*told, *found.passed.items()])
        if self._untold:
            scene.notices.setdefault("trash", []).append((Notice.BIN_NOT_TOLD_APART, self._untold))
        scene.notices.update({label: _summed(told) for label, told in scene.notices.items()})
        return scene

    def _lay(self, root: int, found: Walk, scene: Scene) -> None:
        paths = {file.path for file in found.files}
        things = {info for file in found.files if (info := info_of(file)) is not None}
        for file in found.files:
            label = "trash" if root else self._label(file)
            if file.path in things & paths and label == "trash":
                continue  # an info file goes with its letter
            scene.lying.setdefault(file.key, Lying(root, file, label))

    def _label(self, file: Found) -> str:
        if file.folders[:1] == (self._settings.hold_folder,):
            return "hold"
        return "trash" if any(is_bin(name, self._settings.bins) for name in file.folders) else "letters"

    def forget_names(self, gone: Iterable[Lying]) -> None:
        """What a bin keeps of the name of what was thrown away goes when no letter of it is left: its note,
        and where it was a folder, the folder itself and the bin's list of sizes (P7)."""
        gone = [each for each in gone if each.label == "trash"]
        if not gone:
            return
        left = [each for each in self.scene().lying.values() if each.label != "letters"]
        for root, note in _where(_note, gone) - _where(_note, left):
            unlink_beside(self.roots[root], note)
        for root, emptied in _where(self._folder, gone) - _where(self._folder, left):
            remove_emptied(self.roots[root], emptied)
        for root, sizes in _where(_sizes, [each for each in gone if self._folder(each)]):
            unlink_beside(self.roots[root], sizes)

    def _folder(self, lying: Lying) -> tuple[str, ...] | None:
        """The folder with which a letter was thrown away."""
        outside = self.bins[lying.root - 1] if lying.root else None
        return thrown_away(lying.found, outside, self._settings.bins)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """What the kernel says becomes one of ours, without a name in it."""
        try:
            yield
        except FileNotFoundError:
            raise Unreachable(self._settings.name, Why.NO_DIRECTORY) from None
        except PermissionError:
            raise Refused(self._settings.name, Why.NO_RIGHT) from None
        except OSError as error:
            gone = error.errno in (errno.ELOOP, errno.ENOTDIR)
            raise Unreachable(self._settings.name, Why.NO_DIRECTORY if gone else Why.DISK) from None


def _note(lying: Lying) -> tuple[str, ...] | None:
    return info_of(lying.found)


def _sizes(lying: Lying) -> tuple[str, ...] | None:
    return sizes_of(lying.found)


def _where(
    leads: Callable[[Lying], tuple[str, ...] | None], lying: Iterable[Lying]
) -> set[tuple[int, tuple[str, ...]]]:
    return {(each.root, path) for each in lying if (path := leads(each)) is not None}


def is_folder(root: int, name: str) -> bool:
    """Whether this is a folder below the root, itself no link, and called so to the letter: a disk that does
    not mind case opens `On Hold` as `on hold`, and what lies in it would not be held."""
    if name not in os.listdir(root):
        return False
    try:
        descriptor = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return False
    os.close(descriptor)
    return True


def _summed(told: Sequence[tuple[Notice, int]]) -> list[tuple[Notice, int]]:
    sums: dict[Notice, int] = {}
    for notice, count in told:
        sums[notice] = sums.get(notice, 0) + count
    return list(sums.items())
