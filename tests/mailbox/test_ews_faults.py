"""What goes wrong on Exchange, one fault a test: a question is asked again, an order is not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from retentiond.config import Access, Auth
from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.demo.authority import Authority
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.ews import EwsMailbox
from retentiond.mailbox.patience import OutOfPatience, Patience
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import LONG_AGO, due_in, question, reply, results, view_of
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.grounds import MARKER
from tests.mailbox.waits import Waits
from tests.servers.canary import holds_canary
from tests.servers.exchange import Exchange, Right, faults
from tests.servers.seed import letter


@pytest.fixture
def ground(exchange: Exchange) -> ExchangeGround:
    return ExchangeGround(exchange, timeout=5)


def keys_in(ground: ExchangeGround, count: int) -> list[Any]:
    return [ground.put("inbox", letter(f"k{n}@post.example"), LONG_AGO) for n in range(count)]


def operations(ground: ExchangeGround) -> list[str]:
    return [request.operation for request in ground.server.requests]


# ── a busy server is waited for, by a clock that nobody can set ──────────────────────────


@pytest.mark.parametrize(
    ("action", "wait"),
    [
        (faults.overloaded(429, 7), 7),
        (faults.overloaded(429), 0.25),
        (faults.overloaded(503, 3), 3),
        (faults.overloaded(503), 0.25),
        (faults.busy(9000), 9),
        (faults.busy(), 0.25),
        (faults.every_item("ErrorServerBusy"), 0.25),
        (faults.drop_before(), 0.25),
        (faults.drop_after(), 0.25),
        (faults.cut(), 0.25),
    ],
)
def test_a_question_is_asked_again_after_the_wait_that_was_named(
    ground: ExchangeGround, action: faults.Action, wait: float
) -> None:
    keys = keys_in(ground, 3)
    waits = Waits(60)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        ground.server.faults.at("FindItem", action)
        assert due_in(view_of(mailbox, "inbox")) == set(keys)
    assert waits.slept == [wait]
    assert len(ground.server.faults.struck) == 1


def test_one_patience_bounds_all_waiting_of_a_command(ground: ExchangeGround) -> None:
    """A server that is busy for ever is a gap, after the time that one command may wait in all."""
    keys_in(ground, 3)
    waits = Waits(20)
    ground.patience = waits.patience
    ground.server.faults.at("FindItem", faults.busy(), times=None)
    for _ in range(2):
        with ground.open() as mailbox, pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
        assert caught.value.why is Why.BUSY
    assert sum(waits.slept) <= 20
    assert waits.slept[:4] == [0.25, 0.5, 1, 2]


def test_a_wait_longer_than_patience_is_not_begun() -> None:
    waits = Waits(60)
    with pytest.raises(OutOfPatience):
        waits.patience.wait(0, 61.0)
    assert waits.slept == []


def test_waiting_is_measured_by_the_monotonic_clock() -> None:
    """A machine that was suspended in its sleep has waited that long."""
    slept = [0.0]
    patience = Patience(
        100, sleep=lambda s: slept.append(s + 90), monotonic=lambda: sum(slept), chance=lambda: 0
    )
    patience.wait(0)
    with pytest.raises(OutOfPatience):
        patience.wait(0, 10.0)


def test_an_order_that_was_refused_unheard_is_given_again_after_a_look(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 3)
    waits = Waits(60)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        ground.server.faults.at("DeleteItem", faults.overloaded(429, 5))
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
    assert waits.slept == [5]
    orders = [name for name in operations(ground) if name in ("GetItem", "DeleteItem")]
    # A last look, the order that was refused, what is still there, and a last look before the next one.
    assert orders[:5] == ["GetItem", "DeleteItem", "GetItem", "GetItem", "DeleteItem"]


# ── a wrong password stops at once ───────────────────────────────────────────────────────────


def test_a_wrong_password_is_tried_once(exchange: Exchange) -> None:
    ground = ExchangeGround(exchange)
    secret = Secret(lambda: "not the password")
    began = time.monotonic()
    for target in ("here", "there"):
        scope = ground.open(where=target)._scope  # type: ignore[attr-defined]
        mailbox = EwsMailbox(ground.account, scope, MARKER, ground.address(target), secret)
        with pytest.raises(Unreachable) as caught, mailbox:
            pass
        assert caught.value.why is Why.PASSWORD
    assert time.monotonic() - began < 3
    assert exchange.requests == []


def test_401_in_the_middle_stops_at_once(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 2)
    with ground.open() as mailbox:
        ground.server.faults.at("FindItem", faults.unauthorised(), times=None)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.PASSWORD
    assert len(ground.server.faults.struck) == 1
    assert len(ground.messages("inbox")) == len(keys)


# ── an order that may have been carried out is not given again ───────────────────────────────


@pytest.mark.parametrize(
    "action",
    [faults.drop_before(), faults.drop_after(), faults.cut(), faults.garbage(is_committed=True)],
    ids=["before", "after", "cut", "garbage"],
)
def test_a_deletion_without_an_answer_is_looked_for_and_not_sent_again(
    ground: ExchangeGround, action: faults.Action
) -> None:
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at("DeleteItem", action)
        with pytest.raises(Unreachable):
            mailbox.destroy(place, keys)
        assert operations(ground).count("DeleteItem") == 1
    with ground.open() as mailbox:
        present = () if action.is_committed else tuple(keys)
        assert mailbox.stand(place, keys).present == present


@pytest.mark.parametrize("operation", ["CopyItem", "UploadItems", "CreateItem", "UpdateItem"])
def test_nothing_that_stores_is_sent_twice(exchange: Exchange, operation: str) -> None:
    exchange.allow_impersonation(exchange.service.name)
    access = Access.IMPERSONATION if operation == "UploadItems" else Access.DELEGATE
    ground = ExchangeGround(exchange, access=access)
    key = ground.put("sent", reply(1), LONG_AGO)
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place, sent = source.place(Role.SENT), home.place(Role.SENT)
        messages = list(source.fetch(place, [key]))
        exchange.faults.at(operation, faults.drop_after())
        orders = {
            "UpdateItem": lambda: source.hold(place, [key]),
            "CreateItem": lambda: home.add(sent, messages),
        }
        order = orders.get(operation, lambda: source.copy(place, [key], home, sent))
        with pytest.raises(Unreachable):
            order()
    assert operations(ground).count(operation) == 1
    assert len(ground.messages("sent", "there")) == (operation != "UpdateItem")


# ── a batch of which parts fail ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "code",
    [
        "ErrorItemNotFound",
        "ErrorCannotDeleteObject",
        "ErrorAccessDenied",
        "ErrorMoveCopyFailed",
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorServerBusy",
    ],
)
@pytest.mark.parametrize("stops", [False, True])
def test_an_item_that_fails_hides_nothing_of_the_others(
    ground: ExchangeGround, code: str, stops: bool
) -> None:
    """Whatever a batch answers, a look decides: once the fault is over all of it is destroyed."""
    keys = keys_in(ground, 7)
    with ground.open() as mailbox:
        ground.server.faults.at("DeleteItem", faults.one_item(code, 3, stops=stops))
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
    assert ground.messages("inbox") == []


def test_an_item_that_fails_for_ever_is_called_failed(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 4)
    refused = str(keys[2]).partition(" ")[0]
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        for index in (2, 0, 0, 0):
            ground.server.faults.at("DeleteItem", faults.one_item("ErrorCannotDeleteObject", index))
        told = results(mailbox.destroy(place, keys))
    assert told == {Result.DONE: (keys[0], keys[1], keys[3]), Result.FAILED: (keys[2],)}
    assert [item.uid.partition(" ")[0] for item in ground.messages("inbox")] == [refused]


def test_a_short_answer_is_no_answer(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 5)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at("DeleteItem", faults.short_answer(2))
        with pytest.raises(Unreachable) as caught:
            mailbox.destroy(place, keys)
        assert caught.value.why is Why.PROTOCOL
        assert mailbox.stand(place, keys).present == ()
        ground.server.faults.at("GetItem", faults.short_answer())
        with pytest.raises(Unreachable):
            mailbox.stand(place, keys)


# ── the whole mailbox ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorMailboxMoveInProgress"])
def test_a_mailbox_that_is_away_is_skipped(ground: ExchangeGround, code: str) -> None:
    keys_in(ground, 2)
    with ground.open() as mailbox:
        ground.server.faults.at("FindItem", faults.every_item(code))
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.UNAVAILABLE


def test_without_a_right_nothing_is_tried_and_nobody_else_is_asked(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 2)
    ground.server.grant(ground.server.service.name, ground.address("here"), Right.READ)
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        assert view.census.hindrance == "no-right"
        assert due_in(view) == set(keys)
        told = results(mailbox.destroy(view.place, keys))
    assert told == {Result.FAILED: tuple(keys)}
    ground.server.grant(ground.server.service.name, ground.address("here"), Right.NONE)
    with pytest.raises(Refused) as caught, ground.open():
        pass
    assert caught.value.why is Why.NO_ACCESS


def test_impersonation_that_was_taken_away_is_refused(exchange: Exchange) -> None:
    exchange.allow_impersonation(exchange.service.name)
    ground = ExchangeGround(exchange, access=Access.IMPERSONATION)
    keys_in(ground, 1)
    with ground.open() as mailbox:
        assert list(mailbox.look(question()))
    exchange.rights.forbid_impersonation(exchange.service.name)
    with pytest.raises(Refused) as caught, ground.open():
        pass
    assert caught.value.why is Why.NO_ACCESS


def test_a_mailbox_that_is_not_there(exchange: Exchange) -> None:
    ground = ExchangeGround(exchange)
    scope = ground.open()._scope  # type: ignore[attr-defined]
    secret = Secret(lambda: exchange.service.password)
    mailbox = EwsMailbox(ground.account, scope, MARKER, "nobody@relay.example", secret)
    with pytest.raises(Refused) as caught, mailbox:
        pass
    assert caught.value.why is Why.NO_MAILBOX


def test_a_server_that_lets_nobody_in_by_ews_says_so(ground: ExchangeGround) -> None:
    """As Exchange Online does; it is asked once."""
    ground.server.faults.at("GetFolder", faults.forbidden(), times=None)
    with pytest.raises(Refused) as caught, ground.open():
        pass
    assert caught.value.why is Why.EWS_BLOCKED
    assert len(ground.server.faults.struck) == 1


# ── what changed since it was seen ───────────────────────────────────────────────────────────


def test_what_changed_or_moved_since_the_look_is_left_alone(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 4)
    inbox = ground.folder("inbox")
    ids = [str(key).partition(" ")[0] for key in keys]
    inbox.mark(ids[1], is_read=True)
    inbox.move(ids[2], ground.folder("Kept"))
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {
        Result.DONE: (keys[0], keys[3]),
        Result.CHANGED: (keys[1],),
        Result.GONE_ALREADY: (keys[2],),
    }
    assert (len(inbox), len(ground.folder("Kept"))) == (1, 1)


# ── what the server keeps ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("declared", [True, False])
def test_single_item_recovery_keeps_and_is_told_of(exchange: Exchange, refuses: bool, declared: bool) -> None:
    from retentiond.core.period import Period

    ground = ExchangeGround(exchange, single_item_recovery=Period.parse("14 days") if declared else None)
    ground.server.mailbox(ground.address("here")).recover_single_items(14, refuses=refuses)
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        [outcome] = mailbox.destroy(place, keys)
        assert (outcome.result, outcome.keys, outcome.why) == (Result.RETAINED, tuple(keys), "server-keeps")
        day = exchange.clock.now().date() + timedelta(days=15)
        assert outcome.until == (day if declared else None)
        view = view_of(mailbox, "recoverable-purges")
        assert len(due_in(view)) == 3
        assert view.census.hindrance == ("server-keeps" if declared else None)
        again = mailbox.destroy(view.place, sorted(str(key) for key in due_in(view)))
        assert {each.result for each in again} == {Result.RETAINED}
    assert exchange.advance(15) == 3


def test_a_hold_of_the_server_is_no_failure_of_ours_and_no_success(exchange: Exchange) -> None:
    from retentiond.core.period import Period

    ground = ExchangeGround(exchange, single_item_recovery=Period.parse("1 day"))
    mailbox_there = exchange.mailbox(ground.address("here"))
    mailbox_there.hold(refuses=True)
    old = exchange.clock.now() - timedelta(days=5)
    mailbox_there.folder("recoverableitemspurges").add(letter("p@post.example"), LONG_AGO, dumped=old)
    with ground.open() as mailbox:
        place = mailbox.find("recoverable-purges")
        assert place is not None
        [item] = mailbox_there.folder("recoverableitemspurges").items()
        [outcome] = mailbox.destroy(place, [f"{item.id} {item.change_key}"])
    assert (outcome.result, outcome.until, outcome.why) == (Result.RETAINED, None, "server-hold")


def test_each_of_two_that_are_alike_is_answered_for(exchange: Exchange) -> None:
    """Two copies of one message are two items: with both in Purges, neither is called destroyed."""
    ground = ExchangeGround(exchange)
    exchange.mailbox(ground.address("here")).recover_single_items()
    keys = [ground.put("inbox", letter("same@post.example"), LONG_AGO) for _ in range(3)]
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {Result.RETAINED: tuple(keys)}


def test_without_keeping_what_is_destroyed_is_out_of_the_bins_too(ground: ExchangeGround) -> None:
    keys = keys_in(ground, 250)
    purges = ground.folder("recoverableitemspurges")
    other = purges.add(letter("other@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
    assert [item.id for item in purges.items()] == [other], "only what was removed now goes out of the bin"


# ── only one kind of deletion is ever ordered ────────────────────────────────────────────────


def test_the_only_deletion_is_hard_and_silent() -> None:
    from pathlib import Path

    import retentiond.mailbox

    folder = Path(retentiond.mailbox.__file__).parent
    source = "".join(path.read_text() for path in sorted(folder.glob("ews*.py")))
    for word in (
        "MoveToDeletedItems",
        "SoftDelete",
        "EmptyFolder",
        "MoveItem",
        "SendAndSaveCopy",
        "SendOnly",
    ):
        assert word not in source
    assert source.count('"m:DeleteItem"') == 1
    assert 'SuppressReadReceipts="true"' in source


# ── answers that are none ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", [faults.html(), faults.garbage(), faults.schema_error()])
def test_a_page_of_html_or_half_an_answer_is_no_answer(ground: ExchangeGround, action: faults.Action) -> None:
    keys_in(ground, 3)
    with ground.open() as mailbox:
        ground.server.faults.at("FindItem", action)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL
    assert caught.value.__cause__ is None


def test_a_folder_of_several_pages_is_read_whole(ground: ExchangeGround) -> None:
    """What is due is found once, whatever the pages; what is undated comes by itself."""
    inbox = ground.folder("inbox")
    inbox.fill((letter(f"old{n}@post.example"), LONG_AGO + timedelta(seconds=n)) for n in range(1500))
    inbox.fill((letter(f"new{n}@post.example"), LONG_AGO + timedelta(days=200)) for n in range(1200))
    undated = inbox.add(letter("undated@post.example"), None)
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
    assert len(due_in(view)) == 1500
    assert [str(item.ref.key).partition(" ")[0] for item in view.items] == [undated]
    assert (view.census.total, view.census.ahead) == (2701, 1500)


# ── a token that runs out ────────────────────────────────────────────────────────────────────


class TokenServer:
    """Gives an application a token of the stand-in's for its secret, over TLS."""

    def __init__(self, exchange: Exchange, authority: Authority) -> None:
        self.given = 0

        def application(environ: dict[str, Any], start: Any) -> Any:
            self.given += 1
            request = Request(environ)
            assert request.form["client_secret"] == "the secret"
            body = {"access_token": exchange.token(exchange.service.name), "token_type": "Bearer"}
            return Response(json.dumps({**body, "expires_in": 3600}), mimetype="application/json")(
                environ, start
            )

        self._server = make_server("localhost", 0, application, ssl_context=authority.server_context())
        self._server.log = lambda *words: None  # type: ignore[method-assign]
        self.url = f"https://localhost:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


@pytest.fixture
def tokens(exchange: Exchange, authority: Authority) -> Iterator[TokenServer]:
    server = TokenServer(exchange, authority)
    yield server
    server.close()


def by_token(exchange: Exchange, tokens: TokenServer) -> ExchangeGround:
    exchange.allow_impersonation(exchange.service.name)
    ground = ExchangeGround(
        exchange,
        auth=Auth.OAUTH,
        client_id="application",
        token_url=tokens.url,
        access=Access.IMPERSONATION,
        endpoint=exchange.url,
    )
    ground.secret = "the secret"
    return ground


def test_a_token_that_runs_out_is_renewed_once(exchange: Exchange, tokens: TokenServer) -> None:
    """A question is asked again with a new token; an order is given again only after a look."""
    ground = by_token(exchange, tokens)
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        assert tokens.given == 1
        exchange.rights.tokens.clear()
        assert due_in(view_of(mailbox, "inbox")) == set(keys)
        assert tokens.given == 2
        ground.server.faults.at("DeleteItem", faults.unauthorised())
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
        assert operations(ground).count("DeleteItem") >= 2
        ground.server.faults.at("FindItem", faults.unauthorised(), times=None)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
        assert caught.value.why is Why.PASSWORD
        assert len(ground.server.faults.struck) == 3


def test_a_token_that_runs_out_at_the_bins_is_no_reason_to_call_anything_kept(
    exchange: Exchange, tokens: TokenServer
) -> None:
    """The order was never heard, so it is given again."""
    ground = by_token(exchange, tokens)
    keys = keys_in(ground, 3)
    orders: list[faults.Request] = []

    def is_second(request: faults.Request) -> bool:
        orders.extend([request] if request.operation == "DeleteItem" else [])
        return request.operation == "DeleteItem" and len(orders) == 2

    with ground.open() as mailbox:
        ground.server.faults.at(is_second, faults.unauthorised())
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
    assert operations(ground).count("DeleteItem") == 3


def test_a_server_that_is_not_there_is_not_waited_for(exchange: Exchange) -> None:
    ground = ExchangeGround(exchange, endpoint="https://localhost:1/EWS/Exchange.asmx")
    waits = Waits(60)
    ground.patience = waits.patience
    with pytest.raises(Unreachable) as caught, ground.open():
        pass
    assert (caught.value.why, waits.slept) == (Why.NETWORK, [])


# ── items of any class, dates of any kind ────────────────────────────────────────────────────────


def test_items_of_any_class_and_element_are_found_and_destroyed(ground: ExchangeGround) -> None:
    inbox = ground.folder("inbox")
    classes = (
        "IPM.Note",
        "IPM.Post",
        "REPORT.IPM.Note.NDR",
        "IPM.Schedule.Meeting.Request",
        "IPM.Appointment",
    )
    classes += ("IPM.Task", "IPM.Contact", "IPM.Sharing", "IPM.Note.SMIME", "IPM.Quixotrill.Unknown")
    for number, item_class in enumerate(classes):
        inbox.add(letter(f"c{number}@post.example"), LONG_AGO, item_class=item_class)
    inbox.add(letter("odd@post.example"), LONG_AGO, element="DistributionList")
    undated = inbox.add(letter("u@post.example"), None, item_class="IPM.Quixotrill.Unknown")
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        assert len(due_in(view)) == len(classes) + 1
        assert [item.ref.key for item in view.items if item.received is None]
        told = results(mailbox.destroy(view.place, sorted(str(key) for key in due_in(view))))
    assert set(told) == {Result.DONE}
    assert [item.id for item in inbox.items()] == [undated]


def test_a_date_with_a_fraction_is_a_date(ground: ExchangeGround) -> None:
    key = ground.put("inbox", letter("f@post.example"), LONG_AGO + timedelta(microseconds=123456))
    with ground.open() as mailbox:
        assert due_in(view_of(mailbox, "inbox")) == {key}


def test_calendars_contacts_and_the_outbox_are_not_mail(ground: ExchangeGround) -> None:
    for name in ("outbox", "calendar", "contacts", "tasks", "notes", "journal"):
        ground.folder(name).add(letter(f"{name}@post.example"), LONG_AGO)
    ground.server.mailbox(ground.address("here")).folder("My dates", folder_class="IPF.Appointment")
    with ground.open() as mailbox:
        views = list(mailbox.look(question()))
    assert not any(due_in(view) for view in views)
    labels = {view.place.folder for view in views}
    assert labels >= {"inbox", "sent", "trash", "drafts", "junk", "recoverable-purges"}
    assert len(labels) == 8


def test_the_clock_is_the_servers(ground: ExchangeGround) -> None:
    with ground.open() as mailbox:
        now = ground.server.clock.now()
        assert mailbox.clock(now).agrees is True
        assert mailbox.clock(now + timedelta(minutes=6)).agrees is False
        assert mailbox.clock(now - timedelta(minutes=6)).agrees is False


def test_no_error_carries_a_servers_words(ground: ExchangeGround) -> None:
    """Whatever an answer holds, an error holds a target, a code and a label (P7)."""
    ground.put("quixotrill folder", letter("q@post.example"), LONG_AGO)
    for action in (faults.html(), faults.garbage(), faults.schema_error(), faults.forbidden(), faults.cut()):
        with ground.open() as mailbox:
            ground.server.faults.at("FindItem", action, times=None)
            with pytest.raises(MailboxError) as caught:
                list(mailbox.look(question()))
            ground.server.faults.clear()
        error: BaseException | None = caught.value
        while error is not None:
            assert not holds_canary(repr(error) + str(error))
            assert error.__suppress_context__ or error.__context__ is None
            error = error.__cause__


def test_two_accounts_share_no_session(exchange: Exchange) -> None:
    """exchangelib keeps one protocol for ever by address and password; ours is each mailbox's own."""
    from exchangelib.protocol import CachingProtocol

    ground = ExchangeGround(exchange)
    with ground.open() as one, ground.open(where="there") as two:
        assert one.names() != {} != two.names()
    assert not any(key[0] == exchange.url for key in CachingProtocol._protocol_cache)
