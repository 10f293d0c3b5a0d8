"""A server's own clock, which a test may set apart from the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The server's clock: the machine's, until it is set; then it stands still."""

    def __init__(self) -> None:
        self._set: datetime | None = None
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return (self._set or datetime.now(UTC)) + self._ahead

    def set(self, moment: datetime) -> None:
        """`moment` is aware."""
        assert moment.tzinfo, "the server's clock is set to an aware instant"
        self._set, self._ahead = moment, timedelta(0)

    def advance(self, by: timedelta) -> None:
        self._ahead += by
