"""The Debian package as dpkg itself sees it. It is built here, which takes a minute: a campaign."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from retentiond import __version__
from retentiond.cli import COMMANDS
from retentiond.install import contents
from tests.first_minute import ROOT
from tests.systemd.conftest import build

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]


def dpkg_deb(*words: str) -> str:
    return subprocess.run(["dpkg-deb", *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def listing(package: Path) -> dict[str, tuple[str, str]]:
    """Each path with its mode and owner."""
    found = {}
    for line in dpkg_deb("--contents", str(package)).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        found[path.partition(" -> ")[0].removeprefix(".")] = (mode, owner)
    return found


def test_it_says_what_it_needs(package: Path) -> None:
    fields = dict(re.findall(r"^ ?([A-Z][\w-]+): (.+)$", dpkg_deb("--field", str(package)), re.M))
    assert (fields["Package"], fields["Version"]) == ("retentiond", __version__)
    needs = {need.split()[0] for need in fields["Depends"].split(", ")}
    assert needs == {"python3", "systemd", "tzdata", "libc6"}
    assert re.search(r"python3 \(>= 3\.\d+\), python3 \(<< 3\.\d+\)", fields["Depends"])


def test_every_part_is_in_its_place(
    package: Path, listing: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    """Byte for byte what the one list says."""
    dpkg_deb("--extract", str(package), str(tmp_path))
    for part in contents.PARTS:
        place = part.place(contents.VENDOR)
        assert listing[place] == ("-rw-r--r--", "root/root")
        assert (tmp_path / place.lstrip("/")).read_text() == contents.text_of(part)
    library = next((tmp_path / "opt/retentiond/lib").glob("python3.*")) / "site-packages/retentiond"
    for part in contents.PARTS:  # for `retentiond install` where there is no package
        assert (library / "install/systemd" / part.source).exists()
    assert (
        (tmp_path / "opt/retentiond/bin/retentiond").read_text().startswith("#!/opt/retentiond/bin/python3\n")
    )


def test_nothing_is_anybody_else_s_or_may_be_changed_by_others(listing: dict[str, tuple[str, str]]) -> None:
    assert {owner for _, owner in listing.values()} == {"root/root"}
    assert not [path for path, (mode, _) in listing.items() if mode[0] != "l" and "w" in mode[4:]]
    assert not [path for path, (mode, _) in listing.items() if "s" in mode.lower()[1:]]


def test_it_brings_no_configuration_and_no_trace_of_where_it_was_built(
    package: Path, listing: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    """docs/decisions/0061: a configuration says what is destroyed, so no package writes one."""
    assert not [path for path in listing if path.startswith(("/etc", "/var", "/home", "/root"))]
    dpkg_deb("--extract", str(package), str(tmp_path))
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert b"retentiond-deb-" not in content, path
            assert str(ROOT).encode() not in content, path


def test_its_scripts_are_shell_without_a_fault(package: Path, tmp_path: Path) -> None:
    dpkg_deb("--control", str(package), str(tmp_path))
    for name in ("postinst", "prerm", "postrm"):
        assert (tmp_path / name).read_text().startswith("#!/bin/sh\n")
        subprocess.run(["sh", "-n", str(tmp_path / name)], check=True)
    words = (tmp_path / "postrm").read_text()
    assert not re.search(r"^\s*(rm|find)\b", words, re.M), "a purge removes nothing but says the line"


def test_lintian_has_nothing_to_say(package: Path) -> None:
    """What it objects to and is so on purpose stands in deb/lintian-overrides, with the reason."""
    if shutil.which("lintian") is None:
        pytest.skip("there is no lintian. Type: sudo apt-get install -y --no-install-recommends lintian")
    words = ["lintian", "--allow-root", "--fail-on", "warning", str(package)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    said = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")]
    assert (done.returncode, said) == (0, []), done.stdout[-3000:]
    shown = subprocess.run(
        [*words[:-1], "--show-overrides", "--tag-display-limit", "3", str(package)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    ).stdout
    assert "unused-override" not in shown


def test_its_manual_page_names_every_command(package: Path, tmp_path: Path) -> None:
    dpkg_deb("--extract", str(package), str(tmp_path))
    page = gzip.decompress((tmp_path / "usr/share/man/man1/retentiond.1.gz").read_bytes()).decode()
    for name in COMMANDS:
        assert re.search(rf"^  {re.escape(name.replace('-', chr(92) + '-'))} ", page, re.M), name
    if shutil.which("man") is not None:
        words = ["man", "--warnings", "-l", str(tmp_path / "usr/share/man/man1/retentiond.1.gz")]
        read = subprocess.run(
            words, capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"}
        )
        assert read.stderr == ""


def test_every_link_in_its_pages_leads_somewhere(package: Path, tmp_path: Path) -> None:
    dpkg_deb("--extract", str(package), str(tmp_path))
    documents = tmp_path / "usr/share/doc/retentiond"
    pages = sorted(documents.rglob("*.md"))
    assert documents / "admin/first-steps.md" in pages
    for page in pages:
        links = re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", page.read_text("utf-8"))
        dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
        assert not dead, page.name


def test_the_shell_completes_its_commands(package: Path, tmp_path: Path) -> None:
    dpkg_deb("--extract", str(package), str(tmp_path))
    script = tmp_path / "usr/share/bash-completion/completions/retentiond"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "-F _retentiond_completion retentiond" in script.read_text()


def test_the_same_commit_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (package, again)]
    assert digests[0] == digests[1]
