"""The units as systemd itself reads them: valid, nearly closed, and every loosened line explained."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from retentiond.cli import cli
from retentiond.config import example, load
from retentiond.errors import Exit
from retentiond.install import contents
from retentiond.install.dropins import Ground, credential_names, credentials_text, letters_text
from tests.test_readme import parse

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ("retentiond.service", "retentiond-once.service", "retentiond-alert@.service")
#: What weakens a unit or a drop-in, and must say why in the line above.
LOOSENS = re.compile(
    r"(ReadWritePaths|BindPaths|RestrictAddressFamilies|PrivateUsers=false|ProtectHome=tmpfs|IPAddressAllow=[0-9]"
    r"|CapabilityBoundingSet=C|AmbientCapabilities=C|SupplementaryGroups|RuntimeDirectoryMode=0[0-7]*[1-7]$)"
)


def lines(name: str) -> list[str]:
    return (UNITS / name).read_text(encoding="utf-8").splitlines()


def values(name: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in lines(name) if line.startswith(f"{key}=")]


def systemd(*command: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed. Type: sudo apt-get install systemd")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The units in a folder of their own; the program they start need not be installed here."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder, ignore=shutil.ignore_patterns("*.d"))
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace(contents.PROGRAM, "/usr/bin/true"))
    return folder


def exposure(unit: Path) -> float:
    told = systemd("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told.stdout + told.stderr)
    assert match, told.stdout[-500:] + told.stderr[-500:]
    return float(match[1])


def test_systemd_finds_no_fault_in_them(copied: Path) -> None:
    names = [*SERVICES[:2], "retentiond-alert@retentiond.service", "retentiond.timer"]
    told = systemd("systemd-analyze", "verify", "--man=no", *(str(copied / name) for name in names))
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "retentiond" in line]
    assert (told.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_is_at_most_1_3(name: str, copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    level = exposure(copied / name)
    with capsys.disabled():
        print(f"\n{name}: exposure {level}")
    assert level <= 1.3


def test_the_exposure_is_at_most_1_3_with_letters(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for drop_in in (UNITS / "retentiond.service.d").iterdir():
        folder = copied / "retentiond.service.d"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(drop_in, folder)
        level = exposure(copied / "retentiond.service")
        with capsys.disabled():
            print(f"\nretentiond.service with {drop_in.name}: exposure {level}")
        assert level <= 1.3


@pytest.mark.parametrize("name", SERVICES[:2])
def test_they_start_what_exists(name: str) -> None:
    """The command line of the unit is one that our program understands."""
    [command] = values(name, "ExecStart")
    program, *words = command.split()
    assert program == contents.PROGRAM
    assert isinstance(cli, click.Group)
    parse(cli, words)


def test_what_a_person_must_look_at_is_not_restarted() -> None:
    [codes] = values("retentiond.service", "RestartPreventExitStatus")
    assert set(map(int, codes.split())) == {Exit.LEDGER, Exit.TOO_OPEN, Exit.CONFIGURATION}


@pytest.mark.parametrize("name", SERVICES[:2])
def test_nothing_lets_it_fail_in_silence(name: str) -> None:
    """A condition that fails never fires OnFailure=; a reload does not exist (docs/decisions/0040)."""
    keys = {line.partition("=")[0] for line in lines(name)}
    assert not [key for key in keys if key.startswith(("Condition", "Assert")) or key == "ExecReload"]
    assert values(name, "OnFailure") == ["retentiond-alert@%p.service"]


def test_both_ways_to_run_are_closed_alike() -> None:
    def closed(name: str) -> list[str]:
        text = (UNITS / name).read_text()
        return text[text.index("# A static user") :].partition("[Install]")[0].rstrip().splitlines()

    assert closed("retentiond.service") == closed("retentiond-once.service")


@pytest.mark.parametrize("path", sorted(UNITS.rglob("*.*")), ids=lambda path: path.name)
def test_every_loosened_line_says_why(path: Path) -> None:
    if path.is_dir():
        return
    block: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            block.append(line)
        elif LOOSENS.match(line):
            assert block, f"{path.name}: {line}: say why in the line above"
        elif not line or line.startswith("["):
            block = block if line.startswith("[") else []


def test_the_drop_ins_that_are_shipped_are_those_that_install_writes(tmp_path: Path) -> None:
    """For the example configuration, on a machine that knows its folder of letters."""
    path = tmp_path / "retentiond.toml"
    path.write_text("\n".join(line for line in example().splitlines() if not line.startswith("ca_file")))
    path.chmod(0o600)
    config = load(path)
    shipped = UNITS / "retentiond.service.d"
    letters = [Ground(str(each.directory)) for each in config.letters]
    assert (shipped / contents.LETTERS_DROP_IN).read_text() == letters_text(letters)
    assert (shipped / contents.CREDENTIALS_DROP_IN).read_text() == credentials_text(credential_names(config))


def test_every_file_of_the_folder_is_put_somewhere() -> None:
    """What is shipped is what stands on the one list of what is put where."""
    shipped = [path for path in UNITS.rglob("*.*") if path.is_file()]
    assert sorted(shipped) == sorted(
        [
            *(UNITS / part.source for part in contents.PARTS),
            *(UNITS / f"{contents.SERVICE}.d").glob("*.conf"),
        ]
    )


def test_the_service_has_a_user_of_its_own(tmp_path: Path) -> None:
    """Made in an empty system: no password, no shell, and the state directory as its home."""
    (tmp_path / "etc").mkdir()
    told = systemd("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "retentiond.sysusers"))
    if "not permitted" in told.stderr.lower():
        pytest.skip("making users in another root needs more rights than this test has")
    assert told.returncode == 0, told.stderr
    user = (tmp_path / "etc/passwd").read_text().split(":")
    assert (user[0], user[5], user[6].strip()) == ("retentiond", "/var/lib/retentiond", "/usr/sbin/nologin")
    groups = (tmp_path / "etc/group").read_text().splitlines()
    [admins] = [line for line in groups if line.startswith("retentiond-admin:")]
    assert admins.endswith(":retentiond"), "the service runs in it"


def test_the_configuration_is_roots_and_the_service_reads_it() -> None:
    rules = [line.split()[:5] for line in lines("retentiond.tmpfiles") if not line.startswith("#")]
    assert rules == [
        ["d", "/etc/retentiond", "0750", "root", "retentiond-admin"],
        ["z", "/etc/retentiond/retentiond.toml", "0640", "root", "retentiond-admin"],
        ["d", "/var/lib/retentiond", "0700", "retentiond", "retentiond-admin"],
    ]


def test_the_packages_builder_finds_all_that_it_builds_of() -> None:
    """The package itself is built in the campaign alone; what it takes from the product is taken here."""
    words = [sys.executable, str(UNITS.parent / "deb/build.py"), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Build the Debian package of retentiond." in done.stdout
