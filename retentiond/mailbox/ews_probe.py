"""What an Exchange server can promise: its abilities, its clock, and whether it keeps what was destroyed."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.errors import MailboxError, Refused
from retentiond.mailbox import ews_carry, ews_destroy
from retentiond.mailbox.base import Abilities, Message
from retentiond.mailbox.ews_session import Session, only
from retentiond.mailbox.ews_words import M, NotUnderstood, contains, id_of, tag, text
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.probe_message import TEST_NAME, mime

_NAMES = {"15.1": "Exchange Server 2016", "15.2": "Exchange Server 2019 or Subscription Edition"}


def abilities(session: Session) -> Abilities:
    """The verb of the port. `notes` are what an administrator should know."""
    layout = session.layout()
    version = session.line.server
    name = _NAMES.get(".".join(version.split(".")[:2]), "Exchange Server")
    account = session.line.account
    notes = []
    if not layout.sees_bins:
        notes.append("bins-unseen")
    if session.scope.kind is Kind.ADVISOR and (layout.sees_bins or account.is_impersonating):
        notes.append("too-many-rights")
    if session.scope.kind is Kind.HELPLINE:
        notes.append("sent-as-copies")
        if account.single_item_recovery is None:
            notes.append("recovery-undeclared")
    return Abilities(
        server=f"{name} ({version})" if version else name,
        destroys_exactly=True,
        carries_in_batches=True,
        searches_by_age=False,
        tells_rights=True,
        notes=tuple(notes),
    )


def keeps_copies(session: Session) -> bool | None:
    """The verb of the port: one message of our own, in a folder of our own, is destroyed as mail is, and
    looked for in Recoverable Items. None where that cannot be tried, or cannot be seen."""
    layout = session.layout()
    if not layout.sees_bins or not layout.top:
        return None
    try:
        folder = _made(session)
    except Refused:
        return None
    try:
        return _try(session, folder)
    finally:
        with suppress(MailboxError):
            ids = tag("m:FolderIds", tag("t:FolderId", Id=folder.id))
            session.line.ask(
                "DeleteFolder", tag("m:DeleteFolder", ids, DeleteType="HardDelete"), 1, orders=True
            )
        session.layout(afresh=True)


def _made(session: Session) -> Folder:
    """A folder of our own below the top. Raises Refused where the login may not make one."""
    name = TEST_NAME + secrets.token_hex(8)
    fields = tag("t:FolderClass", "IPF.Note") + tag("t:DisplayName", text(name))
    where = tag("m:ParentFolderId", tag("t:FolderId", Id=session.layout().top))
    body = tag("m:CreateFolder", where, tag("m:Folders", tag("t:Folder", fields)))
    [reply] = session.line.ask("CreateFolder", body, 1, orders=True)
    if not reply.is_good:
        raise session.line.error(reply.code)
    try:
        identity, _ = id_of(only(reply.element, M + "Folders/*"), "FolderId")
    except NotUnderstood:
        raise session.line.error("ErrorUnknownAnswer") from None
    folder = Folder(identity, name, "test", Role.OTHER, 0)
    session.know(folder)
    return folder


def _try(session: Session, folder: Folder) -> bool | None:
    message_id = f"<{secrets.token_hex(16)}@retentiond.example>"
    content = mime(message_id[1:-1])
    moment = datetime.now(UTC).replace(microsecond=0)
    place = session.place(folder)
    ews_carry.add(session, place, [Message("", content, moment, frozenset({"\\Seen"}))])
    where = contains("message:InternetMessageId", message_id)
    keys = [row.key for _, row in session.found([folder], (), where)]
    if len(keys) != 1:
        return None
    [outcome] = ews_destroy.destroy(session, place, keys, holds_win=False)
    if outcome.result not in (Result.DONE, Result.RETAINED):
        return None
    return outcome.result is Result.RETAINED
