"""Names and types of every property, both ways, against Microsoft's own metadata (CSDL) where it is present.

What the metadata lacks stands in `SUPPLEMENT`, written from the documentation. Without the metadata
nothing is checked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lxml import etree

from tests.servers.schemas import schema_file

FILE = "graph/mail-v1.0.csdl"
_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
_ANNOTATION = re.compile(r"(\w+)?@odata\.(context|type|etag|id|count|nextLink|editLink)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A structured type: what it is made from, its properties and its relationships with their types."""

    base: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


#: Documented, and absent from the metadata. Event messages bear more; no test needs it.
SUPPLEMENT: dict[str, Kind] = {
    "user": Kind("entity", dict.fromkeys(("displayName", "userPrincipalName", "mail"), "Edm.String")),
    "importMailboxItemResponse": Kind("", {"itemId": "Edm.String", "changeKey": "Edm.String"}),
    "importMailboxItem": Kind(
        "",
        dict.fromkeys(("FolderId", "Mode", "Data", "ItemId", "ChangeKey"), "Edm.String"),
        required=frozenset(("FolderId", "Mode", "Data")),
    ),
    "eventMessage": Kind("message", {"meetingMessageType": "graph.meetingMessageType"}),
    "eventMessageRequest": Kind("eventMessage"),
    "eventMessageResponse": Kind("eventMessage"),
    "betaExchangeSettings": Kind("exchangeSettings", {"inPlaceArchiveMailboxId": "Edm.String"}),
}
SUPPLEMENT_ENUMS = {
    "meetingMessageType": frozenset(
        (
            *("none", "meetingRequest", "meetingCancelled", "meetingAccepted", "meetingDeclined"),
            "meetingTentativelyAccepted",
        )
    )
}


@dataclass(frozen=True, slots=True)
class Schema:
    """The types, the values of the enumerations, and the parameters of the actions by bound type and name."""

    kinds: Mapping[str, Kind]
    enums: Mapping[str, frozenset[str]]
    actions: Mapping[tuple[str, str], Mapping[str, str]]

    def type_of(self, kind: str, name: str) -> str | None:
        """The type of a property or a relationship, its bases' included; None where there is none."""
        while kind:
            known = self.kinds[kind]
            found = known.properties.get(name) or known.relations.get(name)
            if found:
                return found
            kind = known.base
        return None

    def violations(self, value: object, type_: str, where: str) -> Iterator[str]:
        """What is wrong with a value of a type: `Edm.String`, `graph.message`, `Collection(…)`."""
        if type_.startswith("Collection("):
            if not isinstance(value, list):
                yield f"{where}: no collection"
                return
            for number, element in enumerate(value):
                yield from self.violations(element, type_[11:-1], f"{where}[{number}]")
        elif value is None:
            return
        elif type_.startswith("Edm."):
            if not _PRIMITIVES[type_](value):
                yield f"{where}: no {type_}"
        elif type_.removeprefix("graph.") in self.enums:
            if value not in self.enums[type_.removeprefix("graph.")]:
                yield f"{where}: no {type_}"
        else:
            yield from self._structured(value, type_.removeprefix("graph."), where)

    def _structured(self, value: object, kind: str, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: no {kind}"
            return
        told = str(value.get("@odata.type", "")).removeprefix("#microsoft.graph.")
        if told and told not in self.kinds:
            yield f"{where}: there is no type {told}"
            return
        for name in self.kinds[told or kind].required - value.keys():
            yield f"{where}: lacks {name}"
        for name, inner in value.items():
            if _ANNOTATION.fullmatch(name):
                continue
            type_ = self.type_of(told or kind, name)
            if type_ is None:
                yield f"{where}: {told or kind} has no property {name}"
            else:
                yield from self.violations(inner, type_, f"{where}.{name}")

    def path_violations(self, kind: str, path: str) -> Iterator[str]:
        """What is wrong with a path of a query option: `from/emailAddress/address`."""
        for name in path.split("/"):
            type_ = self.type_of(kind, name) if kind in self.kinds else None
            if type_ is None:
                yield f"{kind} has no property {name}"
                return
            kind = type_.removeprefix("Collection(").removesuffix(")").removeprefix("graph.")

    def action_violations(self, kind: str, action: str, body: object) -> Iterator[str]:
        """What is wrong with an action's parameters; their names are matched without regard to case, as the
        documentation writes them otherwise than the metadata."""
        parameters = {name.lower(): type_ for name, type_ in self.actions[kind, action].items()}
        given = body if isinstance(body, dict) else {}
        for name, value in given.items():
            if name.lower() not in parameters:
                yield f"{action}: has no parameter {name}"
            else:
                yield from self.violations(value, parameters[name.lower()], f"{action}.{name}")


def _is_base64(value: object) -> bool:
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
    except binascii.Error:
        return False


_PRIMITIVES: dict[str, Any] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int32": lambda value: type(value) is int and -(2**31) <= value < 2**31,
    "Edm.Int64": lambda value: type(value) is int,
    "Edm.DateTimeOffset": lambda value: isinstance(value, str) and bool(_INSTANT.fullmatch(value)),
    "Edm.Binary": _is_base64,
    "Edm.Stream": _is_base64,
}


@cache
def schema() -> Schema | None:
    """Microsoft's metadata and our supplement; None where the file is absent."""
    file = schema_file(FILE)
    return None if file is None else _read(etree.parse(str(file)).getroot())


def _read(root: Any) -> Schema:
    kinds, actions = dict(SUPPLEMENT), {}
    for element in root.iter(f"{_EDM}EntityType", f"{_EDM}ComplexType"):
        properties = {part.get("Name"): part.get("Type") for part in element.iter(f"{_EDM}Property")}
        relations = {part.get("Name"): part.get("Type") for part in element.iter(f"{_EDM}NavigationProperty")}
        base = str(element.get("BaseType") or "").removeprefix("graph.")
        kinds[element.get("Name")] = Kind(base, properties, relations)
    for element in root.iter(f"{_EDM}Action"):
        bound, *rest = [(part.get("Name"), part.get("Type")) for part in element.iter(f"{_EDM}Parameter")]
        actions[bound[1].removeprefix("graph."), element.get("Name")] = dict(rest)
    enums = {
        element.get("Name"): frozenset(member.get("Name") for member in element)
        for element in root.iter(f"{_EDM}EnumType")
    }
    return Schema(kinds, {**enums, **SUPPLEMENT_ENUMS}, actions)
