"""The operations by name, and the one way in which each becomes an answer, faults of the script included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.exchange import (
    operations_changes,
    operations_folders,
    operations_items,
    operations_names,
)
from tests.servers.exchange.call import Call, Part
from tests.servers.exchange.faults import Action
from tests.servers.exchange.soap import Element, EwsError, add, find, make


@dataclass(frozen=True, slots=True)
class Operation:
    """`hollow` are the elements, with their texts, that a failed response message bears all the same."""

    parts: Callable[[Call], list[Part]]
    hollow: tuple[tuple[str, str | None], ...] = ()


_NO_ITEMS = (("m:Items", None),)
_NO_CHANGES = (("m:SyncState", None), ("m:IncludesLastItemInRange", "true"))

OPERATIONS = {
    "ConvertId": Operation(operations_names.convert_id),
    "ResolveNames": Operation(operations_names.resolve_names),
    "GetServerTimeZones": Operation(
        operations_names.get_server_time_zones, (("m:TimeZoneDefinitions", None),)
    ),
    "GetFolder": Operation(operations_folders.get_folder, (("m:Folders", None),)),
    "FindFolder": Operation(operations_folders.find_folder),
    "CreateFolder": Operation(operations_folders.create_folder, (("m:Folders", None),)),
    "DeleteFolder": Operation(operations_folders.delete_folder),
    "FindItem": Operation(operations_items.find_item),
    "GetItem": Operation(operations_items.get_item, _NO_ITEMS),
    "SyncFolderItems": Operation(operations_items.sync_folder_items, _NO_CHANGES),
    "GetAttachment": Operation(operations_items.get_attachment, (("m:Attachments", None),)),
    "ExportItems": Operation(operations_items.export_items),
    "UploadItems": Operation(operations_changes.upload_items),
    "CreateItem": Operation(operations_changes.create_item, _NO_ITEMS),
    "UpdateItem": Operation(operations_changes.update_item, _NO_ITEMS),
    "DeleteItem": Operation(operations_changes.delete_item),
    "MoveItem": Operation(operations_changes.move_item, _NO_ITEMS),
    "CopyItem": Operation(operations_changes.copy_item, _NO_ITEMS),
}

#: What may change a mailbox, or send something.
CHANGING = frozenset(
    (
        *("CreateItem", "UpdateItem", "DeleteItem", "MoveItem", "CopyItem", "UploadItems", "SendItem"),
        *("EmptyFolder", "DeleteFolder", "CreateFolder", "UpdateFolder", "MoveFolder", "CopyFolder"),
        *("ArchiveItem", "MarkAsJunk", "MarkAllItemsAsRead"),
    )
)

#: The elements whose children are the batch, by operation; of others a request names one item.
BATCHES = {
    "ConvertId": "m:SourceIds",
    "GetFolder": "m:FolderIds",
    "FindFolder": "m:ParentFolderIds",
    "CreateFolder": "m:Folders",
    "DeleteFolder": "m:FolderIds",
    "FindItem": "m:ParentFolderIds",
    "GetItem": "m:ItemIds",
    "GetAttachment": "m:AttachmentIds",
    "ExportItems": "m:ItemIds",
    "UploadItems": "m:Items",
    "CreateItem": "m:Items",
    "UpdateItem": "m:ItemChanges",
    "DeleteItem": "m:ItemIds",
    "MoveItem": "m:ItemIds",
    "CopyItem": "m:ItemIds",
}


def size_of(name: str, body: Element) -> int:
    """How many items, folders or names a request is about; 1 where it has no batch."""
    batch = find(body, BATCHES[name]) if name in BATCHES else None
    return 1 if batch is None else len(batch)


def carry_out(name: str, call: Call, action: Action | None) -> Element:
    """The answer to a request: a response message for each member of the batch."""
    operation = OPERATIONS[name]
    try:
        parts = operation.parts(call)
    except EwsError as problem:
        parts = [_failing(problem)] * size_of(name, call.body)
    if action and action.kind == "all":
        parts = [_failing(EwsError(action.code))] * len(parts)
    if action and action.kind == "item":
        parts = _with_fault(parts, action)
    messages = make("m:ResponseMessages", *(_message(name, operation, part) for part in parts))
    if action and action.kind == "short":
        for message in messages[max(1, len(messages) - action.count) :]:
            messages.remove(message)
    return make(f"m:{name}Response", messages)


def _failing(problem: EwsError) -> Part:
    def fail() -> list[Element]:
        raise problem

    return fail


def _with_fault(parts: list[Part], action: Action) -> list[Part]:
    index = min(action.index, len(parts) - 1)
    behind = parts[index + 1 :]
    if action.stops:
        behind = [_failing(EwsError("ErrorBatchProcessingStopped", is_warning=True))] * len(behind)
    return [*parts[:index], _failing(EwsError(action.code)), *behind]


def _message(name: str, operation: Operation, part: Part) -> Element:
    message = make(f"m:{name}ResponseMessage")
    try:
        children = list(part())
        kind, code = "Success", "NoError"
    except EwsError as problem:
        kind, code = "Warning" if problem.is_warning else "Error", problem.code
        children = list(problem.children) or [make(tag, text=text) for tag, text in operation.hollow]
        add(message, "m:MessageText", f"{code}.")
    message.set("ResponseClass", kind)
    add(message, "m:ResponseCode", code)
    if kind != "Success":
        add(message, "m:DescriptiveLinkKey", "0")
    message.extend(children)
    return message
