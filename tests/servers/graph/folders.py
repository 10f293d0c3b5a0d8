"""Mail folders of a user, and the same folders as folders of a mailbox; the user itself."""

from __future__ import annotations

from typing import Any

from tests.servers.graph.call import Answer, Call, GraphError, folder_id
from tests.servers.graph.pages import context, page, read_options
from tests.servers.mailstore.names import Known
from tests.servers.mailstore.store import Folder, Mailbox

HIDDEN = "includeHiddenFolders"
_USER = ("displayName", "userPrincipalName", "mail")


def get_user(call: Call) -> Answer:
    address = call.mailbox.address
    values = {"displayName": call.mailbox.name, "userPrincipalName": address, "mail": address}
    options = read_options(call, "user")
    body = {"@odata.context": context(call, "/$entity"), "id": user_id(call.mailbox)}
    body |= {name: values[name] for name in (options.select or _USER) if name in values}
    return Answer(200, body, kind="graph.user")


def get_exchange_settings(call: Call) -> Answer:
    """v1.0 tells the primary mailbox alone; the archive is beta's (exchangeSettings resource type)."""
    body = {"@odata.context": context(call, "/$entity"), "primaryMailboxId": mailbox_id(call.mailbox)}
    if call.asked.version != "beta":
        return Answer(200, body, kind="graph.exchangeSettings")
    if call.mailbox.has_archive:
        body["inPlaceArchiveMailboxId"] = mailbox_id(call.mailbox, is_archive=True)
    return Answer(200, body, kind="graph.betaExchangeSettings")


def user_id(mailbox: Mailbox) -> str:
    """The object id of a user."""
    hexed = mailbox.guid.hex()
    return "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:32]))


def mailbox_id(mailbox: Mailbox, *, is_archive: bool = False) -> str:
    """The id of a mailbox, which is not the user's."""
    return f"MBX:{mailbox.guid.hex()[::-1][:31]}{'a' if is_archive else '0'}@7a7a7a7a"


# ── mail folders ─────────────────────────────────────────────────────────────────────────────────


def list_mail_folders(call: Call) -> Answer:
    return _mail_folders(call, call.mailbox.known("msgfolderroot"))


def list_child_folders(call: Call) -> Answer:
    return _mail_folders(call, call.folder())


def get_mail_folder(call: Call) -> Answer:
    options = read_options(call, "mailFolder", [HIDDEN])
    body = {"@odata.context": context(call, "/$entity"), **mail_folder(call.folder(), options.select)}
    return Answer(200, body, kind="graph.mailFolder")


def create_mail_folder(call: Call) -> Answer:
    body = call.asked.body if isinstance(call.asked.body, dict) else {}
    name = str(body.get("displayName", ""))
    top = call.mailbox.known("msgfolderroot")
    if not name or any(child.name == name for child in top.children):
        raise GraphError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    folder = call.mailbox.make(Known("", name, "msgfolderroot"), top)
    told = {"@odata.context": context(call, "/$entity"), **mail_folder(folder, None)}
    return Answer(201, told, kind="graph.mailFolder")


def permanently_delete_mail_folder(call: Call) -> Answer:
    """The folder is gone at once; what was in it stands in Purges (mailFolder: permanentDelete)."""
    folder = call.folder()
    for gone in (folder, *folder.below()):
        for item in list(gone.items.values()):
            quiet = not call.switches.sends_not_read
            call.retention.delete(item, "Purge", suppress_receipts=quiet, cancels=False)
        del call.mailbox.folders[gone.number]
    if folder.parent:
        folder.parent.children.remove(folder)
    return Answer(204)


def _mail_folders(call: Call, parent: Folder) -> Answer:
    options = read_options(call, "mailFolder", [HIDDEN])
    shows_hidden = call.asked.query.get(HIDDEN, "").lower() == "true"
    children = [
        child for child in parent.children if is_mail(child) and (shows_hidden or not child.is_hidden)
    ]
    shown = children[options.skip : options.skip + options.top]
    things = [mail_folder(child, options.select) for child in shown]
    return page(call, "mailFolder", things, options, len(children))


def is_mail(folder: Folder) -> bool:
    """Whether a folder is one of mail; those of Recoverable Items have no class."""
    return folder.known.folder_class in ("IPF.Note", "")


def mail_folder(folder: Folder, names: list[str] | None) -> dict[str, Any]:
    """A mailFolder resource. Its counts are of all items, messages or not (mailFolder resource type)."""
    values = {
        "displayName": folder.name,
        "parentFolderId": folder_id(folder.parent) if folder.parent else None,
        "childFolderCount": len([child for child in folder.children if is_mail(child)]),
        "unreadItemCount": sum(not item.is_read for item in folder.items.values()),
        "totalItemCount": folder.told_count,
        "isHidden": folder.is_hidden,
    }
    return {"id": folder_id(folder), **_chosen(values, names)}


# ── folders of a mailbox ─────────────────────────────────────────────────────────────────────────


def list_mailbox_folders(call: Call) -> Answer:
    """The folders that users see, of the mailbox or of its archive."""
    return _mailbox_folders(call, call.mailbox.known(f"{'archive' * call.is_archive}msgfolderroot"))


def list_mailbox_child_folders(call: Call) -> Answer:
    return _mailbox_folders(call, call.folder())


def get_mailbox_folder(call: Call) -> Answer:
    options = read_options(call, "mailboxFolder")
    body = {"@odata.context": context(call, "/$entity"), **mailbox_folder(call.folder(), options.select)}
    return Answer(200, body, kind="graph.mailboxFolder")


def _mailbox_folders(call: Call, parent: Folder) -> Answer:
    options = read_options(call, "mailboxFolder")
    shown = parent.children[options.skip : options.skip + options.top]
    things = [mailbox_folder(child, options.select) for child in shown]
    return page(call, "mailboxFolder", things, options, len(parent.children))


def mailbox_folder(folder: Folder, names: list[str] | None) -> dict[str, Any]:
    """A mailboxFolder resource."""
    values = {
        "displayName": folder.name,
        "parentFolderId": folder_id(folder.parent) if folder.parent else None,
        "childFolderCount": len(folder.children),
        "totalItemCount": folder.told_count,
        "type": folder.known.folder_class or None,
    }
    return {"id": folder_id(folder), **_chosen(values, names)}


def _chosen(values: dict[str, Any], names: list[str] | None) -> dict[str, Any]:
    return values if names is None else {name: values[name] for name in names if name in values}
