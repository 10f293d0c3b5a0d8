"""Which of an advisor's messages are a helpline's, and that nothing else ever is (P3)."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.model import Item, Marks, Place, Ref, Role
from retentiond.core.replies import Helpline, recognise, threads_of

SENT = Place("ana", "sent", Role.SENT, 1)
INBOX = Place("line", "inbox", Role.INBOX, 1)
LINE = Helpline("line", frozenset((b"line@", b"line-alias@")))
YOUTH = Helpline("youth", frozenset((b"youth@",)))
INSIDERS = LINE.identities | YOUTH.identities | {b"ana@"}


def item(key: int, place: Place = SENT, **marks: object) -> Item:
    return Item(Ref(place, key), datetime(2026, 6, 1, tzinfo=UTC), marks=Marks(**marks))  # type: ignore[arg-type]


def of(*addresses: bytes) -> frozenset[bytes]:
    return frozenset(addresses)


def owners(*items: Item, inbound: tuple[Item, ...] | None = None) -> list[set[str]]:
    threads = None if inbound is None else threads_of((("line", each) for each in inbound), INSIDERS)
    found = recognise(items, (LINE, YOUTH), threads)
    return [set(found[each.ref]) for each in items]


def test_a_reply_written_as_the_helpline_is_the_helplines() -> None:
    assert owners(item(1, authors=of(b"line-alias@"))) == [{"line"}]


def test_a_reply_sent_on_behalf_of_the_helpline_is_known_by_its_sender() -> None:
    assert owners(item(1, authors=of(b"ana@"), senders=of(b"youth@"))) == [{"youth"}]


def test_from_decides_over_sender() -> None:
    assert owners(item(1, authors=of(b"line@"), senders=of(b"youth@"))) == [{"line"}]


def test_the_advisors_own_mail_is_nobodys() -> None:
    assert owners(item(1, authors=of(b"ana@"), recipients=of(b"friend@"))) == [set()]


def test_signs_of_two_helplines_are_both_told() -> None:
    assert owners(item(1, authors=of(b"line@", b"youth@"))) == [{"line", "youth"}]


inbound = (item(7, INBOX, authors=of(b"writer@"), message=b"m1"),)


def test_a_private_answer_to_the_writer_is_known_by_its_thread() -> None:
    reply = item(1, authors=of(b"ana@"), recipients=of(b"writer@"), parents=of(b"m1"))
    assert owners(reply, inbound=inbound) == [{"line"}]
    assert owners(reply) == [set()], "only where the policy asks for threads"


def test_forwarding_to_a_colleague_does_not_make_it_the_helplines() -> None:
    aside = item(1, authors=of(b"ana@"), recipients=of(b"colleague@"), parents=of(b"m1"))
    assert owners(aside, inbound=inbound) == [set()]


def test_a_colleagues_note_to_the_helpline_starts_no_thread() -> None:
    note = (item(7, INBOX, authors=of(b"ana@"), message=b"m1"),)
    reply = item(1, authors=of(b"youth@"), recipients=of(b"ana@"), parents=of(b"m1"))
    assert owners(reply, inbound=note) == [{"youth"}]


def test_a_writer_to_both_helplines_leaves_a_sign_of_each() -> None:
    both = threads_of(
        (("line", inbound[0]), ("youth", item(9, INBOX, authors=of(b"writer@"), message=b"m1"))), INSIDERS
    )
    reply = item(1, authors=of(b"ana@"), recipients=of(b"writer@"), parents=of(b"m1"))
    assert recognise([reply], (LINE, YOUTH), both)[reply.ref] == {"line", "youth"}


@given(st.permutations(range(1, 8)))
def test_replies_to_replies_are_found_in_one_pass_whatever_their_order(order: list[int]) -> None:
    """A chain of seven follow-ups, each naming only the one before."""
    chain = [
        item(n, authors=of(b"ana@"), recipients=of(b"writer@"), message=b"r%d" % n, parents=of(parent))
        for n, parent in ((n, b"m1" if n == 1 else b"r%d" % (n - 1)) for n in range(1, 8))
    ]
    shuffled = [chain[n - 1] for n in order]
    assert owners(*shuffled, inbound=inbound) == [{"line"}] * 7
