"""`check` tells which permissions of an application are there, missing, too many, or void their scope."""

from __future__ import annotations

from pathlib import Path

import pytest

from retentiond.core.model import Kind
from retentiond.mailbox.graph_grants import NEEDED
from tests.servers.graph import Graph
from tests.stories.graph_world import Cloud


def test_what_is_granted_within_the_scope_is_told(graph: Graph, tmp_path: Path) -> None:
    cloud = Cloud(graph, tmp_path)
    assert cloud.run("check") == 0, cloud.complaints
    for name, kind in (("line", Kind.HELPLINE), ("ana", Kind.ADVISOR)):
        told = f"{name}: permissions: granted here: User.Read.All, {', '.join(NEEDED[kind])}\n"
        assert told in cloud.printed[-1]
    assert graph.sent == []


@pytest.mark.parametrize("permission", NEEDED[Kind.HELPLINE])
def test_what_is_missing_is_told_with_its_command(graph: Graph, tmp_path: Path, permission: str) -> None:
    cloud = Cloud(graph, tmp_path)
    cloud.helplines.scopes[permission].clear()
    assert cloud.run("check", "--only", "line") != 0
    if permission != "Mail.ReadWrite":  # without that nothing can be looked at either
        assert f"{permission} is missing: New-ManagementRoleAssignment" in cloud.complaints


def test_a_consent_for_the_whole_tenant_beside_a_scope_is_a_finding(graph: Graph, tmp_path: Path) -> None:
    cloud = Cloud(graph, tmp_path)
    cloud.helplines.consent("Mail.ReadWrite")
    graph.expire_tokens()
    assert cloud.run("check") == 1
    told = "line: permissions: Mail.ReadWrite is consented for the whole tenant, and no scope narrows that"
    assert told in cloud.complaints
    assert "ana: permissions" not in cloud.complaints
    cloud.helplines.revoke("Mail.ReadWrite")
    assert cloud.run("check") == 0


def test_what_the_advisors_application_has_too_much_is_told(graph: Graph, tmp_path: Path) -> None:
    cloud = Cloud(graph, tmp_path)
    cloud.advisors.scope([cloud.ana.address], "Mail.ReadWrite")
    assert cloud.run("check") == 1
    assert "ana: permissions: Mail.ReadWrite is more than is needed" in cloud.complaints


def test_nothing_is_changed_by_the_trial(graph: Graph, tmp_path: Path) -> None:
    cloud = Cloud(graph, tmp_path)
    before = cloud.everything()
    cloud.run("check")
    assert cloud.everything() == before
    cloud.no_canary()
