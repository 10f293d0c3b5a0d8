"""Each broken promise stands in `status`, in the metrics and in an alert, until it is gone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from retentiond import acknowledgement, condition
from retentiond import pause as pauses
from retentiond.alert import CODES
from retentiond.audit import Progress
from retentiond.condition import Condition, Counts
from retentiond.core.findings import Cause
from retentiond.core.model import Hindrance
from retentiond.core.period import Period
from retentiond.core.promises import Concern, Worry, remembered, still_kept
from retentiond.errors import LedgerDamaged
from retentiond.ledger import Ledger
from retentiond.metrics import Monitor
from retentiond.pause import Pause
from retentiond.retirement import ITSELF, left_behind, retire
from retentiond.rounds import Service, begin, make_round, watch
from retentiond.targets import Estate
from tests.daemon.test_metrics import told
from tests.stories.small_world import CUTOFF, LINE, NOW, ZONE, World, mail

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Watch:
    """A service on a world in memory: nights pass, and what is told is seen where people see it."""

    world: World
    frozen: FrozenDateTimeFactory
    alerts: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    alters: Callable[[Estate], Estate] = lambda estate: estate

    def __post_init__(self) -> None:
        self.textfile = self.world.directory / "retentiond.prom"
        monitor = Monitor(lambda now: now + DAY, self.textfile)
        self.service = Service(self._open, self.world.directory, ZONE, tell=self._tell, show=monitor.write)

    @contextmanager
    def _open(self) -> Iterator[tuple[Estate, Ledger | None]]:
        with self.world.book() as book:
            yield self.alters(self.world.estate(book)), book

    def _tell(self, found: Condition, now: datetime) -> Condition:
        due = {each.key for each in found.concerns if each.must_be_told(now)}
        self.alerts += [CODES[cause] for _, cause, _ in sorted(due)]
        self.cleared += [CODES[each.cause] for each in found.cleared]
        concerns = tuple(replace(each, told=now) if each.key in due else each for each in found.concerns)
        return replace(found, concerns=concerns, cleared=())

    def nights(self, count: int = 1) -> Condition:
        """So many nights, each with its round; the condition after the last."""
        for _ in range(count):
            self.frozen.tick(DAY)
            found = make_round(self.service, Progress())
        return found

    def codes(self) -> set[str]:
        """What `status` would say of it."""
        return {CODES[each.cause] for each in condition.read(self.world.directory).concerns if each.is_broken}

    def has(self, code: str) -> bool:
        """Whether it stands in all three places; and never in one of them alone."""
        is_in_metrics = told(self.textfile.read_bytes())[f"retentiond_findings.{code}"] > 0
        assert is_in_metrics is (code in self.codes()), code
        is_alerted = told(self.textfile.read_bytes())[f"retentiond_alerts.{code}"] > 0
        assert not is_alerted or code in self.alerts, code
        return is_in_metrics and is_alerted


@pytest.fixture
def watching() -> Iterator[Watch]:
    """In memory, if there is such a folder: the book's many commits need no disk here."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as directory:
        world = World(Path(directory))
        with freeze_time(NOW) as frozen:
            world.arm_all()
            yield Watch(world, frozen)


def put_due(watching: Watch, name: str = "due") -> None:
    watching.world.put("line", "INBOX", mail("writer@post.example", name), CUTOFF - 3 * DAY)


Deed = Callable[[Watch], None]


def _hinders(watching: Watch) -> None:
    put_due(watching)
    watching.world.server.destroys_exactly = False


def _mends(watching: Watch) -> None:
    watching.world.server.destroys_exactly = True


def _of_two(watching: Watch) -> None:
    """It bears the signs of two helplines: a person must say whose it is."""
    answer = mail(LINE, "whose").replace(
        b"From: <help@line.example>", b"From: <help@line.example>, <help@youth.example>"
    )
    watching.world.put("ana", "Sent", answer, CUTOFF - 3 * DAY)


def _looked_at_by_a_person(watching: Watch) -> None:
    watching.world.server.mailbox("ana")["Sent"].messages.clear()


def _away(watching: Watch) -> None:
    watching.world.server.unreachable = {"line"}


def _back(watching: Watch) -> None:
    watching.world.server.unreachable = set()


def _changed_rules(watching: Watch) -> None:
    put_due(watching)
    watching.alters = lambda estate: replace(
        estate,
        targets=tuple(
            replace(each, rules="others") if each.name == "line" else each for each in estate.targets
        ),
    )


def _old_rules(watching: Watch) -> None:
    watching.alters = lambda estate: estate


def _renamed(watching: Watch) -> None:
    watching.world.put("line", "INBOX", mail("writer@post.example", "young"), NOW - DAY)
    watching.nights()
    watching.alters = lambda estate: replace(
        estate, targets=tuple(each for each in estate.targets if each.name != "line")
    )


def _retired(watching: Watch) -> None:
    with watching.world.book() as book:
        retire(book, "line", datetime.now(UTC), left=1, who="uid 0", reason="deleted by IT")


def _paused(watching: Watch) -> None:
    now = datetime.now(UTC)
    pauses.begin(watching.world.directory, Pause(now, date(2027, 6, 1), "moving", "uid 0"), ZONE)


def _resumed(watching: Watch) -> None:
    pauses.end(watching.world.directory)


@pytest.mark.parametrize(
    ("code", "breaks", "after", "mends"),
    [
        ("R01", _hinders, 1, _mends),
        ("R19", _hinders, 3, _mends),
        ("R17", _of_two, 1, _looked_at_by_a_person),
        ("R11", _away, 2, _back),
        ("R13", _changed_rules, 8, _old_rules),
        ("R09", _renamed, 1, _retired),
        ("R09", _renamed, 1, _old_rules),
        ("R08", _paused, 7, _resumed),
    ],
)
def test_it_is_told_everywhere_until_it_is_gone(
    code: str, breaks: Deed, after: int, mends: Deed, watching: Watch
) -> None:
    breaks(watching)
    if after > 1:
        watching.nights(after - 1)
        assert not watching.has(code), "it was left to the next sweeps first"
    watching.nights()
    assert watching.has(code)
    watching.nights()
    assert watching.has(code)
    assert watching.alerts.count(code) == 2, "once a day"
    assert watching.cleared == []
    mends(watching)
    watching.nights()
    assert not watching.has(code)
    assert code in watching.cleared
    told_so_far = list(watching.alerts)
    watching.nights()
    assert watching.alerts == told_so_far


def test_a_ledger_that_does_not_verify_is_told_before_the_service_ends(watching: Watch) -> None:
    watching.nights()
    seals = watching.world.book_directory / "seals.log"
    before = seals.read_text()
    seals.write_text(before.replace(":1:", ":2:", 1))
    with pytest.raises(LedgerDamaged):
        begin(watching.service, Progress())
    assert watching.has("R04")
    seals.write_text(before)
    begin(watching.service, Progress())
    assert not watching.has("R04"), "whoever mended it and started the service need not wait for its round"
    assert watching.cleared == ["R04"]


def test_a_pause_in_the_middle_of_a_round_lets_its_batch_end_and_no_more(watching: Watch) -> None:
    """Whoever types it because the wrong mail is going cannot wait until all of it is gone."""
    for folder in ("INBOX", "Sent"):
        watching.world.put("line", folder, mail("writer@post.example", folder), CUTOFF - 3 * DAY)
    standing = make_round(watching.service, Progress(done=lambda target, count: _paused(watching)))
    assert standing.round is not None
    assert (standing.round.result, standing.round.done) == ("done", 1)
    left = [watching.world.contents("line", folder) for folder in ("INBOX", "Sent")]
    assert sum(map(len, left)) == 1
    _resumed(watching)
    watching.nights()
    assert watching.codes() == set()
    assert [watching.world.contents("line", folder) for folder in ("INBOX", "Sent")] == [[], []]


def test_a_pause_after_one_that_is_over_is_a_pause_of_its_own(watching: Watch) -> None:
    """The switch of last spring, whose day has passed, does not make this one months long."""
    now = datetime.now(UTC)
    long_ago = Pause(now - 90 * DAY, (now - 80 * DAY).date(), "moving", "uid 0")
    pauses.begin(watching.world.directory, long_ago, ZONE)
    _paused(watching)
    watching.nights()
    assert not watching.has("R08"), "it is a day old"


def test_silence_is_told_without_a_round(watching: Watch) -> None:
    watching.nights()
    watching.frozen.tick(2 * DAY + HOUR)
    watch(watching.service)
    assert watching.has("R02")


def test_what_was_wrong_stays_wrong_while_the_mailbox_does_not_answer(watching: Watch) -> None:
    """No all-clear for what nobody can see."""
    _hinders(watching)
    watching.nights(2)
    _away(watching)
    watching.nights()
    assert watching.has("R01")
    assert watching.cleared == []
    _back(watching)
    _mends(watching)
    watching.nights()
    assert watching.codes() == set()
    assert "R01" in watching.cleared


def test_what_left_with_nothing_in_it_left_well(watching: Watch) -> None:
    """An advisor whose replies are home goes without a word; so does a helpline that is empty."""
    watching.world.put("ana", "Sent", mail(LINE, "answer"), NOW - DAY)
    watching.nights()
    watching.alters = lambda estate: replace(
        estate, targets=tuple(each for each in estate.targets if each.name not in ("ana", "youth"))
    )
    watching.nights()
    assert watching.codes() == set()
    with watching.world.book() as book:
        assert {name for name, when in book.roll().items() if when is not None} == {"ana", "youth"}
        entry = next(each for each in book.show("house") if each.body["event"] == "retired")
        assert (entry.body["who"], entry.body["left"]) == (ITSELF, 0)
        book.verify()
    watching.alters = lambda estate: estate
    watching.nights(2)
    assert watching.codes() == set(), "who comes back is looked at as before"


def test_on_trial_without_a_ledger_nobody_is_missed(watching: Watch) -> None:
    """Nothing was ever done there, and there is no book in which somebody could be retired."""

    @contextmanager
    def opened() -> Iterator[tuple[Estate, Ledger | None]]:
        with watching.world.book() as book:
            yield watching.alters(watching.world.estate(book)), None

    watching.service = replace(watching.service, open=opened, is_audit_only=True)
    _renamed(watching)
    found = watching.nights(2)
    assert "R09" not in watching.codes()
    assert "line" not in {each.target for each in found.counts}


def test_what_leaves_well_during_a_pause_is_remembered_until_it_can_be_entered(watching: Watch) -> None:
    watching.nights()
    _paused(watching)
    watching.alters = lambda estate: replace(
        estate, targets=tuple(each for each in estate.targets if each.name != "ana")
    )
    watching.nights(3)
    assert watching.codes() == {"R08"}
    with watching.world.book() as book:
        assert book.roll()["ana"] is None
    _resumed(watching)
    watching.nights(2)
    assert watching.codes() == set()
    with watching.world.book() as book:
        assert book.roll()["ana"] is not None
    assert "ana" not in {each.target for each in condition.read(watching.world.directory).counts}


def test_who_comes_back_and_leaves_again_is_missed_again(watching: Watch) -> None:
    _renamed(watching)
    watching.nights()
    _retired(watching)
    _old_rules(watching)
    watching.nights()
    watching.world.arm_all(datetime.now(UTC))
    _renamed(watching)
    watching.nights()
    assert watching.has("R09")


def test_who_comes_back_unarmed_and_leaves_again_is_missed_too(watching: Watch) -> None:
    """The new rules were never armed; but there it was, and was looked at."""
    _renamed(watching)
    watching.nights()
    _retired(watching)
    watching.nights()
    assert watching.codes() == set()
    _changed_rules(watching)
    watching.nights()
    watching.alters = lambda estate: replace(
        estate, targets=tuple(each for each in estate.targets if each.name != "line")
    )
    watching.nights()
    assert watching.has("R09")


# ── copies that a server keeps ───────────────────────────────────────────────────────────────────


def test_copies_are_told_when_the_servers_day_has_passed_and_not_before(watching: Watch) -> None:
    """The operator declares 14 days. One that is still away on that day was not seen to be in order."""
    watching.alters = lambda estate: replace(
        estate, targets=tuple(replace(each, server_keeps=Period(days=14)) for each in estate.targets)
    )
    put_due(watching)
    found = watching.nights()
    [kept] = found.concerns
    assert (kept.cause, kept.numbers) == (Cause.KEPT_BY_SERVER, ((NOW + 15 * DAY).date().toordinal(),))
    watching.nights(13)
    assert watching.codes() == {"R18"}, "it stands, though no sweep removed anything since"
    assert watching.alerts == []
    _away(watching)
    watching.nights(2)
    assert watching.has("R18"), "the day has passed, and nobody could look"
    _back(watching)
    watching.nights()
    assert watching.codes() == set()
    assert "R18" in watching.cleared


def test_copies_of_a_retired_target_are_nobodys_to_wait_for(watching: Watch) -> None:
    watching.world.server.keeps_copies = True
    watching.world.arm_all()
    put_due(watching)
    watching.nights()
    assert watching.codes() == {"R18"}
    _renamed(watching)
    watching.nights()
    assert watching.codes() == {"R09"}
    _retired(watching)
    watching.nights()
    assert watching.codes() == set()


def test_copies_without_a_day_are_told_until_arming_finds_none(watching: Watch) -> None:
    watching.world.server.keeps_copies = True
    watching.world.arm_all()
    put_due(watching)
    watching.nights(4)
    assert watching.has("R18")
    assert watching.alerts.count("R18") == 4
    watching.world.server.keeps_copies = False
    watching.world.arm_all(datetime.now(UTC))
    watching.nights()
    assert watching.codes() == set()


def test_a_bin_that_waits_for_its_day_is_no_hindrance_until_then() -> None:
    day = NOW.date().toordinal()
    waiting = Concern("line", Cause.HINDERED, NOW - 10 * DAY, 3, "bin", Hindrance.SERVER_KEEPS, (day,))
    assert not waiting.is_grave(NOW + DAY)
    assert waiting.is_grave(NOW + 3 * DAY)
    assert not waiting.needs_another(NOW + 3 * DAY)
    other = replace(waiting, cause=Cause.KEPT_BY_SERVER)
    assert still_kept([other], [waiting], {"line": True}, NOW) == [], "the bin says it already"


# ── holds, and who has seen it ───────────────────────────────────────────────────────────────────


def test_a_hold_is_told_thirty_days_after_its_review() -> None:
    """Its finding itself knows for how many days it has been overdue, and whether that is too long."""
    held = Concern("line", Cause.HOLD_OVERDUE, NOW, 1, numbers=(30,))
    assert not held.is_grave(NOW + 29 * DAY)
    forgotten = replace(held, numbers=(31, 1))
    assert forgotten.is_grave(NOW + DAY)
    assert forgotten.needs_another(NOW + DAY)
    assert not replace(forgotten, seen=NOW).needs_another(NOW + DAY)


def test_who_has_seen_it_keeps_it_from_the_second_recipient_for_two_weeks(tmp_path: Path) -> None:
    concern = Concern("line", Worry.OVERDUE, NOW)
    assert concern.needs_another(NOW + 3 * DAY)
    acknowledgement.write(tmp_path, [concern], NOW + 2 * DAY, "uid 0")
    [seen] = acknowledgement.applied(tmp_path, [concern])
    assert not seen.needs_another(NOW + 3 * DAY)
    assert not seen.needs_another(NOW + 15 * DAY)
    assert seen.needs_another(NOW + 16 * DAY)
    assert seen.must_be_told(NOW + 3 * DAY), "the first recipients hear of it every day"
    [again] = remembered([concern], [seen])
    assert again.seen == seen.seen
    later = replace(concern, since=NOW + 5 * DAY)
    assert acknowledgement.applied(tmp_path, [later]) == (later,), "it was gone, and came back"
    other = replace(concern, target="youth")
    assert acknowledgement.applied(tmp_path, [other]) == (other,)


@pytest.mark.parametrize("text", ["", "{}", "null", '{"rows": [{}]}', '{"rows": 7}', "\x00"])
def test_an_acknowledgement_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / acknowledgement.FILE).write_text(text)
    concern = Concern("line", Worry.OVERDUE, NOW)
    assert acknowledgement.applied(tmp_path, [concern]) == (concern,)


def test_the_service_takes_an_acknowledgement_from_another_process(watching: Watch) -> None:
    _hinders(watching)
    found = watching.nights(2)
    acknowledgement.write(watching.world.directory, found.concerns, datetime.now(UTC), "uid 0")
    found = watching.nights(3)
    assert watching.has("R01")
    assert not any(each.needs_another(datetime.now(UTC)) for each in found.concerns)


@pytest.mark.parametrize(("left", "waits"), [(None, True), (3, True), (0, False)])
def test_a_target_in_which_nobody_counted_is_not_taken_for_an_empty_one(
    left: int | None, waits: bool
) -> None:
    """It left the configuration: what is there would stay for ever, and nobody would be told."""
    before = Condition(counts=(Counts("line", 0, 0, 0, True, NOW, left),))
    found = left_behind((), {"line": None}, before, NOW)
    assert [each.target for each in found] == (["line"] if waits else [])
