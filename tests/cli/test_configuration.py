"""What is wrong with the configuration is said before anything is connected to, all of it with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from retentiond.demo.authority import Authority
from tests.cli.office import Office
from tests.servers.proxy import Proxy

COMMANDS = (("check",), ("audit",), ("sweep",), ("ledger", "verify"), ("config", "show"))


def change(office: Office, old: str, new: str) -> Path:
    text = office.config.read_text()
    assert text.count(old) >= 1, text
    office.config.write_text(text.replace(old, new, 1))
    return office.config


@pytest.mark.parametrize("words", COMMANDS)
def test_a_misspelt_key_is_refused_with_its_line_and_the_right_one(
    office: Office, authority: Authority, words: tuple[str, ...]
) -> None:
    with Proxy(office.server, authority) as proxy, office.untouched():
        office.at(proxy)
        path = change(office, "identities", "identites")
        line = office.line_of("identites")
        told = office.run(*words)
        told.has(78, f"{path}:{line}:", "helpline.identites", "not known", "did you mean identities?")
        assert told.out == ""
    assert proxy.commands == []


def test_a_period_of_six_minutes_is_refused(office: Office, authority: Authority) -> None:
    with Proxy(office.server, authority) as proxy, office.untouched():
        office.policy["period"] = "6 minutes"
        office.at(proxy)
        told = office.run("sweep")
        told.has(78, f"{office.config}:{office.line_of('6 minutes')}:", "policy.period", "6 minutes")
        assert len(told.err.splitlines()) == 1
        assert "month" in told.err, "the way on"
    assert proxy.commands == []


@pytest.mark.parametrize(
    ("period", "bound"),
    [("0 months", "zero"), ("2 weeks", "a month"), ("20 years", "ten years"), ("5 months", "approvers = 1")],
)
def test_a_period_out_of_bounds_is_refused_with_the_bound(office: Office, period: str, bound: str) -> None:
    office.policy["period"] = period
    office.write()
    with office.untouched():
        told = office.run("audit")
        assert told.code == 78
        assert bound in told.err


def test_two_faults_are_told_at_once(office: Office) -> None:
    office.policy |= {"period": "6 minutes", "zone": "Europe/Londn"}
    path = change(office, "identities", "identites") if office.write() else office.config
    told = office.run("sweep")
    lines = told.err.splitlines()
    assert told.code == 78
    numbers = [office.line_of(text) for text in ("6 minutes", "Londn", "identites")]
    for number in numbers:
        assert any(line.startswith(f"retentiond: {path}:{number}: ") for line in lines)
    assert "Europe/London" in told.err
    assert [int(line.split(":")[2]) for line in lines] == sorted(int(line.split(":")[2]) for line in lines)


def test_a_password_in_the_configuration_is_refused_and_not_repeated(office: Office) -> None:
    change(office, "timeout = 20", 'timeout = 20\npassword = "quixotrill"')
    office.run("check").has(78, "account.main.password", "must not stand in this file", "secret")


def test_no_configuration_is_said_so(office: Office) -> None:
    office.config.unlink()
    office.run("audit").has(78, str(office.config), "no such file", "--config", "$RETENTIOND_CONFIG")


def test_the_configuration_may_be_named_by_the_environment(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from retentiond.cli import run

    monkeypatch.setenv("RETENTIOND_CONFIG", str(office.config))
    assert run(["--quiet", "check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_configuration_in_force_is_shown_without_secrets(office: Office) -> None:
    shown = office.run("config", "show").is_done("listening-line", "Europe/London", "$RetentionHold").out
    assert "open-sesame" not in shown
    assert str(office.secret) in shown


# ── permissions ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", COMMANDS)
def test_a_configuration_that_the_group_may_write_is_refused(office: Office, words: tuple[str, ...]) -> None:
    office.config.chmod(0o660)
    with office.untouched():
        told = office.run(*words).has(77, str(office.config), "its group may change it", "chmod go-w")
        assert told.out == ""


def test_a_secret_that_everybody_may_read_is_refused(office: Office, authority: Authority) -> None:
    with Proxy(office.server, authority) as proxy, office.untouched():
        office.at(proxy)
        office.secret.chmod(0o644)
        line = office.line_of("secret =")
        told = office.run("sweep")
        told.has(
            77, f"{office.config}:{line}:", "account.main.secret", "everybody", f"chmod 400 {office.secret}"
        )
    assert proxy.commands == []


def test_a_ledger_that_others_may_read_is_refused(office: Office) -> None:
    book = office.state / "ledger.db"
    book.chmod(0o640)
    with office.untouched():
        office.run("sweep").has(77, str(book), "open to others", "chmod 600")
        office.run("ledger", "verify").has(77, str(book))
    book.chmod(0o600)


def test_a_key_that_others_may_read_is_refused(office: Office) -> None:
    key = office.state / "ledger.key"
    key.chmod(0o440)
    office.run("sweep").has(77, str(key), "its group", "chmod 400")
    key.chmod(0o400)


def test_faults_come_before_permissions(office: Office) -> None:
    """78 before 77, where both can be known: a configuration that others may write is not even read."""
    change(office, "identities", "identites")
    office.secret.chmod(0o644)
    office.run("sweep").has(78, "identites")
    office.config.chmod(0o666)
    office.run("sweep").has(77, "everybody may change it")


# ── names ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--only"),
        ("audit", "--only"),
        ("sweep", "--only"),
        ("sweep", "--dry-run", "--only"),
        ("arm",),
    ],
)
def test_an_unknown_name_is_met_with_those_that_there_are(office: Office, words: tuple[str, ...]) -> None:
    with office.untouched():
        office.run(*words, "listning-line").has(2, "'listning-line'", "listening-line, advisor-1")
