"""What one person may not do alone: asked by one Unix user, agreed to by another within a day, used once.

A request names by its digest exactly what would be done, and the most that may leave; whoever does more, or
something else, has not been agreed to. The kernel says who asks and who agrees (`control.py`).
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from retentiond.errors import ApprovalRefused
from retentiond.files import write_private

FILE: Final = "approvals.json"
#: For how long a request waits for the second person, and their word for the deed.
TERM: Final = timedelta(hours=24)

#: Only the service writes the file, from several threads.
_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Request:
    """`what` is a command, `digest` (hexadecimal) says what exactly, `number` how many items at most."""

    what: str
    targets: tuple[str, ...]
    digest: str
    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits, or that somebody has agreed to. Who is a Unix user id, a person's own."""

    request: Request
    code: str
    when: datetime
    by: int
    agreed_by: int | None = None


def ask(directory: Path, request: Request, by: int | None, now: datetime) -> Asked:
    """Keeps a request for a second person. Raises ApprovalRefused(nobody) where who asks is no one person."""
    person = _person(by)
    with _turn:
        standing = _read(directory, now)
        for each in standing:
            if (each.request, each.by, each.agreed_by) == (request, person, None):
                return each
        asked = Asked(request, _code(), now, person)
        _write(directory, (*standing, asked))
    return asked


def find(directory: Path, code: str, now: datetime) -> Asked:
    """The request that has this code, blanks, dashes and case aside. Raises ApprovalRefused(unknown)."""
    plain = _plain(code)
    for each in _read(directory, now):
        if secrets.compare_digest(_plain(each.code), plain):
            return each
    raise ApprovalRefused("unknown")


def check(asked: Asked, number: int, by: int | None) -> int:
    """Whether this person may agree to this number; who they are. Raises ApprovalRefused: nobody, same
    (person), number, or used, where somebody has agreed already."""
    person = _person(by)
    if person == asked.by:
        raise ApprovalRefused("same")
    if asked.agreed_by is not None:
        raise ApprovalRefused("used")
    if number != asked.request.number:
        raise ApprovalRefused("number", asked.request.number)
    return person


def agree(directory: Path, asked: Asked, number: int, by: int | None, now: datetime) -> None:
    """The second person's word. Raises as `check` does, and ApprovalRefused(unknown) if it is over by now."""
    person = check(asked, number, by)
    with _turn:
        standing = _read(directory, now)
        if asked not in standing:
            raise ApprovalRefused("unknown")
        _write(directory, (replace(each, agreed_by=person) if each == asked else each for each in standing))


def agreed(directory: Path, request: Request, now: datetime) -> Asked | None:
    """What two persons agreed to and nobody has used, if it is this and no less in number."""
    for each in _read(directory, now):
        wanted = replace(request, number=each.request.number)
        if each.agreed_by is not None and each.request == wanted and request.number <= wanted.number:
            return each
    return None


def spend(directory: Path, asked: Asked, now: datetime) -> None:
    """It is used: it holds for one deed."""
    with _turn:
        _write(directory, (each for each in _read(directory, now) if each != asked))


def _person(uid: int | None) -> int:
    if uid is None:
        raise ApprovalRefused("nobody")
    return uid


def _code() -> str:
    """Eight letters and digits (40 bits), as a person says them: ABCD-2345."""
    letters = base64.b32encode(secrets.token_bytes(5)).decode("ascii")
    return f"{letters[:4]}-{letters[4:]}"


def _plain(code: str) -> bytes:
    return "".join(each for each in code.upper() if each.isalnum()).encode("utf-8", "replace")


def _read(directory: Path, now: datetime) -> tuple[Asked, ...]:
    """What was asked within the term. A file that cannot be understood holds no agreement."""
    try:
        told = json.loads((directory / FILE).read_text(encoding="utf-8"))
        found = tuple(_asked(each) for each in told)
        return tuple(each for each in found if timedelta(minutes=-5) <= now - each.when < TERM)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ()


def _asked(told: dict[str, Any]) -> Asked:
    request = Request(told["what"], tuple(told["targets"]), told["digest"], int(told["number"]))
    when = datetime.fromisoformat(told["when"])
    agreed_by = None if told["agreed_by"] is None else int(told["agreed_by"])
    return Asked(request, str(told["code"]), when, int(told["by"]), agreed_by)


def _write(directory: Path, standing: Iterable[Asked]) -> None:
    told = [
        {
            "what": each.request.what,
            "targets": list(each.request.targets),
            "digest": each.request.digest,
            "number": each.request.number,
            "code": each.code,
            "when": each.when.isoformat(),
            "by": each.by,
            "agreed_by": each.agreed_by,
        }
        for each in standing
    ]
    write_private(directory / FILE, json.dumps(told, indent=1) + "\n")
