"""The stand-in Graph when things go wrong: its limits, each fault once, and batches."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.servers.graph import FolderHandle, Graph, faults
from tests.servers.graph.call import IMMUTABLE
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
)
from tests.servers.seed import CANARY, letter

Requests = list[dict[str, Any]]


@pytest.fixture
def inbox(graph: Graph) -> FolderHandle:
    """Five letters in an Inbox, kept by nothing."""
    graph.mailbox(LINE, recovers=False)
    return filled(graph, 5)


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def test_every_tenth_request_is_throttled(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.switches.throttle_every, graph.switches.retry_after = 10, 1
    answers = [caller.get(f"users/{LINE}/mailFolders/inbox") for _ in range(30)]
    throttled = [number for number, answer in enumerate(answers, 1) if answer.status_code == 429]
    assert throttled == [10, 20, 30]
    assert code(answers[9]) == (429, "ApplicationThrottled")
    assert answers[9].headers["Retry-After"] == "1"


@contextmanager
def stalled(graph: Graph, caller: Caller, count: int) -> Iterator[None]:
    """`count` requests under way at once, and answered at the end."""
    actions = [graph.faults.at("getMailFolder", faults.stall(is_committed=False)) for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        path = f"users/{LINE}/mailFolders/inbox"
        waiting = [pool.submit(Caller(graph).get, path) for _ in range(count)]
        for action in actions:
            assert action.reached.wait(10)
        yield
        for action in actions:
            action.release.set()
        assert [each.result().status_code for each in waiting] == [200] * count


def test_the_fifth_request_at_once_is_refused(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.mailbox(ADVISOR)
    with stalled(graph, caller, 4):
        assert graph.peak == 4
        refused = caller.get(INBOX)
        assert code(refused) == (429, "ApplicationThrottled")
        assert refused.json()["error"]["message"].startswith(
            "Application is over its MailboxConcurrency limit."
        )
        assert "Retry-After" in refused.headers
        assert graph.peak == 5
        assert caller.get(f"users/{ADVISOR}/mailFolders").status_code == 200, "the limit is a mailbox's"
        another = graph.new_app("another")
        another.scope([LINE], "Mail.ReadBasic")
        assert Caller(graph, graph.token(another)).get(INBOX).status_code == 200, "and an app's"
    assert caller.get(INBOX).status_code == 200
    assert graph.peaks[graph.app.client_id, LINE] == 5


def test_four_busy_clients_are_never_refused(graph: Graph, inbox: FolderHandle) -> None:
    graph.switches.takes = 0.002
    together = threading.Barrier(4)

    def ask(_number: int) -> set[int]:
        client = Caller(graph)
        together.wait(10)
        return {client.get(f"users/{LINE}/mailFolders/inbox").status_code for _ in range(25)}

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(ask, range(4))) == {200}
    assert graph.peak == 4


def test_big_pages_time_out(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.switches.page_limit, graph.switches.retry_after = 50, 1
    answer = caller.get(INBOX, {"$top": "51"})
    assert code(answer) == (504, "GatewayTimeout")
    assert answer.headers["Retry-After"] == "1"
    assert caller.get(INBOX, {"$top": "50"}).status_code == 200


# ── each fault once ──────────────────────────────────────────────────────────────────────────────

#: Each fault at a deletion: what the client sees, and how many of five items are left.
DEEDS: dict[str, tuple[Callable[[], faults.Action], object, int]] = {
    "dropped before": (faults.drop_before, None, 5),
    "dropped after the deed": (faults.drop_after, None, 4),
    "401": (faults.unauthorised, 401, 5),
    "403": (faults.forbidden, 403, 5),
    "429": (faults.throttled, 429, 5),
    "503": (faults.unavailable, 503, 5),
    "503 after the deed": (lambda: faults.unavailable(is_committed=True), 503, 4),
    "504": (lambda: faults.timed_out(None), 504, 5),
    "504 after the deed": (lambda: faults.timed_out(is_committed=True), 504, 4),
    "HTML with 200": (faults.html, 200, 5),
    "HTML after the deed": (lambda: faults.html(is_committed=True), 200, 4),
    "garbage": (faults.garbage, 200, 5),
    "another error": (lambda: faults.error(500, "ErrorInternalServerError"), 500, 5),
}


@pytest.mark.parametrize("name", DEEDS)
def test_a_fault_at_a_deed(graph: Graph, caller: Caller, inbox: FolderHandle, name: str) -> None:
    make, seen, left = DEEDS[name]
    action = graph.faults.at("deleteItem", make())
    first = ids(inbox)[0]
    if seen is None:
        with pytest.raises(requests.ConnectionError):
            destroyed(caller, first)
    else:
        assert destroyed(caller, first).status_code == seen
    assert len(inbox) == left
    assert [struck for _request, struck in graph.faults.struck] == [action]
    again = destroyed(caller, first)
    assert again.status_code == (204 if left == 5 else 403)
    assert len(inbox) == 4, "a fault strikes once"


def test_an_answer_is_cut_in_its_middle(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.faults.at("listMessages", faults.cut())
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        caller.get(INBOX)
    assert len(caller.get(INBOX).json()["value"]) == 5


def test_garbage_is_no_json(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.faults.at(1, faults.garbage(is_committed=True))
    graph.faults.at(2, faults.html())
    for kind in ("application/json", "text/html"):
        answer = caller.get(INBOX)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
        with pytest.raises(requests.JSONDecodeError):
            answer.json()


def test_retry_after_comes_in_every_form(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    date = "Thu, 01 Jan 2026 09:00:10 GMT"
    for told in (None, "0", "7", date):
        graph.faults.at("listMessages", faults.throttled(told))
        assert caller.get(INBOX).headers.get("Retry-After") == told


def test_a_fault_strikes_at_the_nth_request_from_now(
    graph: Graph, caller: Caller, inbox: FolderHandle
) -> None:
    caller.get(INBOX)
    graph.faults.at(2, faults.forbidden())
    assert [caller.get(INBOX).status_code for _ in range(3)] == [200, 403, 200]
    graph.faults.at(lambda request: request.operation == "listItems", faults.forbidden(), times=None)
    assert [caller.get(f"{mailbox(graph)}/folders/inbox/items").status_code for _ in range(2)] == [403, 403]


def test_an_import_is_done_and_its_answer_lost(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    home = graph.mailbox(ADVISOR).folder("sentitems")
    [stream] = exported(caller, ids(inbox)[0])
    graph.faults.at("importItem", faults.drop_after())
    with pytest.raises(requests.ConnectionError):
        imported(caller, stream["data"], home)
    assert len(home) == 1


def test_faults_strike_at_the_sign_in_too(graph: Graph, caller: Caller) -> None:
    graph.faults.at("discovery", faults.drop_before())
    with pytest.raises(requests.ConnectionError):
        caller.get(f"{graph.authority_url}/v2.0/.well-known/openid-configuration")
    graph.faults.at("token", faults.unavailable())
    assert caller.call("POST", f"{graph.authority_url}/oauth2/v2.0/token").status_code == 503


def test_a_stalled_answer_waits_until_it_is_released(
    graph: Graph, caller: Caller, inbox: FolderHandle
) -> None:
    action = graph.faults.at("deleteItem", faults.stall())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(destroyed, caller, ids(inbox)[0])
        assert action.reached.wait(10)
        assert len(inbox) == 4, "the deed is done, the answer waits"
        assert not waiting.done()
        action.release.set()
        assert waiting.result().status_code == 204


def test_errors_name_people_as_real_ones_may(graph: Graph, caller: Caller) -> None:
    assert CANARY in caller.get("users/nobody@relay.example").text


# ── pages that lie ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def full(graph: Graph) -> FolderHandle:
    return filled(graph, 25)


def test_a_broken_next_link(graph: Graph, caller: Caller, full: FolderHandle) -> None:
    graph.faults.at("listMessages", faults.broken_next_link())
    link = caller.get(INBOX).json()["@odata.nextLink"]
    assert code(caller.get(link)) == (404, "ResourceNotFound")


def test_a_repeated_next_link(graph: Graph, caller: Caller, full: FolderHandle) -> None:
    second = caller.get(INBOX).json()["@odata.nextLink"]
    graph.faults.at("listMessages", faults.repeated_next_link(), times=None)
    page = caller.get(second).json()
    assert page["@odata.nextLink"].partition("?")[0] == second.partition("?")[0]
    again = caller.get(page["@odata.nextLink"]).json()
    assert [each["id"] for each in again["value"]] == [each["id"] for each in page["value"]]


def test_a_foreign_next_link(graph: Graph, caller: Caller, full: FolderHandle) -> None:
    graph.faults.at("listMessages", faults.foreign_next_link())
    link = caller.get(INBOX).json()["@odata.nextLink"]
    assert link.startswith("https://attacker.example/v1.0/users/")


def test_a_lost_next_link_a_wrong_count_a_short_page(
    graph: Graph, caller: Caller, full: FolderHandle
) -> None:
    graph.faults.at(1, faults.lost_next_link())
    graph.faults.at(2, faults.wrong_count(7))
    graph.faults.at(3, faults.short_page(3))
    options = {"$count": "true"}
    lost, wrong, short = (caller.get(INBOX, options).json() for _ in range(3))
    assert "@odata.nextLink" not in lost
    assert (len(lost["value"]), lost["@odata.count"]) == (10, 25)
    assert wrong["@odata.count"] == 32
    assert (len(short["value"]), "@odata.nextLink" in short) == (7, True)


# ── batches ──────────────────────────────────────────────────────────────────────────────────────


def gets(inbox: FolderHandle, count: int = 5) -> Requests:
    every = ids(inbox)
    return [
        {
            "id": f"r{number}",
            "method": "GET",
            "url": f"/users/{LINE}/messages/{every[number % len(every)]}?$select=id",
            "headers": {"Prefer": IMMUTABLE},
        }
        for number in range(count)
    ]


def deletes(graph: Graph, inbox: FolderHandle) -> Requests:
    top = f"/{mailbox(graph)}/folders/inbox/items"
    return [
        {"id": str(number), "method": "DELETE", "url": f"{top}/{id_}?disposalType=hardDelete"}
        for number, id_ in enumerate(ids(inbox))
    ]


def statuses(answer: requests.Response) -> dict[str, int]:
    assert answer.status_code == 200, answer.text
    return {each["id"]: each["status"] for each in answer.json()["responses"]}


def test_a_batch_answers_each_of_its_requests(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    wanted = gets(inbox)
    wanted[1]["url"] = f"/users/{LINE}/messages/nonsense"
    del wanted[2]["headers"]
    answer = caller.post("$batch", {"requests": wanted})
    assert statuses(answer) == {"r0": 200, "r1": 400, "r2": 200, "r3": 200, "r4": 200}
    bodies = {each["id"]: each["body"] for each in answer.json()["responses"]}
    assert bodies["r0"]["id"] == ids(inbox)[0]
    assert bodies["r1"]["error"]["code"] == "ErrorInvalidIdMalformed"
    assert bodies["r2"]["id"] != ids(inbox)[2], "the batch's own Prefer is not handed down"
    assert graph.counts() == {"batch": 1, "getMessage": 5}
    assert graph.trips() == 1
    assert [request.batch for request in graph.requests] == [None, 1, 1, 1, 1, 1]
    assert graph.without_immutable() == ["getMessage"]
    assert graph.peak == 4


def test_a_batch_destroys(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    answer = caller.post("$batch", {"requests": deletes(graph, inbox)})
    assert statuses(answer) == dict.fromkeys("01234", 204)
    assert all("body" not in each for each in answer.json()["responses"])
    assert len(inbox) == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wanted: [{**wanted[0], "id": str(number)} for number in range(21)],
        lambda wanted: [],
        lambda wanted: [wanted[0], {**wanted[1], "id": wanted[0]["id"].upper()}],
        lambda wanted: [{**wanted[0], "body": {}}],
        lambda wanted: [{**wanted[0], "verb": "GET"}],
    ],
    ids=["too many", "none", "same id", "body without type", "unknown name"],
)
def test_a_malformed_batch_is_refused_whole(
    graph: Graph, caller: Caller, inbox: FolderHandle, spoil: Callable[[Requests], Requests]
) -> None:
    answer = caller.post("$batch", {"requests": spoil(gets(inbox))})
    assert code(answer) == (400, "BadRequest")
    assert "getMessage" not in graph.counts()


def test_what_depends_on_a_failure_is_not_done(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    wanted = deletes(graph, inbox)
    for request, before in zip(wanted[1:], wanted, strict=False):
        request["dependsOn"] = [before["id"]]
    graph.faults.at(
        lambda request: request.operation == "deleteItem" and request.number == 4, faults.throttled(3)
    )
    answer = caller.post("$batch", {"requests": wanted})
    assert statuses(answer) == {"0": 204, "1": 204, "2": 429, "3": 424, "4": 424}
    throttled = next(each for each in answer.json()["responses"] if each["id"] == "2")
    assert throttled["headers"]["Retry-After"] == "3"
    assert len(inbox) == 3
    assert graph.peak == 1, "one after the other"


def test_sub_requests_are_throttled_one_by_one(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.switches.throttle_every = 3
    answer = caller.post("$batch", {"requests": gets(inbox, 20)})
    assert sorted(number for number, status in statuses(answer).items() if status == 429) == sorted(
        f"r{number}" for number in (2, 5, 8, 11, 14, 17)
    )


def test_a_batch_beside_other_requests_is_over_the_limit(
    graph: Graph, caller: Caller, inbox: FolderHandle
) -> None:
    with stalled(graph, caller, 1):
        answer = caller.post("$batch", {"requests": gets(inbox, 4)})
    assert list(statuses(answer).values()) == [200, 200, 200, 429]
    assert graph.peak == 5


def test_a_batch_loses_answers(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    graph.faults.at("batch", faults.lose_answers(2))
    assert len(statuses(caller.post("$batch", {"requests": deletes(graph, inbox)}))) == 3
    assert len(inbox) == 0


def test_a_connection_is_lost_in_the_middle_of_a_batch(
    graph: Graph, caller: Caller, inbox: FolderHandle
) -> None:
    graph.faults.at(lambda request: request.number == 4, faults.drop_after())
    with pytest.raises(requests.ConnectionError):
        caller.post("$batch", {"requests": deletes(graph, inbox)})
    assert len(inbox) == 2, "three were done"
    assert caller.get(INBOX).status_code == 200, "nothing is left under way"
    graph.faults.at("batch", faults.drop_before())
    with pytest.raises(requests.ConnectionError):
        caller.post("$batch", {"requests": deletes(graph, inbox)})
    assert len(inbox) == 2


# ── the stand-in itself ──────────────────────────────────────────────────────────────────────────


def test_a_request_that_is_no_json_is_refused(graph: Graph, caller: Caller, inbox: FolderHandle) -> None:
    answer = caller.call("POST", "$batch", data="{", headers={"Content-Type": "application/json"})
    assert code(answer) == (400, "BadRequest")


def test_many_clients_at_once_lose_nothing(graph: Graph, inbox: FolderHandle) -> None:
    inbox.fill((letter(f"m{n}@post.example"), NEW_YEAR) for n in range(200))
    every = ids(inbox)
    graph.switches.at_once = 100
    lock = threading.Lock()

    def work(_number: int) -> list[int]:
        client = Caller(graph)
        found: list[int] = []
        while True:
            with lock:
                if not every:
                    return found
                mine = every.pop()
            found.append(destroyed(client, mine).status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = [status for part in pool.map(work, range(8)) for status in part]
    assert answers == [204] * 205
    assert len(inbox) == 0
    assert json.dumps(graph.counts()) == '{"deleteItem": 205}'
