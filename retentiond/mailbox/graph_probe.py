"""What a mailbox of Microsoft 365 can promise: abilities, clock, whether it keeps what was destroyed."""

from __future__ import annotations

import secrets

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.errors import MailboxError, Refused, Unreachable, Why
from retentiond.mailbox import graph_destroy, graph_grants
from retentiond.mailbox.base import Abilities
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.graph_answers import Ask
from retentiond.mailbox.graph_session import Session
from retentiond.mailbox.graph_words import Row, segment
from retentiond.mailbox.probe_message import SUBJECT, TEST_NAME, TEXT


def abilities(session: Session) -> Abilities:
    """The verb of the port. `notes` are what an administrator should know."""
    layout = session.layout()
    account = session.line.account
    has_items = bool(session.items_path)
    notes = []
    if not layout.sees_bins:
        notes.append("bins-unseen")
    if not has_items:
        notes.append("items-unseen")
    if session.scope.kind is Kind.HELPLINE:
        notes.append("sent-as-copies")
        if account.single_item_recovery is None:
            notes.append("recovery-assumed")
    return Abilities(
        server="Microsoft 365",
        destroys_exactly=session.can_destroy(),
        carries_in_batches=has_items,
        searches_by_age=False,
        tells_rights=False,
        notes=tuple(notes),
        grants=tuple(graph_grants.grants(session)),
        missing=Why.NO_HARD_DELETE,
    )


def keeps_copies(session: Session) -> bool | None:
    """The verb of the port: one message of our own, in a folder of our own, is destroyed as mail is, and
    looked for in Recoverable Items. None where that cannot be tried, or cannot be seen."""
    layout = session.layout()
    if not layout.sees_bins or not session.can_destroy():
        return None
    try:
        folder = make_folder(session, TEST_NAME + secrets.token_hex(8))
    except Refused:
        return None
    try:
        return _try(session, folder)
    finally:
        unmake_folder(session, folder)


def make_folder(session: Session, name: str) -> Folder:
    """A folder of our own. Raises Refused where the application may not make one."""
    answer = session.line.order(Ask(f"{session.line.user}/mailFolders", "POST", {"displayName": name}))
    if not answer.is_good:
        raise session.line.error(answer)
    identity = answer.body.get("id")
    if not isinstance(identity, str):
        raise Unreachable(session.target, Why.PROTOCOL)
    folder = Folder(identity, name, "test", Role.OTHER, 0)
    session.know(folder)
    return folder


def _try(session: Session, folder: Folder) -> bool | None:
    """The message is read and asks for nothing, so its end cannot make anybody hear of it."""
    body = {
        "subject": SUBJECT,
        "body": {"contentType": "text", "content": TEXT},
        "isRead": True,
    }
    where = f"{session.line.user}/mailFolders/{segment(folder.id)}/messages"
    answer = session.line.order(Ask(where, "POST", body))
    if not answer.is_good:
        return None
    [outcome] = graph_destroy.destroy(session, session.place(folder), [Row(answer.body).key], holds_win=False)
    if outcome.result not in (Result.DONE, Result.RETAINED):
        return None
    return outcome.result is Result.RETAINED


def unmake_folder(session: Session, folder: Folder) -> None:
    """The folder goes as it came; empty, and nobody is told."""
    try:
        session.line.order(
            Ask(f"{session.line.user}/mailFolders/{segment(folder.id)}/permanentDelete", "POST")
        )
        session.layout(afresh=True)
    except MailboxError:
        return
