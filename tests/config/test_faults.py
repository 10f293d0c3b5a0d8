"""What is wrong is refused before anything is connected to: all of it at once, each with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retentiond.config import Config, account_tables, load, shapes, tables
from retentiond.errors import ConfigurationRefused, Exit, Fault, RetentionError
from tests.config.conftest import LEAST, Write
from tests.config.test_config import EXAMPLE, uncommented

ACCOUNT = '[account.main]\nkind = "imap"\nhost = "mail.charity.example"\nsecret = { env = "IMAP" }\n'
HELPLINE = (
    '[[helpline]]\nname = "helpline-1"\naccount = "main"\nmailbox = "help"\n'
    'identities = ["help@charity.example"]\n'
)
SECOND = HELPLINE.replace("helpline-1", "helpline-2").replace("help@", "other@")
LETTERS = '[[letters]]\nname = "letters-1"\ndirectory = "/srv/letters"\nmanager = "ruth"\n'
ADVISOR = '[[advisor]]\nname = "advisor-1"\naccount = "main"\nmailbox = "one"\n'

#: The text, and of every fault that must be told: line, key, part of the sentence, part of the way on.
BROKEN: dict[str, tuple[str, list[tuple[int | None, str, str, str]]]] = {
    "nothing at all": ("", [(None, "helpline", "there is no helpline", "[[helpline]]")]),
    "a misspelt key": (
        LEAST + 'identites = ["x"]\n',
        [(11, "helpline.identites", "not known here", "did you mean identities?")],
    ),
    "a heartbeat in clear text": (
        LEAST + '[heartbeat]\nurl = "http://health.example/ping"\n',
        [(12, "heartbeat.url", "only https", "such as url")],
    ),
    "a heartbeat to an address that is none": (
        LEAST + '[heartbeat]\nurl = "https://[/ping"\n',
        [(12, "heartbeat.url", "this is not an address", "such as url")],
    ),
    "a heartbeat with a name in it": (
        LEAST + '[heartbeat]\nurl = "https://jo:secret@health.example/ping"\ntimeout = "1 hour"\n',
        [(12, "heartbeat.url", "without a name", ""), (13, "heartbeat.timeout", "", "")],
    ),
    "a heartbeat without an address": (LEAST + "[heartbeat]\n", [(11, "heartbeat.url", "missing", "")]),
    "metrics for everybody": (
        LEAST + '[metrics]\ntextfile = "/srv/metrics.txt"\nlisten = "0.0.0.0:9753"\n',
        [
            (12, "metrics.textfile", "end in .prom", "retentiond.prom"),
            (13, "metrics.listen", "on this machine only", "127.0.0.1:9753"),
        ],
    ),
    "metrics without a port": (
        LEAST + '[metrics]\nlisten = "127.0.0.1:0"\n',
        [(12, "metrics.listen", "port", "9753")],
    ),
    "metrics by a name": (
        LEAST + '[metrics]\nlisten = "localhost:9753"\n',
        [(12, "metrics.listen", "on this machine only", "")],
    ),
    "a channel with its token in the file, and one without a place": (
        LEAST + '[alert]\nhost = "r.example"\nsender = "a@b.example"\nto = ["a@b.example"]\n'
        'channels = ["ntfys://n.example/t", { file = "/a", env = "B" }]\n',
        [
            (15, "alert.channels", "must not stand in this file", ""),
            (15, "alert.channels", "more than one place", "exactly one of"),
        ],
    ),
    "a misspelt table": (LEAST + "[polcy]\n", [(11, "polcy", "not known here", "did you mean policy?")]),
    "a key like no other": (LEAST + "[log]\nzzz = 1\n", [(12, "log.zzz", "not known", "level, format")]),
    "a key like no other in tables of the service": (
        LEAST + '[schedule]\natt = "0 3 * * *"\n[alert]\nfrom = "it@charity.example"\n',
        [
            (12, "schedule.att", "not known here", "did you mean at?"),
            (14, "alert.from", "not known here", "sender"),
            (13, "alert.host", "", ""),
            (13, "alert.sender", "", ""),
            (13, "alert.to", "", ""),
        ],
    ),
    "of a place with copies a key too many, a text too long, a day too few": (
        LEAST + f'[[elsewhere]]\nwhat = "{"x" * 81}"\nkept = "0 days"\nwhere = "cellar"\n',
        [
            (12, "elsewhere.what", "", ""),
            (13, "elsewhere.kept", "0 days is not a period", ""),
            (14, "elsewhere.where", "not known here", ""),
        ],
    ),
    "a place with copies for ever": (
        LEAST + '[[elsewhere]]\nwhat = "journal"\n',
        [(11, "elsewhere.kept", "", "")],
    ),
    "a six-minute period": (
        LEAST + '[policy]\nperiod = "6 minutes"\n',
        [(12, "policy.period", "6 minutes is not a period", "6 months")],
    ),
    "a period without unit": (
        LEAST + '[policy]\nperiod = "6"\n[ledger]\nmarks_kept = 6\n',
        [
            (12, "policy.period", "6 is not a period", "days, weeks"),
            (14, "ledger.marks_kept", "6 is not", ""),
        ],
    ),
    "no time, and less than none": (
        LEAST + 'period = "0 months"\n[policy]\nperiod = "-1 months"\n',
        [
            (11, "helpline.period", "0 months is not a period", ""),
            (13, "policy.period", "-1 months is not", ""),
        ],
    ),
    "too short and too long": (
        LEAST + 'period = "27 days"\n[policy]\napprovers = 1\nperiod = "121 months"\n',
        [
            (11, "helpline.period", "27 days is shorter than a month", ""),
            (14, "policy.period", "ten years", ""),
        ],
    ),
    "under six months with two approvers": (
        LEAST + 'period = "180 days"\n[policy]\nperiod = "5 months"\n',
        [
            (11, "helpline.period", "180 days can be shorter than 6 months", "approvers = 1"),
            (13, "policy.period", "5 months can be shorter than 6 months", "approvers = 1"),
        ],
    ),
    "letters for too short a time": (
        LEAST + LETTERS + 'period = "1 month"\n',
        [(15, "letters.period", "1 month can be shorter than 2 months", "approvers = 1")],
    ),
    "letters in a folder of everybody's": (
        LEAST + LETTERS.replace("/srv/letters", "/srv"),
        [(13, "letters.directory", "other things than letters", "/srv/letters")],
    ),
    "letters in a path that is not plain": (
        LEAST + LETTERS.replace("/srv/letters", "/srv/../etc/letters/"),
        [(13, "letters.directory", "not plain", "without //")],
    ),
    "one folder, two targets": (
        LEAST + LETTERS + LETTERS.replace("letters-1", "l").replace("/srv/letters", "/srv/letters/old"),
        [(17, "letters.directory", "letters number 1 are this folder", "one target")],
    ),
    "one name, two kinds": (
        LEAST + LETTERS.replace("letters-1", "helpline-1"),
        [(12, "letters.name", "helpline helpline-1 has this name", "a name of its own")],
    ),
    "letters around the ledger": (
        LEAST + LETTERS + '[ledger]\ndirectory = "/srv/letters/book"\n',
        [(13, "letters.directory", "the ledger lies there", "")],
    ),
    "letters outside their mount, a deputy who is the manager": (
        LEAST + LETTERS + 'mount = "/mnt/share"\ndeputy = "ruth"\n',
        [
            (15, "letters.mount", "does not lie there", "mounted"),
            (16, "letters.deputy", "this is the manager", "leave the key out"),
        ],
    ),
    "names of letters that are none": (
        LEAST + LETTERS + 'hold_folder = "a/b"\nbins = ["*"]\nbackup = ["a b"]\n',
        [
            (15, "letters.hold_folder", "not the name of a folder", "On hold"),
            (16, "letters.bins", "not the name of a bin", ".recycle"),
            (17, "letters.backup", "not the name of a user", ""),
        ],
    ),
    "letters without a folder, in one bracket": (
        LEAST + '[letters]\nname = "letters-1"\n',
        [(11, "letters", "every letters is a table of its own", "[[letters]]")],
    ),
    "an unknown zone": (
        LEAST + '[policy]\nzone = "europe/london"\n',
        [(12, "policy.zone", "not a time zone", 'zone = "Europe/London"')],
    ),
    "the machine's own zone": (
        LEAST + '[policy]\nzone = "localtime"\n',
        [(12, "policy.zone", "not a time", "")],
    ),
    "a clock that is none": (
        LEAST + '[policy]\nclock = "thread"\nlongest = "11 years"\n',
        [
            (12, "policy.clock", "not known here", "'message' or 'conversation'"),
            (13, "policy.longest", "longer than ten years", ""),
        ],
    ),
    "a conversation that would keep mail less long than its period": (
        LEAST + '[policy]\nclock = "conversation"\nlongest = "5 months"\n',
        [(13, "policy.longest", "shorter than 6 months", "6 months or more")],
    ),
    "a period beyond what a conversation keeps by default": (
        LEAST + 'period = "2 years"\n[policy]\nclock = "conversation"\n',
        [(12, "policy.longest", "12 months can be shorter than 24 months", "24 months or more")],
    ),
    "wrong types": (
        LEAST
        + '[policy]\napprovers = true\nby_thread = "no"\nzone = 1\n[limits]\nstrays = 1.0\nunforeseen = -1\n',
        [
            (12, "policy.approvers", "whole number", "without quotes"),
            (13, "policy.by_thread", "true or false", ""),
            (14, "policy.zone", "text is wanted", ""),
            (16, "limits.strays", "whole number", ""),
            (17, "limits.unforeseen", "below 0", ""),
        ],
    ),
    "a fuse that is none": (
        LEAST + "[limits]\nunforeseen = 1000000\n",
        [(12, "limits.unforeseen", "above", "")],
    ),
    "a wrong word": (LEAST + '[log]\nlevel = "loud"\n', [(12, "log.level", "not known here", "'info'")]),
    "one bracket for two": (
        LEAST.replace("[[helpline]]", "[helpline]"),
        [(6, "helpline", "table of its", "[[")],
    ),
    "two brackets for one": (LEAST + "[[policy]]\n", [(11, "policy", "there is one of it", "[policy]")]),
    "an account without name": (
        '[account]\nhost = "x"\n' + HELPLINE,
        [
            (2, "account.host", "every account", "[account.NAME]"),
            (5, "helpline.account", "no such account", "add a table [account.NAME]"),
        ],
    ),
    "a kind that does not exist": (
        LEAST.replace('"imap"\nhost', '"exchage"\nendpoint'),
        [(2, "account.main.kind", "no such kind", "there is: imap")],
    ),
    "no kind": (LEAST.replace('kind = "imap"\n', ""), [(1, "account.main.kind", "missing", "imap")]),
    "keys that are missing": (
        '[account.main]\nkind = "imap"\n\n[[helpline]]\n\n[[advisor]]\n',
        [
            (1, "account.main.host", "missing", "host ="),
            (1, "account.main.secret", "missing", "secret ="),
            (4, "helpline.name", "missing", ""),
            (4, "helpline.account", "missing", ""),
            (4, "helpline.mailbox", "missing", ""),
            (4, "helpline.identities", "missing", ""),
            (6, "advisor.name", "missing", ""),
            (6, "advisor.account", "missing", ""),
            (6, "advisor.mailbox", "missing", ""),
        ],
    ),
    "cleartext": (
        ACCOUNT + 'tls = "none"\nverify_tls = false\nport = 0\n' + HELPLINE,
        [
            (5, "account.main.tls", "no switch loosens TLS", "implicit or starttls"),
            (6, "account.main.verify_tls", "no switch loosens TLS", "ca_file"),
            (7, "account.main.port", "below 1", ""),
        ],
    ),
    "a host that is an address on the web": (
        LEAST.replace('"mail.', '"imaps://mail.'),
        [(3, "account.main.host", "not the name of a host", "bare name")],
    ),
    "a private authority that is not there": (
        ACCOUNT + 'ca_file = "/nowhere/ca.pem"\n' + HELPLINE,
        [(5, "account.main.ca_file", "no such file", "")],
    ),
    "a wait without end": (
        ACCOUNT + 'timeout = "2 hours"\nserver_keeps = "a while"\n' + HELPLINE,
        [
            (5, "account.main.timeout", "1 second to 10 minutes", "60 sec"),
            (6, "account.main.server_keeps", "not a", ""),
        ],
    ),
    "two places for one secret, and none": (
        '[ledger]\nkey = {}\n[account.main]\nkind = "imap"\nhost = "h.example"\n'
        '[account.main.secret]\nenv = "A"\nfile = "/b"\n' + HELPLINE,
        [(2, "ledger.key", "no place", "exactly one"), (6, "account.main.secret", "more than one place", "")],
    ),
    "places that cannot be": (
        ACCOUNT.replace('{ env = "IMAP" }', '{ file = "imap" }')
        + '[account.b]\nkind = "imap"\nhost = "h.example"\nsecret = { credential = "../x" }\n'
        + '[account.c]\nkind = "imap"\nhost = "h.example"\nsecret = { env = "A=B" }\n'
        + '[account.d]\nkind = "imap"\nhost = "h.example"\nsecret = { command = [] }\n'
        + HELPLINE,
        [
            (4, "account.main.secret.file", "not an absolute path", ""),
            (8, "account.b.secret.credential", "not a credential's name", ""),
            (12, "account.c.secret.env", "not a variable's name", ""),
            (16, "account.d.secret.command", "empty", ""),
        ],
    ),
    "logins without their keys": (
        ACCOUNT + 'login = "master"\nshared_prefix = "a{mailbox}"\n'
        '[account.b]\nkind = "imap"\nhost = "h.example"\nsecret = { env = "B" }\nlogin = "shared"\n'
        '[account.c]\nkind = "imap"\nhost = "h.example"\nsecret = { env = "C" }\nmaster_separator = "+"\n'
        + HELPLINE,
        [
            (1, "account.main.user", 'login = "master" needs a user', ""),
            (6, "account.main.shared_prefix", "means nothing", 'login = "shared"'),
            (7, "account.b.user", 'login = "shared" needs a user', ""),
            (7, "account.b.shared_prefix", "where shared mailboxes lie", "{mailbox}"),
            (16, "account.c.master_separator", "means nothing", 'login = "master"'),
        ],
    ),
    "a prefix without its mailbox": (
        ACCOUNT + 'login = "shared"\nuser = "u"\nshared_prefix = "shared/"\n' + HELPLINE,
        [(7, "account.main.shared_prefix", "own name", "shared/{mailbox}")],
    ),
    "an account that does not exist": (
        LEAST.replace('account = "main"', 'account = "mian"'),
        [(8, "helpline.account", "no such account", "did you mean main?")],
    ),
    "a name twice, an identity twice, a mailbox twice": (
        LEAST + HELPLINE.replace('"help"', '"HELP@charity.example"').replace("help@", "HELP@"),
        [
            (12, "helpline.name", "helpline helpline-1 has this name", ""),
            (14, "helpline.mailbox", "helpline helpline-1 has the same mailbox", ""),
            (15, "helpline.identities", "helpline helpline-1 has this identity", ""),
        ],
    ),
    "a mailbox twice, by two accounts and two ports of one server": (
        ACCOUNT
        + ACCOUNT.replace("main", "again").replace("mail.", "MAIL.")
        + 'tls = "starttls"\nport = 143\n'
        + HELPLINE
        + ADVISOR.replace('"main"', '"again"').replace('"one"', '"Help"'),
        [(19, "advisor.mailbox", "helpline helpline-1 has the same mailbox", "")],
    ),
    "one login for two mailboxes": (
        ACCOUNT + 'user = "login"\n' + HELPLINE + SECOND.replace('"help"', '"other"'),
        [(13, "helpline.account", "opens one mailbox only", 'login = "master"')],
    ),
    "one login by two accounts": (
        ACCOUNT
        + 'user = "login"\n'
        + HELPLINE
        + ACCOUNT.replace("main", "b")
        + 'user = "Login"\n'
        + SECOND.replace('"main"', '"b"').replace('"help"', '"other"'),
        [(19, "helpline.mailbox", "helpline helpline-1 has the same mailbox", "")],
    ),
    "names that would tell or break something": (
        '[account."a b"]\nkind = "imap"\nhost = "h.example"\nsecret = { env = "A" }\n'
        + ACCOUNT
        + HELPLINE.replace("helpline-1", "Help Line").replace('"help"', '"he\\nlp"')
        + ADVISOR.replace("advisor-1", "house").replace('"one"', '" one"'),
        [
            (1, 'account."…"', "lower-case letters", ""),
            (10, "helpline.name", "lower-case letters", "helpline-1"),
            (12, "helpline.mailbox", "control character", ""),
            (15, "advisor.name", "ledger's own chain", ""),
            (17, "advisor.mailbox", "blank at the beginning", ""),
        ],
    ),
    "identities that are none": (
        ACCOUNT
        + HELPLINE.replace('"help@charity.example"', '\n"Help <help@charity.example>",\n"help@charity"\n'),
        [
            (10, "helpline.identities", "bare e-mail address", ""),
            (11, "helpline.identities", "bare e-mail", ""),
        ],
    ),
    "folders that contradict": (
        LEAST + 'hold_folder = "Kept"\nnamed_folders = ["All"]\nleave_out = [\n"kept",\n"All",\n"Arch*"\n]\n',
        [
            (14, "helpline.leave_out", "this is the hold folder", ""),
            (15, "helpline.leave_out", "named_folders as well", ""),
            (16, "helpline.leave_out", "stand for many names", ""),
        ],
    ),
    "folders that were promised": (
        ACCOUNT
        + '[account.main.roles]\nsent = "Gesendet"\n'
        + HELPLINE
        + 'leave_out = [\n"Inbox",\n"gesendet",\n"Training"\n]\n',
        [
            (13, "helpline.leave_out", "promised to go", "do not leave it out"),
            (14, "helpline.leave_out", "promised to go", "do not leave it out"),
        ],
    ),
    "a hold folder that would keep everything": (
        ACCOUNT
        + '[account.main.roles]\nsent = "Gesendet"\n'
        + HELPLINE
        + 'hold_folder = "inbox"\n'
        + SECOND.replace('"help"', '"other"')
        + 'hold_folder = "Gesendet"\n',
        [
            (12, "helpline.hold_folder", "kept for ever", ""),
            (18, "helpline.hold_folder", "kept for ever", ""),
        ],
    ),
    "signs that are none": (
        LEAST + 'hold_keyword = "\\\\Flagged"\n' + ADVISOR + 'hold_keyword = "on hold"\n',
        [
            (11, "helpline.hold_keyword", "system flag", "$Ret"),
            (16, "advisor.hold_keyword", "not an IMAP key", ""),
        ],
    ),
    "an advisor's folders": (
        LEAST + 'roles = { sent = "Sent Items" }\n' + ADVISOR + 'roles = { sent = "Sent Items" }\n'
        'folders = ["INBOX", "sent", "Sent Items"]\ntold = "2026-01-01"\n',
        [
            (17, "advisor.folders", "Inbox is never looked at", ""),
            (17, "advisor.folders", "named twice", ""),
            (18, "advisor.told", "a date is wanted", "without quotes"),
        ],
    ),
    "no folders": (LEAST + ADVISOR + "folders = []\n", [(15, "advisor.folders", "empty", "at least one")]),
    "roles that do not exist": (
        LEAST + "roles = { sentt = 'x' }\n",
        [(11, "helpline.roles.sentt", "", "mean sent?")],
    ),
    "a file that is not TOML": ("[account\nkind = 1\n", [(1, "", "not TOML", "")]),
    "a value without quotes": ("\n\nname = helpline\n", [(3, "", "not TOML", "quotes")]),
    "a key twice": ('[log]\nlevel = "info"\nlevel = "info"\n', [(3, "", "a second time", "")]),
    "a table twice": ("[log]\n\n[log]\n", [(3, "", "a second time", "")]),
    "an open bracket at the end": ("[log]\nlevel = [\n", [(3, "", "", "")]),
    "brackets without end": ("a = " + "[" * 100_000, [(None, "", "nested too deeply", "")]),
    "a number without end": ("a = " + "1" * 5_000, [(None, "", "not TOML", "")]),
}


def faults_of(path: Path) -> tuple[Fault, ...]:
    with pytest.raises(ConfigurationRefused) as caught:
        load(path)
    assert caught.value.exit_code == Exit.CONFIGURATION
    return caught.value.faults


@pytest.mark.parametrize("name", BROKEN)
def test_every_fault_is_told_with_its_place_and_the_way_on(name: str, write: Write) -> None:
    text, expected = BROKEN[name]
    path = write(text)
    faults = faults_of(path)
    told = [(fault.line, fault.key) for fault in faults]
    assert sorted(told, key=str) == sorted([(line, key) for line, key, _, _ in expected], key=str)
    for line, key, what, way_on in expected:
        same = [fault for fault in faults if (fault.line, fault.key) == (line, key)]
        assert any(what in fault.what and way_on in fault.way_on for fault in same), same
    assert {fault.file for fault in faults} == {str(path)}
    assert [fault.line or 0 for fault in faults] == sorted(fault.line or 0 for fault in faults)


@pytest.mark.parametrize("name", tables.ConfigTable.model_fields)
def test_a_key_too_many_is_told_in_every_table(name: str, write: Write) -> None:
    header = {"account": "[account.other]", "helpline": "[[helpline]]"}.get(name, f"[{name}]")
    if name in ("advisor", "letters", "elsewhere"):
        header = f"[[{name}]]"
    kind = 'kind = "imap"\n' if name == "account" else ""
    faults = faults_of(write(LEAST + f"{header}\n{kind}zzz = 1\n"))
    [unknown] = [fault for fault in faults if fault.key.endswith("zzz")]
    assert unknown.what == "this key is not known here"
    assert unknown.way_on.startswith("known are: ")


@pytest.mark.parametrize(
    "written",
    [
        'password = "{}"',
        'passwd = "{}"',
        'secret = "{}"',
        'secret = ["{}"]',
        'secret = {{ file = "{}" }}',
        'secret = {{ credential = "{} /" }}',
        'secret = {{ env = "{} =" }}',
        'secret = {{ command = "{}" }}',
        'secret = {{ command = ["{}\\n"] }}',
        'secret = {{ value = "{}" }}',
        '"{} !" = 1',
        'user = "{}\\n"',
        'host = "{} x"',
        'tls = "{}"',
        'port = "{}"',
        'server_keeps = "{}"',
        'ca_file = "/{}"',
        'roles = "{}"',
        "user = {}",
        'user = "{}',
    ],
)
def test_no_fault_repeats_what_was_typed(written: str, write: Write) -> None:
    """A password in the wrong place must not end up in a log because it was in the wrong place (P7)."""
    odd = "Hunter2Xylophone"
    text = f'[account.main]\nkind = "imap"\n{written.format(odd)}\n{HELPLINE}'
    faults = faults_of(write(text))
    assert 3 in {fault.line for fault in faults}
    assert odd.lower() not in repr(faults).lower()


def test_a_password_in_the_file_has_a_sentence_of_its_own(write: Write) -> None:
    faults = faults_of(write(LEAST.replace('{ credential = "imap" }', '"hunter2"')))
    assert [(fault.line, fault.what) for fault in faults] == [
        (4, "the secret itself must not stand in this file")
    ]
    assert "secret = { credential" in faults[0].way_on


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"\xef\xbb\xbf" + LEAST.encode(), None, "byte order mark"),
        (LEAST.encode("utf-16"), 1, "not UTF-8"),
        (b"[log]\n# caf\xe9\n", 2, "not UTF-8"),
        (b"\0" * 10, 1, "not TOML"),
        (b"#" * 2_000_000, None, "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_plain_text_is_refused(content: bytes, line: int, what: str, write: Write) -> None:
    [fault] = faults_of(write(content))
    assert fault.line == line
    assert what in fault.what


def test_a_byte_order_mark_hides_no_other_fault(write: Write) -> None:
    faults = faults_of(write(b"\xef\xbb\xbf" + LEAST.encode() + b"[polcy]\n"))
    assert [(fault.line, fault.key) for fault in faults] == [(None, ""), (11, "polcy")]


def test_a_missing_file_and_a_folder_are_told_plainly(tmp_path: Path) -> None:
    [fault] = faults_of(tmp_path / "none.toml")
    assert fault.what == "there is no such file"
    assert "--config" in fault.way_on
    assert "RETENTIOND_CONFIG" in fault.way_on
    assert faults_of(tmp_path)[0].what.startswith("this is not a file")
    assert faults_of(Path("/dev/zero"))[0].what.startswith("this is not a file")
    assert faults_of(Path("a\0b"))[0].what == "this file cannot be read"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "retentiond.toml"
    path.touch(mode=0o600)
    return path


VALUES = st.recursive(
    st.sampled_from(
        ['"main"', '"direct"', '"6 months"', '"\\u0000"', "1", "-1", "true", "1.5", "nan", "1999-01-01"]
    )
    | st.sampled_from(
        ['"helpline-1"', '"a@b.example"', '"UTC"', '"Europe"', '"imap"', '"*"', '""', "07:32:00"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda all_of: f"[{', '.join(all_of)}]")
        | st.dictionaries(st.sampled_from(["env", "file", "command", "sent", "x"]), inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(["policy", "ledger", "limits", "log", "account", "account.main", "helpline", "x"])
HEADERS = st.builds(str.format, st.sampled_from(["[{}]", "[[{}]]", "[{}.roles]"]), NAMES)
KEYS = st.sampled_from(
    ["password"]
    + [
        key
        for room in (tables, account_tables, shapes)
        for table in vars(room).values()
        for key in getattr(table, "model_fields", ())
    ]
)
LINES = HEADERS | st.builds("{} = {}".format, KEYS, VALUES)
TEXTS = st.text(max_size=80) | st.lists(LINES, max_size=14).map("\n".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(before=st.sampled_from(["", LEAST, ACCOUNT]), text=TEXTS)
def test_whatever_the_file_holds_the_answer_is_a_config_or_an_error_of_our_own(
    scratch: Path, before: str, text: str
) -> None:
    scratch.write_bytes((before + text).encode("utf-8", "surrogatepass"))
    try:
        config = load(scratch)
    except RetentionError:
        return
    assert isinstance(config, Config)
    assert config.helplines


FULL = uncommented(EXAMPLE).replace("/etc/retentiond/authority.pem", "/etc/hostname").splitlines()
#: What few keys take; an empty text, list or table is also what somebody leaves behind who is not done.
WRONG = ("[]", "{ x = 1 }", "-1", "1999-01-01", '""')
AT = [number for number, line in enumerate(FULL) if re.match(r"[a-z_]+ = ", line)]


def refused_lines(path: Path) -> set[int | None] | None:
    """The lines that a refusal names; None where the file is taken."""
    try:
        load(path)
    except ConfigurationRefused as refusal:
        return {fault.line for fault in refusal.faults}
    return None


@pytest.mark.parametrize("number", AT, ids=[f"{number + 1} {FULL[number].split()[0]}" for number in AT])
def test_a_wrong_value_of_any_key_is_told_on_its_line(number: int, scratch: Path) -> None:
    """Whatever stands there is taken, or told with the key's own line; a slip or a second one is told."""
    key, _, value = FULL[number].partition(" = ")

    def written(*lines: str) -> set[int | None] | None:
        scratch.write_text("\n".join([*FULL[:number], *lines, *FULL[number + 1 :]]))
        return refused_lines(scratch)

    for wrong in WRONG:
        told = written(f"{key} = {wrong}")
        assert told is None or (number + 1 in told and None not in told), wrong
    assert written(FULL[number], FULL[number]) in ({number + 1}, {number + 2})
    slip = written(f"{key}q = {value}")
    assert slip
    assert None not in slip
    assert number + 1 in slip or key == "kind", "without its kind nobody knows which keys an account has"
