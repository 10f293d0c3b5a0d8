"""Items of a mailbox: listed, destroyed, exported as opaque streams and imported from them."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.servers.graph import resources
from tests.servers.graph.call import Answer, Call, GraphError, denied
from tests.servers.graph.folders import mailbox_id
from tests.servers.graph.pages import UnknownProperty, context, listed, read_options
from tests.servers.graph.resources import ITEM
from tests.servers.graph.schema import schema
from tests.servers.mailstore.parcel import CorruptParcel, pack, unpack
from tests.servers.mailstore.store import Item, Mailbox

MOST_EXPORTED = 20


def list_items(call: Call) -> Answer:
    return listed(call, call.folder(), ITEM, resources.mailbox_item, lambda item: True)


def get_item(call: Call) -> Answer:
    options = read_options(call, "mailboxItem")
    item = call.item(call.folder())
    body = resources.mailbox_item(item, call.id_of(item), options.select, options.expand)
    return Answer(200, {"@odata.context": context(call, "/$entity"), **body}, kind="graph.mailboxItem")


def delete_item(call: Call) -> Answer:
    """softDelete to Deletions; hardDelete for good, or 403 where a hold keeps the item. What single item
    recovery does to the latter nobody has published: `Switches.hard_delete`."""
    kind = call.asked.query.get("disposalType")
    if kind not in ("softDelete", "hardDelete") or len(call.asked.query) > 1:
        raise GraphError(400, "ErrorInvalidArgument", "disposalType is to be softDelete or hardDelete.")
    item = call.item(call.folder())
    quiet = not call.switches.sends_not_read
    mailbox = call.mailbox
    if kind == "softDelete":
        call.retention.delete(item, "SoftDelete", suppress_receipts=quiet, cancels=False)
        return Answer(204)
    is_recovering = mailbox.keeps_purges and not call.retention.is_over(item)
    if mailbox.is_on_hold or (is_recovering and call.switches.hard_delete == "refuses"):
        raise denied()
    if is_recovering and call.switches.hard_delete == "keeps":
        call.retention.delete(item, "HardDelete", suppress_receipts=quiet, cancels=False)
        return Answer(204)
    call.retention.destroy(item, suppress_receipts=quiet)
    return Answer(204)


# ── export and import ────────────────────────────────────────────────────────────────────────────


def export_items(call: Call) -> Answer:
    """Each item's stream, or its own error."""
    body = {name.lower(): value for name, value in (call.asked.body or {}).items()}
    ids = body.get("itemids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_EXPORTED:
        raise GraphError(400, "ErrorInvalidArgument", "From 1 to 20 items can be exported at once.")
    found = {"@odata.context": f"{call.base}/v1.0/$metadata#Collection(microsoft.graph.exportItemResponse)"}
    answer = {**found, "value": [_exported(call, str(id_)) for id_ in ids]}
    return Answer(200, answer, kind="Collection(graph.exportItemResponse)")


def _exported(call: Call, id_: str) -> dict[str, Any]:
    try:
        item = call.item_by(id_)
    except GraphError as problem:
        return {"itemId": id_, "error": {"code": problem.code, "message": problem.message}}
    data = base64.b64encode(pack(item)).decode()
    return {"itemId": id_, "changeKey": item.change_key, "data": data}


@dataclass(frozen=True, slots=True)
class Session:
    """What an importUrl opens: a mailbox, for a client, until a time."""

    mailbox: Mailbox
    app: str
    ends: datetime


def new_session(call: Call, sessions: dict[str, Session], host: str) -> Answer:
    """createImportSession: a URL whose query is as good as a password."""
    secret = secrets.token_urlsafe(32)
    ends = call.store.clock.now() + call.switches.session_lifetime
    sessions[secret] = Session(call.mailbox, call.app.client_id, ends)
    url = f"{host}/api/gv1.0/Mailboxes('{mailbox_id(call.mailbox)}')/importItem?authtoken={secret}"
    body = {
        "@odata.context": f"{call.base}/v1.0/$metadata#microsoft.graph.mailboxItemImportSession",
        "importUrl": url,
        "expirationDateTime": ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return Answer(call.switches.session_status, body, kind="graph.mailboxItemImportSession")


def import_item(call: Call) -> Answer:
    """A POST to an importUrl: the item of a stream, in a folder of the session's mailbox."""
    body = call.asked.body
    known = schema()
    violations = list(known.violations(body, "graph.importMailboxItem", "import")) if known else []
    if violations:
        raise UnknownProperty(violations)
    if body["Mode"] != "create" or body.keys() & {"ItemId", "ChangeKey"}:
        raise GraphError(400, "ErrorInvalidArgument", "The stand-in imports new items only.")
    folder = call.folder_by(str(body["FolderId"]))
    item = _unpacked(call, str(body["Data"]))
    call.store.place(item, folder)
    if folder.is_recoverable:
        item.dumped = call.store.clock.now()
    answer = {
        "@odata.context": f"{call.base}/api/gv1.0/$metadata#microsoft.graph.importMailboxItemResponse",
        "itemId": call.id_of(item),
        "changeKey": item.change_key,
    }
    return Answer(200, answer, kind="graph.importMailboxItemResponse")


def _unpacked(call: Call, data: str) -> Item:
    try:
        return unpack(data, call.store, takes_foreign=call.switches.takes_foreign_streams)
    except CorruptParcel:
        raise GraphError(400, "ErrorCorruptData", "The stream is corrupt.") from None
