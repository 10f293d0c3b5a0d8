"""The clock on the wall: when rounds are made, what signals ask for, and what systemd is told.

Rounds are made one at a time by a thread of the scheduler; this thread only waits for signals and
beats. The watchdog hears of a round's own progress, and of this thread only while nothing is at work:
a round that is stuck is silent, and is ended.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from retentiond import notify
from retentiond.audit import Progress
from retentiond.condition import read as read_condition
from retentiond.config import Schedule
from retentiond.control import Control
from retentiond.errors import AlreadyRunning, Exit, RetentionError
from retentiond.locks import Holder, Waiting, held, is_held
from retentiond.logs import get_logger
from retentiond.rounds import Service, Stopped, begin, is_final, make_round, watch
from retentiond.timetable import next_round, trigger

_log = get_logger()

SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
#: Seconds between two beats. Each looks at the clock on the wall, for a machine may have slept.
BEAT: Final = 10.0
#: A difference of the two clocks that is no drift any more.
JUMP: Final = 60.0
#: After so many seconds of work (sleep included) a round finishes its batch, and the next goes on.
LONGEST: Final = 12 * 3600.0
#: For how long the batch in hand is waited for when somebody asked to stop.
GRACE: Final = 30.0
#: So many seconds more to start in, counted from each sign of progress.
START: Final = 600
#: A round that should have begun so long ago: the scheduler is dead, and the watchdog shall know.
LATE: Final = timedelta(minutes=10)

_ROUND: Final = "round"
_WATCH: Final = "watch"
#: No target can have this name: it begins with no letter.
_LOCK: Final = "_daemon"


def is_running(directory: Path) -> bool:
    """Whether a service has this state directory."""
    return is_held(directory, _LOCK)


def _boottime() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _signal_within(seconds: float) -> int | None:
    """The signal that came within so many seconds, or None."""
    found = signal.sigtimedwait(SIGNALS, seconds)
    return None if found is None else found.si_signo


class Daemon:
    """The service. `run` stays until it is asked to stop, or until something ends it for good. `beside` is
    what is open meanwhile; its threads have no part in signals."""

    def __init__(
        self,
        service: Service,
        schedule: Schedule,
        *,
        control: Control | None = None,
        beside: Callable[[], AbstractContextManager[object]] = nullcontext,
        steady: Callable[[], float] = _boottime,
        signal_within: Callable[[float], int | None] = _signal_within,
    ) -> None:
        self._service = service
        self._schedule = schedule
        self._control = control
        self._beside = beside
        self._steady = steady
        self._signal_within = signal_within
        self._drift = self._difference()
        self._idle = threading.Event()
        self._idle.set()
        self._is_ready = False
        self._is_stopping = False
        self._ending: RetentionError | None = None
        self._began = 0.0
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={_ROUND: ThreadPoolExecutor(1), _WATCH: ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def run(self) -> int:
        """Returns the exit code. Raises what no later round can mend (65), and AlreadyRunning."""
        with self._alone():
            try:
                begin(self._service, self._progress())
            except Stopped:
                return Exit.DONE
            _log.info("daemon.started", kind="audit" if self._service.is_audit_only else "sweep")
            with self._beside():
                try:
                    if self._control is not None:
                        self._control.open(self._is_asked_to_stop)
                    notify.tell(notify.READY)
                    self._is_ready = True
                    self.start()
                    self._wait()
                finally:
                    self._stop()
        if self._ending is not None:
            raise self._ending
        return Exit.DONE

    def once(self) -> int:
        """One round and no schedule. Returns the exit code of what is wrong after it: 0 where every promise
        is kept. Raises as `run` does."""
        with self._alone():
            try:
                begin(self._service, self._progress())
                return make_round(self._service, self._progress()).exit_code
            except Stopped:
                return Exit.DONE

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The service's own lock, and signals that wait until they are asked for."""
        if read_condition(self._service.directory).round is None:
            with self._service.open():
                pass  # without a ledger there is nothing to serve: LedgerMissing comes before all else
        self._service.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(self._service.directory, (_LOCK,), 5) as names, _signals_wait():
            if not names:
                raise AlreadyRunning
            notify.tell(notify.more_time(START), notify.status("verifying the ledger"))
            yield

    @property
    def is_at_work(self) -> bool:
        """Whether a round is being made, or something that somebody asked for."""
        return self._is_in_round or (self._control is not None and self._control.is_at_work)

    @property
    def _is_in_round(self) -> bool:
        return not self._idle.is_set()

    @property
    def next_at(self) -> datetime | None:
        """When the next round begins, jitter included (aware)."""
        job = self._scheduler.get_job(_ROUND)
        found: datetime | None = None if job is None else job.next_run_time
        return found

    def start(self) -> None:
        """Makes the jobs. What was missed while the service was away is made up for at once, once."""
        self._scheduler.add_listener(_told, EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_job(self._round, trigger(self._schedule), id=_ROUND, executor=_ROUND)
        self._scheduler.add_job(
            watch, IntervalTrigger(hours=1, timezone=UTC), args=(self._service,), id=_WATCH, executor=_WATCH
        )
        self._scheduler.start()
        now = self._service.clock()
        finished = read_condition(self._service.directory).finished
        missed = None if finished is None else next_round(self._schedule, finished)
        if missed is not None and missed <= now:
            self._scheduler.modify_job(_ROUND, next_run_time=now)
        else:
            self._say_when()

    def beat(self) -> None:
        """Looks at both clocks. A machine that slept is late, and what it missed is made up for; a clock
        that was set back would leave the next round as far ahead as it was wrong."""
        difference = self._difference()
        jumped, self._drift = difference - self._drift, difference
        if abs(jumped) > JUMP:
            _log.warning("clock.jumped", seconds=int(jumped))
        if jumped < -JUMP:
            self._scheduler.reschedule_job(_ROUND, trigger=trigger(self._schedule))
            self._scheduler.reschedule_job(_WATCH, trigger=IntervalTrigger(hours=1, timezone=UTC))
            self._say_when()
        self._scheduler.wakeup()
        if not self._is_in_round and not self._is_late():
            notify.tell(notify.ALIVE)

    def _wait(self) -> None:
        while self._ending is None:
            self.beat()
            match self._signal_within(BEAT):
                case signal.SIGHUP:
                    _log.warning("reload.refused")
                case signal.SIGTERM | signal.SIGINT:
                    return

    def _stop(self) -> None:
        """Nothing new begins; the batch in hand is finished and entered."""
        self._is_stopping = True
        notify.tell(notify.STOPPING, notify.status("finishing the batch in hand"))
        self._scheduler.remove_all_jobs()
        if self._control is not None:
            self._control.close()
        deadline = self._steady() + GRACE
        while not self._is_over_within(1.0) and self._steady() < deadline:
            notify.tell(notify.more_time(30))
        self._scheduler.shutdown(wait=False)
        if self.is_at_work:
            _log.warning("batch.abandoned")
        _log.info("daemon.stopped")

    def _is_over_within(self, seconds: float) -> bool:
        """Waits a little; whether neither a round nor a request is at work."""
        return self._idle.wait(seconds) and (self._control is None or self._control.is_idle_within(seconds))

    # ── a round, in the scheduler's thread ───────────────────────────────────────────────────────

    def _round(self) -> None:
        self._began = self._steady()
        self._idle.clear()
        notify.tell(notify.ALIVE, notify.status("a sweep begins"))
        try:
            make_round(self._service, self._progress())
        except Stopped:
            return
        except RetentionError as error:
            if not is_final(error):
                raise
            self._ending = error
        finally:
            self._idle.set()
            self._say_when()

    def _progress(self) -> Progress:
        waiting = Waiting("round", None, self._waits, self._waited, self._is_asked_to_stop)
        return Progress(self._looked, self._done, self._should_stop, waiting)

    def _looked(self, target: str) -> None:
        if self._is_asked_to_stop():
            raise Stopped
        self._tell(f"looking at {target}")

    def _done(self, target: str, count: int) -> None:
        self._tell(f"{target}: a batch of {count} is done")

    def _tell(self, status: str) -> None:
        """Progress: the watchdog hears of it. A start that has much to do gets more time by each."""
        more = () if self._is_ready else (notify.more_time(START),)
        notify.tell(notify.ALIVE, notify.status(status), *more)

    def _waits(self, target: str, holder: Holder | None) -> None:
        if holder is None:
            _log.info("lock.awaited", target=target)
        else:
            _log.info("lock.awaited", target=target, kind=holder.what, pid=holder.pid, uid=holder.uid)
        self._tell(f"waiting for {target}, which somebody else has")

    def _waited(self, target: str, seconds: float, is_had: bool) -> None:
        if is_had:
            _log.info("lock.taken", target=target, seconds=round(seconds, 1))
        else:
            _log.warning("lock.missed", target=target, seconds=round(seconds, 1))
        notify.tell(notify.ALIVE)

    def _should_stop(self) -> bool:
        return self._is_asked_to_stop() or (self._is_in_round and self._steady() - self._began > LONGEST)

    def _is_asked_to_stop(self) -> bool:
        """Also before this thread has taken the signal, while it verifies or settles."""
        return self._is_stopping or bool({signal.SIGTERM, signal.SIGINT} & signal.sigpending())

    # ── clocks ───────────────────────────────────────────────────────────────────────────────────

    def _difference(self) -> float:
        return self._service.clock().timestamp() - self._steady()

    def _is_late(self) -> bool:
        due = self.next_at
        return due is not None and self._service.clock() - due > LATE

    def _say_when(self) -> None:
        if self._is_stopping:
            return
        due = self.next_at
        if due is not None:
            _log.info("round.scheduled", next_at=due)
            notify.tell(
                notify.status(f"idle; next round {due.astimezone(self._schedule.zone):%Y-%m-%d %H:%M %Z}")
            )


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals wait until they are asked for; threads that are begun within have no part in them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(event: JobEvent) -> None:
    """What the scheduler tells of a job: its own words go no further."""
    error = getattr(event, "exception", None)
    if isinstance(error, BaseException):
        _log.error("crash.caught", error=error)
    else:
        _log.warning("round.skipped")
