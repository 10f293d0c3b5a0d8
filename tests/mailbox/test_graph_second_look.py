"""Only what a look of its own no longer finds is called destroyed in Microsoft 365, whatever was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox.tls import retry_after
from tests.mailbox.contract import LATELY, LONG_AGO, due_in, question, reply, results, view_of
from tests.mailbox.graph_ground import GraphGround
from tests.servers.graph import Graph, faults
from tests.servers.seed import letter


@pytest.fixture
def ground(graph: Graph) -> GraphGround:
    return GraphGround(graph)


def keys_in(ground: GraphGround, count: int, folder: str = "inbox") -> list[Any]:
    return [
        ground.put(folder, letter(f"k{n}@post.example"), LONG_AGO + timedelta(seconds=n))
        for n in range(count)
    ]


def once(ground: GraphGround, operation: str, deed: Any) -> None:
    """Another client does something at the first such request, before it is answered."""
    done: list[bool] = []

    def at(request: faults.Request) -> None:
        if request.operation == operation and not done:
            done.append(True)
            deed()

    ground.server.hooks.append(at)


def test_a_mailbox_that_went_away_is_not_an_empty_one(ground: GraphGround) -> None:
    """404 of everything, in the middle: its licence was taken away. Nothing of it is called gone."""
    keys = keys_in(ground, 3)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        for code in ("MailboxNotEnabledForRESTAPI", "ErrorInvalidUser"):
            ground.server.faults.at(
                lambda request: request.operation in ("getMessage", "getItem"),
                faults.error(404, code),
                times=None,
            )
            with pytest.raises(MailboxError) as caught:
                mailbox.destroy(place, keys)
            assert caught.value.why is Why.NO_MAILBOX
            with pytest.raises(Refused):
                mailbox.stand(place, keys)
            ground.server.faults.clear()
    assert len(ground.messages("inbox")) == 3


def test_a_page_that_takes_too_long_in_the_middle_of_a_deed_is_asked_for_in_smaller_ones(
    ground: GraphGround,
) -> None:
    keys = keys_in(ground, 130)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        ground.server.switches.page_limit = 70
        told = results(mailbox.destroy(place, keys))
    assert told == {Result.DONE: tuple(keys)}


def test_scheduled_mail_is_not_touched_where_threads_are_read_either(ground: GraphGround) -> None:
    drafts = ground.folder("drafts")
    later = f"{question().now + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}"
    drafts.add(letter("waits@post.example"), LONG_AGO, is_draft=True, extended={("tag", 0x3FEF): later})
    with ground.open() as mailbox:
        assert view_of(mailbox, "drafts", wants_threads=True).items == ()
        assert due_in(view_of(mailbox, "drafts", wants_marks=True)) == set()


@pytest.mark.parametrize("wants_marks", [False, True])
def test_a_folder_that_is_counted_wrongly_is_looked_into(graph: Graph, wants_marks: bool) -> None:
    """What is never looked into would never go, and keep nothing of its conversations."""
    ground = GraphGround(graph)
    keys = {ground.put("inbox", letter(f"k{n}@post.example"), LONG_AGO) for n in range(3)}
    young = ground.put("sent", letter("young@relay.example", in_reply_to="k0@post.example"), LATELY)
    for name in ("inbox", "sentitems"):
        graph.store.mailboxes[ground.address("here")].known(name).miscount = 0
    with ground.open() as mailbox:
        assert due_in(view_of(mailbox, "inbox", wants_marks=wants_marks)) == keys
        assert young in {item.ref.key for item in mailbox.younger(question())}


def test_a_count_that_is_not_told_is_none(ground: GraphGround) -> None:
    """A folder whose number of items is unknown is not an empty one."""
    ground.put("Cases", letter("old@post.example"), LONG_AGO)

    def without_counts(page: dict[str, Any], _url: str) -> None:
        for each in page["value"]:
            each.pop("totalItemCount", None)

    ground.server.faults.at(
        "listMailFolders", faults.Action("page", is_committed=True, spoil=without_counts), times=None
    )
    with pytest.raises(Unreachable) as caught, ground.open() as mailbox:
        list(mailbox.look(question()))
    assert caught.value.why is Why.PROTOCOL


@pytest.mark.parametrize("host", ["https://[", "https://graph@attacker.example", "http://localhost"])
def test_an_import_address_that_is_none_is_no_answer(ground: GraphGround, host: str) -> None:
    key = ground.put("sent", reply(1), LONG_AGO)
    ground.server.leads_imports_to(host)
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place = source.place(Role.SENT)
        [message] = source.fetch(place, [key])
        message = replace(message, parcel=source.pack(place, [key])[key])
        with pytest.raises(Unreachable) as caught:
            home.add(home.place(Role.SENT), [message])
    assert caught.value.why is Why.PROTOCOL
    assert ground.messages("sent", "there") == []


def test_what_is_no_message_is_looked_for_by_its_id(ground: GraphGround) -> None:
    """A list of messages does not show it, there or not: that it is missing there proves nothing."""
    contact = ground.folder("inbox").add(letter("c@post.example"), LONG_AGO, item_class="IPM.Contact")
    keys_in(ground, 30)
    there = next(item for item in ground.folder("inbox").items() if item.id == contact)
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        keys = sorted(map(str, due_in(view)))
        [stays] = [key for key in keys if key.endswith(there.change_key)]
        name = stays.partition(" ")[0]
        ground.server.faults.at(
            lambda request: request.operation == "deleteItem" and request.path.endswith(name),
            faults.forbidden(),
            times=None,
        )
        told = results(mailbox.destroy(view.place, keys))
    assert told[Result.FAILED] == (stays,)
    assert len(told[Result.DONE]) == 30
    assert [item.id for item in ground.folder("inbox").items()] == [contact]


def test_what_is_no_message_is_looked_for_in_the_bins_too(graph: Graph) -> None:
    graph.switches.hard_delete = "keeps"
    ground = GraphGround(graph, recovers=True)
    ground.folder("inbox").add(letter("c@post.example"), LONG_AGO, item_class="IPM.Contact")
    keys_in(ground, 2)
    with ground.open() as mailbox:
        view = view_of(mailbox, "inbox")
        told = results(mailbox.destroy(view.place, sorted(map(str, due_in(view)))))
    assert {result: len(keys) for result, keys in told.items()} == {Result.RETAINED: 3}


def test_one_that_is_gone_beside_one_that_is_held_is_no_missing_deed(graph: Graph) -> None:
    """404 of what somebody else took says nothing of whether this cloud can destroy."""
    graph.switches.gone_is_forbidden = False
    ground = GraphGround(graph)
    keys = keys_in(ground, 3)
    inbox = ground.folder("inbox")
    first, second, _ = inbox.items()
    kept = keys[1].partition(" ")[0]
    once(ground, "deleteItem", lambda: inbox.remove(first.id))
    graph.faults.at(
        lambda request: request.operation == "deleteItem" and request.path.endswith(kept), faults.forbidden()
    )
    with ground.open() as mailbox:
        outcomes = mailbox.destroy(mailbox.place(Role.INBOX), keys)
    assert [(each.keys, each.why) for each in outcomes if each.result is Result.FAILED] == [
        ((keys[1],), Why.SERVER_HOLD)
    ]
    assert "permanentDelete" not in graph.counts()
    assert [item.id for item in inbox.items()] == [second.id]


def test_one_item_at_which_the_server_fails_stops_nothing_else(ground: GraphGround) -> None:
    """Also where it stands alone in its request."""
    keys = keys_in(ground, 21)
    bad = keys[20].partition(" ")[0]
    ground.server.faults.at(
        lambda request: request.operation == "deleteItem" and request.path.endswith(bad),
        faults.error(500, "ErrorInternalServerError"),
        times=None,
    )
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {Result.DONE: tuple(keys[:20]), Result.FAILED: (keys[20],)}


def test_what_somebody_moved_at_the_last_moment_is_not_called_destroyed(ground: GraphGround) -> None:
    keys = keys_in(ground, 30)
    inbox, kept = ground.folder("inbox"), ground.folder("Kept")
    victim = inbox.items()[3].id
    once(ground, "deleteItem", lambda: inbox.move(victim, kept))
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told[Result.CHANGED] == (keys[3],)
    assert (len(inbox), len(kept)) == (0, 1)


def test_a_held_copy_in_an_advisors_bins_stays(graph: Graph) -> None:
    """It is like a stray that was destroyed, and is another item: somebody holds it."""
    ground = GraphGround(graph)
    key = ground.put("sent", reply(1), LONG_AGO)
    bins = ground.folder("recoverableitemsdeletions")
    bins.add(reply(1), LONG_AGO, categories=["$RetentionHold"])
    with ground.open(Kind.ADVISOR) as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.SENT), [key]))
    assert told == {Result.DONE: (key,)}
    assert len(bins) == 1


def test_what_the_server_keeps_since_an_unknown_day_has_no_day(graph: Graph) -> None:
    ground = GraphGround(graph, recovers=True)
    purges = ground.folder("recoverableitemspurges")
    purges._item(purges.add(letter("p@post.example"), LONG_AGO)).dumped = None
    with ground.open() as mailbox:
        view = view_of(mailbox, "recoverable-purges")
        [outcome] = mailbox.destroy(view.place, [str(key) for key in due_in(view)])
    assert (outcome.result, outcome.until, outcome.why) == (Result.RETAINED, None, Why.SERVER_KEEPS)


@pytest.mark.parametrize("told", ["²", "soon", "-3", ""])
def test_a_wait_that_is_no_number_is_none(told: str) -> None:
    """RFC 9110, 10.2.3: digits, or a date."""
    assert retry_after(told) is None


def test_a_parcel_that_was_not_kept_whole_is_taken_out_again(ground: GraphGround) -> None:
    """Else it would be found as a twin the next time: the reply would be gone, and its copy another."""
    keys = [ground.put("sent", reply(n), LONG_AGO) for n in range(3)]
    home_sent = ground.folder("sent", "there")

    def spoil(request: faults.Request) -> None:
        copies = home_sent.items()
        if request.operation == "getMessage" and copies and not any(each.categories for each in copies):
            home_sent.mark(copies[0].id, categories=["Blue"])

    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        place = source.place(Role.SENT)
        packed = source.pack(place, keys)
        messages = [replace(each, parcel=packed[each.key]) for each in source.fetch(place, keys)]
        ground.server.hooks.append(spoil)
        with pytest.raises(Refused) as caught:
            home.add(home.place(Role.SENT), messages)
    assert caught.value.why is Why.NOT_KEPT
    assert len(home_sent) == 2


def test_one_item_that_is_refused_by_400_is_no_missing_deed(ground: GraphGround) -> None:
    """That one goes by permanentDelete, and out of the bins like all others."""
    keys = keys_in(ground, 3)
    bad = keys[1].partition(" ")[0]
    inbox = ground.folder("inbox")
    ground.server.faults.at(
        lambda request: (
            request.operation == "deleteItem" and request.path.endswith(bad) and len(inbox) in (1, 3)
        ),
        faults.error(400, "ErrorInvalidRequest"),
        times=None,
    )
    with ground.open() as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.INBOX), keys))
    assert told == {Result.DONE: tuple(keys)}
    assert ground.server.counts()["permanentDelete"] == 1
    assert len(list(ground.server.mailbox(ground.address("here")).items())) == 0
