"""The mails that somebody gets: through a real relay over TLS, with the documented texts alone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from retentiond import alert, logs
from retentiond.condition import Condition, Counts, Round
from retentiond.config import AlertSettings, SecretReference, Source, Tls
from retentiond.core.chain import HOUSE
from retentiond.core.findings import Cause
from retentiond.core.promises import AGAIN, Concern, Worry
from retentiond.demo.authority import Authority, found_authority
from tests.servers.canary import assert_no_canary
from tests.servers.relay import Relay
from tests.servers.seed import CANARY

PAGE = Path(__file__).parents[2] / "docs/admin/alerts.md"
NOW = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def settings(relay: Relay, authority: Authority) -> AlertSettings:
    return AlertSettings(
        host="localhost",
        port=relay.port,
        tls=Tls.STARTTLS,
        ca_file=authority.ca_file,
        user=None,
        secret=None,
        sender="it@charity.example",
        to=("it@charity.example", "deputy@charity.example"),
        second=("manager@charity.example",),
        call="the IT department, extension 12",
        timeout=10,
    )


def concern(cause: str, since: datetime = NOW - 30 * DAY, target: str = "line-1", **more: Any) -> Concern:
    """A concern with a count, a folder and a detail, none of which may be in a mail."""
    numbers = (1, 2) if cause in (Cause.REVIEW, Cause.HOLD_OVERDUE) else ()
    return Concern(target, cause, since, 4711, f"folder-{CANARY}", CANARY, numbers, **more)


def text_of(message: EmailMessage) -> str:
    return message.get_content().replace("\r\n", "\n")


#: What waits for a person, and breaks no promise by that.
WAITING = (Cause.HOLD_UNSTATED, Cause.HOLD_VANISHED)


@pytest.mark.parametrize("cause", [*Worry, *(each for each in Cause if each not in WAITING)])
def test_every_kind_of_alert_is_its_code_and_its_alias(
    cause: str, relay: Relay, settings: AlertSettings
) -> None:
    told = alert.tell(replace(settings, second=()), Condition(concerns=(concern(cause),)), NOW)
    [message] = relay.taken
    code = alert.CODES[cause]
    assert message["Subject"] == alert.SUBJECT
    assert text_of(message) == alert.TEXT.format(codes=f"    {code}  line-1")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "it@charity.example"
    del message["Message-ID"], message["Date"]  # whose digits come by chance
    assert "4711" not in message.as_string()
    assert "retention" not in message.as_string().lower(), "not even what program it is"
    assert told.concerns[0].told == NOW


def test_it_is_repeated_daily_and_ended_by_an_all_clear(relay: Relay, settings: AlertSettings) -> None:
    settings = replace(settings, second=())
    condition = Condition(concerns=(concern(Worry.OVERDUE), concern(Worry.CLOCK, target=HOUSE)))
    condition = alert.tell(settings, condition, NOW)
    assert len(relay.taken) == 1, "one mail for all that is wrong"
    for hour in range(1, 24):
        condition = alert.tell(settings, condition, NOW + timedelta(hours=hour))
    assert len(relay.taken) == 1
    condition = alert.tell(settings, condition, NOW + AGAIN)
    assert len(relay.taken) == 2
    condition = condition.succeeded_by(condition.concerns[:1])
    condition = alert.tell(settings, condition, NOW + AGAIN)
    assert len(relay.taken) == 3
    assert relay.taken[2]["Subject"] == alert.CLEAR_SUBJECT
    assert text_of(relay.taken[2]) == alert.CLEAR_TEXT.format(codes=f"    {alert.CODES['clock']}  house")
    alert.tell(settings, condition, NOW + AGAIN)
    assert len(relay.taken) == 3, "an all-clear is said once"


@pytest.mark.parametrize(
    ("cause", "patience"),
    [
        (Cause.UNREACHABLE, DAY),
        (Cause.UNARMED, 7 * DAY),
        (Worry.PAUSED, 7 * DAY),
        (Cause.FAILED, 2 * DAY),
        (Worry.OVERDUE, timedelta()),
        (Cause.UNFORESEEN, timedelta()),
    ],
)
def test_some_are_left_to_the_next_sweeps_first(
    cause: str, patience: timedelta, relay: Relay, settings: AlertSettings
) -> None:
    condition = Condition(concerns=(concern(cause, since=NOW),))
    if patience:
        assert alert.tell(settings, condition, NOW + patience - timedelta(minutes=1)) == condition
        assert relay.taken == []
    alert.tell(settings, condition, NOW + patience)
    assert len(relay.taken) == 1


def test_what_nobody_mended_for_three_days_goes_to_another(relay: Relay, settings: AlertSettings) -> None:
    condition = Condition(concerns=(concern(Cause.UNREACHABLE, since=NOW),))
    for day in range(1, 6):
        condition = alert.tell(settings, condition, NOW + day * DAY)
    to = [message["To"] for message in relay.taken if message["Subject"] == alert.SECOND_SUBJECT]
    assert to == ["manager@charity.example"] * 2, "on the fourth and the fifth day"
    text = text_of(relay.taken[-1])
    assert "Please call the IT department, extension 12" in text
    assert f"{alert.CODES['unreachable']}  line-1" in text


def test_what_somebody_has_seen_goes_to_no_other(relay: Relay, settings: AlertSettings) -> None:
    condition = Condition(concerns=(concern(Cause.UNREACHABLE, since=NOW, seen=NOW + 2 * DAY),))
    for day in range(1, 20):
        condition = alert.tell(settings, condition, NOW + day * DAY)
    subjects = [message["Subject"] for message in relay.taken]
    assert subjects.count(alert.SUBJECT) == 19, "those who are told first are told every day"
    assert subjects.count(alert.SECOND_SUBJECT) == 4, "it was seen for two weeks, and is still not mended"


def test_a_service_on_trial_tells_once_a_month_how_much_it_would_do(
    relay: Relay, settings: AlertSettings
) -> None:
    """In bands: neither a night nor a single message can be told from it."""
    due = {"line-1": 7512, "line-2": 499, "line-3": 49, "line-4": 4, "line-5": 0}
    counts = tuple(Counts(name, number, 1, 1, False, NOW) for name, number in due.items())
    condition = Condition(Round("audit", NOW, NOW, "done"), NOW, counts)
    for day in range(40):
        condition = alert.tell(settings, condition, NOW + day * DAY)
    assert [message["Subject"] for message in relay.taken] == [alert.PREVIEW_SUBJECT] * 2, (
        "November, December"
    )
    assert relay.taken[0]["To"] == "it@charity.example, deputy@charity.example"
    lines = "\n".join(
        (
            "    line-1  5,000 or more",
            "    line-2  50 or more",
            "    line-3  5 or more",
            "    line-4  fewer than 5",
            "    line-5  nothing",
        )
    )
    assert text_of(relay.taken[0]) == alert.PREVIEW_TEXT.format(lines=lines)


@pytest.mark.parametrize("kind", ["sweep", "pause"])
def test_a_service_in_earnest_sends_no_preview(kind: str, relay: Relay, settings: AlertSettings) -> None:
    counts = (Counts("line-1", 7512, 0, 0, True, NOW),)
    condition = Condition(Round(kind, NOW, NOW, "done"), NOW, counts)
    assert alert.tell(settings, condition, NOW) == condition
    assert relay.taken == []


def test_a_clock_that_was_a_year_ahead_does_not_silence_it(relay: Relay, settings: AlertSettings) -> None:
    condition = Condition(concerns=(concern(Worry.CLOCK, since=NOW + 365 * DAY, told=NOW + 365 * DAY),))
    assert alert.tell(settings, replace(condition), NOW).concerns[0].told != NOW, "not begun yet"
    begun = Condition(concerns=(concern(Worry.OVERDUE, told=NOW + 365 * DAY),))
    assert alert.tell(settings, begun, NOW).concerns[0].told == NOW


def test_a_relay_with_a_password(
    relay: Relay, settings: AlertSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "relay"
    secret.write_text("open-sesame\n")
    secret.chmod(0o400)
    named = replace(settings, user="it", secret=SecretReference("alert", Source.FILE, str(secret)))
    condition = Condition(concerns=(concern(Worry.CLOCK),))
    assert alert.tell(named, condition, NOW) != condition
    assert set(relay.logins) == {b"it"}
    secret.chmod(0o600)
    secret.write_text(f"{CANARY}\n")
    taken = len(relay.taken)
    logs.configure("info", "json")
    assert alert.tell(named, condition, NOW) == condition
    logs.unconfigure()
    err = capsys.readouterr().err
    assert '"why": "password"' in err
    assert_no_canary(texts=[err])
    assert len(relay.taken) == taken


@pytest.mark.parametrize("trouble", ["certificate", "network", "refused", "protocol"])
def test_what_was_not_sent_stays_to_be_told(
    trouble: str,
    relay: Relay,
    settings: AlertSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log says why by a code, never in the relay's words; an unverified relay gets nothing."""
    match trouble:
        case "certificate":
            settings = replace(settings, ca_file=found_authority(tmp_path).ca_file)
        case "network":
            settings = replace(settings, port=1)
        case "refused":
            relay.refuses = "it@charity.example"
            settings = replace(settings, to=("it@charity.example",))
        case "protocol":
            settings = replace(settings, user="it", secret=None, sender="a" * 2000 + "@charity.example")
    condition = Condition(concerns=(concern(Worry.CLOCK),))
    logs.configure("info", "json")
    assert alert.tell(settings, condition, NOW) == condition
    logs.unconfigure()
    err = capsys.readouterr().err
    assert f'"why": "{trouble}"' in err
    assert_no_canary(texts=[err])
    assert relay.taken == []


def test_the_page_has_every_code_and_every_text() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (R\d\d) \| ([^|]+) \| ([^|]+) \|$", page, re.M)
    assert [code for code, _means, _way_on in rows] == sorted(alert.CODES.values()), "each with its way on"
    assert set(alert.CODES) == {*Worry, *(each.value for each in Cause)}, "every cause has a code"
    assert len(set(alert.CODES.values())) == len(alert.CODES)
    assert re.findall(r"^Subject: \*(.+)\*$", page, re.M) == [
        alert.SUBJECT,
        alert.SECOND_SUBJECT,
        alert.CLEAR_SUBJECT,
        alert.PREVIEW_SUBJECT,
        alert.CODE_SUBJECT,
    ]
    texts = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)
    expected = [alert.TEXT, alert.SECOND_TEXT, alert.CLEAR_TEXT, alert.PREVIEW_TEXT, alert.CODE_TEXT]
    assert texts == expected
