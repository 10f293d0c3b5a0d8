"""GetFolder, FindFolder, CreateFolder and DeleteFolder."""

from __future__ import annotations

from collections.abc import Iterable

from tests.servers.exchange import soap
from tests.servers.exchange.call import Call, Part
from tests.servers.exchange.restrictions import test_of
from tests.servers.exchange.rights import Right
from tests.servers.exchange.shapes_folders import folder_fields, folder_held, render_folder
from tests.servers.exchange.soap import Element, EwsError, make
from tests.servers.mailstore.names import Known
from tests.servers.mailstore.store import Folder


def get_folder(call: Call) -> list[Part]:
    fields = folder_fields(soap.find(call.body, "m:FolderShape"))

    def part(element: Element) -> Part:
        def get() -> Iterable[Element]:
            folder = call.folder(element, Right.VISIBLE)
            return [make("m:Folders", render_folder(folder, fields, call.right(folder)))]

        return get

    return [part(element) for element in soap.find_all(call.body, "m:FolderIds/*")]


def find_folder(call: Call) -> list[Part]:
    fields = folder_fields(soap.find(call.body, "m:FolderShape"))
    restriction = soap.find(call.body, "m:Restriction")
    view = soap.find(call.body, "m:IndexedPageFolderView")
    is_deep = call.body.get("Traversal") == "Deep"

    def part(element: Element) -> Part:
        def find() -> Iterable[Element]:
            top = call.folder(element, Right.VISIBLE)
            found = [
                folder
                for folder in (top.below() if is_deep else top.children)
                if call.right(folder) >= Right.VISIBLE
            ]
            if restriction is not None:
                test = test_of(restriction[0], folder_held)
                found = [folder for folder in found if test(folder)]
            return [_page(call, found, view, fields)]

        return find

    return [part(element) for element in soap.find_all(call.body, "m:ParentFolderIds/*")]


def create_folder(call: Call) -> list[Part]:
    def part(element: Element) -> Part:
        def create() -> Iterable[Element]:
            parent = call.folder(soap.find(call.body, "m:ParentFolderId")[0], Right.FULL)
            name = str(soap.find(element, "t:DisplayName").text)
            kind = soap.find(element, "t:FolderClass")
            if any(child.name == name for child in parent.children):
                raise EwsError("ErrorFolderExists")
            known = Known("", name, "", "IPF.Note" if kind is None else str(kind.text))
            folder = parent.mailbox.make(known, parent)
            return [make("m:Folders", render_folder(folder, frozenset(), Right.FULL))]

        return create

    return [part(element) for element in soap.find(call.body, "m:Folders")]


def delete_folder(call: Call) -> list[Part]:
    def part(element: Element) -> Part:
        def delete() -> Iterable[Element]:
            folder = call.folder(element, Right.FULL)
            if folder.distinguished or folder.parent is None:
                raise EwsError("ErrorDeleteDistinguishedFolder")
            if folder.items or folder.children:
                raise EwsError("ErrorCannotDeleteObject")  # what is in it would go without a word
            folder.parent.children.remove(folder)
            del folder.mailbox.folders[folder.number]
            return []

        return delete

    return [part(element) for element in soap.find_all(call.body, "m:FolderIds/*")]


def _page(call: Call, found: list[Folder], view: Element | None, fields: frozenset[str]) -> Element:
    offset, most = window(view, cap=1000)
    page = found[offset : offset + most]
    folders = make("t:Folders", *(render_folder(folder, fields, call.right(folder)) for folder in page))
    return make("m:RootFolder", folders, **paging(offset, len(page), len(found)))


def window(view: Element | None, cap: int) -> tuple[int, int]:
    """Offset and size of the page that an indexed view asks for, the server's cap on it applied."""
    if view is None:
        return 0, cap
    if view.get("BasePoint") != "Beginning":
        raise EwsError("ErrorInvalidOperation")
    asked = view.get("MaxEntriesReturned")
    return int(str(view.get("Offset"))), min(cap, int(asked) if asked else cap)


def paging(offset: int, count: int, total: int) -> dict[str, str]:
    """What a page tells of the whole, which is counted anew at every request."""
    return {
        "IndexedPagingOffset": str(offset + count),
        "TotalItemsInView": str(total),
        "IncludesLastItemInRange": soap.truth(offset + count >= total),
    }
