"""Which folders are a target's, what each is for, and by which label it may be spoken of; pure.

Roles come from SPECIAL-USE (RFC 6154), or from the configuration, which wins where it names a folder.
A name shown by the server is compared decoded, in NFC; it never leaves this room but as a label.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imapclient.imap_utf7 import decode, encode

from retentiond.core.model import Kind, Role
from retentiond.errors import Refused, Why
from retentiond.mailbox.imap_answers import Answer, parsed, quoted
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

_SPECIAL = {
    "\\sent": Role.SENT,
    "\\trash": Role.TRASH,
    "\\drafts": Role.DRAFTS,
    "\\junk": Role.JUNK,
    "\\archive": Role.ARCHIVE,
}
_VIRTUAL = frozenset(("\\all", "\\flagged", "\\important"))
_CLOSED = frozenset(("\\noselect", "\\nonexistent"))
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """A folder as LIST tells it: its name decoded, its attributes in lower case; `told` is the name as it
    was written."""

    name: str
    attributes: frozenset[str]
    separator: str
    told: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Folder:
    """A folder of the target. `name` is the server's; only `label` and `role` may be shown. `told` is the
    name as the server wrote it."""

    name: str
    label: str
    role: Role
    told: bytes
    is_virtual: bool = False

    @property
    def argument(self) -> bytes:
        """The name as a command takes it: in quotes, and not a byte unlike what the server told."""
        return quoted(self.told)


def wire_name(name: str) -> bytes:
    """A name of our own as it travels: modified UTF-7 (RFC 3501, 5.1.3)."""
    return bytes(encode(name))


def listed_in(answer: Answer) -> Iterator[Listed]:
    """The folders of a LIST answer, those left out that cannot be opened. Raises ValueError where one
    cannot be read: it would never be looked into, and nobody told."""
    for line in answer.untagged(b"LIST"):
        attributes, separator, told, *_more = parsed(line)
        told = b"NIL" if told is None else told
        if not isinstance(attributes, tuple):
            raise ValueError("not a folder")
        lower = frozenset(_text(word).lower() for word in attributes)
        if not lower & _CLOSED:
            if not told or _CONTROL.search(told):
                raise ValueError("not a name")
            yield Listed(_decoded(told), lower, _text(separator or b""), told)


def _decoded(told: bytes) -> str:
    """A name in modified UTF-7; where a server writes what is none, its bytes, no two names alike."""
    try:
        return str(decode(told)) if told.isascii() else told.decode("utf-8", "surrogateescape")
    except ValueError:
        return told.decode("ascii")


def prefixes(answer: Answer) -> tuple[str, tuple[str, ...]]:
    """Where the login's own folders begin, such as "" or "INBOX.", and where other users' and shared ones
    do (NAMESPACE, RFC 2342), which are not this mailbox's. Raises ValueError where that is not told."""
    for line in answer.untagged(b"NAMESPACE"):
        own, others, shared = parsed(line)
        foreign = (_decoded(prefix) for prefix, *_more in (*(others or ()), *(shared or ())))
        return _decoded(own[0][0]) if own else "", tuple(prefix for prefix in foreign if prefix)
    raise ValueError("no namespace")


def folders_of(
    listed: Iterable[Listed], scope: Scope, marker: Marker, prefix: str | None, foreign: Sequence[str]
) -> tuple[Folder, ...]:
    """The target's folders with their labels, in the server's order.

    With a `prefix` (login "shared") those at and below it, else those outside `foreign`. Raises
    Refused(no-folder) where the configuration names a folder that is not there, and Refused(left-out) where
    it leaves out what was promised.
    """
    ours = [each for each in listed if _is_ours(each, prefix, foreign)]
    book = _Book(ours, scope, prefix)
    roles = [(each, book.role(each)) for each in ours]
    how_many = Counter(role for _, role in roles)
    folders = []
    for each, role in roles:
        if book.is_left_out(each):
            scope.refuse_left_out(role)
        has_word = role is not Role.OTHER and (how_many[role] == 1 or book.is_named_for(each, role))
        label = role.value if has_word else book.configured(each) or marker.folder(scope.target, each.name)
        folders.append(Folder(each.name, label, role, each.told, bool(each.attributes & _VIRTUAL)))
    return tuple(folders)


class _Book:
    """What the configuration says of the folders that are there."""

    def __init__(self, ours: Sequence[Listed], scope: Scope, prefix: str | None) -> None:
        self._prefix = (prefix or "").rstrip("/.")
        self._scope = scope
        names = {_known(self._below(each)) for each in ours} | {_known(each.name) for each in ours}
        for wanted in self._must_be_there():
            if _known(wanted) not in names:
                raise Refused(scope.target, Why.NO_FOLDER, wanted)
        self._named = {role: _known(name) for role, name in scope.roles.items()}

    def role(self, each: Listed) -> Role:
        scope = self._scope
        if scope.hold_folder is not None and self._is(each, scope.hold_folder):
            return Role.HOLD
        for role in self._named:
            if self.is_named_for(each, role):
                return role
        if _known(self._below(each)) == "INBOX":
            return Role.INBOX
        told = (_SPECIAL[attribute] for attribute in each.attributes if attribute in _SPECIAL)
        role = next(told, Role.OTHER)
        return Role.OTHER if role in self._named else role

    def is_named_for(self, each: Listed, role: Role) -> bool:
        return role in self._named and self._named[role] in (_known(each.name), _known(self._below(each)))

    def configured(self, each: Listed) -> str | None:
        """The configuration's own word for this folder: it may be shown."""
        words = (*self._scope.look_in, *self._scope.named, *self._scope.leave_out)
        known = {role.value for role in Role}
        return next((word for word in words if word not in known and self._is(each, word)), None)

    def is_left_out(self, each: Listed) -> bool:
        return any(self._is(each, word) for word in self._scope.leave_out)

    def _must_be_there(self) -> Iterator[str]:
        scope = self._scope
        yield from scope.roles.values()
        if scope.kind is Kind.HELPLINE:
            yield from sorted(scope.leave_out)
            yield from sorted(scope.named)
            if scope.hold_folder is not None:
                yield scope.hold_folder

    def _is(self, each: Listed, wanted: str) -> bool:
        return _known(wanted) in (_known(each.name), _known(self._below(each)))

    def _below(self, each: Listed) -> str:
        """The name below the shared prefix; what stands at the prefix itself is an Inbox."""
        if not self._prefix:
            return each.name
        rest = each.name[len(self._prefix) :].lstrip(each.separator or "/")
        return rest or "INBOX"


def is_named(folder: Folder, words: Iterable[str], prefix: str | None) -> bool:
    """Whether one of `words` from the configuration means this folder."""
    start = (prefix or "").rstrip("/.")
    names = {_known(folder.name)}
    if start and folder.name.startswith(start):
        names.add(_known(folder.name[len(start) :].lstrip("/.") or "INBOX"))
    return any(_known(word) in names for word in words)


def _is_ours(each: Listed, prefix: str | None, foreign: Sequence[str]) -> bool:
    if prefix is None:
        return not any(
            each.name.startswith(start) or each.name + each.separator == start for start in foreign
        )
    start = prefix.rstrip("/.")
    return each.name == start or each.name.startswith(start + (each.separator or "/"))


def _known(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    return "INBOX" if name.upper() == "INBOX" else name


def _text(word: bytes) -> str:
    return word.decode("ascii", "replace")
