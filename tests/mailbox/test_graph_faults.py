"""What goes wrong on Microsoft 365, one fault a test: a question is asked again, an order is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from retentiond.config import Proof
from retentiond.core.deeds import Result
from retentiond.core.model import Hindrance, Kind, Role
from retentiond.core.period import Period
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_grants import NEEDED
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import LATELY, LONG_AGO, due_in, question, reply, results, view_of
from tests.mailbox.graph_ground import GraphGround, graph_account
from tests.mailbox.grounds import MARKER
from tests.mailbox.waits import Waits
from tests.servers.canary import holds_canary
from tests.servers.graph import Graph, faults
from tests.servers.graph.certificates import new_credential
from tests.servers.seed import letter

RECEIPT = b"Disposition-Notification-To: quixotrill@post.example\r\n"


@pytest.fixture
def ground(graph: Graph) -> GraphGround:
    return GraphGround(graph, timeout=5)


def keys_in(ground: GraphGround, count: int, folder: str = "inbox") -> list[Any]:
    return [ground.put(folder, letter(f"k{n}@post.example"), LONG_AGO) for n in range(count)]


def struck(ground: GraphGround) -> int:
    return len(ground.server.faults.struck)


def count(ground: GraphGround, operation: str) -> int:
    return ground.server.counts().get(operation, 0)


def inbox_pages(request: faults.Request) -> bool:
    """A page of messages that is asked for by itself, not in a batch."""
    return request.operation == "listMessages" and request.batch is None


# ── a busy server is waited for, by a clock that nobody can set (35) ─────────────────────


@pytest.mark.parametrize(
    ("action", "wait"),
    [
        (faults.throttled(7), 7),
        (faults.throttled(None), 0.25),
        (faults.unavailable(3), 3),
        (faults.unavailable(None), 0.25),
        (faults.error(500, "ErrorInternalServerError"), 0.25),
        (faults.drop_before(), 0.25),
        (faults.drop_after(), 0.25),
        (faults.cut(), 0.25),
    ],
)
@pytest.mark.parametrize(
    "where", [inbox_pages, "batch", "getMailFolder"], ids=["page", "batch", "sub-answer"]
)
def test_a_question_is_asked_again_after_the_wait_that_was_named(
    ground: GraphGround, action: faults.Action, wait: float, where: Any
) -> None:
    keys = keys_in(ground, 3)
    waits = Waits(60)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        ground.server.faults.at(where, action)
        assert due_in(view_of(mailbox, "inbox")) == set(keys)
    assert waits.slept == [wait]
    assert struck(ground) == 1


def test_one_patience_bounds_all_waiting_of_a_command(ground: GraphGround) -> None:
    """A server that is busy for ever is a gap, after the time that one command may wait in all."""
    keys_in(ground, 3)
    waits = Waits(20)
    ground.patience = waits.patience
    ground.server.faults.at(inbox_pages, faults.throttled(None), times=None)
    for _ in range(2):
        with ground.open() as mailbox, pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
        assert caught.value.why is Why.BUSY
    assert sum(waits.slept) <= 20
    assert waits.slept[:4] == [0.25, 0.5, 1, 2]


def test_a_wait_that_is_longer_than_patience_is_not_begun(ground: GraphGround) -> None:
    keys_in(ground, 3)
    waits = Waits(60)
    ground.patience = waits.patience
    ground.server.faults.at(inbox_pages, faults.throttled(86400))
    with ground.open() as mailbox, pytest.raises(Unreachable) as caught:
        list(mailbox.look(question()))
    assert (caught.value.why, waits.slept) == (Why.BUSY, [])


@pytest.mark.parametrize("where", ["batch", "deleteItem"])
def test_an_order_that_was_refused_unheard_is_given_again_after_a_look(
    ground: GraphGround, where: str
) -> None:
    keys = keys_in(ground, 3)
    waits = Waits(60)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        if where == "batch":
            ground.server.faults.at(orders(), faults.throttled(5))
        else:
            ground.server.faults.at("deleteItem", faults.throttled(5))
        assert results(mailbox.destroy(place, keys)) == {Result.DONE: tuple(keys)}
    assert waits.slept == [5]
    assert ground.messages("inbox") == []


def orders() -> Callable[[faults.Request], bool]:
    """The batch that follows a last look."""
    looks = 0

    def is_it(request: faults.Request) -> bool:
        nonlocal looks
        looks += request.operation == "getMessage"
        return request.operation == "batch" and looks > 0

    return is_it


# ── a refused proof stops at once (36) ───────────────────────────────────────────────────


def test_a_certificate_that_the_tenant_does_not_know_is_tried_once(graph: Graph) -> None:
    ground = GraphGround(graph)
    stranger = new_credential("stranger")
    ground.badge = Badge(ground.account, Secret(lambda: stranger.key_pem + stranger.certificate_pem))
    for where in ("here", "there"):
        with pytest.raises(Unreachable) as caught, ground.open(where=where):
            pass
        assert caught.value.why is Why.PASSWORD
    assert graph.counts().get("token") == 1
    assert not any(request.mailbox for request in graph.requests)


def test_a_wrong_assertion_is_tried_once(graph: Graph) -> None:
    ground = GraphGround(graph, auth=Proof.FEDERATED)
    ground.badge = Badge(ground.account, Secret(lambda: "not.an.assertion"))
    for where in ("here", "there"):
        with pytest.raises(Unreachable) as caught, ground.open(where=where):
            pass
        assert caught.value.why is Why.PASSWORD
    assert graph.counts().get("token") == 1


def test_a_secret_that_holds_no_key_is_no_secret(graph: Graph) -> None:
    ground = GraphGround(graph)
    ground.badge = Badge(ground.account, Secret(lambda: "quixotrill"))
    with pytest.raises(Unreachable) as caught, ground.open():
        pass
    assert caught.value.why is Why.NO_SECRET
    assert not holds_canary(repr(caught.value) + str(caught.value))
    assert graph.counts().get("token") is None


def test_401_again_and_again_is_renewed_once_and_stops(ground: GraphGround) -> None:
    keys = keys_in(ground, 2)
    with ground.open() as mailbox:
        ground.server.faults.at(inbox_pages, faults.unauthorised(), times=None)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.PASSWORD
    assert struck(ground) == 2
    assert count(ground, "token") == 2
    assert len(ground.messages("inbox")) == len(keys)


# ── a token that runs out (47) ─────────────────────────────────────────────────────────────────


def test_a_token_that_runs_out_is_renewed_once(ground: GraphGround) -> None:
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        assert count(ground, "token") == 1
        ground.server.expire_tokens()
        assert due_in(view_of(mailbox, "inbox")) == set(keys)
        assert count(ground, "token") == 2
        ground.server.expire_tokens()
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
        assert count(ground, "token") == 3


@pytest.mark.parametrize("operation", ["getMessage", "getMailFolder", "deleteItem"])
def test_a_token_that_runs_out_within_a_batch_is_renewed(ground: GraphGround, operation: str) -> None:
    """From the third answer of a batch on all are refused: what was asked is asked again with a new token,
    what was ordered is looked for first."""
    keys = keys_in(ground, 7)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        seen = 0

        def runs_out(request: faults.Request) -> None:
            nonlocal seen
            seen += request.operation == operation and request.batch is not None
            if seen == 3:
                seen = 1000
                ground.server.expire_tokens()

        ground.server.hooks.append(runs_out)
        if operation == "getMailFolder":
            assert due_in(view_of(mailbox, "inbox")) == set(keys)
        assert results(mailbox.destroy(place, keys)) == {Result.DONE: tuple(keys)}
    assert count(ground, "token") == 2
    assert ground.messages("inbox") == []


def test_401_again_and_again_within_a_batch_is_renewed_once_and_stops(ground: GraphGround) -> None:
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at("getMessage", faults.unauthorised(), times=None)
        with pytest.raises(Unreachable) as caught:
            mailbox.stand(place, keys)
    assert caught.value.why is Why.PASSWORD
    assert struck(ground) == 2 * len(keys)
    assert count(ground, "token") <= 3


# ── an order that may have been carried out is not given again (38) ──────────────────────────


@pytest.mark.parametrize(
    "action",
    [
        faults.drop_before(),
        faults.drop_after(),
        faults.cut(),
        faults.garbage(is_committed=True),
        faults.html(is_committed=True),
        faults.timed_out(is_committed=True),
        faults.lose_answers(2),
    ],
    ids=["before", "after", "cut", "garbage", "html", "504", "answers missing"],
)
def test_a_deletion_without_an_answer_is_looked_for_and_not_sent_again(
    ground: GraphGround, action: faults.Action
) -> None:
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at(orders(), action)
        with pytest.raises(Unreachable):
            mailbox.destroy(place, keys)
        assert count(ground, "deleteItem") == (len(keys) if action.is_committed else 0)
    with ground.open() as mailbox:
        present = () if action.is_committed else tuple(keys)
        assert mailbox.stand(place, keys).present == present


@pytest.mark.parametrize("operation", ["importItem", "createMessage", "updateMessage"])
@pytest.mark.parametrize(
    "action",
    [faults.drop_after(), faults.unavailable(is_committed=True), faults.timed_out(is_committed=True)],
    ids=["dropped", "503", "504"],
)
def test_nothing_that_stores_is_sent_twice(
    ground: GraphGround, operation: str, action: faults.Action
) -> None:
    """A gateway that says 503 or 504 may stand before a server that has done it all the same."""
    key = ground.put("sent", reply(1), LATELY)
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place, sent = source.place(Role.SENT), home.place(Role.SENT)
        [message] = source.fetch(place, [key])
        if operation == "importItem":
            message = replace(message, parcel=source.pack(place, [key])[key])
        ground.server.faults.at(operation, action)
        order = (
            partial(source.hold, place, [key])
            if operation == "updateMessage"
            else partial(home.add, sent, [message])
        )
        with pytest.raises(Unreachable):
            order()
    assert count(ground, operation) == 1
    assert len(ground.messages("sent", "there")) == (operation != "updateMessage")


def test_an_import_address_whose_time_is_over_is_asked_for_anew(ground: GraphGround) -> None:
    """In the middle of a delivery, and after a wait: each parcel is stored once."""
    keys = [ground.put("sent", reply(n), LATELY) for n in range(4)]
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place = source.place(Role.SENT)
        packed = source.pack(place, keys)
        messages = [replace(each, parcel=packed[each.key]) for each in source.fetch(place, keys)]
        seen = 0

        def is_third(request: faults.Request) -> bool:
            nonlocal seen
            seen += request.operation == "importItem"
            if seen == 3:
                seen = 1000
                ground.server.end_sessions()
                return True
            return False

        ground.server.faults.at(is_third, faults.throttled())
        home.add(home.place(Role.SENT), messages)
    assert len(ground.messages("sent", "there")) == 4
    assert count(ground, "createImportSession") == 2
    assert count(ground, "importItem") == 6


# ── a batch of which parts fail (39) ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "ErrorItemNotFound"),
        (403, "ErrorAccessDenied"),
        (400, "ErrorInvalidRequest"),
        (409, "ErrorIrresolvableConflict"),
        (429, "ApplicationThrottled"),
        (500, "ErrorInternalServerError"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
    ],
)
def test_an_item_that_fails_hides_nothing_of_the_others(ground: GraphGround, status: int, code: str) -> None:
    """Whatever one answer of a batch says, a look decides what became of each item."""
    keys = keys_in(ground, 7)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at("deleteItem", faults.error(status, code))
        told = results(mailbox.destroy(place, keys))
        left = tuple(key for key in keys if key in told.get(Result.FAILED, ()))
        assert told.get(Result.DONE, ()) == tuple(key for key in keys if key not in left)
        assert len(ground.messages("inbox")) == len(left) <= 1
        assert results(mailbox.destroy(place, left)) == ({Result.DONE: left} if left else {})
    assert ground.messages("inbox") == []


def test_a_server_that_is_often_busy_gets_through_in_the_end(ground: GraphGround) -> None:
    """Every tenth request is turned away: as long as each attempt achieves something none is the last."""
    keys = keys_in(ground, 150)
    ground.server.switches.throttle_every = 10
    with ground.open() as mailbox:
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.DONE: tuple(keys)}
    assert ground.messages("inbox") == []


def test_a_missing_answer_is_no_answer(ground: GraphGround) -> None:
    keys = keys_in(ground, 5)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.faults.at("batch", faults.lose_answers())
        with pytest.raises(Unreachable) as caught:
            mailbox.stand(place, keys)
        assert caught.value.why is Why.PROTOCOL


# ── 403 told apart (41, 45) ────────────────────────────────────────────────────────────────────


def test_403_of_what_is_gone_is_gone(graph: Graph) -> None:
    """Another client takes it between the look and the order; Graph says 403 of an id that is gone."""
    graph.switches.gone_is_forbidden = True
    ground = GraphGround(graph)
    keys = keys_in(ground, 4)
    inbox = ground.folder("inbox")
    victim = inbox.items()[1].id
    taken: list[str] = []

    def take(request: faults.Request) -> None:
        if request.operation == "deleteItem" and not taken:
            taken.append(victim)
            inbox.remove(victim)

    graph.hooks.append(take)
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert set(told) == {Result.DONE}
    assert ground.messages("inbox") == []


def test_403_of_what_a_hold_keeps_is_a_hold_of_the_server(graph: Graph) -> None:
    """A litigation hold: neither a success nor a failure of ours, and not fought for."""
    ground = GraphGround(graph)
    graph.mailbox(ground.address("here")).hold(refuses=True)
    keys = keys_in(ground, 150)
    with ground.open() as mailbox:
        [outcome] = mailbox.destroy(mailbox.place(Role.INBOX), keys)
    assert (outcome.result, outcome.why) == (Result.FAILED, Why.SERVER_HOLD)
    assert outcome.keys == tuple(keys)
    assert count(ground, "deleteItem") <= 101
    assert len(ground.messages("inbox")) == 150


def test_what_a_hold_keeps_in_the_bins_has_no_day(graph: Graph) -> None:
    ground = GraphGround(graph, single_item_recovery=Period.parse("1 day"))
    mailbox_there = graph.mailbox(ground.address("here"))
    mailbox_there.hold(refuses=True)
    purges = mailbox_there.folder("recoverableitemspurges")
    purges.add(letter("p@post.example"), LONG_AGO, dumped=graph.clock.now() - timedelta(days=5))
    with ground.open() as mailbox:
        place = mailbox.find("recoverable-purges")
        assert place is not None
        keys = sorted(str(key) for key in due_in(view_of(mailbox, "recoverable-purges")))
        [outcome] = mailbox.destroy(place, keys)
    assert (outcome.result, outcome.until, outcome.why) == (Result.RETAINED, None, "server-hold")


def test_403_without_the_permission_is_a_right_that_is_missing(graph: Graph) -> None:
    ground = GraphGround(graph)
    app = graph.new_app("reader")
    app.consent("User.Read.All")
    app.scope([ground.address("here")], "Mail.ReadWrite")
    credential = graph.certify(app)
    ground.account = graph_account(graph, client_id=app.client_id)
    ground.badge = Badge(ground.account, Secret(lambda: credential.key_pem + credential.certificate_pem))
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        assert due_in(view_of(mailbox, "inbox")) == set(keys)
        [outcome] = mailbox.destroy(mailbox.place(Role.INBOX), keys)
    assert (outcome.result, outcome.why) == (Result.FAILED, Why.NO_RIGHT)
    assert len(ground.messages("inbox")) == 3


def test_a_mailbox_outside_the_scope_is_refused(graph: Graph) -> None:
    ground = GraphGround(graph)
    app = graph.new_app("elsewhere")
    app.consent("User.Read.All")
    app.scope([ground.address("there")], *NEEDED[Kind.HELPLINE])
    credential = graph.certify(app)
    ground.account = graph_account(graph, client_id=app.client_id)
    ground.badge = Badge(ground.account, Secret(lambda: credential.key_pem + credential.certificate_pem))
    with ground.open(where="there"):
        pass
    with pytest.raises(Refused) as caught, ground.open():
        pass
    assert caught.value.why is Why.NO_ACCESS


def test_a_mailbox_that_is_not_there(graph: Graph) -> None:
    ground = GraphGround(graph)
    with pytest.raises(Refused) as caught, ground.open(where="nobody"):
        pass
    assert caught.value.why is Why.NO_MAILBOX


# ── ids, and what changed since it was seen (42) ─────────────────────────────────────────────


def test_every_request_asks_for_immutable_ids(ground: GraphGround) -> None:
    keys = keys_in(ground, 30)
    key = ground.put("sent", reply(1), LATELY)
    with ground.open() as mailbox, ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        view_of(mailbox, "inbox")
        mailbox.destroy(mailbox.place(Role.INBOX), keys)
        place = source.place(Role.SENT)
        [message] = source.fetch(place, [key])
        packed = source.pack(place, [key])
        home.add(home.place(Role.SENT), [replace(message, parcel=packed[key])])
        mailbox.keeps_copies()
        mailbox.abilities()
    assert ground.server.without_immutable() == []
    assert count(ground, "importItem") == 1


def test_what_changed_or_moved_since_the_look_is_left_alone(ground: GraphGround) -> None:
    keys = keys_in(ground, 4)
    inbox = ground.folder("inbox")
    ids = [item.id for item in inbox.items()]
    inbox.mark(ids[1], is_read=True, categories=["Blue"])
    inbox.move(ids[2], ground.folder("Kept"))
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {Result.DONE: (keys[0], keys[3]), Result.CHANGED: (keys[1], keys[2])}
    assert (len(inbox), len(ground.folder("Kept"))) == (1, 1)


# ── what the server keeps (43) ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["keeps", "refuses"])
@pytest.mark.parametrize("declared", [True, False])
def test_single_item_recovery_keeps_and_is_told_of(graph: Graph, how: Any, declared: bool) -> None:
    graph.switches.hard_delete = how
    days = Period.parse("14 days") if declared else None
    ground = GraphGround(graph, recovers=True, single_item_recovery=days)
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        [outcome] = mailbox.destroy(place, keys)
        if how == "refuses":
            assert (outcome.result, len(ground.messages("inbox"))) == (Result.FAILED, 3)
            return
        assert (outcome.result, outcome.keys, outcome.why) == (Result.RETAINED, tuple(keys), "server-keeps")
        assert outcome.until == graph.clock.now().date() + timedelta(days=15)
        view = view_of(mailbox, "recoverable-purges")
        assert len(due_in(view)) == 3
        assert view.census.hindrance == ("server-keeps" if declared else None)
    assert graph.advance(16) == 3
    assert graph.sent == []


@pytest.mark.parametrize("keeps", [False, True])
def test_a_message_of_our_own_shows_whether_the_server_keeps(graph: Graph, keeps: bool) -> None:
    ground = GraphGround(graph, recovers=keeps)
    ground.put("inbox", letter("mine@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        before = mailbox.names()
        assert mailbox.keeps_copies() is keeps
        assert mailbox.names() == before
    assert len(ground.messages("inbox")) == 1
    assert len(list(graph.mailbox(ground.address("here")).items())) == 1 + keeps
    assert graph.sent == []


def test_one_thing_past_its_day_and_still_there_leaves_no_day(graph: Graph) -> None:
    """There is none by which all is well, so none is told; what is kept is told of all the same."""
    ground = GraphGround(graph, recovers=True, single_item_recovery=Period.parse("14 days"))
    purges = ground.folder("recoverableitemspurges")
    now = graph.clock.now()
    purges.add(letter("fresh@post.example"), LONG_AGO, dumped=now - timedelta(days=2))
    with ground.open() as mailbox:
        census = view_of(mailbox, "recoverable-purges").census
        day = (now - timedelta(days=2)).date() + timedelta(days=15)
        assert (census.hindrance, census.kept_until) == (Hindrance.SERVER_KEEPS, day)
        purges.add(letter("stale@post.example"), LONG_AGO, dumped=now - timedelta(days=40))
        census = view_of(mailbox, "recoverable-purges").census
        assert (census.hindrance, census.kept_until) == (Hindrance.SERVER_KEEPS, None)


# ── what is never done (44) ────────────────────────────────────────────────────────────────────


def test_no_plain_delete_no_move_no_draft_and_nothing_is_sent(graph: Graph) -> None:
    """A national cloud, too, where hardDelete is missing: by permanentDelete then."""
    graph.switches.is_national = True
    ground = GraphGround(graph)
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        [outcome] = mailbox.destroy(mailbox.place(Role.INBOX), keys)
        assert (outcome.result, outcome.why) == (Result.FAILED, Why.NO_HARD_DELETE)
        abilities = mailbox.abilities()
        assert (abilities.destroys_exactly, abilities.missing) == (False, Why.NO_HARD_DELETE)
        assert mailbox.keeps_copies() is None, "no test message is made that could not be removed"
    assert not {"createMailFolder"} & set(graph.counts())
    assert not {"deleteMessage", "moveMessage", "createMessage"} & set(graph.counts())
    assert len(ground.messages("inbox")) == 3, "there is no permanentDelete there either"
    assert graph.sent == []


def test_a_stray_in_the_cloud_is_never_a_draft_on_its_way(ground: GraphGround) -> None:
    keys = [ground.put("sent", reply(n), LATELY, ("\\Seen",)) for n in range(3)]
    drafts: list[str] = []

    def look(_request: faults.Request) -> None:
        for where in ("here", "there"):
            for _, item in ground.server.mailbox(ground.address(where)).items():
                drafts.extend([item.id] if item.is_draft else [])

    ground.server.hooks.append(look)
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place = source.place(Role.SENT)
        packed = source.pack(place, keys)
        messages = [replace(each, parcel=packed[each.key]) for each in source.fetch(place, keys)]
        home.add(home.place(Role.SENT), messages)
    assert len(ground.messages("sent", "there")) == 3
    assert drafts == []
    assert ground.server.sent == []
    assert count(ground, "createMessage") == 0


def test_unread_mail_that_asked_for_a_receipt_is_for_a_person(ground: GraphGround) -> None:
    """Deleting it might mail its sender; neither a sweep nor a bin that expires does."""
    waking = ground.put("inbox", RECEIPT + letter("receipt@post.example"), LONG_AGO)
    read = ground.put("inbox", RECEIPT + letter("read@post.example"), LONG_AGO, ("\\Seen",))
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        assert [item.ref.key for item in view.items if item.wakes_receipt] == [waking]
        told = results(mailbox.destroy(view.place, [waking, read]))
    assert told == {Result.CHANGED: (waking,), Result.DONE: (read,)}
    ground.server.advance(40)
    assert ground.server.sent == []


def test_nothing_is_sent_when_the_bins_expire(graph: Graph) -> None:
    ground = GraphGround(graph, recovers=True)
    keys = keys_in(ground, 3)
    keys.append(ground.put("inbox", RECEIPT + letter("read@post.example"), LONG_AGO, ("\\Seen",)))
    with ground.open() as mailbox:
        mailbox.destroy(mailbox.place(Role.INBOX), keys)
    assert graph.advance(40) == 4
    assert graph.sent == []


# ── pages that lie (46) ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "action",
    [
        faults.broken_next_link(),
        faults.repeated_next_link(),
        faults.foreign_next_link(),
        faults.foreign_next_link("127.0.0.1.attacker.example"),
        faults.lost_next_link(),
        faults.wrong_count(),
        faults.short_page(),
    ],
    ids=["broken", "repeated", "foreign", "alike", "lost", "count", "short"],
)
def test_a_list_that_is_not_whole_is_no_list(ground: GraphGround, action: faults.Action) -> None:
    """Nobody acts on the folder: what is told is the trouble, and not a part of what there is."""
    ground.folder("inbox").fill(
        (letter(f"old{n}@post.example"), LONG_AGO + timedelta(seconds=n)) for n in range(1100)
    )
    with ground.open() as mailbox:
        ground.server.faults.at(inbox_pages, action, times=None)
        with pytest.raises(MailboxError) as caught:
            list(mailbox.look(question()))
        ground.server.faults.clear()
        assert len(due_in(view_of(mailbox, "inbox"))) == 1100
    assert caught.value.why in (Why.PROTOCOL, Why.NO_FOLDER)
    assert "attacker" not in repr(caught.value)


def test_a_search_that_is_not_whole_is_none(ground: GraphGround) -> None:
    """The holds of all conversations are found by a search: one that hides a part of them is not believed."""
    sign = "Retention hold"
    ground.put("inbox", letter("first@post.example"), LONG_AGO, (sign,))
    other = ground.put("Cases", letter("re@relay.example", in_reply_to="first@post.example"), LONG_AGO)
    with ground.open(hold_keyword=sign) as mailbox:
        cases = mailbox.find(MARKER.folder("here", "Cases"))
        assert cases is not None
        ground.server.faults.at("listMessages", faults.short_page(), times=None)
        with pytest.raises(Unreachable) as caught:
            mailbox.destroy(cases, [other])
        assert caught.value.why is Why.PROTOCOL
    assert len(ground.messages("Cases")) == 1


# ── answers that are none (48, 49) ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", [faults.html(), faults.garbage()], ids=["html", "garbage"])
@pytest.mark.parametrize("where", [inbox_pages, "batch", "getMessageContent"], ids=["page", "batch", "mime"])
def test_a_page_of_html_or_half_an_answer_is_no_answer(
    ground: GraphGround, action: faults.Action, where: Any
) -> None:
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        ground.server.faults.at(where, action)
        what = mailbox.fetch(mailbox.place(Role.INBOX), keys[:1])
        with pytest.raises(Unreachable) as caught:
            list(what if where == "getMessageContent" else mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("code", [503, 504])
def test_a_mailbox_that_is_away_is_skipped(ground: GraphGround, code: int) -> None:
    keys_in(ground, 2)
    waits = Waits(5)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        ground.server.faults.at(inbox_pages, faults.error(code, "MailboxStoreUnavailable"), times=None)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why in (Why.BUSY, Why.UNAVAILABLE)


def test_a_page_that_takes_too_long_is_asked_for_in_smaller_ones(graph: Graph) -> None:
    graph.switches.page_limit = 300
    ground = GraphGround(graph)
    ground.folder("inbox").fill((letter(f"k{n}@post.example"), LONG_AGO) for n in range(320))
    with ground.open() as mailbox:
        assert len(due_in(view_of(mailbox, "inbox"))) == 320


def test_a_server_that_says_at_once_for_ever_is_not_asked_for_ever(ground: GraphGround) -> None:
    """`Retry-After: 0` is taken at its word once; then each wait is longer than the one before."""
    waits = Waits(20)
    ground.patience = waits.patience
    with ground.open() as mailbox:
        ground.server.faults.at(inbox_pages, faults.throttled(0), times=None)
        keys_in(ground, 1)
        with pytest.raises(Unreachable) as caught:
            list(mailbox.look(question()))
    assert caught.value.why is Why.BUSY
    assert waits.slept[:4] == [0, 0.5, 1, 2]


# ── TLS ────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_is_not_there_is_not_waited_for(graph: Graph) -> None:
    ground = GraphGround(graph, endpoint="https://localhost:1/v1.0", authority="https://localhost:1")
    waits = Waits(60)
    ground.patience = waits.patience
    with pytest.raises(Unreachable) as caught, ground.open():
        pass
    assert (caught.value.why, waits.slept) == (Why.NETWORK, [])


# ── what is secret ─────────────────────────────────────────────────────────────────────────────


def _all_of(error: BaseException | None) -> str:
    """Everything that an error and its causes could print, their fields among it."""
    told: list[str] = []
    while error is not None:
        told.append(repr(error) + str(error) + repr(getattr(error, "__dict__", "")))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(told)


def _troubles(operations: Sequence[str]) -> list[tuple[str, faults.Action]]:
    actions = (
        faults.html(),
        faults.garbage(),
        faults.forbidden(),
        faults.cut(),
        faults.error(400, "ErrorInvalidRequest"),
        faults.unauthorised(),
    )
    return [(operation, action) for operation in operations for action in actions]


def test_no_error_carries_a_token_an_import_url_or_a_servers_words(ground: GraphGround) -> None:
    """Whatever an answer holds, an error holds a target, a code and a label (P7)."""
    key = ground.put("sent", reply(1), LATELY)
    caught: list[MailboxError] = []
    for operation, action in _troubles(["importItem", "createImportSession", "listMessages", "batch"]):
        with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
            place, sent = source.place(Role.SENT), home.place(Role.SENT)
            [message] = source.fetch(place, [key])
            message = replace(message, parcel=source.pack(place, [key])[key])
            ground.server.faults.at(operation, action, times=None)
            try:
                home.add(sent, [message])
                list(home.look(question()))
            except MailboxError as error:
                caught.append(error)
            ground.server.faults.clear()
    assert len(caught) >= 20
    told = "\n".join(map(_all_of, caught))
    assert not holds_canary(told)
    assert not any(secret in told for secret in ground.server.secrets())
    assert "authtoken" not in told
