"""Items become XML: exactly the fields that were asked for, in the order of the schema."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.servers.exchange import soap
from tests.servers.exchange.field_names import (
    ALL,
    DEFAULT,
    ITEM_ORDER,
    MESSAGE_ORDER,
    NOT_IN_FIND,
    POST_ORDER,
)
from tests.servers.exchange.names import MESSAGE_ELEMENTS
from tests.servers.exchange.properties import FIELDS, held, path_key, text
from tests.servers.exchange.rights import Right
from tests.servers.exchange.shapes_folders import effective_rights
from tests.servers.exchange.soap import Element, EwsError, add, make
from tests.servers.mailstore.content import Person, rewritten
from tests.servers.mailstore.mapi import Key
from tests.servers.mailstore.store import Item

#: What XML cannot hold; Exchange itself writes such characters, exchangelib repairs them.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Shape:
    """What was asked for. `is_find`: by FindItem, which gives less."""

    fields: frozenset[str]
    extended: tuple[tuple[Element, Key], ...]
    wants_mime: bool
    body_type: str
    is_find: bool
    rewrites_mime: bool


def read_shape(element: Element | None, *, is_find: bool, rewrites_mime: bool) -> Shape:
    """Reads an ItemShape. Raises EwsError where FindItem is asked for what only GetItem gives."""
    if element is None:
        return Shape(frozenset(), (), False, "Best", is_find, rewrites_mime)
    base = soap.find(element, "t:BaseShape")
    fields = {"Default": DEFAULT, "AllProperties": ALL}.get(str(base.text) if base is not None else "")
    wanted = set(fields or ())
    if is_find:
        wanted -= NOT_IN_FIND
    extended = []
    for path in soap.find_all(element, "t:AdditionalProperties/*"):
        key = path_key(path)
        if isinstance(key, str):
            wanted.add(key)
        elif key[0] != "index":
            extended.append((path, key))
    if is_find and wanted & NOT_IN_FIND:
        raise EwsError("ErrorInvalidPropertyRequest")
    mime = soap.find(element, "t:IncludeMimeContent")
    wants_mime = (mime is not None and mime.text == "true") or "item:MimeContent" in wanted
    body = soap.find(element, "t:BodyType")
    return Shape(
        frozenset(wanted),
        tuple(extended),
        wants_mime and not is_find,
        str(body.text) if body is not None else "Best",
        is_find,
        rewrites_mime,
    )


def id_of(item: Item) -> Element:
    return make("t:ItemId", Id=item.id, ChangeKey=item.change_key)


def only_id(item: Item) -> Element:
    """The element of an item with nothing but its id."""
    element = make(f"t:{item.element}")
    add(element, "t:ItemId", Id=item.id, ChangeKey=item.change_key)
    return element


def render(item: Item, shape: Shape, right: Right) -> Element:
    """The element of an item with what the shape asks for and the item has."""
    kind = item.element
    element = make(f"t:{kind}")
    for name in ITEM_ORDER:
        if name == "ItemId":
            add(element, "t:ItemId", Id=item.id, ChangeKey=item.change_key)
        elif name == "ExtendedProperty":
            element.extend(_extended(item, shape))
        elif name == "MimeContent":
            if shape.wants_mime:
                add(element, "t:MimeContent", _mime(item, shape), CharacterSet="UTF-8")
        elif f"item:{name}" in shape.fields:
            _field(element, item, f"item:{name}", shape, right)
    order = MESSAGE_ORDER if kind in MESSAGE_ELEMENTS else POST_ORDER if kind == "PostItem" else ()
    for name in order:
        uri = f"postitem:{name}" if name == "PostedTime" else f"message:{name}"
        if uri in shape.fields:
            _field(element, item, uri, shape, right)
    return element


def _field(element: Element, item: Item, uri: str, shape: Shape, right: Right) -> None:
    name = uri.partition(":")[2]
    special = _SPECIAL.get(name)
    if special:
        element.extend(special(item, shape, right))
        return
    value = held(item, uri) if uri in FIELDS else None
    if value is not None and not isinstance(value, tuple):
        add(element, f"t:{name}", clean(text(value)))


def clean(written: str) -> str:
    return _NO_XML.sub("\ufffd", written)


def _mime(item: Item, shape: Shape) -> str:
    mime = item.content.mime
    if shape.rewrites_mime:
        mime = rewritten(mime, f"{item.number:08x}")
    return base64.b64encode(mime).decode()


def _extended(item: Item, shape: Shape) -> Iterable[Element]:
    for path, key in shape.extended:
        value = held(item, key)
        if value is None:
            continue
        uri = make("t:ExtendedFieldURI", **dict(path.attrib))
        if isinstance(value, tuple):
            yield make(
                "t:ExtendedProperty",
                uri,
                make("t:Values", *(make("t:Value", text=clean(one)) for one in value)),
            )
        else:
            yield make("t:ExtendedProperty", uri, make("t:Value", text=clean(text(value))))


def _person(person: Person, is_find: bool) -> Element:
    """FindItem gives the name alone; the address is for GetItem and for MAPI properties."""
    element = make("t:Mailbox")
    add(element, "t:Name", clean(person.name))
    if not is_find:
        add(element, "t:EmailAddress", clean(person.address))
        add(element, "t:RoutingType", "SMTP")
        add(element, "t:MailboxType", "OneOff")
    return element


def _one(name: str) -> Special:
    def build(item: Item, shape: Shape, _right: Right) -> Iterable[Element]:
        person = item.content.author if name == "From" else item.content.sender
        if person:
            yield make(f"t:{name}", _person(person, shape.is_find))

    return build


def _many(name: str, header: str) -> Special:
    def build(item: Item, shape: Shape, _right: Right) -> Iterable[Element]:
        people = item.content.people(header)
        if people:
            yield make(f"t:{name}", *(_person(person, False) for person in people))

    return build


def _body(name: str) -> Special:
    def build(item: Item, shape: Shape, _right: Right) -> Iterable[Element]:
        html = "" if name == "TextBody" or shape.body_type == "Text" else item.content.body("html")
        kind = "HTML" if html or shape.body_type == "HTML" else "Text"
        yield make(f"t:{name}", text=clean(html or item.content.body("plain")), BodyType=kind)

    return build


def _attachments(item: Item, _shape: Shape, _right: Right) -> Iterable[Element]:
    entries = [
        attachment(item, number, with_content=False) for number in range(len(item.content.attachments))
    ]
    if entries:
        yield make("t:Attachments", *entries)


def attachment(item: Item, number: int, *, with_content: bool, with_mime: bool = False) -> Element:
    """One attachment, with its bytes or without."""
    held_ = item.content.attachments[number]
    entry = make("t:ItemAttachment" if held_.message else "t:FileAttachment")
    id_ = item.home.mailbox.id_of("A", item.number << 12 | number)
    add(entry, "t:AttachmentId", Id=id_)
    add(entry, "t:Name", clean(held_.name))
    add(entry, "t:ContentType", held_.content_type)
    if held_.content_id:
        add(entry, "t:ContentId", clean(held_.content_id))
    add(entry, "t:Size", str(len(held_.content)))
    add(entry, "t:LastModifiedTime", soap.instant(item.modified))
    add(entry, "t:IsInline", soap.truth(bool(held_.content_id)))
    if with_content and held_.message:
        inner = add(entry, "t:Message")
        if with_mime:
            add(inner, "t:MimeContent", base64.b64encode(held_.content).decode(), CharacterSet="UTF-8")
        add(inner, "t:Subject", clean(held_.name))
    elif with_content:
        add(entry, "t:Content", base64.b64encode(held_.content).decode())
    return entry


def _headers(item: Item, _shape: Shape, _right: Right) -> Iterable[Element]:
    names = list(item.content.headers.items())
    if names:
        yield make(
            "t:InternetMessageHeaders",
            *(
                make("t:InternetMessageHeader", text=clean(str(value)), HeaderName=clean(header))
                for header, value in names
            ),
        )


def _conversation_id(item: Item) -> str:
    return base64.b64encode(item.home.mailbox.guid + item.content.conversation).decode()


Special = Callable[[Item, Shape, Right], Iterable[Element]]
_SPECIAL: dict[str, Special] = {
    "ParentFolderId": lambda item, _shape, _right: [make("t:ParentFolderId", Id=item.home.id)],
    "Body": _body("Body"),
    "UniqueBody": _body("UniqueBody"),
    "TextBody": _body("TextBody"),
    "Attachments": _attachments,
    "Categories": lambda item, _shape, _right: (
        [make("t:Categories", *(make("t:String", text=clean(one)) for one in item.categories))]
        if item.categories
        else []
    ),
    "InternetMessageHeaders": _headers,
    "EffectiveRights": lambda _item, _shape, right: [effective_rights(right)],
    "ConversationId": lambda item, _shape, _right: [make("t:ConversationId", Id=_conversation_id(item))],
    "Flag": lambda item, _shape, _right: [make("t:Flag", make("t:FlagStatus", text=item.flag))],
    "Sender": _one("Sender"),
    "From": _one("From"),
    "ToRecipients": _many("ToRecipients", "To"),
    "CcRecipients": _many("CcRecipients", "Cc"),
    "BccRecipients": _many("BccRecipients", "Bcc"),
    "ReplyTo": _many("ReplyTo", "Reply-To"),
}
