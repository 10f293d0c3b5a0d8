"""The stand-in Exchange, asked by an unmodified exchangelib: rights, folders, every way to look."""

from __future__ import annotations

import email
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import exchangelib
import pytest
import requests
from exchangelib import Message
from exchangelib.errors import (
    ErrorAccessDenied,
    ErrorCannotDeleteObject,
    ErrorFolderNotFound,
    ErrorImpersonateUserDenied,
    ErrorInvalidIdMalformed,
    ErrorInvalidPropertyRequest,
    ErrorItemNotFound,
    ErrorNameResolutionNoResults,
    ErrorNonExistentMailbox,
    ErrorSchemaValidation,
    TransportError,
    UnauthorizedError,
)
from exchangelib.fields import FieldPath
from exchangelib.folders import SingleFolderQuerySet
from exchangelib.items import HARD_DELETE
from exchangelib.properties import AlternateId
from exchangelib.services import ConvertId, DeleteItem, FindItem, GetServerTimeZones

from retentiond.demo.authority import Authority
from tests.servers.exchange import Exchange, Login, Right, faults, soap
from tests.servers.exchange.fixtures import Client, make_account
from tests.servers.exchange.letters import (
    ADVISOR,
    LINE,
    NEW_YEAR,
    deleted,
    ids,
    known_properties,
    moment,
    numbered,
)
from tests.servers.exchange.soap import make, violations
from tests.servers.schemas import ABSENT
from tests.servers.seed import letter, stream


@pytest.fixture(scope="module", autouse=True)
def _properties() -> Iterator[None]:
    with known_properties():
        yield


# ── signing in, rights ───────────────────────────────────────────────────────────────────────────


def test_the_server_is_up_at_once_and_tells_its_own_time(exchange: Exchange) -> None:
    exchange.clock.set(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
    answer = requests.get(exchange.url, verify=str(exchange.ca_file), timeout=5)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert parsedate_to_datetime(answer.headers["Date"]) == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_nothing_is_spoken_without_tls(exchange: Exchange) -> None:
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(exchange.url.replace("https", "http"), timeout=5)


def test_a_wrong_password_and_a_wrong_token_are_refused(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    with pytest.raises(UnauthorizedError):
        _ = client(LINE, Login(exchange.service.name, "wrong")).inbox
    with pytest.raises(UnauthorizedError):
        _ = client(LINE, token="wrong").inbox
    assert exchange.requests == []
    assert client(LINE, token=exchange.token(exchange.service.name)).inbox.name == "Inbox"


def test_a_token_is_had_for_a_client_and_expires(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)

    def asked(secret: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": exchange.service.name,
            "client_secret": secret,
        }
        return requests.post(exchange.token_url, form, verify=str(exchange.ca_file), timeout=5)

    assert asked("wrong").status_code == 401
    account = client(LINE, token=asked(exchange.service.password).json()["access_token"])
    assert account.inbox.total_count == 0
    exchange.expire_tokens()
    with pytest.raises(UnauthorizedError):
        account.inbox.refresh()


def test_a_delegate_without_rights_is_denied_and_with_some_sees_some(
    exchange: Exchange, client: Client
) -> None:
    box = exchange.mailbox(LINE)
    key = (box.folder("Sent Items").add(letter("a@post.example"), NEW_YEAR), "")
    colleague = exchange.user("colleague")
    account = client(LINE, colleague)
    with pytest.raises(ErrorAccessDenied):
        _ = account.root
    exchange.grant("colleague", LINE, Right.VISIBLE)
    exchange.grant("colleague", LINE, Right.READ, ["Sent Items"])
    assert account.sent.all().count() == 1
    with pytest.raises(ErrorAccessDenied):
        account.inbox.all().count()
    with pytest.raises(ErrorAccessDenied):
        deleted(account, [key])
    exchange.grant("colleague", LINE, Right.FULL, ["Sent Items"])
    assert deleted(account, [key]) == [True]


def test_the_owner_may_everything_and_a_missing_mailbox_is_named_so(
    exchange: Exchange, client: Client
) -> None:
    box = exchange.mailbox(LINE)
    assert client(LINE, Login(LINE, box.password)).inbox.total_count == 0
    with pytest.raises(ErrorNonExistentMailbox):
        _ = client("nobody@relay.example").root


def test_impersonation_needs_its_right(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE).folder("Inbox").fill(numbered(1))
    user = exchange.user("application")
    account = client(LINE, user, impersonates=True)
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = account.root
    exchange.allow_impersonation("application", LINE)
    assert account.inbox.all().count() == 1
    assert exchange.requests[-1].impersonated == LINE
    exchange.mailbox(ADVISOR)
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = client(ADVISOR, user, impersonates=True).root
    with pytest.raises(ErrorNonExistentMailbox):
        _ = client("nobody@relay.example", user, impersonates=True).root


# ── names and folders ────────────────────────────────────────────────────────────────────────────


def test_names_are_resolved(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE, name="The Line")
    exchange.mailbox(ADVISOR)
    service = client(LINE).protocol
    assert [found.email_address for found in service.resolve_names([LINE])] == [LINE]
    (missing,) = service.resolve_names(["nobody@relay.example"])
    assert isinstance(missing, ErrorNameResolutionNoResults)


def test_ids_are_converted_there_and_back(exchange: Exchange, client: Client) -> None:
    key = exchange.mailbox(LINE).folder("Inbox").add(letter("a@post.example"), NEW_YEAR)
    service = ConvertId(client(LINE).protocol)
    (entry,) = service.call([AlternateId(id=key, format="EwsId", mailbox=LINE)], "HexEntryId")
    (back,) = service.call([AlternateId(id=entry.id, format="HexEntryId", mailbox=LINE)], "EwsId")
    assert (entry.id != key, back.id) == (True, key)


def test_a_client_that_asks_for_the_version_gets_it(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    protocol = client(LINE).protocol
    version = exchangelib.Version.guess(protocol)
    assert (version.build.major_version, version.build.minor_version) == (15, 2)
    assert [request.operation for request in exchange.requests] == ["ConvertId"]


def test_time_zones_are_listed(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    zones = GetServerTimeZones(client(LINE).protocol).call(timezones=[exchangelib.UTC])
    assert [zone.id for zone in zones] == ["UTC"]


def test_every_folder_is_found_by_its_distinguished_id(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE, archive=True).folder("Inbox/Cases/2026").add(letter("a@post.example"), NEW_YEAR)
    account = client(LINE)
    for folder in (account.inbox, account.sent, account.trash, account.drafts, account.junk, account.outbox):
        assert folder.folder_class == "IPF.Note"
    assert account.calendar.folder_class == "IPF.Appointment"
    for folder in (account.recoverable_items_deletions, account.recoverable_items_purges):
        assert folder.parent.id == account.recoverable_items_root.id
    assert account.archive_inbox.id != account.inbox.id
    assert account.archive_recoverable_items_purges.id != account.recoverable_items_purges.id
    cases = account.inbox / "Cases" / "2026"
    assert (cases.total_count, cases.unread_count, cases.child_folder_count) == (1, 0, 0)


def test_folders_are_found_deep_or_shallow_and_by_name(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    box.folder("Inbox/Cases/Old")
    account = client(LINE)

    def names(depth: str) -> list[str]:
        found = SingleFolderQuerySet(account=account, folder=account.inbox).depth(depth).all()
        return [folder.name for folder in found]

    assert (names("Shallow"), names("Deep")) == (["Cases"], ["Cases", "Old"])
    deep = SingleFolderQuerySet(account=account, folder=account.inbox).depth("Deep")
    assert [folder.name for folder in deep.filter(name="Old")] == ["Old"]
    with pytest.raises(ErrorFolderNotFound):
        _ = account.archive_root
    box.drop_folder("Inbox/Cases")
    assert names("Deep") == []


def test_a_folder_is_made_and_an_empty_one_deleted(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    account = client(LINE)
    cases = exchangelib.folders.Folder(parent=account.inbox, name="Cases")
    cases.save()
    box.folder("Inbox/Cases").fill(numbered(1))
    with pytest.raises(ErrorCannotDeleteObject):
        cases.delete()
    box.folder("Inbox/Cases").clear()
    cases.delete()
    assert [folder.name for folder in account.inbox.children] == []


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


def test_pages_hold_1000_ids_without_a_restriction_and_250_with_one(
    exchange: Exchange, client: Client
) -> None:
    exchange.mailbox(LINE).folder("Inbox").fill(numbered(1300))
    inbox = client(LINE).inbox
    exchange.requests.clear()
    everything = inbox.all().order_by("datetime_received").values_list("id", "changekey")
    everything.page_size = 5000
    assert len(list(everything)) == 1300
    assert exchange.counts() == {"FindItem": (2, 2)}
    exchange.requests.clear()
    some = inbox.filter(datetime_received__gt=NEW_YEAR).values_list("id", "changekey")
    some.page_size = 5000
    assert len(list(some)) == 1299
    assert exchange.counts() == {"FindItem": (6, 6)}


def test_an_offset_counts_in_the_set_as_it_is_now(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.fill(numbered(6))
    found = client(LINE).inbox.all().order_by("datetime_received").values_list("id", flat=True)
    found.page_size = 2
    seen = []
    for key in found:
        seen.append(key)
        if len(seen) == 2:
            for gone in ids(folder)[:2]:
                folder.remove(gone[0])
    assert len(seen) == 4, "two of six were skipped, as on a real server"


RESTRICTIONS: dict[str, tuple[exchangelib.Q, list[int]]] = {
    "before": (exchangelib.Q(datetime_received__lt=NEW_YEAR + timedelta(hours=1)), [0, 3]),
    "at or before": (exchangelib.Q(datetime_received__lte=NEW_YEAR + timedelta(hours=1)), [0, 1, 3]),
    "after": (exchangelib.Q(datetime_received__gt=NEW_YEAR), [1, 2]),
    "at or after": (exchangelib.Q(datetime_received__gte=NEW_YEAR), [0, 1, 2]),
    "undated": (~exchangelib.Q(datetime_received__exists=True), [3]),
    "subject": (exchangelib.Q(subject__icontains="FIRST"), [0]),
    "case": (exchangelib.Q(subject__contains="FIRST"), []),
    "start": (exchangelib.Q(subject__startswith="the "), [0, 1]),
    "id": (exchangelib.Q(message_id="<2@post.example>"), [2]),
    "category": (exchangelib.Q(categories__contains="Retention hold"), [1]),
    "class": (exchangelib.Q(item_class="IPM.Note.SMIME"), [2]),
    "from": (exchangelib.Q(author__icontains="help@relay.example"), [1]),
    "or": (exchangelib.Q(subject="the first") | exchangelib.Q(message_id="<2@post.example>"), [0, 2]),
    "and not": (exchangelib.Q(subject__startswith="the ") & ~exchangelib.Q(subject="the first"), [1]),
    "extended": (exchangelib.Q(at_received__gt=moment(NEW_YEAR + timedelta(hours=1))), [2]),
    "unread": (exchangelib.Q(is_read=False), [3]),
}


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_a_restriction_selects(exchange: Exchange, client: Client, name: str) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(letter("0@post.example", subject="the first"), NEW_YEAR)
    folder.add(
        letter("1@post.example", subject="the second", sender="Help <help@relay.example>"),
        NEW_YEAR + timedelta(hours=1),
        categories=["Retention hold", "Blue"],
    )
    folder.add(letter("2@post.example"), NEW_YEAR + timedelta(hours=2), item_class="IPM.Note.SMIME")
    folder.add(letter("3@post.example"), None, is_read=False)
    order = [item.id for item in folder.items()]
    q, expected = RESTRICTIONS[name]
    found = client(LINE).inbox.filter(q).values_list("id", flat=True)
    assert sorted(order.index(key) for key in found) == expected


def test_sorting_puts_the_undated_first(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    late, none, early = (
        folder.add(letter("a@post.example"), when) for when in (NEW_YEAR, None, NEW_YEAR - timedelta(days=1))
    )
    inbox = client(LINE).inbox
    assert list(inbox.all().order_by("datetime_received").values_list("id", flat=True)) == [none, early, late]
    assert list(inbox.all().order_by("-datetime_received").values_list("id", flat=True)) == [
        late,
        early,
        none,
    ]


def test_an_item_is_given_whole(exchange: Exchange, client: Client) -> None:
    mime = letter(
        "a@post.example",
        subject="Grüße",
        attachment=True,
        in_reply_to="b@post.example",
        sender="A <a@b.example>",
    )
    exchange.mailbox(LINE).folder("Inbox").add(mime, NEW_YEAR, False, categories=["Blue"], wants_receipt=True)
    (item,) = client(LINE).inbox.all()
    assert (item.subject, item.categories, item.is_read, item.is_draft) == ("Grüße", ["Blue"], False, False)
    assert (item.author.email_address, item.message_id) == ("a@b.example", "<a@post.example>")
    assert (item.in_reply_to, item.has_attachments) == ("<b@post.example>", True)
    assert item.datetime_received == item.at_received == NEW_YEAR
    assert "text of a@post.example" in item.body
    (attachment,) = item.attachments
    assert attachment.content.endswith(b"a@post.example")


def test_mime_comes_back_in_other_words_with_the_same_meaning(exchange: Exchange, client: Client) -> None:
    mime = letter("a@post.example", attachment=True)
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(mime, NEW_YEAR)
    inbox = client(LINE).inbox
    (item,) = inbox.all().only("mime_content", "subject")
    assert item.mime_content != mime
    before, after = (meaning(data) for data in (mime, item.mime_content))
    assert before == after
    exchange.rewrites_mime = False
    (item,) = inbox.all().only("mime_content", "subject")
    assert item.mime_content == mime == folder.items()[0].content


def meaning(mime: bytes) -> list[object]:
    """The decoded parts of a message and the headers that survive."""
    message = email.message_from_bytes(mime)
    parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return [*parts, *(message[name] for name in ("Message-ID", "Subject", "From", "Date"))]


def test_find_tells_a_senders_name_alone(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE).folder("Inbox").add(letter("a@post.example", sender="A <a@b.example>"), NEW_YEAR)
    inbox = client(LINE).inbox
    author = FieldPath(field=Message.get_field_by_fieldname("author"))
    (found,) = FindItem(account=inbox.account).call(
        [inbox], [author], None, None, "IdOnly", None, "Shallow", None, None, 0
    )
    assert (found.author.name, found.author.email_address) == ("A", None)


@pytest.mark.parametrize(
    ("item_class", "kind"),
    [
        ("IPM.Note.SMIME.MultipartSigned", "Message"),
        ("REPORT.IPM.Note.NDR", "Message"),
        ("IPM.Note.Microsoft.Voicemail.UM", "Message"),
        ("IPM.Outlook.Recall", "Message"),
        ("IPM.Schedule.Meeting.Request", "MeetingRequest"),
        ("IPM.Schedule.Meeting.Resp.Pos", "MeetingResponse"),
        ("IPM.Schedule.Meeting.Canceled", "MeetingCancellation"),
        ("IPM.Post", "PostItem"),
        ("IPM.Task", "Task"),
    ],
)
def test_items_of_any_class_are_given(exchange: Exchange, client: Client, item_class: str, kind: str) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(letter("a@post.example"), NEW_YEAR, item_class=item_class)
    inbox = client(LINE).inbox
    (item,) = inbox.all().only("item_class", "datetime_received")
    assert (type(item).__name__, item.item_class, item.datetime_received) == (kind, item_class, NEW_YEAR)
    (whole,) = inbox.all()
    assert whole.item_class == item_class


def test_an_element_that_exchangelib_does_not_know_makes_it_raise(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE).folder("Inbox").add(letter("a@post.example"), NEW_YEAR, element="SharingMessage")
    with pytest.raises((ValueError, KeyError)):
        list(client(LINE).inbox.all().only("subject"))


def test_a_fraction_of_a_second_and_no_date_reach_the_client(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(letter("a@post.example"), NEW_YEAR.replace(microsecond=250_000))
    folder.add(letter("b@post.example"), None)
    found = list(client(LINE).inbox.all().only("datetime_received"))
    assert [item.datetime_received for item in found] == [None, None], "exchangelib reads whole seconds alone"


def test_ids_that_are_unknown_or_no_ids_at_all(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    gone = folder.add(letter("a@post.example"), NEW_YEAR)
    folder.remove(gone)
    found = list(client(LINE).fetch([(gone, ""), ("rubbish", "")], only_fields=["subject"]))
    assert [type(item) for item in found] == [ErrorItemNotFound, ErrorInvalidIdMalformed]


def test_changes_are_told_from_a_state_on(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.fill(numbered(3))
    inbox = client(LINE).inbox
    assert [kind for kind, _item in inbox.sync_items(max_changes_returned=2)] == ["create"] * 3
    first, second = (key for key, _change in ids(folder)[:2])
    folder.remove(first)
    folder.mark(second, categories=["Blue"])
    assert [kind for kind, _item in inbox.sync_items()] == ["delete", "update"]
    assert list(inbox.sync_items()) == []


# ── schema, record, speed ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def schema() -> None:
    if soap.schema() is None:
        pytest.skip(ABSENT)


@pytest.mark.usefixtures("schema")
def test_a_request_that_breaks_the_schema_is_refused_and_recorded(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    inbox = client(LINE).inbox
    with pytest.raises(ErrorSchemaValidation):
        planted(inbox)
    assert "DeleteItem" in exchange.schema_faults[0]
    exchange.schema_faults.clear()


def planted(folder: exchangelib.Folder) -> None:
    """A DeleteItem with a word that the schema does not have."""

    class Planted(DeleteItem):  # type: ignore[misc]
        def get_payload(self, *what: object, **how: object) -> object:
            payload = super().get_payload(*what, **how)
            payload.set("DeleteType", "Vaporize")
            return payload

    deeds = Planted(account=folder.account)
    list(deeds.call([("a", "b")], HARD_DELETE, "SendToNone", "AllOccurrences", True))


@pytest.mark.usefixtures("schema")
def test_an_answer_that_breaks_the_schema_fails_the_test(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert violations(make("m:GetItemResponse"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))

    def story() -> None:
        with Exchange(authority) as server:
            key = server.mailbox(LINE).folder("Inbox").add(letter("a@post.example"), NEW_YEAR)
            server.faults.at("GetItem", faults.one_item("ErrorThatNobodyKnows"))
            with pytest.raises(TransportError):
                list(make_account(server, LINE).fetch([(key, "")], only_fields=["subject"]))

    with pytest.raises(AssertionError, match="an answer broke the schema"):
        story()


def test_what_find_does_not_give_is_refused_for_every_folder(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    account = client(LINE)
    body = FieldPath(field=Message.get_field_by_fieldname("body"))
    with pytest.raises(ErrorInvalidPropertyRequest):
        list(
            FindItem(account=account).call(
                [account.inbox, account.sent], [body], None, None, "IdOnly", None, "Shallow", None, None, 0
            )
        )


def test_the_record_tells_operations_items_and_changes(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.fill(numbered(250))
    account = client(LINE)
    exchange.requests.clear()
    list(account.inbox.all().values_list("id", flat=True))
    assert exchange.writes() == []
    deleted(account, ids(folder), chunk_size=100)
    assert exchange.counts()["DeleteItem"] == (3, 250)
    assert exchange.writes() == ["DeleteItem"] * 3


def test_ten_thousand_ids_are_paged_in_seconds(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE).folder("Inbox").fill(
        (seed.content, seed.received)
        for seed in stream(10_000, datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC))
    )
    found = client(LINE).inbox.all().order_by("datetime_received").values_list("id", "changekey")
    found.page_size = 1000
    start = time.monotonic()
    assert len(set(found)) == 10_000
    assert time.monotonic() - start < 10
