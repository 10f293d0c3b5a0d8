"""What stops a sweep before it does harm, or in the middle of it; and that running again is the way on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

from retentiond.demo.authority import Authority
from retentiond.demo.server import EmbeddedServer
from retentiond.ledger import Ledger
from retentiond.locks import held
from tests.cli.conftest import NewOffice
from tests.cli.office import ADVISOR, DUE, HELPLINE, OLD, YOUNG, Office, mail
from tests.cli.test_hold import DUE_ID
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.troubles import Trouble

YEAR = timedelta(days=365)
OTHER = "night-line"


def two_lines(office: Office) -> Office:
    """A second helpline with two items due; both are armed, the advisor is not."""
    office.helpline(OTHER)
    office.put(OTHER, {"INBOX": [*mail(2, OLD), *mail(1, YOUNG)]})
    office.write()
    office.arm(HELPLINE, OTHER)
    return office


# ── the clock ────────────────────────────────────────────────────────────────────────────────────


def a_year_ahead(office: Office, *words: str) -> None:
    """Every sweep and audit says it, touches nothing, and the time is not written to the ledger."""
    office.arm_all()
    entries = office.run("ledger", "show").out
    with freeze_time(datetime.now(UTC) + YEAR, tick=True, real_asyncio=True), office.untouched():
        for command in (
            ("sweep",),
            ("audit",),
            ("arm", HELPLINE, "--destroy", "1000"),
            ("sweep", "--only", HELPLINE),
        ):
            told = office.run(*command).has(3, *words, "nothing was touched", "timedatectl")
            assert told.out == ""
    assert office.run("ledger", "show").out == entries
    assert office.run("sweep").code == 0, "with the clock set right"


def test_a_clock_a_year_ahead_contradicts_dovecot(
    new_office: NewOffice, dovecot_factory: DovecotFactory
) -> None:
    a_year_ahead(new_office(dovecot_factory()).furnish(), HELPLINE, "differ by more than 5 minutes")


def test_a_clock_a_year_ahead_contradicts_the_newest_mail(office: Office) -> None:
    a_year_ahead(office, "newest mail that was seen", "days old")


def test_a_clock_that_runs_behind_contradicts_the_ledger(office: Office) -> None:
    office.arm_all()
    with (
        freeze_time(datetime.now(UTC) - timedelta(hours=1), tick=True, real_asyncio=True),
        office.untouched(),
    ):
        office.run("sweep").has(3, "the ledger", "later than this machine's clock")


def test_a_check_tells_of_a_wrong_clock(new_office: NewOffice, dovecot_factory: DovecotFactory) -> None:
    office = new_office(dovecot_factory()).furnish()
    with freeze_time(datetime.now(UTC) + YEAR, tick=True, real_asyncio=True), office.untouched():
        office.run("check").has(3, HELPLINE, "clock", "differ by more than 5 minutes")


def test_old_mail_that_was_moved_in_last_is_no_wrong_clock(
    new_office: NewOffice, embedded: EmbeddedServer
) -> None:
    """What came last into the Inbox is not what was received last; the newest may be in any folder."""
    office = new_office(embedded)
    office.helpline(HELPLINE)
    office.put(HELPLINE, {"INBOX": [*mail(2, YOUNG), *mail(2, OLD)]})
    office.helpline(OTHER)
    office.put(OTHER, {"INBOX": mail(2, OLD), "Papers": [*mail(1, YOUNG), *mail(1, OLD)]})
    office.write()
    for name in (HELPLINE, OTHER):
        assert office.run("audit", "--only", name).code == 0


# ── the fuse ─────────────────────────────────────────────────────────────────────────────────────


def test_what_was_not_foreseen_stops_its_target_and_no_other(office: Office) -> None:
    """At arming 6 were to fall due within 35 days (one of them is held). 31 would be let through."""
    two_lines(office)
    office.put(HELPLINE, {"INBOX": mail(27, OLD, "import")})
    planned, foreseen = DUE + 27, DUE + 1
    with office.untouched(HELPLINE, ADVISOR):
        told = office.run("sweep", "--only", HELPLINE)
        told.has(
            3, HELPLINE, f"stopped: {planned} items due where {foreseen} were foreseen", "at most 25 more"
        )
        told.has(3, f"retentiond arm {HELPLINE} --destroy {planned}")
    with office.untouched(HELPLINE):
        office.run("sweep").has(3, HELPLINE, "stopped")
    assert office.count(OTHER, "INBOX") == 1, "the other line is done"
    with office.untouched(HELPLINE):
        office.run("sweep").has(3, HELPLINE, "stopped")
    office.run("arm", HELPLINE, "--destroy", str(planned)).is_done()
    office.run("sweep").has(1, ADVISOR, "not armed")
    assert office.count(HELPLINE, "Deleted Items") == 0


def test_as_many_as_were_let_through_are_done(office: Office) -> None:
    office.arm_all()
    office.put(HELPLINE, {"INBOX": mail(26, OLD, "import")})
    assert office.run("sweep").code == 0


def test_a_change_of_the_rules_stops_a_target_until_it_is_armed_again(office: Office) -> None:
    office.arm_all()
    office.targets[HELPLINE]["hold_keyword"] = "$Label1"
    office.write()
    with office.untouched(HELPLINE):
        office.run("sweep").has(1, HELPLINE, "not armed", "retentiond arm")


# ── the lock ─────────────────────────────────────────────────────────────────────────────────────

_HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(office: Office, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process holds the mailbox's lock until its input ends."""
    command = [sys.executable, "-S", "-c", _HOLD, str(office.state / f"{name}.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder
        holder.stdin.close()


def test_a_mailbox_that_another_process_sweeps_is_left_to_it(office: Office) -> None:
    two_lines(office)
    with held_elsewhere(office, HELPLINE):
        with office.untouched(HELPLINE, ADVISOR):
            office.run("sweep").has(75, HELPLINE, "another sweep holds this mailbox", "--wait SECONDS")
            office.run("arm", HELPLINE, "--destroy", "5").has(75, HELPLINE, "another sweep holds")
        assert office.count(OTHER, "INBOX") == 1, "the other line is done"
    office.run("sweep").has(1, ADVISOR, "not armed")
    assert office.count(HELPLINE, "Deleted Items") == 0, "the lock died with its holder"


def test_with_patience_the_sweep_goes_on_when_the_other_ends(office: Office) -> None:
    office.arm_all()
    with held_elsewhere(office, HELPLINE) as holder:
        assert holder.stdin is not None
        threading.Timer(0.3, holder.stdin.close).start()
        assert office.run("sweep", "--wait", "30").code == 0
    assert office.count(HELPLINE, "Deleted Items") == 0


def test_who_waited_long_for_a_sweep_is_entered_at_the_minute_it_is_by_then(office: Office) -> None:
    """The other one has entered something meanwhile; that is no clock that runs behind."""
    office.arm_all()
    hold = ("hold", "add", HELPLINE, "--ground", "child-at-risk", "--conversation")
    with freeze_time(datetime.now(UTC), tick=True, real_asyncio=True) as frozen:
        for words, typed in ((("arm", HELPLINE, "--destroy", "1000"), None), (hold, DUE_ID)):
            with ExitStack() as other:
                other.enter_context(held(office.state, (HELPLINE,)))

                def ends(other: ExitStack = other) -> None:
                    frozen.tick(timedelta(minutes=20))
                    with Ledger.open(office.state, (office.state / "ledger.key").read_bytes()) as book:
                        book.record("asked", {"what": "purge", "who": "uid 1001"}, datetime.now(UTC))
                    other.close()

                threading.Timer(0.5, ends).start()
                assert office.run(*words, "--wait", "3600", typed=typed).code == 0


# ── several at once ──────────────────────────────────────────────────────────────────────────────


def test_the_gravest_decides_the_exit_code(office: Office) -> None:
    """65 before 3, 3 before 75, 75 before 1; and every sentence is said."""
    two_lines(office)
    office.put(HELPLINE, {"INBOX": mail(27, OLD, "import")})
    office.helpline("unarmed-line")
    office.put("unarmed-line", {"INBOX": mail(1, OLD)})
    office.write()
    with office.untouched(HELPLINE, "unarmed-line"), held_elsewhere(office, OTHER):
        told = office.run("sweep").has(3, HELPLINE, "stopped")
        told.has(3, OTHER, "another sweep").has(3, "unarmed-line", "not armed")
        told = office.run("sweep", "--json")
        assert told.code == told.document["exit_code"] == 3
        office.run("arm", HELPLINE, "--destroy", "32").is_done()
    with held_elsewhere(office, OTHER):
        office.run("sweep").has(75, "unarmed-line", "not armed").has(75, OTHER, "another sweep")
        (office.state / "seals.log").write_text("seal\n")
        office.run("sweep").has(65, "seals.log")


# ── arming itself ────────────────────────────────────────────────────────────────────────────────


def test_an_advisor_does_not_arm_itself_while_its_helpline_cannot_be_looked_at(office: Office) -> None:
    """What is astray is not known then: nothing to do is not the same as nothing seen."""
    with held_elsewhere(office, HELPLINE):
        told = office.run("sweep").has(75, HELPLINE, "another sweep")
        assert "armed itself" not in told.out
    with office.untouched():
        office.run("sweep").has(1, ADVISOR, "1 astray", "not armed")


# ── in the middle ────────────────────────────────────────────────────────────────────────────────


def test_an_interrupted_sweep_says_so_and_the_next_one_finishes(office: Office, authority: Authority) -> None:
    """Ctrl-C while the server is destroying: nobody knows what was done, until somebody looks."""
    office.arm_all()
    running: list[subprocess.Popen[bytes]] = []
    trouble = Trouble("^UID EXPUNGE", "call", deed=lambda: running[0].send_signal(signal.SIGINT))
    with Proxy(office.server, authority) as proxy:
        office.at(proxy)
        office.arm_all()
        proxy.expect(trouble)
        running.append(office.start("sweep"))
        told = office.end(running[0])
        assert proxy.struck == ["call"]
    told.has(130, "stopped", "run the same command again to finish")
    assert "Traceback" not in told.err
    office.at(office.server)
    office.arm_all()
    told = office.run("sweep")
    assert told.code == 0, told.err
    assert "of an interrupted sweep were cleared up by looking" in told.out
    office.run("audit").is_done("Nothing is due and nothing is astray.")
    office.run("ledger", "verify").is_done("0 open intents")


def test_nobody_needs_to_read_to_the_end(office: Office) -> None:
    """`retentiond … | head -1`: the reader goes away, the exit code and the findings come all the same."""
    for words, code in ((("sweep",), 1), (("ledger", "export"), 0)):
        reading, writing = os.pipe()
        process = office.start(*words, stdout=writing)
        os.close(writing)
        os.close(reading)
        told = office.end(process)
        assert told.code == code, told.err
        assert "Error" not in told.err
        assert (HELPLINE in told.err) == bool(code)


def test_a_connection_that_breaks_is_a_finding_and_the_next_sweep_finishes(
    office: Office, authority: Authority
) -> None:
    office.arm_all()
    with Proxy(office.server, authority) as proxy:
        office.at(proxy)
        office.run("arm", HELPLINE, "--destroy", str(DUE)).is_done()
        proxy.expect(Trouble("^UID EXPUNGE", "cut-after"))
        told = office.run("sweep", "--only", HELPLINE)
        assert proxy.struck == ["cut-after"]
        assert told.code in (1, 75), told.err
    office.at(office.server)
    office.arm_all()
    assert office.run("sweep").code == 0
    office.run("audit").is_done("Nothing is due and nothing is astray.")


def test_a_fault_of_our_own_is_its_class_and_its_place_and_no_word_more(office: Office) -> None:
    """Nobody expects a folder where a lock should be; its name, which Python would print, is not said."""
    office.arm_all()
    (office.state / f"{HELPLINE}.lock").unlink()
    (office.state / f"{HELPLINE}.lock").mkdir()
    with office.untouched():
        told = office.run("sweep").has(1, "a fault of its own: IsADirectoryError at retentiond/", "locks.py:")
    assert len(told.err.splitlines()) == 2
    assert str(office.state) not in told.err
    assert "Traceback" not in told.err
    assert "please report" in told.err
    (office.state / f"{HELPLINE}.lock").rmdir()
