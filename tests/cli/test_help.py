"""What the command line says of itself, and that it says it at once."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import jsonschema
import pytest

from retentiond import __version__
from retentiond.cli import COMMANDS, cli, run
from retentiond.config import load

ROOT = Path(__file__).parents[2]


def ways(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and every command below it."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ways(command, (*words, name))
        else:
            yield (*words, name)


def test_a_group_tells_each_of_its_commands_in_a_whole_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("hold", "ledger", "config"):
        lines = [
            line.rstrip() for line in said(capsys, group, "--help").partition("Commands:")[2].splitlines()
        ]
        assert not [line for line in lines if line.endswith("...")], "break the first sentence off sooner"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command says that ends well and says nothing on the error output."""
    capsys.readouterr()
    code = run(list(words))
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run(list(words)) == 2
    out, err = capsys.readouterr()
    assert not out
    return err


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    seen = list(ways(cli))
    assert {("audit",), ("ledger", "verify"), ("config", "schema"), ("demo",)} <= set(seen)
    for words in seen:
        text = said(capsys, *words, "--help")
        example = next((line for line in text.splitlines() if line.startswith("  Example: ")), "")
        assert "retentiond" in example, f"no example for: {words}"
        assert all(word in example for word in words), f"another command's example: {words}"
        assert said(capsys, *words, "-h") == text


def test_the_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--help")
    for name, (_module, line) in COMMANDS.items():
        assert f"  {name} " in text
        assert line.split()[0] in text
    flat = " ".join(text.split())
    for words in ("0 done", "1 findings", "2 usage", "3 stopped", "65 ledger", "75 a mailbox", "77 ", "78 "):
        assert words in flat


def test_help_says_in_plain_words_what_is_to_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """No format of a library's, and no type of a language's."""
    for words in ways(cli):
        lines = said(capsys, *words, "--help").splitlines()
        for line in lines:
            assert not re.search(r"%Y|\b(INTEGER|FLOAT|RANGE|TEXT)\b", line), f"{words}: {line}"
        options = lines[lines.index("Options:") + 1 :]
        alone = [
            line
            for line, below in zip(options, [*options[1:], ""], strict=True)
            if re.match("  -", line) and not re.search(r"\S  +\S", line) and not below.startswith("      ")
        ]
        assert alone == [], f"{words}: an option of which nothing is said"


def test_every_page_that_the_program_names_is_there_with_the_section_that_it_names() -> None:
    sources = [*(ROOT / "retentiond").rglob("*.py"), ROOT / "config/retentiond.example.toml"]
    named = {
        found
        for source in sources
        for found in re.findall(
            r"(docs/[\w/-]+\.md)(?:, ([A-Z][a-z]+(?: [a-z]+)*))?", source.read_text("utf-8")
        )
    }
    assert ("docs/admin/imap.md", "What to do when") in named
    for page, section in named:
        text = (ROOT / page).read_text("utf-8")
        assert not section or re.search(rf"^#+ {section}$", text, re.M), f"{page} has no section {section!r}"


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--version").startswith(f"retentiond {__version__} (Python 3.")


@pytest.mark.parametrize(("typed", "meant"), [("adit", "audit"), ("sweeep", "sweep"), ("chek", "check")])
def test_a_misspelt_command_is_met_with_the_right_one(
    capsys: pytest.CaptureFixture[str], typed: str, meant: str
) -> None:
    assert f"Did you mean '{meant}'?" in refused(capsys, typed)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["frobnicate"], "No such command: 'frobnicate'."),
        (["ledger", "verfy"], "verify"),
        (["audit", "--jsno"], "--json"),
        (["arm"], "Missing argument 'NAME'"),
        (["sweep", "--wait", "soon"], "--wait"),
        (["audit", "--as-of", "31/10/2026"], "is no day; write it like 2026-10-31"),
        (["arm", "listening-line", "--destroy", "-1"], "--destroy"),
        (["completion", "tcsh"], "bash"),
        (["audit", "-q"], "-q stands before the command: retentiond -q …"),
        (["status", "--config", "x"], "--config stands before the command: retentiond --config …"),
        (["purge", "/nowhere/plan.json"], "does not exist"),
    ],
)
def test_a_usage_error_is_one_sentence_with_the_way_on(
    capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    text = refused(capsys, *words)
    assert sentence in text
    assert "Traceback" not in text


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Commands:" in refused(capsys)


# ── completion ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion_script(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    script = said(capsys, "completion", shell)
    assert f"_RETENTIOND_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, text=True, check=False, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_shell_is_answered() -> None:
    asked = {"_RETENTIOND_COMPLETE": "bash_complete", "COMP_WORDS": "retentiond a", "COMP_CWORD": "1"}
    assert python("-m", "retentiond", **asked).stdout.split() == [
        "plain,audit",
        "plain,arm",
        "plain,approve",
        "plain,as-service",
    ]


# ── configuration ────────────────────────────────────────────────────────────────────────────────


def test_the_example_that_is_generated_is_the_one_in_the_repository(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = said(capsys, "config", "generate")
    assert text == (ROOT / "config" / "retentiond.example.toml").read_text("utf-8")
    path = tmp_path / "retentiond.toml"
    text = "\n".join(line for line in text.splitlines() if not line.startswith("ca_file"))
    path.write_text(text)
    path.chmod(0o600)
    assert load(path).helplines


def test_the_schema_is_the_one_in_the_repository_and_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(said(capsys, "config", "schema"))
    assert schema == json.loads((ROOT / "config" / "retentiond.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)


# ── the first moment ─────────────────────────────────────────────────────────────────────────────

_BARE = """
import click
@click.group()
def cli(): pass
@cli.command()
def audit(): pass
cli()
"""


def _cpu(*arguments: str) -> float:
    """The least CPU time, of five runs."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def test_help_costs_at_most_three_times_a_bare_click_script(tmp_path: Path) -> None:
    script = tmp_path / "bare.py"
    script.write_text(_BARE)
    bare, ours = _cpu(str(script), "--help"), _cpu("-m", "retentiond", "--help")
    assert ours <= 3 * bare, f"{ours:.3f} s, and a bare script {bare:.3f} s"


def test_help_imports_no_mail_library() -> None:
    times = python("-X", "importtime", "-m", "retentiond", "--help").stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in times.splitlines()}
    assert "click" in imported
    foreign = {
        "imapclient",
        "imaplib",
        "exchangelib",
        "sqlalchemy",
        "alembic",
        "pydantic",
        "structlog",
        "rich",
        "pymap",
        "msal",
        "apprise",
        "prometheus_client",
        "jinja2",
    }
    assert not imported & (foreign | {"cryptography", "requests", "apscheduler"})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_an_answer_for_which_there_is_no_room_is_no_fault_of_the_program() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "retentiond", "config", "generate"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 75
    assert done.stderr == (
        "retentiond: no room is left where this answer, or a file beside it, was to be written; make room,"
        " and run it again; whatever was done before stands in the ledger\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize("words", ["--version", "config schema"])
def test_no_room_is_one_exit_code_however_much_was_to_be_said(words: str) -> None:
    """What Python still holds back is not tried again at its end, which would be exit code 120."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m retentiond {words} >/dev/full 2>/dev/full', sys.executable], check=False
    )
    assert done.returncode == 75


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_fault_of_the_program(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m retentiond --version {closed}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("retentiond ") != (">&-" in closed.split())


def test_a_letter_that_a_terminal_has_not_is_no_fault_of_the_program() -> None:
    """A machine of ISO 8859-1: through the service the deed would go on, and nobody hear of it."""
    command = [sys.executable, "-m", "retentiond", "config", "generate"]
    around = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, env=around, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("latin-1").startswith("# retentiond: an example")
