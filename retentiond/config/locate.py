"""Which line each key of a TOML text is on: tomllib does not tell, and a fault needs its place.

The text has been accepted by tomllib before, so this walks it without checking anything: headers,
arrays of tables, dotted and quoted keys, arrays and inline tables over several lines, strings of all
four kinds.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final, NamedTuple, TypeAlias

#: Keys and positions in arrays, from the root: `("helpline", 0, "identities", 1)`.
Location: TypeAlias = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r'''(?:"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\])*"|'[^']*')'''
    r"""|\#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,."'\#]+""",
    re.DOTALL,
)


class Trouble(NamedTuple):
    """One thing wrong, by its location; `load.py` finds the line."""

    location: Location
    what: str
    way_on: str = ""


class _Token(NamedTuple):
    text: str
    line: int


def lines_of(text: str) -> dict[Location, int]:
    """The line (from 1) of every table, key and array element of a valid TOML text."""
    return _Walk(text).lines


def line_of(lines: dict[Location, int], location: Location) -> int | None:
    """The line of `location`, else of the nearest thing around it; None for the document itself."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location)


class _Walk:
    def __init__(self, text: str) -> None:
        self.lines: dict[Location, int] = {}
        self.tokens = _tokens(text)
        self.at = 0
        self.last_of: dict[Location, int] = {}
        table: Location = ()
        while self.at < len(self.tokens):
            if self.sees("\n"):
                self.at += 1
            elif self.sees("["):
                table = self.header()
            else:
                self.pair(table)

    def sees(self, *texts: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].text in texts

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self, *texts: str) -> bool:
        """Passes over any of `texts`; True, so that it can stand in a loop's condition."""
        while self.sees(*texts):
            self.at += 1
        return True

    def key(self) -> tuple[str, ...]:
        names = [_name(self.take().text)]
        while self.sees("."):
            self.at += 1
            names.append(_name(self.take().text))
        return tuple(names)

    def header(self) -> Location:
        line = self.take().line
        is_array = self.sees("[")
        self.skip("[")
        names = self.key()
        self.skip("]")
        table = self.within(names[:-1] if is_array else names, line)
        if is_array:
            table += (names[-1],)
            self.lines.setdefault(table, line)
            self.last_of[table] = self.last_of.get(table, -1) + 1
            table += (self.last_of[table],)
        self.lines[table] = line
        return table

    def within(self, names: tuple[str, ...], line: int) -> Location:
        """Follows `names` from the root; in an array of tables the last one is meant."""
        table: Location = ()
        for name in names:
            table += (name,)
            self.lines.setdefault(table, line)
            if table in self.last_of:
                table += (self.last_of[table],)
        return table

    def pair(self, table: Location) -> None:
        line = self.tokens[self.at].line
        names = self.key()
        self.at += 1  # the equals sign
        for depth in range(1, len(names) + 1):
            self.lines.setdefault(table + names[:depth], line)
        self.value(table + names)

    def value(self, location: Location) -> None:
        if self.sees("["):
            self.at += 1
            position = 0
            while self.skip("\n", ",") and not self.sees("]"):
                self.lines[(*location, position)] = self.tokens[self.at].line
                self.value((*location, position))
                position += 1
            self.at += 1
        elif self.sees("{"):
            self.at += 1
            while self.skip("\n", ",") and not self.sees("}"):
                self.pair(location)
            self.at += 1
        else:
            while self.at < len(self.tokens) and not self.sees("\n", ",", "]", "}"):
                self.at += 1


def _tokens(text: str) -> list[_Token]:
    found, line, end = [], 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        if match[0][0] != "#":
            found.append(_Token(match[0], line))
    return found


def _name(text: str) -> str:
    if text[0] in "\"'":
        return str(tomllib.loads(f"key = {text}")["key"])
    return text
