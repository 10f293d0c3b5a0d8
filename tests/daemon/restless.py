"""The service as the command line starts it, but that its rounds follow each other almost without a pause."""

from __future__ import annotations

from datetime import timedelta

from retentiond import daemon
from retentiond.cli import main

#: Long enough for somebody else to take a lock in between.
_BREATH = timedelta(seconds=0.3)


class Restless(daemon.Daemon):
    """One round after the other, for as long as it runs."""

    def start(self) -> None:
        super().start()
        self._again()

    def _round(self) -> None:
        super()._round()
        if not self._is_stopping:
            self._again()

    def _again(self) -> None:
        self._scheduler.modify_job("round", next_run_time=self._service.clock() + _BREATH)


if __name__ == "__main__":
    daemon.Daemon = Restless  # type: ignore[misc]
    main()
