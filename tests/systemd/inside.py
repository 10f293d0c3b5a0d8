"""The trial within the booted machine: one chapter after the other, each writing down what it saw.

Runs as root on Debian's own Python, with the standard library alone. It asserts nothing: what it saw goes
into /result/facts.json, and `test_booted.py` outside asserts it, one fact at a time.
"""

from __future__ import annotations

import grp
import imaplib
import json
import os
import pty
import pwd
import shutil
import signal
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TRIAL, RESULT = Path("/trial"), Path("/result")
GIVEN = json.loads((TRIAL / "given.json").read_text())
UNIT = "retentiond.service"
DROP_IN = Path("/etc/systemd/system/retentiond.service.d/90-trial.conf")
PROBE = "/opt/retentiond/bin/python3 /trial/probe.py"
CONFIGURATION = Path("/etc/retentiond/retentiond.toml")
STATE = Path("/var/lib/retentiond")
SOCKET = Path("/run/retentiond/control.sock")
CREDENTIAL = Path("/etc/credstore.encrypted/retentiond.imap-main")
FACTS: dict[str, Any] = {}


def run(*command: str, given: str = "") -> dict[str, Any]:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        errors="replace",  # a kernel's boot is not all UTF-8
        timeout=180,
        check=False,
    )
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def shown(unit: str = UNIT) -> dict[str, str]:
    keys = "ActiveState,SubState,Result,MainPID,NRestarts,ExecMainStatus,UnitFileState,StatusText"
    lines = run("systemctl", "show", unit, f"--property={keys}")["out"].splitlines()
    return dict(line.split("=", 1) for line in lines)


def until(is_so: Callable[[], object], seconds: float = 90) -> float | None:
    """Waits until something is so; how long that took, or None where it never was."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if is_so():
            return round(time.monotonic() - begun, 1)
        time.sleep(0.2)
    return None


def is_active() -> bool:
    return shown()["ActiveState"] == "active"


def is_another(first: dict[str, str]) -> bool:
    """Whether the service is up again, as another process."""
    seen = shown()
    return seen["ActiveState"] == "active" and seen["MainPID"] not in ("0", first["MainPID"])


def cursor() -> str:
    return run("journalctl", "-n", "0", "--show-cursor")["out"].rpartition("cursor: ")[2].strip()


def journal(since: str, *more: str) -> list[dict[str, Any]]:
    lines = run("journalctl", f"--after-cursor={since}", "-o", "json", *more)["out"].splitlines()
    return [json.loads(line) for line in lines if line]


def alerts(since: str) -> list[dict[str, str]]:
    """What the alert unit wrote."""
    lines = [line for line in journal(since) if line.get("SYSLOG_IDENTIFIER") == "retentiond"]
    return [
        {"priority": line["PRIORITY"], "message": line["MESSAGE"]}
        for line in lines
        if "has failed" in str(line.get("MESSAGE"))
    ]


def said_by_unit(since: str) -> list[str]:
    """What the service, and systemd of it, wrote."""
    return [str(line.get("MESSAGE")) for line in journal(since, "-u", UNIT)]


def verified() -> dict[str, Any]:
    return run("retentiond", "as-service", "ledger", "verify")


def drop_in(text: str) -> None:
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text(text)
    run("systemctl", "daemon-reload")


def fresh(text: str) -> str:
    """The unit stopped, with other settings; returns where the journal stands."""
    run("systemctl", "stop", UNIT)
    drop_in(text)
    run("systemctl", "reset-failed", UNIT)
    return cursor()


# ── mail ─────────────────────────────────────────────────────────────────────────────────────────


def signed_in(name: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile="/etc/retentiond/authority.pem")
    line = imaplib.IMAP4_SSL("localhost", GIVEN["port"], ssl_context=context)
    line.login(name, GIVEN["password"])
    return line


def lay(name: str, folder: str, days: int, count: int, sender: str) -> None:
    word = GIVEN["canary"]
    received = datetime.now(UTC) - timedelta(days=days)
    with signed_in(name) as line:
        for number in range(count):
            content = (
                f"From: {word} <{sender}>\r\nTo: {word}@people.example\r\nSubject: {word}\r\n"
                f"Message-ID: <{word}-{folder.split()[0]}-{days}-{number}@relay.example>\r\n\r\n{word}\r\n"
            )
            line.append(f'"{folder}"', r"(\Seen)", imaplib.Time2Internaldate(received), content.encode())


def counts() -> dict[str, int]:
    found = {}
    for name in ("helpline@relay.example", "advisor@relay.example"):
        with signed_in(name) as line:
            for folder in ("INBOX", "Sent", "Deleted Items"):
                found[f"{name.partition('@')[0]} {folder}"] = int(
                    line.select(f'"{folder}"', readonly=True)[1][0]
                )
    return found


# ── chapters ─────────────────────────────────────────────────────────────────────────────────────


def package() -> dict[str, Any]:
    """apt's own way: the package, and nothing from any network."""
    begun = time.monotonic()
    installed = run("dpkg", "-i", *map(str, TRIAL.glob("retentiond_*.deb")))
    return {
        "installed": installed,
        "seconds": round(time.monotonic() - begun, 1),
        "version": run("retentiond", "--version"),
        "unit": shown(),
        "user": run("getent", "passwd", "retentiond")["out"],
        "group": run("getent", "group", "retentiond-admin")["out"],
        "modes": {path: oct(Path(path).stat().st_mode & 0o7777) for path in ("/etc/retentiond", str(STATE))},
        "verify": run("dpkg", "--verify", "retentiond"),
        "has unified cgroups": Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        "systemd": run("systemctl", "--version")["out"],
        "run by stranger": run("runuser", "-u", "nobody", "--", "retentiond", "--version")["code"],
    }


def mail_server() -> dict[str, Any]:
    run("useradd", "--system", "vmail")
    store = Path("/srv/mail")
    for name in ("home", "run"):
        (store / name).mkdir(parents=True)
    for name in ("dovecot.conf", "server.pem", "server.key", "masters"):
        (store / name).write_text((TRIAL / name).read_text())
    (store / "log").touch()
    run("chown", "-R", "vmail:vmail", str(store))
    Path("/etc/retentiond/authority.pem").write_text((TRIAL / "ca.pem").read_text())
    Path("/etc/retentiond/authority.pem").chmod(0o644)
    served = run(
        "systemd-run",
        "--unit=mail-server",
        "--property=User=vmail",
        "/usr/sbin/dovecot",
        "-F",
        "-c",
        f"{store}/dovecot.conf",
    )

    def answers() -> bool:
        with suppress(OSError, imaplib.IMAP4.error):
            signed_in("helpline@relay.example").logout()
            return True
        return False

    up = until(answers, 20)
    lay("helpline@relay.example", "INBOX", 200, 5, "someone@people.example")
    lay("helpline@relay.example", "INBOX", 10, 3, "someone@people.example")
    lay("helpline@relay.example", "Sent", 210, 2, "helpline@relay.example")
    lay("helpline@relay.example", "Deleted Items", 220, 1, "someone@people.example")
    lay("advisor@relay.example", "Sent", 20, 2, "helpline@relay.example")
    lay("advisor@relay.example", "Sent", 300, 4, "advisor@relay.example")
    return {"served": served, "up": up, "counts": counts(), "log": (store / "log").read_text()[-2000:]}


def letters() -> dict[str, Any]:
    """The manager's letters on a disk of their own, open to the service by an access control list."""
    run("useradd", "--create-home", "ruth")
    run("chown", "-R", "ruth:ruth", "/srv/share/letters", *map(str, Path("/srv/share").glob(".Trash-*")))
    Path("/home/ruth/.local/share/Trash/files").mkdir(parents=True)
    run("chmod", "-R", "go-rwx", "/home/ruth/.local")
    run("chown", "-R", "ruth:ruth", "/home/ruth")
    run("chmod", "700", "/home/ruth")
    said = [
        run(
            "setfacl",
            "-R",
            "-m",
            "u:retentiond:rwX,d:u:retentiond:rwX",
            "/srv/share/letters",
            *map(str, Path("/srv/share").glob(".Trash-*")),
        ),
        run("setfacl", "-m", "u:retentiond:x", "/home/ruth", "/home/ruth/.local", "/home/ruth/.local/share"),
        run("setfacl", "-R", "-m", "u:retentiond:rwX,d:u:retentiond:rwX", "/home/ruth/.local/share/Trash"),
    ]
    return {"said": said, "before": lying()}


def lying() -> list[str]:
    return sorted(str(path) for path in Path("/srv/share").rglob("*") if path.is_file())


def install() -> dict[str, Any]:
    first = run("retentiond", "install", "--systemd")
    example = run("retentiond", "install", "--systemd", "--yes")
    put = CONFIGURATION.read_text() if CONFIGURATION.exists() else ""
    CONFIGURATION.write_text((TRIAL / "retentiond.toml").read_text())
    unasked = run("retentiond", "install", "--systemd", "--yes")
    given = f"imap-main={GIVEN['password']}\nledger-key=\n"
    done = run("retentiond", "install", "--systemd", "--yes", given=given)
    again = run("retentiond", "install", "--systemd", "--yes")
    early = run("retentiond", "install", "--systemd", "--yes", "--start")
    drop_ins = {path.name: path.read_text() for path in sorted(DROP_IN.parent.glob("*.conf"))}
    stored = {
        path.name: oct(path.stat().st_mode & 0o7777) for path in Path("/etc/credstore.encrypted").iterdir()
    }
    return {
        "first": first,
        "example": example,
        "is_example": "an example that names every key" in put,
        "mode": oct(CONFIGURATION.stat().st_mode & 0o7777),
        "unasked": unasked,
        "done": done,
        "again": again,
        "early": early,
        "drop_ins": drop_ins,
        "stored": stored,
        "is_secret_in_the_clear": GIVEN["password"]
        in "".join(path.read_text() for path in Path("/etc/credstore.encrypted").iterdir()),
        "unit": shown(),
    }


def arming() -> dict[str, Any]:
    """As an admin types it, with the service's own credentials."""
    said = {}
    for words in (
        "check",
        "ledger init",
        "audit",
        "arm helpline-1 --destroy 8",
        "arm advisor-1 --destroy 2",
        "arm letters-1 --destroy 3",
    ):
        said[words] = run("retentiond", "as-service", *words.split())
    owners = {path.name: path.stat().st_uid for path in STATE.iterdir()}
    return {"said": said, "owners": owners, "uid": pwd.getpwnam("retentiond").pw_uid}


def schedule() -> dict[str, Any]:
    """The service is started, and sweeps when the clock on the wall says so."""
    before, mark = counts(), cursor()
    started = run("retentiond", "install", "--systemd", "--yes", "--start")
    up = until(is_active, 60)
    first = shown()
    swept = until(lambda: counts()["helpline INBOX"] == 3, 150)
    until(
        lambda: any("round.scheduled" in line for line in said_by_unit(mark)[-3:]),
        30,
    )
    time.sleep(2)
    return {
        "started": started,
        "up": up,
        "unit": first,
        "swept": swept,
        "before": before,
        "after": counts(),
        "letters": lying(),
        "status": run("retentiond", "status", "--json"),
        "status text": shown()["StatusText"],
        "environment": Path(f"/proc/{first['MainPID']}/environ").read_text(),
        "words": Path(f"/proc/{first['MainPID']}/cmdline").read_text(),
        "journal": said_by_unit(mark),
        "timing": run("systemd-analyze", "critical-chain", UNIT)["out"],
    }


def killed() -> dict[str, Any]:
    """kill -9."""
    fresh("[Service]\nRestartSec=1s\n")
    run("systemctl", "start", UNIT)
    first = shown()
    os.kill(int(first["MainPID"]), signal.SIGKILL)
    back = until(lambda: is_another(first), 60)
    return {
        "first": first,
        "back": back,
        "then": shown(),
        "is_ledger_whole": verified(),
    }


def frozen() -> dict[str, Any]:
    """A process that hangs: the watchdog ends it, and it is started again."""
    mark = fresh("[Service]\nRestartSec=1s\nWatchdogSec=25s\n")
    run("systemctl", "start", UNIT)
    first = shown()
    os.kill(int(first["MainPID"]), signal.SIGSTOP)
    back = until(lambda: is_another(first), 120)
    said = said_by_unit(mark)
    return {
        "first": first,
        "back": back,
        "then": shown(),
        "said": [each for each in said if "atchdog" in each],
    }


def no_credential() -> dict[str, Any]:
    mark = fresh("[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=1s\n")
    CREDENTIAL.rename("/root/put-away")
    run("systemctl", "start", UNIT)
    given_up = until(lambda: shown()["ActiveState"] == "failed" and alerts(mark), 60)
    found = {"given up": given_up, "unit": shown(), "alerts": alerts(mark)}
    Path("/root/put-away").rename(CREDENTIAL)
    return found


def refused() -> dict[str, Any]:
    """Three ways in which a person must look: each is broken, seen, and put right."""
    whole, book = CONFIGURATION.read_text(), STATE / "ledger.db"
    found = {}
    CONFIGURATION.write_text(whole.replace('period = "6 months"', 'period = "6 moons"'))
    found["configuration"] = one_refusal()
    CONFIGURATION.write_text(whole)
    CONFIGURATION.chmod(0o646)
    found["permissions"] = one_refusal()
    CONFIGURATION.chmod(0o640)
    shutil.move(book, "/root/ledger.db")
    found["ledger"] = one_refusal()
    shutil.move("/root/ledger.db", book)
    return found


def one_refusal() -> dict[str, Any]:
    mark = fresh("[Service]\nRestartSec=1s\n")
    run("systemctl", "start", UNIT)
    failed = until(lambda: shown()["ActiveState"] == "failed" and alerts(mark), 30)
    time.sleep(4)  # for a restart that must not come
    said = said_by_unit(mark)
    return {"failed": failed, "unit": shown(), "alerts": alerts(mark), "said": said}


def stopped() -> dict[str, Any]:
    mark = fresh("")
    run("systemctl", "start", UNIT)
    is_up = is_active()
    begun = time.monotonic()
    run("systemctl", "stop", UNIT)
    seconds = round(time.monotonic() - begun, 2)
    reloaded = run("systemctl", "reload", UNIT)
    return {
        "is_up": is_up,
        "seconds": seconds,
        "unit": shown(),
        "reload": reloaded,
        "alerts": alerts(mark),
        "verify": verified(),
    }


def asked(who: str, *words: str, given: str = "") -> dict[str, Any]:
    return run("runuser", "-u", who, "--", "retentiond", *words, given=given)


def control() -> dict[str, Any]:
    """People of the group ask the running unit, within all its walls; nobody else does."""
    run("useradd", "--create-home", "--groups", "retentiond-admin", "ally")
    run("useradd", "--create-home", "stranger")
    whole = CONFIGURATION.read_text()
    CONFIGURATION.write_text(whole.replace('at = "* * * * *"', 'at = "15 3 1 1 *"'))
    lay("helpline@relay.example", "Sent", 200, 4, "helpline@relay.example")
    before, mark = counts(), fresh("[Service]\nRestartSec=1s\n")
    run("systemctl", "start", UNIT)
    up = until(SOCKET.exists, 30)
    place = SOCKET.stat()
    held_one = f"{GIVEN['canary']}-Sent-200-0@relay.example\n"
    said = {"hold": asked("ally", "hold", "add", "helpline-1", "--ground", "legal-claim", given=held_one)}
    for words in (
        "status",
        "audit --save /home/ally/plan.json",
        "arm helpline-1 --destroy 3",
        "purge /home/ally/plan.json",
    ):
        said[words] = asked("ally", *words.split())
    purged = counts()
    holds = json.loads(asked("ally", "hold", "list", "--json")["out"] or '{"holds": []}')["holds"]
    said["release"] = asked("ally", "hold", "release", *(each["id"] for each in holds))
    said["sweep"] = asked("ally", "sweep")
    found = {
        "up": up,
        "mode": oct(place.st_mode & 0o7777),
        "owner": [pwd.getpwuid(place.st_uid).pw_name, grp.getgrgid(place.st_gid).gr_name],
        "ally": pwd.getpwnam("ally").pw_uid,
        "before": before,
        "purged": purged,
        "after": counts(),
        "holds": len(holds),
        "said": said,
        "stranger": asked("stranger", "purge", "/home/ally/plan.json"),
        **restarted_in_the_middle(mark),
    }
    run("systemctl", "stop", UNIT)
    found |= {"is_there_when_stopped": SOCKET.exists(), "journal": said_by_unit(mark)}
    found |= {"ledger": run("retentiond", "as-service", "ledger", "show")["out"], "verify": verified()}
    CONFIGURATION.write_text(whole)
    return found


def restarted_in_the_middle(mark: str) -> dict[str, Any]:
    """Somebody sits at a question when the unit is restarted; then it is killed. Both times it is back."""
    words = ["runuser", "-u", "ally", "--", "retentiond", "purge", "--erase", "--destroy", "1"]
    asking = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: any('"request.started", "verb": "purge"' in line for line in said_by_unit(mark)[-2:]), 20)
    begun = time.monotonic()
    run("systemctl", "restart", UNIT)
    seconds = round(time.monotonic() - begun, 1)
    out, err = asking.communicate(timeout=60)
    restarted = asked("ally", "status")
    first = shown()
    os.kill(int(first["MainPID"]), signal.SIGKILL)
    until(lambda: is_another(first) and SOCKET.exists(), 60)
    return {
        "seconds": seconds,
        "asking": {"code": asking.returncode, "out": out, "err": err},
        "restarted": restarted,
        "killed": asked("ally", "status"),
    }


def probe() -> dict[str, Any]:
    """The same unit, the same drop-ins; another program. Once as a site without letters has it, once with."""
    found = {}
    letters_drop_in = DROP_IN.with_name("50-letters.conf")
    text = letters_drop_in.read_text()
    for name in ("closed", "with letters"):
        if name == "closed":
            letters_drop_in.unlink()
        else:
            letters_drop_in.write_text(text)
        listens = STATE / "probe-listens"
        listens.unlink(missing_ok=True)
        fresh(f"[Service]\nType=exec\nRestart=no\nExecStart=\nExecStart={PROBE} {STATE}/probe.json\n")
        started = run("systemctl", "start", UNIT)
        until(listens.exists, 60)
        connected = {who: connect(who) for who in ("stranger", "ally")}
        until(lambda: shown()["ActiveState"] != "active", 30)
        document = STATE / "probe.json"
        found[name] = {
            "started": started,
            "unit": shown(),
            "exposure": run("systemd-analyze", "security", "--no-pager", UNIT)["out"].splitlines()[-1:],
            "connected": connected,
            "ally": pwd.getpwnam("ally").pw_uid,
            **(json.loads(document.read_text()) if document.exists() else {}),
        }
        document.unlink(missing_ok=True)
    fresh("")
    return found


def connect(who: str) -> dict[str, Any]:
    words = (
        "import socket; line = socket.socket(socket.AF_UNIX); "
        "line.connect('/run/retentiond/probe.socket'); print(line.recv(9))"
    )
    seen = run("runuser", "-u", who, "--", "ls", "/run/retentiond")
    return run("runuser", "-u", who, "--", "/usr/bin/python3", "-c", words) | {"listing": seen["code"]}


def timer() -> dict[str, Any]:
    """The other way: one round by the oneshot unit."""
    DROP_IN.unlink(missing_ok=True)
    said = run("retentiond", "install", "--systemd", "--timer", "--yes", "--start")
    mark = cursor()
    once = run("systemctl", "start", "retentiond-once.service")
    found = {
        "said": said,
        "once": once,
        "unit": shown("retentiond-once.service"),
        "timer": shown("retentiond.timer"),
        "next": run("systemctl", "list-timers", "retentiond.timer", "--no-pager")["out"],
        "service": shown(),
        "alerts": alerts(mark),
    }
    return found | {"undone": undone()}


def undone() -> dict[str, Any]:
    """A round of the timer that leaves something undone: the mail server is not where it was."""
    whole, mark = CONFIGURATION.read_text(), cursor()
    CONFIGURATION.write_text(whole.replace(f"port = {GIVEN['port']}", "port = 1"))
    run("systemctl", "start", "retentiond-once.service")
    until(lambda: alerts(mark), 20)
    found = {"unit": shown("retentiond-once.service"), "alerts": alerts(mark)}
    CONFIGURATION.write_text(whole)
    run("systemctl", "reset-failed", "retentiond-once.service")
    return found


def upgraded() -> dict[str, Any]:
    """A package over a running service, which imports some of its files late."""
    fresh("")
    run("systemctl", "start", UNIT)
    first = shown()
    installed = run("dpkg", "-i", *map(str, TRIAL.glob("retentiond_*.deb")))
    return {"first": first, "installed": installed, "then": shown()}


def typed(words: list[str], answers: list[tuple[str, str]]) -> dict[str, Any]:
    """A command at a terminal: each answer is typed when its question is seen."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(words[0], words)
    seen, from_here, asked = "", 0, list(answers)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(60)  # a question that nobody expected is not waited at for ever
    with suppress(OSError):  # the terminal goes away with the command
        while block := os.read(terminal, 65_536):
            seen += block.decode(errors="replace")
            if asked and asked[0][0] in seen[from_here:]:
                os.write(terminal, asked.pop(0)[1].encode() + b"\n")
                from_here = len(seen)
    signal.alarm(0)
    return {"code": os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), "seen": seen, "unasked": asked}


def by_itself() -> dict[str, Any]:
    """Without the package's own units: `install` puts them there, and asks at the terminal."""
    run("systemctl", "disable", "--now", "retentiond.timer")
    shipped = [
        *Path("/usr/lib/systemd/system").glob("retentiond*"),
        Path("/usr/lib/sysusers.d/retentiond.conf"),
        Path("/usr/lib/tmpfiles.d/retentiond.conf"),
    ]
    kept = {path: path.read_bytes() for path in shipped}
    for path in shipped:
        path.unlink()
    CREDENTIAL.unlink()
    run("systemctl", "daemon-reload")
    key, away = CREDENTIAL.with_name("retentiond.ledger-key"), Path("/root/ledger-key")
    key.rename(away)
    no_key = run("retentiond", "install", "--systemd", "--yes", given="ledger-key=\n")
    no_key["is_made"] = key.exists()
    away.rename(key)
    lacking, before = run("retentiond", "install", "--systemd", "--yes", "--start"), shown()
    said = typed(
        ["retentiond", "install", "--systemd", "--start"],
        [("[y/N]:", "y"), ("imap-main:", GIVEN["password"])],
    )
    put = sorted(str(path) for path in Path("/etc").rglob("*retentiond*") if path.is_file())
    found = {"said": said, "put": put, "unit": shown(), "status": run("retentiond", "status")}
    found |= {"lacking": lacking, "unit before": before, "no key": no_key}
    run("retentiond", "install", "--systemd", "--undo", "--yes")
    found["left"] = sorted(str(path) for path in Path("/etc/systemd").rglob("*retentiond*"))
    for path, content in kept.items():
        path.write_bytes(content)
    run("systemctl", "daemon-reload")
    return found


def taken_away() -> dict[str, Any]:
    preview = run("retentiond", "install", "--systemd", "--undo")
    undone = run("retentiond", "install", "--systemd", "--undo", "--yes")
    after = sorted(str(path) for path in Path("/etc/systemd/system").rglob("retentiond*"))
    stored = sorted(path.name for path in Path("/etc/credstore.encrypted").iterdir())
    removed = run("dpkg", "-r", "retentiond")
    purged = run("dpkg", "-P", "retentiond")
    return {
        "preview": preview,
        "undone": undone,
        "after": after,
        "stored": stored,
        "removed": removed,
        "purged": purged,
        "is_ledger_there": any(path.name.startswith("ledger") for path in STATE.iterdir()),
        "is_configuration_there": CONFIGURATION.exists(),
        "is_program_there": Path("/opt/retentiond").exists(),
        "units": run("systemctl", "list-unit-files", "retentiond*", "--no-legend")["out"],
    }


def main() -> None:
    for chapter in (
        package,
        mail_server,
        letters,
        install,
        arming,
        schedule,
        killed,
        frozen,
        no_credential,
        refused,
        stopped,
        control,
        probe,
        upgraded,
        timer,
        by_itself,
        taken_away,
    ):
        begun = time.monotonic()
        try:
            FACTS[chapter.__name__] = chapter()
        except Exception:  # what comes after it would only wait for what cannot come
            FACTS[chapter.__name__] = {"crash": traceback.format_exc()}
        FACTS[chapter.__name__]["chapter took"] = round(time.monotonic() - begun, 1)
        (RESULT / "facts.json").write_text(json.dumps(FACTS, indent=1))
        if "crash" in FACTS[chapter.__name__]:
            break
    (RESULT / "journal").write_text(run("journalctl", "-o", "export", "--no-pager", "-a")["out"])


if __name__ == "__main__":
    sys.exit(main())
