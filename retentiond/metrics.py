"""What a monitor may know: how the service is, and which promises are not kept. Never how much mail came.

Whoever sees each day's numbers, or the difference of two, sees on which day somebody wrote (P7). So nothing
here counts a day's mail: what was destroyed, brought home or entered stands as it was when the month began,
rounded up to a multiple of five; and no label names a mailbox or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond.alert import CODES
from retentiond.condition import Condition, Month
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from retentiond.files import write_public
from retentiond.logs import get_logger
from retentiond.report.coarse import SMALL

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or one for each value of a label. `docs/admin/metrics.md` lists them all."""

    name: str
    help: str
    value: float = 0
    label: str = ""
    values: tuple[tuple[str, float], ...] = ()
    is_counter: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """Where metrics are made from: the condition, and what only the service knows."""

    next_round: Callable[[datetime], datetime | None]
    textfile: Path | None = None
    read: Callable[[], Condition] = field(default=Condition)

    def write(self, condition: Condition, now: datetime) -> None:
        """Replaces the text file, if there is to be one. What goes wrong is logged and stops nothing."""
        if self.textfile is None:
            return
        try:
            write_public(self.textfile, text(measures(condition, self.next_round(now), now)))
        except FileNotFoundError:
            _log.warning("metrics.failed", why="no-folder")
        except PermissionError:
            _log.warning("metrics.failed", why="no-right")
        except OSError:
            _log.warning("metrics.failed", why="disk")

    def answer(self, now: datetime) -> bytes:
        """What is answered to whoever asks."""
        return text(measures(self.read(), self.next_round(now), now))


def measures(condition: Condition, next_round: datetime | None, now: datetime) -> list[Measure]:
    """All of them, in the order of the page."""
    broken = [each for each in condition.concerns if each.is_broken]
    overdue = [each for each in broken if each.cause == Worry.OVERDUE]
    last = condition.round
    return [
        Measure(
            "retentiond_last_success_timestamp_seconds",
            "When a round last came to its end (0: never).",
            _seconds(condition.finished),
        ),
        Measure(
            "retentiond_last_round_timestamp_seconds",
            "When the last round ended, however (0: there was none).",
            _seconds(last.ended if last is not None else None),
        ),
        Measure(
            "retentiond_last_round_success",
            "Whether the last round came to its end.",
            last is not None and last.result == "done",
        ),
        Measure(
            "retentiond_next_round_timestamp_seconds",
            "When the next round begins, chance aside (0: none is planned).",
            _seconds(next_round),
        ),
        Measure(
            "retentiond_paused",
            "Whether a pause stands: mailboxes are looked at, and nothing is destroyed.",
            any(each.cause == Worry.PAUSED for each in condition.concerns),
        ),
        _by_code("retentiond_findings", "Findings by code, one for each target and folder.", broken),
        _by_code(
            "retentiond_alerts",
            "Findings by code of which somebody must be told by now.",
            [each for each in broken if each.is_grave(now)],
        ),
        Measure(
            "retentiond_overdue_targets",
            "Targets with something due for more than 48 hours and neither destroyed nor held.",
            len({each.target for each in overdue}),
        ),
        Measure(
            "retentiond_overdue_since_timestamp_seconds",
            "Since when that stands, of the target in which it stands longest (0: in none).",
            min((_seconds(each.since) for each in overdue), default=0),
        ),
        *_of_targets(condition, broken),
        Measure(
            "retentiond_open_intents",
            "Deeds of which it is not known how they ended; the next round settles them.",
            condition.open_intents,
        ),
        *_of_the_month(condition.month or Month("")),
    ]


def text(found: Iterable[Measure]) -> bytes:
    """The measures in Prometheus' text format, and nothing else: no time of creation, no process."""
    from prometheus_client import CollectorRegistry, generate_latest  # here, for most have no monitor
    from prometheus_client.registry import Collector

    class Measured(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from map(_metric, found)

    registry = CollectorRegistry()
    registry.register(Measured())
    return generate_latest(registry)


def _metric(measure: Measure) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    if measure.is_counter:
        return CounterMetricFamily(measure.name, measure.help, measure.value)
    if not measure.label:
        return GaugeMetricFamily(measure.name, measure.help, measure.value)
    family = GaugeMetricFamily(measure.name, measure.help, labels=[measure.label])
    for value, number in measure.values:
        family.add_metric([value], number)
    return family


def _seconds(moment: datetime | None) -> float:
    return 0 if moment is None else int(moment.timestamp())


def _by_code(name: str, help: str, concerns: Iterable[Concern]) -> Measure:
    numbers: dict[str, float] = dict.fromkeys(sorted(CODES.values()), 0)
    for each in concerns:
        numbers[CODES[each.cause]] += 1
    return Measure(name, help, label="code", values=tuple(numbers.items()))


def _of_targets(condition: Condition, broken: Iterable[Concern]) -> Iterator[Measure]:
    """How many targets are in which state: armed, away, or with something in the way; and what is held."""
    looked = {each.target for each in condition.counts}
    hindered = {each.target for each in broken}
    away = {each.target for each in broken if each.cause == Cause.UNREACHABLE}
    armed = sum(each.is_armed for each in condition.counts)
    states = {"armed": armed, "away": len(away), "blocked": len(hindered), "known": len(looked | away)}
    yield Measure("retentiond_targets", "Targets by state.", label="state", values=tuple(states.items()))
    held = sum(each.held for each in condition.counts)
    yield Measure("retentiond_held_items", "Items that are held past their date or not.", held)


def _of_the_month(month: Month) -> Iterator[Measure]:
    def coarse(number: int) -> int:
        return -(-number // SMALL) * SMALL

    since = "Until the month began, rounded up to a multiple of five: "
    yield Measure(
        "retentiond_destroyed_items",
        f"{since}items that were destroyed.",
        coarse(month.destroyed),
        is_counter=True,
    )
    yield Measure(
        "retentiond_refiled_items",
        f"{since}replies that were brought home.",
        coarse(month.refiled),
        is_counter=True,
    )
    yield Measure(
        "retentiond_ledger_entries",
        f"{since}entries of the ledger.",
        coarse(month.entries),
        is_counter=True,
    )
    yield Measure(
        "retentiond_review_items",
        "In the first round of the month, rounded up to a multiple of five: items that wait for a person.",
        coarse(month.review),
    )
