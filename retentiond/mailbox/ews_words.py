"""EWS in XML: what is asked for is written here, and what is answered is read here, strictly.

exchangelib's own parser mends what is broken, so a page that was cut off reads as a short one; and its
classes refuse items of a class that they do not know. Here an answer is whole or it is refused, and of an
item nothing is read but what was asked for, whatever its class.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

Element = ET.Element

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
E = "{http://schemas.microsoft.com/exchange/services/2006/errors}"

#: The one schema that Exchange Server 2016, 2019 and Subscription Edition speak alike.
SCHEMA_VERSION = "Exchange2016"

# MAPI properties, by tag and type (MS-OXPROPS).
RECEIVED = ("0x0E06", "SystemTime")
SENT = ("0x0039", "SystemTime")
MESSAGE_FLAGS = ("0x0E07", "Integer")
FLAG_STATUS = ("0x1090", "Integer")
LAST_VERB = ("0x1081", "Integer")
SEARCH_KEY = ("0x300B", "Binary")
DELETED_ON = ("0x668F", "SystemTime")
AUTHOR = ("0x5D02", "String")
SENDER = ("0x5D01", "String")
MESSAGE_ID = ("0x1035", "String")
PARENT_ID = ("0x1042", "String")
REFERENCES = ("0x1039", "String")
HEADER = ("0x007D", "String")

Path = str | tuple[str, str]

# What XML 1.0 cannot hold, raw and as a reference: a sender may write it, and a page must not break by it.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RAW = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFERENCE = re.compile(
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef]|d[89a-f][0-9a-f]{2})"
    rb"|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45]));",
    re.IGNORECASE,
)


class NotUnderstood(Exception):
    """An answer that is not whole, not XML, or not what was asked for."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def tag(name: str, *inside: str, **attributes: str) -> str:
    """An element with its prefix, such as `t:ItemId`; `inside` is XML already."""
    told = "".join(f" {key}={quoteattr(_writable(value))}" for key, value in attributes.items())
    return f"<{name}{told}>{''.join(inside)}</{name}>"


def text(value: str) -> str:
    """Plain text as XML."""
    return escape(_writable(value))


def _writable(value: str) -> str:
    return _UNWRITABLE.sub("?", value)


def envelope(body: str, impersonated: str | None) -> bytes:
    """A SOAP request; `impersonated` is the address of the mailbox to act as."""
    header = tag("t:RequestServerVersion", Version=SCHEMA_VERSION)
    if impersonated is not None:
        who = tag("t:ConnectingSID", tag("t:PrimarySmtpAddress", text(impersonated)))
        header += tag("t:ExchangeImpersonation", who)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP[1:-1]}" xmlns:t="{T[1:-1]}" xmlns:m="{M[1:-1]}">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def path(of: Path) -> str:
    """The name of a property: its URI, or a MAPI tag and type."""
    if isinstance(of, str):
        return tag("t:FieldURI", FieldURI=of)
    return tag("t:ExtendedFieldURI", PropertyTag=of[0], PropertyType=of[1])


def shape(name: str, fields: Iterable[Path], *more: str) -> str:
    """Ids and these fields, nothing else."""
    asked = "".join(path(field) for field in fields)
    wanted = (tag("t:AdditionalProperties", asked),) if asked else ()
    return tag(name, tag("t:BaseShape", "IdOnly"), *more, *wanted)


def item_ids(keys: Iterable[str]) -> str:
    """Items by key (`id change-key`)."""
    return tag("m:ItemIds", *(item_id(key) for key in keys))


def item_id(key: str) -> str:
    """One item by key."""
    identity, _, change = key.partition(" ")
    return tag("t:ItemId", Id=identity, **({"ChangeKey": change} if change else {}))


def extended(of: tuple[str, str], value: str) -> str:
    """A MAPI property with its value."""
    return tag("t:ExtendedProperty", path(of), tag("t:Value", text(value)))


def constant(value: str) -> str:
    return tag("t:Constant", Value=value)


def compared(how: str, of: Path, value: str) -> str:
    """A restriction: `t:IsLessThan`, `t:IsGreaterThan` and their kin."""
    return tag(how, path(of), tag("t:FieldURIOrConstant", constant(value)))


def contains(of: Path, value: str, mode: str = "FullString") -> str:
    """A restriction on text, whatever its case."""
    return tag(
        "t:Contains",
        path(of),
        constant(value),
        ContainmentMode=mode,
        ContainmentComparison="IgnoreCase",
    )


def missing(of: Path) -> str:
    """A restriction: the item lacks this property."""
    return tag("t:Not", tag("t:Exists", path(of)))


def either(*restrictions: str) -> str:
    """At least one of them."""
    return restrictions[0] if len(restrictions) == 1 else tag("t:Or", *restrictions)


def instant(moment: datetime) -> str:
    """An aware instant as EWS writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def parsed(content: bytes) -> Element:
    """The SOAP body of an answer, with its header beside it (the envelope). Raises NotUnderstood."""
    if b"<!DOCTYPE" in content[:512] or b"<!ENTITY" in content[:4096]:
        raise NotUnderstood
    clean = _REFERENCE.sub(b"?", _RAW.sub(b"?", content))
    try:
        root = ET.fromstring(clean)  # noqa: S314 — see above
    except (ET.ParseError, ValueError, LookupError):
        raise NotUnderstood from None
    if root.tag != SOAP + "Envelope" or root.find(SOAP + "Body") is None:
        raise NotUnderstood
    return root


@dataclass(frozen=True, slots=True)
class Row:
    """What was asked for of one item. What was not asked for, or is not there, is empty."""

    id: str
    change_key: str
    element: Element

    @property
    def key(self) -> str:
        return f"{self.id} {self.change_key}"

    @property
    def received(self) -> datetime | None:
        """When it was received: as told, else as MAPI has it (0x0E06)."""
        told = self.element.findtext(T + "DateTimeReceived") or self.property(RECEIVED)
        return moment_of(told)

    @property
    def deleted(self) -> datetime | None:
        """When it came into its bin, where the server tells."""
        return moment_of(self.property(DELETED_ON))

    @property
    def categories(self) -> frozenset[str]:
        return frozenset(each.text or "" for each in self.element.iterfind(f"{T}Categories/{T}String"))

    @property
    def conversation(self) -> str:
        return attribute(self.element, "ConversationId", "Id")

    @property
    def parent(self) -> str:
        return attribute(self.element, "ParentFolderId", "Id")

    @property
    def size(self) -> int:
        return number_of(self.element.findtext(T + "Size"))

    @property
    def message_id(self) -> str:
        return (self.element.findtext(T + "InternetMessageId") or self.property(MESSAGE_ID) or "").strip()

    @property
    def author(self) -> str:
        return self.property(AUTHOR) or ""

    @property
    def sender(self) -> str:
        return self.property(SENDER) or ""

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(each for name in ("To", "Cc", "Bcc") for each in self.addresses(f"{name}Recipients"))

    @property
    def parents(self) -> str:
        return f"{self.property(PARENT_ID) or ''} {self.property(REFERENCES) or ''}"

    @property
    def is_read(self) -> bool:
        return self.element.findtext(T + "IsRead") == "true"

    @property
    def may_delete(self) -> bool:
        """False only where the server says so."""
        return self.element.findtext(f"{T}EffectiveRights/{T}Delete") != "false"

    def text(self, name: str) -> str:
        return self.element.findtext(T + name) or ""

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a field of mailboxes, such as `ToRecipients`."""
        found = self.element.iterfind(f"{T}{name}/{T}Mailbox/{T}EmailAddress")
        return tuple(each.text for each in found if each.text)

    def property(self, of: tuple[str, str]) -> str | None:
        """A MAPI property's value; tags compare as numbers, for a server writes `0xe06`."""
        for each in self.element.iterfind(T + "ExtendedProperty"):
            uri = each.find(T + "ExtendedFieldURI")
            if uri is not None and int(uri.get("PropertyTag", "0"), 16) == int(of[0], 16):
                return each.findtext(T + "Value")
        return None

    def number(self, of: tuple[str, str]) -> int:
        return number_of(self.property(of))


def row_of(element: Element) -> Row:
    """An item of whatever class. Raises NotUnderstood where it has no id."""
    return Row(*id_of(element, "ItemId"), element)


def id_of(element: Element, name: str) -> tuple[str, str]:
    """Id and change key. Raises NotUnderstood."""
    found = element.find(T + name)
    if found is None or not found.get("Id"):
        raise NotUnderstood
    return found.get("Id", ""), found.get("ChangeKey", "")


def attribute(element: Element, name: str, key: str) -> str:
    found = element.find(T + name)
    return "" if found is None else found.get(key, "")


def number_of(told: str | None) -> int:
    """A whole number, 0 where none is told."""
    try:
        return int(told or 0)
    except ValueError:
        raise NotUnderstood from None


def moment_of(told: str | None) -> datetime | None:
    """An instant, fraction and all; None where there is none or it cannot be one."""
    try:
        moment = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
