"""Collections: the query's options are read and checked, and the answer is one page of what fits."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.servers.graph import extended, filters, query
from tests.servers.graph.call import Answer, Call, GraphError
from tests.servers.graph.query import Shape
from tests.servers.graph.schema import schema
from tests.servers.graph.search import read_search
from tests.servers.mailstore.store import Folder, Item

DEFAULT_TOP, MOST_TOP = 10, 1000
_KNOWN = frozenset(
    ("$top", "$skip", "$skiptoken", "$select", "$filter", "$orderby", "$count", "$expand", "$search")
)

Render = Callable[[Item, str, list[str] | None, list[str]], dict[str, Any]]


class UnknownProperty(GraphError):
    """A request that the schema speaks against; the test fails at its end."""

    def __init__(self, violations: Iterable[str]) -> None:
        self.violations = tuple(violations)
        super().__init__(400, "RequestBroker--ParseUri", "; ".join(self.violations))


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a query on one resource or on a collection."""

    select: list[str] | None
    expand: list[str]
    top: int
    skip: int
    count: bool


def read_options(call: Call, kind: str, others: Iterable[str] = ()) -> Options:
    """Reads the options. Raises GraphError for what this server, or the schema, does not know."""
    asked = call.asked.query
    strange = asked.keys() - _KNOWN - set(others)
    if strange:
        raise UnknownProperty(f"there is no query option {name}" for name in sorted(strange))
    select = asked["$select"].split(",") if "$select" in asked else None
    select = None if select is None else [name.strip() for name in select]
    check_paths(kind, select or ())
    top = _number(asked.get("$top", str(DEFAULT_TOP)))
    if not 1 <= top <= MOST_TOP:
        raise GraphError(400, "ErrorInvalidUrlQuery", "The value of $top must be from 1 to 1000.")
    limit = call.switches.page_limit
    if limit is not None and top > limit:
        retry_after = str(call.switches.retry_after)
        raise GraphError(504, "GatewayTimeout", "The page took too long.", Retry_After=retry_after)
    skip = _number(asked.get("$skip", "0"))
    if "$skiptoken" in asked:
        skip = _number(base64.urlsafe_b64decode(asked["$skiptoken"]).decode().removeprefix("skip:"))
    written = asked.get("$expand", "")
    check_paths(kind, [written.partition("(")[0]] if written else ())
    expand = query.read_expand(written) if written else []
    for id_ in expand:
        extended.key_of(id_)
    return Options(select, expand, top, skip, asked.get("$count", "").lower() == "true")


def check_paths(kind: str, paths: Iterable[str]) -> None:
    """Raises UnknownProperty for names that the schema does not know."""
    known = schema()
    violations = [each for path in paths for each in known.path_violations(kind, path)] if known else []
    if violations:
        raise UnknownProperty(violations)


def _number(written: str) -> int:
    if not written.isdecimal():
        raise GraphError(400, "ErrorInvalidUrlQuery", "That is no number.")
    return int(written)


def listed(call: Call, folder: Folder, shape: Shape, render: Render, fits: Callable[[Item], bool]) -> Answer:
    """One page of the items of a folder, as the query has it."""
    options = read_options(call, shape.kind)
    items = _chosen(call, folder, shape, fits)
    things = [
        render(item, call.id_of(item), options.select, options.expand)
        for item in items[options.skip : options.skip + options.top]
    ]
    return page(call, shape.kind, things, options, len(items))


def _chosen(call: Call, folder: Folder, shape: Shape, fits: Callable[[Item], bool]) -> list[Item]:
    asked = call.asked.query
    written = {name: asked[name] for name in ("$filter", "$orderby", "$search") if name in asked}
    if "$search" in written and shape.kind != "message":
        raise GraphError(400, "ErrorInvalidUrlQuery", "Items are not searched.")
    if "$search" in written and len(written) > 1:
        raise GraphError(400, "SearchWithFilter", "The query parameter '$search' goes with no other.")
    test, names = filters.read_filter(shape, written["$filter"]) if "$filter" in written else (None, [])
    check_paths(shape.kind, names)
    order = query.read_order(written["$orderby"]) if "$orderby" in written else []
    check_paths(shape.kind, (path for path, _descends in order))
    query.require_sortable(shape, order)
    if order and test:
        query.check_order(order, names)
    found = read_search(written["$search"]) if "$search" in written else None
    unordered = [("sentDateTime" if found else "receivedDateTime", True)] if shape.kind == "message" else []

    def sort(items: list[Item]) -> list[Item]:
        kept = [item for item in items if fits(item)]
        kept = [item for item in kept if test(item)] if test else kept
        kept = [item for item in kept if found(item)] if found else kept
        kept = query.sorted_by(shape, order or unordered, kept)
        return kept[:MOST_TOP] if found else kept

    return call.store.view(folder, (shape.kind, *written.items()), sort)


def page(call: Call, kind: str, things: list[dict[str, Any]], options: Options, whole: int) -> Answer:
    """An answer of some things out of `whole`, with a nextLink where there are more."""
    body: dict[str, Any] = {"@odata.context": context(call)}
    if options.count:
        body["@odata.count"] = whole
    body["value"] = things
    end = options.skip + options.top
    if end < whole:
        body["@odata.nextLink"] = _next(call, end)
    return Answer(200, body, kind=f"Collection(graph.{kind})")


def context(call: Call, more: str = "") -> str:
    return f"{call.base}/{call.asked.version}/$metadata#{quote(call.asked.path)}{more}"


def _next(call: Call, skip: int) -> str:
    asked = {name: value for name, value in call.asked.query.items() if name not in ("$skip", "$skiptoken")}
    if call.switches.skip_tokens:
        asked["$skiptoken"] = base64.urlsafe_b64encode(f"skip:{skip}".encode()).decode()
    else:
        asked["$skip"] = str(skip)
    return f"{call.base}/{call.asked.version}/{quote(call.asked.path)}?{urlencode(asked)}"
