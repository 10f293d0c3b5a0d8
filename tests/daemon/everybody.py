"""A Python that every user of this machine may run: the one of the tests may lie in somebody's own home."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig

import pytest

#: A user who is nobody here.
_NOBODY = 41000


@functools.cache
def python() -> tuple[str, dict[str, str]]:
    """The program, and the variables with which it finds what the tests have installed. Skips, saying why."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users. Type: sudo ./run test")
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    variables = {"PYTHONPATH": sysconfig.get_paths()["purelib"], "PYTHONDONTWRITEBYTECODE": "1"}
    for program in (sys.executable, f"/usr/bin/{same}"):
        if _is_everybodys(program, variables):
            return program, variables
    pytest.skip(f"no Python here is everybody's. Type: sudo apt-get install {same}")


def _is_everybodys(program: str, variables: dict[str, str]) -> bool:
    try:
        tried = subprocess.run(
            [program, "-c", "import retentiond.config.tables, sqlalchemy"],
            env=variables,
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
            capture_output=True,
            check=False,
            timeout=60,
        )
    except OSError:
        return False
    return tried.returncode == 0
