"""Graph in JSON: how it is asked is written here, and what it answers is read here, strictly.

An answer is whole and of the form that was asked for, or it is refused. Of an item nothing is read but what
was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

# MAPI properties, as Graph names them (MS-OXPROPS).
RECEIVED = "SystemTime 0x0E06"
MESSAGE_FLAGS = "Integer 0x0E07"
SIZE = "Integer 0x0E08"
RECEIPT = "Boolean 0x0029"
LAST_VERB = "Integer 0x1081"
DELETED_ON = "SystemTime 0x668F"
DEFERRED = "SystemTime 0x3FEF"
PARENT_ID = "String 0x1042"
REFERENCES = "String 0x1039"
HEADER = "String 0x007D"

#: What is asked of every message in a look, and again immediately before a deed.
SIGN = ("id", "changeKey", "receivedDateTime", "categories", "conversationId", "isRead")
ROW = (*SIGN, "isReadReceiptRequested")
#: By which a helpline's reply is known, and its copy.
WHO = ("internetMessageId", "from", "sender")
THREAD = (*ROW, *WHO, "toRecipients", "ccRecipients", "bccRecipients")
#: The same for an erasure: everybody who is party to a message.
PARTIES = (*THREAD, "replyTo")
#: What is told of an item beside its content; and by what a copy is verified.
STATE = (*ROW, "internetMessageId", "sentDateTime", "flag", "isDraft", "parentFolderId")

_READ = 0x1


class NotUnderstood(Exception):
    """An answer that is not whole, not JSON, or not what was asked for."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def segment(name: str) -> str:
    """One part of a path: an id may hold any of `/`, `+` and `=`."""
    return quote(name, safe="@")


def query(**options: str) -> str:
    """A query of OData: `select`, `filter` and their kin without the dollar; what is empty is left out."""
    told = (f"${name}={quote(value, safe=_PLAIN)}" for name, value in options.items() if value)
    return "&".join(told)


_PLAIN = "(),'=:/@;$"


def text(value: str) -> str:
    """A string as OData writes it."""
    return "'" + value.replace("'", "''") + "'"


def instant(moment: datetime) -> str:
    """An aware instant as OData writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def either(terms: Iterable[str]) -> str:
    """At least one of them."""
    return " or ".join(terms)


def expanded(properties: Sequence[str]) -> str:
    """What `$expand` asks for: these MAPI properties."""
    if not properties:
        return ""
    wanted = either(f"id eq {text(each)}" for each in properties)
    return f"singleValueExtendedProperties($filter={wanted})"


def holding(of: str, value: str, *, within: bool = False) -> str:
    """A filter on a MAPI property: equal to, or (`within`) holding, a text."""
    test = f"contains(ep/value, {text(value)})" if within else f"ep/value eq {text(value)}"
    return f"singleValueExtendedProperties/any(ep: ep/id eq {text(of)} and {test})"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """What was asked for of one item. What was not asked for, or is not there, is empty."""

    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        return _text(self.told.get("id"))

    @property
    def key(self) -> str:
        return f"{self.id} {_text(self.told.get('changeKey'))}"

    @property
    def received(self) -> datetime | None:
        """When it was received: as told, else as MAPI has it (0x0E06)."""
        return moment_of(self.told.get("receivedDateTime") or self.property(RECEIVED))

    @property
    def deleted(self) -> datetime | None:
        """When it came into its bin, where the server tells."""
        return moment_of(self.property(DELETED_ON))

    @property
    def sent(self) -> datetime | None:
        return moment_of(self.told.get("sentDateTime"))

    @property
    def categories(self) -> frozenset[str]:
        return frozenset(_text(each) for each in _list(self.told.get("categories")))

    @property
    def conversation(self) -> str:
        return _text(self.told.get("conversationId"))

    @property
    def parent(self) -> str:
        return _text(self.told.get("parentFolderId"))

    @property
    def size(self) -> int:
        told = self.told.get("size", self.property(SIZE))
        return int(told) if isinstance(told, int) or (isinstance(told, str) and told.isdigit()) else 0

    @property
    def message_id(self) -> str:
        return _text(self.told.get("internetMessageId")).strip()

    @property
    def is_read(self) -> bool:
        flags = self.property(MESSAGE_FLAGS)
        return self.told.get("isRead") is True or (flags.isdigit() and bool(int(flags) & _READ))

    @property
    def is_draft(self) -> bool:
        return self.told.get("isDraft") is True

    @property
    def is_flagged(self) -> bool:
        flag = self.told.get("flag")
        return isinstance(flag, Mapping) and flag.get("flagStatus") == "flagged"

    @property
    def awaits_receipt(self) -> bool:
        """Unread, and its sender asked to be told: what is done to it might be told to somebody (P7)."""
        is_asked = self.told.get("isReadReceiptRequested") is True or self.property(RECEIPT) == "true"
        return is_asked and not self.is_read

    def is_deferred(self, now: datetime) -> bool:
        """Whether it waits to be sent: scheduled mail is not touched."""
        until = moment_of(self.property(DEFERRED))
        return until is not None and until > now

    @property
    def author(self) -> str:
        return _address(self.told.get("from"))

    @property
    def sender(self) -> str:
        return _address(self.told.get("sender"))

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(each for name in ("to", "cc", "bcc") for each in self.addresses(f"{name}Recipients"))

    @property
    def parents(self) -> str:
        return f"{self.property(PARENT_ID)} {self.property(REFERENCES)}"

    def addresses(self, name: str) -> tuple[str, ...]:
        """Those of a list, such as `toRecipients`."""
        found = (_address(each) for each in _list(self.told.get(name)))
        return tuple(each for each in found if each)

    def property(self, of: str) -> str:
        """A MAPI property's value, empty where it is not told; a server may write `0xe06`."""
        wanted = int(of.partition(" ")[2], 16)
        for each in _list(self.told.get("singleValueExtendedProperties")):
            if isinstance(each, Mapping) and _tag(_text(each.get("id"))) == wanted:
                return _text(each.get("value"))
        return ""


def row_of(told: object) -> Row:
    """An item of whatever class. Raises NotUnderstood where it has no id."""
    if not isinstance(told, Mapping) or not _text(told.get("id")):
        raise NotUnderstood
    return Row(told)


def rows_of(body: Mapping[str, Any]) -> tuple[Row, ...]:
    """The items of a page. Raises NotUnderstood where there is no list."""
    value = body.get("value")
    if not isinstance(value, list):
        raise NotUnderstood
    return tuple(map(row_of, value))


def moment_of(told: object) -> datetime | None:
    """An instant, fraction and all; None where there is none or it cannot be one."""
    try:
        moment = datetime.fromisoformat(_text(told))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _tag(name: str) -> int:
    try:
        return int(name.partition(" ")[2], 16)
    except ValueError:
        return 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _address(value: object) -> str:
    inner = value.get("emailAddress") if isinstance(value, Mapping) else None
    return _text(inner.get("address")) if isinstance(inner, Mapping) else ""
