"""Invented mail for a small helpline, the same for the same arguments, and fast ways to lay it down.

Every address ends in `.example`. Unless told otherwise, subject, body, address, display name and
attachment name all carry one odd word, the canary, which must turn up in nothing that we write.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode as utf7

from tests.servers.client import Person, Server, signed_in
from tests.servers.dovecot import Dovecot

CANARY = "quixotrill"

_BATCH_MESSAGES = 500
_BATCH_BYTES = 8 * 1024 * 1024
_MAILDIR_FLAGS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
#: Dovecot gives out UIDs in the order of these numbers, which begin the files' names.
_FILE_NUMBERS = itertools.count(1_000_000_000)


@dataclass(frozen=True, slots=True, repr=False)
class Seed:
    """A message as it is to stand in a mailbox. `received` is aware, in whole seconds."""

    content: bytes
    received: datetime
    flags: tuple[str, ...] = ()


def letter(
    message_id: str,
    *,
    sender: str = "",
    recipient: str = "helpline@relay.example",
    date: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC),
    subject: str = "",
    body: str = "",
    size: int = 0,
    in_reply_to: str = "",
    references: Sequence[str] = (),
    on_behalf_sender: str = "",
    attachment: bool = False,
    canary: str = CANARY,
) -> bytes:
    """One message (RFC 5322, CRLF). The same arguments give the same bytes.

    Message-IDs are given without angle brackets. `size` pads the text to about that many bytes.
    `on_behalf_sender` fills the Sender field. `canary=""` leaves the odd word out.
    """
    message = EmailMessage(policy=SMTP)
    local = f"{canary}.{message_id.partition('@')[0]}".lstrip(".")
    message["From"] = sender or f'"{canary or "A"} Writer" <{local}@{canary or "post"}.example>'
    if on_behalf_sender:
        message["Sender"] = on_behalf_sender
    message["To"] = recipient
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}>"
    if in_reply_to:
        message["In-Reply-To"] = f"<{in_reply_to}>"
    if references:
        message["References"] = " ".join(f"<{reference}>" for reference in references)
    message["Subject"] = subject or f"{canary} asks for advice".strip()
    text = body or f"This is the {canary} text of {message_id}.\r\n"
    message.set_content(text + _padding(size - len(text)), cte="7bit")
    if attachment:
        message.add_attachment(
            f"{canary} {message_id}".encode(),
            maintype="application",
            subtype="octet-stream",
            filename=f"{canary or 'paper'}.bin",
        )
        message.set_boundary(f"=-{message_id.partition('@')[0]}")
    return message.as_bytes()


def stream(
    count: int,
    first: datetime,
    last: datetime,
    *,
    seed: int = 0,
    recipient: str = "helpline@relay.example",
    size: int = 800,
    flags: tuple[str, ...] = ("\\Seen",),
    canary: str = CANARY,
) -> Iterator[Seed]:
    """`count` messages received between two instants (aware), in order, at seeded random seconds.

    Built from one template: 100,000 of them take about a second.
    """
    span = int((last - first).total_seconds())
    chance = random.Random(seed)
    offsets = sorted(chance.randrange(span + 1) for _ in range(count))
    mark = "0" * 12
    template = letter(
        f"{mark}@post.example", recipient=recipient, date=first, size=size, canary=canary
    ).split(mark.encode())
    for number, offset in enumerate(offsets):
        content = f"{seed % 1000:03d}{number:09d}".encode().join(template)
        yield Seed(content, (first + timedelta(seconds=offset)).replace(microsecond=0), flags)


def append_all(client: IMAPClient, folder: str, messages: Iterable[Seed]) -> int:
    """Appends over IMAP: in batches where the server offers MULTIAPPEND, else one by one."""
    many = client.has_capability("MULTIAPPEND")
    count = 0
    for batch in _batches(messages):
        count += len(batch)
        if many:
            parts = [{"msg": m.content, "flags": m.flags, "date": m.received} for m in batch]
            # multiappend() returns a NO instead of raising it.
            kind, _words = client.multiappend(folder, parts) if len(parts) > 1 else ("", b"")
            assert kind != "NO", "the server refused the batch"
        if not many or len(batch) == 1:
            for message in batch:
                client.append(folder, message.content, message.flags, message.received)
    return count


def fill(server: Server, user: Person, folder: str, messages: Iterable[Seed]) -> int:
    """The fastest way that the server has; the folder is made where it is missing."""
    if isinstance(server, Dovecot) and server.options.store == "maildir":
        return fill_maildir(server, user, folder, messages)
    with signed_in(server, user) as client:
        if not client.folder_exists(folder):
            client.create_folder(folder)
        return append_all(client, folder, messages)


def fill_maildir(server: Dovecot, user: Person, folder: str, messages: Iterable[Seed]) -> int:
    """Writes the files of a Maildir directly; the file's time is the INTERNALDATE.

    Sessions that have the folder open see the messages after their next NOOP.
    """
    root = server.home(user) / "maildir"
    path = root if folder == "INBOX" else root / ("." + utf7(folder).decode("ascii").replace("/", "."))
    for part in (server.home(user), root, path, path / "cur", path / "new", path / "tmp"):
        if not part.exists():
            part.mkdir(mode=0o700)
            server.give(part)
    keywords = _Keywords(server, path / "dovecot-keywords")
    count = 0
    uid, gid = server.owner_ids
    directory = os.open(path / "cur", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for message in messages:
            size = len(message.content)
            name = f"{next(_FILE_NUMBERS)}.P{os.getpid()}.rd,S={size},W={size}:2,"
            name += "".join(sorted(keywords.letter(flag) for flag in message.flags))
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
            try:
                os.write(file, message.content)
                stamp = int(message.received.timestamp())
                os.utime(file, (stamp, stamp))
                os.fchown(file, uid, gid)
            finally:
                os.close(file)
            count += 1
    finally:
        os.close(directory)
    return count


class _Keywords:
    """Letters for flags in a Maildir file's name; keywords get theirs from `dovecot-keywords`."""

    def __init__(self, server: Dovecot, path: Path) -> None:
        self._server = server
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self._known = {line.partition(" ")[2]: int(line.partition(" ")[0]) for line in lines}

    def letter(self, flag: str) -> str:
        if flag in _MAILDIR_FLAGS:
            return _MAILDIR_FLAGS[flag]
        if flag not in self._known:
            number = max(self._known.values(), default=-1) + 1
            assert number < 26, "a Maildir has room for 26 keywords"
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{number} {flag}\n")
            self._server.give(self._path)
            self._known[flag] = number
        return chr(ord("a") + self._known[flag])


def _batches(messages: Iterable[Seed]) -> Iterator[list[Seed]]:
    batch: list[Seed] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _BATCH_MESSAGES or size + len(message.content) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.content)
    if batch:
        yield batch


def _padding(size: int) -> str:
    line = "Words enough to give this letter its length, and no more than that.\r\n"
    return line * max(0, size // len(line))
