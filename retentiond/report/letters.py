"""What is said of letters: rights, edits, links, what destruction is worth on a disk, and the paper (P4, P5).

Paper is touched by nobody here: whoever reads of letters that fell due is reminded of their originals.
"""

from __future__ import annotations

from typing import Any, Final

from retentiond.core.model import Kind, Notice
from retentiond.core.plan import Plan

#: What was noticed, after "3 files in letters", and the way on.
NOTICES: Final[dict[Notice, str]] = {
    Notice.OPEN_TO_OTHERS: "users or groups besides the manager, the deputy, the backup and root may use this"
    " folder; take their rights away (chmod, setfacl)",
    Notice.RIGHTS_UNKNOWN: "folders on a server: who may read there is not verifiable here; ask the server's"
    " administrator",
    Notice.NO_SUCH_USER: "configured users are not known on this machine, so they were taken for nobody",
    Notice.EDITED: "changed more than a day after the first saving; their age counts from that all the same",
    Notice.HARD_LINK: "have a second name (a hard link) and are kept: elsewhere the content would remain;"
    " remove the other name",
    Notice.LINK: "symbolic links, not followed and not touched",
    Notice.NOT_A_FILE: "neither file nor folder (a pipe, a socket, a device), not touched",
    Notice.OTHER_MOUNT: "folders on another file system, not looked into; make each a target of its own",
    Notice.BIN_NOT_TOLD_APART: "bins at the top of the file system that do not say what came from here, not"
    " touched; a person must see to them",
    Notice.ITEMS_UNSEEN: "no messages, and this application cannot list them; grant MailboxItem.ReadWrite"
    " (docs/admin/microsoft-365.md)",
    Notice.FOLDERS_UNSEEN: "folders below it that Microsoft 365 counts and does not show as folders of mail,"
    " so nothing in them is swept; look what they are, and move mail out of them or delete them",
    Notice.ARCHIVE_UNSWEPT: "a mailbox of its own, which Microsoft Graph cannot sweep: what is due there"
    " stays, and the promise is not kept there; empty or disable it (docs/admin/microsoft-365.md)",
}

#: What destruction is worth, and whether the disk is encrypted, by the codes of `Abilities.notes`.
WORTH: Final[dict[str, str]] = {
    "letters-clear": "letters are overwritten in place and unlinked: Clear at most (NIST SP 800-88), and less"
    " on an SSD",
    "letters-unlinked": "letters are unlinked and not overwritten (overwrite = false): less than Clear (NIST"
    " SP 800-88)",
    "letters-copies": "this file system writes elsewhere than where the old bytes lie, so overwriting"
    " destroys nothing: less than Clear (NIST SP 800-88)",
    "letters-share": "a server keeps this folder: what it keeps of what is deleted is not seen here",
    "letters-encrypted": "the disk is encrypted (dm-crypt)",
    "letters-plain": "no encryption is visible under this file system; encrypt the disk (LUKS), for what is"
    " deleted may be found on it",
    "letters-encryption-unseen": "whether the disk is encrypted cannot be seen from here; it should be",
}

OUT_OF_REACH: Final = (
    "backups, snapshots, shadow copies and file versions are out of reach; SharePoint and OneDrive are not"
    " covered, nor is what a sync client copied elsewhere"
)
PAPER: Final = "their originals on paper are in the locked cabinet until the Helplines' Manager destroys them"


def notice_sentence(notice: Notice, count: int, where: str) -> str:
    """One sentence for what was noticed."""
    return f"{count:,}{where}: {NOTICES[notice]}"


def fell_due(plan: Plan) -> int | None:
    """How many electronic letters are past their period; None where the house has no letters."""
    counts = [target.due for target in plan.targets if target.kind is Kind.LETTERS]
    return sum(counts) if counts else None


def paper_sentence(plan: Plan) -> str:
    """The manager's reminder; empty where no letter fell due."""
    count = fell_due(plan)
    if not count:
        return ""
    return f"{count:,} electronic letter{'s' if count > 1 else ''} fell due; {PAPER}."


def as_document(plan: Plan) -> dict[str, Any]:
    """The same for a JSON document; nothing where the house has no letters."""
    count = fell_due(plan)
    return {} if count is None else {"letters": {"fell_due": count, "reminder": PAPER}}
