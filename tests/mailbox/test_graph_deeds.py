"""What Microsoft 365 alone knows: items that are no messages, mail that waits to be sent, an archive beside
the mailbox, conversations that are held, and the proofs by which an application signs in."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest

from retentiond.config import Proof
from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Notice, Role
from retentiond.mailbox.base import Message
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_write import NotSayable, written
from retentiond.mailbox.secret import Secret
from tests.mailbox.contract import LATELY, LONG_AGO, NOW, due_in, held_in, question, reply, results, view_of
from tests.mailbox.graph_ground import GraphGround
from tests.servers.graph import Graph
from tests.servers.graph.tenant import federate, federated_assertion
from tests.servers.seed import letter

DEFERRED = ("tag", 0x3FEF)
CLASSES = ("IPM.Contact", "IPM.Document", "IPM.Somebody.Elses", "IPM.StickyNote")


@pytest.fixture
def ground(graph: Graph) -> GraphGround:
    return GraphGround(graph)


def test_every_item_in_a_folder_of_mail_counts_whatever_its_class(ground: GraphGround) -> None:
    """Graph lists only messages as messages; the others are due like them, and go like them."""
    inbox = ground.folder("inbox")
    ground.put("inbox", letter("old@post.example"), LONG_AGO)
    for number, item_class in enumerate(CLASSES):
        for when in (LONG_AGO, LATELY):
            inbox.add(letter(f"c{number}{when:%d}@post.example"), when, item_class=item_class)
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        due = due_in(view)
        assert len(due) == 1 + len(CLASSES)
        assert view.census.total == 1 + 2 * len(CLASSES)
        told = results(mailbox.destroy(view.place, sorted(map(str, due))))
        assert set(told) == {Result.DONE}
        assert due_in(view_of(mailbox, "inbox")) == set()
    assert {item.received for item in inbox.items()} == {LATELY}
    assert len(inbox) == len(CLASSES)


def test_what_is_no_message_is_held_by_its_own_category(ground: GraphGround) -> None:
    ground.folder("inbox").add(
        letter("k@post.example"), LONG_AGO, item_class="IPM.Contact", categories=["$RetentionHold"]
    )
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        [key] = held_in(view)
        assert results(mailbox.destroy(view.place, [str(key)])) == {Result.HELD: (key,)}
    assert len(ground.folder("inbox")) == 1


def test_where_they_cannot_be_listed_their_number_is_a_finding(graph: Graph) -> None:
    ground = GraphGround(graph)
    graph.app.revoke("User.Read.All")
    ground.folder("inbox").add(letter("c@post.example"), LONG_AGO, item_class="IPM.Contact")
    with ground.open() as mailbox:
        assert view_of(mailbox, "inbox").census.notices == ((Notice.ITEMS_UNSEEN, 1),)


def test_outbox_and_scheduled_mail_are_not_touched(ground: GraphGround) -> None:
    ground.folder("outbox").add(letter("out@post.example"), LONG_AGO)
    drafts = ground.folder("drafts")
    later, before = (f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (9, -9))
    drafts.add(letter("waits@post.example"), LONG_AGO, is_draft=True, extended={DEFERRED: later})
    drafts.add(letter("went@post.example"), LONG_AGO, is_draft=True, extended={DEFERRED: before})
    drafts.add(letter("draft@post.example"), LONG_AGO, is_draft=True)
    with ground.open() as mailbox:
        views = {view.place.folder: view for view in mailbox.look(question())}
        assert len(due_in(views["drafts"])) == 2
        mailbox.destroy(views["drafts"].place, sorted(map(str, due_in(views["drafts"]))))
    assert sum(len(due_in(view)) for view in views.values()) == 2
    [left] = drafts.items()
    assert b"waits@" in left.content
    assert len(ground.folder("outbox")) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: =?utf-8?b?a?=\r\nFrom: =?utf-8?b?a?= <a@relay.example>\r\n\r\ntext",
        b'Content-Type: text/plain; charset="a\0b"\r\n\r\ntext',
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)
        ),
    ],
    ids=["header", "charset", "parts"],
)
def test_nothing_that_a_sender_writes_stops_what_is_made_anew(content: bytes) -> None:
    """It is said in JSON, or it is said that it cannot be."""
    with suppress(NotSayable):
        assert json.dumps(written(Message("", content, LONG_AGO, frozenset())))


@pytest.mark.parametrize("kind", [Kind.HELPLINE, Kind.ADVISOR])
def test_an_archive_beside_the_mailbox_is_told_of(graph: Graph, kind: Kind) -> None:
    graph.mailbox(GraphGround.address("here"), archive=True, recovers=False)
    ground = GraphGround(graph)
    with ground.open(kind, look_in=("sent",)) as mailbox:
        notices = [notice for view in mailbox.look(question()) for notice, _ in view.census.notices]
    assert notices == [Notice.ARCHIVE_UNSWEPT]
    quiet = GraphGround(graph, tells_of_archive=False)
    with quiet.open(kind, look_in=("sent",)) as mailbox:
        assert not [view for view in mailbox.look(question()) if view.census.notices]


def test_a_category_holds_the_rest_of_its_conversation(ground: GraphGround) -> None:
    held = ground.put("inbox", letter("first@post.example"), LONG_AGO, ("$RetentionHold",))
    answer = ground.put("sent", letter("re@relay.example", in_reply_to="first@post.example"), LONG_AGO)
    other = ground.put("sent", letter("other@relay.example"), LONG_AGO)
    with ground.open() as mailbox:
        views = {view.place.folder: view for view in mailbox.look(question())}
        assert held_in(views["inbox"]) == {held}
        assert held_in(views["sent"]) == {answer}
        told = results(mailbox.destroy(views["sent"].place, [answer, other]))
    assert told == {Result.HELD: (answer,), Result.DONE: (other,)}


def test_bins_that_cannot_be_called_by_name_are_found_beside_the_first(graph: Graph) -> None:
    graph.switches.names_every_bin = False
    ground = GraphGround(graph)
    key = ground.put("inbox", letter("b@post.example"), LONG_AGO)
    ground.folder("recoverableitemspurges").add(letter("purged@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        labels = {view.place.folder for view in mailbox.look(question())}
        assert {"recoverable-deletions", "recoverable-versions", "recoverable-purges"} <= labels
        assert len(due_in(view_of(mailbox, "recoverable-purges"))) == 1
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), [key])) == {Result.DONE: (key,)}


# ── who is there ─────────────────────────────────────────────────────────────────────────────────


def opens(ground: GraphGround) -> bool:
    with ground.open() as mailbox:
        return bool(mailbox.names())


def test_a_federated_assertion_is_read_again_for_each_token(graph: Graph) -> None:
    ground = GraphGround(graph, auth=Proof.FEDERATED)
    federate(graph.app)
    read: list[str] = []

    def assertion() -> str:
        read.append(federated_assertion(graph.app))
        return read[-1]

    ground.badge = Badge(ground.account, Secret(assertion))
    assert opens(ground)
    graph.tenant.expire_tokens()
    assert ground.badge.renew("here", ground.badge.token("here"))
    assert len(read) == 2


def test_a_clients_secret_opens_too(graph: Graph) -> None:
    graph.app.secret = "quixotrill-secret"
    ground = GraphGround(graph, auth=Proof.SECRET)
    ground.badge = Badge(ground.account, Secret(lambda: "quixotrill-secret"))
    assert opens(ground)


@pytest.mark.parametrize("where", ["identity_environment", "machine_environment"])
def test_a_managed_identity_needs_no_secret(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name, value in getattr(graph, where).items():
        monkeypatch.setenv(name, value)
    graph.tenant.identity = graph.app
    ground = GraphGround(graph, auth=Proof.MANAGED_IDENTITY, secret=None, tenant="", client_id="")
    ground.badge = Badge(ground.account, Secret(lambda: ""))
    assert opens(ground)


def test_one_token_serves_all_mailboxes_of_an_account(ground: GraphGround) -> None:
    ground.put("sent", reply(1), LATELY)
    for where in ("here", "there", "here"):
        with ground.open(where=where) as mailbox:
            assert mailbox.names()
    assert ground.server.counts()["token"] == 1
