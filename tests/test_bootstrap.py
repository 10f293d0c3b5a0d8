"""`./run` sets itself up, once, from any folder; and where it may not, it names the one line to type.

Nothing is installed here: the python of the made environment is a script that notes what it is asked.
That pip and apt-get then do their work was seen on bare Debian machines, as root and not.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTALLS = "-m pip install -q --disable-pip-version-check -c constraints.txt -e .[{}]"
STYLE = ["-m ruff check --quiet", "-m ruff format --quiet --check", "-m mypy --strict --no-error-summary"]
ALL_TESTS = "-m pytest -n 2 --cache-clear"
ONCE_MORE = "-m pytest -n 0 --last-failed"

NOTING_PYTHON = """#!/bin/sh
case "$1" in -c) exit 0 ;; esac
case "$*" in "-m pip --version") exit 0 ;; esac
echo "$*" >> "{notes}"
case "$*" in "$FAILS"*) exit "${{CODE:-7}}" ;; esac
"""


class Machine:
    """A checkout in a path with spaces, an empty HOME, and whatever else a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a house"
        self.notes = folder / "notes"
        self.checkout.mkdir()
        for name in ("run", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.checkout)

    def with_environment(self) -> Machine:
        """An environment that was made, and into which nothing was installed yet."""
        python = self.checkout / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(NOTING_PYTHON.format(notes=self.notes))
        python.chmod(0o755)
        return self

    def run(self, *arguments: str, fails: str = "nothing", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/nowhere", "HOME": str(self.checkout / "empty"), "FAILS": fails, **more}
        command = [sys.executable, str(self.checkout / "run"), *arguments]
        return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=60)

    def noted(self) -> list[str]:
        """What the environment's python was asked since the last time."""
        asked = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return asked


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_can_be_read_by_an_old_python_and_needs_no_library() -> None:
    """An old `python3` must get as far as finding a newer one."""
    tree = ast.parse((ROOT / "run").read_text(encoding="utf-8"), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert os.access(ROOT / "run", os.X_OK)
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_without_a_known_command_it_says_which_there_are(machine: Machine) -> None:
    for arguments, code in (((), 2), (("tset",), 2), (("--help",), 0)):
        result = machine.run(*arguments)
        assert result.returncode == code
        assert "./run demo" in result.stdout + result.stderr
        assert "./run test" in result.stdout + result.stderr


def test_the_demo_is_installed_and_started(machine: Machine) -> None:
    result = machine.with_environment().run("demo", "--quick")
    assert result.returncode == 0, result.stderr
    assert machine.noted() == [INSTALLS.format("demo"), "-m retentiond demo --quick"]


def test_the_tests_come_after_style_and_types(machine: Machine) -> None:
    result = machine.with_environment().run("test")
    assert result.returncode == 0, result.stderr
    assert machine.noted() == [INSTALLS.format("test"), *STYLE, ALL_TESTS]


def test_options_are_those_of_pytest_and_then_only_pytest_runs(machine: Machine) -> None:
    machine.with_environment().run("test", "-m", "campaign")
    assert machine.noted()[1:] == ["-m pytest -n 2 -m campaign"]


def test_the_second_time_nothing_is_installed(machine: Machine) -> None:
    machine.with_environment().run("test")
    machine.noted()
    machine.run("test", "-x")
    machine.run("demo")
    assert machine.noted() == ["-m pytest -n 2 -x", "-m retentiond demo"]


def test_another_lock_or_another_place_installs_anew(machine: Machine, tmp_path: Path) -> None:
    machine.with_environment().run("demo")
    with (machine.checkout / "constraints.txt").open("a") as file:
        file.write("# another lock\n")
    machine.noted()
    machine.run("demo")
    assert machine.noted()[0] == INSTALLS.format("demo")
    machine.checkout = machine.checkout.rename(tmp_path / "another house")
    machine.run("demo")
    assert machine.noted()[0] == INSTALLS.format("demo")


@pytest.mark.parametrize("step", STYLE)
def test_a_fault_of_style_or_type_stops_before_the_tests(step: str, machine: Machine) -> None:
    result = machine.with_environment().run("test", fails=step)
    assert result.returncode == 7
    assert "found faults, so the tests were not run." in result.stderr.splitlines()[-1]
    assert machine.noted()[-1] == step


def test_red_tests_are_its_own_exit_code(machine: Machine) -> None:
    assert machine.with_environment().run("test", "-x", fails="-m pytest").returncode == 7


@pytest.mark.parametrize(
    ("number", "code", "fails", "ends", "runs"),
    [
        pytest.param(3, "1", ALL_TESTS, 0, [ALL_TESTS, ONCE_MORE], id="which-pass-alone"),
        pytest.param(3, "1", "-m pytest", 1, [ALL_TESTS, ONCE_MORE], id="which-fail-again"),
        pytest.param(4, "1", ALL_TESTS, 1, [ALL_TESTS], id="that-are-many"),
        pytest.param(3, "3", ALL_TESTS, 3, [ALL_TESTS], id="after-which-pytest-broke"),
        pytest.param(0, "1", ALL_TESTS, 1, [ALL_TESTS], id="of-which-nothing-is-noted"),
        pytest.param(-1, "1", ALL_TESTS, 1, [ALL_TESTS], id="after-a-kill"),
    ],
)
def test_a_few_tests_that_failed_run_once_more_alone(
    number: int, code: str, fails: str, ends: int, runs: list[str], machine: Machine
) -> None:
    """What passes then is said to be not steady, by its name; not what a kill at a chosen moment left."""
    noted = machine.checkout / ".pytest_cache/v/cache/lastfailed"
    noted.parent.mkdir(parents=True)
    names = [f"tests/test_x.py::test_{each}" for each in range(number)] if number >= 0 else ["test_kills.py"]
    noted.write_text(json.dumps(dict.fromkeys(names, True)))
    result = machine.with_environment().run("test", fails=fails, CODE=code)
    assert result.returncode == ends
    assert [line for line in machine.noted() if line.startswith("-m pytest")] == runs
    assert ("NOT STEADY: tests/test_x.py::test_0 " in result.stderr) is (ends == 0)


def test_a_failed_installation_says_so_and_is_tried_again(machine: Machine) -> None:
    result = machine.with_environment().run("demo", fails="-m pip install")
    assert result.returncode == 1
    assert "pip could not install the packages" in result.stderr
    assert machine.noted() == [INSTALLS.format("demo")]
    machine.run("demo")
    assert machine.noted() == [INSTALLS.format("demo"), "-m retentiond demo"]


def test_a_python_without_venv_gets_the_one_line_to_type(machine: Machine, tmp_path: Path) -> None:
    """Debian's python3 has no ensurepip; where nobody may install it, nothing is left half made."""
    lacks = tmp_path / "lacks"
    lacks.mkdir()
    for module in ("ensurepip", "pip", "virtualenv"):
        (lacks / f"{module}.py").write_text("raise ImportError")
    result = machine.run("demo", PYTHONPATH=str(lacks))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"    sudo apt-get install -y python{version}-venv"


def test_a_broken_environment_is_made_anew(machine: Machine, tmp_path: Path) -> None:
    """After an upgrade of the system's Python, .venv points nowhere."""
    python = machine.checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "gone")
    (machine.checkout / "pyproject.toml").write_text("not a project")
    result = machine.run("demo", PIP_NO_INDEX="1")
    assert "pip could not install the packages" in result.stderr
    assert subprocess.run([python, "-c", "pass"], check=False).returncode == 0


def test_a_path_in_which_no_environment_works_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "one:two"
    folder.mkdir()
    result = Machine(folder).run("demo")
    assert result.returncode == 1
    assert "no virtual environment works in a folder with ':' in its path" in result.stderr


def test_the_aliases_and_ci_call_the_same_command() -> None:
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert ci[-1] == "exec ./run test"
    assert "export RETENTIOND_REQUIRE_DOVECOT=1" in ci
    assert (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()[-1] == "\t./run $@"
