"""What holds of Exchange, here and in the cloud alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import Role
from retentiond.core.period import Period
from retentiond.errors import Unreachable, Why
from tests.mailbox.contract import LONG_AGO, due_in, question, results, view_of
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.graph_ground import GraphGround
from tests.mailbox.microsoft_ground import MicrosoftGround
from tests.servers.mailstore.names import Known
from tests.servers.seed import letter

Make = Callable[..., MicrosoftGround]


@pytest.fixture(params=["exchange", "graph"])
def make(request: pytest.FixtureRequest) -> Make:
    """`make(**changes)`: a ground whose account differs by these keys."""
    server = request.getfixturevalue(request.param)

    def ground(**changes: Any) -> MicrosoftGround:
        kind = {"exchange": ExchangeGround, "graph": GraphGround}[request.param]
        return kind(server, **changes)

    return ground


def keys_in(ground: MicrosoftGround, count: int) -> list[Any]:
    return [ground.put("inbox", letter(f"k{n}@post.example"), LONG_AGO) for n in range(count)]


def test_copies_of_mail_in_the_folders_of_synchronising_are_mail(make: Make) -> None:
    """Outlook keeps there the other version of a message, and what it could not bring to the server (P2)."""
    ground = make()
    mailbox_there = ground.server.mailbox(ground.address("here"))._mailbox
    top = mailbox_there.known("msgfolderroot")
    issues = mailbox_there.make(Known("syncissues", "Sync Issues", "msgfolderroot"), top)
    mailbox_there.make(Known("conflicts", "Conflicts", "syncissues"), issues)
    ground.folder("conflicts").add(letter("old@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        assert sum(len(due_in(view)) for view in mailbox.look(question())) == 1


def test_what_came_into_a_bin_on_an_unknown_day_is_tried(make: Make) -> None:
    """Else it would be called kept until a day that moves on every night."""
    ground = make(single_item_recovery=Period.parse("14 days"))
    purges = ground.folder("recoverableitemspurges")
    purges._item(purges.add(letter("p@post.example"), LONG_AGO)).dumped = None
    with ground.open() as mailbox:
        view = view_of(mailbox, "recoverable-purges")
        assert view.census.hindrance is None
        [key] = due_in(view)
        assert results(mailbox.destroy(view.place, [str(key)])) == {Result.DONE: (key,)}
    assert len(purges) == 0


def test_where_the_bins_cannot_be_seen_nothing_is_called_destroyed(make: Make) -> None:
    ground = make(has_recoverable_items=False)
    keys = keys_in(ground, 2)
    with ground.open() as mailbox:
        assert results(mailbox.destroy(mailbox.place(Role.INBOX), keys)) == {Result.REMOVED: tuple(keys)}
        assert "bins-unseen" in mailbox.abilities().notes


def test_after_a_crash_nothing_is_called_destroyed_where_the_bins_cannot_be_seen(make: Make) -> None:
    """It is not after a deed that went well either."""
    ground = make(has_recoverable_items=False)
    keys = keys_in(ground, 2)
    with ground.open() as mailbox:
        place = mailbox.place(Role.INBOX)
        mailbox.destroy(place, keys)
        assert not mailbox.stand(place, keys).is_final


def test_tls_that_is_not_trusted_is_refused(make: Make) -> None:
    ground = make(ca_file=None)
    with pytest.raises(Unreachable) as caught, ground.open():
        pass
    assert caught.value.why is Why.CERTIFICATE
    assert ground.server.requests == []


def test_what_came_into_a_bin_on_the_last_day_of_the_calendar_stops_nothing(make: Make) -> None:
    """A date that some program left there is kept to, as far as there are days; all else is looked at."""
    ground = make(single_item_recovery=Period.parse("14 days"))
    purges = ground.folder("recoverableitemspurges")
    purges.add(letter("p@post.example"), LONG_AGO, dumped=datetime(9999, 12, 31, tzinfo=UTC))
    ground.put("inbox", letter("old@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        assert view_of(mailbox, "recoverable-purges").census.hindrance == "server-keeps"
        assert len(due_in(view_of(mailbox, "inbox"))) == 1
