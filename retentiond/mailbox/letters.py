"""A folder of letters as a mailbox: what was saved there long enough ago is destroyed, bins included (P4).

Three folders are shown: `letters` (the directory and what lies below it), `trash` (the bins in it and
behind it) and `hold` (the hold folder). File names stay in this room: a key is made of numbers (P7). A
directory or a mount that is not there is an error, never an empty folder.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, NoReturn, Self

from retentiond.config import LettersSettings
from retentiond.core.clock import ClockReading
from retentiond.core.deeds import Outcome, Result
from retentiond.core.model import (
    Beside,
    Census,
    FolderView,
    Item,
    Key,
    Kind,
    Lot,
    Mark,
    Marks,
    Notice,
    Place,
    Ref,
    Role,
)
from retentiond.errors import Changed, Refused, Unsupported, Why
from retentiond.mailbox.base import (
    Abilities,
    Copy,
    Likeness,
    Mailbox,
    Message,
    Question,
    Sameness,
    Standing,
    Wanted,
)
from retentiond.mailbox.letters_destroy import destroy
from retentiond.mailbox.letters_disk import Mount
from retentiond.mailbox.letters_scene import Grounds, Lying, Scene
from retentiond.mailbox.marker import Marker

_ROLES: Final = {"letters": Role.OTHER, "trash": Role.TRASH, "hold": Role.HOLD}
#: Around the cutoff each letter comes with its own instant.
_MARGIN: Final = timedelta(days=1)


class LettersMailbox:
    """One folder of letters, with its bins."""

    def __init__(self, settings: LettersSettings, marker: Marker) -> None:
        self._settings = settings
        self._marker = marker
        self._grounds = Grounds(settings)

    @property
    def target(self) -> str:
        return self._settings.name

    @property
    def kind(self) -> Kind:
        return Kind.LETTERS

    @property
    def sameness(self) -> Sameness:
        return Sameness.BYTES

    @property
    def hold_sign(self) -> str:
        """None: a letter is held by the folder in which it lies."""
        return ""

    def __enter__(self) -> Self:
        self._grounds.open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._grounds.close()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def abilities(self) -> Abilities:
        with self._grounds.translated():
            return Abilities(
                server=f"a folder on {self._grounds.mount.kind}",
                destroys_exactly=True,
                carries_in_batches=False,
                searches_by_age=True,
                tells_rights=not self._grounds.mount.is_share,
                notes=_notes(self._grounds.mount, overwrites=self._settings.overwrite),
            )

    def clock(self, now: datetime) -> ClockReading:
        """No disk tells the time; its newest letter is what there is."""
        births = (lying.found.born for lying in self._grounds.scene().lying.values())
        return ClockReading(None, max((born for born in births if born is not None), default=None))

    def look(self, question: Question) -> Iterator[FolderView]:
        if question.correspondents:  # letters bear no addresses
            return
        scene = self._grounds.scene()
        for label in self._labels():
            yield self._view(label, scene, question)

    def _view(self, label: str, scene: Scene, question: Question) -> FolderView:
        place = self._place(label)
        mine = [lying for lying in scene.lying.values() if lying.label == label]
        sure: list[tuple[str, datetime]] = []
        items = []
        for lying in mine:
            key, born = lying.found.key, lying.found.born
            is_believed = born is not None and question.earliest <= born <= question.latest
            is_held = label == "hold"
            if born is not None and is_believed and (is_held or born < question.cutoff - _MARGIN):
                sure.append((key, born))
            else:
                sighting = self._sighting(lying, is_dated=is_believed)
                is_known_again = label == "letters" or not is_believed
                items.append(
                    Item(Ref(place, key), born, is_held, sighting=sighting if is_known_again else None)
                )
        return FolderView(
            self._census(place, mine, scene, question), _lots(place, sure, question), tuple(items)
        )

    def _census(self, place: Place, mine: Sequence[Lying], scene: Scene, question: Question) -> Census:
        births = [lying.found.born for lying in mine]
        ahead = None
        if question.ahead is not None:
            ahead = sum(born is not None and born < question.ahead for born in births)
        told = list(scene.notices.get(place.folder, ()))
        edited = sum(each.found.is_edited(question.latest) for each in mine if not each.found.residue_of)
        linked = sum(each.found.links > 1 for each in mine)
        told += [(notice, n) for notice, n in ((Notice.EDITED, edited), (Notice.HARD_LINK, linked)) if n]
        return Census(
            place,
            len(mine),
            ahead,
            looks_imported=question.wants_days and _is_one_day([born for born in births if born]),
            notices=tuple(told),
        )

    def _sighting(self, lying: Lying, *, is_dated: bool) -> Mark:
        """By what a letter is known again at its next look: its name, and where it has no date its inode as
        well, lest a new letter under an old name be taken for the old one."""
        if residue := lying.found.residue_of:
            return bytes.fromhex(residue[2])
        path = "\0".join((str(lying.root), *lying.found.path))
        inode = "" if is_dated else str(lying.found.inode)
        return self._marker.mark("letter", f"{self.target}\0{inode}\0{path}")

    def identify(self, place: Place, keys: Sequence[Key]) -> Iterator[Item]:
        """A letter is known by its file, which stays the same when it is renamed, edited or moved about."""
        self._check(place)
        lying = self._grounds.scene().lying
        here = {_file_of(key): each for key, each in lying.items() if each.label == place.folder}
        for key in keys:
            if (letter := here.get(_file_of(key))) is not None:
                mark = self._marker.mark("letter", f"{self.target}\0{_file_of(key)}")
                marks = Marks(message=mark)
                yield Item(Ref(place, key), letter.found.born, place.role is Role.HOLD, marks)

    def beside(self, question: Question) -> tuple[tuple[Beside, int], ...]:
        return ()

    def message_ids(self) -> NoReturn:
        self._no_deed()

    def named(self, place: Place, keys: Sequence[Key]) -> NoReturn:
        self._no_deed()

    def younger(self, question: Question, of: Sequence[str] = ()) -> NoReturn:
        self._no_deed()

    def place(self, role: Role) -> Place:
        """The letters themselves are what comes in; the other roles are bins and the hold folder."""
        for label in self._labels():
            if role in (_ROLES[label], Role.INBOX if label == "letters" else None):
                return self._place(label)
        raise Refused(self.target, Why.ROLE_UNKNOWN, role.value)

    def find(self, label: str) -> Place | None:
        return self._place(label) if label in self._labels() else None

    def names(self) -> dict[str, str]:
        directory = str(self._settings.directory)
        names = {
            "letters": directory,
            "trash": ", ".join((directory, *(each.path for each in self._grounds.bins))),
        }
        if self._settings.hold_folder:
            names["hold"] = f"{directory}/{self._settings.hold_folder}"
        return names

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def destroy(self, place: Place, keys: Sequence[Key], *, holds_win: bool = True) -> tuple[Outcome, ...]:
        self._check(place)
        scene = self._grounds.scene()
        doomed: list[Lying] = []
        answers: dict[Key, tuple[Result, str]] = {}
        for key in keys:
            lying = scene.lying.get(str(key))
            if lying is None:
                is_here = _file_of(key) in {_file_of(other) for other in scene.lying}
                answers[key] = (Result.CHANGED if is_here else Result.GONE_ALREADY, "")
            elif lying.label == "hold" and holds_win:
                answers[key] = (Result.HELD, "")
            elif lying.label != place.folder and lying.label != "hold":
                answers[key] = (Result.CHANGED, "")
            else:
                doomed.append(lying)
        answers |= self._destroy(doomed)
        groups: dict[tuple[Result, str], list[Key]] = {}
        for key in keys:
            groups.setdefault(answers[key], []).append(key)
        return tuple(Outcome(place, result, tuple(found), why=why) for (result, why), found in groups.items())

    def _destroy(self, doomed: Sequence[Lying]) -> dict[Key, tuple[Result, str]]:
        """Root by root; then looks again, for what is still there was not destroyed."""
        answers: dict[Key, tuple[Result, str]] = {each.found.key: (Result.DONE, "") for each in doomed}
        for root, descriptor in enumerate(self._grounds.roots):
            letters = [
                (each.found, self._sighting(each, is_dated=False)) for each in doomed if each.root == root
            ]
            for kept in destroy(descriptor, letters, overwrites=self._settings.overwrite):
                why = kept.why
                answers[kept.key] = (Result.CHANGED, "") if why is None else (Result.FAILED, why.value)
        left = {_file_of(key) for key in self._grounds.scene().lying} if doomed else set()
        for key, (result, _) in answers.items():
            if result is Result.DONE and _file_of(key) in left:
                answers[key] = (Result.FAILED, Why.DISK.value)
        self._grounds.forget_names([each for each in doomed if answers[each.found.key][0] is Result.DONE])
        return answers

    def stand(self, place: Place, keys: Sequence[Key]) -> Standing:
        """A letter that was only taken out of reach, or edited since, stands."""
        self._check(place)
        here = {_file_of(key): lying.label for key, lying in self._grounds.scene().lying.items()}
        present = tuple(key for key in keys if _file_of(key) in here)
        return Standing(present, tuple(key for key in present if here[_file_of(key)] == "hold"), ())

    def keeps_copies(self) -> bool | None:
        """Saves one empty-worded letter of our own, destroys it, and looks for it in every bin. None where
        the disk does not overwrite in place: there it is not known what is left."""
        name = f".retentiond-test-{secrets.token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, 0o600, dir_fd=self._grounds.roots[0])
            with os.fdopen(file, "wb") as test:
                test.write(b"A test of retentiond. It may be deleted.\n")
        except OSError:
            return None
        mine = [each for each in self._grounds.scene().lying.values() if each.found.name == name]
        answers = self._destroy(mine)
        if not answers or any(result is not Result.DONE for result, _ in answers.values()):
            with suppress(OSError):
                os.unlink(name, dir_fd=self._grounds.roots[0])
            return None
        sightings = {self._sighting(each, is_dated=False).hex() for each in mine}
        for lying in self._grounds.scene().lying.values():
            if lying.found.name == name or any(sighting in lying.found.name for sighting in sightings):
                return True
        return False if self._grounds.mount.is_written_in_place else None

    # ── what letters have none of ────────────────────────────────────────────────────────────────

    def fetch(
        self, place: Place, keys: Sequence[Key], sizes: Sequence[int] | None = None
    ) -> Iterator[Message]:
        self._no_deed()

    @property
    def takes_parcels(self) -> bool:
        return False

    def pack(self, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
        return {}

    def copies(self, place: Place, of: Sequence[Likeness], by: Sameness) -> Iterator[Copy]:
        self._no_deed()

    def add(self, place: Place, messages: Sequence[Message]) -> None:
        self._no_deed()

    def copy(self, place: Place, keys: Sequence[Key], home: Mailbox, sent: Place) -> bool:
        self._no_deed()

    def is_itself(self, place: Place, key: Key, home: Mailbox, sent: Place) -> bool:
        self._no_deed()

    def unmark(self, place: Place, keys: Sequence[Key]) -> None:
        self._no_deed()

    def hold(self, place: Place, keys: Sequence[Key]) -> None:
        self._no_deed()

    def unhold(self, place: Place, keys: Sequence[Key]) -> None:
        """A letter is held by lying in the hold folder, and by nothing else."""
        raise Refused(self.target, Why.HOLD_FOLDER, place.folder)

    def seek(self, wanted: Wanted) -> Iterator[Item]:
        self._no_deed()

    def _no_deed(self) -> NoReturn:
        raise Unsupported(self.target, Why.NO_DEED)

    # ── the disk's side ──────────────────────────────────────────────────────────────────────────

    def _labels(self) -> tuple[str, ...]:
        return ("letters", "trash", "hold") if self._settings.hold_folder else ("letters", "trash")

    def _place(self, label: str) -> Place:
        """Its version is the file system and the directory on it, by what outlives a restart."""
        with self._grounds.translated():
            root = self._grounds.roots[0]
            ground = f"{os.fstatvfs(root).f_fsid}:{os.fstat(root).st_ino}"
        return Place(self.target, label, _ROLES[label], zlib.crc32(ground.encode()))

    def _check(self, place: Place) -> None:
        if self.find(place.folder) != place:
            raise Changed(self.target, Why.NEW_VERSION, place.folder)


def _notes(mount: Mount, *, overwrites: bool) -> tuple[str, ...]:
    """What destruction is worth on this disk, by codes."""
    if mount.is_share:
        worth = "letters-share"
    elif not mount.is_written_in_place:
        worth = "letters-copies"
    else:
        worth = "letters-clear" if overwrites else "letters-unlinked"
    encryption = {True: "letters-encrypted", False: "letters-plain", None: "letters-encryption-unseen"}
    return worth, encryption[None if mount.is_share else mount.is_encrypted]


def _lots(place: Place, sure: Sequence[tuple[str, datetime]], question: Question) -> tuple[Lot, ...]:
    if not sure:
        return ()
    days = [born.date() for _, born in sure]
    is_held = place.role is Role.HOLD
    keys = tuple(sorted(key for key, _ in sure))
    return (Lot(place, keys, question.cutoff - _MARGIN, is_held, min(days), max(days)),)


def _is_one_day(births: Sequence[datetime]) -> bool:
    """Whether more than a fifth was saved on one day (an import, or a restored backup)."""
    days: dict[object, int] = {}
    for born in births:
        days[born.date()] = days.get(born.date(), 0) + 1
    return len(births) >= 20 and max(days.values()) * 5 > len(births)


def _file_of(key: Key) -> str:
    """The file that a key names, whatever became of its content: inode and birth."""
    return str(key).rsplit(":", 2)[0]
