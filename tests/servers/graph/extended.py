"""Extended properties: "SystemTime 0x0E06" and "String {guid} Name Keywords" become values of an item.

Form of the ids: Microsoft's page on singleValueLegacyExtendedProperty. Answers write a tag in small
letters and without leading zeros ("SystemTime 0xe06"), as seen on real servers.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime

from tests.servers.graph.call import GraphError
from tests.servers.mailstore.mapi import MAPI, Held, Key
from tests.servers.mailstore.store import Item

_TAG = re.compile(r"(\w+) 0x([0-9a-f]{1,4})", re.I)
_NAMED = re.compile(r"(\w+) \{([0-9a-f-]{36})\} (Name|Id) (\S+)", re.I)
TYPES = frozenset(
    (
        *("ApplicationTime", "Binary", "Boolean", "CLSID", "Currency", "Double", "Error", "Float", "Integer"),
        *("Long", "Null", "Object", "Short", "String", "SystemTime"),
    )
)


def key_of(id_: str) -> tuple[Key, str]:
    """The property that an id names, and the id as answers write it. Raises GraphError."""
    tag, named = _TAG.fullmatch(id_), _NAMED.fullmatch(id_)
    match = tag or named
    if match is None or match[1] not in TYPES:
        raise GraphError(400, "ErrorInvalidProperty", "The property id is malformed.")
    if tag:
        return ("tag", int(tag[2], 16)), f"{tag[1]} 0x{int(tag[2], 16):x}"
    assert named
    kind = "name" if named[3].lower() == "name" else "id"
    name: object = named[4] if kind == "name" else int(named[4], 0)
    return (kind, named[2].lower(), name), id_


def held(item: Item, id_: str) -> str | None:
    """The value of a property as text; None where the item lacks it."""
    key, _written = key_of(id_)
    if key[0] == "tag" and key[1] in MAPI:
        return _text(MAPI[int(str(key[1]))](item))
    value = item.extended.get(key)
    return value if isinstance(value, str) or value is None else ";".join(value)


def rendered(item: Item, ids: list[str]) -> list[dict[str, str]]:
    """The properties of `ids` that the item has."""
    found = []
    for id_ in ids:
        value = held(item, id_)
        if value is not None:
            found.append({"id": key_of(id_)[1], "value": value})
    return found


def instant(value: datetime | None) -> str | None:
    """An instant in whole seconds."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Held) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return instant(value)
        case _:
            return str(value)
