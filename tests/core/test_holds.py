"""By what a look knows again what the register keeps."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from retentiond.core.holds import Ground, Registered, Sign, Sought, sought
from retentiond.core.model import Kind

NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


def registered(target: str, mark: bytes, *, is_conversation: bool = False) -> Registered:
    signs = (Sign(mark, target, NOW),)
    return Registered("id", target, "uid 1000", Ground.CHILD, date(2026, 12, 22), NOW, signs, is_conversation)


@pytest.mark.parametrize(
    ("target", "kind", "known"),
    [
        ("line", Kind.HELPLINE, Sought(frozenset((b"one",)))),
        ("youth", Kind.HELPLINE, Sought(frozenset((b"two",)), frozenset((b"two",)))),
        ("ana", Kind.ADVISOR, Sought(frozenset((b"one", b"two")), frozenset((b"two",)))),
        ("letters", Kind.LETTERS, Sought()),
    ],
)
def test_an_advisors_mailbox_may_hold_what_any_helpline_keeps(target: str, kind: Kind, known: Sought) -> None:
    holds = [registered("line", b"one"), registered("youth", b"two", is_conversation=True)]
    assert sought(holds, target, kind) == known
