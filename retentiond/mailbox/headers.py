"""The few header fields that may be looked at become Marks; no text survives this room (P3, P7).

Nothing here raises on a malformed header: a sender writes it, and a sweep must not stop for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from email.utils import getaddresses
from unicodedata import normalize

from retentiond.core.model import Mark, Marks
from retentiond.mailbox.base import Likeness
from retentiond.mailbox.marker import Marker

#: What an IMAP FETCH asks for to recognise a reply by its identity, and by its thread (RFC 5322, 3.6).
IDENTITY_FIELDS = ("FROM", "SENDER", "MESSAGE-ID")
KIN_FIELDS = ("MESSAGE-ID", "IN-REPLY-TO", "REFERENCES")
THREAD_FIELDS = (*IDENTITY_FIELDS, "TO", "CC", "BCC", "IN-REPLY-TO", "REFERENCES")
#: Who else is party to a message: whoever sent it on as it was, and to whom (RFC 5322, 3.6.6).
_RESENT = tuple(f"RESENT-{name}" for name in ("FROM", "SENDER", "TO", "CC", "BCC"))
_FURTHER = ("REPLY-TO", *_RESENT)
#: The same for an erasure, and the fields of it that name the parties.
PARTY_FIELDS = (*THREAD_FIELDS, *_FURTHER)
PARTIES = ("FROM", "SENDER", "TO", "CC", "BCC", *_FURTHER)

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_LINE_END = re.compile(r"\r?\n")
_HEADER_END = re.compile(rb"\r\n\r\n|\n\n")
_ONE_ADDRESS = re.compile(r'\s*(?:"[^"\\]*"|[^"<>@,;:()]*?)\s*<([^<>@,\s"]+@[^<>@,\s"]+)>\s*')
_ID = re.compile(r"<([^<>]+)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ANY_ADDRESS = re.compile(r"[^\s<>,;:()\[\]\"\\@]+@[^\s<>,;:()\[\]\"\\@]+")
_LONGEST_ADDRESS = 254


def fields_of(header: bytes) -> dict[str, str]:
    """The fields of a header block: lower-case name to unfolded value; repeated fields are joined."""
    end = _HEADER_END.search(header)
    head = header[: end.start()] if end else header
    text = _FOLD.sub("", head.decode("utf-8", "surrogateescape"))
    fields: dict[str, str] = {}
    for line in _LINE_END.split(text):  # splitlines() would end one at a form feed within a name
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
    return fields


def marks_of(header: bytes, marker: Marker) -> Marks:
    """The marks of a header block (CRLF or LF lines, with or without the body behind it)."""
    fields = fields_of(header)
    recipients = ", ".join(fields[name] for name in ("to", "cc", "bcc") if name in fields)
    parents = " ".join(fields[name] for name in ("in-reply-to", "references") if name in fields)
    message = fields.get("message-id", "").strip()
    return Marks(
        authors=_addresses(fields.get("from", ""), marker),
        senders=_addresses(fields.get("sender", ""), marker),
        recipients=_addresses(recipients, marker),
        message=marker.message(message) if message else None,
        parents=frozenset(marker.message(each) for each in _ID.findall(parents)),
    )


def parties_of(header: bytes, marker: Marker) -> Marks:
    """The marks of a header block for an erasure, Reply-To and the Resent fields included.

    Here a field that no parser understands gives every address in it: one that was overlooked would leave
    a message behind, or destroy what is somebody else's too.
    """
    fields = fields_of(header)
    recipients = ", ".join(fields[name] for name in ("to", "cc", "bcc") if name in fields)
    further = ", ".join(fields[name.lower()] for name in _FURTHER if name.lower() in fields)
    return replace(
        marks_of(header, marker),
        authors=every_address(fields.get("from", ""), marker),
        senders=every_address(fields.get("sender", ""), marker),
        recipients=every_address(recipients, marker),
        further=every_address(further, marker),
    )


def resent_in(header: str, marker: Marker) -> frozenset[Mark]:
    """The marks of everybody by whom and to whom a message was sent on, of the header block that a server
    kept of it; none where it kept none."""
    fields = fields_of(header.encode("utf-8", "surrogateescape"))
    return every_address(", ".join(fields.get(name.lower(), "") for name in _RESENT), marker)


def every_address(value: str, marker: Marker) -> frozenset[Mark]:
    """The marks of what a parser finds, and of whatever else looks like an address outside a quoted name."""
    if not value:
        return frozenset()
    odd = (each for each in _ANY_ADDRESS.findall(_QUOTED.sub(" ", value)) if not each.startswith("=?"))
    # With a blank in it, it is an address and something else; a quoted local part may have one.
    sound = (each for each in _bare(value) if each.startswith('"') or not any(map(str.isspace, each)))
    return frozenset(marker.address(each) for each in (*odd, *sound))


def marks_in(addresses: Iterable[str], marker: Marker) -> frozenset[Mark]:
    """The marks of addresses that a server took out of a message. Where it took more for one than is one,
    each that is in it; what is none (a name of the organisation's directory) is somebody all the same."""
    found = (every_address(each, marker) or {marker.address(each)} for each in addresses if each)
    return frozenset(mark for marks in found for mark in marks)


def is_address(text: str) -> bool:
    """Whether this can be the address of a correspondent, in any script."""
    return len(text) <= _LONGEST_ADDRESS and text.isprintable() and bool(_ANY_ADDRESS.fullmatch(text))


def spellings(address: str) -> tuple[str, ...]:
    """An address as headers may spell it: as given, and with its domain in the other form (RFC 5890)."""
    local, _, domain = address.strip().rpartition("@")
    known = {address.strip().lower(): address.strip()}
    with suppress(UnicodeError):  # a domain that is none is sought as it was given
        ascii_form = _by_label(domain, _a_label)
        for other in (ascii_form, _by_label(ascii_form, _u_label)):
            known.setdefault(f"{local}@{other}".lower(), f"{local}@{other}")
    return tuple(known.values())


def _by_label(domain: str, spelt: Callable[[str], str]) -> str:
    return ".".join(map(spelt, domain.split(".")))


def _a_label(label: str) -> str:
    """Python's own codec `idna` is of 2003: it takes straße.example for strasse.example, somebody else's."""
    return label if label.isascii() else "xn--" + normalize("NFC", label.lower()).encode("punycode").decode()


def _u_label(label: str) -> str:
    known = label[4:].encode("ascii").decode("punycode") if label.lower().startswith("xn--") else label
    return known if _a_label(known) == label.lower() else label


def message_ids_in(text: str) -> list[str]:
    """The Message-IDs in a list of them, without their angle brackets."""
    return _ID.findall(text)


def message_ids_of(header: bytes) -> list[str]:
    """The Message-IDs that a message bears and names as its parents, without their angle brackets."""
    fields = fields_of(header)
    return message_ids_in(" ".join(fields.get(each.lower(), "") for each in KIN_FIELDS))


def likeness_of(content: bytes, marker: Marker) -> Likeness:
    """By what a twin of this message is sought."""
    message = fields_of(content).get("message-id", "").strip()
    return Likeness(marker.message(message), len(content), hint=message)


def _addresses(value: str, marker: Marker) -> frozenset[Mark]:
    """The marks of the bare addresses in a field's value; a name that looks like one is not one."""
    return frozenset(marker.address(address) for address in _bare(value)) if value else frozenset()


def _bare(value: str) -> list[str]:
    """The bare addresses in a field's value."""
    if match := _ONE_ADDRESS.fullmatch(value):
        return [match[1]]
    try:
        pairs = getaddresses([value])
    except (ValueError, IndexError, TypeError):
        return []
    return [address for _, address in pairs if "@" in address]
