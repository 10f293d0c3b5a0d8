"""Which folders of an Exchange mailbox hold mail, what they are for, and what they may be called.

A folder's role comes from its distinguished id, never from its name, which is in the user's language. What
is not mail (calendars, contacts, tasks, notes, searches, the Outbox) is no business of ours, but for a count
of what is old there; Recoverable Items, the bin behind the bins, is (P2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retentiond.core.model import Beside, Kind
from retentiond.errors import Refused, Why
from retentiond.mailbox.ews_line import Line
from retentiond.mailbox.ews_words import Element, M, NotUnderstood, T, attribute, id_of, shape, tag, text
from retentiond.mailbox.exchange_folders import ROLES, Folder, Labels, Layout, check_configured
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.scope import Scope

#: What folders hold that hold no mail, by their class.
_BESIDE = {
    "ipf.appointment": Beside.CALENDARS,
    "ipf.contact": Beside.CONTACTS,
    "ipf.task": Beside.TASKS,
    "ipf.stickynote": Beside.NOTES,
    "ipf.journal": Beside.JOURNALS,
}
#: Not mail, with all that lies below them.
_OTHER = ("outbox", "calendar", "contacts", "tasks", "notes", "journal", "searchfolders")
_TOP, _ARCHIVE_TOP = "msgfolderroot", "archivemsgfolderroot"
_BINS = tuple(f"recoverableitems{name}" for name in ("deletions", "versions", "purges"))
_FIELDS = (
    *("folder:DisplayName", "folder:FolderClass", "folder:ParentFolderId", "folder:TotalCount"),
    *("folder:EffectiveRights", "folder:DistinguishedFolderId"),
)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Told:
    """A folder as the server tells of it. `count` is None where it does not say how much lies there."""

    id: str
    parent: str
    name: str
    kind: str
    count: int | None
    is_plain: bool


def layout_of(line: Line, scope: Scope, marker: Marker, mailbox: str) -> Layout:
    """The folders of a mailbox as they are now.

    Raises Refused(no-access) where a helpline's mailbox may not be opened; of an advisor's mailbox what
    the login may open is all there is.
    """
    known = _known(line, mailbox)
    top, archive = known.get(_TOP), known.get(_ARCHIVE_TOP)
    if top is None and scope.kind is Kind.HELPLINE:
        raise Refused(line.target, Why.NO_ACCESS)
    if not any(name in known for name in ROLES):
        raise Refused(line.target, Why.NO_ACCESS)
    tops = [each for each in (top, archive) if each is not None]
    told = {folder.id: folder for found in (_below(line, each.id) for each in tops) for folder in found}
    told |= {each.id: each for name, each in known.items() if name not in (_TOP, _ARCHIVE_TOP)}
    folders = tuple(_mail(told, known, scope, marker))
    check_configured(line.target, scope, folders)
    sees_bins = line.account.has_recoverable_items and "recoverableitemspurges" in known
    beside = tuple((what, each.id) for each in told.values() if each.count and (what := _beside(each)))
    return Layout(folders, top.id if top else "", archive is not None, sees_bins, beside)


def _known(line: Line, mailbox: str) -> dict[str, _Told]:
    """The distinguished folders that there are and that the login may see."""
    account = line.account
    names = [_TOP, *ROLES, *_OTHER, *(_BINS if account.has_recoverable_items else ())]
    if account.looks_in_archive:
        names += [_ARCHIVE_TOP, "archivedeleteditems"]
        names += [f"archive{name}" for name in _BINS] if account.has_recoverable_items else []
    whose = tag("t:Mailbox", tag("t:EmailAddress", text(mailbox)))
    ids = "".join(tag("t:DistinguishedFolderId", whose, Id=name) for name in names)
    body = tag("m:GetFolder", shape("m:FolderShape", _FIELDS), tag("m:FolderIds", ids))
    known = {}
    for name, reply in zip(names, line.ask("GetFolder", body, len(names)), strict=True):
        if reply.is_good:
            known[name] = _told(reply.element.find(M + "Folders/*"))
        elif not _may_lack(line, reply.code):
            raise line.error(reply.code)
    return known


#: How a server says that a mailbox has no such folder.
_MISSING = frozenset(
    [
        "ErrorFolderNotFound",
        "ErrorItemNotFound",
        "ErrorNoArchive",
        "ErrorArchiveMailboxNotEnabled",
        "ErrorCannotOpenFolder",
        "ErrorInvalidOperation",
        "ErrorMailboxConfiguration",
    ]
)


def _may_lack(line: Line, code: str) -> bool:
    """Whether a folder that was asked for may be missing, or closed to the login."""
    error = line.error(code)
    return code in _MISSING or (isinstance(error, Refused) and error.why is Why.NO_ACCESS)


def _below(line: Line, top: str) -> Iterator[_Told]:
    """All folders below a top, page by page."""
    offset = 0
    seen: set[str] = set()
    while True:
        view = tag(
            "m:IndexedPageFolderView",
            MaxEntriesReturned=str(_PAGE),
            Offset=str(offset),
            BasePoint="Beginning",
        )
        where = tag("m:ParentFolderIds", tag("t:FolderId", Id=top))
        body = tag("m:FindFolder", shape("m:FolderShape", _FIELDS), view, where, Traversal="Deep")
        [reply] = line.ask("FindFolder", body, 1)
        root = reply.element.find(M + "RootFolder")
        if not reply.is_good or root is None:
            raise line.error(reply.code)
        page = [_told(element) for element in root.iterfind(T + "Folders/*")]
        fresh = [folder for folder in page if folder.id not in seen]
        seen.update(folder.id for folder in fresh)
        yield from fresh
        offset += len(page)
        if root.get("IncludesLastItemInRange") == "true":
            return
        if not fresh:
            raise line.error("ErrorEmptyPage")


def _told(element: Element | None) -> _Told:
    if element is None:
        raise NotUnderstood
    count = element.findtext(T + "TotalCount") or ""
    return _Told(
        id_of(element, "FolderId")[0],
        attribute(element, "ParentFolderId", "Id"),
        element.findtext(T + "DisplayName") or "",
        element.findtext(T + "FolderClass") or "",
        int(count) if count.isdecimal() else None,
        element.tag in (T + "Folder", T + "TasksFolder"),
    )


def _mail(
    told: Mapping[str, _Told], known: Mapping[str, _Told], scope: Scope, marker: Marker
) -> Iterator[Folder]:
    """Of all folders those of mail, with their labels; bins last."""
    by_id = {each.id: name for name, each in known.items()}
    archive = known.get(_ARCHIVE_TOP)
    labels = Labels(scope, marker)
    found = []
    for each in told.values():
        name = by_id.get(each.id, "")
        above = list(_upwards(each, told))
        if any(by_id.get(folder.id) in _OTHER for folder in above) or not _is_mail(each, name):
            continue
        is_bin, is_archive = "recoverableitems" in name, name.startswith("archive")
        is_archive = is_archive or (archive is not None and above[-1].parent == archive.id)
        path = "/".join(folder.name for folder in reversed(above))
        path = f"In-Place Archive/{path}" if is_archive and not is_bin else path
        role, label = labels.label(name, path, each.id)
        count = _count(each, is_needed=is_bin or scope.kind is Kind.HELPLINE)
        found.append(Folder(each.id, path, label, role, count, is_bin, is_archive))
    return iter(sorted(found, key=lambda folder: (folder.is_bin, folder.is_archive)))


def _count(told: _Told, *, is_needed: bool) -> int:
    """How much a folder holds. Raises NotUnderstood where that is needed and not told: such a folder is not
    an empty one. In an advisor's own folders nothing is counted (P3)."""
    if told.count is None and is_needed:
        raise NotUnderstood
    return told.count or 0


def _upwards(folder: _Told, told: Mapping[str, _Told]) -> Iterator[_Told]:
    """A folder and those above it, up to the top; however the ids may be tangled, it ends."""
    for _ in range(300):
        yield folder
        if folder.parent not in told or folder.parent == folder.id:
            return
        folder = told[folder.parent]


def _is_mail(folder: _Told, name: str) -> bool:
    """Whether a folder holds mail, by its class; the bins have none. Outlook gives a folder that was dragged
    from an IMAP account a class of its own."""
    kind = folder.kind.casefold()
    is_mail = kind in ("", "ipf.note", "ipf.imap") or kind.startswith("ipf.note.")
    return folder.is_plain and (is_mail or name in ROLES) and name not in _OTHER


def _beside(folder: _Told) -> Beside | None:
    """What a folder holds that is not mail, by its class or the beginning of it."""
    kind = folder.kind.casefold()
    return next((what for name, what in _BESIDE.items() if f"{kind}.".startswith(f"{name}.")), None)
