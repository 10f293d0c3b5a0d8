"""The newcomer's first minute is true: the real commands run, nothing is left behind, and it can fail."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from retentiond.demo.proof import prove
from retentiond.demo.story import tell
from retentiond.demo.witness import Found
from retentiond.demo.world import ADVISORS, HELPLINES, ODD_WORD, ZONE, Fate, Letter, World, invent
from tests.first_minute import ROOT, first_minute, run_demo
from tests.servers.canary import assert_no_canary

NOW = datetime(2026, 9, 30, 10, 15, tzinfo=UTC)

# ── one run, as a newcomer sees it ───────────────────────────────────────────────────────────────


def test_the_first_minute_ends_well_and_in_time() -> None:
    minute = first_minute()
    assert minute.exit_code == 0, minute.said[-3000:]
    assert "Everything is as promised" in minute.flowing
    assert "  NO  " not in minute.said
    assert minute.seconds < 60


def test_the_real_commands_run_in_the_order_in_which_an_admin_types_them() -> None:
    typed = re.findall(r"^\$ retentiond (.+)$", first_minute().said, re.M)
    assert [re.sub(r"\d+$", "N", command) for command in typed] == [
        "check",
        "ledger init",
        "audit",
        *(f"arm {each.alias} --destroy N" for each in (*HELPLINES, *ADVISORS)),
        "sweep",
        "audit",
        "ledger verify",
    ]


def test_the_numbers_that_are_agreed_to_are_those_that_the_audit_named() -> None:
    said = first_minute().said
    named = re.findall(r"not armed: retentiond (arm \S+ --destroy \d+)$", said, re.M)
    agreed = re.findall(r"^\$ retentiond (arm .+)$", said, re.M)
    assert sorted(named) == sorted(agreed)


def test_what_was_looked_at_twice_has_nothing_left_to_do() -> None:
    said = first_minute().flowing
    # How many letters lie before the cutoff differs by the day; a sweep does what its audit named.
    due, astray = map(int, re.findall(r"Due: (\d+)\. Astray: (\d+)\.", said)[0])
    assert due > 600
    assert astray == 35
    assert f"{due + astray} items done; looked again" in said
    assert "Nothing is due and nothing is astray. Held: 6. For review: 1." in said
    assert re.search(
        r"The ledger verifies: \d+ entries, 2 signed checkpoints, \d+ seals, 0 open intents", said
    )


def test_nothing_is_left_in_the_temporary_folder_nor_at_home() -> None:
    assert first_minute().left == ()


def test_nothing_that_is_said_names_a_correspondent_or_a_subject() -> None:
    said = first_minute().said
    assert ODD_WORD not in said.lower()
    addresses = set(re.findall(r"[\w.-]+@[\w.-]+", said))
    assert addresses == set()


def test_the_folder_is_kept_on_request_and_the_book_in_it_still_verifies(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    done = run_demo(home, temporary, "--keep")
    assert done.returncode == 0, done.stdout[-3000:]
    [folder] = temporary.iterdir()
    assert f"Kept: {folder}" in done.stdout
    open_to_others = [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
    assert [path.name for path in open_to_others if path.name not in ("ledger.pub",)] == []
    assert_no_canary([folder])
    assert all(ODD_WORD.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    command = [sys.executable, "-m", "retentiond", "--config", str(folder / "retentiond.toml")]
    verified = subprocess.run(
        [*command, "ledger", "verify"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stderr
    assert "The ledger verifies" in verified.stdout


def test_without_its_mail_server_the_demo_says_what_to_install_in_one_sentence() -> None:
    program = (
        "import sys; sys.modules['pymap'] = None\nfrom retentiond.cli import run\nsys.exit(run(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'retentiond[demo]'" in done.stderr


def test_a_command_that_does_not_end_well_stops_the_story() -> None:
    said: list[str] = []
    assert not tell(lambda words: 3 if words == ["audit"] else 0, said.append, keeps_folder=False)
    assert "that command ended with exit code 3" in " ".join(" ".join(said).split())
    assert not any("sweep" in line for line in said if line.startswith("$"))


def test_a_sweep_that_says_it_is_done_and_did_nothing_is_found_out() -> None:
    """The counts at the end come from a plain client, not from the commands."""
    said: list[str] = []
    assert not tell(lambda words: 0, said.append, keeps_folder=False)
    text = " ".join(" ".join(said).split())
    assert "NO 0 messages are gone from the helplines' mailboxes" in text
    assert "NOT as promised" in text


# ── the invented world ───────────────────────────────────────────────────────────────────────────

#: Ends of months, a leap day, the nights on which clocks change, and shortly after midnight.
DAYS = [
    datetime(2026, 8, 31, 12, tzinfo=UTC),
    datetime(2026, 8, 28, 12, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2027, 3, 1, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
    datetime(2027, 6, 30, 23, 30, tzinfo=UTC),
]


@pytest.mark.parametrize("now", DAYS, ids=str)
def test_the_world_promises_the_same_on_every_day_and_across_midnight(now: datetime) -> None:
    world = invent(now)
    days = sorted({letter.received.astimezone(ZONE).date() for letter in world.letters})
    assert days[0].year == 1994
    assert now - timedelta(days=560) < min(_believed(world)) < now - timedelta(days=500)
    assert max(_believed(world)) <= now
    for later in (now, now + timedelta(days=1)):
        claims = prove(
            world, _laid(world), _kept_promise(world), later.astimezone(ZONE).date(), Path("/none")
        )
        assert [claim.sentence for claim in claims if not claim.is_so] == []


def test_the_world_is_large_enough_to_show_everything() -> None:
    world = invent(NOW)
    counts = Counter(letter.fate for letter in world.letters)
    assert 1_000 < len(world.letters) < 1_500
    assert all(counts[fate] for fate in Fate)
    assert all(ODD_WORD.encode() in letter.content for letter in world.letters)


def _believed(world: World) -> list[datetime]:
    return [letter.received for letter in world.letters if letter.fate is not Fate.REVIEW]


# ── the proof can fail ───────────────────────────────────────────────────────────────────────────


def _laid(world: World) -> list[Found]:
    return [_found(letter, uid) for uid, letter in enumerate(world.letters, 1)]


def _found(letter: Letter, uid: int) -> Found:
    return Found(letter.mailbox, letter.folder, uid, letter.content, letter.received, frozenset(letter.flags))


def _kept_promise(world: World) -> list[Found]:
    """What a plain client sees when everything went as promised."""
    after = []
    at_home = {letter.content for letter in world.letters if letter.fate is Fate.KEPT}
    for uid, letter in enumerate(world.letters, 1):
        match letter.fate:
            case Fate.DUE | Fate.ASTRAY_OVERDUE:
                continue
            case Fate.ASTRAY | Fate.ASTRAY_HELD:
                if letter.content not in at_home:
                    after.append(replace(_found(letter, 5_000 + uid), mailbox=letter.home, folder="Sent"))
            case _:
                after.append(_found(letter, uid))
    return after


def _index(world: World, after: Sequence[Found], fate: Fate) -> int:
    content = next(letter.content for letter in world.letters if letter.fate is fate)
    return next(index for index, found in enumerate(after) if found.content == content)


Fault = Callable[[World, list[Found]], None]


def _lose(fate: Fate) -> Fault:
    def fault(world: World, after: list[Found]) -> None:
        del after[_index(world, after, fate)]

    return fault


def _change(fate: Fate, **fields: object) -> Fault:
    def fault(world: World, after: list[Found]) -> None:
        index = _index(world, after, fate)
        after[index] = replace(after[index], **fields)  # type: ignore[arg-type]

    return fault


def _double(world: World, after: list[Found]) -> None:
    after.append(replace(after[_index(world, after, Fate.ASTRAY)], uid=99_999))


def _leave(fate: Fate) -> Fault:
    def fault(world: World, after: list[Found]) -> None:
        letter = next(letter for letter in world.letters if letter.fate is fate)
        after.append(_found(letter, 1))

    return fault


FAULTS: dict[str, Fault] = {
    "a message is destroyed too early": _lose(Fate.KEPT),
    "a message that is due stays": _leave(Fate.DUE),
    "a held message is destroyed": _lose(Fate.HELD),
    "a message without a believable date is destroyed": _lose(Fate.REVIEW),
    "a reply is lost on the way home": _lose(Fate.ASTRAY),
    "a reply comes home twice": _double,
    "a reply comes home with another date": _change(Fate.ASTRAY, received=NOW),
    "a reply comes home without its flags": _change(Fate.ASTRAY, flags=frozenset()),
    "a reply stays astray": _leave(Fate.ASTRAY),
    "an overdue reply stays astray": _leave(Fate.ASTRAY_OVERDUE),
    "a hold is lost on the way home": _change(Fate.ASTRAY_HELD, flags=frozenset({"\\Seen"})),
    "private mail is destroyed": _lose(Fate.PRIVATE),
    "private mail is flagged": _change(Fate.PRIVATE, flags=frozenset({"\\Flagged"})),
    "private mail is moved": _change(Fate.PRIVATE, folder="Junk"),
    "what is kept gets a new number": _change(Fate.KEPT, uid=99_999),
    "something appears from nowhere": _change(Fate.KEPT, content=b"a test message"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_proof_finds_out_when(fault: Fault, tmp_path: Path) -> None:
    world = invent(NOW)
    after = _kept_promise(world)
    today: date = NOW.astimezone(ZONE).date()
    assert all(claim.is_so for claim in prove(world, _laid(world), after, today, tmp_path))
    fault(world, after)
    assert not all(claim.is_so for claim in prove(world, _laid(world), after, today, tmp_path))


def test_the_proof_finds_out_when_a_file_holds_what_was_said(tmp_path: Path) -> None:
    world = invent(NOW)
    (tmp_path / "log").write_text(f"From: {ODD_WORD.upper()}\n")
    claims = prove(world, _laid(world), _kept_promise(world), NOW.astimezone(ZONE).date(), tmp_path)
    assert [claim.is_so for claim in claims].count(False) == 1
