"""What the pages for readers say is so: commands can be typed, configurations load, outputs are real."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from retentiond.cli import cli
from retentiond.config import load
from retentiond.core.findings import Cause, Finding
from retentiond.core.model import Notice
from retentiond.errors import Exit
from retentiond.report.letters import NOTICES
from retentiond.report.words import WHYS, finding_sentence
from tests.first_minute import ROOT, first_minute

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/admin").glob("*.md")])
RECORDS = sorted((ROOT / "docs/decisions").glob("*.md"))

#: The least that an account needs around it to be a configuration.
ACCOUNT = """
[account.main]
kind = "imap"
host = "imap.charity.example"
secret = { credential = "helpline" }
"""

HELPLINE = """
[[helpline]]
name = "helpline-1"
account = "main"
mailbox = "helpline@charity.example"
identities = ["helpline@charity.example"]
"""


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a page in one language."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def typed(page: Path) -> Iterator[str]:
    """Every line that a reader would type or put into a crontab."""
    for block in blocks(page, "console"):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))
    for block in blocks(page, "crontab"):
        yield from (line for line in block.splitlines() if "=" not in line.partition(" ")[0])


def calls(line: str) -> Iterator[list[str]]:
    """The words after each `retentiond` that is called in a line: it is the name of a user, too."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not re.fullmatch(r"[|&;<>]+", word):
            words.append(word)
            continue
        starts = [at for at, each in enumerate(words[:-1]) if Path(each).name == "retentiond"]
        is_value = {at for at in starts if at and words[at - 1].startswith("-")}
        called = [words[at + 1 :] for at in starts if at not in is_value and words[at + 1][0] != "/"]
        yield from called[-1:]
        words = []


ALL_CALLS = {
    f"{page.name}: {shlex.join(words)}": words
    for page in PAGES
    for line in typed(page)
    for words in calls(line)
}


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Goes as far as a command line goes before anything is run. Raises click.UsageError."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, list(words), parent=parent)
        return
    context = click.Context(command, info_name=command.name, parent=parent, **command.context_settings)
    _, rest, _ = command.make_parser(context).parse_args(list(words))
    assert rest, "a group of commands needs one of them"
    _, found, rest = command.resolve_command(context, rest)
    assert found is not None
    parse(found, rest, context)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ALL_CALLS.values(), ids=ALL_CALLS)
def test_every_command_in_the_pages_can_be_typed(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = []
    for word in words:
        is_file = Path(word).suffix in (".json", ".txt")
        if is_file:
            (tmp_path / Path(word).name).touch()
        here.append(Path(word).name if is_file else word)
    parse(cli, here)


def test_the_pages_show_every_step_of_the_way() -> None:
    """The check of the commands is worth something only if it finds them."""
    shown = {word for words in ALL_CALLS.values() for word in words}
    assert shown >= {"check", "audit", "arm", "sweep", "purge", "ledger", "config", "--seal", "--wait"}


@pytest.mark.parametrize(
    "line",
    [
        "retentiond audti",
        "retentiond sweep --force",
        "retentiond arm --destroy x a",
        "retentiond ledger prove",
    ],
)
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    [words] = calls(f"sudo -u retentiond {line} > somewhere")
    with pytest.raises(click.UsageError):
        parse(cli, words)


def test_run_is_called_with_the_verbs_that_it_knows() -> None:
    usage = (ROOT / "run").read_text(encoding="utf-8")
    for page in PAGES:
        for line in typed(page):
            if "./run" in line:
                verb = line.partition("./run ")[2].split()[0]
                assert f"./run {verb} " in usage, f"{page.name}: {line}"


# ── configurations ───────────────────────────────────────────────────────────────────────────────

ALL_TOML = {
    f"{page.name}: {number}": block for page in PAGES for number, block in enumerate(blocks(page, "toml"), 1)
}


@pytest.mark.parametrize("block", ALL_TOML.values(), ids=ALL_TOML)
def test_every_configuration_in_the_pages_loads(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    text = block.replace("/etc/retentiond", str(tmp_path))
    for place in re.findall(r'\b(?:file|ca_file) = "([^"]+)"', text):
        Path(place).touch(mode=0o400)
    path = tmp_path / "retentiond.toml"
    text += "" if "[account." in text else ACCOUNT
    path.write_text(text if "[[helpline]]" in text else text + HELPLINE, encoding="utf-8")
    path.chmod(0o600)
    config = load(path)
    assert config.helplines[0].name == "helpline-1"


def test_there_is_an_example_for_every_way_of_signing_in() -> None:
    assert set(re.findall(r'login = "(\w+)"', "".join(ALL_TOML.values()))) == {"direct", "master", "shared"}


# ── outputs ──────────────────────────────────────────────────────────────────────────────────────


def plain(text: str) -> str:
    """Without line breaks, and without what differs from day to day: numbers, digests, columns."""
    text = re.sub(r"seal:house:\S+|folder-[0-9a-f]{10}", "…", " ".join(text.split()))
    return re.sub(r"\d[\d,]*", "N", text).replace("1 finding", "N finding")


def told_in_readme() -> list[str]:
    """What the README says that the demo prints, line by line; `…` stands for what was left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(block for block in blocks(ROOT / "README.md", "console") if block.startswith("$ ./run demo"))
    assert block in text
    lines = [line for line in block.splitlines() if line not in ("", "…", "$ ./run demo")]
    # The first sentence goes over two lines, and is broken off.
    return [" ".join(lines[:2]).removesuffix(" …"), *lines[2:]]


@pytest.mark.parametrize("line", told_in_readme())
def test_what_the_readme_shows_is_what_the_demo_prints(line: str) -> None:
    assert plain(line) in plain(first_minute().said)


def test_the_first_audit_says_what_its_page_shows() -> None:
    [told] = blocks(ROOT / "docs/admin/first-steps.md", "text")
    unarmed = Finding("helpline-1", Cause.UNARMED, 7312, numbers=(7312, 0))
    assert told == f"! {unarmed.target}: {finding_sentence(unarmed)}\n"


def said_in_tables() -> list[tuple[str, str]]:
    """What the pages of the servers quote from the program, in tables that say what to do then."""
    found = []
    for page in PAGES:
        tables = re.findall(
            r"^\| it says \| do this \|\n.*\n((?:\|.*\n)+)", page.read_text(encoding="utf-8"), re.M
        )
        cells = (row.split(" | ")[0].removeprefix("| ") for table in tables for row in table.splitlines())
        found += [(page.name, each.strip(" …")) for cell in cells for each in cell.split("…,")]
    return found


@pytest.mark.parametrize(("page", "words"), said_in_tables())
def test_what_the_pages_explain_is_what_the_program_says(page: str, words: str) -> None:
    failed = finding_sentence(Finding("helpline-1", Cause.FAILED, 1))
    assert any(words in sentence for sentence in (*WHYS.values(), *NOTICES.values(), failed)), words


@pytest.mark.parametrize("notice", [Notice.ITEMS_UNSEEN, Notice.FOLDERS_UNSEEN, Notice.ARCHIVE_UNSWEPT])
def test_what_microsoft_365_hides_is_explained(notice: Notice) -> None:
    told = [words for page, words in said_in_tables() if page == "microsoft-365.md" and len(words) > 30]
    assert any(NOTICES[notice].startswith(words) for words in told)


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────

CODES_PAGE = (ROOT / "docs/admin/exit-codes.md").read_text(encoding="utf-8")


def test_the_page_of_exit_codes_has_each_code_once() -> None:
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", CODES_PAGE, re.M)]
    codes = [value for name, value in vars(Exit).items() if name.isupper() and isinstance(value, int)]
    assert sorted(told) == sorted(codes)


def test_the_page_of_exit_codes_has_their_order() -> None:
    [order] = re.findall(r"the first in this order wins: ([\d, ]+)\.", " ".join(CODES_PAGE.split()))
    assert tuple(int(code) for code in order.split(",")) == Exit.ORDER


# ── links ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", [*PAGES, *RECORDS], ids=lambda page: page.name)
def test_every_link_within_the_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert anchor in anchors, f"{page.name}: {target}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
