"""A schedule becomes times on the wall: when the next round is due, by the clock of its zone."""

from __future__ import annotations

from datetime import UTC, datetime

from apscheduler.triggers.cron import CronTrigger

from retentiond.config import Schedule


def trigger(schedule: Schedule, *, has_jitter: bool = True) -> CronTrigger:
    """The schedule in the scheduler's language, at wall-clock times of its zone."""
    minute, hour, day, month, day_of_week = schedule.at.split()
    return CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=day_of_week,
        timezone=schedule.zone,
        jitter=schedule.jitter if has_jitter else None,
    )


def next_round(schedule: Schedule, after: datetime) -> datetime | None:
    """The first scheduled time after a moment (UTC); a round begins up to the jitter later."""
    found: datetime | None = trigger(schedule, has_jitter=False).get_next_fire_time(None, after)
    return None if found is None else found.astimezone(UTC)
