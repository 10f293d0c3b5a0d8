"""The one answer stands in the guide word for word, and tells nothing of what was found."""

from __future__ import annotations

import re
from pathlib import Path

from retentiond.report.erasure import ANSWER, answer

PAGE = Path(__file__).parents[2] / "docs/admin/erasure.md"


def test_the_guide_has_the_answer_word_for_word() -> None:
    texts = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert texts == [ANSWER.format(receipt="RECEIPT")]


def test_the_answer_differs_by_its_receipt_alone() -> None:
    first, second = answer("E-1"), answer("E-2")
    assert first != second
    assert first.replace("E-1", "") == second.replace("E-2", "")
    assert not re.search(r"\d", first.replace("E-1", ""))
