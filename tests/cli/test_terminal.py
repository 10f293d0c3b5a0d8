"""What is different on a terminal: questions, folder names, colours, progress."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.office import ADVISOR, DUE, HELPLINE, OLD, YOUNG, Office, mail, received
from tests.servers.seed import Seed, letter

_COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38)[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Typed:
    """Answer `answer` where the terminal shows `prompt`."""

    prompt: str
    answer: str


def on_terminal(
    office: Office,
    *words: str,
    typed: tuple[Typed, ...] = (),
    program: tuple[str, ...] = (),
    **environment: str,
) -> tuple[int, str]:
    """Runs a command in a process whose terminal is ours. Returns its exit code and what was shown."""
    master, slave = os.openpty()
    ours = (sys.executable, "-m", "retentiond", "--config", str(office.config))
    command = [*(program or ours), *words]
    around = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=around | {"TERM": "xterm-256color", "COLUMNS": "160"} | environment,
        start_new_session=True,
    )
    os.close(slave)
    shown, waiting = "", list(typed)
    letters = codecs.getincrementaldecoder("utf-8")("replace")  # a letter may come in two pieces
    try:
        while data := _read(master):
            shown += letters.decode(data)
            if waiting and waiting[0].prompt in shown:
                os.write(master, f"{waiting.pop(0).answer}\n".encode())
    finally:
        os.close(master)
    assert not waiting, f"was not asked: {waiting} in {shown}"
    return process.wait(30), shown.replace("\r\n", "\n")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux's word for: the other side has closed
        return b""


def test_arming_asks_for_the_number_that_it_shows(office: Office) -> None:
    asked = Typed("Type that number to agree", str(DUE))
    code, shown = on_terminal(office, "arm", HELPLINE, typed=(asked,))
    office.said.append(shown)
    assert code == 0, shown
    assert f"{DUE} items would leave the folders of {HELPLINE}." in shown
    assert f"{HELPLINE} is armed" in shown
    office.run("sweep", "--only", HELPLINE)
    assert office.count(HELPLINE, "Deleted Items") == 0


def test_a_number_that_is_none_is_asked_for_again(office: Office) -> None:
    """As it was shown, with its comma, it is one; what is typed wrong is met with how it is written."""
    prompt = "Type that number to agree"
    said = "is no number of items; write it like 7312."
    typed = (Typed(prompt, "all"), Typed(f"'all' {said}", "7,31"), Typed(f"'7,31' {said}", "7,312"))
    code, shown = on_terminal(office, "arm", HELPLINE, typed=typed)
    office.said.append(shown)
    assert code == 0, shown
    assert "at most 7,312 were agreed to" in shown


@pytest.mark.parametrize("number", ["-3", "7.312", "7,31", "1,2345", "", "٧", "all"])
def test_a_number_that_is_none_is_a_wrong_command_line(office: Office, number: str) -> None:
    office.run("arm", HELPLINE, f"--destroy={number}").has(2, "is no number of items; write it like 7312.")


def test_whoever_stops_at_a_question_is_told_that_nothing_was_begun(office: Office) -> None:
    """Ctrl-D; to click, Ctrl-C at a question is the same."""
    asked = Typed("Type that number to agree: ", "\x04")
    with office.untouched():
        code, shown = on_terminal(office, "arm", HELPLINE, typed=(asked,))
        office.said.append(shown)
    assert code == 130, shown
    said = "stopped at the question, and nothing of it was begun; run the same command again"
    assert shown.endswith(f"\nretentiond: {said}\n")


def test_arming_with_another_number_is_refused(office: Office) -> None:
    with office.untouched():
        code, shown = on_terminal(
            office, "arm", HELPLINE, typed=(Typed("Type that number to agree", str(DUE - 1)),)
        )
        office.said.append(shown)
        assert code == 3, shown
        assert f"more than the {DUE - 1} agreed to" in shown
        office.run("sweep", "--only", HELPLINE).has(1, "not armed")


def test_arming_an_advisor_asks_since_when_advisors_were_told(office: Office) -> None:
    typed = (Typed("Since when have the advisors been told", "2026-01-05"), Typed("Type that number", "1"))
    code, shown = on_terminal(office, "arm", ADVISOR, typed=typed)
    office.said.append(shown)
    assert code == 0, shown
    assert '"told": "2026-01-05"' in office.run("ledger", "show").out


def test_folder_names_are_shown_on_a_terminal_that_asks_for_them(office: Office) -> None:
    office.put(HELPLINE, {"Spendenquittungen": mail(1, OLD)})
    code, shown = on_terminal(office, "audit", "--names")
    office.said.append(shown)
    assert code == 0, shown
    assert "Spendenquittungen" in shown
    _, shown = on_terminal(office, "audit")
    assert "Spendenquittungen" not in shown
    assert "folder-" in shown


def test_the_page_about_holds_shows_what_is_asked_and_said(office: Office) -> None:
    office.put(HELPLINE, {"INBOX": mail(1, YOUNG, "risk")})
    asked = Typed("Message-ID: ", f"<risk-{YOUNG.days}-0@post.example>")
    code, shown = on_terminal(office, "hold", "add", HELPLINE, "--ground", "child-at-risk", typed=(asked,))
    office.said.append(shown)
    assert code == 0, shown
    page = (Path(__file__).parents[2] / "docs/admin/holds.md").read_text(encoding="utf-8")
    [told] = re.findall(r"^\$ retentiond hold add .*\n((?:.+\n)+?)```", page, re.M)
    _asked, *lines = told.splitlines()
    assert [_plain(line) for line in lines] == [_plain(line) for line in shown.splitlines()[-len(lines) :]]


def _plain(line: str) -> str:
    """Without what differs from hold to hold."""
    return re.sub(r"Hold \w{6} |\d{4}-\d\d-\d\d", "…", line)


def shown_table(shown: str) -> list[list[str]]:
    """The columns of what was shown as a table, each with its cells' pieces, top down."""
    head, rule, *lines = shown[shown.index("target") :].splitlines()
    assert set(rule.strip()) == {"─"}
    starts = [found.start() for found in re.finditer(r"\S+( \S+)*", head)]
    body = lines[: lines.index("")]
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    return [[line[start:end].strip() for line in body] for start, end in spans]


@pytest.mark.parametrize("width", [200, 80])
def test_no_letter_is_left_out_where_a_terminal_is_as_wide_as_most(office: Office, width: int) -> None:
    """A folder's sign and an alias are read off the screen and typed; only the reason goes over lines."""
    office.put(HELPLINE, {"Spendenquittungen": mail(1, OLD)})
    _, shown = on_terminal(office, "audit", COLUMNS=str(width), NO_COLOR="1")
    office.said.append(shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    targets, folders, _, _, days, reasons = shown_table(plain)
    assert set(targets) <= {HELPLINE, ADVISOR, ""}
    assert any(re.fullmatch(r"folder-[0-9a-f]{10}", each) for each in folders)
    assert all(re.fullmatch(r"(\d{4}-\d\d-\d\d)?", each) for each in days)
    assert "a helpline's reply in a personal folder" in " ".join(reasons)
    assert "…" not in plain
    assert max(map(len, plain[plain.index("target") :].splitlines()[:5])) <= width


def test_no_letter_is_left_out_in_the_narrowest_window(office: Office) -> None:
    office.put(HELPLINE, {"Spendenquittungen": mail(1, OLD)})
    _, shown = on_terminal(office, "audit", "--names", COLUMNS="50", NO_COLOR="1")
    office.said.append(shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    _, folders, *_ = shown_table(plain)
    assert "Spendenquittungen" in "".join(folders)
    assert "…" not in plain


def test_no_colour_where_none_is_wanted(office: Office) -> None:
    _, shown = on_terminal(office, "audit")
    assert _COLOUR.search(shown), "there are colours to be left out"
    code, shown = on_terminal(office, "audit", NO_COLOR="1")
    office.said.append(shown)
    assert code == 0
    assert not _COLOUR.search(shown)
    assert HELPLINE in shown


def test_progress_is_shown_on_a_terminal_and_no_log(office: Office) -> None:
    office.arm_all()
    code, shown = on_terminal(office, "sweep")
    office.said.append(shown)
    assert code == 0, shown
    assert "\x1b[?25l" in shown, "the cursor is hidden while something moves"
    assert "looking" in shown
    assert '"event"' not in shown
    assert "plan.made" not in shown


def test_no_progress_is_drawn_into_a_pager(office: Office) -> None:
    """`retentiond audit | less`: what moves would be drawn over what less shows."""
    ours = f"{sys.executable} -m retentiond --config {office.config}"
    words = [f"{ours} audit | cat"]
    code, shown = on_terminal(office, *words, program=("sh", "-c"))
    office.said.append(shown)
    assert code == 0
    assert HELPLINE in shown
    assert "\x1b" not in shown
    assert "looking" not in shown


def test_an_address_to_be_erased_is_typed_twice_and_never_shown(office: Office) -> None:
    """The odd word is in what is typed; the office's end looks for it in all that was shown."""
    office.policy["approvers"] = 1
    office.write()
    ann = "quixotrill.ann@post.example"
    to = office.people[HELPLINE].name
    seeds = [Seed(letter(f"t{n}@x.example", sender=ann, recipient=to), received(YOUNG)) for n in range(2)]
    office.put(HELPLINE, {"INBOX": seeds})
    office.arm_all()
    typed = (
        Typed("Address 1 (nothing ends the list)", ann),
        Typed("The same once more", "quixotrill.anne@post.example"),
        Typed("They differ, and neither was taken.\r\nAddress 1", ann),
        Typed("neither was taken.\r\nAddress 1 (nothing ends the list): \r\nThe same once more", ann),
        Typed("Address 2 (nothing ends the list)", ""),
        Typed("Type that number to agree", "2"),
    )
    code, shown = on_terminal(office, "purge", "--erase", typed=typed)
    office.said.append(shown)
    assert code == 0, shown
    assert "2 items would be destroyed." in shown
    assert "2 items destroyed" in shown
    assert "Your request has been dealt with." in shown
