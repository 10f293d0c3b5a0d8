"""Whose mail an erasure takes: theirs alone, whatever its age, and never what is held (P6, P9)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.approval import Request, Wish, code_for, is_code
from retentiond.core.erasure import judge_for_erasure
from retentiond.core.fuse import MoreThanAgreed, agree
from retentiond.core.model import Destroy, Hold, Item, Keep, Kind, Marks, Place, Reason, Ref, Review, Role
from retentiond.core.plan import Part, TargetPlan

PEOPLE = [bytes([n]) * 16 for n in range(8)]
THEM, HOUSE = frozenset(PEOPLE[:2]), frozenset(PEOPLE[2:5])
PLACE = Place("line", "inbox", Role.INBOX, 1)
_some = st.frozensets(st.sampled_from(PEOPLE), max_size=4)


@given(_some, _some, _some, _some, st.booleans(), st.none() | st.just(datetime(2026, 1, 1, tzinfo=UTC)))
def test_it_takes_what_is_theirs_alone_and_is_not_held(
    authors: frozenset[bytes],
    senders: frozenset[bytes],
    recipients: frozenset[bytes],
    further: frozenset[bytes],
    is_held: bool,
    received: datetime | None,
) -> None:
    marks = Marks(authors, senders, recipients, further=further)
    verdict = judge_for_erasure(Item(Ref(PLACE, 1), received, is_held, marks), THEM, HOUSE, "line")
    everybody = authors | senders | recipients | further
    match verdict:
        case Keep(reason):
            assert reason is Reason.NOT_THEIRS
            assert not everybody & THEM
        case Hold():
            assert is_held
            assert everybody & THEM
        case Review(reason):
            assert reason is Reason.THIRD_PARTY
            assert everybody - THEM - HOUSE
            assert not is_held
        case Destroy(reason, chain):
            assert (reason, chain) == (Reason.ERASURE, "line")
            assert everybody & THEM
            assert everybody <= THEM | HOUSE
            assert not is_held
        case _:
            pytest.fail("an erasure brings nothing home")


def test_no_more_is_agreed_to_than_the_number_says() -> None:
    parts = (
        Part(PLACE, Destroy(Reason.ERASURE), (1, 2)),
        Part(PLACE, Destroy(Reason.DUE), (5,)),
        Part(PLACE, Review(), (3,)),
    )
    plan = TargetPlan("line", Kind.HELPLINE, parts, ())
    assert agree([plan], 2) == MoreThanAgreed(3, 2)
    assert agree([plan], 3) == agree([plan], 9) == {PLACE: frozenset({1, 2, 5})}
    assert agree([], 0) == {}


REQUEST = Request(Wish.ERASURE, ("line", "ana"), "ab" * 32, 7)
OTHERS = [
    Request(Wish.EARLY_PURGE, ("line", "ana"), "ab" * 32, 7),
    Request(Wish.ERASURE, ("line",), "ab" * 32, 7),
    Request(Wish.ERASURE, ("line", "ana"), "ac" * 32, 7),
    Request(Wish.ERASURE, ("line", "ana"), "ab" * 32, 8),
]
KEY, NONCE = b"k" * 32, b"n" * 16


def test_a_code_is_good_as_it_is_read_out() -> None:
    code = code_for(REQUEST, KEY, NONCE)
    for typed in (code, code.lower(), code.replace("-", ""), f"  {code[:4]} {code[5:]} "):
        assert is_code(typed, REQUEST, KEY, NONCE)
    for wrong in ("", code[:-1], code + "A", "\N{LATIN SMALL LETTER SHARP S}", "\0" * 8):
        assert not is_code(wrong, REQUEST, KEY, NONCE)


@pytest.mark.parametrize(
    ("request_", "key", "nonce"),
    [
        *((other, KEY, NONCE) for other in OTHERS),
        *((REQUEST, key, nonce) for key, nonce in product((KEY, b"j" * 32), (NONCE, b"m" * 16))),
    ][:-1],
)
def test_a_code_is_good_for_one_request_one_key_and_one_moment(
    request_: Request, key: bytes, nonce: bytes
) -> None:
    is_the_same = (request_, key, nonce) == (REQUEST, KEY, NONCE)
    assert is_code(code_for(REQUEST, KEY, NONCE), request_, key, nonce) is is_the_same
