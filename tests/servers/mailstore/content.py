"""What Exchange reads out of a message's bytes: decoded headers, people, bodies, attachments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from functools import cached_property

_HEADERS = BytesHeaderParser(policy=policy.compat32)
_WHOLE = BytesParser(policy=policy.default)
_PREFIX = re.compile(r"^((re|fw|fwd|aw|wg):\s*)+", re.I)


@dataclass(frozen=True, slots=True)
class Person:
    """A mailbox as a header names it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment; `message` is True for a message within the message."""

    name: str
    content_type: str
    content: bytes
    message: bool
    content_id: str = ""


class Content:
    """A message's bytes (RFC 5322) and what is read out of them."""

    def __init__(self, mime: bytes) -> None:
        self.mime = mime

    @cached_property
    def headers(self) -> Message:
        return _HEADERS.parsebytes(self.mime.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    @cached_property
    def whole(self) -> EmailMessage:
        parsed = _WHOLE.parsebytes(self.mime)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def header(self, name: str) -> str:
        """A header decoded and unfolded, or an empty string."""
        raw = self.headers.get(name)
        if raw is None:
            return ""
        try:
            text = str(make_header(decode_header(str(raw))))
        except (HeaderParseError, LookupError, UnicodeError):
            text = str(raw)
        return re.sub(r"\r?\n\s*", " ", text).strip()

    def people(self, name: str) -> tuple[Person, ...]:
        """The mailboxes of an address header."""
        found = getaddresses([self.header(name)]) if self.headers.get(name) else []
        return tuple(Person(person or address, address) for person, address in found if address)

    @cached_property
    def sender(self) -> Person | None:
        people = self.people("Sender") or self.people("From")
        return people[0] if people else None

    @cached_property
    def author(self) -> Person | None:
        people = self.people("From") or self.people("Sender")
        return people[0] if people else None

    @cached_property
    def subject(self) -> str:
        return self.header("Subject")

    @cached_property
    def message_id(self) -> str:
        return self.header("Message-ID")

    @cached_property
    def date(self) -> datetime | None:
        try:
            stamp = parsedate_to_datetime(self.header("Date"))
        except (TypeError, ValueError):
            return None
        return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)

    @cached_property
    def wants_receipt(self) -> bool:
        return bool(self.headers.get("Disposition-Notification-To") or self.headers.get("Return-Receipt-To"))

    @cached_property
    def topic(self) -> str:
        """The subject without its prefixes."""
        return self.header("Thread-Topic") or _PREFIX.sub("", self.subject)

    @cached_property
    def conversation(self) -> bytes:
        """16 bytes that the messages of one conversation share: by the first reference, else the own id."""
        named = re.findall(r"<[^<>\s]+>", self.header("References") + self.header("In-Reply-To"))
        root = named[0] if named else self.message_id or self.topic
        return hashlib.sha256(root.encode("utf-8", "replace")).digest()[:16]

    @cached_property
    def conversation_index(self) -> bytes:
        """A header block of 22 bytes, as PidTagConversationIndex has it."""
        return b"\x01\x00\x00\x00\x00\x00" + self.conversation

    def body(self, kind: str) -> str:
        """The text of the body: `kind` is "html" or "plain"; an empty string where there is none."""
        part = self.whole.get_body((kind,))
        payload = None if part is None else part.get_payload(decode=True)
        if part is None or not isinstance(payload, bytes):
            return ""
        try:
            return payload.decode(part.get_content_charset("utf-8"), "replace")
        except LookupError:
            return payload.decode("latin-1")

    @cached_property
    def attachments(self) -> tuple[Attached, ...]:
        return tuple(_attached(part) for part in self.whole.iter_attachments()) if self._may_attach else ()

    @cached_property
    def has_attachments(self) -> bool:
        return self._may_attach and bool(self.attachments)

    @property
    def _may_attach(self) -> bool:
        return self.headers.get_content_maintype() == "multipart"


def _attached(part: Message) -> Attached:
    kind = part.get_content_type()
    name = part.get_filename() or ""
    if kind == "message/rfc822":
        inner = part.get_payload(0)
        assert isinstance(inner, Message)
        return Attached(name or str(inner.get("Subject", "")), kind, inner.as_bytes(policy=policy.SMTP), True)
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    return Attached(name, kind, content, False, str(part.get("Content-ID", "")).strip("<> "))


def rewritten(mime: bytes, salt: str) -> bytes:
    """The same message as Exchange gives it back: never the bytes that it was given.

    Another order of headers, two more of them, another boundary; a signed message's parts are left
    alone. Decoded parts and the headers that matter are what they were.
    """
    head, blank, body = mime.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    fields = fields[1:] + fields[:1]
    new = b"\r\n".join(
        (
            f"X-MS-Exchange-Organization-SCL: -1\r\nX-MS-Exchange-Stand-In: {salt}".encode(),
            *fields,
        )
    )
    boundary = re.search(rb'(?im)^content-type:\s*multipart/(?!signed)[^"]*boundary="?([^";\r\n]+)', head)
    if boundary:
        fresh = b"_000_" + salt.encode() + b"_"
        new = new.replace(boundary[1], fresh)
        body = body.replace(b"--" + boundary[1], b"--" + fresh)
    return new + blank + body
