"""The stand-in Graph does what the documentation says, for plain clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import requests

from tests.servers.graph import FolderHandle, Graph
from tests.servers.graph.fixtures import Caller
from tests.servers.seed import letter

LINE = "line@relay.example"
ADVISOR = "advisor@relay.example"
NEW_YEAR = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


def filled(graph: Graph, count: int, folder: str = "inbox", address: str = LINE) -> FolderHandle:
    """`count` letters an hour apart in a folder."""
    handle = graph.mailbox(address).folder(folder)
    handle.fill((letter(f"{n}@post.example"), NEW_YEAR + timedelta(hours=n)) for n in range(count))
    return handle


def test_a_letter_is_found_exported_imported_elsewhere_and_destroyed(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 3)
    graph.mailbox(LINE).forget_deleted()
    sent = graph.mailbox(ADVISOR).folder("sentitems")
    line, advisor = (f"admin/exchange/mailboxes/{graph.mailbox_id(who)}" for who in (LINE, ADVISOR))
    first = caller.pages(f"users/{LINE}/mailFolders/inbox/messages", {"$select": "id"})[0]["id"]
    exported = caller.post(f"{line}/exportItems", {"itemIds": [first]}).json()["value"][0]
    session = caller.post(f"{advisor}/createImportSession").json()
    body = {"FolderId": sent.id, "Mode": "create", "Data": exported["data"]}
    imported = requests.post(session["importUrl"], json=body, verify=str(graph.ca_file), timeout=20)
    assert imported.status_code == 200
    gone = caller.delete(f"{line}/folders/inbox/items/{first}", {"disposalType": "hardDelete"})
    assert gone.status_code == 204
    assert [item.content for item in sent.items()] == [letter("2@post.example")]
    assert sent.items()[0].received == NEW_YEAR + timedelta(hours=2)
    assert len(inbox) == 2
    assert [path for path, _item in graph.mailbox(LINE).items()] == ["Inbox", "Inbox"], "no bin holds it"
