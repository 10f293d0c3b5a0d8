"""What is packed comes out again, whatever it was, and takes little room."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.model import Item, Marks, Place, Ref, Role
from retentiond.core.roll import MARK, Roll

INBOX = Place("line", "inbox", Role.INBOX, 7)

_mark = st.binary(min_size=MARK, max_size=MARK)
_some = st.frozensets(_mark, max_size=4)
_moment = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
_item = st.builds(
    Item,
    st.builds(Ref, st.just(INBOX), st.integers(1, 2**32 - 1) | st.text(min_size=1, max_size=9)),
    st.none() | _moment,
    st.booleans(),
    st.builds(Marks, _some, _some, _some, st.none() | _mark, _some, st.none() | _mark),
    st.integers(0, 2**40),
    st.none() | _moment,
    wakes_receipt=st.booleans(),
)


@given(st.lists(_item, max_size=8))
def test_what_goes_in_comes_out(items: list[Item]) -> None:
    roll = Roll.of(INBOX, iter(items))
    kept = [replace(item, marks=_of_thread(item.marks)) for item in items]
    assert list(roll) == kept
    assert len(roll) == len(items)
    assert list(reversed(roll)) == kept[::-1]
    assert roll[1:3] == tuple(kept[1:3])


def _of_thread(marks: Marks) -> Marks:
    """No addresses: nobody asks a roll for them."""
    return Marks(message=marks.message, parents=marks.parents, conversation=marks.conversation)


def test_a_hundred_thousand_items_with_marks_take_less_than_9_mib() -> None:
    def stream() -> Iterator[Item]:
        for number in range(100_000):
            message = number.to_bytes(MARK)
            marks = Marks(
                frozenset((b"an author's mark",)),
                recipients=frozenset((b"recipient's mark",)),
                message=message,
                parents=frozenset((message[::-1], b"the root's mark!")),
            )
            received = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
            yield Item(Ref(INBOX, number), received, marks=marks)

    tracemalloc.start()
    roll = Roll.of(INBOX, stream())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(roll) == 100_000
    assert kept < 9 * 1024 * 1024
