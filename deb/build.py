#!/usr/bin/env python3
"""`./deb/build.py` builds the Debian package: retentiond with all it needs under /opt/retentiond.

On the Debian release for which it is meant, and its processor; nothing is fetched when it is installed. The
same commit gives the same bytes. Needs python3-venv, and the package index while it builds.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from retentiond import __version__  # noqa: E402
from retentiond.install.contents import HOME, PARTS, PROGRAM, SERVICE, VENDOR, text_of  # noqa: E402

#: Debian's own: the package lives with this interpreter, and no other.
PYTHON = "/usr/bin/python3"
SCRIPTS = ("postinst", "prerm", "postrm")
#: What pip notes for itself, with folders of ours in it: here dpkg knows which files there are.
TRACES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
CONTROL = """\
Package: retentiond
Version: {version}
Architecture: {architecture}
Maintainer: the retentiond project <retentiond@project.example>
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {next_python}), systemd (>= 250), tzdata, libc6 (>= 2.28)
Section: mail
Priority: optional
Description: mailbox retention for helplines, provably
 Destroys what a helpline promised to be gone after its period, in shared
 mailboxes, their Sent Items and bins, brings replies home that were saved
 elsewhere, and proves it by a ledger without personal data.
 .
 The service does not start before somebody has configured and armed it:
 retentiond install --systemd
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the Debian package of retentiond.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="the folder to put it into")
    output: Path = parser.parse_args().output
    for tool, package in (("dpkg-deb", "dpkg"), (PYTHON, "python3")):
        if shutil.which(tool) is None:
            sys.exit(f"build: there is no {tool}. Type: sudo apt-get install -y {package}")
    if subprocess.call([PYTHON, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL) != 0:
        sys.exit("build: Debian's Python has no venv. Type: sudo apt-get install -y python3-venv")
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    os.environ["PYTHONHASHSEED"] = "0"  # the order of sets stands in byte code
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="retentiond-deb-") as name:
        stage = Path(name) / "stage"
        make_home(Path(name), stage)
        put_files(stage)
        put_documents(stage)
        put_control(stage)
        set_times(stage)
        print(packed(stage, output))


def commit_time() -> str:
    """The moment of the commit: what is built from it bears that date, whenever it is built."""
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return str(int((ROOT / "pyproject.toml").stat().st_mtime))


def make_home(work: Path, stage: Path) -> None:
    """A virtual environment with the versions of constraints.txt, moved to where it will live."""
    home = stage / HOME.lstrip("/")
    pip = [str(work / "tools/bin/python"), "-m", "pip", "--disable-pip-version-check", "-q"]
    run(PYTHON, "-m", "venv", str(work / "tools"))
    run(*pip, "wheel", "--no-deps", "-w", str(work / "wheels"), str(ROOT))
    [wheel] = (work / "wheels").glob("retentiond-*.whl")
    run(PYTHON, "-m", "venv", "--without-pip", str(home))
    install = [*pip, "--python", str(home / "bin/python3"), "install", "--no-compile"]
    run(*install, "--only-binary", ":all:", "-c", str(ROOT / "constraints.txt"), f"{wheel}[apprise]")
    for path in (home / "bin").iterdir():  # activation scripts and other libraries' commands
        if path.name not in ("python", "python3", "retentiond"):
            path.unlink()
    program = stage / PROGRAM.lstrip("/")
    text = program.read_text().partition("\n")[2]
    program.write_text(f"#!{HOME}/bin/python3\n{text}")
    (home / "pyvenv.cfg").write_text(without_traces((home / "pyvenv.cfg").read_text()))
    for name in TRACES:
        for trace in home.glob(f"lib/python3*/site-packages/*.dist-info/{name}"):
            trace.unlink()
    for cache in list(home.rglob("__pycache__")):
        shutil.rmtree(cache)
    compiled = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "-s", str(stage), "-p", "/"]
    run(PYTHON, *compiled, str(home / "lib"))


def without_traces(configuration: str) -> str:
    """pyvenv.cfg without the command that made it, which names a folder of ours."""
    return "".join(f"{line}\n" for line in configuration.splitlines() if not line.startswith("command"))


def put_files(stage: Path) -> None:
    """Units, users and folders, each in its place; the program by its name on the PATH."""
    for part in PARTS:
        write(stage / part.place(VENDOR).lstrip("/"), text_of(part))
    (stage / "usr/bin").mkdir(parents=True)
    (stage / "usr/bin/retentiond").symlink_to(PROGRAM)


def put_documents(stage: Path) -> None:
    """What a Debian package owes its reader, the pages with all that they link to, and examples."""
    documents = stage / "usr/share/doc/retentiond"
    write(documents / "copyright", COPYRIGHT)
    write(documents / "CHANGELOG.md.gz", zipped((ROOT / "CHANGELOG.md").read_text("utf-8")))
    moment = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    changes = CHANGES.format(version=debian_version(), date=format_datetime(moment))
    write(documents / "changelog.gz", zipped(changes))
    page = MANUAL.format(version=__version__, day=moment.date(), help=as_roff(said(stage, "--help")))
    write(stage / "usr/share/man/man1/retentiond.1.gz", zipped(page))
    overrides = (ROOT / "deb/lintian-overrides").read_text("utf-8")
    write(stage / "usr/share/lintian/overrides/retentiond", overrides)
    write(
        stage / "usr/share/bash-completion/completions/retentiond", said(stage, "completion", "bash").rstrip()
    )
    for page in sorted((ROOT / "docs").rglob("*.md")):
        write(documents / page.relative_to(ROOT / "docs"), page.read_text("utf-8"))
    examples = documents / "examples"
    write(examples / "retentiond.toml", (ROOT / "config/retentiond.example.toml").read_text("utf-8"))
    for path in sorted((ROOT / "systemd" / f"{SERVICE}.d").glob("*.conf")):
        write(examples / path.name, path.read_text("utf-8"))


def said(stage: Path, *asked: str) -> str:
    """What the program itself says of its commands."""
    python = stage / HOME.lstrip("/") / "bin/python3"
    environment = os.environ | {"COLUMNS": "78", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(python), "-P", "-m", "retentiond", *asked]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout


def as_roff(text: str) -> str:
    """Text that a manual page shows as it is: a backslash, and a line that begins like a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(rf"\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), 9, mtime=0)


CHANGES = """\
retentiond ({version}) unstable; urgency=medium

  * What changed for those who use it is in CHANGELOG.md.gz beside this file.

 -- the retentiond project <retentiond@project.example>  {date}
"""

MANUAL = """\
.TH RETENTIOND 1 "{day}" "retentiond {version}" "User Commands"
.SH NAME
retentiond \\- mailbox retention for helplines, provably
.SH SYNOPSIS
.B retentiond
.RI [ OPTIONS ]
.I COMMAND
.RI [ ARGUMENTS ]
.SH DESCRIPTION
.nf
{help}
.fi
.SH FILES
.TP
.I /etc/retentiond/retentiond.toml
The configuration: the helplines, and how long their mail is kept.
.TP
.I /var/lib/retentiond
The ledger of what was done, and its seals.
.TP
.I /run/retentiond/control.sock
Where members of the group retentiond\\-admin ask the running service.
.SH SEE ALSO
.B retentiond
.I COMMAND
.B \\-\\-help
says more of each command; the guides are in
.IR /usr/share/doc/retentiond .
"""

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: retentiond

Files: *
Copyright: 2026 the retentiond project
License: Apache-2.0
Comment: Each library under /opt/retentiond/lib has its own licence beside it, in its dist-info folder.

License: Apache-2.0
 On Debian systems, the full text of the Apache License 2.0 can be found in
 /usr/share/common-licenses/Apache-2.0.
"""


def put_control(stage: Path) -> None:
    control = stage / "DEBIAN"
    files = sorted(path for path in stage.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(stage)}\n" for path in files
    )
    minor = int(answer(PYTHON, "-c", "import sys; print(sys.version_info[1])"))
    fields = {
        "version": debian_version(),
        "architecture": answer("dpkg", "--print-architecture"),
        "size": sum(-(-path.stat().st_size // 1024) for path in files),
        "python": f"3.{minor}",
        "next_python": f"3.{minor + 1}",
    }
    write(control / "control", CONTROL.format(**fields))
    write(control / "md5sums", sums)
    for name in SCRIPTS:
        write(control / name, (ROOT / "deb" / name).read_text("utf-8"), 0o755)


def debian_version() -> str:
    """The version as dpkg sorts it: one in the making comes before the one that it will be."""
    return __version__.replace(".dev", "~dev")


def set_times(stage: Path) -> None:
    """The same commit, the same bytes."""
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in tree(stage):
        os.utime(path, (moment, moment), follow_symlinks=False)


def tree(stage: Path) -> Iterator[Path]:
    yield stage
    yield from stage.rglob("*")


def packed(stage: Path, output: Path) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(stage), str(output), quiet=True)
    [built] = output.glob(f"retentiond_{debian_version()}_*.deb")
    return built


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def run(*command: str, quiet: bool = False) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL if quiet else sys.stderr)
    if done.returncode != 0:
        sys.exit(f"build: {' '.join(command[:4])} … ended with {done.returncode}; its own words are above")


def answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
