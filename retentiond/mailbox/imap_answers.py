"""What an IMAP server says, taken apart; pure, and silent about everything it reads (P7).

A *line* is one answer of the server: text, literal, text, … (RFC 9051, 4.3), so its odd parts are
literals. Only what retentiond asks for is understood; the rest is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, TypeAlias

Line: TypeAlias = list[bytes]

#: More messages than any folder has: a server that names more is not believed.
MOST_KEYS = 20_000_000

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_NUMBER_OF = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_DATE = re.compile(rb"\s?(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_PAIR = re.compile(
    rb"([A-Za-z][\w.]*(?:\[[^\]]*\])?(?:<\d+>)?) "
    rb'(?:"((?:[^"\\]|\\.)*)"|\(([^()]*)\)|(~?\{\d+\+?\})|([^\s()]+))'
)
_ESCAPED = re.compile(rb"\\(.)")
_FETCH = re.compile(rb"\* \d+ FETCH ", re.IGNORECASE)
_CODE = re.compile(rb"\[([^\s\]]+)(?: ([^\]]*))?\]")
_ESEARCH_RESULT = re.compile(
    rb'\(TAG "?[^\s")]+"?\)( UID)?( (ALL [\d:,]+|(MIN|MAX|COUNT|MODSEQ) \d+))*', re.IGNORECASE
)
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "?([^\s")]+)"?\)', re.IGNORECASE)
#: A bracket, a quoted string or an atom, which another word may follow only behind a blank or a bracket.
_WORD = re.compile(rb'\s*([()]|(?:"(?:[^"\\]|\\.)*"|[^\s()"]+)(?=[\s()]|\Z))')
_ANNOUNCED = re.compile(rb"~?\{\d+\+?\}\s*\Z")
_ZONES: dict[bytes, tzinfo] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """One command's answer. `text` and `lines` are the server's own words: never shown, never logged."""

    status: bytes
    text: bytes
    lines: tuple[Line, ...]

    @property
    def is_ok(self) -> bool:
        return self.status == b"OK"

    @property
    def code(self) -> bytes:
        """The response code of the tagged line, such as OVERQUOTA (RFC 5530); empty where none."""
        match = _CODE.match(self.text)
        return match[1].upper() if match else b""

    @property
    def arguments(self) -> list[bytes]:
        """What stands behind the tagged line's code, as of APPENDUID and COPYUID (RFC 4315)."""
        match = _CODE.match(self.text)
        return (match[2] or b"").split() if match else []

    def told(self, code: bytes) -> bytes | None:
        """The argument of an untagged `* OK [code argument]`, or None."""
        for line in self.lines:
            match = _CODE.match(line[0][5:]) if line[0][:5].upper() == b"* OK " else None
            if match and match[1].upper() == code:
                return match[2] or b""
        return None

    def untagged(self, name: bytes) -> Iterator[Line]:
        """The untagged answers of this name, the name removed."""
        head = b"* " + name
        for line in self.lines:
            if line[0][: len(head)].upper() == head and line[0][len(head) : len(head) + 1] in (b" ", b""):
                yield [line[0][len(head) :].strip(), *line[1:]]


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """What a FETCH told of one message. `flags` are as written; `body` is what BODY[…] held."""

    uid: int
    received: datetime | None = None
    flags: frozenset[str] = frozenset()
    size: int = 0
    body: bytes = b""


def rows_of(answer: Answer, needs: Sequence[bytes]) -> Iterator[Row]:
    """The messages of a FETCH; what lacks one of `needs` came unasked and is passed over.

    Raises ValueError where a number is none.
    """
    for line in answer.lines:
        if _FETCH.match(line[0]):
            told = _attributes([line[0].partition(b"(")[2], *line[1:]])
            if b"UID" in told and all(need in told for need in needs):
                yield _row(told)


def _row(told: dict[bytes, bytes]) -> Row:
    return Row(
        uid=int(told[b"UID"]),
        received=received_of(told.get(b"INTERNALDATE", b"")),
        flags=frozenset(told.get(b"FLAGS", b"").decode("ascii", "replace").split()),
        size=int(told.get(b"RFC822.SIZE", 0)),
        body=told.get(b"BODY", b""),
    )


def _attributes(line: Line) -> dict[bytes, bytes]:
    """Names to values of one FETCH line, lists without their brackets; `BODY[…]` is named BODY."""
    told: dict[bytes, bytes] = {}
    for number in range(0, len(line), 2):
        for pair in _PAIR.finditer(line[number]):
            name, quoted_text, words, literal, atom = pair.groups()
            if quoted_text is not None:
                value = _ESCAPED.sub(rb"\1", quoted_text) if b"\\" in quoted_text else quoted_text
            elif literal is not None:
                value = line[number + 1] if number + 1 < len(line) else b""
            elif words is not None:
                value = words
            else:
                value = b"" if atom == b"NIL" else atom
            name = name.upper()
            told[b"BODY" if name.startswith(b"BODY[") else name] = value
    return told


def received_of(text: bytes) -> datetime | None:
    """An INTERNALDATE (RFC 9051, date-time) as an aware datetime; None where it cannot be one."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, ahead, past = match.groups()
    try:
        zone = _ZONES.get(text[-5:])
        if zone is None:
            offset = timedelta(hours=int(ahead), minutes=int(past))
            zone = _ZONES[text[-5:]] = timezone(-offset if sign == b"-" else offset)
        number = _NUMBER_OF[month.lower()]
        return datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except (ValueError, KeyError):
        return None


def date_time(moment: datetime) -> bytes:
    """An instant as APPEND wants it, in UTC: the same instant on every server."""
    at = moment.astimezone(UTC)
    return b'"%2d-%s-%04d %02d:%02d:%02d +0000"' % (
        at.day, _MONTHS[at.month - 1], at.year, at.hour, at.minute, at.second,
    )  # fmt: skip


def day(moment: datetime) -> bytes:
    """A day as SEARCH wants it."""
    return b"%d-%s-%04d" % (moment.day, _MONTHS[moment.month - 1], moment.year)


def quoted(text: bytes) -> bytes:
    """A quoted string (RFC 9051, 4.3). The text holds no control character."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def keys_of(uid_set: bytes) -> tuple[int, ...]:
    """`1:3,7` as 1, 2, 3, 7, in the server's order (COPYUID and APPENDUID depend on it).

    Raises ValueError where it is no set, or one that no folder is large enough for.
    """
    keys: list[int] = []
    for part in uid_set.split(b","):
        first, _, last = part.partition(b":")
        low, high = int(first), int(last or first)
        if abs(high - low) + len(keys) > MOST_KEYS:
            raise ValueError
        keys.extend(range(low, high + 1) if low <= high else range(high, low + 1))
    return tuple(keys)


def sets_of(keys: Iterable[int], size: int, count: int) -> Iterator[bytes]:
    """UID sets as ranges, in order, of at most `size` bytes and `count` messages each.

    A range never spans a UID that was not named: what is not named is not touched.
    """
    text = bytearray()
    held = 0
    for first, last in _ranges(sorted(set(keys))):
        while first <= last:
            upto = min(last, first + count - held - 1)
            part = b"%d:%d" % (first, upto) if first < upto else b"%d" % first
            text += b"," + part if text else part
            held += upto - first + 1
            first = upto + 1
            if held >= count or len(text) + 24 > size:
                yield bytes(text)
                text, held = bytearray(), 0
    if text:
        yield bytes(text)


def _ranges(keys: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(keys) + 1):
        if index == len(keys) or keys[index] != keys[index - 1] + 1:
            yield keys[start], keys[index - 1]
            start = index


def by_tag(answers: Sequence[Answer], tags: Sequence[bytes]) -> list[Answer]:
    """Gives each ESEARCH line to the command that it names: Dovecot sends those of several searches
    before the first of them is complete."""
    lines: dict[bytes, list[Line]] = {tag: [] for tag in tags}
    for tag, answer in zip(tags, answers, strict=True):
        for line in answer.lines:
            match = _ESEARCH.match(line[0])
            lines.get(match[1] if match else tag, lines[tag]).append(line)
    pairs = zip(answers, tags, strict=True)
    return [Answer(answer.status, answer.text, tuple(lines[tag])) for answer, tag in pairs]


def found_by(answer: Answer) -> tuple[int, ...]:
    """The UIDs of a SEARCH or ESEARCH answer (RFC 9051, 7.3.4), in order.

    Raises ValueError for what is neither: nothing said, or garbage, is not "nothing found".
    """
    for line in answer.untagged(b"ESEARCH"):
        match = re.search(rb"\bALL ([\d:,]+)", _sound(line), re.IGNORECASE)
        return tuple(sorted(keys_of(match[1]))) if match else ()
    keys: list[int] = []
    lines = list(answer.untagged(b"SEARCH"))
    for line in lines:
        keys.extend(map(int, line[0].partition(b"(")[0].split()))
    if not lines:
        raise ValueError("no answer to a search")
    return tuple(sorted(keys))


def _sound(line: Line) -> bytes:
    if not _ESEARCH_RESULT.fullmatch(line[0]):
        raise ValueError("not an answer to a search")
    return line[0]


def number_in(answer: Answer, name: bytes) -> int | None:
    """COUNT, MIN or MAX of an ESEARCH answer; None where it was not told. Raises as `found_by` does."""
    for line in answer.untagged(b"ESEARCH"):
        match = re.search(rb"\b" + name + rb" (\d+)", _sound(line), re.IGNORECASE)
        return int(match[1]) if match else None
    return None


def status_of(answer: Answer) -> dict[bytes, int]:
    """The numbers of a STATUS answer."""
    for line in answer.untagged(b"STATUS"):
        words = line[-1].rpartition(b"(")[2].rstrip(b") ").split()
        pairs = zip(words[::2], words[1::2], strict=False)
        return {name.upper(): int(value) for name, value in pairs if value.isdigit()}
    return {}


def parsed(line: Line) -> tuple[Any, ...]:
    """The words (None for NIL) and the lists, as tuples, of a LIST, NAMESPACE or MYRIGHTS answer.

    Raises ValueError where it makes no sense: what is passed over there would be nobody's business.
    """
    open_lists: list[list[Any]] = [[]]
    for number in range(0, len(line), 2):
        has_literal = number + 1 < len(line)
        text = _ANNOUNCED.sub(b"", line[number]) if has_literal else line[number]
        for word in _words(text):
            if word == b"(":
                open_lists.append([])
            elif word == b")":
                whole = open_lists.pop()
                open_lists[-1].append(tuple(whole))  # IndexError is a LookupError: nothing was open
            else:
                open_lists[-1].append(_plain(word))
        if has_literal:
            open_lists[-1].append(line[number + 1])
    [words] = open_lists
    return tuple(words)


def _words(text: bytes) -> Iterator[bytes]:
    at = 0
    while text[at:].strip():
        match = _WORD.match(text, at)
        if match is None:
            raise ValueError("not an answer that can be read")
        yield match[1]
        at = match.end()


def _plain(word: bytes) -> bytes | None:
    if word.startswith(b'"'):
        return _ESCAPED.sub(rb"\1", word[1:-1])
    return None if word.upper() == b"NIL" else word
