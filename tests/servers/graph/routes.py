"""Which path is which deed, and what permission it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.servers.graph import folders, items, messages
from tests.servers.graph.call import Answer, Call

Deed = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` has ids in braces: "user" and "mailbox" say whose mailbox it is. `action` is the schema's
    name of the action, and the type to which it is bound."""

    operation: str
    method: str
    pattern: tuple[str, ...]
    need: str
    deed: Deed | None
    changes: bool = False
    action: tuple[str, str] | None = None

    @property
    def is_global(self) -> bool:
        """Whether the documentation gives it to the global service alone."""
        return self.pattern[0] == "admin" or self.operation.startswith("permanentDelete")


_USER, _MAILBOX = "users/{user}", "admin/exchange/mailboxes/{mailbox}"
_READ, _BASIC, _WRITE = "Mail.Read", "Mail.ReadBasic", "Mail.ReadWrite"
_FOLDER_READ, _ITEM_READ = "MailboxFolder.Read", "MailboxItem.Read"


def _route(operation: str, what: str, need: str, deed: Deed | None, action: str = "") -> Route:
    method, _blank, path = what.partition(" ")
    kind, _dot, name = action.partition(".")
    changes = method != "GET" and operation != "exportItems"
    bound = (kind, name) if action else None
    return Route(operation, method, tuple(path.split("/")), need, deed, changes, bound)


def _of_users() -> Iterator[Route]:
    top = f"{_USER}/mailFolders"
    one = f"{top}/{{folder}}"
    yield _route("getUser", f"GET {_USER}", "User.ReadBasic", folders.get_user)
    yield _route(
        "getExchangeSettings", f"GET {_USER}/settings/exchange", "User.Read", folders.get_exchange_settings
    )
    yield _route("listMailFolders", f"GET {top}", _BASIC, folders.list_mail_folders)
    yield _route("createMailFolder", f"POST {top}", _WRITE, folders.create_mail_folder)
    deed, action = folders.permanently_delete_mail_folder, "mailFolder.permanentDelete"
    yield _route("permanentDeleteFolder", f"POST {one}/permanentDelete", _WRITE, deed, action)
    yield _route("getMailFolder", f"GET {one}", _BASIC, folders.get_mail_folder)
    yield _route("listMailChildFolders", f"GET {one}/childFolders", _BASIC, folders.list_child_folders)
    yield _route("listMessages", f"GET {one}/messages", _BASIC, messages.list_messages)
    yield _route("createMessage", f"POST {one}/messages", _WRITE, messages.create_message)
    yield _route("createMessage", f"POST {_USER}/messages", _WRITE, messages.create_message)
    for above in (f"{_USER}/messages/{{item}}", f"{one}/messages/{{item}}"):
        yield _route("getMessage", f"GET {above}", _BASIC, messages.get_message)
        yield _route("getMessageContent", f"GET {above}/$value", _READ, messages.get_message_content)
        yield _route("updateMessage", f"PATCH {above}", _WRITE, messages.update_message)
        yield _route("deleteMessage", f"DELETE {above}", _WRITE, messages.delete_message)
        yield _route("moveMessage", f"POST {above}/move", _WRITE, messages.move_message, "message.move")
        deed, action = messages.permanent_delete, "message.permanentDelete"
        yield _route("permanentDelete", f"POST {above}/permanentDelete", _WRITE, deed, action)


def _of_mailboxes() -> Iterator[Route]:
    top = f"{_MAILBOX}/folders"
    one = f"{top}/{{folder}}"
    item = f"{one}/items/{{item}}"
    listed = folders.list_mailbox_child_folders
    yield _route("listMailboxFolders", f"GET {top}", _FOLDER_READ, folders.list_mailbox_folders)
    yield _route("getMailboxFolder", f"GET {one}", _FOLDER_READ, folders.get_mailbox_folder)
    yield _route("listMailboxChildFolders", f"GET {one}/childFolders", _FOLDER_READ, listed)
    yield _route("listItems", f"GET {one}/items", _ITEM_READ, items.list_items)
    yield _route("getItem", f"GET {item}", _ITEM_READ, items.get_item)
    yield _route("deleteItem", f"DELETE {item}", "MailboxItem.ReadWrite", items.delete_item)
    deed, action = items.export_items, "mailbox.exportItems"
    yield _route("exportItems", f"POST {_MAILBOX}/exportItems", "MailboxItem.Export", deed, action)
    # The desk opens the session: it keeps the secrets.
    path, need = f"POST {_MAILBOX}/createImportSession", "MailboxItem.ImportExport"
    yield _route("createImportSession", path, need, None, "mailbox.createImportSession")


ROUTES = (*_of_users(), *_of_mailboxes())
#: What may change a mailbox; an audit sends none of them.
CHANGING = frozenset(route.operation for route in ROUTES if route.changes) | {"importItem"}


def found(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, and the ids in its path by name. `folders('x')` is `folders/x`."""
    parts = _parts(path)
    for route in ROUTES:
        if route.method == method and len(route.pattern) == len(parts):
            keys = _matched(route.pattern, parts)
            if keys is not None:
                return route, keys
    return None


def _parts(path: str) -> list[str]:
    parts: list[str] = []
    for part in path.strip("/").split("/"):
        name, bracket, key = part.partition("('")
        parts.extend((name, key.removesuffix("')")) if bracket else (part,))
    return parts


def _matched(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    keys = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            keys[wanted[1:-1]] = part
        elif wanted.lower() != part.lower():
            return None
    return keys
