"""What the tests of the stand-in Exchange share: letters, their ids, a deletion, three MAPI properties."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import exchangelib
from exchangelib import ExtendedProperty, Message
from exchangelib.items import HARD_DELETE

from tests.servers.exchange import FolderHandle
from tests.servers.seed import letter

LINE = "line@relay.example"
ADVISOR = "advisor@relay.example"
NEW_YEAR = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


class Received(ExtendedProperty):  # type: ignore[misc]
    property_tag = 0x0E06
    property_type = "SystemTime"


class Sent(ExtendedProperty):  # type: ignore[misc]
    property_tag = 0x0039
    property_type = "SystemTime"


class Flags(ExtendedProperty):  # type: ignore[misc]
    property_tag = 0x0E07
    property_type = "Integer"


@contextmanager
def known_properties() -> Iterator[None]:
    """exchangelib knows the three MAPI properties that carry dates and flags."""
    known = {"at_received": Received, "at_sent": Sent, "mapi_flags": Flags}
    for name, kind in known.items():
        Message.register(name, kind)
    yield
    for name in known:
        Message.deregister(name)


def moment(when: datetime) -> exchangelib.EWSDateTime:
    return exchangelib.EWSDateTime.from_datetime(when)


def numbered(count: int, first: datetime = NEW_YEAR) -> list[tuple[bytes, datetime]]:
    """`count` letters an hour apart."""
    return [(letter(f"{n}@post.example", size=200), first + timedelta(hours=n)) for n in range(count)]


def ids(folder: FolderHandle) -> list[tuple[str, str]]:
    return [(item.id, item.change_key) for item in folder.items()]


def deleted(
    account: exchangelib.Account, keys: list[tuple[str, str]], kind: str = HARD_DELETE, **how: object
) -> list[object]:
    how = {"affected_task_occurrences": "AllOccurrences", "suppress_read_receipts": True, **how}
    return list(account.bulk_delete(keys, delete_type=kind, **how))
