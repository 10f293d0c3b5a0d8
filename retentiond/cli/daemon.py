"""`retentiond daemon`: the service. It stays in the foreground; systemd keeps it running."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from retentiond.cli.caller import heard_by_callers
from retentiond.cli.session import Session, log_to, session
from retentiond.config import Config
from retentiond.targets import Estate

if TYPE_CHECKING:
    from retentiond.ledger import Ledger
    from retentiond.metrics import Monitor
    from retentiond.rounds import Service


@click.command(epilog="Example: retentiond --config /etc/retentiond/retentiond.toml daemon")
@click.option("--audit-only", is_flag=True, help="Look on schedule and destroy nothing, anywhere.")
@click.option("--once", is_flag=True, help="One round at once, and no more: for a timer.")
@click.pass_context
def command(ctx: click.Context, audit_only: bool, once: bool) -> int:
    """Sweep by the schedule of the configuration, for years.

    Stays in the foreground. SIGTERM ends it after the batch in hand. A changed configuration needs a
    restart: SIGHUP is refused. What it does and found: retentiond status.

    With --once the exit code is that of a sweep: 1 or more while anything that was promised is not kept.
    With --audit-only too it is that of an audit.
    """
    from retentiond.cli.served import control_of
    from retentiond.daemon import Daemon

    current = session(ctx)
    log_to(ctx, current, sys.stderr)
    control = None if once else control_of(current.config, looks_only=audit_only)
    service = _service(current, is_audit_only=audit_only)
    beside = partial(_beside, current.config)
    daemon = Daemon(service, current.config.schedule, control=control, beside=beside)
    with heard_by_callers():
        code = daemon.once() if once else daemon.run()
    if daemon.is_at_work:
        _leave(code)
    return code


def _service(current: Session, *, is_audit_only: bool) -> Service:
    from retentiond.rounds import Service

    @contextmanager
    def opened() -> Iterator[tuple[Estate, Ledger | None]]:
        if is_audit_only:
            with current.estate_to_look_at() as both:
                yield both
        else:
            with current.estate_with_ledger() as (estate, book):
                yield estate, book

    config = current.config
    service = Service(
        opened, config.ledger.directory, config.policy.zone, config.schedule.parallel, is_audit_only
    )
    return _heard(service, config)


def _heard(service: Service, config: Config) -> Service:
    """With everybody who is to hear of it, as far as the configuration names them."""
    if config.alert is not None:
        from retentiond import alert

        service = replace(service, tell=partial(alert.tell, config.alert))
    if config.heartbeat is not None:
        from retentiond import heartbeat

        service = replace(service, ping=partial(heartbeat.ping, config.heartbeat))
    if config.metrics is not None:
        service = replace(service, show=_monitor(config).write)
    return service


def _monitor(config: Config) -> Monitor:
    from retentiond.condition import read
    from retentiond.metrics import Monitor
    from retentiond.timetable import next_round

    textfile = config.metrics.textfile if config.metrics is not None else None
    return Monitor(partial(next_round, config.schedule), textfile, partial(read, config.ledger.directory))


def _beside(config: Config) -> AbstractContextManager[object]:
    """The endpoint for metrics, where one is asked for."""
    if config.metrics is None or config.metrics.listen is None:
        return nullcontext()
    from retentiond.endpoint import answering

    return answering(config.metrics.listen, _monitor(config).answer)


def _leave(code: int) -> None:
    """Ends the process as a power cut would: the batch in hand is not waited for any longer, its intent
    stays open, and the next start settles it by looking."""
    sys.stderr.flush()
    os._exit(code)
