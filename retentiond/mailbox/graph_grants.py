"""What an application may do in one mailbox: found out by asking for nothing, and by what its token says.

A permission that is granted within a scope of Exchange (RBAC for Applications) stands in no token; so each is
tried on an item that cannot be. A server that refuses because there is no such thing would have let us. A
permission that does stand in the token is consented for the whole tenant, and no scope narrows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from retentiond.core.model import Kind
from retentiond.mailbox.base import Grant, Granted
from retentiond.mailbox.graph_answers import Ask
from retentiond.mailbox.graph_session import NOTHING, Session
from retentiond.mailbox.graph_words import SIZE, expanded, query, text

#: What a helpline's application needs, and an advisors'; by the names that Exchange gives to its roles.
NEEDED = {
    Kind.HELPLINE: ("Mail.ReadWrite", "MailboxItem.ReadWrite", "MailboxItem.ImportExport"),
    Kind.ADVISOR: ("Mail.Read", "MailboxItem.ReadWrite", "MailboxItem.Export"),
}
#: What a cloud says that has no such thing at all: nothing may be done there.
_NO_SUCH_DOOR = "resourcenotfound"
#: What may be consented for the whole tenant, for it cannot be scoped and shows no mail.
_HARMLESS = frozenset(("User.Read.All", "User.ReadBasic.All"))
#: What is more than an advisors' application needs.
_EXCESS = {Kind.HELPLINE: (), Kind.ADVISOR: ("Mail.ReadWrite", "MailboxItem.ImportExport")}


def grants(session: Session) -> Iterator[Grant]:
    """How it stands with each permission that is needed, or is too much."""
    kind = session.scope.kind
    wide = sorted(session.line.badge.roles(session.target) - _HARMLESS)
    yield Grant("User.Read.All", Granted.HERE if session.items_path else Granted.MISSING)
    for permission in NEEDED[kind]:
        yield Grant(permission, Granted.HERE if _may(session, permission) else Granted.MISSING)
    for permission in _EXCESS[kind]:
        if _may(session, permission):
            yield Grant(permission, Granted.UNNEEDED)
    for permission in wide:
        yield Grant(permission, Granted.TENANT_WIDE)


def _may(session: Session, permission: str) -> bool:
    """Whether the server would have done what it was asked to do with nothing."""
    ask = _asks(session)[permission]
    if ask is None:
        return False
    answer = session.line.ask(ask)
    return answer.status not in (401, 403) and answer.code != _NO_SUCH_DOOR


def _asks(session: Session) -> dict[str, Ask | None]:
    user, items = session.line.user, session.items_path
    nobody = query(
        select="id", filter=f"internetMessageId eq {text(NOTHING)}", expand=expanded((SIZE,)), top="1"
    )
    return {
        "Mail.Read": Ask(f"{user}/mailFolders/sentitems/messages?{nobody}"),
        "Mail.ReadWrite": Ask(f"{user}/messages/{NOTHING}", "PATCH", {"categories": []}),
        "MailboxItem.ReadWrite": Ask(
            f"{items}/folders/inbox/items/{NOTHING}?disposalType=hardDelete", "DELETE"
        )
        if items
        else None,
        "MailboxItem.Export": Ask(f"{items}/exportItems", "POST", {"ItemIds": [NOTHING]}) if items else None,
        "MailboxItem.ImportExport": Ask(f"{items}/createImportSession", "POST", {}) if items else None,
    }
