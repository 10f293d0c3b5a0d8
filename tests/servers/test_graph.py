"""The stand-in Graph does what the documentation says: folders, messages, queries, ids."""

from __future__ import annotations

import base64
from datetime import timedelta
from email import message_from_bytes
from urllib.parse import parse_qs, urlsplit

import pytest

from retentiond.mailbox.likeness import likeness
from tests.servers.graph import Graph
from tests.servers.graph.fixtures import Caller
from tests.servers.graph.letters import ADVISOR, INBOX, LINE, NEW_YEAR, code, filled, ids, mailbox
from tests.servers.seed import letter

# ── folders ──────────────────────────────────────────────────────────────────────────────────────


def test_mail_folders_are_listed_by_pages_and_known_by_name(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(LINE)
    for number in range(12):
        box.folder(f"Cases {number}")
    box.folder("Inbox/Deep")
    box.folder("Kept back", hidden=True)
    folders = caller.pages(f"users/{LINE}/mailFolders")
    names = [folder["displayName"] for folder in folders]
    assert names[:3] == ["Inbox", "Drafts", "Sent Items"]
    assert {"Archive", "Cases 11"} <= set(names)
    assert not {"Calendar", "Kept back", "Recoverable Items"} & set(names)
    shown = caller.pages(f"users/{LINE}/mailFolders", {"includeHiddenFolders": "true"})
    assert [folder["displayName"] for folder in shown if folder["isHidden"]] == ["Kept back"]
    assert graph.counts()["listMailFolders"] == 4, "ten to a page"
    [deep] = caller.pages(f"users/{LINE}/mailFolders/{folders[0]['id']}/childFolders")
    assert (deep["displayName"], deep["parentFolderId"]) == ("Deep", folders[0]["id"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("inbox", "Inbox"),
        ("SentItems", "Sent Items"),
        ("deleteditems", "Deleted Items"),
        ("drafts", "Drafts"),
        ("junkemail", "Junk Email"),
        ("archive", "Archive"),
        ("outbox", "Outbox"),
        ("msgfolderroot", "Top of Information Store"),
        ("recoverableitemsdeletions", "Deletions"),
        ("recoverableitemspurges", "Purges"),
    ],
)
def test_well_known_names(graph: Graph, caller: Caller, name: str, shown: str) -> None:
    graph.mailbox(LINE)
    by_name = caller.get(f"users/{LINE}/mailFolders/{name}").json()
    assert by_name["displayName"] == shown
    assert caller.get(f"users/{LINE}/mailFolders/{by_name['id']}").json()["displayName"] == shown
    assert caller.get(f"{mailbox(graph)}/folders/{name}").json()["id"] == by_name["id"]


def test_bins_that_the_documentation_does_not_name_can_be_out_of_reach(graph: Graph, caller: Caller) -> None:
    graph.mailbox(LINE)
    graph.switches.names_every_bin = False
    answer = caller.get(f"users/{LINE}/mailFolders/recoverableitemspurges")
    assert code(answer) == (400, "ErrorInvalidIdMalformed")
    assert caller.get(f"users/{LINE}/mailFolders/recoverableitemsdeletions").status_code == 200


def test_folders_count_all_that_is_in_them(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 3)
    inbox.add(letter("new@post.example"), NEW_YEAR, is_read=False)
    inbox.add(letter("card@post.example"), NEW_YEAR, item_class="IPM.Contact")
    folder = caller.get(f"users/{LINE}/mailFolders/inbox").json()
    assert (folder["totalItemCount"], folder["unreadItemCount"]) == (5, 1)
    assert len(caller.pages(INBOX)) == 4, "a contact is no message"
    assert len(caller.pages(f"{mailbox(graph)}/folders/inbox/items")) == 5


def test_a_folder_of_nobody_is_not_found(graph: Graph, caller: Caller) -> None:
    stranger = graph.mailbox(ADVISOR).folder("inbox").id
    graph.mailbox(LINE)
    assert code(caller.get(f"users/{LINE}/mailFolders/nonsense")) == (400, "ErrorInvalidIdMalformed")
    assert code(caller.get(f"users/{LINE}/mailFolders/{stranger}")) == (404, "ErrorItemNotFound")
    assert code(caller.get("users/nobody@relay.example/mailFolders")) == (404, "ErrorInvalidUser")
    assert code(caller.get(f"users/{LINE}/calendars")) == (404, "ResourceNotFound")


def test_a_user_and_the_mailboxes_that_are_theirs(graph: Graph, caller: Caller) -> None:
    graph.mailbox(LINE, name="The Line")
    graph.mailbox(ADVISOR, archive=True)
    user = caller.get(f"users/{LINE}", {"$select": "displayName,mail"}).json()
    assert (user["displayName"], user["mail"], "userPrincipalName" in user) == ("The Line", LINE, False)
    settings = caller.get(f"users/{user['id']}/settings/exchange").json()
    assert settings["primaryMailboxId"] == graph.mailbox_id(LINE)
    beta = f"{graph.endpoint}/beta/users"
    assert "inPlaceArchiveMailboxId" not in caller.get(f"{beta}/{LINE}/settings/exchange").json()
    assert "inPlaceArchiveMailboxId" not in caller.get(f"users/{ADVISOR}/settings/exchange").json()
    told = caller.get(f"{beta}/{ADVISOR}/settings/exchange").json()
    assert told["inPlaceArchiveMailboxId"] == graph.mailbox_id(ADVISOR, is_archive=True)


def test_an_archive_is_served_by_beta_and_by_switch(graph: Graph, caller: Caller) -> None:
    box = graph.mailbox(ADVISOR, archive=True)
    box.folder("archiveinbox").add(letter("old@post.example"), NEW_YEAR)
    archive = f"admin/exchange/mailboxes/{graph.mailbox_id(ADVISOR, is_archive=True)}"
    assert code(caller.get(f"{archive}/folders")) == (404, "ErrorMailboxNotFound")
    folders = caller.get(f"{graph.endpoint}/beta/{archive}/folders").json()["value"]
    assert (folders[0]["displayName"], folders[0]["totalItemCount"]) == ("Inbox", 1)
    graph.switches.serves_archives = True
    assert len(caller.pages(f"{archive}/folders/inbox/items")) == 1
    assert caller.pages(f"{mailbox(graph, ADVISOR)}/folders/inbox/items") == []


def test_a_national_cloud_lacks_what_destroys(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    graph.switches.is_national = True
    assert code(caller.get(f"{mailbox(graph)}/folders")) == (404, "ResourceNotFound")
    assert code(caller.post(f"users/{LINE}/messages/{ids(inbox)[0]}/permanentDelete"))[0] == 404
    assert caller.get(INBOX).status_code == 200


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


def test_a_message_bears_what_was_laid_down(graph: Graph, caller: Caller) -> None:
    mime = letter("one@post.example", attachment=True, in_reply_to="zero@post.example").replace(
        b"Subject:", b"Disposition-Notification-To: a@post.example\r\nSubject:", 1
    )
    id_ = (
        graph.mailbox(LINE)
        .folder("inbox")
        .add(
            mime,
            NEW_YEAR,
            is_read=False,
            categories=["Red", "Blue"],
            flag="Flagged",
            sent=NEW_YEAR - timedelta(1),
        )
    )
    names = "subject,from,receivedDateTime,sentDateTime,isRead,isDraft,categories,flag,hasAttachments,"
    names += "internetMessageId,isReadReceiptRequested,isDeliveryReceiptRequested,changeKey,conversationId,"
    names += "internetMessageHeaders,toRecipients"
    message = caller.get(f"users/{LINE}/messages/{id_}", {"$select": names}).json()
    assert message["receivedDateTime"] == "2026-01-01T09:00:00Z"
    assert message["sentDateTime"] == "2025-12-31T09:00:00Z"
    assert (message["isRead"], message["isDraft"], message["categories"]) == (False, False, ["Red", "Blue"])
    assert message["flag"] == {"flagStatus": "flagged"}
    assert (message["hasAttachments"], message["internetMessageId"]) == (True, "<one@post.example>")
    assert (message["isReadReceiptRequested"], message["isDeliveryReceiptRequested"]) == (True, False)
    assert message["from"]["emailAddress"]["address"] == "quixotrill.one@quixotrill.example"
    assert message["toRecipients"][0]["emailAddress"]["address"] == "helpline@relay.example"
    headers = {header["name"]: header["value"] for header in message["internetMessageHeaders"]}
    assert headers["In-Reply-To"] == "<zero@post.example>"
    assert message["@odata.etag"] == f'W/"{message["changeKey"]}"'
    assert "body" not in message


def test_what_is_not_selected_is_given_but_for_the_headers(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    [message] = caller.pages(INBOX)
    assert {"subject", "body", "bodyPreview", "parentFolderId", "webLink"} <= message.keys()
    assert not {"internetMessageHeaders", "uniqueBody", "singleValueExtendedProperties"} & message.keys()


def test_sent_mail_may_show_no_headers(graph: Graph, caller: Caller) -> None:
    filled(graph, 1, "sentitems")
    filled(graph, 1)
    graph.switches.sent_has_headers = False
    names = {"$select": "subject,internetMessageHeaders"}
    [sent] = caller.pages(f"users/{LINE}/mailFolders/sentitems/messages", names)
    [received] = caller.pages(INBOX, names)
    assert ("internetMessageHeaders" in sent, "internetMessageHeaders" in received) == (False, True)


def test_meetings_are_messages_of_another_type(graph: Graph, caller: Caller) -> None:
    inbox = graph.mailbox(LINE).folder("inbox")
    for item_class in (
        "IPM.Schedule.Meeting.Request",
        "IPM.Schedule.Meeting.Canceled",
        "IPM.Note",
        "REPORT.IPM.Note.NDR",
    ):
        inbox.add(letter(f"{item_class}@post.example"), NEW_YEAR, item_class=item_class)
    found = caller.pages(INBOX, {"$select": "internetMessageId"})
    types = {message["internetMessageId"]: message.get("@odata.type") for message in found}
    assert types == {
        "<IPM.Schedule.Meeting.Request@post.example>": "#microsoft.graph.eventMessageRequest",
        "<IPM.Schedule.Meeting.Canceled@post.example>": "#microsoft.graph.eventMessage",
        "<IPM.Note@post.example>": None,
        "<REPORT.IPM.Note.NDR@post.example>": None,
    }


def test_mime_comes_in_other_words(graph: Graph, caller: Caller) -> None:
    inbox = graph.mailbox(LINE).folder("inbox")
    mime = letter("one@post.example", attachment=True)
    id_ = inbox.add(mime, NEW_YEAR)
    given = caller.get(f"users/{LINE}/messages/{id_}/$value").content
    assert given != mime
    assert likeness(given) == likeness(mime)
    graph.switches.rewrites_mime = False
    assert caller.get(f"users/{LINE}/messages/{id_}/$value").content == mime


def test_extended_properties_are_given_where_they_are_expanded(graph: Graph, caller: Caller) -> None:
    inbox = graph.mailbox(LINE).folder("inbox")
    keywords = ("name", "00020329-0000-0000-c000-000000000046", "Odd")
    inbox.add(letter("one@post.example"), NEW_YEAR, is_read=True, is_draft=True, extended={keywords: "x"})
    wanted = "id eq 'SystemTime 0x0E06' or id eq 'Integer 0x0E07' or id eq 'SystemTime 0x0039'"
    wanted += " or id eq 'String {00020329-0000-0000-C000-000000000046} Name Odd' or id eq 'String 0x9999'"
    options = {"$expand": f"singleValueExtendedProperties($filter={wanted})", "$select": "id"}
    for path in (INBOX, f"{mailbox(graph)}/folders/inbox/items"):
        [found] = caller.pages(path, options)
        values = {each["id"]: each["value"] for each in found["singleValueExtendedProperties"]}
        assert values == {
            "SystemTime 0xe06": "2026-01-01T09:00:00Z",
            "Integer 0xe07": str(0x1 | 0x2 | 0x8),
            "SystemTime 0x39": "2026-01-01T09:00:00Z",
            "String {00020329-0000-0000-C000-000000000046} Name Odd": "x",
        }
    wrong = {"$expand": "singleValueExtendedProperties($filter=id eq 'Moment 0x0E06')"}
    assert code(caller.get(INBOX, wrong)) == (400, "ErrorInvalidProperty")


def test_a_message_is_marked(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    [before] = inbox.items()
    path = f"users/{LINE}/messages/{before.lasting_id}"
    answer = caller.call("PATCH", path, json={"categories": ["Kept"], "flag": {"flagStatus": "complete"}})
    assert answer.status_code == 200
    [after] = inbox.items()
    assert (after.categories, after.flag) == (("Kept",), "Complete")
    assert answer.json()["changeKey"] == after.change_key != before.change_key
    assert after.lasting_id == before.lasting_id
    refused = caller.call("PATCH", path, json={"receivedDateTime": "2020-01-01T00:00:00Z"})
    assert code(refused) == (400, "ErrorInvalidPropertySet")


@pytest.mark.parametrize("is_mime", [False, True])
def test_whatever_is_created_is_a_draft_received_now(graph: Graph, caller: Caller, is_mime: bool) -> None:
    graph.clock.set(NEW_YEAR + timedelta(days=90))
    sent = graph.mailbox(LINE).folder("sentitems")
    path = f"users/{LINE}/mailFolders/sentitems/messages"
    if is_mime:
        data, headers = base64.b64encode(letter("one@post.example")), {"Content-Type": "text/plain"}
        answer = caller.call("POST", path, data=data, headers=headers)
    else:
        answer = caller.post(
            path, {"subject": "x", "isDraft": False, "receivedDateTime": "2020-01-01T00:00:00Z"}
        )
    assert (answer.status_code, answer.json()["isDraft"]) == (201, True)
    [item] = sent.items()
    assert (item.is_draft, item.received) == (True, graph.clock.now())


@pytest.mark.parametrize(
    ("flags", "takes", "is_draft"), [(1, True, False), (9, True, True), (1, False, True)]
)
def test_json_with_message_flags_may_make_sent_mail(
    graph: Graph, caller: Caller, flags: int, takes: bool, is_draft: bool
) -> None:
    """The way that nobody documents: an advisor's reply made anew where no stream is taken."""
    graph.switches.json_makes_sent_mail = takes
    graph.clock.set(NEW_YEAR + timedelta(days=90))
    sent = graph.mailbox(LINE).folder("sentitems")
    answer = caller.post(
        f"users/{LINE}/mailFolders/sentitems/messages",
        {
            "subject": "x",
            "internetMessageId": "<one@relay.example>",
            "from": {"emailAddress": {"name": "Line", "address": LINE}},
            "body": {"contentType": "html", "content": "<p>Come on <b>Monday</b>.</p>"},
            "categories": ["Kept"],
            "singleValueExtendedProperties": [
                {"id": "Integer 0x0E07", "value": str(flags)},
                {"id": "SystemTime 0x0E06", "value": "2026-01-01T09:00:00Z"},
                {"id": "SystemTime 0x0039", "value": "2026-01-01T09:00:00Z"},
                {"id": "String 0x1042", "value": "<zero@post.example>"},
            ],
        },
    )
    assert (answer.status_code, answer.json()["isDraft"]) == (201, is_draft)
    [item] = sent.items()
    assert (item.is_draft, item.categories) == (is_draft, ("Kept",))
    assert item.received == (NEW_YEAR if takes else graph.clock.now())
    given = message_from_bytes(caller.get(f"users/{LINE}/messages/{answer.json()['id']}/$value").content)
    assert (given["Message-ID"], given["In-Reply-To"]) == ("<one@relay.example>", "<zero@post.example>")
    kinds = [part.get_content_type() for part in given.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_immutable_id_outlives_a_move_and_a_regular_one_does_not(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    plain = Caller(graph, is_immutable=False)
    regular, lasting = plain.pages(INBOX)[0]["id"], caller.pages(INBOX)[0]["id"]
    assert regular != lasting
    moved = plain.post(f"users/{LINE}/messages/{regular}/move", {"destinationId": "archive"})
    assert moved.status_code == 201
    assert moved.json()["id"] not in (regular, lasting)
    assert code(plain.get(f"users/{LINE}/messages/{regular}")) == (404, "ErrorItemNotFound")
    assert caller.get(f"users/{LINE}/messages/{lasting}").json()["id"] == lasting
    assert plain.get(f"users/{LINE}/messages/{lasting}").json()["id"] == moved.json()["id"]
    assert graph.without_immutable() == ["listMessages", "moveMessage", "getMessage", "getMessage"]


def test_items_of_mailboxes_may_not_know_immutable_ids(graph: Graph, caller: Caller) -> None:
    [lasting] = ids(filled(graph, 1))
    items = f"{mailbox(graph)}/folders/inbox/items"
    assert caller.get(f"{items}/{lasting}").json()["id"] == lasting
    graph.switches.items_know_immutable_ids = False
    assert code(caller.get(f"{items}/{lasting}")) == (400, "ErrorInvalidIdMalformed")
    assert caller.pages(items)[0]["id"] == Caller(graph, is_immutable=False).pages(INBOX)[0]["id"]
    assert caller.pages(INBOX)[0]["id"] == lasting


def test_a_move_stays_within_the_mailbox(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    elsewhere = graph.mailbox(ADVISOR).folder("inbox").id
    answer = caller.post(f"users/{LINE}/messages/{ids(inbox)[0]}/move", {"destinationId": elsewhere})
    assert code(answer) == (404, "ErrorItemNotFound")
    assert len(inbox) == 1


def test_an_id_of_another_mailbox_is_not_found(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    graph.mailbox(ADVISOR)
    answer = caller.get(f"users/{ADVISOR}/messages/{ids(inbox)[0]}")
    assert code(answer) == (404, "ErrorItemNotFound")


DATE, CAST = "'SystemTime 0x0E06'", "cast(e/value, Edm.DateTimeOffset)"

# ── queries ──────────────────────────────────────────────────────────────────────────────────────


def numbers(caller: Caller, options: dict[str, str]) -> list[int]:
    """The numbers in the Message-IDs of what a query finds."""
    found = caller.pages(INBOX, {"$select": "internetMessageId", "$top": "1000", **options})
    return [int(str(each["internetMessageId"])[1:].partition("@")[0]) for each in found]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("receivedDateTime lt 2026-01-01T11:00:00Z", [1, 0]),
        ("receivedDateTime le 2026-01-01T11:00:00Z", [2, 1, 0]),
        ("receivedDateTime gt 2026-01-01T12:00:00+01:00", [5, 4, 3]),
        ("receivedDateTime ge 2026-01-01T12:30:00Z and receivedDateTime lt 2026-01-02", [5, 4]),
        ("from/emailAddress/address eq 'QUIXOTRILL.3@quixotrill.example'", [3]),
        ("sender/emailAddress/address eq 'quixotrill.4@quixotrill.example'", [4]),
        ("internetMessageId eq '<2@post.example>' or internetMessageId eq '<0@post.example>'", [2, 0]),
        ("categories/any(c:c eq 'Kept')", [1]),
        ("not (categories/any(c:c eq 'Kept')) and isRead eq true", [5, 4, 3, 2, 0]),
        ("startswith(internetMessageId,'<5')", [5]),
        (
            "singleValueExtendedProperties/any(e: e/Id eq 'String 0x1035' and contains(e/Value, '4@POST'))",
            [4],
        ),
        (
            "singleValueExtendedProperties/any(e: e/id eq 'String 0x37' and e/value ne 'x')",
            [5, 4, 3, 2, 1, 0],
        ),
        (
            "singleValueExtendedProperties/any(e: e/id eq 'Integer 0xE07' and cast(e/value, Edm.Int32) gt 9)",
            [],
        ),
        (f"singleValueExtendedProperties/any(e: e/id eq {DATE} and {CAST} lt 2026-01-01T10:30:00Z)", [1, 0]),
        ("contains(subject,'nothing of the kind')", []),
        ("isDraft eq true", []),
        ("flag/flagStatus eq 'flagged'", [1]),
        (
            "singleValueExtendedProperties/Any(e: e/id eq 'String 0x1035' and e/value eq '<3@post.example>')",
            [3],
        ),
    ],
)
def test_filters(graph: Graph, caller: Caller, written: str, wanted: list[int]) -> None:
    inbox = filled(graph, 6)
    second = graph.store.item(ids(inbox)[1])
    second.categories, second.flag = ("Other", "Kept"), "Flagged"
    assert numbers(caller, {"$filter": written}) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "toRecipients/any(r:r/emailAddress/address eq 'a@b.example')",
        "internetMessageHeaders/any(h:h/name eq 'x')",
        "isReadReceiptRequested eq true",
        "receivedDateTime lt",
        "receivedDateTime lt 2026-01-01T00:00:00Z and",
        "receivedDateTime lt '2026' 5",
        "(isRead eq true",
        "isRead is true",
        "%",
        "singleValueExtendedProperties/any(e: e/id eq 'String 0x37' and e/value lt 'x')",
        "singleValueExtendedProperties/any(e: e/id eq 'Integer 0xE07' and e/value eq '3')",
        "singleValueExtendedProperties/any(e: e/id eq 'CLSID 0x37' and cast(e/value, Edm.Guid) eq 'x')",
    ],
)
def test_filters_that_graph_does_not_take(graph: Graph, caller: Caller, written: str) -> None:
    filled(graph, 1)
    assert code(caller.get(INBOX, {"$filter": written})) == (400, "ErrorInvalidUrlQueryFilter")


def test_an_order_must_begin_the_filter(graph: Graph, caller: Caller) -> None:
    filled(graph, 3)
    early, read = "receivedDateTime lt 2026-01-01T11:00:00Z", "isRead eq true"
    order = {"$orderby": "receivedDateTime"}
    assert numbers(caller, {"$filter": f"{early} and {read}", **order}) == [0, 1]
    assert numbers(caller, {"$filter": early, "$orderby": "receivedDateTime desc"}) == [1, 0]
    assert numbers(caller, order) == [0, 1, 2]
    two = {"$filter": f"{early} and {read}", "$orderby": "receivedDateTime, isRead desc"}
    assert numbers(caller, two) == [0, 1]
    for options in (
        {"$filter": f"{read} and {early}", **order},
        {"$filter": read, **order},
        {"$filter": f"{early} and {read}", "$orderby": "isRead,receivedDateTime"},
    ):
        assert code(caller.get(INBOX, options)) == (400, "InefficientFilter")


def test_an_item_without_a_date_comes_before_all(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 1)
    inbox.add(letter("7@post.example"), None)
    early = {"$filter": "receivedDateTime lt 1995-01-01T00:00:00Z", "$orderby": "receivedDateTime"}
    assert numbers(caller, early) == [7]
    assert numbers(caller, {"$orderby": "receivedDateTime"}) == [7, 0]
    assert [message["receivedDateTime"] for message in caller.pages(INBOX)] == ["2026-01-01T09:00:00Z", None]


def test_pages_are_ten_unless_told_and_a_thousand_at_most(graph: Graph, caller: Caller) -> None:
    filled(graph, 25)
    page = caller.get(INBOX, {"$count": "true", "$select": "id"}).json()
    assert (len(page["value"]), page["@odata.count"]) == (10, 25)
    assert parse_qs(urlsplit(page["@odata.nextLink"]).query) == {
        "$count": ["true"],
        "$select": ["id"],
        "$skip": ["10"],
    }
    assert len(caller.pages(INBOX)) == 25
    assert "@odata.nextLink" not in caller.get(INBOX, {"$top": "25"}).json()
    assert "@odata.count" not in caller.get(INBOX).json()
    for top in ("0", "1001", "many"):
        assert code(caller.get(INBOX, {"$top": top})) == (400, "ErrorInvalidUrlQuery")


def test_next_links_may_be_opaque(graph: Graph, caller: Caller) -> None:
    filled(graph, 25)
    graph.switches.skip_tokens = True
    link = caller.get(INBOX).json()["@odata.nextLink"]
    assert "skiptoken" in link
    assert "skip=" not in link
    assert len(caller.pages(INBOX)) == 25


def test_deleting_while_paging_skips_items(graph: Graph, caller: Caller) -> None:
    """As $skip counts what is there: whoever pages and deletes at once leaves some behind."""
    inbox = filled(graph, 20)
    first = caller.get(INBOX).json()
    for message in first["value"]:
        inbox.remove(message["id"])
    assert caller.get(first["@odata.nextLink"]).json()["value"] == []


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ('"participants:quixotrill.2@quixotrill.example"', [2]),
        ('"from:quixotrill.1 OR from:quixotrill.0"', [1, 0]),
        ('"to:helpline@relay.example AND from:quixotrill.1"', [1]),
        ('"cc:helpline@relay.example"', []),
        ('"advice"', [2, 1, 0]),
    ],
)
def test_searches(graph: Graph, caller: Caller, written: str, wanted: list[int]) -> None:
    filled(graph, 3)
    assert numbers(caller, {"$search": written}) == wanted


def test_a_search_goes_with_nothing_else(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    both = {"$search": '"from:a"', "$filter": "isRead eq true"}
    assert code(caller.get(INBOX, both)) == (400, "SearchWithFilter")
    assert code(caller.get(INBOX, {"$search": "bare"})) == (400, "BadRequest")
    items = f"{mailbox(graph)}/folders/inbox/items"
    assert code(caller.get(items, {"$search": '"from:a"'})) == (400, "ErrorInvalidUrlQuery")


def test_the_date_header_tells_the_servers_clock(graph: Graph, caller: Caller) -> None:
    graph.clock.set(NEW_YEAR)
    graph.mailbox(LINE)
    assert caller.get(INBOX).headers["Date"] == "Thu, 01 Jan 2026 09:00:00 GMT"
    assert caller.post("$batch", {"requests": []}).headers["Date"] == "Thu, 01 Jan 2026 09:00:00 GMT"


def test_the_record_tells_what_was_asked(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    caller.get(INBOX, {"$top": "5"})
    Caller(graph, is_immutable=False).post(f"users/{LINE}/messages", {"subject": "x"})
    first, second = graph.requests
    assert (first.operation, first.method, first.path, first.mailbox) == ("listMessages", "GET", INBOX, LINE)
    assert (first.options, first.is_immutable, first.app) == ((("$top", "5"),), True, graph.app.client_id)
    assert (second.number, second.operation, second.is_immutable) == (2, "createMessage", False)
    assert graph.writes() == ["createMessage"]
    graph.mailbox(LINE).folder("drafts").clear()


def test_another_client_acts_in_between(graph: Graph, caller: Caller) -> None:
    inbox = filled(graph, 2)
    first = ids(inbox)[0]

    def interfere(request: object) -> None:
        if getattr(request, "operation", "") == "getMessage":
            inbox.mark(first, categories=["Kept"])

    graph.hooks.append(interfere)
    assert caller.get(f"users/{LINE}/messages/{first}").json()["categories"] == ["Kept"]


def test_a_mime_header_survives_in_what_is_given(graph: Graph, caller: Caller) -> None:
    inbox = graph.mailbox(LINE).folder("inbox")
    id_ = inbox.add(letter("one@post.example", references=["a@b.example"]), NEW_YEAR)
    given = message_from_bytes(caller.get(f"users/{LINE}/messages/{id_}/$value").content)
    assert (given["Message-ID"], given["References"]) == ("<one@post.example>", "<a@b.example>")
