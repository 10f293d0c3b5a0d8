"""What changes a mailbox: CreateItem, UpdateItem, DeleteItem, MoveItem, CopyItem, UploadItems."""

from __future__ import annotations

from collections.abc import Iterable

from tests.servers.exchange import soap
from tests.servers.exchange.call import Call, Part
from tests.servers.exchange.names import SIZE_LIMIT
from tests.servers.exchange.operations_items import id_of_m
from tests.servers.exchange.rights import Right
from tests.servers.exchange.shapes import only_id
from tests.servers.exchange.soap import Element, EwsError, make
from tests.servers.exchange.writing import clear_field, new_item, set_field, stands_in_content
from tests.servers.mailstore.parcel import CorruptParcel, unpack
from tests.servers.mailstore.retention import Kept
from tests.servers.mailstore.store import Folder, Item


def create_item(call: Call) -> list[Part]:
    disposition = call.body.get("MessageDisposition")
    target = soap.find(call.body, "m:SavedItemFolderId/*")

    def part(element: Element) -> Part:
        def create() -> Iterable[Element]:
            item = new_item(element, call.store.clock.now())
            if soap.local(element) in ("Message",) and disposition is None:
                raise EwsError("ErrorMessageDispositionRequired")
            if disposition in ("SendOnly", "SendAndSaveCopy"):
                call.retention.tell("message", call.mailbox(call.user))
            if disposition == "SendOnly":
                return [make("m:Items")]
            folder = _saved_in(call, target, item)
            call.store.place(item, folder)
            return [make("m:Items", only_id(item))]

        return create

    return [part(element) for element in soap.find(call.body, "m:Items")]


def _saved_in(call: Call, target: Element | None, item: Item) -> Folder:
    if target is not None:
        folder = call.folder(target, Right.FULL)
        _refuse_bins(folder)
        return folder
    by_element = {"CalendarItem": "calendar", "Contact": "contacts", "Task": "tasks"}
    return call.mailbox(call.user).known(by_element.get(item.element, "drafts"))


def _refuse_bins(folder: Folder) -> None:
    """Nobody puts anything into Recoverable Items but the server."""
    if folder.is_recoverable:
        raise EwsError("ErrorAccessDenied")


def update_item(call: Call) -> list[Part]:
    policy = call.body.get("ConflictResolution")
    suppresses = call.body.get("SuppressReadReceipts") in ("true", "1")

    def part(change: Element) -> Part:
        def update() -> Iterable[Element]:
            element = change[0]
            item = call.item(element, Right.FULL)
            _refuse_bins(item.home)
            key = element.get("ChangeKey")
            if policy != "AlwaysOverwrite" and not key:
                raise EwsError("ErrorChangeKeyRequiredForWriteOperations")
            if policy == "NeverOverwrite" and key != item.change_key:
                raise EwsError("ErrorIrresolvableConflict")
            updates = list(soap.find(change, "t:Updates"))
            if any(stands_in_content(update) for update in updates):
                _keep_version(call, item)
            for one in updates:
                if soap.local(one) == "SetItemField":
                    set_field(item, one[0], one[1][0], call.retention, suppresses)
                elif soap.local(one) == "DeleteItemField":
                    clear_field(item, one[0])
                else:
                    raise EwsError("ErrorInvalidPropertyAppend")
            call.store.altered(item)
            conflicts = make("m:ConflictResults", make("t:Count", text="0"))
            return [make("m:Items", only_id(item)), conflicts]

        return update

    return [part(change) for change in soap.find(call.body, "m:ItemChanges")]


def _keep_version(call: Call, item: Item) -> None:
    """Copy on write: with single item recovery or a hold, the old content goes into Versions."""
    mailbox = item.home.mailbox
    if mailbox.keeps_purges or mailbox.is_held:
        old = item.twin()
        old.dumped = call.store.clock.now()
        old.receipt_pending = False
        call.store.place(old, mailbox.bin_of(item.home, "versions"))


def delete_item(call: Call) -> list[Part]:
    kind = str(call.body.get("DeleteType"))
    cancellations = call.body.get("SendMeetingCancellations")
    occurrences = call.body.get("AffectedTaskOccurrences")
    suppresses = call.body.get("SuppressReadReceipts") in ("true", "1")

    def part(element: Element) -> Part:
        def delete() -> Iterable[Element]:
            item = call.item(element, Right.FULL)
            if item.element == "CalendarItem" and cancellations is None:
                raise EwsError("ErrorSendMeetingCancellationsRequired")
            if item.element == "Task" and occurrences is None:
                raise EwsError("ErrorAffectedTaskOccurrencesRequired")
            cancels = cancellations not in (None, "SendToNone")
            try:
                call.retention.delete(item, kind, suppress_receipts=suppresses, cancels=cancels)
            except Kept:
                raise EwsError("ErrorCannotDeleteObject") from None
            return []

        return delete

    return [part(element) for element in soap.find_all(call.body, "m:ItemIds/*")]


def move_item(call: Call) -> list[Part]:
    return _carry(call, is_move=True)


def copy_item(call: Call) -> list[Part]:
    return _carry(call, is_move=False)


def _carry(call: Call, *, is_move: bool) -> list[Part]:
    target = soap.find(call.body, "m:ToFolderId/*")

    def part(element: Element) -> Part:
        def carry() -> Iterable[Element]:
            folder = call.folder(target, Right.FULL)
            item = call.item(element, Right.FULL if is_move else Right.READ)
            _refuse_bins(folder)
            is_across = folder.mailbox is not item.home.mailbox
            if is_across and call.is_impersonating:
                raise EwsError("ErrorCrossMailboxMoveCopy")
            if is_across:
                call.require(item.home, Right.FULL)
            carried = item if is_move else item.twin()
            if is_move:
                call.store.take(item)
            carried.dumped = None
            call.store.place(carried, folder)
            # A new id is told within one mailbox alone.
            return [make("m:Items") if is_across else make("m:Items", only_id(carried))]

        return carry

    return [part(element) for element in soap.find_all(call.body, "m:ItemIds/*")]


def upload_items(call: Call) -> list[Part]:
    def part(element: Element) -> Part:
        def upload() -> Iterable[Element]:
            if element.get("CreateAction") != "CreateNew":
                raise EwsError("ErrorInvalidOperation")
            folder = call.folder(soap.find(element, "t:ParentFolderId"), Right.FULL)
            _refuse_bins(folder)
            data = str(soap.find(element, "t:Data").text or "")
            if len(data) * 3 // 4 > SIZE_LIMIT:
                raise EwsError("ErrorMessageSizeExceeded")
            try:
                item = unpack(data, call.store, takes_foreign=call.takes_foreign_streams)
            except CorruptParcel:
                raise EwsError("ErrorCorruptData") from None
            call.store.place(item, folder)
            return [id_of_m(item)]

        return upload

    return [part(element) for element in soap.find(call.body, "m:Items")]
