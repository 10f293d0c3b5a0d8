"""What two persons agree to: only this, only so much, only within the day, only once, and never alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond import approvals
from retentiond.approvals import FILE, Request
from retentiond.errors import ApprovalRefused

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WANTED = Request("purge", ("line",), "ab" * 32, 120)


def agreed_to(directory: Path, request: Request = WANTED) -> approvals.Asked:
    """Asked by one, agreed to by another."""
    asked = approvals.ask(directory, request, 1001, NOW)
    approvals.agree(directory, asked, request.number, 1002, NOW)
    return replace(asked, agreed_by=1002)


def refusal(directory: Path, code: str, number: int, by: int | None, now: datetime = NOW) -> str:
    with pytest.raises(ApprovalRefused) as caught:
        approvals.agree(directory, approvals.find(directory, code, now), number, by, now)
    return caught.value.what


def test_what_was_agreed_to_holds_once(tmp_path: Path) -> None:
    asked = agreed_to(tmp_path)
    assert approvals.agreed(tmp_path, WANTED, NOW) == asked
    approvals.spend(tmp_path, asked, NOW)
    assert approvals.agreed(tmp_path, WANTED, NOW) is None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@given(
    what=st.sampled_from(["purge", "arm"]),
    targets=st.sampled_from([("line",), ("other",), ("line", "other"), ()]),
    digest=st.sampled_from(["ab" * 32, "cd" * 32]),
    number=st.integers(0, 240),
    age=st.timedeltas(timedelta(minutes=-30), timedelta(hours=48)),
)
def test_nothing_else_and_nothing_more_was_agreed_to(
    tmp_path_factory: pytest.TempPathFactory,
    what: str,
    targets: tuple[str, ...],
    digest: str,
    number: int,
    age: timedelta,
) -> None:
    directory = tmp_path_factory.mktemp("approvals")
    agreed_to(directory)
    request = Request(what, targets, digest, number)
    is_it = replace(request, number=WANTED.number) == WANTED and number <= WANTED.number
    is_in_time = timedelta(minutes=-5) <= age < timedelta(hours=24)
    assert (approvals.agreed(directory, request, NOW + age) is not None) is (is_it and is_in_time)


def test_nobody_agrees_with_themselves_and_root_is_nobody(tmp_path: Path) -> None:
    asked = approvals.ask(tmp_path, WANTED, 1001, NOW)
    assert refusal(tmp_path, asked.code, 120, 1001) == "same"
    assert refusal(tmp_path, asked.code, 120, None) == "nobody"
    assert refusal(tmp_path, asked.code, 119, 1002) == "number"
    assert refusal(tmp_path, asked.code, 121, 1002) == "number"
    assert refusal(tmp_path, "AAAA-AAAA", 120, 1002) == "unknown"
    assert refusal(tmp_path, asked.code, 120, 1002, NOW + timedelta(hours=24)) == "unknown"
    assert approvals.agreed(tmp_path, WANTED, NOW) is None
    with pytest.raises(ApprovalRefused):
        approvals.ask(tmp_path, WANTED, None, NOW)


def test_a_code_is_heard_however_it_is_said(tmp_path: Path) -> None:
    asked = approvals.ask(tmp_path, WANTED, 1001, NOW)
    spoken = asked.code.replace("-", " ").lower()
    assert approvals.find(tmp_path, spoken, NOW) == asked
    assert approvals.ask(tmp_path, WANTED, 1001, NOW) == asked
    assert approvals.ask(tmp_path, WANTED, 1003, NOW).code != asked.code


@pytest.mark.parametrize("content", ["", "[", "{}", "[1]", '[{"what": "purge"}]', "null", '"x"'])
def test_a_file_that_nobody_understands_holds_no_agreement(tmp_path: Path, content: str) -> None:
    agreed_to(tmp_path)
    (tmp_path / FILE).write_text(content)
    assert approvals.agreed(tmp_path, WANTED, NOW) is None
