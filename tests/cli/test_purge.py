"""What was saved and reviewed is what is purged: less where less is left, and never more."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from retentiond.demo.server import EmbeddedServer
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, ASTRAY, DUE, HELPLINE, OLD, Office, mail
from tests.servers.client import signed_in


@pytest.fixture
def plan(office: Office, tmp_path: Path) -> Path:
    """A plan of both targets, which are armed."""
    office.arm_all()
    return save(office, tmp_path / "plan.json")


def save(office: Office, path: Path) -> Path:
    told = office.run("audit", "--save", str(path))
    assert told.code == 0, told.err
    assert f"retentiond purge {path}" in told.out
    office.papers.append(path)
    return path


def refused(office: Office, plan: Path, *words: str) -> None:
    with office.untouched():
        told = office.run("purge", str(plan)).has(3, *words, "nothing was done", "retentiond audit --save")
        assert told.out == ""
        assert len(told.err.splitlines()) == 1


def test_what_was_reviewed_is_purged(office: Office, plan: Path) -> None:
    told = office.run("purge", str(plan))
    assert told.code == 0, told.err
    assert f"{DUE + ASTRAY} items done" in told.out
    office.run("audit").is_done("Nothing is due and nothing is astray.")


def test_a_plan_is_for_its_owner_alone_and_says_what_it_would_do(office: Office, plan: Path) -> None:
    assert plan.stat().st_mode & 0o777 == 0o600
    document = json.loads(plan.read_text())
    assert sum(part["count"] for part in document["parts"]) == DUE + ASTRAY
    assert {part["folder"] for part in document["parts"]} == {"inbox", "sent", "trash"}
    assert {part["verdict"] for part in document["parts"]} == {"destroy", "refile"}


def test_less_than_the_plan_is_done_and_more_never(office: Office, plan: Path) -> None:
    """Since the review one item was held, one was deleted by somebody, and one more arrived that is due."""
    with signed_in(office.server, office.people[HELPLINE]) as client:
        client.select_folder("INBOX")
        first, second, third = client.search(
            ["UNKEYWORD", "$RetentionHold", "BEFORE", datetime.now(UTC) - OLD / 2]
        )
        client.add_flags([first], ["$RetentionHold"])
        client.delete_messages([second])
        client.uid_expunge([second])
    office.put(HELPLINE, {"INBOX": mail(1, OLD, "late")})
    before = set(office.contents(HELPLINE)["INBOX"])
    told = office.run("purge", str(plan), "--json")
    assert told.code in (0, 1), told.err
    assert before - set(office.contents(HELPLINE)["INBOX"]) == {third}
    assert office.run("audit", "--only", HELPLINE, "--json").document["targets"][0]["destroy"] == 1


def test_a_plan_may_be_saved_beside_a_document_that_stays_one(office: Office, tmp_path: Path) -> None:
    told = office.run("audit", "--json", "--save", str(tmp_path / "plan.json"))
    assert told.document["exit_code"] == told.code == 0
    assert json.loads((tmp_path / "plan.json").read_text())["digest"] == told.document["digest"]
    office.papers.append(tmp_path / "plan.json")


def test_a_plan_may_be_carried_out_twice(office: Office, plan: Path) -> None:
    assert office.run("purge", str(plan)).code == 0
    with office.untouched():
        assert office.run("purge", str(plan)).code == 0


def test_an_unarmed_target_is_not_purged(office: Office, tmp_path: Path) -> None:
    plan = save(office, tmp_path / "plan.json")
    with office.untouched():
        office.run("purge", str(plan)).has(1, HELPLINE, "not armed")


def _more_keys(document: dict[str, object]) -> None:
    document["parts"][0]["keys"] = "1:999999"  # type: ignore[index]


def _younger(document: dict[str, object]) -> None:
    document["made"] = datetime.now(UTC).isoformat()


def _unsigned(document: dict[str, object]) -> None:
    del document["hmac"]


@pytest.mark.parametrize("change", [_more_keys, _younger, _unsigned])
def test_an_altered_plan_is_refused(
    office: Office, plan: Path, change: Callable[[dict[str, object]], None]
) -> None:
    document = json.loads(plan.read_text())
    change(document)
    plan.write_text(json.dumps(document))
    refused(office, plan, "altered since it was saved")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'"plan"', b"null"])
def test_what_is_no_plan_is_refused(office: Office, plan: Path, content: bytes) -> None:
    plan.write_bytes(content)
    refused(office, plan, "altered since it was saved")


def test_the_plan_of_another_ledger_is_refused(
    new_office: NewOffice, embedded: EmbeddedServer, office: Office, tmp_path: Path
) -> None:
    other = new_office(embedded).furnish()
    refused(office, save(other, tmp_path / "plan.json"), "another ledger")


def test_a_plan_older_than_a_day_is_refused(office: Office, plan: Path) -> None:
    with freeze_time(datetime.now(UTC) + timedelta(hours=25), tick=True, real_asyncio=True):
        refused(office, plan, "older than a day")


def test_a_plan_from_the_future_is_refused(office: Office, plan: Path) -> None:
    with freeze_time(datetime.now(UTC) - timedelta(hours=1), tick=True, real_asyncio=True):
        refused(office, plan, "older than a day")


def test_a_plan_of_other_rules_is_refused(office: Office, plan: Path) -> None:
    office.targets[HELPLINE]["hold_keyword"] = "$Label1"
    office.write()
    refused(office, plan, "rules have changed")


def test_a_plan_of_a_target_that_is_no_more_is_refused(office: Office, plan: Path) -> None:
    del office.targets[ADVISOR]
    office.write()
    refused(office, plan, "rules have changed")


def test_a_plan_is_saved_only_with_a_ledger_that_can_vouch_for_it(
    new_office: NewOffice, embedded: EmbeddedServer, tmp_path: Path
) -> None:
    office = new_office(embedded).furnish(with_ledger=False)
    office.put(HELPLINE, {"INBOX": mail(1, timedelta(days=1))})
    office.run("audit", "--save", str(tmp_path / "plan.json")).has(65, "retentiond ledger init")
    assert not (tmp_path / "plan.json").exists()


def test_a_plan_that_cannot_be_written_is_said_so(office: Office, tmp_path: Path) -> None:
    office.run("audit", "--save", str(tmp_path / "nowhere" / "plan.json")).has(
        2, "--save", "cannot be written"
    )
