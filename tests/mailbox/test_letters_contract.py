"""The contract on letters: a folder on a real ext4. What is mail's alone is skipped, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.config import LettersSettings
from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.core.period import Period
from retentiond.errors import Changed, Refused, Unsupported, Why
from retentiond.mailbox.base import Mailbox, Wanted
from retentiond.mailbox.letters import LettersMailbox
from retentiond.mailbox.scope import Scope
from tests.letters.disks import Disk, disk
from tests.mailbox.contract import LATELY, LONG_AGO, MailboxContract, due_in, question, results, view_of
from tests.mailbox.grounds import MARKER, Ground, Seen

#: What letters have none of, and the words by which a test of it is known.
LACKING = {
    "advisors": ("advisor", "address", "malformed", "answers", "configured_and_missing", "held_stray"),
    "carrying": ("way_home", "goes_home", "go_home", "stays_behind", "fetch", "twin", "copy_at_home"),
    "keywords": ("keyword", "interrupted_deed", "hold_set_since"),
    "flags": ("looking_leaves", "another_client_marked"),
    "threads": ("threads", "marks_come", "relatives"),
    "headers": ("is_sought",),
    "correspondents": ("correspondent", "party"),
    "folders": ("promises_business", "left_out", "to_leave_out", "role_and_by_label", "given_out_again"),
}


class LettersGround(Ground):
    """A disk; another program saves letters on it. Births are set before the folder is opened."""

    def __init__(self, made: Disk) -> None:
        self.disk = made
        self.folder = made.top / "letters"
        self.folder.mkdir(mode=0o700)
        self.names = {"inbox": ""}

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        self.disk.age()
        settings = LettersSettings(
            scope.target,
            self.folder,
            Period(months=6),
            "root",
            None,
            (),
            (".Trash-*",),
            scope.hold_folder,
            True,
            None,
        )
        return LettersMailbox(settings, MARKER)

    def put(  # type: ignore[override]
        self,
        folder: str,
        content: bytes,
        received: datetime,
        flags: Sequence[str] = (),
        where: str = "here",
    ) -> str:
        assert not flags, "a file has no flags"
        below = self.names.get(folder, folder)
        name = f"{len(list(self.folder.rglob('*')))}.eml"
        path = self.disk.write(f"letters/{below}/{name}", content, received)
        born = int(received.timestamp()) * 10**9 + received.microsecond * 1000
        return f"{path.stat().st_ino}:{born}:{len(content)}:{path.stat().st_mtime_ns}"

    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        below = self.folder / self.names.get(folder, folder)
        paths = sorted((path for path in below.glob("*.eml")), key=lambda path: int(path.stem))
        return [
            Seen(self.key(path), path.read_bytes(), self.born(path), frozenset())  # type: ignore[arg-type]
            for path in paths
        ]

    def key(self, path: Path) -> str:
        status = path.stat()
        born = int(self.born(path).timestamp() * 10**6) * 1000
        return f"{status.st_ino}:{born}:{status.st_size}:{status.st_mtime_ns}"

    def born(self, path: Path) -> datetime:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def flag(self, folder: str, uid: int, *flags: str) -> None:
        raise AssertionError("a file has no flags")

    def remake(self, folder: str) -> None:
        self.folder.rename(self.disk.top / "away")
        self.folder.mkdir(mode=0o700)


class TestLetters(MailboxContract):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> Iterator[LettersGround]:
        with disk(tmp_path) as made:
            yield LettersGround(made)

    @pytest.fixture(autouse=True)
    def _what_letters_lack(self, request: pytest.FixtureRequest) -> None:
        name = request.function.__name__
        for lack, words in LACKING.items():
            if any(word in name for word in words) and request.function.__qualname__.startswith("Mailbox"):
                pytest.skip(f"letters lack: {lack}")

    def test_what_is_past_its_date_is_found_and_the_rest_only_counted(self, ground: LettersGround) -> None:  # type: ignore[override]
        """The young ones come by themselves as well: their names are to be known again."""
        old = [ground.put("inbox", b"a letter", LONG_AGO) for _ in range(3)]
        young = [ground.put("inbox", b"a letter", LATELY) for _ in range(2)]
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
        assert due_in(view) == set(old)
        assert {item.ref.key for item in view.items} == set(young)
        assert all(item.sighting for item in view.items)
        assert (view.census.total, view.census.ahead) == (5, 3)

    def test_a_date_in_the_future_comes_by_itself(self, ground: LettersGround) -> None:  # type: ignore[override]
        ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
        key = ground.put("inbox", b"a letter", ahead)
        with ground.open() as mailbox:
            [item] = view_of(mailbox, "inbox").items
        assert (item.ref.key, item.received) == (key, ahead)

    def test_letters_bear_no_addresses_so_none_is_a_correspondents(self, ground: LettersGround) -> None:
        ground.put("inbox", b"From: ann@post.example\r\n\r\na letter", LONG_AGO)
        with ground.open() as mailbox:
            assert list(mailbox.look(question(correspondents=("ann@post.example",)))) == []

    def test_looking_leaves_everything_as_it_was_here_too(self, ground: LettersGround) -> None:
        """Not even the time of the last reading changes."""
        for n in range(4):
            ground.put("inbox", b"a letter", LONG_AGO + timedelta(days=n))
        with ground.open() as mailbox:
            before = [(path.name, path.stat()) for path in sorted(ground.folder.iterdir())]
            views = list(mailbox.look(question(wants_days=True)))
            mailbox.stand(views[0].place, views[0].lots[0].keys)
            mailbox.clock(datetime.now(UTC))
            mailbox.abilities()
            assert [(path.name, path.stat()) for path in sorted(ground.folder.iterdir())] == before

    def test_a_place_is_found_by_role_and_by_label_here_too(self, ground: LettersGround) -> None:
        with ground.open() as mailbox:
            place = mailbox.place(Role.TRASH)
            assert place == mailbox.find("trash") == view_of(mailbox, "trash").place
            assert mailbox.find("hold") is None
            for role in (Role.SENT, Role.HOLD):
                with pytest.raises(Refused) as caught:
                    mailbox.place(role)
                assert caught.value.why is Why.ROLE_UNKNOWN

    def test_a_key_that_was_given_out_again_is_not_destroyed(self, ground: LettersGround) -> None:
        """Another folder in the same place; and the same inode, born anew."""
        key = ground.put("inbox", b"a letter", LONG_AGO)
        with ground.open() as mailbox:
            place = view_of(mailbox, "inbox").place
            inode, _, rest = key.partition(":")
            forged = f"{inode}:1:{rest.partition(':')[2]}"
            assert results(mailbox.destroy(place, [forged])) == {Result.GONE_ALREADY: (forged,)}
        ground.remake("inbox")
        with ground.open() as mailbox, pytest.raises(Changed):
            mailbox.destroy(place, [key])
        assert len(list((ground.disk.top / "away").iterdir())) == 1

    def test_what_letters_cannot_do_is_refused_and_not_attempted(self, ground: LettersGround) -> None:
        with ground.open() as mailbox:
            assert mailbox.kind is Kind.LETTERS
            place = mailbox.place(Role.INBOX)
            for deed in (
                lambda: mailbox.fetch(place, []),
                lambda: mailbox.copies(place, [], mailbox.sameness),
                lambda: mailbox.add(place, []),
                lambda: mailbox.copy(place, [], mailbox, place),
                lambda: mailbox.hold(place, []),
                lambda: mailbox.seek(Wanted("any")),
                lambda: mailbox.unmark(place, []),
                mailbox.message_ids,
            ):
                with pytest.raises(Unsupported) as caught:
                    deed()
                assert caught.value.why is Why.NO_DEED
        assert not any(ground.folder.iterdir())
