"""Every folder of mail in Microsoft 365 is reached, however deep and however hidden, or is told of."""

from __future__ import annotations

from typing import Any

import pytest

from retentiond.core.model import Notice
from retentiond.errors import Unreachable, Why
from tests.mailbox.contract import LONG_AGO, due_in, question
from tests.mailbox.graph_ground import GraphGround
from tests.servers.graph import Graph, faults
from tests.servers.seed import letter


@pytest.fixture
def ground(graph: Graph) -> GraphGround:
    return GraphGround(graph)


def due(ground: GraphGround) -> int:
    with ground.open() as mailbox:
        return sum(len(due_in(view)) for view in mailbox.look(question()))


def spoilt(operation: str, deed: Any) -> tuple[Any, faults.Action]:
    """At each such list the server tells something else of its folders."""

    def spoil(page: dict[str, Any], _url: str) -> None:
        for each in page["value"]:
            deed(each)

    return operation, faults.Action("page", is_committed=True, spoil=spoil)


def test_folders_are_swept_however_deep_and_however_hidden(ground: GraphGround) -> None:
    server = ground.server.mailbox(ground.address("here"))
    for name in ("Cases", "Cases/2026", "Cases/2026/January", "inbox/Old", "deleteditems/Thrown/Away"):
        server.folder(name).add(letter(f"{len(name)}@post.example"), LONG_AGO)
    for name in ("Unseen", "Cases/Unseen", "sentitems/Unseen"):
        server.folder(name, hidden=True).add(letter(f"h{len(name)}@post.example"), LONG_AGO)
    assert due(ground) == 8


def test_a_hidden_folder_that_is_not_counted_is_reached_all_the_same(ground: GraphGround) -> None:
    """Whether childFolderCount counts what is hidden, nobody has published."""
    server = ground.server.mailbox(ground.address("here"))
    server.folder("Cases/Unseen", hidden=True).add(letter("h@post.example"), LONG_AGO)
    uncounted = spoilt("listMailFolders", lambda each: each.update({"childFolderCount": 0}))
    ground.server.faults.at(*uncounted, times=None)
    assert due(ground) == 1


def test_folders_that_are_counted_and_not_shown_are_a_finding(ground: GraphGround) -> None:
    """Such as a calendar below a folder of mail; or mail. A person must look."""
    ground.folder("Cases/Shown")
    more = spoilt(
        "listMailFolders", lambda each: each.update({"childFolderCount": each["childFolderCount"] + 2})
    )
    with ground.open() as mailbox:
        assert all(view.census.notices == () for view in mailbox.look(question()))
        ground.server.faults.at(lambda request: request.operation == "listMailFolders", more[1], times=None)
        views = {view.place.folder: view.census.notices for view in mailbox.look(question())}
    assert views["inbox"] == ((Notice.FOLDERS_UNSEEN, 2),)


@pytest.mark.parametrize("operation", ["listMailFolders", "listMailChildFolders"])
def test_a_list_of_folders_that_is_cut_short_is_no_list(ground: GraphGround, operation: str) -> None:
    ground.folder("inbox/Old")
    ground.server.faults.at(operation, faults.short_page(), times=None)
    with pytest.raises(Unreachable) as caught:
        due(ground)
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("operation", ["listMailFolders", "listMessages"])
@pytest.mark.parametrize("is_empty", [True, False], ids=["empty", "again"])
def test_a_list_without_an_end_is_no_list(ground: GraphGround, operation: str, is_empty: bool) -> None:
    """Each page names another as the next one, and none of them holds anything new."""
    ground.folder("inbox").fill((letter(f"k{n}@post.example"), LONG_AGO) for n in range(3))
    pages: list[str] = []

    def lead_on(page: dict[str, Any], url: str) -> None:
        pages.append(url)
        if "@odata.count" in page:
            page["@odata.count"] = 1000
        if len(pages) < 500:
            skip = str(1000 + len(pages)) if is_empty else "0" * len(pages)
            page["@odata.nextLink"] = f"{url.partition('&$skip')[0]}&$skip={skip}"

    ground.server.faults.at(
        lambda request: request.operation == operation and request.batch is None,
        faults.Action("page", is_committed=True, spoil=lead_on),
        times=None,
    )
    with pytest.raises(Unreachable) as caught:
        due(ground)
    assert caught.value.why is Why.PROTOCOL
    assert len(pages) < 100
