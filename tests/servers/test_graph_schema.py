"""Names and types are Microsoft's: what breaks them is caught, in requests and in answers alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retentiond.demo.authority import Authority
from tests.servers.graph import Graph, resources
from tests.servers.graph.fixtures import Caller
from tests.servers.graph.letters import ADVISOR, INBOX, LINE, code, filled, ids, mailbox, posted
from tests.servers.graph.schema import Schema, schema
from tests.servers.schemas import ABSENT


@contextmanager
def failing(authority: Authority, words: str) -> Iterator[Graph]:
    """A stand-in that fails its test with these words when the test is over."""
    server = Graph(authority).__enter__()
    try:
        yield server
    except BaseException as problem:
        server.__exit__(type(problem), problem, problem.__traceback__)
        raise
    with pytest.raises(AssertionError, match=re.escape(words)):
        server.__exit__(None, None, None)


@pytest.fixture
def known() -> Schema:
    found = schema()
    if found is None:
        pytest.skip(ABSENT)
    return found


@pytest.mark.parametrize(
    ("value", "kind", "wrong"),
    [
        ({"id": "x", "subject": None, "@odata.etag": "W"}, "message", ""),
        ({"subjekt": "x"}, "message", "message has no property subjekt"),
        ({"@odata.tyqe": "x"}, "message", "message has no property @odata.tyqe"),
        ({"isRead": "true"}, "message", "x.isRead: no Edm.Boolean"),
        ({"isRead": 1}, "message", "x.isRead: no Edm.Boolean"),
        ({"receivedDateTime": "2026-01-01"}, "message", "x.receivedDateTime: no Edm.DateTimeOffset"),
        ({"receivedDateTime": "2026-01-01T00:00:00+00:00"}, "message", "no Edm.DateTimeOffset"),
        ({"flag": {"flagStatus": "Flagged"}}, "message", "x.flag.flagStatus: no graph.followupFlagStatus"),
        ({"from": {"emailAddress": {"adress": "x"}}}, "message", "emailAddress has no property adress"),
        ({"toRecipients": {}}, "message", "x.toRecipients: no collection"),
        ({"categories": [1]}, "message", "x.categories[0]: no Edm.String"),
        ({"conversationIndex": "###"}, "message", "x.conversationIndex: no Edm.Binary"),
        (
            {"@odata.type": "#microsoft.graph.eventMessageRequest", "meetingMessageType": "none"},
            "message",
            "",
        ),
        ({"@odata.type": "#microsoft.graph.surprise"}, "message", "there is no type surprise"),
        ({"totalItemCount": True}, "mailFolder", "x.totalItemCount: no Edm.Int32"),
        ({"totalItemCount": 2**31}, "mailFolder", "x.totalItemCount: no Edm.Int32"),
        ({"size": 2**31, "type": "IPM.Note", "changeKey": "x"}, "mailboxItem", ""),
        ({"receivedDateTime": "2026-01-01T00:00:00Z"}, "mailboxItem", "has no property receivedDateTime"),
        ({"inPlaceArchiveMailboxId": "x"}, "exchangeSettings", "has no property inPlaceArchiveMailboxId"),
        ({"FolderId": "x", "Mode": "create"}, "importMailboxItem", "lacks Data"),
        ([], "message", "x: no message"),
    ],
)
def test_what_breaks_the_schema(known: Schema, value: object, kind: str, wrong: str) -> None:
    found = " ".join(known.violations(value, f"graph.{kind}", "x"))
    assert (wrong in found) if wrong else found == ""


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"$select": "id,recievedDateTime"}, "message has no property recievedDateTime"),
        ({"$select": "from/emailAddress/adress"}, "emailAddress has no property adress"),
        ({"$filter": "from/emailAddress/adress eq 'x'"}, "emailAddress has no property adress"),
        ({"$orderby": "recieved"}, "message has no property recieved"),
        (
            {"$expand": "singleValueProperties($filter=id eq 'String 0x37')"},
            "no property singleValueProperties",
        ),
        ({"$pick": "id"}, "there is no query option $pick"),
        ({"select": "id"}, "there is no query option select"),
    ],
)
@pytest.mark.usefixtures("known")
def test_a_wrong_name_in_a_query_fails_the_test(
    authority: Authority, options: dict[str, str], what: str
) -> None:
    with failing(authority, what) as graph:
        filled(graph, 1)
        assert Caller(graph).get(INBOX, options).status_code == 400


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("users/{line}", "user"),
        ("users/{line}/mailFolders", "mailFolder"),
        ("users/{line}/mailFolders/inbox", "mailFolder"),
        ("users/{line}/mailFolders/inbox/childFolders", "mailFolder"),
        ("users/{line}/messages/{message}", "message"),
        ("{box}/folders", "mailboxFolder"),
        ("{box}/folders/inbox", "mailboxFolder"),
        ("{box}/folders/inbox/childFolders", "mailboxFolder"),
        ("{box}/folders/inbox/items", "mailboxItem"),
        ("{box}/folders/inbox/items/{message}", "mailboxItem"),
    ],
)
@pytest.mark.usefixtures("known")
def test_wrong_names_are_caught_on_every_path(authority: Authority, path: str, kind: str) -> None:
    with failing(authority, f"{kind} has no property surprise") as graph:
        [id_] = ids(filled(graph, 1))
        where = path.format(line=LINE, message=id_, box=mailbox(graph))
        assert Caller(graph).get(where, {"$select": "id"}).status_code == 200
        assert Caller(graph).get(where, {"$select": "id,surprise"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "what"),
    [
        ("PATCH", "{message}", {"category": ["x"]}, "updateMessage: message has no property category"),
        ("PATCH", "{message}", {"categories": "x"}, "updateMessage.categories: no collection"),
        ("POST", "{message}/move", {"destination": "inbox"}, "move: has no parameter destination"),
        ("POST", "{message}/permanentDelete", {"now": True}, "permanentDelete: has no parameter now"),
        ("POST", "{box}/exportItems", {"itemIds": "x"}, "exportItems.itemIds: no collection"),
        ("POST", "{box}/createImportSession", {"x": 1}, "createImportSession: has no parameter x"),
    ],
)
@pytest.mark.usefixtures("known")
def test_a_wrong_name_or_type_in_a_body_fails_the_test(
    authority: Authority, method: str, path: str, body: Any, what: str
) -> None:
    with failing(authority, what) as graph:
        inbox = filled(graph, 1)
        where = path.format(message=f"users/{LINE}/messages/{ids(inbox)[0]}", box=mailbox(graph))
        assert Caller(graph).call(method, where, json=body).status_code == 400
        assert len(inbox) == 1


@pytest.mark.usefixtures("known")
def test_a_wrong_name_in_an_import_fails_the_test(authority: Authority) -> None:
    with failing(authority, "importMailboxItem has no property folderId") as graph:
        home = graph.mailbox(ADVISOR).folder("sentitems")
        caller = Caller(graph)
        session = caller.post(f"{mailbox(graph, ADVISOR)}/createImportSession").json()
        answer = posted(caller, session["importUrl"], {"folderId": home.id, "Mode": "create", "Data": ""})
        assert code(answer)[0] == 400


@pytest.mark.usefixtures("known")
def test_a_sub_request_is_checked_too(authority: Authority) -> None:
    with failing(authority, "message has no property identity") as graph:
        filled(graph, 1)
        wanted = [{"id": "1", "method": "GET", "url": f"/{INBOX}?$select=identity"}]
        assert Caller(graph).post("$batch", {"requests": wanted}).json()["responses"][0]["status"] == 400


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("isRead", "yes", "the stand-in failed: ['an answer broke the schema: listMessages[0].isRead"),
        ("recieved", None, "message has no property recieved"),
    ],
)
@pytest.mark.usefixtures("known")
def test_a_wrong_answer_fails_the_test(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str, value: object, what: str
) -> None:
    """A property is planted in the stand-in itself, as a slip in its code would put it there."""
    monkeypatch.setitem(resources.MESSAGE_FIELDS, name, lambda item: value)
    with failing(authority, what) as graph:
        filled(graph, 1)
        assert Caller(graph).get(INBOX).status_code == 200


def test_a_slip_of_the_stand_in_fails_the_test(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(resources.MESSAGE_FIELDS, "isRead", lambda item: 1 / 0)
    with failing(authority, "the stand-in failed: ['ZeroDivisionError") as graph:
        filled(graph, 1)
        assert Caller(graph).get(INBOX).status_code == 500


@pytest.fixture
def without_metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("RETENTIOND_SCHEMAS", str(tmp_path))
    schema.cache_clear()
    yield
    schema.cache_clear()


def test_without_the_metadata_nothing_is_checked(without_metadata: None, graph: Graph) -> None:
    filled(graph, 1)
    assert Caller(graph).get(INBOX, {"$select": "id,surprise"}).status_code == 200
