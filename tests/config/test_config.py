"""What a configuration says is what the house gets, defaults included; and the example holds every key."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest

from retentiond.config import (
    DEFAULT_PATH,
    Elsewhere,
    HeartbeatSettings,
    Login,
    MetricsSettings,
    Schedule,
    Source,
    Tls,
    find,
    json_schema,
    load,
    shown,
)
from retentiond.core.fuse import Limits
from retentiond.core.model import Kind, Role
from retentiond.core.period import Period
from retentiond.errors import UnknownTarget
from tests.config.conftest import LEAST, Loaded, Write

FOLDER = Path(__file__).parents[2] / "config"
EXAMPLE = (FOLDER / "retentiond.example.toml").read_text()


def test_the_least_configuration_has_every_default(loaded: Loaded) -> None:
    config = loaded(LEAST)
    assert (config.policy.period, config.policy.zone.key) == (Period(months=6), "Europe/London")
    assert (config.policy.approvers, config.policy.by_thread) == (2, False)
    assert config.limits == Limits(unforeseen=25, strays=100, forecast_days=35)
    assert (config.log.level, config.log.format) == ("info", "auto")
    assert config.schedule == Schedule("15 3 * * *", ZoneInfo("Europe/London"), 300, 4)
    assert config.ledger.directory == Path("/var/lib/retentiond")
    assert str(config.ledger.key) == "file /var/lib/retentiond/ledger.key"
    assert config.ledger.marks_kept == Period(months=6)
    account = config.accounts["main"]
    assert (account.kind, account.port, account.tls, account.timeout) == ("imap", 993, Tls.IMPLICIT, 60)
    assert (account.login, account.user, account.ca_file) == (Login.DIRECT, None, None)
    assert account.login_name("help@charity.example") == "help@charity.example"
    [helpline] = config.helplines
    assert helpline.period == Period(months=6)
    assert helpline.hold_keyword == "$RetentionHold"
    assert helpline.hold_folder is None
    assert config.advisors == ()


def test_mail_falls_due_by_its_own_date_unless_the_policy_follows_conversations(loaded: Loaded) -> None:
    assert loaded(LEAST).policy.longest is None
    assert loaded(LEAST + '[policy]\nlongest = "9 months"\n').policy.longest is None
    by_conversation = LEAST + '[policy]\nclock = "conversation"\n'
    assert loaded(by_conversation).policy.longest == Period(months=12)
    assert loaded(by_conversation + 'longest = "6 months"\n').policy.longest == Period(months=6)
    assert loaded(by_conversation + 'longest = "10 years"\n').policy.longest == Period(months=120)


def test_every_key_reaches_the_house(loaded: Loaded, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch(mode=0o644)
    config = loaded(
        f"""
        [policy]
        period = "1 month"
        zone = "Asia/Tokyo"
        approvers = 1
        by_thread = true
        [ledger]
        directory = "/srv/book"
        key = {{ credential = "book" }}
        marks_kept = "1 year"
        [limits]
        unforeseen = 0
        strays = 1
        forecast_days = 40
        [log]
        level = "debug"
        format = "json"
        [account.main]
        kind = "imap"
        host = "::1"
        tls = "starttls"
        ca_file = "{authority}"
        login = "master"
        user = "admin"
        master_separator = "+"
        secret = {{ command = ["pass", "show", "imap"] }}
        timeout = "2 minutes"
        server_keeps = "7 days"
        roles = {{ sent = "Gesendet", trash = "Papierkorb" }}
        [[helpline]]
        name = "h"
        account = "main"
        mailbox = "help"
        identities = ["help@charity.example"]
        period = "8 months"
        leave_out = ["Scha\\u0308tze"]
        named_folders = ["All Mail"]
        hold_keyword = "Behalten"
        hold_folder = "Kept"
        roles = {{ sent = "Sent Items" }}
        [[advisor]]
        name = "a"
        account = "main"
        mailbox = "one"
        folders = ["sent", "Old sent"]
        told = 2026-01-05
        hold_keyword = "Kept"
        """
    )
    assert (config.policy.period, config.policy.zone.key) == (Period(months=1), "Asia/Tokyo")
    assert (config.policy.approvers, config.policy.by_thread) == (1, True)
    assert config.limits == Limits(unforeseen=0, strays=1, forecast_days=40)
    assert (config.log.level, config.log.format) == ("debug", "json")
    assert (config.ledger.directory, str(config.ledger.key)) == (Path("/srv/book"), "credential book")
    assert config.ledger.marks_kept == Period(months=12)
    account = config.accounts["main"]
    assert (account.host, account.port, account.tls, account.ca_file) == ("::1", 143, Tls.STARTTLS, authority)
    assert account.login_name("help") == "help+admin"
    assert account.prefix("help") is None
    assert (account.timeout, account.server_keeps) == (120, Period(days=7))
    assert (account.secret.source, account.secret.arguments) == (Source.COMMAND, ("show", "imap"))
    [helpline], [advisor] = config.helplines, config.advisors
    assert helpline.period == Period(months=8)
    assert helpline.leave_out == {"Schätze"}, "names are compared composed"
    assert helpline.named_folders == {"All Mail"}
    assert (helpline.hold_keyword, helpline.hold_folder) == ("Behalten", "Kept")
    assert helpline.roles == {Role.SENT: "Sent Items", Role.TRASH: "Papierkorb"}
    assert (advisor.folders, advisor.told, advisor.hold_keyword) == (
        ("sent", "Old sent"),
        date(2026, 1, 5),
        "Kept",
    )
    assert advisor.roles == {Role.SENT: "Gesendet", Role.TRASH: "Papierkorb"}


def test_letters_have_a_period_and_bins_of_their_own(loaded: Loaded) -> None:
    least = LEAST + '[[letters]]\nname = "l"\ndirectory = "/srv/letters"\nmanager = "ruth"\n'
    [letters] = loaded(least).letters
    assert (letters.period, letters.manager, letters.deputy, letters.backup) == (
        Period(months=2),
        "ruth",
        None,
        (),
    )
    assert (letters.hold_folder, letters.overwrite, letters.mount) == (None, True, None)
    assert letters.bins == (".Trash", ".Trash-*", "$RECYCLE.BIN", "#recycle", ".recycle")
    [letters] = loaded(
        least + 'period = "3 months"\ndeputy = "ann"\nbackup = ["b"]\nbins = ["/mnt/bin"]\n'
        'hold_folder = "h"\noverwrite = false\nmount = "/srv/letters"\n'
    ).letters
    assert (letters.period, letters.deputy, letters.backup) == (Period(months=3), "ann", ("b",))
    assert (letters.bins, letters.hold_folder, letters.overwrite) == (("/mnt/bin",), "h", False)
    assert letters.mount == letters.directory


def test_one_login_that_sees_shared_mailboxes(loaded: Loaded) -> None:
    more = 'login = "shared"\nuser = "robot"\nshared_prefix = "shared/{mailbox}"\n'
    account = loaded(LEAST.replace("\n\n", f"\n{more}\n", 1)).accounts["main"]
    assert account.login_name("help") == "robot"
    assert account.prefix("help") == "shared/help"


def test_an_account_of_one_mailbox_has_a_login_of_its_own(loaded: Loaded) -> None:
    account = loaded(LEAST.replace("\n\n", '\nuser = "login"\nport = 9930\ntimeout = 5\n\n', 1)).accounts[
        "main"
    ]
    assert (account.login_name("help"), account.port, account.timeout) == ("login", 9930, 5)


def test_what_else_keeps_copies_is_declared_place_by_place(loaded: Loaded) -> None:
    places = (
        '[[elsewhere]]\nwhat = "backup"\nkept = "30 days"\n[[elsewhere]]\nwhat = "chat"\nkept = "1 year"\n'
    )
    told = (Elsewhere("backup", Period(days=30)), Elsewhere("chat", Period(months=12)))
    assert loaded(LEAST + places).elsewhere == told
    assert loaded(LEAST).elsewhere == ()


def test_who_hears_of_it_besides_the_mail(loaded: Loaded, tmp_path: Path) -> None:
    config = loaded(LEAST)
    assert (config.heartbeat, config.metrics) == (None, None)
    plain = loaded(LEAST + '[metrics]\n[heartbeat]\nurl = "https://h.example/ping/0123?rid=1"\n')
    assert plain.heartbeat == HeartbeatSettings("https://h.example/ping/0123?rid=1", None, 10)
    textfile = Path("/var/lib/prometheus/node-exporter/retentiond.prom")
    assert plain.metrics == MetricsSettings(textfile, None)
    for listen in ("127.0.0.1:9753", "[::1]:9753", "/run/retentiond/metrics.sock"):
        asked = loaded(LEAST + f'[metrics]\nlisten = "{listen}"\n')
        assert asked.metrics == MetricsSettings(None, listen), "then a file is written only if it is named"
    authority = tmp_path / "ca.pem"
    authority.touch(mode=0o644)
    full = loaded(
        LEAST + f'[heartbeat]\nurl = "https://h.example"\nca_file = "{authority}"\ntimeout = 5\n'
        '[alert]\nhost = "r.example"\nsender = "a@b.example"\nto = ["a@b.example"]\n'
        'channels = [{ credential = "chat" }, { env = "PUSH" }]\n'
    )
    assert full.heartbeat == HeartbeatSettings("https://h.example", authority, 5)
    assert full.alert is not None
    assert [str(channel) for channel in full.alert.channels] == ["credential chat", "env PUSH"]


def test_channels_that_cannot_be_spoken_to_are_refused(write: Write) -> None:
    """Without the extra: in a process in which apprise cannot be found."""
    path = write(
        LEAST + '[alert]\nhost = "r.example"\nsender = "a@b.example"\nto = ["a@b.example"]\n'
        'channels = [{ credential = "chat" }]\n'
    )
    program = (
        "import sys; sys.modules['apprise'] = None; from retentiond.cli import main;"
        f"main(['--config', {str(path)!r}, 'status'])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.returncode == 78
    assert ":15: alert.channels: other channels than mail are not installed here" in told.stderr
    assert 'pip install "retentiond[apprise]"' in told.stderr


def test_targets_are_found_by_name(loaded: Loaded) -> None:
    config = loaded(EXAMPLE)
    assert [(target.name, target.kind) for target in config.targets()] == [
        ("helpline-1", Kind.HELPLINE),
        ("helpline-2", Kind.HELPLINE),
        ("advisor-1", Kind.ADVISOR),
        ("advisor-2", Kind.ADVISOR),
        ("letters-1", Kind.LETTERS),
    ]
    assert config.account_of(config.target("advisor-2")).host == "imap.other.example"
    with pytest.raises(UnknownTarget) as caught:
        config.target("advisor-3")
    assert caught.value.known == ("helpline-1", "helpline-2", "advisor-1", "advisor-2", "letters-1")


def test_nothing_of_a_configuration_can_be_changed(loaded: Loaded) -> None:
    config = loaded(EXAMPLE)
    for value in (config, config.policy, config.ledger, config.helplines[0], config.accounts["main"]):
        assert dataclasses.is_dataclass(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)
        assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError):
        config.accounts["other"] = config.accounts["main"]  # type: ignore[index]


def test_the_state_directory_is_the_one_that_systemd_made(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two")
    assert loaded(LEAST).ledger.directory == Path("/var/lib/one")
    assert loaded(LEAST + '[ledger]\ndirectory = "/srv/book"\n').ledger.directory == Path("/srv/book")


def test_the_file_is_found_by_option_then_variable_then_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(None) == DEFAULT_PATH == Path("/etc/retentiond/retentiond.toml")
    monkeypatch.setenv("RETENTIOND_CONFIG", "/srv/variable.toml")
    assert find(None) == Path("/srv/variable.toml")
    assert find("option.toml") == Path("option.toml")


# ── the example, and the schema for editors ──────────────────────────────────────────────────────


def uncommented(text: str) -> str:
    """The example with every key that it only mentions taken at its word."""
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def keys(schema: dict[str, Any], table: dict[str, Any]) -> set[str]:
    """The dotted keys that a schema knows, below `table`."""
    if "$ref" in table:
        table = schema["$defs"][table["$ref"].rsplit("/", 1)[1]]
    found: set[str] = set()
    for name, value in table.get("properties", {}).items():
        inner = value.get("items") or value.get("additionalProperties") or value
        below = keys(schema, inner) if isinstance(inner, dict) else set()
        found |= {f"{name}.{key}" for key in below} or {name}
    return found


def test_the_example_is_a_configuration_as_it_stands(loaded: Loaded) -> None:
    config = loaded(EXAMPLE)
    assert len(config.helplines) == len(config.advisors) == 2
    kinds = [account.kind for account in config.accounts.values()]
    assert kinds == ["imap", "imap", "exchange", "exchange", "graph"]
    assert config.policy.period == Period(months=6)


def test_the_example_names_every_key_there_is() -> None:
    schema = json_schema()
    for key in keys(schema, schema):
        *_, name = key.split(".")
        assert re.search(rf"\b{name}\b\"? = ", EXAMPLE), key


def test_what_the_example_shows_as_default_is_the_default(loaded: Loaded, write: Write) -> None:
    """Every commented-out key may be taken at its word, and those that say a default change nothing."""
    authority = write("", "authority.pem", 0o644)
    text = uncommented(EXAMPLE).replace("/etc/retentiond/authority.pem", str(authority))
    plain, full = loaded(EXAMPLE), loaded(text)
    policy = dataclasses.replace(full.policy, manager=plain.policy.manager)  # it has no default
    assert (policy, full.limits, full.log) == (plain.policy, plain.limits, plain.log)
    assert full.ledger.directory == plain.ledger.directory
    assert full.ledger.marks_kept == plain.ledger.marks_kept
    before, after = plain.accounts["main"], full.accounts["main"]
    assert (after.tls, after.port, after.timeout) == (before.tls, before.port, before.timeout)
    assert after.master_separator == before.master_separator
    assert [advisor.folders for advisor in full.advisors] == [advisor.folders for advisor in plain.advisors]
    assert [line.hold_keyword for line in full.helplines] == [line.hold_keyword for line in plain.helplines]


def schema_text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def test_the_schema_in_the_repository_is_the_one_that_the_tables_make() -> None:
    """To write it anew: `python -m tests.config.test_config`."""
    assert (FOLDER / "retentiond.schema.json").read_text() == schema_text()


def as_json(text: str) -> Any:
    """TOML as an editor's schema checker sees it: dates are text."""
    return json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))


def test_an_editor_accepts_what_we_accept() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for text in (LEAST, EXAMPLE, uncommented(EXAMPLE), LEAST.replace("\n\n", "\ntimeout = 30\n\n", 1)):
        assert list(validator.iter_errors(as_json(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        LEAST + "[polcy]\n",
        LEAST + '[policy]\nperiod = "6 minutes"\n',
        LEAST.replace('{ credential = "imap" }', '"hunter2"'),
        LEAST.replace('{ credential = "imap" }', '{ env = "A", file = "/b" }'),
        LEAST.replace("\n\n", '\ntls = "none"\n\n', 1),
        LEAST.replace("helpline-1", "Help Line"),
        LEAST.replace("account.main", 'account."A b"'),
        LEAST.replace('kind = "imap"', 'kind = "pop3"'),
    ],
)
def test_an_editor_marks_the_common_faults(text: str) -> None:
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(as_json(text)))


# ── showing ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_shown_is_what_is_in_force(loaded: Loaded, write: Write) -> None:
    """For a file without commands the text is itself a configuration, the same one."""
    last = 'mailbox = "advisor.two"\n'
    text = EXAMPLE.replace(last, last + 'roles = { sent = "Sent \\"Items\\"" }\n')
    assert text != EXAMPLE
    config = loaded(text)
    again = load(write(shown(config), "again.toml"))
    assert dataclasses.replace(again, path=config.path) == config
    assert 'period = "6 months"' in shown(config)


def test_of_a_secret_only_its_place_is_shown(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP", "hunter2")
    by_variable = shown(loaded(LEAST.replace('credential = "imap"', 'env = "IMAP"')))
    assert 'secret = { env = "IMAP" }' in by_variable
    assert "hunter2" not in by_variable
    by_command = shown(loaded(LEAST.replace('credential = "imap"', 'command = ["vault", "--token=hunter2"]')))
    assert 'secret = { command = ["vault", "…"] }' in by_command
    assert "hunter2" not in by_command


def test_pydantic_is_imported_only_when_a_configuration_is_loaded() -> None:
    program = "import sys, retentiond.config; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


if __name__ == "__main__":
    (FOLDER / "retentiond.schema.json").write_text(schema_text())
