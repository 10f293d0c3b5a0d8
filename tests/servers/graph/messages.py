"""Messages of a user: listed, read, marked, moved within the mailbox, and the three ways to delete one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.servers.graph import resources
from tests.servers.graph.call import Answer, Call, GraphError, denied
from tests.servers.graph.compose import composed
from tests.servers.graph.extended import key_of
from tests.servers.graph.pages import context, listed, read_options
from tests.servers.graph.resources import MESSAGE, NOT_BASIC, is_message
from tests.servers.mailstore.content import Content, rewritten
from tests.servers.mailstore.mapi import set_message_flags
from tests.servers.mailstore.store import Item

_FLAGS = {"notFlagged": "NotFlagged", "complete": "Complete", "flagged": "Flagged"}
#: What may be changed of any message (message: update, "Request body"). The rest is for drafts, or unbuilt.
CHANGEABLE = frozenset(("categories", "flag", "importance", "inferenceClassification", "isRead"))


def list_messages(call: Call) -> Answer:
    _require_sight(call)
    unasked = _unasked(call)

    def render(item: Item, _id: str, names: list[str] | None, expanded: list[str]) -> dict[str, Any]:
        return _rendered(call, item, unasked if names is None else names, expanded)

    return listed(call, call.folder(), MESSAGE, render, is_message)


def get_message(call: Call) -> Answer:
    _require_sight(call)
    options = read_options(call, "message")
    return _message(call, call.item(), 200, options.select, options.expand)


def get_message_content(call: Call) -> Answer:
    """The MIME, in other words than it came in."""
    item = call.item()
    mime = item.content.mime
    if call.switches.rewrites_mime:
        mime = rewritten(mime, f"{item.lasting:08x}")
    return Answer(200, mime, content_type="text/plain")


def _require_sight(call: Call) -> None:
    """Mail.ReadBasic shows neither bodies nor extended properties, and cannot search."""
    if _sees_all(call):
        return
    asked = call.asked.query
    select = {name.strip() for name in asked.get("$select", "").split(",")}
    if "$expand" in asked or "$search" in asked or "singleValueExtended" in asked.get("$filter", ""):
        raise denied()
    if NOT_BASIC & select:
        raise denied()


def _unasked(call: Call) -> list[str]:
    """What is given of a message where $select names nothing."""
    hidden = resources.ON_DEMAND if _sees_all(call) else resources.ON_DEMAND | NOT_BASIC
    return ["meetingMessageType", *(name for name in resources.MESSAGE_FIELDS if name not in hidden)]


def _sees_all(call: Call) -> bool:
    return "Mail.Read" in call.app.granted(call.mailbox.address)


def _rendered(call: Call, item: Item, names: list[str], expanded: list[str]) -> dict[str, Any]:
    if not call.switches.sent_has_headers and item.home.known.id == "sentitems":
        names = [name for name in names if name != "internetMessageHeaders"]
    return resources.message(item, call.id_of(item), names, expanded)


def _message(
    call: Call, item: Item, status: int, names: list[str] | None = None, expanded: list[str] | None = None
) -> Answer:
    names = _unasked(call) if names is None else names
    body = _rendered(call, item, names, expanded or [])
    return Answer(status, {"@odata.context": context(call, "/$entity"), **body}, kind="graph.message")


def update_message(call: Call) -> Answer:
    item = call.item()
    changes = call.asked.body if isinstance(call.asked.body, dict) else {}
    if not changes.keys() <= CHANGEABLE:
        raise GraphError(400, "ErrorInvalidPropertySet", "Set action is invalid for property.")
    if item.home.is_recoverable:
        raise denied()
    if "categories" in changes:
        item.categories = tuple(changes["categories"])
    if "flag" in changes:
        item.flag = _FLAGS[changes["flag"].get("flagStatus", "notFlagged")]
    if "importance" in changes:
        item.importance = str(changes["importance"]).capitalize()
    if changes.get("isRead") is True:
        call.retention.read(item, suppress_receipts=not call.switches.sends_not_read)
    elif "isRead" in changes:
        item.is_read = False
    call.store.altered(item)
    return _message(call, item, 200)


def create_message(call: Call) -> Answer:
    """MIME becomes a draft: received now, and marked as unsent for ever. So does JSON, unless it says in
    PidTagMessageFlags that it was sent; then it keeps its dates too."""
    sent = call.asked.body
    if not isinstance(sent, dict | bytes):
        raise GraphError(400, "BadRequest", "There is no message in the request.")
    now = call.store.clock.now()
    mime = composed(sent) if isinstance(sent, dict) else sent
    item = Item(Content(mime), "IPM.Note", now, now, now, now, is_read=True, is_draft=True)
    if isinstance(sent, dict):
        _describe(item, sent, call.switches.json_makes_sent_mail)
        item.receipt_pending = item.content.wants_receipt and not item.is_read
    call.store.place(item, call.folder() if "folder" in call.keys else call.mailbox.known("drafts"))
    return _message(call, item, 201)


def _describe(item: Item, sent: dict[str, Any], takes_flags: bool) -> None:
    """What the JSON of a new message says beside its content. Its dates hold only where its flags do."""
    item.is_read = bool(sent.get("isRead", item.is_read))
    item.categories = tuple(sent.get("categories", ()))
    item.flag = _FLAGS[sent.get("flag", {}).get("flagStatus", "notFlagged")]
    for each in sent.get("singleValueExtendedProperties", ()):
        key, _written = key_of(each["id"])
        match key:
            case ("tag", 0x0E06 | 0x0E07 | 0x0039) if not takes_flags:
                pass
            case ("tag", 0x0E07):
                set_message_flags(item, int(each["value"]))
            case ("tag", 0x0E06):
                item.received = datetime.fromisoformat(each["value"])
            case ("tag", 0x0039):
                item.sent = datetime.fromisoformat(each["value"])
            case ("tag", 0x1039 | 0x1042):
                pass  # in the MIME, as `composed` made it
            case _:
                item.extended[key] = each["value"]


def move_message(call: Call) -> Answer:
    """Within the mailbox: the regular id is another one then, the immutable id is the same."""
    body = {name.lower(): value for name, value in (call.asked.body or {}).items()}
    item = call.item()
    target = call.folder_by(str(body.get("destinationid", "")))
    if item.home.is_recoverable and call.retention.is_kept(item):
        raise denied()
    if target.is_recoverable:
        call.retention.dump(item, target)
    else:
        item.dumped = None
        call.store.move(item, target)
    return _message(call, item, 201)


def delete_message(call: Call) -> Answer:
    """Into Deleted Items; from there to Recoverable Items. Only what stands there unkept is destroyed."""
    item = call.item()
    trash = call.mailbox.known("deleteditems")
    is_trashed = item.home is trash or any(item.home is folder for folder in trash.below())
    kind = "SoftDelete" if is_trashed else "MoveToDeletedItems"
    call.retention.delete(item, kind, suppress_receipts=_quiet(call), cancels=False)
    return Answer(204)


def permanent_delete(call: Call) -> Answer:
    """Into Purges, whatever the retention; in Recoverable Items, what any deletion there does."""
    item = call.item()
    call.retention.delete(item, "Purge", suppress_receipts=_quiet(call), cancels=False)
    return Answer(204)


def _quiet(call: Call) -> bool:
    return not call.switches.sends_not_read
