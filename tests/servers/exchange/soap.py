"""SOAP in and out: envelopes are read, checked against Microsoft's schema, answered; faults are made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lxml import etree

from tests.servers.exchange.names import ERRORS, PREFIXES, SOAP, TYPES
from tests.servers.schemas import schema_file

#: lxml has no types of its own.
Element = Any

#: A documented code that the schema lacks.
UNKNOWN_TO_SCHEMA = "ErrorRecoverableItemsAccessDenied"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


class EwsError(Exception):
    """An error of one item of a batch, by its response code. `is_warning` for the class Warning;
    `children` are answered all the same."""

    def __init__(self, code: str, *, is_warning: bool = False, children: tuple[Element, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.is_warning = is_warning
        self.children = children


class SoapFault(Exception):
    """The whole request fails, with HTTP 500. `values` go into MessageXml."""

    def __init__(self, code: str, values: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.values = values or {}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request: the operation's element, who is impersonated, what the schema says against it."""

    body: Element
    impersonated: str | None
    violations: tuple[str, ...]

    @property
    def operation(self) -> str:
        return str(etree.QName(self.body).localname)


@cache
def schema() -> Any | None:
    """The compiled schema; None where it is absent."""
    file = schema_file("ews/messages.xsd")
    return etree.XMLSchema(etree.parse(str(file))) if file else None


def violations(element: Element) -> tuple[str, ...]:
    """What the schema says against an element that stands in a body or a header; nothing without a schema."""
    known = schema()
    if known is None:
        return ()
    alone = etree.ElementTree(etree.fromstring(etree.tostring(element, with_tail=False), _PARSER))
    if known.validate(alone):
        return ()
    return tuple(f"{etree.QName(element).localname}: {error.message}" for error in known.error_log)


def read(data: bytes) -> Envelope:
    """Reads a request. Raises SoapFault for what is no SOAP at all."""
    try:
        root = etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError:
        raise SoapFault("ErrorInvalidRequest") from None
    body = root.find(f"{{{SOAP}}}Body")
    if body is None or len(body) != 1:
        raise SoapFault("ErrorInvalidRequest")
    header = root.find(f"{{{SOAP}}}Header")
    parts = [body[0], *(() if header is None else header)]
    found = tuple(violation for part in parts for violation in violations(part))
    person = root.find(f"{{{SOAP}}}Header/{{{TYPES}}}ExchangeImpersonation/{{{TYPES}}}ConnectingSID")
    impersonated = None if person is None or not len(person) else str(person[0].text or "").lower()
    return Envelope(body[0], impersonated, found)


def name(tag: str) -> str:
    """`t:Subject` as a name with its namespace."""
    prefix, _colon, local = tag.partition(":")
    return f"{{{PREFIXES[prefix]}}}{local}"


def make(tag: str, *children: Element, text: str | None = None, **attributes: str) -> Element:
    """An element: `make("t:ItemId", Id=…)`."""
    element = etree.Element(name(tag), attributes, nsmap=PREFIXES)
    element.text = text
    element.extend(children)
    return element


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Like `make`, as the last child of `parent`; faster where there are many."""
    element = etree.SubElement(parent, name(tag), attributes)
    element.text = text
    return element


def find(element: Element, path: str) -> Element:
    """The first descendant at a path of prefixed names; None where there is none."""
    return element.find(path, PREFIXES)


def find_all(element: Element, path: str) -> list[Element]:
    return list(element.findall(path, PREFIXES))


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return str(etree.QName(element).localname)


def answered(body: Element) -> bytes:
    """The envelope around an answer."""
    return _enveloped(body)


def fault(problem: SoapFault) -> bytes:
    """The envelope of a fault; as in Exchange, codes are in one namespace and MessageXml in another."""
    detail = etree.Element("detail")
    etree.SubElement(detail, f"{{{ERRORS}}}ResponseCode", nsmap={"e": ERRORS}).text = problem.code
    etree.SubElement(detail, f"{{{ERRORS}}}Message", nsmap={"e": ERRORS}).text = problem.code
    if problem.values:
        inner = etree.SubElement(detail, f"{{{TYPES}}}MessageXml", nsmap={"t": TYPES})
        for key, value in problem.values.items():
            if problem.code == "ErrorSchemaValidation":
                etree.SubElement(inner, f"{{{TYPES}}}{key}").text = value
            else:
                etree.SubElement(inner, f"{{{TYPES}}}Value", Name=key).text = value
    whole = etree.Element(f"{{{SOAP}}}Fault")
    etree.SubElement(whole, "faultcode").text = f"a:{problem.code}"
    etree.SubElement(whole, "faultstring").text = problem.code
    whole.append(detail)
    return _enveloped(whole)


def _enveloped(body: Element) -> bytes:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=PREFIXES)
    header = add(envelope, "s:Header")
    add(
        header,
        "t:ServerVersionInfo",
        MajorVersion="15",
        MinorVersion="2",
        MajorBuildNumber="2562",
        MinorBuildNumber="17",
        Version="V2017_07_11",
    )
    add(envelope, "s:Body").append(body)
    written: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return written


def instant(moment: datetime) -> str:
    """An instant as Exchange writes it: UTC, whole seconds, or with its fraction where it has one."""
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}".rstrip("0") if utc.microsecond else ""
    return utc.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def moment(text: str) -> datetime:
    """An instant as a client writes it; without a zone it is UTC. Raises EwsError for anything else."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise EwsError("ErrorInvalidPropertyRequest") from None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def truth(value: bool) -> str:
    return "true" if value else "false"
