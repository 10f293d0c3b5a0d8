"""The configuration in force as text, defaults included; of a secret only where it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from pathlib import Path

from retentiond.config.accounts import Account, ExchangeAccount, GraphAccount, SecretReference
from retentiond.config.settings import (
    AdvisorSettings,
    AlertSettings,
    Config,
    Elsewhere,
    HeartbeatSettings,
    HelplineSettings,
    LettersSettings,
    MetricsSettings,
)
from retentiond.core.model import Role
from retentiond.core.period import Period

_EXAMPLE = "retentiond.example.toml"


def example() -> str:
    """The complete, commented example: beside this module where it is installed, else in `config/`."""
    here = Path(__file__).parent
    installed = here / _EXAMPLE
    return (installed if installed.exists() else here.parents[1] / "config" / _EXAMPLE).read_text("utf-8")


def shown(config: Config) -> str:
    """TOML-like text for people. Names mailboxes, so it is for the administrator's own screen."""
    tables = [
        _table(
            "[policy]",
            period=config.policy.period,
            zone=config.policy.zone.key,
            clock="message" if config.policy.longest is None else "conversation",
            longest=config.policy.longest,
            approvers=config.policy.approvers,
            manager=config.policy.manager,
            by_thread=config.policy.by_thread,
        ),
        _table(
            "[ledger]",
            directory=config.ledger.directory,
            key=config.ledger.key,
            marks_kept=config.ledger.marks_kept,
        ),
        _table(
            "[limits]",
            unforeseen=config.limits.unforeseen,
            strays=config.limits.strays,
            forecast_days=config.limits.forecast_days,
            parallel=config.schedule.parallel,
        ),
        _table(
            "[schedule]",
            at=config.schedule.at,
            zone=config.schedule.zone.key,
            jitter=f"{config.schedule.jitter} seconds",
        ),
        _table("[control]", socket=config.control.served_at, group=config.control.group),
        _table("[log]", level=config.log.level, format=config.log.format),
        *map(_alert, [config.alert] if config.alert else []),
        *map(_heartbeat, [config.heartbeat] if config.heartbeat else []),
        *map(_metrics, [config.metrics] if config.metrics else []),
        *map(_account, config.accounts.values()),
        *map(_helpline, config.helplines),
        *map(_advisor, config.advisors),
        *map(_letters, config.letters),
        *map(_elsewhere, config.elsewhere),
    ]
    return f"# {config.path}\n\n" + "\n\n".join(tables) + "\n"


def _alert(alert: AlertSettings) -> str:
    return _table(
        "[alert]",
        host=alert.host,
        port=alert.port,
        tls=alert.tls,
        ca_file=alert.ca_file,
        user=alert.user,
        secret=alert.secret,
        sender=alert.sender,
        to=alert.to,
        second=alert.second,
        call=alert.call,
        channels=alert.channels,
        timeout=f"{alert.timeout} seconds",
    )


def _heartbeat(heartbeat: HeartbeatSettings) -> str:
    return _table(
        "[heartbeat]",
        url=heartbeat.url,
        ca_file=heartbeat.ca_file,
        timeout=f"{heartbeat.timeout} seconds",
    )


def _metrics(metrics: MetricsSettings) -> str:
    return _table("[metrics]", textfile=metrics.textfile, listen=metrics.listen)


def _account(account: Account) -> str:
    if isinstance(account, ExchangeAccount):
        return _exchange(account)
    if isinstance(account, GraphAccount):
        return _graph(account)
    return _table(
        f"[account.{account.name}]",
        kind=account.kind,
        host=account.host,
        port=account.port,
        tls=account.tls,
        ca_file=account.ca_file,
        login=account.login,
        user=account.user,
        master_separator=account.master_separator if account.login == "master" else None,
        shared_prefix=account.shared_prefix,
        secret=account.secret,
        timeout=f"{account.timeout} seconds",
        server_keeps=account.server_keeps,
        roles=account.roles,
    )


def _exchange(account: ExchangeAccount) -> str:
    return _table(
        f"[account.{account.name}]",
        kind=account.kind,
        endpoint=account.endpoint,
        ca_file=account.ca_file,
        auth=account.auth,
        user=account.user or None,
        client_id=account.client_id or None,
        token_url=account.token_url or None,
        secret=account.secret,
        access=account.access,
        timeout=f"{account.timeout} seconds",
        patience=f"{account.patience} seconds",
        recoverable_items=account.has_recoverable_items,
        archive="auto" if account.looks_in_archive else "no",
        single_item_recovery=account.single_item_recovery,
        hold_category=account.hold_category,
    )


def _graph(account: GraphAccount) -> str:
    return _table(
        f"[account.{account.name}]",
        kind=account.kind,
        tenant=account.tenant or None,
        client_id=account.client_id or None,
        auth=account.auth,
        secret=account.secret,
        endpoint=account.endpoint,
        authority=account.authority,
        ca_file=account.ca_file,
        timeout=f"{account.timeout} seconds",
        patience=f"{account.patience} seconds",
        recoverable_items=account.has_recoverable_items,
        archive="auto" if account.tells_of_archive else "no",
        single_item_recovery=account.single_item_recovery,
        unread_receipts="review" if account.reviews_receipts else "destroy",
        hold_category=account.hold_category,
    )


def _helpline(helpline: HelplineSettings) -> str:
    return _table(
        "[[helpline]]",
        name=helpline.name,
        account=helpline.account,
        mailbox=helpline.mailbox,
        identities=helpline.identities,
        period=helpline.period,
        leave_out=sorted(helpline.leave_out),
        named_folders=sorted(helpline.named_folders),
        hold_keyword=helpline.hold_keyword,
        hold_folder=helpline.hold_folder,
        roles=helpline.roles,
    )


def _advisor(advisor: AdvisorSettings) -> str:
    return _table(
        "[[advisor]]",
        name=advisor.name,
        account=advisor.account,
        mailbox=advisor.mailbox,
        folders=advisor.folders,
        hold_keyword=advisor.hold_keyword,
        told=advisor.told,
        roles=advisor.roles,
    )


def _letters(letters: LettersSettings) -> str:
    return _table(
        "[[letters]]",
        name=letters.name,
        directory=letters.directory,
        period=letters.period,
        manager=letters.manager,
        deputy=letters.deputy,
        backup=letters.backup,
        bins=letters.bins,
        hold_folder=letters.hold_folder,
        overwrite=letters.overwrite,
        mount=letters.mount,
    )


def _elsewhere(place: Elsewhere) -> str:
    return _table("[[elsewhere]]", what=place.what, kept=place.kept)


def _table(header: str, **values: object) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join([header, *lines])


def _value(value: object) -> str:
    match value:
        case SecretReference(source=source, place=place, arguments=arguments):
            # A command's arguments are not shown: one of them might be a token.
            command = [place, "…"] if arguments else [place]
            return f"{{ {source} = {_value(command if source == 'command' else place)} }}"
        case Mapping():
            inside = ", ".join(f"{Role(role)} = {_value(name)}" for role, name in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case bool() | int():
            return str(value).lower()
        case date():
            return value.isoformat()
        case Enum():
            return _value(value.value)
        case Period() | Path():
            return _value(str(value))
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Iterable():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            raise TypeError(type(value).__name__)
