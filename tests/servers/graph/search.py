"""$search on messages: a small part of KQL, "participants:ann@post.example" and the like.

The properties are those of Microsoft's page on $search for messages. A word without a property is looked for
in sender, subject and text. A real server answers from an index that may lag; this one does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.servers.graph.call import GraphError
from tests.servers.mailstore.store import Item

_PART = re.compile(r'\s*(?:(AND|OR)\s+)?(?:(\w+):)?("[^"]+"|[^\s"]+)')


def _people(*fields: str) -> Callable[[Item], str]:
    def told(item: Item) -> str:
        people = (person for field in fields for person in item.content.people(field))
        return " ".join(f"{person.name} {person.address}" for person in people)

    return told


_PROPERTIES: dict[str, Callable[[Item], str]] = {
    "from": _people("From"),
    "to": _people("To"),
    "cc": _people("Cc"),
    "bcc": _people("Bcc"),
    "recipients": _people("To", "Cc", "Bcc"),
    "participants": _people("From", "To", "Cc", "Bcc"),
    "subject": lambda item: item.subject,
    "body": lambda item: item.content.body("plain") + item.content.body("html"),
    "": lambda item: f"{_people('From')(item)} {item.subject} {item.content.body('plain')}",
}


def read_search(written: str) -> Callable[[Item], bool]:
    """The test that a $search is: its whole is in quotation marks. Raises GraphError."""
    if len(written) < 3 or written[0] != '"' or written[-1] != '"':
        raise GraphError(400, "BadRequest", "Syntax error: $search is to stand in quotation marks.")
    inner, at = written[1:-1].replace('\\"', '"'), 0
    ways: list[list[Callable[[Item], bool]]] = [[]]
    while at < len(inner.rstrip()):
        match = _PART.match(inner, at)
        name = (match[2] or "").lower() if match else "?"
        if match is None or name not in _PROPERTIES:
            raise GraphError(400, "BadRequest", "Syntax error in $search.")
        if match[1] == "OR":
            ways.append([])
        ways[-1].append(_part(_PROPERTIES[name], match[3].strip('"').lower()))
        at = match.end()
    return lambda item: any(all(part(item) for part in way) for way in ways)


def _part(told: Callable[[Item], str], wanted: str) -> Callable[[Item], bool]:
    return lambda item: wanted in told(item).lower()
