"""What concerns no item: ConvertId, ResolveNames, GetServerTimeZones."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from tests.servers.exchange import soap
from tests.servers.exchange.call import Call, Part
from tests.servers.exchange.soap import Element, EwsError, add, make
from tests.servers.mailstore.store import Mailbox

_ZONES = {
    "UTC": "(UTC) Coordinated Universal Time",
    "GMT Standard Time": "(UTC+00:00) Dublin, Edinburgh, Lisbon, London",
}


def convert_id(call: Call) -> list[Part]:
    target = str(call.body.get("DestinationFormat"))

    def part(element: Element) -> Part:
        def convert() -> Iterable[Element]:
            address = str(element.get("Mailbox"))
            call.mailbox(address)
            raw = _raw(str(element.get("Id")), str(element.get("Format")))
            known = make("m:AlternateId", Format=target, Id=_written(raw, target), Mailbox=address)
            known.set("{http://www.w3.org/2001/XMLSchema-instance}type", "t:AlternateIdType")
            return [known]

        return convert

    return [part(element) for element in soap.find(call.body, "m:SourceIds")]


def _raw(id_: str, form: str) -> bytes:
    try:
        if form == "HexEntryId":
            return bytes.fromhex(id_)
        return base64.b64decode(id_.removeprefix("AAMk"), validate=True)
    except ValueError:
        raise EwsError("ErrorInvalidIdMalformed") from None


def _written(raw: bytes, form: str) -> str:
    if form == "HexEntryId":
        return raw.hex().upper()
    return ("AAMk" if form == "EwsId" else "") + base64.b64encode(raw).decode()


def resolve_names(call: Call) -> list[Part]:
    sought = str(soap.find(call.body, "m:UnresolvedEntry").text or "").lower().removeprefix("smtp:")

    def resolve() -> Iterable[Element]:
        found = [
            mailbox
            for mailbox in call.store.mailboxes.values()
            if sought and (mailbox.address.startswith(sought) or sought in mailbox.name.lower())
        ][:100]
        if not found:
            raise EwsError("ErrorNameResolutionNoResults")
        entries = make(
            "m:ResolutionSet",
            *(make("t:Resolution", _person(mailbox)) for mailbox in found),
            TotalItemsInView=str(len(found)),
            IncludesLastItemInRange="true",
        )
        if len(found) > 1:
            raise EwsError("ErrorNameResolutionMultipleResults", is_warning=True, children=(entries,))
        return [entries]

    return [resolve]


def _person(mailbox: Mailbox) -> Element:
    element = make("t:Mailbox")
    add(element, "t:Name", mailbox.name)
    add(element, "t:EmailAddress", mailbox.address)
    add(element, "t:RoutingType", "SMTP")
    add(element, "t:MailboxType", "Mailbox")
    return element


def get_server_time_zones(call: Call) -> list[Part]:
    asked = {str(one.text) for one in soap.find_all(call.body, "m:Ids/t:Id")} or set(_ZONES)

    def zones() -> Iterable[Element]:
        known = [
            make("t:TimeZoneDefinition", Id=zone, Name=name) for zone, name in _ZONES.items() if zone in asked
        ]
        return [make("m:TimeZoneDefinitions", *known)]

    return [zones]
