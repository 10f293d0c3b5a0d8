"""The stand-in Exchange, changed by an unmodified exchangelib: carrying, deleting, and what is mailed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from exchangelib import Mailbox, Message
from exchangelib.errors import (
    ErrorAccessDenied,
    ErrorCannotDeleteObject,
    ErrorCorruptData,
    ErrorCrossMailboxMoveCopy,
    ErrorIrresolvableConflict,
    ErrorMessageSizeExceeded,
)
from exchangelib.items import HARD_DELETE, MOVE_TO_DELETED_ITEMS, SOFT_DELETE
from exchangelib.properties import FolderId, ItemId

from tests.servers.exchange import Exchange, Login, Right
from tests.servers.exchange.fixtures import Client
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
from tests.servers.seed import letter


@pytest.fixture(scope="module", autouse=True)
def _properties() -> Iterator[None]:
    with known_properties():
        yield


# ── changing ─────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_stored_with_its_dates_and_flags(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Sent Items")
    account = client(LINE)
    draft = Message(mime_content=letter("a@post.example"))
    whole = Message(
        mime_content=letter("b@post.example"),
        at_received=moment(NEW_YEAR),
        at_sent=moment(NEW_YEAR),
        mapi_flags=1,
        categories=["Blue"],
    )
    made = account.bulk_create(account.sent, [draft, whole])
    first, second = folder.items()
    assert [item.id for item in made] == [first.id, second.id]
    assert (first.is_draft, first.received == NEW_YEAR) == (True, False)
    assert (second.is_draft, second.is_read, second.received, second.sent) == (
        False,
        True,
        NEW_YEAR,
        NEW_YEAR,
    )
    assert (second.categories, exchange.sent) == (("Blue",), [])


def test_an_update_gives_another_change_key_and_a_stale_one_is_noticed(
    exchange: Exchange, client: Client
) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(letter("a@post.example"), NEW_YEAR, is_read=False)
    account = client(LINE)
    (item,) = account.inbox.all().only("categories", "is_read")
    old = item.changekey
    item.categories, item.is_read = ["Retention hold"], True
    ((_id, new),) = account.bulk_update([(item, ["categories", "is_read"])])
    (stored,) = folder.items()
    assert (stored.categories, stored.is_read, stored.change_key) == (("Retention hold",), True, new)
    assert old != new
    item.changekey = old
    with pytest.raises(ErrorIrresolvableConflict):
        account.bulk_update([(item, ["categories"])], conflict_resolution="NeverOverwrite")


def test_flags_are_ignored_once_an_item_is_there(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.add(letter("a@post.example"), NEW_YEAR, is_read=False)
    account = client(LINE)
    (item,) = account.inbox.all().only("mapi_flags")
    item.mapi_flags = 1
    account.bulk_update([(item, ["mapi_flags"])])
    assert folder.items()[0].is_read is False


def test_a_move_within_a_mailbox_gives_a_new_id_and_a_copy_two_items(
    exchange: Exchange, client: Client
) -> None:
    box = exchange.mailbox(LINE)
    inbox, trash = box.folder("Inbox"), box.folder("Deleted Items")
    inbox.fill(numbered(2))
    account = client(LINE)
    before = ids(inbox)
    ((moved, _change),) = account.bulk_move(before[:1], to_folder=account.trash)
    assert (moved != before[0][0], [item.id for item in trash.items()]) == (True, [moved])
    ((copied, _change),) = account.bulk_copy(before[1:], to_folder=account.trash)
    assert (len(inbox), [item.id for item in trash.items()]) == (1, [moved, copied])


def test_across_mailboxes_no_new_id_is_told(exchange: Exchange, client: Client) -> None:
    sent, home = (exchange.mailbox(name).folder("Sent Items") for name in (ADVISOR, LINE))
    sent.fill(numbered(2))
    advisor, line = client(ADVISOR), client(LINE)
    keys, before = ids(sent), sent.items()[0]
    assert advisor.bulk_move(keys[:1], to_folder=line.sent) == []
    assert advisor.bulk_copy(keys[1:], to_folder=line.sent) == []
    assert (len(sent), len(home)) == (1, 2)
    there = home.items()[0]
    assert (there.content, there.received, there.is_read) == (before.content, before.received, before.is_read)


def test_across_mailboxes_the_rights_must_reach_both_ends(exchange: Exchange, client: Client) -> None:
    sent = exchange.mailbox(ADVISOR).folder("Sent Items")
    home = exchange.mailbox(LINE).folder("Sent Items")
    sent.fill(numbered(1))
    target = FolderId(id=home.id)
    account = client(ADVISOR)
    exchange.grant(exchange.service.name, LINE, Right.READ)
    with pytest.raises(ErrorAccessDenied):
        account.bulk_move(ids(sent), to_folder=target)
    exchange.allow_impersonation(exchange.service.name)
    exchange.grant(ADVISOR, LINE, Right.FULL)
    with pytest.raises(ErrorCrossMailboxMoveCopy):
        client(ADVISOR, impersonates=True).bulk_move(ids(sent), to_folder=target)
    assert (len(sent), len(home)) == (1, 0)


def test_an_export_uploads_to_the_same_item_elsewhere(exchange: Exchange, client: Client) -> None:
    sent = exchange.mailbox(ADVISOR).folder("Sent Items")
    home = exchange.mailbox(LINE).folder("Sent Items")
    received = NEW_YEAR.replace(microsecond=5000)
    sent.add(
        letter("a@post.example"), received, is_read=False, categories=["Blue"], flag="Flagged", sent=NEW_YEAR
    )
    advisor, line = client(ADVISOR), client(LINE)
    (data,) = advisor.export([ItemId(*key) for key in ids(sent)])
    ((key, _change),) = line.upload([(line.sent, data)])
    (before,), (after,) = sent.items(), home.items()
    assert after.id == key
    for name in ("content", "received", "sent", "is_read", "is_draft", "categories", "flag", "item_class"):
        assert getattr(after, name) == getattr(before, name)


def test_an_upload_may_fail(exchange: Exchange, client: Client) -> None:
    folder = exchange.mailbox(LINE).folder("Sent Items")
    line = client(LINE)
    (broken,) = line.upload([(line.sent, base64.b64encode(b"not an export").decode())])
    assert isinstance(broken, ErrorCorruptData)
    (large,) = line.upload([(line.sent, base64.b64encode(bytes(26 * 1024 * 1024)).decode())])
    assert isinstance(large, ErrorMessageSizeExceeded)
    assert len(folder) == 0


# ── deleting, and the bins behind it ─────────────────────────────────────────────────────────────


def test_three_kinds_of_deletion_lead_to_three_bins(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    inbox = box.folder("Inbox")
    inbox.fill(numbered(3))
    account = client(LINE)
    for key, kind in zip(ids(inbox), (MOVE_TO_DELETED_ITEMS, SOFT_DELETE, HARD_DELETE), strict=True):
        assert deleted(account, [key], kind) == [True]
    bins = ("deleteditems", "recoverableitemsdeletions", "recoverableitemspurges")
    assert [len(box.folder(name)) for name in ("inbox", *bins)] == [0, 1, 1, 1]


def test_the_archive_has_bins_of_its_own(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE, archive=True)
    archive = box.folder("archiveinbox")
    archive.fill(numbered(1))
    assert deleted(client(LINE), ids(archive)) == [True]
    assert len(box.folder("archiverecoverableitemspurges")) == 1


def test_what_is_deleted_in_a_bin_is_gone(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    account = client(LINE)
    for name in ("recoverableitemsdeletions", "recoverableitemsversions", "recoverableitemspurges"):
        box.folder(name).fill(numbered(1))
        assert deleted(account, ids(box.folder(name))) == [True]
    assert list(box.items()) == []


def test_without_bins_a_hard_deletion_is_final(exchange: Exchange, client: Client) -> None:
    exchange.retention.hard_delete_fills_purges = False
    box = exchange.mailbox(LINE)
    box.folder("Inbox").fill(numbered(1))
    assert deleted(client(LINE), ids(box.folder("Inbox"))) == [True]
    assert list(box.items()) == []


@pytest.mark.parametrize("refuses", [False, True])
def test_single_item_recovery_keeps_for_its_days(exchange: Exchange, client: Client, refuses: bool) -> None:
    box = exchange.mailbox(LINE)
    box.recover_single_items(14, refuses=refuses)
    inbox, purges = box.folder("Inbox"), box.folder("recoverableitemspurges")
    inbox.fill(numbered(1))
    account = client(LINE)
    exchange.clock.set(datetime(2026, 7, 2, tzinfo=UTC))
    deleted(account, ids(inbox), SOFT_DELETE)
    assert deleted(account, ids(box.folder("recoverableitemsdeletions"))) == [True]
    (answer,) = deleted(account, ids(purges))
    assert isinstance(answer, ErrorCannotDeleteObject) if refuses else answer is True
    assert len(purges) == 1
    assert exchange.advance(days=13.9) == 0
    assert exchange.advance(days=0.1) == 1
    assert list(box.items()) == []


def test_a_hold_keeps_for_ever(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    box.hold()
    box.folder("Inbox").fill(numbered(1))
    account = client(LINE)
    deleted(account, ids(box.folder("Inbox")))
    purges = box.folder("recoverableitemspurges")
    assert deleted(account, ids(purges)) == [True]
    assert (exchange.advance(days=1000), len(purges)) == (0, 1)
    box.hold(False)
    assert deleted(account, ids(purges)) == [True]
    assert list(box.items()) == []


def test_a_change_of_content_leaves_a_version_behind(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    box.recover_single_items()
    box.folder("Inbox").fill(numbered(1))
    account = client(LINE)
    (item,) = account.inbox.all().only("subject", "categories")
    item.categories = ["Blue"]
    ((_id, item.changekey),) = account.bulk_update([(item, ["categories"])])
    assert len(box.folder("recoverableitemsversions")) == 0
    item.subject = "another"
    account.bulk_update([(item, ["subject"])])
    assert len(box.folder("recoverableitemsversions")) == 1


def test_nobody_moves_mail_into_the_bins_and_out_again_one_may(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    box.folder("Inbox").fill(numbered(1))
    account = client(LINE)
    with pytest.raises(ErrorAccessDenied):
        account.bulk_move(ids(box.folder("Inbox")), to_folder=account.recoverable_items_purges)
    deleted(account, ids(box.folder("Inbox")))
    account.bulk_move(ids(box.folder("recoverableitemspurges")), to_folder=account.inbox)
    assert len(box.folder("Inbox")) == 1


# ── what the server mails of its own accord ──────────────────────────────────────────────────────


RECEIPT = b"Disposition-Notification-To: somebody@post.example\r\n"


def asked(name: str = "a@post.example") -> bytes:
    return RECEIPT + letter(name)


@pytest.mark.parametrize("kind", [MOVE_TO_DELETED_ITEMS, SOFT_DELETE, HARD_DELETE])
def test_deleting_an_unread_message_mails_unless_it_is_suppressed(
    exchange: Exchange, client: Client, kind: str
) -> None:
    inbox = exchange.mailbox(LINE).folder("Inbox")
    account = client(LINE)
    inbox.add(asked(), NEW_YEAR, is_read=False)
    deleted(account, ids(inbox), kind)
    assert exchange.sent == []
    inbox.add(asked(), NEW_YEAR, is_read=True)
    deleted(account, ids(inbox), kind, suppress_read_receipts=False)
    assert exchange.sent == [], "a read one has had its receipt"
    inbox.add(asked(), NEW_YEAR, is_read=False)
    deleted(account, ids(inbox), kind, suppress_read_receipts=False)
    assert [mail.what for mail in exchange.sent] == ["not-read receipt"]


def test_a_bin_that_expires_an_unread_message_mails_too(exchange: Exchange, client: Client) -> None:
    box = exchange.mailbox(LINE)
    exchange.clock.set(NEW_YEAR)
    deletions, inbox = box.folder("recoverableitemsdeletions"), box.folder("Inbox")
    deletions.add(asked(), NEW_YEAR, is_read=False)
    inbox.add(asked(), NEW_YEAR, is_read=False)
    deleted(client(LINE), ids(inbox))
    assert exchange.advance(days=14) == 2
    assert len(exchange.sent) == 1, "the one whose deletion was suppressed stays silent in the bin"


def test_marking_read_mails_unless_it_is_suppressed(exchange: Exchange, client: Client) -> None:
    inbox = exchange.mailbox(LINE).folder("Inbox")
    account = client(LINE)
    for suppresses, mails in ((True, 0), (False, 1)):
        inbox.add(asked(), NEW_YEAR, is_read=False)
        (item,) = account.inbox.filter(is_read=False).only("is_read")
        item.is_read = True
        account.bulk_update([(item, ["is_read"])], suppress_read_receipts=suppresses)
        assert len(exchange.sent) == mails


def test_deleting_a_meeting_mails_when_it_is_told_to(exchange: Exchange, client: Client) -> None:
    calendar = exchange.mailbox(LINE).folder("calendar")
    account = client(LINE)
    for cancels, mails in (("SendToNone", 0), ("SendToAllAndSaveCopy", 1)):
        calendar.add(letter("a@post.example"), NEW_YEAR, item_class="IPM.Appointment")
        deleted(account, ids(calendar), send_meeting_cancellations=cancels)
        assert len(exchange.sent) == mails


def test_sending_counts_as_sent(exchange: Exchange, client: Client) -> None:
    exchange.mailbox(LINE)
    account = client(LINE, Login(LINE, exchange.mailbox(LINE).password))
    Message(account=account, subject="x", body="y", to_recipients=[Mailbox(email_address=LINE)]).send()
    assert [mail.what for mail in exchange.sent] == ["message"]
