"""The book names nobody: what an intent had to know is gone once it is settled, and errors carry no words."""

from __future__ import annotations

import logging
import random
import traceback
from pathlib import Path

import pytest

from retentiond.core.deeds import Deed, Intent, Outcome, Phase, Result, StrayMark
from retentiond.core.model import Place, Reason, Role
from retentiond.errors import LedgerDamaged
from retentiond.ledger.book import Ledger
from tests.ledger.books import KEY, NOW, at, founded, tampering

CANARY = "Wolkenkratzer"


def written(directory: Path) -> bytes:
    """Every byte that lies in the ledger's directory, the log of commits included."""
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


def told(ledger: Ledger, number: int, size: int) -> int:
    """An intent with the canary in every place that takes text."""
    place = Place("helpline-1", f"{CANARY} {number}", Role.OTHER, number)
    keys = tuple(f"{CANARY}-{number}-{key}" for key in range(size))
    strays = tuple(StrayMark(key, CANARY.encode(), 1, CANARY.encode()) for key in keys[:2])
    return ledger.intend(
        Intent(place, Phase.ADDING, keys, "helpline-1", Reason.ASTRAY, None, None, "helpline-1", strays)
    )


@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_a_settled_intent_is_left_in_any_file(directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    with founded(directory) as ledger:
        open_now = []
        for number in range(60):
            open_now.append(told(ledger, number, chance.choice([1, 3, 40, 300])))
            ledger.advance(open_now[-1], Phase.REMOVING)
            if chance.random() < 0.6:
                _settle(ledger, open_now.pop(chance.randrange(len(open_now))))
        assert CANARY.encode() in written(directory), "while an intent is open, recovery needs it"
        for number in open_now:
            _settle(ledger, number)
        ledger.swept(at(1), {}, {})
        assert ledger.open_intents() == ()
        assert CANARY.encode() not in written(directory)
        assert CANARY.encode().hex().encode() not in written(directory)
        assert CANARY not in "".join(ledger.export())


def _settle(ledger: Ledger, number: int) -> None:
    place = Place("helpline-1", CANARY, Role.OTHER, 1)
    outcome = Outcome(place, Result.FAILED, (CANARY,), why=CANARY)
    ledger.settle(number, [Deed(outcome, bytes(32))], NOW)


def test_forgotten_marks_are_gone_from_the_file(directory: Path) -> None:
    with founded(directory) as ledger:
        ledger.first_seen("helpline-1", [CANARY.encode()], at(0), at(5))
        ledger.forget_expired(at(5))
        ledger.swept(at(6), {}, {})
        assert CANARY.encode() not in written(directory)


def test_an_error_of_the_database_carries_none_of_its_words(
    directory: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with founded(directory) as ledger:
        told(ledger, 1, 3)
        with tampering(directory) as database:
            database.execute("DROP TABLE intent")
            database.execute("CREATE TABLE intent (target TEXT)")
        with pytest.raises(LedgerDamaged) as damage:
            told(ledger, 2, 3)
    words = "".join(traceback.format_exception(damage.value)) + repr(damage.value) + str(damage.value)
    assert CANARY not in words
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capsys.readouterr())


def test_the_secret_is_in_no_file_and_no_description(directory: Path) -> None:
    with founded(directory) as ledger:
        ledger.swept(at(1), {}, {})
        for secret in (KEY, ledger.mark_key, ledger.plan_key):
            assert secret not in written(directory)
            assert secret.hex() not in repr(ledger) + repr(ledger._keys)
