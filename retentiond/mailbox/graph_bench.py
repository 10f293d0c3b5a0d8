"""What a probe makes in a mailbox is known again by its number, wherever it is put, and is all removed.

Messages lie in a folder of their own, are from the mailbox to itself, and are never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TypeVar

from retentiond.errors import Unreachable, Why
from retentiond.mailbox.base import Message
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.graph_answers import BATCH, Answer, Ask
from retentiond.mailbox.graph_destroy import hard_delete
from retentiond.mailbox.graph_line import TurnedAway
from retentiond.mailbox.graph_probe import make_folder, unmake_folder
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import LAST_VERB, STATE, NotUnderstood, Row, row_of, segment, text
from retentiond.mailbox.graph_write import written
from retentiond.mailbox.probe_message import TEST_NAME

_TEXT = "This is a test message of the mail retention program. It was sent to nobody and may be deleted."
_FLAGS = frozenset(("\\Flagged", "retentiond"))
#: How often an order that was turned away is given, and how often what is left is destroyed.
_ATTEMPTS = 10

_Given = TypeVar("_Given")


class Bench:
    """One folder of our own, and what was made in it."""

    def __init__(self, session: Session, number: str) -> None:
        self.session = session
        self.number = number
        self.received = (session.clock or datetime.now(UTC)).replace(microsecond=0) - timedelta(hours=30)
        self.sent = self.received - timedelta(minutes=2)
        self._made = 0
        self._names: set[str] = set()
        self._folder: Folder | None = None

    @property
    def folder(self) -> Folder:
        assert self._folder is not None
        return self._folder

    def begin(self) -> None:
        """Makes the folder. Raises Refused where the application may not."""
        self._folder = self.given(lambda: make_folder(self.session, self.name))

    @property
    def name(self) -> str:
        return TEST_NAME + self.number

    def _message(self, number: int) -> Message:
        own = self.session.line.mailbox
        mime = EmailMessage()
        mime["From"] = mime["To"] = own
        mime["Subject"] = f"retentiond test message {self.number}-{number}"
        mime["Message-ID"] = f"<{self.number}-{number}@retentiond.invalid>"
        mime["Date"] = format_datetime(self.sent)
        mime.set_content(_TEXT)
        return Message("", mime.as_bytes(), self.received, _FLAGS)

    def new(self, **more: bool) -> Row | None:
        """Makes a message by JSON; None where the server does not take it."""
        self._made += 1
        body = written(self._message(self._made)) | more
        where = f"{self.session.line.user}/mailFolders/{segment(self.folder.id)}/messages"
        answer = self.order(Ask(where, "POST", body))
        if not answer.is_good:
            return None
        try:
            row = self.now(row_of(answer.body).id)
        except NotUnderstood:
            raise Unreachable(self.session.target, Why.PROTOCOL) from None
        if row is not None:
            self._names.add(row.message_id)
        return row

    def now(self, identity: str) -> Row | None:
        [(_, row)] = self.session.items(self.folder, [identity], STATE, (LAST_VERB,))
        return row

    def found(self) -> list[tuple[Folder, Row]]:
        """All that bears our number, in whatever folder; nothing else is read. What the server finds is
        looked at once more: what is found may be destroyed."""
        where = f"contains(subject,{text(self.number)})"
        fields = ("id", "changeKey", "internetMessageId", "subject")
        found = self.session.found(self.session.layout().folders, fields, where)
        return [(folder, row) for folder, row in found if self.number in str(row.told.get("subject"))]

    def where(self, row: Row) -> Folder | None:
        """In which folder a message of ours stands; a move may have given it another id."""
        for folder, each in self.found():
            if each.id == row.id or (row.message_id and each.message_id == row.message_id):
                return folder
        return None

    def answers(self) -> list[Row]:
        """What bears our number, was not made here, and came to where mail comes: a receipt."""
        return [
            row
            for folder, row in self.found()
            if not folder.is_bin and folder.id != self.folder.id and row.message_id not in self._names
        ]

    def order(self, ask: Ask) -> Answer:
        return self.given(lambda: self.session.line.order(ask))

    def given(self, order: Callable[[], _Given]) -> _Given:
        """What came of an order, which is given again where it was turned away unheard."""
        for attempt in range(_ATTEMPTS):
            try:
                return order()
            except TurnedAway as turned:
                self.session.line.wait(attempt, turned.wait, turned.why)
        return order()

    def tidy(self) -> int | None:
        """Destroys all that bears our number, the folder too; how much of it the server keeps in its bins.
        None where something else is left."""
        self.session.layout(afresh=True)
        if self._folder is not None and not self._own():
            self.session.know(self._folder)
        self._destroy_all()
        for _ in range(_ATTEMPTS):
            for folder in self._own():
                unmake_folder(self.session, folder)
        left = self._destroy_all()
        if self._own() or not all(folder.is_bin for folder, _ in left):
            return None
        return len(left)

    def _destroy_all(self) -> list[tuple[Folder, Row]]:
        """Destroys what bears our number; what is left of it."""
        left = self.found()
        for attempt in range(_ATTEMPTS):
            is_again = [self.destroy(folder, rows, attempt) for folder, rows in _by_folder(left)]
            before, left = left, self.found()
            if not left or (_same(before, left) and not any(is_again)):
                break
        return left

    def _own(self) -> list[Folder]:
        return [each for each in self.session.layout().folders if each.path == self.name]

    def destroy(self, folder: Folder, rows: Sequence[Row], attempt: int) -> bool:
        """Orders the destruction of these; whether it is worth another attempt."""
        is_again = False
        for start in range(0, len(rows), BATCH):
            try:
                answers = hard_delete(self.session, folder.id, rows[start : start + BATCH])
            except TurnedAway as turned:
                self.session.line.wait(attempt, turned.wait, turned.why)
                return True
            except Unreachable:  # it may have been carried out: a look tells
                return True
            if later := [answer for answer in answers if answer.is_later or answer.status >= 500]:
                self.session.line.wait(attempt, max((each.wait or 0.0 for each in later), default=None))
                is_again = True
            lacks = not folder.is_bin and any(400 <= answer.status < 500 for answer in answers)
            if lacks and not self.session.lacks_hard_delete:
                self.session.lacks_hard_delete = is_again = True
        return is_again


def _by_folder(found: Sequence[tuple[Folder, Row]]) -> list[tuple[Folder, list[Row]]]:
    folders = {folder.id: folder for folder, _ in found}
    return [(each, [row for at, row in found if at.id == each.id]) for each in folders.values()]


def _same(before: Sequence[tuple[Folder, Row]], after: Sequence[tuple[Folder, Row]]) -> bool:
    return {(at.id, row.id) for at, row in before} == {(at.id, row.id) for at, row in after}
