"""When sweeps are made is said in plain words or as a crontab says it, and nobody guesses at Sunday."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from retentiond.config import Config, load
from retentiond.errors import ConfigurationRefused
from tests.config.conftest import LEAST, Write

Loaded = Callable[[str], Config]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("daily at 03:15", "15 3 * * *"),
        ("daily at 00:00", "0 0 * * *"),
        ("every 6 hours", "0 */6 * * *"),
        ("every 1 hour", "0 * * * *"),
        ("15 3 * * *", "15 3 * * *"),
        ("*/30 22-23,0 1-31/2 JAN-Mar *", "*/30 22-23,0 1-31/2 1-3 *"),
        ("0 4 * * 0", "0 4 * * sun"),
        ("0 4 * * 7", "0 4 * * sun"),
        ("0 4 * * 1-5", "0 4 * * mon,tue,wed,thu,fri"),
        ("0 4 * * mon,5-7", "0 4 * * mon,fri,sat,sun"),
    ],
)
def test_what_is_said_is_what_is_meant(loaded: Loaded, said: str, meant: str) -> None:
    assert loaded(LEAST + f'[schedule]\nat = "{said}"\n').schedule.at == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nightly",
        "daily at 24:00",
        "daily at 3:15",
        "every 5 hours",
        "every 0 hours",
        "* * * *",
        "60 3 * * *",
        "15 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "*-5 * * * *",
        "@daily",
        "0 4 * * monday",
        "0 3 * * * *",
        "a b c d e",
    ],
)
def test_what_says_nothing_is_refused_with_an_example(write: Write, said: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        load(write(LEAST + f'[schedule]\nat = "{said}"\n'))
    [fault] = refused.value.faults
    assert (fault.key, "daily at 03:15" in fault.way_on) == ("schedule.at", True)


def test_the_zone_is_the_policys_unless_it_is_said(loaded: Loaded) -> None:
    assert loaded(LEAST + '[policy]\nzone = "Asia/Tokyo"\n').schedule.zone == ZoneInfo("Asia/Tokyo")
    config = loaded(LEAST + '[schedule]\nzone = "UTC"\njitter = "2 minutes"\n[limits]\nparallel = 1\n')
    assert (config.schedule.zone.key, config.schedule.jitter, config.schedule.parallel) == ("UTC", 120, 1)
