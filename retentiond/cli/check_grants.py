"""What `check` says of an application's permissions, and the command that puts each of them right."""

from __future__ import annotations

from collections.abc import Iterator

from retentiond.errors import Exit
from retentiond.mailbox.base import Abilities, Granted

_PAGE = "docs/admin/microsoft-365.md"


def answers(abilities: Abilities) -> Iterator[tuple[str, str, int]]:
    """Lines as what, answer, exit code."""
    by_state: dict[Granted, list[str]] = {}
    for grant in abilities.grants:
        by_state.setdefault(grant.state, []).append(grant.permission)
    if here := by_state.get(Granted.HERE):
        yield "permissions", f"granted here: {', '.join(here)}", Exit.DONE
    for permission in by_state.get(Granted.MISSING, ()):
        yield "permissions", f"{permission} is missing: {_to_grant(permission)}", Exit.FINDINGS
    for permission in by_state.get(Granted.UNNEEDED, ()):
        yield (
            "permissions",
            f"{permission} is more than is needed: Remove-ManagementRoleAssignment of"
            f' "Application {permission}" ({_PAGE})',
            Exit.FINDINGS,
        )
    for permission in by_state.get(Granted.TENANT_WIDE, ()):
        yield (
            "permissions",
            f"{permission} is consented for the whole tenant, and no scope narrows that:"
            f" Remove-MgServicePrincipalAppRoleAssignment ({_PAGE})",
            Exit.FINDINGS,
        )


def _to_grant(permission: str) -> str:
    if permission.startswith("User."):
        return f"an administrator's consent in Entra ({_PAGE})"
    command = f'New-ManagementRoleAssignment -Role "Application {permission}" -App … -CustomResourceScope …'
    return f"{command} ({_PAGE})"
