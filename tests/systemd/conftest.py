"""The Debian package, built once for all tests that look at it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.first_minute import ROOT


def build(folder: Path) -> Path:
    """Builds it as its documentation says; skips, with the line to type, where it cannot be built."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("there is no dpkg-deb: this is no Debian")
    command = [sys.executable, str(ROOT / "deb/build.py"), "--output", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if built.returncode != 0 and "Type: sudo apt-get" in built.stderr:
        pytest.skip(built.stderr.strip().splitlines()[-1])
    assert built.returncode == 0, built.stderr[-3000:]
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's file."""
    return build(tmp_path_factory.mktemp("package"))
