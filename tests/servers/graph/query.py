"""OData's query options but $filter: what a resource is made of, $orderby and $expand.

Nothing here knows messages: `Shape` says what a resource's properties are and which may be filtered by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.graph.call import GraphError
from tests.servers.mailstore.store import Item

Getter = Callable[[Item], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A resource: its type in the schema, its properties, those that $filter and $orderby know, the extended
    property of a name that the client may filter by."""

    kind: str
    fields: Mapping[str, Getter]
    filterable: frozenset[str]
    extended: Callable[[Item, str], str | None]

    def value(self, item: Item, path: str) -> Any:
        """The value at `from/emailAddress/address`; None where something on the way is missing."""
        first, *rest = path.split("/")
        found = self.fields[first](item)
        for name in rest:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def read_order(written: str) -> list[tuple[str, bool]]:
    """Properties and whether they descend. Raises GraphError."""
    order = []
    for part in written.split(","):
        path, _blank, direction = part.strip().partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise GraphError(400, "ErrorInvalidUrlQuery", "The query orders neither up nor down.")
        order.append((path, direction.strip() == "desc"))
    return order


def require_sortable(shape: Shape, order: list[tuple[str, bool]]) -> None:
    """Raises GraphError for properties by which nothing is ordered here."""
    if any(path.split("/")[0] not in shape.filterable for path, _descends in order):
        raise GraphError(400, "ErrorInvalidUrlQuery", "The query orders by what cannot be ordered by.")


def check_order(order: list[tuple[str, bool]], names: list[str]) -> None:
    """Properties of $orderby must stand in $filter, in the same order and before all others
    (user: list messages, "Using filter and orderby in the same query")."""
    distinct = list(dict.fromkeys(names))
    if [path for path, _descends in order] != distinct[: len(order)]:
        words = "The restriction or sort order is too complex for this operation."
        raise GraphError(400, "InefficientFilter", words)


def sorted_by(shape: Shape, order: list[tuple[str, bool]], items: list[Item]) -> list[Item]:
    """In this order; items without the property come first."""
    for path, descends in reversed(order):

        def key(item: Item, path: str = path) -> tuple[bool, Any]:
            value = shape.value(item, path)
            return value is not None, value.lower() if isinstance(value, str) else value or 0

        items = sorted(items, key=key, reverse=descends)
    return items


_EXPAND = re.compile(
    r"singleValueExtendedProperties\(\$filter=(id eq '[^']+'(?:\s+or\s+id eq '[^']+')*)\)", re.I
)


def read_expand(written: str) -> list[str]:
    """The extended properties that `$expand=singleValueExtendedProperties($filter=id eq '…')` names."""
    match = _EXPAND.fullmatch(written.strip())
    if match is None:
        raise GraphError(400, "ErrorInvalidUrlQuery", "The stand-in expands extended properties only.")
    return re.findall(r"'([^']+)'", match[1])
