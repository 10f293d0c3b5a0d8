"""OData's query options: $filter becomes a test, $orderby an order, $expand a list of MAPI properties.

Nothing here knows messages: `Shape` says what a resource's properties are and which may be filtered by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.graph.call import GraphError
from tests.servers.mailstore.store import Item

Getter = Callable[[Item], Any]
Test = Callable[[Item], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<number>-?\d+)"
    r"|(?P<name>[A-Za-z_][\w./]*)"
    r"|(?P<sign>[():,]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_EARLIEST = datetime.min.replace(tzinfo=UTC)


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


def invalid(words: str) -> GraphError:
    return GraphError(400, "ErrorInvalidUrlQueryFilter", words)


@dataclass(slots=True)
class _Reader:
    """Reads one $filter. `names` are the properties in the order in which they turn up."""

    shape: Shape
    tokens: list[tuple[str, str]]
    names: list[str] = field(default_factory=list)
    #: The variable of an any() that is being read, and its collection.
    bound: str = ""

    def next(self, *wanted: str) -> tuple[str, str] | None:
        """Takes the next token if it is one of these."""
        if self.tokens and (not wanted or self.tokens[0][1] in wanted):
            return self.tokens.pop(0)
        return None

    def need(self, *wanted: str) -> tuple[str, str]:
        found = self.next(*wanted)
        if found is None:
            raise invalid("Invalid filter clause.")
        return found

    def either(self) -> Callable[[Any], bool]:
        tests = [self.both()]
        while self.next("or"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda thing: any(test(thing) for test in tests)

    def both(self) -> Callable[[Any], bool]:
        tests = [self.one()]
        while self.next("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda thing: all(test(thing) for test in tests)

    def one(self) -> Callable[[Any], bool]:
        if self.next("not"):
            inner = self.one()
            return lambda thing: not inner(thing)
        if self.next("("):
            inner = self.either()
            self.need(")")
            return inner
        kind, name = self.need()
        if kind != "name":
            raise invalid("Invalid filter clause.")
        if name in _FUNCTIONS and self.next("("):
            return self._function(name)
        if name.lower().endswith("/any") and self.next("("):
            return self._any(name[:-4])
        return self._comparison(name)

    def _function(self, name: str) -> Callable[[Any], bool]:
        _kind, path = self.need()
        get = self._getter(path)
        self.need(",")
        wanted = str(_literal(*self.need())).lower()
        self.need(")")
        return lambda thing: _FUNCTIONS[name](str(get(thing) or "").lower(), wanted)

    def _any(self, collection: str) -> Callable[[Any], bool]:
        _kind, variable = self.need()
        self.need(":")
        if collection.lower() == "singlevalueextendedproperties":
            return self._extended(variable)
        if collection not in self.shape.filterable:
            raise invalid("The query filter contains one or more invalid nodes.")
        self.names.append(collection)
        inner = _Reader(self.shape, self.tokens, [], variable)
        test = inner.either()
        self.need(")")
        return lambda item: any(test(element) for element in self.shape.value(item, collection))

    def _extended(self, variable: str) -> Callable[[Any], bool]:
        """`any(ep: ep/id eq 'String 0x1' and ep/value eq 'x')`, or `contains(ep/value, 'x')`: text is
        compared by eq, ne, contains and startswith, whatever its case (singleValueLegacyExtendedProperty)."""
        self.need(f"{variable}/id")
        self.need("eq")
        name = str(_literal(*self.need()))
        self.need("and")
        compare = self._of_value(variable)
        self.need(")")
        self.names.append("singleValueExtendedProperties")

        def test(item: Item) -> bool:
            found = self.shape.extended(item, name)
            return found is not None and compare(found)

        return test

    def _of_value(self, variable: str) -> Callable[[str], bool]:
        function = self.next("contains", "startswith")
        if function is None:
            self.need(f"{variable}/value")
            sign = self.need(*_COMPARE)[1]
            wanted = str(_literal(*self.need())).lower()
            return lambda found: _COMPARE[sign](found.lower(), wanted)
        self.need("(")
        self.need(f"{variable}/value")
        self.need(",")
        part = str(_literal(*self.need())).lower()
        self.need(")")
        return lambda found: _FUNCTIONS[function[1]](found.lower(), part)

    def _comparison(self, path: str) -> Callable[[Any], bool]:
        get = self._getter(path)
        sign = _COMPARE[self.need(*_COMPARE)[1]]
        wanted = _comparable(_literal(*self.need()))
        return lambda thing: _compared(sign, _comparable(get(thing), wanted), wanted)

    def _getter(self, path: str) -> Callable[[Any], Any]:
        if self.bound:
            inner = path.split("/")[1:]
            if path.split("/")[0] != self.bound:
                raise invalid("The query filter contains one or more invalid nodes.")
            return lambda element: _within(element, inner)
        if path.split("/")[0] not in self.shape.filterable:
            raise invalid("The query filter contains one or more invalid nodes.")
        self.names.append(path)
        return lambda item: self.shape.value(item, path)


def _within(element: Any, path: list[str]) -> Any:
    for name in path:
        element = element.get(name) if isinstance(element, dict) else None
    return element


def _literal(kind: str, written: str) -> Any:
    match kind:
        case "text":
            return written[1:-1].replace("''", "'")
        case "moment":
            return moment(written)
        case "number":
            return int(written)
        case "name" if written in _CONSTANTS:
            return _CONSTANTS[written]
    raise invalid("Invalid filter clause.")


def moment(written: str) -> datetime:
    """An instant as a client or this server writes it; a day alone is its midnight in UTC."""
    try:
        found = datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        raise invalid("Invalid date.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _comparable(value: Any, wanted: Any = "") -> Any:
    if isinstance(wanted, datetime):
        return _EARLIEST if value is None else moment(str(value))
    return value.lower() if isinstance(value, str) else value


def _compared(sign: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    try:
        return sign(value, wanted)
    except TypeError:
        return False


def read_filter(shape: Shape, written: str) -> tuple[Test, list[str]]:
    """The test that a $filter is, and its properties in their order. Raises GraphError."""
    tokens, at = [], 0
    while at < len(written.rstrip()):
        match = _TOKEN.match(written, at)
        if match is None:
            raise invalid("Invalid filter clause.")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    reader = _Reader(shape, tokens)
    test = reader.either()
    if reader.tokens:
        raise invalid("Invalid filter clause.")
    return test, reader.names


def read_order(shape: Shape, written: str) -> list[tuple[str, bool]]:
    """Properties and whether they descend. Raises GraphError."""
    order = []
    for part in written.split(","):
        path, _blank, direction = part.strip().partition(" ")
        if path.split("/")[0] not in shape.filterable or direction.strip() not in ("", "asc", "desc"):
            raise GraphError(400, "ErrorInvalidUrlQuery", "The query orders by what cannot be ordered by.")
        order.append((path, direction.strip() == "desc"))
    return order


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
