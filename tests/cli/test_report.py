"""The manager reads a month that is over, and hands it on; the public reads what is promised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from freezegun import freeze_time
from lxml import html

from retentiond.core.holds import Ground
from retentiond.core.period import Period
from tests.cli.office import ADVISOR, DUE, HELD, HELPLINE, Office


def this_month() -> date:
    """Its first day."""
    return datetime.now(UTC).date().replace(day=1)


@contextmanager
def next_month(day: int = 2) -> Iterator[str]:
    """A day of the next month; the month that is over then, as the command line writes it."""
    month = this_month()
    first = Period(months=1).after(month)
    with freeze_time(datetime(first.year, first.month, day, 12, tzinfo=UTC)):
        yield f"{month:%Y-%m}"


@pytest.fixture
def swept(office: Office) -> Office:
    """An office in which one sweep did what was due."""
    office.arm_all()
    assert office.run("sweep").code == 0
    return office


def test_what_left_stands_there_by_helpline_and_in_all(swept: Office) -> None:
    with next_month() as month:
        told = swept.run("report", "--month", month)
    assert f"Retention report for {this_month():%B %Y}" in told.out
    row = next(line for line in told.out.splitlines() if line.startswith(HELPLINE)).split("  ")
    assert [cell.strip() for cell in row if cell.strip()][1] == str(DUE)
    assert "fewer than 5" in told.out, "one reply came home"
    assert "Not in our reach: the web-chat provider" in told.out
    assert "seal:house:" in told.out
    assert ADVISOR not in told.out.split("armed")[0], "what an advisor had is told under its helpline"


def test_the_document_and_the_page_say_the_same_words(swept: Office) -> None:
    with next_month():
        document = swept.run("report", "--format", "json").document
        page = swept.run("report", "--format", "html").out
    tree = html.fromstring(page)
    cells = [[cell.text_content() for cell in row] for row in tree.findall(".//tbody/tr")]
    keys = ("target", "destroyed", "removed_only", "brought_home", "undone", "held", "review")
    assert cells[0] == [document["lines"][0][key] for key in keys]
    assert cells[-1] == [bar["words"] for bar in document["bars"]]
    assert tree.findtext(".//div[@class='verdict broken']") == document["verdict"]


def test_on_a_telephone_each_number_is_told_with_its_name(swept: Office) -> None:
    """A narrow screen shows no heads of columns: there each cell says what it is."""
    with next_month():
        tree = html.fromstring(swept.run("report", "--format", "html").out)
    for table in tree.iter("table"):
        heads = [head.text_content() for head in table.findall("thead/tr/th")]
        rows = [row for row in table.iter("tr") if row.find("td") is not None]
        assert rows
        for row in rows:
            assert [cell.get("data-name") for cell in row] == heads


def test_text_and_page_say_what_their_columns_mean_and_have_the_seal_in_one_piece(swept: Office) -> None:
    with next_month():
        text = swept.run("report").out
        page = html.fromstring(swept.run("report", "--format", "html").out).text_content()
    for told in (text, page):
        assert "Only removed: gone from the mailbox, but the server keeps a copy, or may." in told
        assert re.search(r"^seal:house:\d+:[0-9a-f]{64}$", told, re.M), "on a line of its own"


def test_what_no_look_told_is_no_zero_in_the_sum(swept: Office) -> None:
    """A sweep by hand leaves no counts of the service: how much is held is not known then, in all either."""
    with next_month():
        document = swept.run("report", "--format", "json").document
    assert {line["held"] for line in document["lines"]} == {"?"}, "the office has no service"
    assert (document["totals"]["held"], document["totals"]["review"]) == ("?", "?")


def test_a_month_before_the_ledger_was_founded_is_not_told_as_one_in_which_nothing_left(
    swept: Office,
) -> None:
    with next_month():
        bars = swept.run("report", "--format", "json").document["bars"]
    assert [bar["words"] for bar in bars[:-1]] == ["not in use"] * 5
    assert bars[-1]["words"][0].isdigit()


def test_the_page_loads_nothing_and_runs_nothing(swept: Office) -> None:
    with next_month():
        page = swept.run("report", "--format", "html").out
    tree = html.fromstring(page)
    tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert not tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    names = {name for element in tree.iter() for name in element.attrib}
    assert not names & {"src", "href", "srcset", "action"}
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_whoever_reads_the_page_by_ear_finds_where_it_begins(swept: Office) -> None:
    with next_month():
        tree = html.fromstring(swept.run("report", "--format", "html").out)
    assert tree.get("lang") == "en"
    assert [element.tag for element in tree.findall("./body/*")] == ["main"]


def test_whoever_reads_the_page_by_ear_is_told_whose_each_number_is(swept: Office) -> None:
    """Each row of targets begins with its head, the sum too; each column has one."""
    with next_month():
        page = swept.run("report", "--format", "html").out
    assert page.startswith("<!doctype html>")
    tree = html.fromstring(page)
    table = tree.find(".//table[@class='targets']")
    rows = [row for row in table.iter("tr") if row.find("td") is not None]
    assert [row[0].text_content() for row in rows] == [HELPLINE, "all mail"]
    for row in rows:
        assert [(cell.tag, cell.get("scope")) for cell in row][:2] == [("th", "row"), ("td", None)]
        assert {cell.tag for cell in row[1:]} == {"td"}
    assert {head.get("scope") for head in tree.findall(".//thead/tr/th")} == {"col"}


def test_a_month_in_which_the_service_was_away_is_not_called_kept(swept: Office) -> None:
    with next_month():
        told = swept.run("report")
    assert told.code == 1
    assert "The promise was not kept in full" in told.out
    assert "No sweep for" in told.out


def test_a_month_before_the_ledger_began_is_not_told_as_a_failure_of_its_sweeps(swept: Office) -> None:
    told = swept.run("report", "--month", "2025-01")
    assert told.code == 1
    assert "Nothing was destroyed: retentiond's ledger begins on " in told.out
    assert "no sweep came" not in told.out


def test_what_is_held_is_told_exactly_as_of_the_last_look(office: Office) -> None:
    office.arm_all()
    assert office.run("daemon", "--once").code == 0
    with next_month():
        [line] = office.run("report", "--format", "json").document["lines"]
    assert (line["held"], line["review"]) == (str(HELD), "0")


def test_what_is_held_past_its_day_is_told_by_ground_and_review(office: Office) -> None:
    office.arm_all()
    assert office.run("sweep").code == 0
    with next_month():
        told = office.run("report").out
        page = office.run("report", "--format", "html").out
        assert office.run("report", "--format", "json").document["holds"][0] == "Holds today: 1 (other 1)."
    assert "Holds today: 1 (other 1)." in told
    assert "1 hold set by command." in told
    assert "Holds today: 1 (other 1)." in page
    past = datetime.now(UTC) + timedelta(days=75)
    with freeze_time(past):
        told = office.run("report").out
    assert "Past their review: 1, the longest for 45 days." in told


def test_a_small_number_that_somebody_typed_is_not_told_either(office: Office) -> None:
    """They type how many are due: that three fell due is what nobody may read."""
    office.run("arm", ADVISOR, "--destroy", "3", "--told", "2026-01-05").is_done()
    office.run("arm", HELPLINE, "--destroy", str(DUE)).is_done()
    with next_month():
        told = office.run("report", "--format", "json").document
    said = [event for event in told["events"] if "armed" in event]
    assert [event.partition("was ")[2] for event in said] == [
        "armed; fewer than 5 items were agreed to.",
        f"armed; at most {DUE} items were agreed to.",
    ]


def test_a_month_that_is_not_over_is_refused(swept: Office) -> None:
    last = (this_month() - timedelta(days=1)).strftime("%Y-%m")
    swept.run("report", "--month", f"{this_month():%Y-%m}").has(2, "is not over yet", last)
    for wrong in ("2026", "October", "2026-13", "2026-1", "0001-01"):
        swept.run("report", "--month", wrong).has(2, "--month is a year and a month, such as 2026-10")


def test_it_is_written_to_a_file_once(swept: Office) -> None:
    file = swept.directory / "month.html"
    with next_month():
        assert swept.run("report", "--format", "html", "--output", str(file)).code == 1
        assert file.read_text().startswith("<!doctype html>")
        swept.run("report", "--output", str(file)).has(2, "exists already; nothing was written")
        nowhere = swept.directory / "none" / "month.txt"
        swept.run("report", "--output", str(nowhere)).has(
            2, "cannot be written by this user; name a place that can"
        )


def test_a_ledger_that_does_not_verify_is_not_repeated(swept: Office) -> None:
    (swept.state / "seals.log").write_text("")
    with next_month():
        swept.run("report").has(65, "does not verify")


def test_the_public_statement_promises_no_narrower_grounds_and_no_wider_erasure_than_there_are(
    office: Office,
) -> None:
    told = office.run("policy").out
    words = {
        Ground.CONSENT: "ask us to or agree to it",
        Ground.CHILD: "a child",
        Ground.ADULT: "an adult is at risk",
        Ground.TERRORISM: "after a threat",
        Ground.STAFF: "after a threat",
        Ground.INTERFERENCE: "interferes with our service",
        Ground.CLAIM: "for a legal claim",
        Ground.OTHER: "on another ground",
        Ground.NOT_STATED: "its ground is to be written down",
    }
    assert words.keys() == set(Ground)
    assert [each for each in words.values() if each not in told] == []
    assert "what concerns another person too, is not erased then" in told


def test_the_public_statement_says_the_periods_in_force_and_that_holds_exist(office: Office) -> None:
    told = office.run("policy")
    told.is_done("for 6 months", "when a child or an adult is at risk", "the web-chat provider's own copies")
    assert HELPLINE not in told.out
    assert "letters" not in told.out.split("What we cannot")[0], "no folder of letters is configured"
    assert "from the day on which it was received or sent" in told.out
    office.policy["clock"] = "conversation"
    office.write()
    together = office.run("policy").is_done("the latest of them", "none of them for longer than 12 months")
    assert together.out != told.out
    office.policy.clear()
    assert "hidden copy" not in told.out
    office.at(office.server, server_keeps="7 days")
    office.run("policy").is_done("keeps a hidden copy of what was destroyed for up to 7 days more")
    office.at(office.server)
    with next_month():
        assert office.run("policy").out == told.out, "the same configuration gives the same statement"
