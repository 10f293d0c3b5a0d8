"""OData's $filter becomes a test of an item; what Graph does not take is refused, as far as it is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.graph.call import GraphError
from tests.servers.graph.query import Shape
from tests.servers.mailstore.store import Item

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
#: What the text of an extended property can be cast to.
_CASTS: dict[str, Callable[[str], Any]] = {
    "Edm.Int32": lambda written: int(written),
    "Edm.DateTimeOffset": lambda written: moment(written),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_EARLIEST = datetime.min.replace(tzinfo=UTC)


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
        """`any(ep: ep/id eq 'String 0x1' and contains(ep/value, 'x'))`. Text is compared by eq, ne, contains
        and startswith, whatever its case; what is no text must be cast (Get
        singleValueLegacyExtendedProperty)."""
        self._part(variable, "id")
        self.need("eq")
        name = str(_literal(*self.need()))
        self.need("and")
        compare = self._text(variable) if name.startswith("String ") else self._cast(variable)
        self.need(")")
        self.names.append("singleValueExtendedProperties")

        def test(item: Item) -> bool:
            found = self.shape.extended(item, name)
            return found is not None and compare(found)

        return test

    def _text(self, variable: str) -> Callable[[str], bool]:
        function = self.next("contains", "startswith")
        if function is None:
            self._part(variable, "value")
            sign = self.need("eq", "ne")[1]
            wanted = str(_literal(*self.need())).lower()
            return lambda found: _COMPARE[sign](found.lower(), wanted)
        self.need("(")
        self._part(variable, "value")
        self.need(",")
        part = str(_literal(*self.need())).lower()
        self.need(")")
        return lambda found: _FUNCTIONS[function[1]](found.lower(), part)

    def _cast(self, variable: str) -> Callable[[str], bool]:
        self.need("cast")
        self.need("(")
        self._part(variable, "value")
        self.need(",")
        read = _CASTS[self.need(*_CASTS)[1]]
        self.need(")")
        sign = _COMPARE[self.need(*_COMPARE)[1]]
        wanted = _literal(*self.need())
        return lambda found: _compared(sign, read(found), wanted)

    def _part(self, variable: str, name: str) -> None:
        """Takes `ep/id` or `ep/value`; the documentation writes them with capitals, too."""
        if self.need()[1].lower() != f"{variable}/{name}".lower():
            raise invalid("Invalid filter clause.")

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
