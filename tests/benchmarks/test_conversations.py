"""What following conversations costs: a sweep by conversation beside one by message, in one run.

Run by name: `./run test -m benchmark -s tests/benchmarks/test_conversations.py`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.benchmarks.test_against_the_tools import Race, index, own_sweep
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, fill, letter
from tests.stories.real_world import Helpline
from tests.stories.test_conversation_stories import BY_CONVERSATION
from tests.stories.world import cutoff

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def year(many: int, old: int) -> Iterator[Seed]:
    """`many` that are not due, and `old` that are; each fourth of these has an answer among the others."""
    first, span = cutoff() + timedelta(days=1), datetime.now(UTC) - cutoff() - timedelta(days=2)
    for n in range(old):
        yield Seed(letter(f"old{n}@post.example", canary=""), cutoff() - timedelta(days=3 + n % 90), ())
    for n in range(many):
        parent = f"old{n}@post.example" if n % 4 == 0 and n < old else f"new{n - 1}@post.example"
        content = letter(f"new{n}@post.example", in_reply_to=parent if n % 2 == 0 else "", canary="")
        yield Seed(content, (first + span * (n / many)).replace(microsecond=0), ())


@pytest.mark.parametrize(("many", "old"), [(20_000, 15), (20_000, 2_000), (100_000, 15), (100_000, 2_000)])
def test_by_conversation(many: int, old: int, dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    """Few due, whose relatives are searched for by name; and many, for whom all numbers are read."""
    server = dovecot_factory()
    race = Race()
    messages = list(year(many, old))
    for turn in range(3):
        stories = {}
        for clock, policy in (("by message", ""), ("by conversation", BY_CONVERSATION)):
            line, nobody = server.new_user("line"), server.new_user("nobody")
            fill(server, line, "INBOX", messages)
            index(server, line, "INBOX")
            directory = tmp_path / f"{turn}{clock[3]}"
            directory.mkdir()
            stories[clock] = Helpline(server, directory, line, nobody)
            stories[clock].write_configuration(policy)
            stories[clock].arm()
        for clock, story in stories.items():
            with race.run(f"{clock}, the first sweep"):
                own_sweep(story)
            with race.run(f"{clock}, the next"):
                own_sweep(story)
    race.show(f"{many:,} not due, {old:,} due", "by message, the first sweep")


def test_a_million_due_items_by_message_and_by_conversation() -> None:
    """Beside each other, each in a process of its own; neither takes more than the house allows."""
    took = {}
    for clock in ("message", "conversation"):
        command = [sys.executable, "-m", "tests.benchmarks.million", clock, "1000000"]
        told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        took[clock] = int(told.stdout)
    print(
        f"a million due items: {took['message']} MiB by message, {took['conversation']} MiB by conversation"
    )
    assert max(took.values()) < 150
