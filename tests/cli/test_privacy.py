"""Whatever breaks in the middle of whichever command, nobody's name is in anything that is written (P7).

The canary is in every address, subject, text, file name and keyword, in a folder's name, in the password, and
in what the library says when it breaks. All that was said and written is searched when a test is over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from imapclient.tls import IMAP4_TLS

from retentiond.demo.server import EmbeddedServer
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, HELPLINE, OLD, YOUNG, Office, mail, received
from tests.servers.seed import CANARY, Seed, letter

ANN = f"{CANARY}.ann@{CANARY}.example"
LONG_AGO = (received(timedelta(days=190))).date().isoformat()


def decoding() -> UnicodeDecodeError:
    return UnicodeDecodeError("utf-8", f"Subject: {CANARY} \xff".encode("latin-1"), 0, 1, CANARY)


def grouped() -> Exception:
    error = ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(ANN)])
    error.add_note(CANARY)
    return error


#: What a library may raise where nobody expects it, with words of its own or of the server's.
BREAKS: list[Callable[[], BaseException]] = [
    lambda: ValueError(f"cannot parse {CANARY}"),
    lambda: OSError(28, CANARY, f"/tmp/{CANARY}.eml"),
    lambda: PermissionError(13, CANARY, f"/tmp/{CANARY}.eml"),
    lambda: ConnectionResetError(104, CANARY),
    lambda: KeyError(ANN),
    decoding,
    grouped,
    lambda: RecursionError(CANARY),
    lambda: MemoryError(CANARY),
    lambda: KeyboardInterrupt(CANARY),
]

COMMANDS: list[tuple[str, ...]] = [
    ("check",),
    ("check", "--json"),
    ("audit",),
    ("audit", "--csv"),
    ("audit", "--save", "PLAN"),
    ("arm", HELPLINE, "--destroy", "100"),
    ("sweep",),
    ("sweep", "--json"),
    ("hold", "add", HELPLINE, "--ground", "other"),
    ("purge", HELPLINE, "--older-than", LONG_AGO, "--destroy", "100"),
    ("purge", "--erase", "--destroy", "100"),
    ("purge", "--erase", "--destroy", "100", "--json"),
    ("daemon", "--once"),
]


@pytest.fixture
def furnished(new_office: NewOffice, embedded: EmbeddedServer) -> Office:
    office = new_office(embedded).furnish()
    to = office.people[HELPLINE].name
    hers = [Seed(letter(f"hers{n}@post.example", sender=ANN, recipient=to), received(OLD, n)) for n in (1, 2)]
    office.put(HELPLINE, {"INBOX": hers, f"Cases/{CANARY}": mail(2, OLD, "case", (f"{CANARY}keyword",))})
    office.put(ADVISOR, {"Sent": [office.reply("again", YOUNG)]})
    office.policy["approvers"] = 1
    office.write()
    office.arm_all()
    return office


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], BaseException]], None]:
    """`breaking(n, how)`: the n-th line that is read from a server from now on breaks so."""
    whole = IMAP4_TLS.readline

    def arrange(number: int, how: Callable[[], BaseException]) -> None:
        lines = count(1)

        def readline(self: IMAP4_TLS) -> bytes:
            if next(lines) == number:
                raise how()
            return whole(self)

        monkeypatch.setattr(IMAP4_TLS, "readline", readline)

    return arrange


def run(office: Office, words: tuple[str, ...]) -> None:
    paper = office.directory / "plan.json"
    office.papers.append(paper)
    told = office.run("-v", *(str(paper) if word == "PLAN" else word for word in words), typed=ANN)
    assert CANARY not in (told.out + told.err).lower(), words
    assert "Traceback" not in told.err, words


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 60))]
)
def test_a_library_that_breaks_in_the_middle_of_a_command_names_nobody(
    furnished: Office, breaking: Callable[[int, Callable[[], BaseException]], None], seed: int
) -> None:
    chance = random.Random(seed)
    for words in COMMANDS:
        breaking(int(1.05 ** chance.uniform(0, 110)), chance.choice(BREAKS))
        run(furnished, words)


def test_a_password_is_not_told_by_whoever_refuses_it(furnished: Office, tmp_path: Path) -> None:
    furnished.secret.chmod(0o600)
    furnished.secret.write_text(f"{CANARY}\n")
    furnished.secret.chmod(0o400)
    for words in COMMANDS:
        run(furnished, words)
