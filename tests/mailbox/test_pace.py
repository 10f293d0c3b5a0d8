"""A server that trickles is given up, and one that is merely slow is not, on each kind of server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.config import Tls
from retentiond.core.model import Role
from retentiond.demo.authority import Authority
from retentiond.errors import Unreachable, Why
from retentiond.mailbox import pace
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.pace import Pace, Trickling
from tests.mailbox.contract import LONG_AGO, question
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.graph_ground import GraphGround
from tests.mailbox.microsoft_ground import MicrosoftGround
from tests.mailbox.test_imap_connection import Told, failure, mailbox_of
from tests.servers.dovecot import Dovecot
from tests.servers.exchange import Exchange
from tests.servers.graph import Graph
from tests.servers.seed import Seed, fill, letter
from tests.servers.trickle import Trickle

#: How long an operation may last here that moves nothing, and the pause before each piece; in seconds.
GRACE, PAUSE = 1.0, 0.02
WAIT = 20


@pytest.fixture
def shortly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called nobody waits five times as long as for one answer."""
    return lambda: monkeypatch.setattr(pace, "WAITS", GRACE / WAIT)


@contextmanager
def over_imap(dovecot: Dovecot, authority: Authority) -> Iterator[tuple[Mailbox, Trickle]]:
    user = dovecot.new_user()
    fill(dovecot, user, "INBOX", [Seed(letter("one@post.example", size=400_000), LONG_AGO)])
    with Trickle(dovecot.port, authority) as line:
        yield mailbox_of(line, user.name, user.password, timeout=WAIT), line


def given_up(mailbox: Mailbox, line: Trickle, shortly: Callable[[], None]) -> None:
    """It answers; and then, a byte at a time, it does not end: nor is it asked again."""
    with mailbox:
        assert [*mailbox.look(question())]
        shortly()
        line.trickle(1, PAUSE)
        error = failure(lambda: [*mailbox.look(question())])
    assert (type(error), error.why) == (Unreachable, Why.TIMEOUT)
    assert line.connections == 0


def test_a_mail_server_that_trickles_is_given_up(
    dovecot: Dovecot, authority: Authority, shortly: Callable[[], None]
) -> None:
    with over_imap(dovecot, authority) as (mailbox, line):
        given_up(mailbox, line, shortly)


def test_a_slow_line_that_moves_a_whole_message_is_waited_for(
    dovecot: Dovecot, authority: Authority, shortly: Callable[[], None]
) -> None:
    """Longer than what moves nothing may last; and nothing is missing in the end."""
    with over_imap(dovecot, authority) as (mailbox, line), mailbox:
        inbox = mailbox.place(Role.INBOX)
        [view] = [view for view in mailbox.look(question()) if view.census.place == inbox]
        keys = [key for lot in view.lots for key in lot.keys] + [item.ref.key for item in view.items]
        shortly()
        line.trickle(5000, PAUSE)
        begun = time.monotonic()
        [message] = mailbox.fetch(inbox, keys)
    assert time.monotonic() - begun > GRACE
    assert len(message.content) >= 400_000


@contextmanager
def in_the_clear(authority: Authority, greeting: bytes) -> Iterator[Told]:
    """A server that says this before any TLS, and then, for ever, the same letter."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(greeting)
                    while not end.wait(PAUSE):
                        connection.sendall(b"x")

        end = threading.Event()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Told(authority.ca_file, listener.getsockname()[1])
        end.set()
        thread.join(5)


@pytest.mark.parametrize("greeting", [b"* OK ", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n* OK "])
def test_before_tls_no_server_trickles_either(
    authority: Authority, greeting: bytes, shortly: Callable[[], None]
) -> None:
    """In its greeting, and in its answer to the first command."""
    shortly()
    with in_the_clear(authority, greeting) as server:
        error = failure(mailbox_of(server, "night", "x", tls=Tls.STARTTLS, timeout=WAIT).__enter__)
    assert (type(error), error.why) == (Unreachable, Why.TIMEOUT)


def given_up_over_https(ground: MicrosoftGround, authority: Authority, shortly: Callable[[], None]) -> None:
    ground.put("inbox", letter("one@post.example"), LONG_AGO)
    address = urlsplit(ground.server.url)
    with Trickle(address.port or 0, authority) as line:
        ground.account = replace(ground.account, endpoint=f"https://{line.host}:{line.port}{address.path}")
        given_up(ground.open(), line, shortly)


def test_an_exchange_server_that_trickles_is_given_up_and_not_asked_again(
    exchange: Exchange, authority: Authority, shortly: Callable[[], None]
) -> None:
    given_up_over_https(ExchangeGround(exchange, timeout=WAIT), authority, shortly)


def test_a_tenant_that_trickles_is_given_up_and_not_asked_again(
    graph: Graph, authority: Authority, shortly: Callable[[], None]
) -> None:
    given_up_over_https(GraphGround(graph, timeout=WAIT), authority, shortly)


class Moment:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    st.floats(1, 600),
    st.lists(st.tuples(st.floats(0, 300), st.integers(0, 64 * 1024)), min_size=1, max_size=60),
)
def test_an_answer_may_take_its_time_for_what_it_brings(wait: float, pieces: list[tuple[float, int]]) -> None:
    """It goes on as long as it is within five waits, and four minutes for each MiB so far; no longer."""
    clock = Moment()
    line = Pace(clock)
    line.sends(wait)
    brought = 0
    for pause, size in pieces:
        clock.now += pause
        if clock.now > pace.WAITS * wait + brought / 1024**2 * pace.SECONDS_PER_MIB:
            with pytest.raises(Trickling):
                line.hears(wait)
            return
        line.hears(wait)
        line.moved(size)
        brought += size
    clock.now += 10**9
    line.sends(wait)  # what is asked next has all its time before it
    clock.now += wait
    line.hears(wait)
