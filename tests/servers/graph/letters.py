"""What the tests of the stand-in Graph share: two mailboxes, letters in them, the paths to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.servers.graph import FolderHandle, Graph
from tests.servers.graph.fixtures import Caller
from tests.servers.seed import letter

LINE = "line@relay.example"
ADVISOR = "advisor@relay.example"
NEW_YEAR = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
INBOX = f"users/{LINE}/mailFolders/inbox/messages"


def filled(graph: Graph, count: int, folder: str = "inbox", address: str = LINE) -> FolderHandle:
    """`count` letters an hour apart in a folder."""
    handle = graph.mailbox(address).folder(folder)
    handle.fill((letter(f"{n}@post.example"), NEW_YEAR + timedelta(hours=n)) for n in range(count))
    return handle


def ids(folder: FolderHandle) -> list[str]:
    """The immutable ids of what stands in a folder."""
    return [item.lasting_id for item in folder.items()]


def mailbox(graph: Graph, address: str = LINE) -> str:
    """The path of a mailbox."""
    return f"admin/exchange/mailboxes/{graph.mailbox_id(address)}"


def destroyed(caller: Caller, id_: str, folder: str = "inbox", address: str = LINE) -> requests.Response:
    """A hardDelete of an item."""
    path = f"{mailbox(caller.server, address)}/folders/{folder}/items/{id_}"
    return caller.delete(path, {"disposalType": "hardDelete"})


def imported(caller: Caller, data: str, folder: FolderHandle, address: str = ADVISOR) -> requests.Response:
    """A stream brought into a folder by a new session."""
    session = caller.post(f"{mailbox(caller.server, address)}/createImportSession").json()
    return posted(caller, session["importUrl"], {"FolderId": folder.id, "Mode": "create", "Data": data})


def posted(caller: Caller, url: str, body: object, **headers: str) -> requests.Response:
    """A POST without a token, as an importUrl wants it."""
    return requests.post(url, json=body, headers=headers, verify=str(caller.server.ca_file), timeout=20)


def exported(caller: Caller, *wanted: str, address: str = LINE) -> list[dict[str, Any]]:
    """The streams of items."""
    answer = caller.post(f"{mailbox(caller.server, address)}/exportItems", {"itemIds": list(wanted)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


def code(answer: requests.Response) -> tuple[int, str]:
    """The status of an answer and the code of its error."""
    return answer.status_code, str(answer.json()["error"]["code"])


def where(graph: Graph, address: str = LINE) -> list[str]:
    """The path of the folder of every item in a mailbox, bins included, in order."""
    return sorted(path for path, _item in graph.mailbox(address).items())
