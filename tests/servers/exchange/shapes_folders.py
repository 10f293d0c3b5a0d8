"""Folders become XML: exactly the fields that were asked for, in the order of the schema."""

from __future__ import annotations

import base64

from tests.servers.exchange import soap
from tests.servers.exchange.rights import Right
from tests.servers.exchange.soap import Element, add, make
from tests.servers.mailstore.mapi import Key
from tests.servers.mailstore.store import Folder

_FOLDER_BASE = {
    "Default": "folder:DisplayName folder:TotalCount folder:ChildFolderCount folder:UnreadCount",
    "AllProperties": "folder:ParentFolderId folder:FolderClass folder:DisplayName folder:TotalCount"
    " folder:ChildFolderCount folder:EffectiveRights folder:DistinguishedFolderId folder:UnreadCount",
}


def folder_fields(shape: Element) -> frozenset[str]:
    """The fields that a FolderShape asks for."""
    base = soap.find(shape, "t:BaseShape")
    fields = _FOLDER_BASE.get(str(base.text) if base is not None else "", "").split()
    paths = soap.find_all(shape, "t:AdditionalProperties/t:FieldURI")
    return frozenset(fields) | {str(path.get("FieldURI")) for path in paths}


def folder_held(folder: Folder, key: str | Key) -> str | bool | int | None:
    """A folder's field, for restrictions."""
    match key:
        case "folder:DisplayName":
            return folder.name
        case "folder:FolderClass":
            return folder.known.folder_class or None
        case "folder:TotalCount":
            return None if folder.told_count < 0 else folder.told_count
        case "folder:ChildFolderCount":
            return len(folder.children)
        case "folder:UnreadCount":
            return sum(not item.is_read for item in folder.items.values())
        case _:
            return None


def render_folder(folder: Folder, fields: frozenset[str], right: Right) -> Element:
    """The element of a folder; the root tells no parent."""
    element = make(f"t:{folder.known.element}")
    add(element, "t:FolderId", Id=folder.id, ChangeKey=base64.b64encode(folder.id.encode()[:16]).decode())
    if "folder:ParentFolderId" in fields:
        add(element, "t:ParentFolderId", Id=(folder.parent or folder).id)
    for name in ("FolderClass", "DisplayName", "TotalCount", "ChildFolderCount"):
        value = folder_held(folder, f"folder:{name}") if f"folder:{name}" in fields else None
        if value is not None:
            add(element, f"t:{name}", str(value))
    if "folder:EffectiveRights" in fields:
        element.append(effective_rights(right))
    if "folder:DistinguishedFolderId" in fields and folder.distinguished:
        add(element, "t:DistinguishedFolderId", folder.distinguished)
    if "folder:UnreadCount" in fields and folder.known.element in ("Folder", "TasksFolder", "SearchFolder"):
        add(element, "t:UnreadCount", str(folder_held(folder, "folder:UnreadCount")))
    return element


def effective_rights(right: Right) -> Element:
    is_full = soap.truth(right >= Right.FULL)
    element = make("t:EffectiveRights")
    for name in ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify"):
        add(element, f"t:{name}", is_full)
    add(element, "t:Read", soap.truth(right >= Right.READ))
    return element
