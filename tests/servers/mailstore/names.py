"""The folders that every Exchange mailbox has, the classes of items, and paths as people write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A folder that a new mailbox has: distinguished id, English name, parent's distinguished id."""

    id: str
    name: str
    parent: str
    folder_class: str = "IPF.Note"
    element: str = "Folder"


STANDARD = (
    Known("root", "", "", ""),
    Known("msgfolderroot", "Top of Information Store", "root", "IPF"),
    Known("inbox", "Inbox", "msgfolderroot"),
    Known("drafts", "Drafts", "msgfolderroot"),
    Known("sentitems", "Sent Items", "msgfolderroot"),
    Known("deleteditems", "Deleted Items", "msgfolderroot"),
    Known("junkemail", "Junk Email", "msgfolderroot"),
    Known("outbox", "Outbox", "msgfolderroot"),
    Known("calendar", "Calendar", "msgfolderroot", "IPF.Appointment", "CalendarFolder"),
    Known("contacts", "Contacts", "msgfolderroot", "IPF.Contact", "ContactsFolder"),
    Known("tasks", "Tasks", "msgfolderroot", "IPF.Task", "TasksFolder"),
    Known("notes", "Notes", "msgfolderroot", "IPF.StickyNote"),
    Known("journal", "Journal", "msgfolderroot", "IPF.Journal"),
    Known("recoverableitemsroot", "Recoverable Items", "root", ""),
    Known("recoverableitemsdeletions", "Deletions", "recoverableitemsroot", ""),
    Known("recoverableitemsversions", "Versions", "recoverableitemsroot", ""),
    Known("recoverableitemspurges", "Purges", "recoverableitemsroot", ""),
    Known("recoverableitemsdiscoveryholds", "DiscoveryHolds", "recoverableitemsroot", ""),
)

ARCHIVE = (
    Known("archiveroot", "", "", ""),
    Known("archivemsgfolderroot", "Top of Information Store", "archiveroot", "IPF"),
    Known("archiveinbox", "Inbox", "archivemsgfolderroot"),
    Known("archivedeleteditems", "Deleted Items", "archivemsgfolderroot"),
    Known("archiverecoverableitemsroot", "Recoverable Items", "archiveroot", ""),
    Known("archiverecoverableitemsdeletions", "Deletions", "archiverecoverableitemsroot", ""),
    Known("archiverecoverableitemsversions", "Versions", "archiverecoverableitemsroot", ""),
    Known("archiverecoverableitemspurges", "Purges", "archiverecoverableitemsroot", ""),
    Known("archiverecoverableitemsdiscoveryholds", "DiscoveryHolds", "archiverecoverableitemsroot", ""),
)

#: Beginnings of item classes and the element as which EWS renders them; the first that fits wins.
ELEMENTS = (
    ("IPM.Schedule.Meeting.Request", "MeetingRequest"),
    ("IPM.Schedule.Meeting.Resp", "MeetingResponse"),
    ("IPM.Schedule.Meeting.Canceled", "MeetingCancellation"),
    ("IPM.Schedule.Meeting", "MeetingMessage"),
    ("IPM.Appointment", "CalendarItem"),
    ("IPM.TaskRequest", "Message"),
    ("IPM.Task", "Task"),
    ("IPM.Post", "PostItem"),
    ("IPM.Contact", "Contact"),
    ("IPM.DistList", "DistributionList"),
    ("IPM.Sharing", "SharingMessage"),
    ("IPM.StickyNote", "Item"),
    ("IPM.Activity", "Item"),
    ("IPM", "Message"),
    ("REPORT", "Message"),
)


def element_of(item_class: str) -> str:
    """The element as which an item of this class is rendered; the plain `Item` for a foreign class."""
    return next((element for start, element in ELEMENTS if item_class.startswith(start)), "Item")


def short(path: str) -> str:
    """A path below the top of a mailbox, as people write it: `Inbox/Cases`."""
    return path.removeprefix("Top of Information Store/")
