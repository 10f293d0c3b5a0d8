"""By what two messages are the same: their bytes, or what survives on a server that writes each anew.

Exchange keeps properties, not bytes: of one message it gives other bytes in another mailbox (boundaries,
trace headers, order). What survives is compared: the decoded parts, and the headers that people wrote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from retentiond.mailbox.base import Sameness

_ADDRESSES = ("from", "sender", "to", "cc")
_BLANKS = re.compile(r"\s+")


def digest(content: bytes, by: Sameness) -> bytes:
    """SHA-256 of a whole message: over its bytes, or over what survives of it."""
    return hashlib.sha256(content).digest() if by is Sameness.BYTES else likeness(content)


def likeness(mime: bytes) -> bytes:
    """SHA-256 over what survives of a message (RFC 5322): addresses in From, Sender, To and Cc, Subject,
    Date, Message-ID, and each part's type, file name and decoded content.

    Nothing raises on a malformed message: what cannot be read is compared as it stands.
    """
    found = hashlib.sha256()
    try:
        message = message_from_bytes(mime, policy=policy.compat32)
        for line in _lines(message):
            found.update(len(line).to_bytes(8, "big") + line)
    except RecursionError:  # parts within parts, more than anybody writes
        return hashlib.sha256(mime).digest()
    return found.digest()


def _lines(message: Message) -> Iterator[bytes]:
    for name in _ADDRESSES:
        yield _encoded(" ".join(sorted(_addresses(message, name))))
    yield _encoded(_text(message, "subject"))
    yield _encoded(_moment(message))
    yield _encoded(_text(message, "message-id").strip("<> "))
    for part in _told(message):
        if part.get_content_type() == "message/rfc822":
            yield b"message"
            inside = part.get_payload()
            for inner in inside if isinstance(inside, list) else ():
                if isinstance(inner, Message):
                    yield _encoded(_text(inner, "subject") + "\0" + _text(inner, "message-id"))
            continue
        yield part.get_content_type().encode("ascii", "replace")
        yield _encoded(_file_name(part))
        yield hashlib.sha256(_decoded(part)).digest()


def _told(part: Message) -> Iterator[Message]:
    """The parts that hold something. Plain text beside HTML is not one: Exchange keeps the HTML, and makes
    the text anew from it whenever somebody asks for the whole (RFC 2046, 5.1.4)."""
    if not part.is_multipart() or part.get_content_maintype() == "message":
        yield part
        return
    payload = part.get_payload()
    inside = [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    has_html = any(each.get_content_type() == "text/html" for one in inside for each in one.walk())
    is_choice = part.get_content_type() == "multipart/alternative" and has_html
    for each in inside:
        if not (is_choice and each.get_content_type() == "text/plain"):
            yield from _told(each)


def _decoded(part: Message) -> bytes:
    """The content of a part; of text its characters, whatever their encoding, and neither the ends of lines
    nor blanks at the end."""
    if part.get_content_maintype() == "text":
        return _encoded(text_of(part).replace("\r\n", "\n").rstrip())
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def text_of(part: Message) -> str:
    """The characters of a part of text; in an unknown encoding, and where they are none of it, each byte as
    it stands."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("us-ascii"))
    except (LookupError, ValueError):
        return content.decode("latin-1")


def _file_name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (LookupError, TypeError, UnicodeError, ValueError):
        return str(part.get("content-disposition", ""))


def _text(message: Message, name: str) -> str:
    """A header decoded, with single blanks."""
    return _BLANKS.sub(" ", decoded(str(message.get(name, "")))).strip()


def decoded(raw: str) -> str:
    """The words of a header (RFC 2047); as they stand where they are not to be decoded."""
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def _addresses(message: Message, name: str) -> list[str]:
    raw = [str(value) for value in message.get_all(name, [])]
    try:
        found = [address.casefold() for _, address in getaddresses(raw) if address]
    except (IndexError, TypeError, ValueError):
        found = []
    return found or [_text(message, name)]


def _moment(message: Message) -> str:
    """The Date as an instant; as it stands where it is none."""
    raw = str(message.get("date", ""))
    try:
        return str(int(parsedate_to_datetime(raw).timestamp()))
    except (IndexError, OverflowError, TypeError, ValueError):
        return raw.strip()


def _encoded(told: str) -> bytes:
    return told.encode("utf-8", "surrogateescape")
