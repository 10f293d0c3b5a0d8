"""Only what a look of its own no longer finds is called destroyed on Exchange; nothing goes home twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.errors import Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.ews import EwsMailbox
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import LATELY, LONG_AGO, due_in, question, reply, results, view_of
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.grounds import MARKER
from tests.servers.exchange import Exchange, faults, shapes_folders
from tests.servers.mailstore.store import Folder
from tests.servers.seed import letter


@pytest.fixture
def ground(exchange: Exchange) -> ExchangeGround:
    return ExchangeGround(exchange)


def keys_in(ground: ExchangeGround, count: int) -> list[Any]:
    return [ground.put("inbox", letter(f"k{n}@post.example"), LONG_AGO) for n in range(count)]


def test_many_mailboxes_with_one_wrong_password_are_one_attempt(exchange: Exchange) -> None:
    """Side by side, too: else the account is locked, and nobody's mailbox is swept."""
    ground = ExchangeGround(exchange)
    reads: list[int] = []

    def read() -> str:
        reads.append(1)
        return "not the password"

    secret = Secret(read)
    scope = ground.open()._scope  # type: ignore[attr-defined]

    def open_it(_number: int) -> Why:
        mailbox = EwsMailbox(ground.account, scope, MARKER, ground.address("here"), secret, ground.patience)
        with pytest.raises(Unreachable) as caught, mailbox:
            pass
        return caught.value.why

    with ThreadPoolExecutor(8) as crew:
        assert set(crew.map(open_it, range(8))) == {Why.PASSWORD}
    assert len(reads) == 1


def test_a_password_that_was_refused_stays_refused_whatever_comes_after(exchange: Exchange) -> None:
    ground = ExchangeGround(exchange)
    secret = Secret(lambda: "not the password")
    secret.is_refused = True
    scope = ground.open()._scope  # type: ignore[attr-defined]
    for _ in range(2):
        with pytest.raises(Unreachable), EwsMailbox(ground.account, scope, MARKER, "x@y.example", secret):
            pass
    assert secret.is_refused


def test_what_the_server_copied_in_part_is_not_carried_once_more(exchange: Exchange) -> None:
    """It copies some and refuses the rest, and exports nothing: what stands at home stands there once."""
    ground = ExchangeGround(exchange)
    keys = [ground.put("sent", reply(n), LATELY) for n in range(4)]
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place, sent = source.place(Role.SENT), home.place(Role.SENT)
        exchange.faults.at("CopyItem", faults.one_item("ErrorMoveCopyFailed", 2))
        exchange.faults.at("ExportItems", faults.every_item("ErrorAccessDenied"), times=None)
        with pytest.raises(Refused):
            source.copy(place, keys, home, sent)
    assert len(ground.messages("sent", "there")) == 3


@pytest.mark.parametrize("folder_class", ["IPF.Imap", "IPF.note"])
def test_a_folder_that_a_program_brought_from_elsewhere_holds_mail(
    ground: ExchangeGround, folder_class: str
) -> None:
    """Outlook gives folders that were dragged from an IMAP account a class of their own."""
    brought = ground.server.mailbox(ground.address("here")).folder("Brought", folder_class=folder_class)
    brought.add(letter("old@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        assert sum(len(due_in(view)) for view in mailbox.look(question())) == 1


def test_a_held_copy_in_an_advisors_bins_stays(ground: ExchangeGround) -> None:
    """It is like a stray that was destroyed, and is another item: somebody holds it."""
    key = ground.put("sent", reply(1), LONG_AGO)
    bins = ground.folder("recoverableitemsdeletions")
    [stray] = ground.folder("sent").items()
    bins.add(reply(1), LONG_AGO, categories=["$RetentionHold"], extended=stray.extended)
    with ground.open(Kind.ADVISOR) as mailbox:
        mailbox.destroy(mailbox.place(Role.SENT), [key])
    assert len(bins) == 1


def test_what_somebody_moved_at_the_last_moment_is_not_called_destroyed(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 3)
    inbox, kept = ground.folder("inbox"), ground.folder("Kept")
    victim = inbox.items()[1].id

    def move(request: faults.Request) -> bool:
        if request.operation == "DeleteItem" and len(kept) == 0:
            inbox.move(victim, kept)
        return False

    ground.server.faults.at(move, faults.html())
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {Result.DONE: (keys[0], keys[2]), Result.GONE_ALREADY: (keys[1],)}


def test_a_folder_without_an_end_is_none(ground: ExchangeGround) -> None:
    """A server that gives the same page again and again is not asked for ever."""
    keys_in(ground, 3)
    with ground.open() as mailbox:
        ground.server.faults.at(
            lambda request: request.operation == "FindItem" and request.items == 1,
            faults.endless(),
            times=100,
        )
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
        assert caught.value.why is Why.PROTOCOL
    assert len(ground.server.faults.struck) < 20


@pytest.mark.parametrize("count", [3, 1100])
def test_a_page_that_leaves_something_out_is_no_page(ground: ExchangeGround, count: int) -> None:
    """What is not told would be neither due nor a finding, tonight and every night."""
    ground.folder("inbox").fill(
        (letter(f"old{n}@post.example"), LONG_AGO + timedelta(seconds=n)) for n in range(count)
    )
    with ground.open() as mailbox:
        assert len(due_in(view_of(mailbox, "inbox"))) == count
        ground.server.faults.at("FindItem", faults.short_page(), times=None)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("wants_marks", [False, True])
def test_a_folder_that_is_counted_wrongly_is_looked_into(ground: ExchangeGround, wants_marks: bool) -> None:
    """Exchange's own counts can be wrong (New-MailboxRepairRequest, AggregateCounts): what is never looked
    into would never go, and keep nothing of its conversations."""
    keys = set(keys_in(ground, 3))
    parent = ground.put("sent", letter("young@relay.example", in_reply_to="k0@post.example"), LATELY)
    for name in ("inbox", "sentitems"):
        ground.server.store.mailboxes[ground.address("here")].known(name).miscount = 0
    with ground.open() as mailbox:
        assert due_in(view_of(mailbox, "inbox", wants_marks=wants_marks)) == keys
        assert parent in {item.ref.key for item in mailbox.younger(question())}


@pytest.mark.parametrize("code", ["ErrorMimeContentInvalid", "ErrorMimeContentConversionFailed"])
def test_a_message_that_the_server_cannot_make_does_not_keep_the_others(
    ground: ExchangeGround, code: str
) -> None:
    keys = [ground.put("sent", reply(n), LATELY) for n in range(3)]
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        messages = list(source.fetch(source.place(Role.SENT), keys))
        ground.server.faults.at("CreateItem", faults.every_item(code))
        with pytest.raises(Unsupported) as caught:
            home.add(home.place(Role.SENT), messages)
    assert caught.value.why is Why.NO_PARCEL
    assert len(ground.messages("sent", "there")) == 2


@pytest.mark.parametrize("is_packed", [True, False], ids=["parcel", "MIME"])
def test_a_copy_that_was_not_kept_whole_is_taken_out_again(ground: ExchangeGround, is_packed: bool) -> None:
    """Else it would be found as a twin the next time: the reply would be gone, and its copy another."""
    keys = [ground.put("sent", reply(n), LATELY) for n in range(3)]
    home_sent = ground.folder("sent", "there")

    def spoil(request: faults.Request) -> bool:
        copies = home_sent.items()
        if request.operation == "GetItem" and copies and not copies[0].categories:
            home_sent.mark(copies[0].id, categories=["Blue"])
        return False

    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place = source.place(Role.SENT)
        packed = source.pack(place, keys) if is_packed else {}
        messages = [replace(each, parcel=packed.get(each.key, "")) for each in source.fetch(place, keys)]
        ground.server.faults.at(spoil, faults.html())
        with pytest.raises(Refused) as caught:
            home.add(home.place(Role.SENT), messages[:1])
    assert caught.value.why is Why.NOT_KEPT
    assert len(home_sent) == 0


@pytest.mark.parametrize(("spoilt", "told"), [("Cases", None), ("Cases", "-1"), ("Purges", None)])
def test_a_count_that_is_not_told_is_none(
    ground: ExchangeGround, monkeypatch: pytest.MonkeyPatch, spoilt: str, told: str | None
) -> None:
    """A folder whose number of items is unknown is not an empty one, and neither is a bin."""
    ground.put("Cases", letter("old@post.example"), LONG_AGO)
    real = shapes_folders.folder_held

    def spoiling(folder: Folder, key: Any) -> Any:
        return told if (key, folder.name) == ("folder:TotalCount", spoilt) else real(folder, key)

    with ground.open() as mailbox:
        assert sum(len(due_in(view)) for view in mailbox.look(question())) == 1
        monkeypatch.setattr(shapes_folders, "folder_held", spoiling)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL
