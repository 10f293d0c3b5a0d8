"""The stand-in Exchange when things go wrong: each fault once, as an unmodified exchangelib sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import exchangelib
import pytest
import requests
from exchangelib.errors import (
    ErrorBatchProcessingStopped,
    ErrorInternalServerError,
    ErrorItemNotFound,
    ErrorMailboxMoveInProgress,
    ErrorMailboxStoreUnavailable,
    ErrorSchemaValidation,
    ErrorServerBusy,
    ErrorTimeoutExpired,
    EWSError,
    MalformedResponseError,
    TransportError,
    UnauthorizedError,
)
from exchangelib.items import HARD_DELETE

from tests.servers.exchange import Exchange, FolderHandle, faults
from tests.servers.exchange.fixtures import Client
from tests.servers.seed import letter

LINE = "line@relay.example"
NEW_YEAR = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def inbox(exchange: Exchange) -> FolderHandle:
    """Five letters in an Inbox."""
    folder = exchange.mailbox(LINE).folder("Inbox")
    folder.fill((letter(f"{n}@post.example"), NEW_YEAR + timedelta(hours=n)) for n in range(5))
    return folder


@pytest.fixture
def account(client: Client, inbox: FolderHandle) -> exchangelib.Account:
    account = client(LINE)
    assert account.inbox.total_count == 5
    return account


def destroyed(account: exchangelib.Account, inbox: FolderHandle) -> list[object]:
    keys = [(item.id, item.change_key) for item in inbox.items()]
    return list(
        account.bulk_delete(
            keys,
            delete_type=HARD_DELETE,
            affected_task_occurrences="AllOccurrences",
            suppress_read_receipts=True,
        )
    )


#: Each fault: what exchangelib raises, without retries, and how many of five items are left.
WHOLE: dict[str, tuple[Callable[[], faults.Action], type[Exception], int]] = {
    "dropped before": (faults.drop_before, ErrorTimeoutExpired, 5),
    "dropped after the deed": (faults.drop_after, ErrorTimeoutExpired, 0),
    "cut in the answer": (faults.cut, ErrorTimeoutExpired, 0),
    "busy": (faults.busy, ErrorServerBusy, 5),
    "busy, with back-off": (lambda: faults.busy(1500), ErrorServerBusy, 5),
    "401": (faults.unauthorised, UnauthorizedError, 5),
    "403": (faults.forbidden, MalformedResponseError, 5),
    "429": (lambda: faults.overloaded(429, 7), MalformedResponseError, 5),
    "503": (faults.overloaded, ErrorServerBusy, 5),
    "HTML with 200": (faults.html, MalformedResponseError, 5),
    "HTML after the deed": (lambda: faults.html(is_committed=True), MalformedResponseError, 0),
    "schema error": (faults.schema_error, ErrorSchemaValidation, 5),
    "internal": (lambda: faults.soap_fault("ErrorInternalServerError"), ErrorInternalServerError, 5),
    "store": (
        lambda: faults.every_item("ErrorMailboxStoreUnavailable"),
        ErrorMailboxStoreUnavailable,
        5,
    ),
    "moving": (
        lambda: faults.every_item("ErrorMailboxMoveInProgress"),
        ErrorMailboxMoveInProgress,
        5,
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_fault_of_the_whole_request(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle, name: str
) -> None:
    make, expected, left = WHOLE[name]
    action = exchange.faults.at("DeleteItem", make())
    with pytest.raises(expected) as caught:
        destroyed(account, inbox)
    assert type(caught.value) is expected
    assert len(inbox) == left
    assert [struck for _request, struck in exchange.faults.struck] == [action]
    if name == "busy, with back-off":
        assert isinstance(caught.value, ErrorServerBusy)
        assert caught.value.back_off == 1.5
    destroyed(account, inbox)
    assert len(inbox) == 0, "a fault strikes once"


def test_malformed_xml_is_an_error_or_an_empty_answer(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    """exchangelib repairs what it can of broken XML: the result may be an error or too few answers."""
    exchange.faults.at("DeleteItem", faults.garbage(is_committed=True))
    try:
        answers = destroyed(account, inbox)
    except EWSError:
        answers = []
    assert (len(answers) < 5, len(inbox)) == (True, 0)


@pytest.mark.parametrize(
    ("make", "status", "header"),
    [
        (lambda: faults.overloaded(429, 7), 429, ("Retry-After", "7")),
        (lambda: faults.overloaded(503, 11), 503, ("Retry-After", "11")),
        (lambda: faults.overloaded(503), 503, ("Retry-After", None)),
        (faults.unauthorised, 401, ("WWW-Authenticate", 'Basic realm="relay.example"')),
        (faults.forbidden, 403, ("x-ms-diagnostics", '2000008;reason="EWS is disabled"')),
    ],
)
def test_a_status_bears_its_header(
    exchange: Exchange, make: Callable[[], faults.Action], status: int, header: tuple[str, str | None]
) -> None:
    envelope = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        b'<GetServerTimeZones xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"/>'
        b"</s:Body></s:Envelope>"
    )
    exchange.faults.at(1, make())
    with requests.Session() as session:
        session.auth = (exchange.service.name, exchange.service.password)
        ca = str(exchange.ca_file)
        answer = session.post(exchange.url, envelope, timeout=5, verify=ca)
        assert (answer.status_code, answer.headers.get(header[0])) == (status, header[1])
        assert "connection" not in answer.headers, "a closed connection would be a sign of its own"
        assert session.post(exchange.url, envelope, timeout=5, verify=ca).status_code == 200


def test_one_item_of_a_batch_fails_and_the_others_are_done(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    exchange.faults.at("DeleteItem", faults.one_item("ErrorItemNotFound", 2))
    answers = destroyed(account, inbox)
    assert [type(answer) for answer in answers] == [bool, bool, ErrorItemNotFound, bool, bool]
    assert len(inbox) == 1


def test_what_stands_behind_a_stop_is_not_done(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    exchange.faults.at("DeleteItem", faults.one_item("ErrorItemNotFound", 1, stops=True))
    answers = destroyed(account, inbox)
    assert [type(answer) for answer in answers[1:]] == [ErrorItemNotFound, *[ErrorBatchProcessingStopped] * 3]
    assert len(inbox) == 4


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ErrorServerBusy", ErrorServerBusy), ("ErrorInternalServerError", ErrorInternalServerError)],
)
def test_in_the_middle_of_a_batch_an_error_loses_what_was_done(
    exchange: Exchange,
    account: exchangelib.Account,
    inbox: FolderHandle,
    code: str,
    expected: type[Exception],
) -> None:
    exchange.faults.at("DeleteItem", faults.one_item(code, 2))
    with pytest.raises(expected):
        destroyed(account, inbox)
    assert len(inbox) == 1, "four are gone, and nobody was told"


def test_a_code_that_the_schema_lacks_can_be_answered(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    exchange.faults.at("DeleteItem", faults.one_item("ErrorRecoverableItemsAccessDenied", 0))
    with pytest.raises(EWSError):
        destroyed(account, inbox)


def test_a_short_answer_passes_silently(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    exchange.faults.at("DeleteItem", faults.short_answer(2))
    assert destroyed(account, inbox) == [True] * 3
    assert len(inbox) == 0


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_slow_answer_waits_until_it_is_let_go(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle, is_committed: bool
) -> None:
    action = exchange.faults.at("DeleteItem", faults.stall(is_committed=is_committed))
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.extend(destroyed(account, inbox)))
    thread.start()
    assert action.reached.wait(5)
    assert (len(inbox), answers) == (0 if is_committed else 5, [])
    action.release.set()
    thread.join(5)
    assert (len(inbox), answers) == (0, [True] * 5)


def test_a_time_out_of_the_client_leaves_the_deed_done(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(account.protocol), "TIMEOUT", 0.05)
    exchange.faults.at("DeleteItem", faults.stall())
    with pytest.raises(ErrorTimeoutExpired):
        destroyed(account, inbox)
    assert len(inbox) == 0


def test_a_fault_strikes_at_a_number_an_operation_or_a_predicate(
    exchange: Exchange, account: exchangelib.Account
) -> None:
    def asks() -> str:
        try:
            account.inbox.refresh()
        except TransportError as problem:
            return type(problem).__name__
        return "answered"

    exchange.faults.at(2, faults.busy())
    assert [asks() for _ in range(3)] == ["answered", "ErrorServerBusy", "answered"]
    exchange.faults.at(lambda request: request.items == 1, faults.busy(), times=2)
    assert [asks() for _ in range(3)] == ["ErrorServerBusy", "ErrorServerBusy", "answered"]
    exchange.faults.at("GetFolder", faults.busy(), times=None)
    assert [asks() for _ in range(3)] == ["ErrorServerBusy"] * 3
    exchange.faults.clear()
    assert asks() == "answered"


def test_every_request_of_a_small_story_can_be_struck(
    exchange: Exchange, account: exchangelib.Account, inbox: FolderHandle
) -> None:
    """A fault at each request in turn, then the story again: the end is the same."""
    story = len(exchange.requests)
    list(account.inbox.all().values_list("id", flat=True))
    story = len(exchange.requests) - story
    for number in range(1, story + 1):
        exchange.faults.at(number, faults.drop_after())
        with pytest.raises(ErrorTimeoutExpired):
            list(account.inbox.all().values_list("id", flat=True))
        assert len(list(account.inbox.all().values_list("id", flat=True))) == 5
