"""What reads items and changes none: FindItem, GetItem, SyncFolderItems, GetAttachment, ExportItems."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from lxml import etree

from tests.servers.exchange import soap
from tests.servers.exchange.call import Call, Part
from tests.servers.exchange.names import PAGE_CAP, PAGE_CAP_RESTRICTED, SIZE_LIMIT
from tests.servers.exchange.operations_folders import paging, window
from tests.servers.exchange.properties import held
from tests.servers.exchange.restrictions import sorter, test_of
from tests.servers.exchange.rights import Right
from tests.servers.exchange.shapes import Shape, attachment, id_of, read_shape, render
from tests.servers.exchange.soap import Element, EwsError, make
from tests.servers.mailstore.parcel import pack
from tests.servers.mailstore.store import Folder, Item


def find_item(call: Call) -> list[Part]:
    shape = read_shape(soap.find(call.body, "m:ItemShape"), is_find=True, rewrites_mime=call.rewrites_mime)
    restriction = soap.find(call.body, "m:Restriction")
    view = soap.find(call.body, "m:IndexedPageItemView")

    def part(element: Element) -> Part:
        def find() -> Iterable[Element]:
            for name in ("QueryString", "GroupBy", "FractionalPageItemView"):
                if soap.find(call.body, f"m:{name}") is not None:
                    raise EwsError("ErrorInvalidOperation")
            folder = call.folder(element, Right.READ)
            if call.body.get("Traversal") != "Shallow":
                return [make("m:RootFolder", make("t:Items"), **paging(0, 0, 0))]
            found = _selected(call, folder, restriction)
            offset, most = window(view, PAGE_CAP if restriction is None else PAGE_CAP_RESTRICTED)
            page = found[offset : offset + most]
            right = call.right(folder)
            items = make("t:Items", *(render(item, shape, right) for item in page))
            return [make("m:RootFolder", items, **paging(offset, len(page), len(found)))]

        return find

    return [part(element) for element in soap.find_all(call.body, "m:ParentFolderIds/*")]


def _selected(call: Call, folder: Folder, restriction: Element | None) -> list[Item]:
    """The live set in its order; worked out once for all pages until the folder changes."""
    order = soap.find_all(call.body, "m:SortOrder/t:FieldOrder")
    key = tuple(etree.tostring(part) for part in ([] if restriction is None else [restriction]) + order)

    def select(items: list[Item]) -> list[Item]:
        if restriction is not None:
            test = test_of(restriction[0], held)
            items = [item for item in items if test(item)]
        return sorter(order, held)(items)

    return call.store.view(folder, key, select)


def get_item(call: Call) -> list[Part]:
    shape = read_shape(soap.find(call.body, "m:ItemShape"), is_find=False, rewrites_mime=call.rewrites_mime)

    def part(element: Element) -> Part:
        def get() -> Iterable[Element]:
            item = call.item(element, Right.READ)
            return [make("m:Items", render(item, shape, call.right(item.home)))]

        return get

    return [part(element) for element in soap.find_all(call.body, "m:ItemIds/*")]


def sync_folder_items(call: Call) -> list[Part]:
    def sync() -> Iterable[Element]:
        folder = call.folder(soap.find(call.body, "m:SyncFolderId/*"), Right.READ)
        state = soap.find(call.body, "m:SyncState")
        since = _since(state, folder)
        shape = read_shape(
            soap.find(call.body, "m:ItemShape"), is_find=False, rewrites_mime=call.rewrites_mime
        )
        most = int(str(soap.find(call.body, "m:MaxChangesReturned").text))
        ignored = {element.get("Id") for element in soap.find_all(call.body, "m:Ignore/*")}
        news: list[tuple[int, Item | str]] = [
            *((item.change, item) for item in folder.items.values() if item.change > since),
            *((number, gone) for number, gone in folder.gone if number > since),
        ]
        news.sort(key=lambda new: new[0])
        told = news[:most]
        reached = told[-1][0] if told else since
        changes = [_change(call, what, since, shape) for _number, what in told]
        return [
            make("m:SyncState", text=base64.b64encode(f"{folder.number}:{reached}".encode()).decode()),
            make("m:IncludesLastItemInRange", text=soap.truth(len(news) <= most)),
            make("m:Changes", *(change for id_, change in changes if id_ not in ignored)),
        ]

    return [sync]


def _since(state: Element | None, folder: Folder) -> int:
    if state is None or not state.text:
        return 0
    try:
        number, _colon, change = base64.b64decode(state.text).decode().partition(":")
        assert int(number) == folder.number
        return int(change)
    except (ValueError, AssertionError):
        raise EwsError("ErrorInvalidSyncStateData") from None


def _change(call: Call, what: Item | str, since: int, shape: Shape) -> tuple[str, Element]:
    if isinstance(what, str):
        return what, make("t:Delete", make("t:ItemId", Id=what))
    kind = "Create" if what.born > since else "Update"
    return what.id, make(f"t:{kind}", render(what, shape, call.right(what.home)))


def get_attachment(call: Call) -> list[Part]:
    shape = soap.find(call.body, "m:AttachmentShape")
    mime = None if shape is None else soap.find(shape, "t:IncludeMimeContent")

    def part(element: Element) -> Part:
        def get() -> Iterable[Element]:
            item, number = call.attachment(str(element.get("Id")))
            with_mime = mime is not None and mime.text == "true"
            return [make("m:Attachments", attachment(item, number, with_content=True, with_mime=with_mime))]

        return get

    return [part(element) for element in soap.find_all(call.body, "m:AttachmentIds/*")]


def export_items(call: Call) -> list[Part]:
    def part(element: Element) -> Part:
        def export() -> Iterable[Element]:
            item = call.item(element, Right.READ)
            data = pack(item)
            if len(data) > SIZE_LIMIT:
                raise EwsError("ErrorMessageSizeExceeded")
            return [id_of_m(item), make("m:Data", text=base64.b64encode(data).decode())]

        return export

    return [part(element) for element in soap.find_all(call.body, "m:ItemIds/*")]


def id_of_m(item: Item) -> Element:
    """An item's id in the namespace of messages, as exports and uploads answer it."""
    known = id_of(item)
    return make("m:ItemId", Id=known.get("Id"), ChangeKey=known.get("ChangeKey"))
