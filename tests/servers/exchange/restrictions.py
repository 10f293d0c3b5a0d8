"""What a Restriction selects and how a SortOrder sorts; made once a request, then asked of each item."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from tests.servers.exchange import soap
from tests.servers.exchange.properties import path_key, text
from tests.servers.exchange.soap import Element, EwsError
from tests.servers.mailstore.mapi import Held, Key

Thing = TypeVar("Thing")
Getter = Callable[[Thing, str | Key], Held]
Test = Callable[[Thing], bool]

_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "IsEqualTo": lambda a, b: a == b,
    "IsNotEqualTo": lambda a, b: a != b,
    "IsLessThan": lambda a, b: a < b,  # type: ignore[operator]
    "IsLessThanOrEqualTo": lambda a, b: a <= b,  # type: ignore[operator]
    "IsGreaterThan": lambda a, b: a > b,  # type: ignore[operator]
    "IsGreaterThanOrEqualTo": lambda a, b: a >= b,  # type: ignore[operator]
}
#: What an item without the property answers. An undated item was found to be less than every date.
_LACKING = {"IsNotEqualTo": True, "IsLessThan": True, "IsLessThanOrEqualTo": True}


def test_of(expression: Element, getter: Getter[Thing]) -> Test[Thing]:
    """The test that a search expression makes. Raises EwsError for one that this server does not know."""
    kind = soap.local(expression)
    if kind in ("And", "Or", "Not"):
        return _joined(kind, [test_of(child, getter) for child in expression])
    key = path_key(expression[0])
    if kind == "Exists":
        return lambda thing: getter(thing, key) is not None
    if kind == "Contains":
        return _contains(expression, key, getter)
    if kind == "Excludes":
        mask = int(str(expression[1].get("Value")), 0)
        return lambda thing: not (_number(getter(thing, key)) & mask)
    if kind not in _COMPARE:
        raise EwsError("ErrorUnsupportedQueryFilter")
    constant = soap.find(expression, "t:FieldURIOrConstant/t:Constant")
    if constant is None:
        raise EwsError("ErrorUnsupportedQueryFilter")
    return _compared(kind, key, str(constant.get("Value")), getter)


def _joined(kind: str, tests: list[Test[Thing]]) -> Test[Thing]:
    if kind == "And":
        return lambda thing: all(test(thing) for test in tests)
    if kind == "Or":
        return lambda thing: any(test(thing) for test in tests)
    return lambda thing: not tests[0](thing)


def _compared(kind: str, key: str | Key, constant: str, getter: Getter[Thing]) -> Test[Thing]:
    compare, lacking = _COMPARE[kind], _LACKING.get(kind, False)
    instants: list[datetime] = []

    def test(thing: Thing) -> bool:
        value = getter(thing, key)
        match value:
            case None:
                return lacking
            case datetime():
                if not instants:
                    instants.append(soap.moment(constant))
                return compare(value, instants[0])
            case bool():
                return compare(value, constant.lower() in ("true", "1"))
            case int():
                return compare(value, int(constant))
            case tuple():
                return any(compare(one.casefold(), constant.casefold()) for one in value)
            case bytes():
                return compare(text(value), constant)
            case _:
                return compare(*_alike(value, constant))

    return test


def _alike(value: str, constant: str) -> tuple[object, object]:
    """Texts are equal whatever their case; a stored number is compared as one."""
    if value.lstrip("-").isdigit() and constant.lstrip("-").isdigit():
        return int(value), int(constant)
    return value.casefold(), constant.casefold()


def _contains(expression: Element, key: str | Key, getter: Getter[Thing]) -> Test[Thing]:
    mode = expression.get("ContainmentMode") or "FullString"
    is_exact = (expression.get("ContainmentComparison") or "Exact") == "Exact"
    sought = str(expression[1].get("Value"))
    sought = sought if is_exact else sought.casefold()

    def holds(value: str) -> bool:
        given = value if is_exact else value.casefold()
        match mode:
            case "FullString":
                return given == sought
            case "Prefixed":
                return given.startswith(sought)
            case "PrefixOnWords":
                return any(word.startswith(sought) for word in given.split())
            case _:
                return sought in given

    def test(thing: Thing) -> bool:
        value = getter(thing, key)
        if value is None:
            return False
        return any(holds(one) for one in (value if isinstance(value, tuple) else (text(value),)))

    return test


def _number(value: Held) -> int:
    return int(str(value)) if isinstance(value, int | str) else 0


def sorter(orders: list[Element], getter: Getter[Thing]) -> Callable[[list[Thing]], list[Thing]]:
    """Sorts by the FieldOrders of a request; what lacks a property comes first, ties stay as they came."""
    keys = [(path_key(order[0]), order.get("Order") == "Descending") for order in orders]

    def sort(things: list[Thing]) -> list[Thing]:
        for key, is_descending in reversed(keys):
            things = sorted(things, key=lambda thing: _rank(getter(thing, key)), reverse=is_descending)
        return things

    return sort


def _rank(value: Held) -> tuple[bool, object]:
    match value:
        case None:
            return (False, 0)
        case str():
            return (True, value.casefold())
        case tuple():
            return (True, "\0".join(value).casefold())
        case _:
            return (True, value)
