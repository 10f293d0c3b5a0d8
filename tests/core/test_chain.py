"""The book's arithmetic: one spelling, one hash, one root; and the first break is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.chain import (
    GENESIS,
    Body,
    Break,
    Entry,
    Seal,
    canonical,
    entry_text,
    follow,
    head_text,
    link,
    minute_of,
    minute_text,
    open_note,
    root_hash,
    seals_in,
    signed_note,
)
from retentiond.errors import LedgerDamaged

Row = tuple[int, str, bytes]


# ── canonical text ───────────────────────────────────────────────────────────────────────────────


def test_a_body_has_one_spelling() -> None:
    assert canonical({"b": [1, "é", ["x"]], "a": -5}) == '{"a":-5,"b":[1,"\\u00e9",["x"]]}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})


@pytest.mark.parametrize("value", [0.5, True, None, {"a": 1}, [1, [2.0]], b"x"])
def test_what_could_be_spelt_in_two_ways_is_refused(value: object) -> None:
    body: Body = {"a": value}  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        canonical(body)


def test_the_book_alone_says_chain_number_and_minute() -> None:
    text = entry_text("house", 3, "2026-07-16T03:05Z", {"event": "rules"})
    assert text == '{"chain":"house","event":"rules","minute":"2026-07-16T03:05Z","seq":3}'
    with pytest.raises(TypeError):
        entry_text("house", 3, "2026-07-16T03:05Z", {"seq": 4})


def test_a_link_is_the_documented_hash() -> None:
    inner = hashlib.sha256(b"{}").digest()
    assert link(GENESIS, "{}") == hashlib.sha256(bytes(32) + inner).digest()


@given(st.datetimes(datetime(1995, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_minute_is_written_in_utc_and_read_again(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = minute_text(aware)
    assert minute_of(text) == aware.astimezone(UTC).replace(second=0, microsecond=0)
    assert len(text) == 17


@pytest.mark.parametrize(
    "text", ["2026-07-16", "2026-07-16T03:05", "2026-07-16T03:05:00Z", "2026-07-16T04:05+01:00", "", "now"]
)
def test_a_minute_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError):
        minute_of(text)


# ── roots ────────────────────────────────────────────────────────────────────────────────────────


def by_the_book(marks: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not marks:
        return hashlib.sha256(b"").digest()
    if len(marks) == 1:
        return hashlib.sha256(b"\x00" + marks[0]).digest()
    k = 1
    while k * 2 < len(marks):
        k *= 2
    return hashlib.sha256(b"\x01" + by_the_book(marks[:k]) + by_the_book(marks[k:])).digest()


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_a_root_is_that_of_rfc_6962(marks: list[bytes]) -> None:
    assert root_hash(iter(marks)) == by_the_book(marks)


def test_roots_that_others_have_computed() -> None:
    """From the test vectors of certificate-transparency-go."""
    leaves = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"]
    leaves += [b"\x50\x51\x52\x53\x54\x55\x56\x57", bytes(range(0x60, 0x70))]
    assert root_hash([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_hash(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_hash(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


# ── seals and notes ──────────────────────────────────────────────────────────────────────────────

_chains = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
_seals = st.builds(Seal, _chains, st.integers(0, 10**9), st.binary(min_size=32, max_size=32))


@given(st.lists(_seals, max_size=4))
def test_seals_are_found_again_in_any_report(seals: list[Seal]) -> None:
    sentence = " and ".join(f"“{seal}”." for seal in seals)
    assert seals_in(sentence) == tuple(seals)
    assert seals_in(json.dumps({"seals": [str(seal) for seal in seals]})) == tuple(seals)


def test_what_is_no_seal_is_not_taken_for_one() -> None:
    digest = "ab" * 32
    assert seals_in(f"seal:house:1:{digest[:-1]} seal:house:1:{digest}a seal::1:{digest}") == ()


@given(_seals, st.binary(min_size=64, max_size=64))
def test_a_note_is_read_as_it_was_written(seal: Seal, signature: bytes) -> None:
    note = signed_note(seal, bytes(32), signature)
    assert note.startswith(head_text(seal) + "\n— retentiond ")
    assert open_note(note) == (seal, signature)


@given(st.text(max_size=80))
def test_what_is_no_note_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        open_note(text)


# ── following a chain ────────────────────────────────────────────────────────────────────────────


def chain_of(length: int, minutes: Sequence[str] | None = None) -> list[Row]:
    """A chain of so many entries, a minute apart."""
    rows: list[Row] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        minute = minutes[seq - 1] if minutes else f"2026-07-16T03:{seq:02}Z"
        text = entry_text("c", seq, minute, {"event": "deed", "count": seq})
        previous = link(previous, text)
        rows.append((seq, text, previous))
    return rows


def followed(
    rows: list[Row], head: Row, witnesses: dict[int, list[bytes]] | None = None
) -> list[Entry] | str:
    """The entries of a chain, or where it breaks."""
    end = Seal("c", head[0], head[2])
    try:
        return list(follow(rows, Seal("c", 0, GENESIS), end, witnesses or {}))
    except LedgerDamaged as damage:
        return f"{damage.entry}: {damage.what}"


def test_a_whole_chain_is_followed_to_its_end() -> None:
    rows = chain_of(5)
    entries = followed(rows, rows[-1], {3: [rows[2][2]]})
    assert isinstance(entries, list)
    assert [(entry.seq, entry.body["count"]) for entry in entries] == [(n, n) for n in range(1, 6)]


def test_a_chain_is_followed_from_a_seal_on() -> None:
    rows = chain_of(5)
    start, end = Seal("c", 3, rows[2][2]), Seal("c", 5, rows[4][2])
    assert [entry.seq for entry in follow(rows[3:], start, end, {})] == [4, 5]
    with pytest.raises(LedgerDamaged) as damage:
        list(follow(rows[3:], Seal("c", 3, bytes(32)), end, {}))
    assert damage.value.entry == 4


@given(st.integers(1, 6), st.data())
def test_the_first_break_is_named(length: int, data: st.DataObject) -> None:
    rows = chain_of(length)
    at = data.draw(st.integers(1, length))
    edited = [*rows]
    edited[at - 1] = (at, rows[at - 1][1].replace('"deed"', '"dead"'), rows[at - 1][2])
    assert followed(edited, rows[-1]) == f"{at}: {Break.EDITED}"
    gone = rows[: at - 1] + rows[at:]
    assert followed(gone, rows[-1]) == f"{at}: {Break.TAIL if at == length else Break.MISSING}"
    doubled = rows[:at] + rows[at - 1 :]
    assert followed(doubled, rows[-1]) == f"{at}: {Break.ALIEN}"
    cut = rows[:at]
    assert isinstance(followed(cut, rows[at - 1]), list), "a chain with its tail cut off verifies"
    assert followed(cut, rows[at - 1], {length + 1: [bytes(32)]}) == f"{at + 1}: {Break.TAIL}"
    assert followed(rows, rows[-1], {at: [bytes(32)]}) == f"{at}: {Break.WITNESS}"


def test_time_does_not_run_backwards() -> None:
    same = chain_of(2, ["2026-07-16T03:05Z", "2026-07-16T03:05Z"])
    assert isinstance(followed(same, same[-1]), list)
    back = chain_of(2, ["2026-07-16T03:05Z", "2026-07-16T03:04Z"])
    assert followed(back, back[-1]) == f"2: {Break.TIME}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '"x"',
        "{}",
        '{"chain":"c","seq":1}',
        '{"chain":"c","minute":"2026-07-16T03:05Z","seq":true}',
        '{"chain":"c","minute":"2026-07-16T03:05Z","seq":2}',
        '{"chain":"d","minute":"2026-07-16T03:05Z","seq":1}',
        '{"chain":"c","minute":"yesterday","seq":1}',
        '{"chain":"c","minute":7,"seq":1}',
        "[" * 100_000,
    ],
)
def test_a_well_hashed_text_that_is_no_entry_is_named(text: str) -> None:
    row = (1, text, link(GENESIS, text))
    assert followed([row], row) == f"1: {Break.EDITED}"
