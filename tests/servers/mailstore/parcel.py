"""An item as a server exports it and imports it: opaque to clients, complete to the server."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from datetime import datetime
from typing import Any

from tests.servers.mailstore.content import Content
from tests.servers.mailstore.store import Item, Store

_MAGIC = b"\x01\x00\x00\x00\x08\x00\x00\x00FTS"
_DATES = ("received", "sent", "created")
_PLAIN = (
    *("item_class", "is_read", "is_draft", "categories", "flag", "importance", "sensitivity"),
    *("subject_override", "receipt_pending", "element_override", "is_from_me"),
)


class CorruptParcel(Exception):
    """These bytes are no item that this store imports."""


def pack(item: Item) -> bytes:
    """Everything of an item but its place, and the store that it came from."""
    values: dict[str, Any] = {name: getattr(item, name) for name in _PLAIN}
    for name in _DATES:
        moment = getattr(item, name)
        values[name] = None if moment is None else moment.isoformat()
    values["origin"] = item.home.mailbox.store.origin
    values["mime"] = base64.b64encode(item.content.mime).decode()
    values["search_key"] = item.search_key.hex()
    values["extended"] = [[list(key), value] for key, value in item.extended.items()]
    raw = json.dumps(values).encode()
    return _MAGIC + zlib.crc32(raw).to_bytes(4, "big") + raw


def unpack(data: str, store: Store, *, takes_foreign: bool) -> Item:
    """The item of a parcel (base64). Raises CorruptParcel for anything else, and for what another store
    packed unless that is taken."""
    try:
        parcel = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise CorruptParcel from None
    raw = parcel[len(_MAGIC) + 4 :]
    if not parcel.startswith(_MAGIC) or zlib.crc32(raw).to_bytes(4, "big") != parcel[len(_MAGIC) :][:4]:
        raise CorruptParcel
    values = json.loads(raw)
    for name in _DATES:
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    values["categories"] = tuple(values["categories"])
    values["search_key"] = bytes.fromhex(values["search_key"])
    values["extended"] = {
        tuple(key): value if isinstance(value, str) else tuple(value) for key, value in values["extended"]
    }
    if values.pop("origin") != store.origin and not takes_foreign:
        raise CorruptParcel
    return Item(content=Content(base64.b64decode(values.pop("mime"))), modified=store.clock.now(), **values)
