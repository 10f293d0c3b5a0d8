"""Which folders of a mailbox in Microsoft 365 hold mail, what they are for, and what they may be called.

Graph tells folders of mail from others itself; of those the Outbox, what is scheduled and searches are no
business of ours. Recoverable Items, the bin behind the bins, is (P2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retentiond.errors import Refused, Unreachable, Why
from retentiond.mailbox.exchange_folders import ROLES, Folder, Labels, Layout, check_configured
from retentiond.mailbox.graph_answers import Answer, Ask
from retentiond.mailbox.graph_line import Line
from retentiond.mailbox.graph_words import NotUnderstood, query, segment
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

#: Not the promise's business, with all that lies below them.
_OTHER = ("outbox", "scheduled", "searchfolders")
_TOP = "msgfolderroot"
_BINS = tuple(f"recoverableitems{name}" for name in ("deletions", "versions", "purges"))
_FIELDS = "id,displayName,parentFolderId,childFolderCount,totalItemCount"
_PAGE = "250"


@dataclass(frozen=True, slots=True)
class _Told:
    """A folder as the server tells of it."""

    id: str
    parent: str
    name: str
    count: int
    children: int
    is_search: bool


def layout_of(line: Line, scope: Scope, marker: Marker) -> Layout:
    """The folders of a mailbox as they are now.

    Raises Refused(no-access, no-mailbox) where it may not be opened.
    """
    known = _known(line)
    if not any(name in known for name in ROLES):
        raise Refused(line.target, Why.NO_ACCESS)
    names = {each.id: name for name, each in known.items()}
    labels = Labels(scope, marker)
    folders = []
    for path, each, unseen in _all(line, names):
        name = names.get(each.id, "")
        role, label = labels.label(name if name in ROLES else "", path, each.id)
        folders.append(Folder(each.id, path, label, role, each.count, unseen=unseen))
    folders += _bins(known, labels)
    check_configured(line.target, scope, folders)
    sees_bins = line.account.has_recoverable_items and all(name in known for name in _BINS)
    return Layout(tuple(folders), known[_TOP].id if _TOP in known else "", False, sees_bins)


def _bins(known: Mapping[str, _Told], labels: Labels) -> Iterator[Folder]:
    """Recoverable Items, as far as they can be seen."""
    for name in _BINS:
        if name in known:
            each = known[name]
            role, label = labels.label(name, name, each.id)
            yield Folder(each.id, name, label, role, each.count, is_bin=True)


def _known(line: Line) -> dict[str, _Told]:
    """The well-known folders that there are and that the application may see."""
    names = [_TOP, *ROLES, *_OTHER, *(_BINS if line.account.has_recoverable_items else ())]
    options = query(select=_FIELDS)
    answers = line.ask_all([Ask(f"{line.user}/mailFolders/{name}?{options}") for name in names])
    known = {}
    for name, answer in zip(names, answers, strict=True):
        if answer.is_good:
            known[name] = _told(line, answer.body)
        elif not _may_lack(line, answer):
            raise line.error(answer)
    known.update(_bins_beside(line, known))
    return known


def _bins_beside(line: Line, known: Mapping[str, _Told]) -> dict[str, _Told]:
    """The other folders of Recoverable Items, where the server lets none but the first be called by name.
    They lie beside it, and are called the same in every language."""
    first = known.get(_BINS[0])
    if first is None or not first.parent or all(name in known for name in _BINS):
        return {}
    options = query(select=_FIELDS, top=_PAGE) + "&includeHiddenFolders=true"
    answer = line.ask(Ask(f"{line.user}/mailFolders/{segment(first.parent)}/childFolders?{options}"))
    if not answer.is_good:
        return {}
    told = [_told(line, each) for body in line.further(answer) for each in _values(line, body)]
    by_name = {f"recoverableitems{each.name.casefold()}": each for each in told}
    return {name: by_name[name] for name in _BINS if name in by_name}


def _may_lack(line: Line, answer: Answer) -> bool:
    """Whether a folder that was asked for may be missing, or closed to the application."""
    error = line.error(answer)
    return answer.status in (400, 403, 404) and error.why is not Why.NO_MAILBOX


def _all(line: Line, names: Mapping[str, str]) -> Iterator[tuple[str, _Told, int]]:
    """Every folder of mail with its path below the top, those above before those below; and how many folders
    below it are counted and not shown.

    Whether hidden folders are counted nobody has published: so each is asked for what lies below it, whatever
    it counts. The top counts calendars and contacts too, which are never shown here.
    """
    top = [each for each in _listed(line, [f"{line.user}/mailFolders"])[0] if _is_ours(each, names)]
    level = [(each.name, each) for each in top]
    seen: set[str] = set()
    while level:
        level = [(path, each) for path, each in level if each.id not in seen]
        seen |= {each.id for _, each in level}
        wheres = [f"{line.user}/mailFolders/{segment(each.id)}/childFolders" for _, each in level]
        below = []
        for (path, each), found in zip(level, _listed(line, wheres), strict=True):
            yield path, each, max(0, each.children - len(found))
            below += [(f"{path}/{child.name}", child) for child in found if _is_ours(child, names)]
        level = below


def _is_ours(folder: _Told, names: Mapping[str, str]) -> bool:
    return not folder.is_search and names.get(folder.id) not in (*_OTHER, *_BINS)


def _listed(line: Line, wheres: Sequence[str]) -> list[list[_Told]]:
    """What lies in each of these folders: the first page of all in one request, further ones one by one.

    Raises Unreachable(protocol) where a list is shorter than it says itself.
    """
    options = query(select=_FIELDS, top=_PAGE, count="true") + "&includeHiddenFolders=true"
    found = []
    for answer in line.ask_all([Ask(f"{where}?{options}") for where in wheres]):
        told = [_told(line, each) for body in line.further(answer) for each in _values(line, body)]
        count = answer.body.get("@odata.count")
        if isinstance(count, int) and len(told) < count:
            raise Unreachable(line.target, Why.PROTOCOL)
        found.append(told)
    return found


def _values(line: Line, body: Mapping[str, Any]) -> list[Any]:
    value = body.get("value")
    if not isinstance(value, list):
        raise Unreachable(line.target, Why.PROTOCOL)
    return value


def _told(line: Line, told: object) -> _Told:
    try:
        if not isinstance(told, Mapping) or not isinstance(told.get("id"), str):
            raise NotUnderstood
        return _Told(
            told["id"],
            str(told.get("parentFolderId") or ""),
            str(told.get("displayName") or ""),
            _count(told, "totalItemCount"),
            _count(told, "childFolderCount"),
            "mailSearchFolder" in str(told.get("@odata.type", "")),
        )
    except NotUnderstood:
        raise Unreachable(line.target, Why.PROTOCOL) from None


def _count(told: Mapping[str, Any], name: str) -> int:
    """A number that was asked for: a folder of which it is not told is not an empty one."""
    number = told.get(name)
    if not isinstance(number, int):
        raise NotUnderstood
    return number
