"""The first minute: a helpline is invented, the real commands run on it, and a plain client counts.

Nothing is acted out. What is typed here can be typed by the reader, and if a count is not as promised, the
demo says so and fails. It writes to a temporary folder alone, and opens no door but one on loopback.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retentiond.config import VARIABLE
from retentiond.demo.authority import found_authority
from retentiond.demo.proof import prove
from retentiond.demo.server import FOLDER_ROLES, EmbeddedServer
from retentiond.demo.settings import write_settings
from retentiond.demo.witness import Found, Witness
from retentiond.demo.world import ADVISORS, HELPLINES, MAILBOXES, ZONE, Fate, World, invent

Run = Callable[[list[str]], int]
Say = Callable[[str], None]

_WIDTH = 88


@dataclass(frozen=True, slots=True)
class Act:
    """Commands with the words before and after them."""

    before: str
    commands: tuple[str, ...]
    after: str = ""


def tell(run: Run, say: Say, *, keeps_folder: bool) -> bool:
    """The whole story; whether everything was as promised.

    `run` runs one command of the real command line and gives its exit code, `say` writes a line.
    """
    started = datetime.now(UTC)
    world = invent(started)
    with _folder(say, keeps_folder=keeps_folder) as folder:
        password = secrets.token_hex(16)
        (folder / "server").mkdir(mode=0o700)
        authority = found_authority(folder / "server")
        with EmbeddedServer({each.address: password for each in MAILBOXES}, authority) as server:
            for each in MAILBOXES:
                with Witness(server, each.alias, each.address, password) as witness:
                    _lay_down(world, each.alias, witness)
            before = _look(server, password)
            told = started.astimezone(ZONE).date() - timedelta(days=60)
            path = write_settings(folder, server, password, told)
            _speak(say, _opening(world, folder))
            say(f"\n$ export {VARIABLE}={path}")
            with _environment(VARIABLE, str(path)):
                for act in acts(world):
                    if not _played(act, run, say):
                        return False
            after = _look(server, password)
        return _proved(say, world, before, after, started, folder)


def acts(world: World) -> Iterator[Act]:
    """The story, act by act."""
    yield Act(
        "Can it reach the mailboxes, and may it do what it must? This changes nothing.",
        ("check",),
    )
    yield Act(
        "First comes the book in which every deed will be entered, and its key.",
        ("ledger init",),
        "The seal in the last line is a fingerprint of the book. Whoever keeps one can tell later"
        " whether the book was cut off or set back.",
    )
    yield Act(
        "An audit is the dry run. It looks at every mailbox, says what would happen and why, and changes"
        " nothing.",
        ("audit",),
        "Nobody is named; a folder goes by what it is for, or by a mark. The lines with ! say that nothing"
        " will be touched before somebody has seen these numbers and agreed to them, target by target. That"
        " is called arming.",
    )
    yield Act(
        "So somebody agrees. If by now more were due than the number says, arming would be refused.",
        tuple(f"arm {each.alias} --destroy {world.leaving(each.alias)}" for each in MAILBOXES),
        "Arming looked at each mailbox afresh, counted, and noted who agreed to what. It also destroyed one"
        " test message of its own, to find out whether this server secretly keeps copies.",
    )
    yield Act(
        "Now the real thing. Each deed is noted in the book before it is done, and believed only after a"
        " fresh look.",
        ("sweep",),
        "Replies that advisors had sent as the helpline went home to the helpline's Sent before anything"
        " was taken from the advisors. What is held stayed. What has no believable date waits for a person.",
    )
    yield Act(
        "A second look: is anything left to do?",
        ("audit",),
    )
    yield Act(
        "And the proof: every link, every signature and every seal of the book is checked.",
        ("ledger verify",),
        "An auditor can do the same without this program, with an export and the public key alone"
        " (docs/auditor.md).",
    )


def _opening(world: World, folder: Path) -> str:
    astray = world.count(Fate.ASTRAY, Fate.ASTRAY_HELD, Fate.ASTRAY_OVERDUE)
    return (
        f"A small invented helpline: {len(HELPLINES)} shared mailboxes, {len(ADVISORS)} advisors,"
        f" {len(world.letters):,} messages of the last eighteen months, on a mail server inside this very"
        f" program. It promised that mail is destroyed after six months. {astray} of its replies lie astray"
        f" in the advisors' own folders, among {world.count(Fate.PRIVATE)} private messages that are nobody's"
        f" business. Nothing of yours is touched: all that is written goes to {folder}."
    )


def _played(act: Act, run: Run, say: Say) -> bool:
    say("")
    _speak(say, act.before)
    for command in act.commands:
        say("")
        say(f"$ retentiond {command}")
        code = run(command.split())
        if code != 0:
            say("")
            _speak(say, f"This is not as promised: that command ended with exit code {code}. The demo stops.")
            return False
    if act.after:
        say("")
        _speak(say, act.after)
    return True


def _proved(
    say: Say, world: World, before: list[Found], after: list[Found], started: datetime, folder: Path
) -> bool:
    say("")
    _speak(
        say,
        "Do not believe the program: a plain mail client, which shares no code with it, counted before and"
        " after.",
    )
    say("")
    claims = prove(world, before, after, started.astimezone(ZONE).date(), folder)
    for claim in claims:
        _speak(say, claim.sentence, first="  ok  " if claim.is_so else "  NO  ", rest="      ")
    is_kept = all(claim.is_so for claim in claims)
    seconds = (datetime.now(UTC) - started).total_seconds()
    say("")
    if not is_kept:
        _speak(say, "NOT as promised: see the lines with NO. Please report them.")
        return False
    _speak(say, f"Everything is as promised, in {seconds:.0f} seconds. What to do next:")
    for line in (
        "retentiond config generate > retentiond.toml   name your server and mailboxes in it",
        "retentiond --config retentiond.toml check      changes nothing, and neither does audit",
        "docs/admin/first-steps.md                      the rest of the way, at your own pace",
    ):
        say(f"  {line}")
    return True


# ── the world around it ──────────────────────────────────────────────────────────────────────────


@contextmanager
def _folder(say: Say, *, keeps_folder: bool) -> Iterator[Path]:
    """A private folder; removed however the story ends, unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="retentiond-demo-")).resolve()
    try:
        yield folder
    finally:
        if keeps_folder:
            say(f"Kept: {folder} (the mail server is gone; the configuration and the ledger can be read).")
        else:
            shutil.rmtree(folder)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """The variable that the reader would export, for as long as the commands run."""
    old = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if old is None:
            del os.environ[name]
        else:
            os.environ[name] = old


def _lay_down(world: World, alias: str, witness: Witness) -> None:
    for folder in world.folders(alias):
        letters = [each for each in world.letters if (each.mailbox, each.folder) == (alias, folder)]
        witness.lay(folder, letters, is_new=folder not in ("INBOX", *FOLDER_ROLES))


def _look(server: EmbeddedServer, password: str) -> list[Found]:
    found: list[Found] = []
    for each in MAILBOXES:
        with Witness(server, each.alias, each.address, password) as witness:
            found.extend(witness.look())
    return found


def _speak(say: Say, words: str, first: str = "", rest: str = "") -> None:
    say(textwrap.fill(words, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))
