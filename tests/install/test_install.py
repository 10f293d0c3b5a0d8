"""`retentiond install --systemd`, into an image of a machine on a real file system, and back.

systemd's own programs make the user and the folders in the image; what needs a machine that runs is in the
booted campaign (tests/systemd/test_booted.py).
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from retentiond import logs
from retentiond.cli import run
from retentiond.config import example, load
from retentiond.install import contents, receipt
from retentiond.install.as_service import words
from retentiond.install.dropins import Ground, credential_names, letters_text
from retentiond.install.machine import Machine

PROGRAM = "/opt/retentiond/bin/retentiond"
CONFIGURATION = """
[ledger]
key = { credential = "ledger-key" }

[account.main]
kind = "imap"
host = "mail.charity.example"
secret = { credential = "imap-main" }

[[helpline]]
name = "helpline-1"
account = "main"
mailbox = "helpline@charity.example"
identities = ["helpline@charity.example"]
"""
LETTERS = """
[[letters]]
name = "letters-1"
directory = "/srv/Our letters"
manager = "nobody"
"""


@pytest.fixture
def image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Image:
    if os.geteuid() != 0:
        pytest.skip("making users and owners in an image needs root. Type: sudo ./run test tests/install")
    for tool in ("systemd-sysusers", "systemd-tmpfiles", "systemctl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed. Type: sudo apt-get install systemd")
    (tmp_path / "image/etc").mkdir(parents=True)
    return Image(tmp_path / "image", capsys)


class Image:
    """A machine that is not running, below a folder."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.machine = Machine(root)
        self._capsys = capsys

    def install(self, *words: str) -> int:
        command = ["install", "--systemd", "--root", str(self.root), "--program", PROGRAM, *words]
        code = run(command)
        logs.unconfigure()
        self.out, self.err = self._capsys.readouterr()
        return code

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def files(self) -> dict[str, bytes]:
        return {
            f"/{path.relative_to(self.root)}": path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def configure(self, text: str) -> None:
        self.at(contents.CONFIGURATION).write_text(text)


LOCAL = {part.place(contents.LOCAL) for part in contents.PARTS if not part.is_for_timer}


def test_it_shows_first_and_does_nothing(image: Image) -> None:
    before = image.files()
    assert image.install() == 0
    assert image.files() == before
    for place in (*LOCAL, contents.CONFIGURATION):
        assert place in image.out
    assert "Nothing was done" in image.out


def test_everything_is_put_in_its_place_with_its_owner_and_mode(image: Image) -> None:
    assert image.install("--yes") == 0, image.err
    files = image.files()
    assert files.keys() >= LOCAL
    assert files[contents.CONFIGURATION].decode() == example()
    for part in contents.PARTS:
        if not part.is_for_timer:
            assert files[part.place(contents.LOCAL)].decode() == contents.text_of(part, PROGRAM)
    users, groups = image.machine.names("/etc/passwd"), image.machine.names("/etc/group")
    assert users["retentiond"] == "/usr/sbin/nologin"
    assert groups["retentiond-admin"] == "retentiond"
    owner = image.machine.group_id("retentiond-admin")
    seen = {}
    for path in ("/etc/retentiond", contents.STATE, contents.CONFIGURATION, receipt.PLACE):
        status = image.at(path).stat()
        seen[path] = (oct(stat.S_IMODE(status.st_mode)), status.st_uid == 0, status.st_gid == owner)
    assert seen == {
        "/etc/retentiond": ("0o750", True, True),
        contents.STATE: ("0o700", False, True),
        contents.CONFIGURATION: ("0o640", True, True),
        receipt.PLACE: ("0o600", True, False),
    }
    assert contents.CONFIGURATION in image.out.partition("Next:")[2]


def test_a_second_time_nothing_is_written(image: Image) -> None:
    image.install("--yes")
    before = {path: path.stat().st_mtime_ns for path in image.root.rglob("*") if path.is_file()}
    assert image.install("--yes") == 0
    assert {path: path.stat().st_mtime_ns for path in image.root.rglob("*") if path.is_file()} == before
    assert "done:" not in image.out


def test_drop_ins_are_read_from_the_configuration(image: Image) -> None:
    """Each credential that it names, each folder of letters; none of what it does not name any more."""
    image.install("--yes")
    image.configure(CONFIGURATION + LETTERS)
    assert image.install("--yes", "--timer") == 1, "the credentials can only be made on the machine itself"
    for unit in ("retentiond.service", "retentiond-once.service"):
        folder = image.at(f"/etc/systemd/system/{unit}.d")
        credentials = (folder / contents.CREDENTIALS_DROP_IN).read_text()
        assert (
            "LoadCredentialEncrypted=imap-main:/etc/credstore.encrypted/retentiond.imap-main\n" in credentials
        )
        assert (
            "LoadCredentialEncrypted=ledger-key:/etc/credstore.encrypted/retentiond.ledger-key\n"
            in credentials
        )
        assert 'ReadWritePaths="-/srv/Our letters"\n' in (folder / contents.LETTERS_DROP_IN).read_text()
    assert "on the machine itself" in image.err + image.out
    image.configure(CONFIGURATION.replace('key = { credential = "ledger-key" }', ""))
    image.install("--yes", "--timer")
    assert not (folder / contents.LETTERS_DROP_IN).exists()
    assert "ledger-key" not in (folder / contents.CREDENTIALS_DROP_IN).read_text()


def test_a_ledger_on_a_disk_of_its_own_can_be_written_by_the_service(image: Image) -> None:
    """The folder is made, the service's alone; both units may write there, and nothing in it is ever run."""
    image.install("--yes")
    elsewhere = CONFIGURATION.replace("[ledger]\n", '[ledger]\ndirectory = "/srv/The book"\n')
    image.configure(elsewhere)
    assert image.install("--yes", "--timer") == 1, "the credentials can only be made on the machine itself"
    made, state = image.at("/srv/The book").stat(), image.at(contents.STATE).stat()
    assert (oct(made.st_mode & 0o7777), made.st_uid, made.st_gid) == ("0o700", state.st_uid, state.st_gid)
    for unit in ("retentiond.service", "retentiond-once.service"):
        text = image.at(f"/etc/systemd/system/{unit}.d/{contents.LEDGER_DROP_IN}").read_text()
        assert 'ReadWritePaths="-/srv/The book"\n' in text
        assert 'NoExecPaths="-/srv/The book"\n' in text
        assert 'RequiresMountsFor="/srv/The book"\n' in text
    assert image.install("--yes", "--timer") == 1
    assert "done:" not in image.out, "a second time nothing is written"
    image.install("--undo")
    image.install("--undo", "--yes")
    assert "\n  /srv/The book\n" in image.out.partition("Left, because it is evidence")[2]
    assert image.install("--yes", "--timer") == 1
    image.configure(CONFIGURATION)
    image.install("--yes", "--timer")
    assert not [path for path in image.files() if path.endswith(contents.LEDGER_DROP_IN)]
    assert image.at("/srv/The book").is_dir(), "what may hold evidence is left"


@pytest.mark.parametrize("place", ["/home/it/ledger", "/root/ledger", "/tmp/ledger", "/run/ledger"])
def test_a_ledger_where_the_service_sees_nothing_or_a_start_empties_it_is_refused(
    image: Image, place: str
) -> None:
    image.install("--yes")
    image.configure(CONFIGURATION.replace("[ledger]\n", f'[ledger]\ndirectory = "{place}"\n'))
    before = image.files()
    assert image.install("--yes") == 2
    assert f"the ledger cannot lie in {place}" in image.err
    assert image.files() == before


def test_a_folder_that_holds_other_things_is_not_made_the_service_s(image: Image) -> None:
    """It would be closed to everybody else at each boot. An empty disk's is taken as it is."""
    image.install("--yes")
    shared = image.at("/srv/data")
    shared.mkdir(parents=True)
    shared.chmod(0o755)
    (shared / "lost+found").mkdir()
    image.configure(CONFIGURATION.replace("[ledger]\n", '[ledger]\ndirectory = "/srv/data"\n'))
    (shared / "accounts.ods").touch()
    assert image.install("--yes") == 2
    assert "/srv/data holds other things" in image.err
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    (shared / "accounts.ods").unlink()
    assert image.install("--yes") == 1, "but for the credentials"
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    (shared / "ledger.db").touch()
    assert image.install("--yes") == 1


def test_an_image_is_not_given_what_this_machine_has(image: Image) -> None:
    """Homes and bins of the machine on which it is made are nothing to the one that it is for."""
    image.install("--yes")
    image.configure(CONFIGURATION + LETTERS.replace('"nobody"', '"root"'))
    image.install("--yes")
    text = image.at(f"/etc/systemd/system/retentiond.service.d/{contents.LETTERS_DROP_IN}").read_text()
    assert "ReadWritePaths=" in text
    assert "/root" not in text


def test_what_somebody_changed_is_left(image: Image) -> None:
    image.install("--yes")
    unit = image.at("/etc/systemd/system/retentiond.service")
    changed = unit.read_text() + "\n# ours\n"
    unit.write_text(changed)
    image.configure(CONFIGURATION)
    assert image.install("--yes") == 1
    assert unit.read_text() == changed
    assert "LEFT AS IT IS" in image.out
    assert image.at(contents.CONFIGURATION).read_text() == CONFIGURATION
    assert image.install("--undo", "--yes") == 0
    assert unit.read_text() == changed
    assert image.at(contents.CONFIGURATION).read_text() == CONFIGURATION


def test_what_we_wrote_ourselves_is_renewed(image: Image) -> None:
    """An older version's unit is ours: the receipt says so."""
    image.install("--yes")
    unit = image.at("/etc/systemd/system/retentiond.service")
    wanted = unit.read_bytes()
    digest = image.machine.put("/etc/systemd/system/retentiond.service", b"[Unit]\n")
    receipt.write(
        image.machine, receipt.read(image.machine) | {"/etc/systemd/system/retentiond.service": digest}
    )
    assert image.install("--yes") == 0
    assert unit.read_bytes() == wanted


def test_undoing_leaves_the_machine_as_it_was_but_for_what_is_evidence(image: Image) -> None:
    before = set(image.files())
    image.install("--yes", "--timer")
    for name in ("ledger.db", "ledger.key"):
        (image.at(contents.STATE) / name).write_text("evidence")
    key = image.at(f"{contents.CREDENTIALS}/retentiond.ledger-key")
    key.parent.mkdir()
    key.write_text("sealed")
    assert image.install("--undo") == 0
    assert "Nothing was done" in image.out
    assert image.install("--undo", "--yes") == 0, image.err
    left = set(image.files()) - before
    assert left == {
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/gshadow",
        "/var/lib/retentiond/ledger.db",
        "/var/lib/retentiond/ledger.key",
        "/etc/credstore.encrypted/retentiond.ledger-key",
    } | {each for each in left if each.startswith("/etc/.")}
    told = image.out.partition("Left")[2]
    for each in (contents.STATE, "/etc/credstore.encrypted/retentiond.ledger-key", "the user retentiond"):
        assert each in told
    assert image.install("--undo", "--yes") == 0, "twice is no fault"


def test_beside_the_debian_package_only_the_site_s_own_is_put_there(image: Image) -> None:
    for part in contents.PARTS:
        place = image.at(part.place(contents.VENDOR))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(contents.text_of(part))
    assert image.install("--yes") == 0, image.err
    assert not set(image.files()) & LOCAL
    assert image.out.count("(the Debian package has put it there)") == len(LOCAL)
    assert image.at(contents.CONFIGURATION).exists()


def test_it_is_enabled_when_that_is_asked_for(image: Image) -> None:
    image.install("--yes")
    assert image.install("--yes", "--start") == 2, "an example is nobody's configuration"
    assert contents.CONFIGURATION in image.err
    image.configure(
        CONFIGURATION.replace('{ credential = "imap-main" }', '{ file = "/etc/retentiond/imap" }')
    )
    image.configure(
        image.at(contents.CONFIGURATION).read_text().replace('key = { credential = "ledger-key" }', "")
    )
    link = image.at("/etc/systemd/system/multi-user.target.wants/retentiond.service")
    assert not link.is_symlink()
    assert image.install("--yes", "--start") == 0, image.err
    assert oct(link.parent.stat().st_mode & 0o777) == "0o755", "as any other folder of systemd's"
    assert link.is_symlink()
    assert image.install("--undo", "--yes") == 0
    assert not link.is_symlink()


# ── what fails says what, where, and the way on ──────────────────────────────────────────────────


def test_a_configuration_with_faults_stops_before_the_first_step(image: Image) -> None:
    image.at(contents.CONFIGURATION).parent.mkdir()
    image.configure(CONFIGURATION.replace("imap", "pigeon", 1))
    before = image.files()
    assert image.install("--yes") == 78
    assert "account.main.kind" in image.err
    assert image.files() == before


def test_a_place_that_cannot_be_written_is_named_and_the_same_command_goes_on(image: Image) -> None:
    image.at("/etc/tmpfiles.d").write_text("a file where a folder should be")
    assert image.install("--yes") == 1
    assert "/etc/tmpfiles.d" in image.err
    assert "the same command again" in image.err
    assert image.at("/etc/sysusers.d/retentiond.conf").exists(), "what was done before is done"
    image.at("/etc/tmpfiles.d").unlink()
    assert image.install("--yes") == 0
    assert image.files().keys() >= LOCAL


def test_a_program_of_the_system_that_fails_is_named(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = image.root.parent / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    assert image.install("--yes") == 1
    assert "systemd-sysusers is not on this machine" in image.err
    (tools / "systemd-sysusers").write_text("#!/bin/sh\nexit 9\n")
    (tools / "systemd-sysusers").chmod(0o755)
    assert image.install("--yes") == 1
    assert "systemd-sysusers: ended with 9" in image.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["install"], "install --systemd"),
        (["--config", "/elsewhere.toml", "install", "--systemd", "--root", "/"], "the service reads"),
        (["install", "--systemd", "--root", "/no/such/folder"], "does not exist"),
    ],
)
def test_what_makes_no_sense_is_said(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() != 0 and words[0] == "--config":
        pytest.skip("without root it says first that root is needed")
    assert run(words) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("words", [["install", "--systemd"], ["as-service", "check"]])
def test_what_only_root_may_do_says_so(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's own user, which other sentences name beside root, may not either."""
    monkeypatch.setattr(os, "geteuid", lambda: 41001)
    assert run(words) == 77
    assert f"nothing was done; type: sudo retentiond {words[0]}" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be the service. Type: sudo ./run test")
def test_a_credential_that_was_never_given_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """systemd would end with 243 and say nothing to whoever typed it."""
    path = tmp_path / "retentiond.toml"
    path.write_text(CONFIGURATION.replace("imap-main", "never-given"))
    path.chmod(0o640)
    assert run(["--config", str(path), "as-service", "check"]) == 78
    said = capsys.readouterr().err
    assert "never-given" in said
    assert "nothing was done; to be asked for them: sudo retentiond install --systemd" in said


def test_a_program_in_a_home_is_refused(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit hides homes: a service that can only fail is not made."""
    monkeypatch.setattr("sys.prefix", "/root/retentiond/.venv")
    assert run(["install", "--systemd", "--root", str(image.root), "--yes"]) == 2
    assert not image.files()


def test_a_credential_is_found_wherever_the_configuration_names_it(tmp_path: Path) -> None:
    path = tmp_path / "retentiond.toml"
    alert = """
[alert]
host = "relay.charity.example"
sender = "it@charity.example"
to = ["it@charity.example"]
user = "it"
secret = { credential = "relay" }
channels = [{ credential = "telephone" }]
"""
    path.write_text(CONFIGURATION + alert)
    path.chmod(0o600)
    assert set(credential_names(load(path))) == {"ledger-key", "imap-main", "relay", "telephone"}


# ── one command as the service ───────────────────────────────────────────────────────────────────


def test_a_command_has_what_the_service_has_and_no_secret_among_its_words(tmp_path: Path) -> None:
    path = tmp_path / "retentiond.toml"
    path.write_text(CONFIGURATION + LETTERS)
    path.chmod(0o600)
    said = words(load(path), PROGRAM, ("arm", "helpline-1", "--destroy", "7"), is_terminal=False, who=1000)
    assert said[0] == "systemd-run"
    assert said[said.index(PROGRAM) :] == [
        PROGRAM,
        f"--config={contents.CONFIGURATION}",
        "arm",
        "helpline-1",
        "--destroy",
        "7",
    ]
    for each in (
        "--uid=retentiond",
        "--gid=retentiond-admin",
        "--setenv=SUDO_UID=1000",
        "--property=LoadCredentialEncrypted=imap-main:/etc/credstore.encrypted/retentiond.imap-main",
        "--property=LoadCredentialEncrypted=ledger-key:/etc/credstore.encrypted/retentiond.ledger-key",
        "--property=AmbientCapabilities=CAP_LEASE",
    ):
        assert each in said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/srv/letters", "-/srv/letters"),
        ("/srv/Our letters", '"-/srv/Our letters"'),
        ("/srv/100%", "-/srv/100%%"),
        ('/srv/"a" \\ b', '"-/srv/\\"a\\" \\\\ b"'),
    ],
)
def test_a_folder_is_named_as_systemd_reads_it(path: str, said: str) -> None:
    assert f"ReadWritePaths={said}\n" in letters_text([Ground(path)])
