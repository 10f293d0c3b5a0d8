"""Nothing that a helpline was told reaches a log: by no field, exception, library or crash (P7)."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond import logs
from retentiond.core.model import Role
from retentiond.errors import Unreachable, Why
from retentiond.events import EVENTS, FIELDS, NotRegistered, Value, chosen, describe

ROOT = Path(__file__).parent.parent
CANARY = "quetzalcoatl"
#: A canary as a server would write it.
CRY = f"No such mailbox {CANARY}@night.example, subject '{CANARY} was here'"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes, at its lowest level."""
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    logs.unconfigure()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def caught() -> BaseException:
    """An exception with a canary wherever one can be: words, notes, cause, context, locals."""

    def deep(secret: str) -> None:
        try:
            raise OSError(secret)
        except OSError as cause:
            error = ValueError(secret, {secret: secret})
            error.add_note(secret)
            raise error from cause

    try:
        deep(CRY)
    except ValueError as error:
        return error
    raise AssertionError


def test_an_event_is_one_line_of_json_with_level_and_time(stream: io.StringIO) -> None:
    logs.get_logger().info("plan.made", target="night-line", due=12)
    (line,) = lines(stream)
    stamp = str(line.pop("timestamp"))
    assert line == {"event": "plan.made", "target": "night-line", "due": 12, "level": "info"}
    assert stamp.endswith("Z")
    assert abs((datetime.fromisoformat(stamp) - datetime.now(UTC)).total_seconds()) < 60


def test_a_field_that_is_not_listed_is_dropped(stream: io.StringIO) -> None:
    logs.get_logger().info("plan.made", due=1, subject=CRY, exc_info=caught(), stack_info=True)
    assert CANARY not in stream.getvalue()
    assert lines(stream)[0].keys() == {"event", "due", "level", "timestamp"}


def test_an_event_that_is_not_listed_is_written_as_such(stream: io.StringIO) -> None:
    logs.get_logger().warning(CRY, due=1)
    assert lines(stream)[0]["event"] == "event.unregistered"
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("key", FIELDS)
def test_a_value_without_the_shape_of_its_field_is_withheld(key: str, stream: io.StringIO) -> None:
    logs.get_logger().info("plan.made", **{key: CRY})
    assert lines(stream)[0][key] == "withheld"
    logs.get_logger().info("plan.made", **{key: CRY.encode()})  # type: ignore[arg-type]
    assert CANARY not in stream.getvalue()


@given(st.sampled_from(sorted(FIELDS)), st.text() | st.text("aZ09@ \n/:.-_$[]+"))
def test_no_written_value_is_an_address_or_leaves_its_line(key: str, value: str) -> None:
    """Whatever is given, what is written is short, ASCII, on one line, and no address."""
    told = chosen("plan.made", {key: value})[key]
    assert re.fullmatch(r"[ -?\[-~A-Z]{1,128}", str(told))
    assert "@" not in str(told)


def test_ordinary_values_have_their_shape(stream: io.StringIO) -> None:
    values: dict[str, Value] = {
        "target": "night-line",
        "folder": "folder-0a1b2c3d4e",
        "detail": "imap.night.example",
        "role": Role.SENT,
        "why": Why.NO_UIDPLUS,
        "seconds": 1.5,
        "head": "0f" * 32,
        "as_of": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "count": 0,
        "kind": None,
    }
    logs.get_logger().info("mailbox.looked", **values)
    line = lines(stream)[0]
    assert {key: line[key] for key in values} == {
        **values,
        "role": "sent",
        "why": "no-uidplus",
        "as_of": "2026-03-01T09:00:00+00:00",
    }


def test_an_exception_is_its_class_and_the_places_in_our_code(stream: io.StringIO) -> None:
    logs.get_logger().error("batch.failed", error=caught(), target="night-line")
    line = lines(stream)[0]
    assert CANARY not in stream.getvalue()
    assert (line["error"], line["caused_by"], line["target"]) == ("ValueError", "OSError", "night-line")
    assert "at" not in line, "the frames of a test are none of the house"


def test_an_exception_from_the_house_says_where_and_which_code() -> None:
    from retentiond.core.period import Period

    with pytest.raises(ValueError, match="a number and a unit") as refused:
        Period.parse(CRY)
    assert re.fullmatch(r"retentiond/core/period\.py:\d+", str(describe(refused.value)["at"]))
    ours = describe(Unreachable("night-line", Why.PASSWORD, CRY))
    assert ours == {"error": "Unreachable", "why": "password", "target": "night-line", "exit": 75}


@pytest.mark.parametrize("format", ["json", "console"])
def test_no_format_shows_what_was_not_chosen(format: logs.Format) -> None:
    stream = io.StringIO()
    logs.configure("debug", format, stream)
    try:
        import structlog

        logs.get_logger().error("crash.caught", error=caught(), due=3)
        structlog.get_logger().bind(subject=CRY).exception(CRY, exc_info=caught(), text=CRY)
    finally:
        logs.unconfigure()
    assert CANARY not in stream.getvalue()
    assert "crash.caught" in stream.getvalue()
    assert "event.unregistered" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_a_seal_reaches_the_journal_at_every_level_and_a_quiet_terminal_at_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal in the system journal is evidence; a quiet log must not lose it."""
    for is_journal in (True, False):
        with (tmp_path / f"journal{is_journal}").open("w+") as stream:
            status = os.fstat(stream.fileno())
            monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + (not is_journal)}")
            logs.configure("error", "json", stream)
            try:
                logs.get_logger().info("sweep.started")
                logs.get_logger().info("ledger.sealed", seal="seal:house:3:" + "ab" * 32)
            finally:
                logs.unconfigure()
            stream.seek(0)
            assert [line.count("ledger.sealed") for line in stream] == [1] * is_journal


def test_before_it_is_configured_the_log_is_silent_and_strict(capfd: pytest.CaptureFixture[str]) -> None:
    logs.unconfigure()
    log = logs.get_logger()
    log.error("sweep.started", targets=1)
    with pytest.raises(NotRegistered):
        log.info("sweep.begun")
    with pytest.raises(NotRegistered):
        log.info("sweep.started", subject="x")
    assert capfd.readouterr() == ("", "")


def test_events_are_a_noun_and_a_verb_and_every_one_is_explained() -> None:
    for event, sentence in EVENTS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)?", event)
        assert re.fullmatch(r"[A-Z].+\.", sentence)


# ── other voices ─────────────────────────────────────────────────────────────────────────────────

LIBRARIES = (
    *(
        "imapclient",
        "imapclient.imaplib",
        "imaplib",
        "exchangelib.util",
        "urllib3.connectionpool",
        "requests",
    ),
    *("requests_oauthlib", "msal", "sqlalchemy.engine.Engine", "apscheduler.executors.default", "asyncio"),
    *("spnego", "apprise.plugins.custom_json", "prometheus_client", "tzlocal", "markdown", "oauthlib"),
    *("http.server", "another.library"),
)


@pytest.mark.parametrize("name", LIBRARIES)
def test_no_library_is_heard(name: str, stream: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    """Also one that sets its own level and its own handler, after the log was configured."""
    logger = logging.getLogger(f"{name}.made_later")
    for voice in (logging.getLogger(name), logger, logging.getLogger()):
        voice.log(logging.CRITICAL, CRY)
    logger.setLevel(logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        logger.debug(CRY)
        logger.critical(CRY, exc_info=caught())
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert stream.getvalue() == ""
    assert capfd.readouterr() == ("", "")


def test_a_known_library_stays_silent_where_somebody_turns_logging_on_again(
    stream: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.disable(logging.NOTSET)
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        for name in ("imapclient", "exchangelib.loud", "urllib3.loud", "sqlalchemy.loud", "apprise.loud"):
            if name.endswith("loud"):
                logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).critical(CRY)
    finally:
        logging.getLogger().removeHandler(handler)
    assert stream.getvalue() == ""
    assert capfd.readouterr() == ("", "")


def test_lines_of_several_threads_do_not_mix(stream: io.StringIO) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            logs.get_logger().info("batch.destroyed", count=number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(stream)) == 200


def test_a_log_that_nobody_reads_stops_no_deed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        logs.configure("info", "json", pipe)
        try:
            logs.get_logger().info("sweep.started")
        finally:
            logs.unconfigure()
            os.dup2(os.open(os.devnull, os.O_WRONLY), pipe.fileno())  # so that closing it can flush


# ── a whole process ──────────────────────────────────────────────────────────────────────────────


def run(code: str) -> subprocess.CompletedProcess[str]:
    program = f"CRY = {CRY!r}\nfrom retentiond import logs\n" + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )


CRASHES = {
    "uncaught": "raise ValueError(CRY) from OSError(CRY)",
    "before the log is configured": "logs.unconfigure(); raise ValueError(CRY)",
    "a group": "raise ExceptionGroup(CRY, [ValueError(CRY)])",
    "in a thread": """
        import threading
        def look(subject): raise KeyError(subject)
        thread = threading.Thread(target=look, args=(CRY,), name=CRY); thread.start(); thread.join()
    """,
    "in a finaliser": """
        class Message:
            def __repr__(self): return CRY
            def __del__(self): raise RuntimeError(CRY)
        message = Message(); del message
    """,
    "in an event loop": """
        import asyncio
        async def look(): raise RuntimeError(CRY)
        async def main():
            task = asyncio.create_task(look(), name=CRY)
            await asyncio.sleep(0)
            del task
        asyncio.run(main(), debug=True)
        raise ValueError(CRY)
    """,
    "with an exception that cannot be read": """
        class Bad(Exception):
            __cause__ = property(lambda self: 1 / 0)
        raise Bad(CRY)
    """,
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_says_its_class_and_not_its_words(crash: str) -> None:
    """A real process, every output of it read."""
    result = run("logs.install_last_resort(); logs.configure('debug')\n" + textwrap.dedent(CRASHES[crash]))
    assert CANARY not in result.stdout + result.stderr
    assert re.search(r'"event": "crash.caught"|could not say why', result.stderr)
    assert "Traceback" not in result.stderr


def test_a_crash_of_the_interpreter_itself_leaves_no_core() -> None:
    """Memory holds whole messages, and addresses that somebody typed; a core would write them to a disk."""
    hands_over = Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")  # whatever the limit
    result = run(
        """
        import os, resource, sys
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        logs.install_last_resort()
        print(resource.getrlimit(resource.RLIMIT_CORE)); sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.abort()
        print(os.WCOREDUMP(os.waitpid(child, 0)[1]))
        """
    )
    limit, is_dumped = result.stdout.splitlines()
    assert limit == "(0, 0)"
    assert is_dumped == "False" or hands_over


def test_a_warning_is_not_written() -> None:
    result = run(
        "import warnings; logs.configure('debug'); warnings.warn(CRY); warnings.warn(CRY, ResourceWarning)"
    )
    assert result.stdout + result.stderr == ""


def test_an_interrupt_is_no_crash() -> None:
    result = run("logs.install_last_resort(); logs.configure()\nraise KeyboardInterrupt(CRY)")
    assert result.stderr == ""


def test_the_journal_gets_priorities() -> None:
    """systemd says by JOURNAL_STREAM which file is the journal; sd-daemon(3) how a priority is told."""
    code = """
        import os, sys
        status = os.fstat(2)
        os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        logs.configure("debug")
        log = logs.get_logger()
        log.debug("mailbox.looked")
        log.info("plan.made")
        log.warning("target.unarmed")
        log.error("stray.lost")
    """
    result = run(code)
    assert [line[:3] for line in result.stderr.splitlines()] == ["<7>", "<6>", "<4>", "<3>"]
    levels = [json.loads(line[3:])["level"] for line in result.stderr.splitlines()]
    assert levels == ["debug", "info", "warning", "error"]


def test_the_log_costs_nothing_until_it_is_used() -> None:
    result = run("import sys; logs.get_logger(); print(*sys.modules)")
    assert "retentiond.logs" in result.stdout
    assert not {"structlog", "rich"} & {name.partition(".")[0] for name in result.stdout.split()}
