"""Commands that people ask of the service through its control socket: the same code, run for them.

The words are read here again, by the command itself: nothing that came in is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from retentiond.asking import Request
from retentiond.cli.caller import Caller, called_by
from retentiond.cli.verbs import VERBS
from retentiond.control import Control
from retentiond.talk import Talk

if TYPE_CHECKING:
    from retentiond.config import Config


def control_of(config: Config, *, looks_only: bool) -> Control | None:
    """The control socket of a service with this configuration; None where it has no place."""
    place = config.control.served_at
    if place is None:
        return None

    def serve(request: Request, talk: Talk, should_stop: Callable[[], bool]) -> int:
        return _serve(Caller(request, talk, config, should_stop))

    return Control(
        Path(place), config.control.group, str(config.path.resolve()), VERBS, serve, looks_only=looks_only
    )


def _serve(who: Caller) -> int:
    from retentiond.cli import coded

    quiet = ["--quiet"] if who.request.is_quiet else []
    with called_by(who):
        return coded([*quiet, *who.request.verb.split(), *who.request.words])
