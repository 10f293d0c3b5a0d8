"""A really booted systemd: the package, the installation, the service, its ends and its walls.

One boot of a whole Debian, in which `inside.py` goes through everything once and writes down what it saw.
Each test here asserts one fact of it. `pytest -m campaign tests/systemd/test_booted.py -n 0`
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from retentiond.demo.authority import found_authority
from retentiond.errors import Exit
from tests.letters.disks import disk
from tests.servers.canary import holds_canary
from tests.servers.seed import CANARY
from tests.servers.settings import Ground, Options, configuration
from tests.servers.users import PASSWORD
from tests.systemd import machine, probe

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(2000)]

HERE = Path(__file__).parent
Facts: TypeAlias = dict[str, Any]
PORT = 10993

CONFIGURATION = """
[policy]
period = "6 months"
zone = "Europe/London"

[ledger]
key = { credential = "ledger-key" }

[schedule]
at = "* * * * *"
jitter = "1 second"

[account.main]
kind = "imap"
host = "localhost"
port = %d
ca_file = "/etc/retentiond/authority.pem"
login = "master"
user = "master"
secret = { credential = "imap-main" }

[[helpline]]
name = "helpline-1"
account = "main"
mailbox = "helpline@relay.example"
identities = ["helpline@relay.example"]

[[advisor]]
name = "advisor-1"
account = "main"
mailbox = "advisor@relay.example"
told = 2026-01-05

[[letters]]
name = "letters-1"
directory = "/srv/share/letters"
manager = "ruth"
"""


@pytest.fixture(scope="session")
def facts(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What was seen in the booted machine, by chapter."""
    if why := machine.why_not():
        pytest.skip(why)
    work = tmp_path_factory.mktemp("booted")
    trial, result = work / "trial", work / "result"
    trial.mkdir()
    result.mkdir()
    furnish(trial, package)
    with disk(work) as share:
        lay_letters(share)
        said = machine.boot(work, machine.Luggage(trial, result, share))
    found = result / "facts.json"
    assert found.exists(), f"the machine did not come up: {said[-3000:]}"
    seen: Facts = json.loads(found.read_text())
    crashes = {chapter: seen[chapter]["crash"] for chapter in seen if "crash" in seen[chapter]}
    assert not crashes, "\n".join(crashes.values())
    seen["papers"] = (result / "journal").read_text(errors="replace")
    return seen


def furnish(trial: Path, package: Path) -> None:
    """What the machine is given: the package, a mail server's settings, a configuration."""
    shutil.copy(package, trial)
    for name in ("inside.py", "probe.py"):
        shutil.copy(HERE / name, trial)
    found_authority(trial)
    ground = Ground(Path("/srv/mail"), "vmail", "vmail", PORT, PORT + 1)
    (trial / "dovecot.conf").write_text(configuration(Options(acl=False), ground))
    (trial / "masters").write_text(f"master:{PASSWORD}::::::\n")
    (trial / "retentiond.toml").write_text(CONFIGURATION % PORT)
    (trial / "given.json").write_text(json.dumps({"canary": CANARY, "password": PASSWORD, "port": PORT}))


def lay_letters(share: Any) -> None:
    """Two letters past their period and one that is not; one that the manager threw away on this disk."""
    old, young = (datetime.now(UTC) - timedelta(days=days) for days in (70, 5))
    share.write(f"letters/{CANARY} 1.odt", b"x" * 5000, old)
    share.write(f"letters/{CANARY} 2.odt", b"x" * 5000, old)
    share.write(f"letters/{CANARY} young.odt", b"x" * 5000, young)
    share.write(f".Trash-1001/files/{CANARY} 3.odt", b"x" * 5000, old)
    note = f"[Trash Info]\nPath=letters/{CANARY}%203.odt\nDeletionDate=2026-01-01T00:00:00\n"
    share.write(f".Trash-1001/info/{CANARY} 3.odt.trashinfo", note.encode())
    (share.top / "letters").chmod(0o700)
    (share.top / ".Trash-1001").chmod(0o700)
    share.age()


# ── the package and the installation ─────────────────────────────────────────────────────────────


def test_the_package_makes_a_user_and_folders_and_starts_nothing(facts: Facts) -> None:
    seen = facts["package"]
    assert seen["installed"]["code"] == 0, seen["installed"]
    assert "retentiond install --systemd" in seen["installed"]["out"]
    assert seen["version"]["out"].startswith("retentiond ")
    assert seen["user"].split(":")[5:] == ["/var/lib/retentiond", "/usr/sbin/nologin\n"]
    assert seen["group"].endswith(":retentiond\n")
    assert seen["modes"] == {"/etc/retentiond": "0o750", "/var/lib/retentiond": "0o700"}
    assert (seen["unit"]["ActiveState"], seen["unit"]["UnitFileState"]) == ("inactive", "disabled")
    assert (seen["verify"]["out"], seen["run by stranger"]) == ("", 0)


def test_the_installation_shows_first_and_leaves_the_package_s_files_alone(facts: Facts) -> None:
    seen = facts["install"]
    assert "Nothing was done" in seen["first"]["out"]
    assert seen["first"]["out"].count("(the Debian package has put it there)") == 4
    assert (seen["example"]["code"], seen["is_example"], seen["mode"]) == (0, True, "0o640")


def test_credentials_are_asked_for_and_encrypted(facts: Facts) -> None:
    seen = facts["install"]
    assert seen["unasked"]["code"] == Exit.FINDINGS
    assert "retentiond.imap-main: it was not given" in seen["unasked"]["err"]
    assert seen["done"]["code"] == 0, seen["done"]
    assert seen["stored"] == {"retentiond.imap-main": "0o600", "retentiond.ledger-key": "0o600"}
    assert not seen["is_secret_in_the_clear"]
    said = [seen[step][way] for step in ("unasked", "done", "again") for way in ("out", "err")]
    assert PASSWORD not in "".join(said)
    assert PASSWORD not in facts["papers"]


def test_the_drop_ins_name_what_the_configuration_names(facts: Facts) -> None:
    drop_ins = facts["install"]["drop_ins"]
    assert drop_ins["20-credentials.conf"].count("LoadCredentialEncrypted=") == 2
    for line in (
        "ReadWritePaths=-/srv/share/letters",
        "ReadWritePaths=-/srv/share/.Trash-1001",
        "BindPaths=/home/ruth",
    ):
        assert f"{line}\n" in drop_ins["50-letters.conf"]


def test_a_second_time_nothing_is_to_be_done_and_nothing_starts_without_a_ledger(facts: Facts) -> None:
    seen = facts["install"]
    assert (seen["again"]["code"], "done:" in seen["again"]["out"]) == (0, False)
    assert (seen["early"]["code"], "there is no ledger" in seen["early"]["err"]) == (Exit.USAGE, True)
    assert seen["unit"]["ActiveState"] == "inactive"


@pytest.mark.parametrize("words", ["check", "ledger init", "audit", "arm helpline-1 --destroy 8"])
def test_an_admin_s_commands_have_the_service_s_credentials(facts: Facts, words: str) -> None:
    said = facts["arming"]["said"][words]
    assert said["code"] == 0, said


def test_what_an_admin_makes_is_the_service_s(facts: Facts) -> None:
    seen = facts["arming"]
    assert set(seen["owners"].values()) == {seen["uid"]}
    assert "ledger.db" in seen["owners"]


# ── the service ──────────────────────────────────────────────────────────────────────────────────


def test_it_starts_and_tells_systemd_when_it_sweeps(facts: Facts) -> None:
    seen = facts["schedule"]
    assert seen["started"]["code"] == 0, seen["started"]
    assert seen["up"] is not None
    assert seen["unit"]["UnitFileState"] == "enabled"
    assert seen["status text"].startswith("idle; next round 20")


def test_it_sweeps_by_schedule(facts: Facts) -> None:
    """Eight of the helpline's mails are past six months; two replies come home from an advisor's Sent."""
    seen = facts["schedule"]
    assert seen["swept"] is not None, seen["journal"]
    assert seen["before"] == {
        "helpline INBOX": 8,
        "helpline Sent": 2,
        "helpline Deleted Items": 1,
        "advisor INBOX": 0,
        "advisor Sent": 6,
        "advisor Deleted Items": 0,
    }
    assert seen["after"] == seen["before"] | {
        "helpline INBOX": 3,
        "helpline Deleted Items": 0,
        "advisor Sent": 4,
    }
    assert json.loads(seen["status"]["out"])["last"]["done"] == 13
    assert seen["status"]["code"] == 0, seen["status"]


def test_letters_are_destroyed_on_their_disk_and_in_its_bin(facts: Facts) -> None:
    """With one capability and the manager's access control list; the mount that systemd makes of the
    folder does not hide the bin at the top of the disk."""
    assert facts["schedule"]["letters"] == [f"/srv/share/letters/{CANARY} young.odt"]


def test_no_secret_is_in_its_environment_or_words(facts: Facts) -> None:
    seen = facts["schedule"]
    assert PASSWORD not in seen["environment"] + seen["words"]
    assert "retentiond" in seen["words"]


def test_it_survives_kill_9(facts: Facts) -> None:
    seen = facts["killed"]
    assert seen["back"] is not None
    assert seen["then"]["NRestarts"] == "1"
    assert seen["is_ledger_whole"]["code"] == 0


def test_a_frozen_process_is_ended_by_the_watchdog_and_started_again(facts: Facts) -> None:
    seen = facts["frozen"]
    assert seen["back"] is not None
    assert 20 < seen["back"] < 60
    assert any("Watchdog timeout" in line for line in seen["said"])
    assert seen["then"]["NRestarts"] == "1"


def test_a_missing_credential_ends_at_the_start_limit_with_one_alert(facts: Facts) -> None:
    seen = facts["no_credential"]
    assert seen["given up"] is not None
    assert (seen["unit"]["ActiveState"], seen["unit"]["ExecMainStatus"]) == ("failed", "243")
    assert seen["unit"]["NRestarts"] == "3"
    assert [each["priority"] for each in seen["alerts"]] == ["1"]
    assert "retentiond.service has failed" in seen["alerts"][0]["message"]


@pytest.mark.parametrize(
    ("what", "code", "word"),
    [
        ("configuration", Exit.CONFIGURATION, "policy.period"),
        ("permissions", Exit.TOO_OPEN, "chmod go-w"),
        ("ledger", Exit.LEDGER, "the ledger does not verify"),
    ],
)
def test_what_a_person_must_look_at_is_not_restarted_and_is_one_alert(
    facts: Facts, what: str, code: int, word: str
) -> None:
    seen = facts["refused"][what]
    assert seen["failed"] is not None
    assert (seen["unit"]["ActiveState"], seen["unit"]["ExecMainStatus"]) == ("failed", str(code))
    assert seen["unit"]["NRestarts"] == "0"
    assert len(seen["alerts"]) == 1
    assert any(word in line for line in seen["said"]), "it says what, and the way on"


def test_sigterm_ends_it_cleanly_and_a_reload_is_refused(facts: Facts) -> None:
    seen = facts["stopped"]
    assert seen["is_up"]
    assert seen["seconds"] < 35
    assert (seen["unit"]["Result"], seen["unit"]["ExecMainStatus"]) == ("success", "0")
    assert (seen["alerts"], seen["reload"]["code"] != 0) == ([], True)
    assert "0 open intents" in seen["verify"]["out"]


# ── the control socket ───────────────────────────────────────────────────────────────────────────


def test_the_running_unit_has_a_socket_that_is_the_group_s(facts: Facts) -> None:
    seen = facts["control"]
    assert seen["up"] is not None, seen["journal"]
    assert (seen["mode"], seen["owner"]) == ("0o660", ["retentiond", "retentiond-admin"])
    assert not [line for line in seen["journal"] if "control.unshared" in line or "control.failed" in line]


def test_a_member_of_the_group_audits_arms_holds_and_purges_without_any_secret(facts: Facts) -> None:
    """Four replies past their day: one is held through the purge, then released and swept."""
    seen = facts["control"]
    assert {words: answer["code"] for words, answer in seen["said"].items()} == dict.fromkeys(seen["said"], 0)
    assert "The service is running." in seen["said"]["status"]["out"]
    assert "helpline-1 is armed: 3 items" in seen["said"]["arm helpline-1 --destroy 3"]["out"]
    assert "3 items done" in seen["said"]["purge /home/ally/plan.json"]["out"]
    sent = [seen[when]["helpline Sent"] for when in ("before", "purged", "after")]
    assert [sent[0] - each for each in sent] == [0, 3, 4]
    assert seen["holds"] == 1
    assert f'"who": "uid {seen["ally"]}"' in seen["ledger"]
    assert seen["verify"]["code"] == 0


def test_a_stranger_asks_it_for_nothing(facts: Facts) -> None:
    told = facts["control"]["stranger"]
    assert (told["code"], told["out"]) == (Exit.TOO_OPEN, "")
    assert "you may not ask it for anything" in told["err"]


def test_a_restart_in_the_middle_leaves_no_stale_socket_and_waits_for_no_prompt(facts: Facts) -> None:
    seen = facts["control"]
    assert seen["seconds"] < 20
    assert (seen["asking"]["code"], "run the same command again" in seen["asking"]["err"]) == (130, True)
    for when in ("restarted", "killed"):
        assert "The service is running." in seen[when]["out"], seen[when]
    assert not seen["is_there_when_stopped"]
    assert not [line for line in seen["journal"] if "batch.abandoned" in line]


# ── the walls ────────────────────────────────────────────────────────────────────────────────────

WAYS = ("closed", "with letters")
#: What only BPF on cgroups enforces: for that systemd must be built, and the host have cgroups v2.
BY_BPF = "listen on a port"
#: What a site whose manager has a home on this machine sees: that home, and no other.
SEEN_WITH_LETTERS = {"read /home": ["ruth"], "read /root": []}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", probe.DENIED)
def test_it_is_denied(facts: Facts, name: str, way: str) -> None:
    tried = facts["probe"][way]["denied"][name]
    if way == "with letters" and name in SEEN_WITH_LETTERS:
        assert tried == {"is_done": True, "answer": SEEN_WITH_LETTERS[name]}
        return
    if name == BY_BPF and tried["is_done"]:
        if "-BPF_FRAMEWORK" in facts["package"]["systemd"]:
            pytest.skip("SocketBindDeny= is not enforced: Debian 12 builds systemd without BPF_FRAMEWORK")
        if not facts["package"]["has unified cgroups"]:
            pytest.skip("it needs the unified cgroup hierarchy. Type: RETENTIOND_BOOT=qemu ./run test …")
    assert not tried["is_done"], tried
    assert tried["error"] in ("PermissionError", "OSError", "FileNotFoundError", "ValueError")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", probe.ALLOWED)
def test_it_works_all_the_same(facts: Facts, name: str, way: str) -> None:
    tried = facts["probe"][way]["allowed"][name]
    assert tried["is_done"], tried
    lease = f"{1 << 28:016x}"  # CAP_LEASE, and no other (linux/capability.h)
    capabilities = lease if way == "with letters" else "0" * 16
    expected: dict[str, Any] = {
        "credentials": ["imap-main", "ledger-key"],
        "modes of credentials": ["0o400"],
        "mode of the state directory": "0o700",
        "mode of the runtime directory": "0o710",
        "core limit": [0, 0],
        "core filter": "00000000",
        "umask": "0o77",
        "processes of others that are seen": [],
        "owner of a foreign file": 0,
        "watchdog": "600000000",
        "status": {
            **dict.fromkeys(("CapEff", "CapBnd", "CapAmb"), capabilities),
            "NoNewPrivs": "1",
            "Seccomp": "2",
        },
    }
    if name in expected:
        assert tried["answer"] == expected[name]


@pytest.mark.parametrize("way", WAYS)
def test_only_the_group_of_admins_reaches_a_socket_and_is_known_by_uid(facts: Facts, way: str) -> None:
    seen = facts["probe"][way]
    assert seen["socket"] == {"is_done": True, "answer": {"uid": seen["ally"]}}
    assert "yes" in seen["connected"]["ally"]["out"]
    assert seen["connected"]["stranger"]["code"] != 0
    assert "Permission denied" in seen["connected"]["stranger"]["err"]
    assert [seen["connected"][who]["listing"] for who in ("ally", "stranger")] == [2, 2]


def test_the_exposure_as_systemd_sees_it_running(facts: Facts, capsys: pytest.CaptureFixture[str]) -> None:
    """A manager's home on this machine, which the unit else hides, costs a tenth."""
    levels = {way: float(facts["probe"][way]["exposure"][0].split(":")[1].split()[0]) for way in WAYS}
    with capsys.disabled():
        print(f"\nretentiond.service as it runs: exposure {levels}")
    assert levels["closed"] <= 1.3
    assert levels["with letters"] <= 1.4


# ── the timer, and the way back ──────────────────────────────────────────────────────────────────


def test_the_timer_makes_one_round_in_the_service_s_stead(facts: Facts) -> None:
    seen = facts["timer"]
    assert seen["said"]["code"] == 0, seen["said"]
    assert (seen["once"]["code"], seen["unit"]["Result"], seen["alerts"]) == (0, "success", [])
    assert (seen["timer"]["ActiveState"], seen["timer"]["UnitFileState"]) == ("active", "enabled")
    assert (seen["service"]["ActiveState"], seen["service"]["UnitFileState"]) == ("inactive", "disabled")
    assert "retentiond-once.service" in seen["next"]


def test_a_round_of_the_timer_that_left_something_undone_has_failed_and_says_so(facts: Facts) -> None:
    seen = facts["timer"]["undone"]
    assert (seen["unit"]["Result"], seen["unit"]["ExecMainStatus"]) == ("exit-code", str(Exit.UNREACHED))
    assert len(seen["alerts"]) == 1
    assert "retentiond-once.service has failed" in seen["alerts"][0]["message"]


def test_a_newer_package_restarts_what_ran(facts: Facts) -> None:
    seen = facts["upgraded"]
    assert seen["installed"]["code"] == 0, seen["installed"]
    assert seen["then"]["ActiveState"] == "active"
    assert seen["then"]["MainPID"] not in ("0", seen["first"]["MainPID"])


def test_without_a_package_install_asks_and_puts_the_units_there(facts: Facts) -> None:
    seen = facts["by_itself"]
    assert (seen["said"]["code"], seen["said"]["unasked"]) == (0, []), seen["said"]["seen"]
    assert PASSWORD not in seen["said"]["seen"], "what is typed is not shown"
    assert set(seen["put"]) >= {
        "/etc/systemd/system/retentiond.service",
        "/etc/systemd/system/retentiond-alert@.service",
        "/etc/sysusers.d/retentiond.conf",
        "/etc/tmpfiles.d/retentiond.conf",
        "/etc/credstore.encrypted/retentiond.imap-main",
    }
    assert (seen["unit"]["ActiveState"], seen["unit"]["UnitFileState"]) == ("active", "enabled")
    assert "The service is running." in seen["status"]["out"]
    assert seen["left"] == []


def test_a_ledger_that_is_there_gets_no_new_key(facts: Facts) -> None:
    """It would open nothing, and look as if all were well."""
    seen = facts["by_itself"]["no key"]
    assert (seen["code"], seen["is_made"]) == (Exit.FINDINGS, False)
    assert "only where there is no ledger" in seen["err"]


def test_nothing_is_started_while_a_credential_is_missing(facts: Facts) -> None:
    lacking, unit = facts["by_itself"]["lacking"], facts["by_itself"]["unit before"]
    assert (lacking["code"], unit["ActiveState"]) == (Exit.FINDINGS, "inactive")
    assert "retentiond.service: it was not started" in lacking["err"]


def test_everything_is_taken_away_but_for_evidence(facts: Facts) -> None:
    seen = facts["taken_away"]
    assert "Nothing was done" in seen["preview"]["out"]
    assert seen["undone"]["code"] == 0
    assert (seen["after"], seen["stored"]) == ([], ["retentiond.ledger-key"])
    assert (seen["removed"]["code"], seen["purged"]["code"]) == (0, 0)
    assert "the ledger stays in /var/lib/retentiond" in seen["purged"]["out"]
    assert (seen["is_ledger_there"], seen["is_configuration_there"]) == (True, True)
    assert (seen["is_program_there"], seen["units"]) == (False, "")


def test_the_machine_s_journal_and_all_that_was_said_hold_no_word_of_a_mail(facts: Facts) -> None:
    assert "ledger.sealed" in facts["papers"], "the journal is read"
    assert not holds_canary(facts["papers"])
    said = {chapter: seen for chapter, seen in facts.items() if chapter not in ("papers", "letters")}
    del said["schedule"]["letters"], said["mail_server"]["log"]
    assert not holds_canary(json.dumps(said))
