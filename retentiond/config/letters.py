"""What the configuration says of letters, and what may not be said: the table, its checks, its values.

A folder that is two targets, or in which the program's own book lies, would be destroyed by one rule and
kept by another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from retentiond.config import words
from retentiond.config.locate import Location, Trouble
from retentiond.core.period import Period

Raw: TypeAlias = dict[str, Any]

#: The period of letters, and the shortest without `approvers = 1` (P4).
PROMISED: Final = Period(months=2)

#: What bins are called: freedesktop.org, Windows, Synology, Samba's recycle.
BINS: Final = (".Trash", ".Trash-*", "$RECYCLE.BIN", "#recycle", ".recycle")


def directory(value: str) -> str:
    """A folder of its own: from the root, written plainly, and none that a whole machine lives in."""
    plain = words.absolute(value)
    if os.path.normpath(plain) != plain:
        raise words.NotAccepted("this path is not plain", "without //, /./, /../ and without / at its end")
    if plain.count("/") < 2:
        raise words.NotAccepted(
            "this folder holds other things than letters",
            "name the letters' own folder, such as /srv/letters",
        )
    return plain


def user(value: str) -> str:
    """The name of a Unix user."""
    if not value or len(value) > 64 or not value.isprintable() or set(value) & set(" :/,"):
        raise words.NotAccepted("this is not the name of a user", "one user's login name")
    return value


def bin_name(value: str) -> str:
    """What a bin is called, or a bin's own path."""
    if value.startswith("/"):
        return directory(value)
    if "/" in words.plain(value) or set(value) <= set("*?.[]"):
        raise words.NotAccepted("this is not the name of a bin", 'such as ".recycle", or its path from / on')
    return value


def subfolder(value: str) -> str:
    """The name of a folder in the letters' own."""
    if "/" in words.plain(value) or value in (".", ".."):
        raise words.NotAccepted("this is not the name of a folder", "the bare name, such as On hold")
    return value


def troubles(data: Raw) -> Iterator[Trouble]:
    """In what the letters' tables disagree with each other and with the rest. Reads the raw TOML."""
    value = data.get("letters")
    entries = value if isinstance(value, list) else []
    tables: list[tuple[Location, Raw]] = [
        (("letters", at), entry) for at, entry in enumerate(entries) if isinstance(entry, dict)
    ]
    yield from _short_periods(data, tables)
    yield from _nested(data, tables)
    for location, table in tables:
        yield from _users(location, table)
        mount, place = table.get("mount"), table.get("directory")
        if isinstance(mount, str) and isinstance(place, str) and not is_within(place, mount):
            yield Trouble(
                (*location, "mount"), "the directory does not lie there", "where its file system is mounted"
            )


def _short_periods(data: Raw, tables: list[tuple[Location, Raw]]) -> Iterator[Trouble]:
    policy = data.get("policy")
    if isinstance(policy, dict) and type(policy.get("approvers")) is int and policy["approvers"] == 1:
        return
    for location, table in tables:
        try:
            period = Period.parse(words.period(table["period"]))
        except (KeyError, words.NotAccepted):
            continue
        if not period.is_never_shorter_than(PROMISED):
            yield Trouble(
                (*location, "period"),
                f"{period} can be shorter than 2 months, which letters are promised to be kept",
                "write 2 months or more; or [policy] approvers = 1, and arming records who let it loose",
            )


def _nested(data: Raw, tables: list[tuple[Location, Raw]]) -> Iterator[Trouble]:
    ledger = data.get("ledger")
    book = ledger.get("directory") if isinstance(ledger, dict) else None
    if not isinstance(book, str):
        book = os.environ.get("STATE_DIRECTORY", "").split(":")[0] or "/var/lib/retentiond"
    seen: list[tuple[str, Location]] = []
    for location, table in tables:
        place = table.get("directory")
        if not isinstance(place, str):
            continue
        if is_within(book, place) or is_within(place, book):
            yield Trouble(
                (*location, "directory"), "the ledger lies there", "letters have a folder of their own"
            )
        for other, first in seen:
            if is_within(place, other) or is_within(other, place):
                yield Trouble(
                    (*location, "directory"),
                    f"letters number {int(first[1]) + 1} are this folder, or lie in it or around it",
                    "a folder belongs to one target",
                )
        seen.append((place, location))


def _users(location: Location, table: Raw) -> Iterator[Trouble]:
    manager = table.get("manager")
    if isinstance(manager, str) and table.get("deputy") == manager:
        yield Trouble((*location, "deputy"), "this is the manager", "name the deputy, or leave the key out")


def is_within(path: str, above: str) -> bool:
    """Whether a path is another one or lies below it, links on the way followed."""
    path, above = os.path.realpath(path), os.path.realpath(above)
    return path == above or Path(path).is_relative_to(above)
