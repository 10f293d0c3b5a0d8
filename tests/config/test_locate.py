"""Every fault has its line, however the file is laid out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.config.locate import Location, line_of, lines_of

# In this text every value is the number of its own line.
EVERY_LAYOUT = '''\
first = 1
"quoted # = [" = 2
'single' = 3
a.b."c.d" = 4
words = [ # a comment with ] and "
  6.0e0, 6,
  7, [ 7, { inner = 7, deep = { deeper = 7 } },

  9 ], # 10
] # 11
[ table ] # [not.this]
key = 12
skipped = """
[no.table]
no = 1\\"""
""" # 16
after = 17
literal = \'\'\'
[[no]] ''
\'\'\'
quotes = """""a "" b"""""
last = 22
[table."x.y".sub]
key = 24
[[list]]
key = 26
[list.child]
key = 28
[[list.many]]
key = 30
[[list.many]]
key = 32
[[list]]
key = 34
roles.sent = 35
[[list.many]]
key = 37
empty = []
none = {}
end = 40'''


def leaves(value: Any, location: Location = ()) -> Iterator[tuple[Location, Any]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield (*location, key), inner
        yield from leaves(inner, (*location, key))


def test_every_key_is_found_on_its_own_line_in_every_layout() -> None:
    lines = lines_of(EVERY_LAYOUT)
    found = dict(leaves(tomllib.loads(EVERY_LAYOUT)))
    numbers = {location: int(value) for location, value in found.items() if isinstance(value, int | float)}
    assert len(numbers) == 23
    assert {location: lines.get(location) for location in numbers} == numbers
    assert set(found) <= set(lines), "tables, arrays and texts have a line too"
    assert lines[("list",)] == lines[("list", 0)] == 25
    assert lines[("list", 1)] == 33
    assert lines[("table", "skipped")] == 13


def test_windows_line_ends_and_a_missing_last_one_count_alike() -> None:
    assert lines_of(EVERY_LAYOUT.replace("\n", "\r\n")) == lines_of(EVERY_LAYOUT)


def test_what_is_missing_is_told_with_the_line_of_the_table_around_it() -> None:
    lines = lines_of("\n[account.main]\nkind = 'imap'\n")
    assert line_of(lines, ("account", "main", "secret", "file")) == 2
    assert line_of(lines, ("helpline",)) is None


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        " ",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        "#",
        "1",
    ]
)


@pytest.mark.parametrize("prefix", ["", "k = "])
@given(pieces=st.lists(PIECES, max_size=30))
def test_no_valid_text_is_walked_wrongly(prefix: str, pieces: list[str]) -> None:
    text = prefix + "".join(pieces)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = lines_of(text)
    assert {location for location, _ in leaves(data)} <= set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
