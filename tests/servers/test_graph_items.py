"""The stand-in Graph does what the documentation says: how items leave, and how they are carried."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from exchangelib.errors import ErrorCorruptData

from retentiond.demo.authority import Authority
from tests.servers.graph import Graph
from tests.servers.graph.fixtures import Caller
from tests.servers.graph.letters import (
    ADVISOR,
    INBOX,
    LINE,
    NEW_YEAR,
    code,
    destroyed,
    exported,
    filled,
    ids,
    imported,
    mailbox,
    posted,
    where,
)
from tests.servers.seed import letter

PURGES, DELETIONS = "Recoverable Items/Purges", "Recoverable Items/Deletions"


def deleted(caller: Caller, id_: str) -> requests.Response:
    return caller.delete(f"users/{LINE}/messages/{id_}")


def purged(caller: Caller, id_: str) -> requests.Response:
    return caller.post(f"users/{LINE}/messages/{id_}/permanentDelete")


def softly(caller: Caller, id_: str) -> requests.Response:
    path = f"{mailbox(caller.server)}/folders/inbox/items/{id_}"
    return caller.delete(path, {"disposalType": "softDelete"})


# ── how items leave ──────────────────────────────────────────────────────────────────────────────


def test_items_show_their_class_and_size_and_no_date_of_receipt(graph: Graph, caller: Caller) -> None:
    inbox = graph.mailbox(LINE).folder("inbox")
    inbox.add(letter("one@post.example"), NEW_YEAR, categories=["Red"], item_class="IPM.Note.SMIME")
    [item] = caller.pages(f"{mailbox(graph)}/folders/inbox/items")
    assert (item["type"], item["categories"], item["id"]) == ("IPM.Note.SMIME", ["Red"], ids(inbox)[0])
    assert item["size"] == len(letter("one@post.example"))
    assert {"createdDateTime", "lastModifiedDateTime", "changeKey"} <= item.keys()
    [short] = caller.pages(f"{mailbox(graph)}/folders/inbox/items", {"$select": "type", "$top": "1"})
    assert short.keys() == {"@odata.type", "@odata.etag", "id", "type"}
    alone = caller.get(f"{mailbox(graph)}/folders/inbox/items/{item['id']}").json()
    assert alone["changeKey"] == item["changeKey"]


def test_items_are_filtered_and_ordered(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 4)
    inbox.add(letter("card@post.example"), NEW_YEAR, item_class="IPM.Contact")
    path = f"{mailbox(graph)}/folders/inbox/items"
    early = {"$filter": "createdDateTime lt 2026-01-01T11:00:00Z and type eq 'IPM.Note'"}
    assert [item["id"] for item in caller.pages(path, early)] == ids(inbox)[:2]
    newest = caller.pages(path, {"$orderby": "createdDateTime desc", "$top": "2", "$count": "true"})
    assert newest[0]["id"] == ids(inbox)[3]
    counted = caller.get(path, {"$count": "true", "$top": "1", "$skip": "4"}).json()
    assert (counted["@odata.count"], len(counted["value"]), "@odata.nextLink" in counted) == (5, 1, False)


def test_a_plain_delete_destroys_nothing(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    [id_] = ids(inbox)
    ways = []
    for _ in range(3):
        assert deleted(caller, id_).status_code == 204
        ways += where(graph)
    assert ways == ["Deleted Items", DELETIONS, PURGES]
    assert deleted(caller, id_).status_code == 204
    assert where(graph) == [PURGES], "single item recovery keeps it there"
    graph.advance(15)
    assert where(graph) == []


def test_a_permanent_delete_fills_purges(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    graph.mailbox(LINE).forget_deleted()
    [id_] = ids(inbox)
    assert purged(caller, id_).status_code == 204
    assert where(graph) == [PURGES]
    assert purged(caller, id_).status_code == 204
    assert where(graph) == [], "nothing keeps it there"


def test_a_hard_delete_destroys_where_nothing_keeps(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(LINE)
    box.forget_deleted()
    for folder in ("inbox", "recoverableitemsdeletions", "recoverableitemspurges"):
        handle = filled(graph, 1, folder)
        assert destroyed(caller, ids(handle)[0], folder).status_code == 204
    assert where(graph) == []
    assert graph.sent == []


@pytest.mark.parametrize(
    ("behaviour", "answer", "left"),
    [("keeps", 204, [PURGES]), ("destroys", 204, []), ("refuses", 403, ["Inbox"])],
)
def test_what_single_item_recovery_does_to_a_hard_delete_is_a_switch(
    graph: Graph, caller: Caller, behaviour: str, answer: int, left: list[str]
) -> None:
    inbox = filled(graph, 1)
    graph.switches.hard_delete = behaviour  # type: ignore[assignment]
    assert destroyed(caller, ids(inbox)[0]).status_code == answer
    assert where(graph) == left
    graph.advance(15)
    assert where(graph) == ([] if behaviour != "refuses" else left)


def test_what_stands_in_purges_is_kept_there_for_its_days(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(LINE)
    box.recover_single_items(30)
    purges = filled(graph, 1, "recoverableitemspurges")
    [id_] = ids(purges)
    assert destroyed(caller, id_, "recoverableitemspurges").status_code == 204
    assert where(graph) == [PURGES]
    box.recover_single_items(30, refuses=True)
    assert code(destroyed(caller, id_, "recoverableitemspurges")) == (403, "ErrorAccessDenied")
    assert code(purged(caller, id_)) == (403, "ErrorAccessDenied")
    graph.clock.advance(timedelta(days=31))
    assert destroyed(caller, id_, "recoverableitemspurges").status_code == 204
    assert where(graph) == []


def test_a_hold_refuses_and_its_delay_does(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(LINE)
    box.forget_deleted()
    inbox = filled(graph, 1)
    [id_] = ids(inbox)
    box.hold()
    assert code(destroyed(caller, id_)) == (403, "ErrorAccessDenied")
    box.hold(False, delay=30)
    assert code(destroyed(caller, id_)) == (403, "ErrorAccessDenied")
    assert where(graph) == ["Inbox"]
    graph.advance(31)
    assert destroyed(caller, id_).status_code == 204


def test_held_and_gone_and_not_allowed_look_alike(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 2)
    first, second = ids(inbox)
    inbox.remove(first)
    gone = destroyed(caller, first)
    graph.mailbox(LINE).hold()
    held = destroyed(caller, second)
    stranger = Caller(graph, graph.token(graph.new_app("stranger")))
    assert code(gone) == code(held) == code(destroyed(stranger, second)) == (403, "ErrorAccessDenied")
    looked = caller.get(f"{mailbox(graph)}/folders/inbox/items/{first}")
    assert code(looked) == (404, "ErrorItemNotFound"), "only a look tells"
    graph.switches.gone_is_forbidden = False
    assert code(destroyed(caller, first)) == (404, "ErrorItemNotFound")


def test_a_regular_id_that_is_gone_is_not_found(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    regular = Caller(graph, is_immutable=False).pages(INBOX)[0]["id"]
    inbox.clear()
    assert code(destroyed(caller, regular)) == (404, "ErrorItemNotFound")


def test_an_item_elsewhere_is_not_in_the_folder_of_the_path(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    assert code(destroyed(caller, ids(inbox)[0], "sentitems")) == (403, "ErrorAccessDenied")
    assert len(inbox) == 1


@pytest.mark.parametrize("disposal", [None, "", "deletedItems", "HardDelete"])
def test_a_delete_says_how(graph: Graph, caller: Caller, disposal: str | None) -> None:
    inbox = filled(graph, 1)
    path = f"{mailbox(graph)}/folders/inbox/items/{ids(inbox)[0]}"
    answer = caller.delete(path, {} if disposal is None else {"disposalType": disposal})
    assert code(answer) == (400, "ErrorInvalidArgument")
    assert len(inbox) == 1


def test_a_soft_delete_goes_to_deletions(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    assert softly(caller, ids(inbox)[0]).status_code == 204
    assert where(graph) == [DELETIONS]


# ── what the server mails of its own accord ──────────────────────────────────────────────────────

WANTS = letter("w@post.example").replace(
    b"Subject:", b"Disposition-Notification-To: a@post.example\r\nSubject:", 1
)
WAYS: dict[str, Callable[[Caller, str], requests.Response]] = {
    "hardDelete": destroyed,
    "softDelete": softly,
    "permanentDelete": purged,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sends", [True, False])
def test_deleting_unread_mail_that_wants_a_receipt_may_mail(
    graph: Graph, caller: Caller, way: str, sends: bool
) -> None:
    box = graph.mailbox(LINE)
    graph.switches.sends_not_read = sends
    box.folder("inbox").add(WANTS, NEW_YEAR, is_read=True)
    box.folder("inbox").add(WANTS, NEW_YEAR, is_read=False)
    for id_ in ids(box.folder("inbox")):
        assert WAYS[way](caller, id_).status_code == 204
    graph.advance(15)
    assert [(sent.what, sent.mailbox) for sent in graph.sent] == [("not-read receipt", LINE)] * sends


def test_deleting_a_meeting_cancels_nothing(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(LINE)
    item_class = "IPM.Schedule.Meeting.Request"
    box.folder("inbox").add(letter("m@post.example"), NEW_YEAR, item_class=item_class)
    assert destroyed(caller, ids(box.folder("inbox"))[0]).status_code == 204
    assert graph.sent == []


def test_reading_mail_that_wants_a_receipt_may_mail_one(graph: Graph, caller: Caller) -> None:
    id_ = graph.mailbox(LINE).folder("inbox").add(WANTS, NEW_YEAR, is_read=False)
    assert caller.get(f"users/{LINE}/messages/{id_}").json()["isRead"] is False
    assert graph.sent == [], "to look is not to read"
    caller.call("PATCH", f"users/{LINE}/messages/{id_}", json={"isRead": True})
    assert [sent.what for sent in graph.sent] == ["read receipt"]


# ── export and import ────────────────────────────────────────────────────────────────────────────


def test_a_letter_goes_home_by_a_stream_as_it_was(graph: Graph, caller: Caller) -> None:
    here = graph.mailbox(ADVISOR).folder("sentitems")
    when = NEW_YEAR + timedelta(days=3)
    here.add(
        letter("one@relay.example", attachment=True),
        when,
        is_read=False,
        categories=["Kept"],
        flag="Flagged",
        sent=NEW_YEAR,
        extended={("tag", 0x1081): "102"},
    )
    home = graph.mailbox(LINE).folder("sentitems")
    [stream] = exported(caller, *ids(here), address=ADVISOR)
    assert (stream["itemId"], stream["changeKey"]) == (ids(here)[0], here.items()[0].change_key)
    answer = imported(caller, stream["data"], home, LINE)
    assert answer.status_code == 200
    [before], [after] = here.items(), home.items()
    for name in ("content", "received", "sent", "is_read", "is_draft", "categories", "flag", "extended"):
        assert getattr(after, name) == getattr(before, name), name
    assert answer.json()["changeKey"] == after.change_key
    assert caller.get(f"users/{LINE}/messages/{answer.json()['itemId']}").json()["id"] == after.lasting_id
    assert after.lasting_id != before.lasting_id
    imported(caller, stream["data"], home, LINE)
    assert len(home) == 2, "an import knows no twins"


def test_twenty_are_exported_at_once_each_with_its_own_fate(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 21)
    every = ids(inbox)
    inbox.remove(every[3])
    answers = exported(caller, *every[:20])
    assert [answer["itemId"] for answer in answers] == every[:20]
    assert answers[3]["error"]["code"] == "ErrorItemNotFound"
    assert all("data" in answer for number, answer in enumerate(answers) if number != 3)
    path = f"{mailbox(graph)}/exportItems"
    assert code(caller.post(path, {"itemIds": every})) == (400, "ErrorInvalidArgument")
    assert code(caller.post(path, {"itemIds": []})) == (400, "ErrorInvalidArgument")
    graph.mailbox(ADVISOR)
    [stranger] = exported(caller, every[0], address=ADVISOR)
    assert stranger["error"]["code"] == "ErrorItemNotFound"


def test_an_import_url_is_a_secret_on_another_host_that_takes_no_token(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    home = graph.mailbox(ADVISOR).folder("sentitems")
    [stream] = exported(caller, *ids(inbox))
    body = {"FolderId": home.id, "Mode": "create", "Data": stream["data"]}
    session = caller.post(f"{mailbox(graph, ADVISOR)}/createImportSession").json()
    assert session["importUrl"].startswith(f"https://localhost:{graph.port}/")
    token = str(caller.session.headers["Authorization"])
    assert code(posted(caller, session["importUrl"], body, Authorization=token))[0] == 401
    assert code(posted(caller, session["importUrl"] + "x", body))[0] == 401
    assert len(home) == 0
    assert posted(caller, session["importUrl"], body).status_code == 200
    assert posted(caller, session["importUrl"], body, Prefer='IdType="ImmutableId"').json()["itemId"] in ids(
        home
    )
    secret = session["importUrl"].partition("authtoken=")[2]
    assert secret in graph.secrets()
    assert token.removeprefix("Bearer ") in graph.secrets()
    assert secret not in repr(graph.requests), "the record keeps no secrets"
    graph.end_sessions()
    assert code(posted(caller, session["importUrl"], body))[0] == 401
    assert len(home) == 2


def test_a_session_ends_by_itself(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    home = graph.mailbox(ADVISOR).folder("sentitems")
    [stream] = exported(caller, *ids(inbox))
    graph.switches.session_status = 201
    answer = caller.post(f"{mailbox(graph, ADVISOR)}/createImportSession")
    assert answer.status_code == 201
    graph.clock.advance(timedelta(minutes=61))
    body = {"FolderId": home.id, "Mode": "create", "Data": stream["data"]}
    assert code(posted(caller, answer.json()["importUrl"], body))[0] == 401


def test_a_session_is_for_one_mailbox(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    home = graph.mailbox(ADVISOR).folder("sentitems")
    [stream] = exported(caller, *ids(inbox))
    assert code(imported(caller, stream["data"], home, LINE)) == (404, "ErrorItemNotFound")


@pytest.mark.parametrize(
    "data", ["", "bm9uc2Vuc2U=", base64.b64encode(b"\x01\0\0\0\x08\0\0\0FTSrubbish").decode()]
)
def test_what_is_no_stream_is_refused(graph: Graph, caller: Caller, data: str) -> None:
    home = graph.mailbox(ADVISOR).folder("sentitems")
    assert code(imported(caller, data, home)) == (400, "ErrorCorruptData")
    assert len(home) == 0


def test_a_changed_stream_is_refused(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    home = graph.mailbox(ADVISOR).folder("sentitems")
    raw = bytearray(base64.b64decode(exported(caller, *ids(inbox))[0]["data"]))
    raw[-3] ^= 1
    assert code(imported(caller, base64.b64encode(raw).decode(), home)) == (400, "ErrorCorruptData")


@pytest.mark.parametrize("takes", [False, True])
def test_a_stream_of_another_server_is_taken_by_switch(
    graph: Graph, caller: Caller, authority: Authority, takes: bool
) -> None:
    from tests.servers.exchange import Exchange
    from tests.servers.exchange.fixtures import make_account

    home = graph.mailbox(LINE).folder("sentitems")
    graph.switches.takes_foreign_streams = takes
    with Exchange(authority) as premises, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(premises.ca_file))
        sent = premises.mailbox(ADVISOR).folder("sentitems")
        sent.add(letter("one@relay.example"), NEW_YEAR)
        account = make_account(premises, ADVISOR)
        [stream] = account.export([(item.id, item.change_key) for item in sent.items()])
        answer = imported(caller, stream, home, LINE)
        assert [item.received for item in home.items()] == [NEW_YEAR] * takes
        assert answer.status_code == (200 if takes else 400)
        [back] = exported(caller, home.add(letter("two@relay.example"), NEW_YEAR))
        premises.takes_foreign_streams = takes
        [result] = account.upload([(account.sent, back["data"])])
        assert isinstance(result, ErrorCorruptData) is not takes
        assert len(sent) == 1 + takes
    account.protocol.close()


def test_updates_by_import_are_not_built(graph: Graph, caller: Caller) -> None:
    home = graph.mailbox(LINE).folder("sentitems")
    session = caller.post(f"{mailbox(graph)}/createImportSession").json()
    for more in ({"Mode": "update"}, {"Mode": "create", "ItemId": "x"}):
        answer = posted(caller, session["importUrl"], {"FolderId": home.id, "Data": "", **more})
        assert code(answer) == (400, "ErrorInvalidArgument")
