"""Tables that agree become the house's own values; defaults that depend on another table are settled here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from retentiond.config import account_tables, shapes, tables
from retentiond.config.accounts import (
    Access,
    Account,
    Auth,
    ExchangeAccount,
    GraphAccount,
    ImapAccount,
    Login,
    Proof,
    SecretReference,
    Source,
    Tls,
)
from retentiond.config.settings import (
    PLACE,
    AdvisorSettings,
    AlertSettings,
    Config,
    ControlSettings,
    Elsewhere,
    HeartbeatSettings,
    HelplineSettings,
    LedgerSettings,
    LettersSettings,
    LogSettings,
    MetricsSettings,
    Policy,
    Schedule,
)
from retentiond.core.fuse import Limits
from retentiond.core.model import Role
from retentiond.core.period import Period

STATE_DIRECTORY: Final = "/var/lib/retentiond"
#: Where Debian's node exporter looks for files.
TEXTFILE: Final = "/var/lib/prometheus/node-exporter/retentiond.prom"
_PORTS: Final = {Tls.IMPLICIT: 993, Tls.STARTTLS: 143}
_RELAY_PORTS: Final = {Tls.IMPLICIT: 465, Tls.STARTTLS: 587}


def built(path: Path, table: tables.ConfigTable) -> Config:
    """The configuration in force."""
    accounts = {name: _account(name, account) for name, account in table.account.items()}
    policy = Policy(
        period=Period.parse(table.policy.period),
        zone=ZoneInfo(table.policy.zone),
        approvers=table.policy.approvers,
        by_thread=table.policy.by_thread,
        longest=Period.parse(table.policy.longest) if table.policy.clock == "conversation" else None,
        manager=table.policy.manager,
    )
    return Config(
        path=path,
        policy=policy,
        ledger=_ledger(table.ledger),
        limits=Limits(table.limits.unforeseen, table.limits.strays, table.limits.forecast_days),
        control=_control(table.control),
        log=LogSettings(table.log.level, table.log.format),
        accounts=MappingProxyType(accounts),
        helplines=tuple(_helpline(entry, policy, accounts[entry.account]) for entry in table.helpline),
        advisors=tuple(_advisor(entry, accounts[entry.account]) for entry in table.advisor),
        schedule=_schedule(table, policy),
        alert=None if table.alert is None else _alert(table.alert),
        heartbeat=None if table.heartbeat is None else _heartbeat(table.heartbeat),
        metrics=None if table.metrics is None else _metrics(table.metrics),
        letters=tuple(map(_letters, table.letters)),
        elsewhere=tuple(Elsewhere(entry.what, Period.parse(entry.kept)) for entry in table.elsewhere),
    )


def _control(table: tables.ControlTable) -> ControlSettings:
    if table.socket is not None:
        return ControlSettings(Path(table.socket), Path(table.socket), table.group)
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return ControlSettings(Path(given) / PLACE.name if given else None, PLACE, table.group)


def _alert(table: tables.AlertTable) -> AlertSettings:
    tls = Tls(table.tls)
    return AlertSettings(
        host=table.host,
        port=table.port or _RELAY_PORTS[tls],
        tls=tls,
        ca_file=Path(table.ca_file) if table.ca_file else None,
        user=table.user,
        secret=_reference("alert", table.secret) if table.secret else None,
        sender=table.sender,
        to=tuple(table.to),
        second=tuple(table.second),
        call=table.call,
        timeout=table.timeout,
        channels=tuple(_reference("alert", channel) for channel in table.channels),
    )


def _heartbeat(table: tables.HeartbeatTable) -> HeartbeatSettings:
    return HeartbeatSettings(table.url, Path(table.ca_file) if table.ca_file else None, table.timeout)


def _metrics(table: tables.MetricsTable) -> MetricsSettings:
    textfile = table.textfile or (TEXTFILE if table.listen is None else None)
    return MetricsSettings(Path(textfile) if textfile else None, table.listen)


def _schedule(table: tables.ConfigTable, policy: Policy) -> Schedule:
    zone = ZoneInfo(table.schedule.zone) if table.schedule.zone else policy.zone
    return Schedule(table.schedule.at, zone, table.schedule.jitter, table.limits.parallel)


def _ledger(table: tables.LedgerTable) -> LedgerSettings:
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    directory = Path(table.directory or given or STATE_DIRECTORY)
    key = SecretReference("ledger", Source.FILE, str(directory / "ledger.key"))
    if table.key is not None:
        key = _reference("ledger", table.key)
    return LedgerSettings(directory, key, Period.parse(table.marks_kept))


def _reference(owner: str, table: shapes.SecretTable) -> SecretReference:
    if table.command is not None:
        return SecretReference(owner, Source.COMMAND, table.command[0], tuple(table.command[1:]))
    places = {Source.CREDENTIAL: table.credential, Source.FILE: table.file, Source.ENV: table.env}
    source, place = next((source, place) for source, place in places.items() if place is not None)
    return SecretReference(owner, source, place)


def _account(
    name: str, table: account_tables.ImapTable | account_tables.ExchangeTable | account_tables.GraphTable
) -> Account:
    match table:
        case account_tables.ImapTable():
            return _imap(name, table)
        case account_tables.ExchangeTable():
            return _exchange(name, table)
        case account_tables.GraphTable():
            return _graph(name, table)


def _graph(name: str, table: account_tables.GraphTable) -> GraphAccount:
    keeps = table.single_item_recovery
    return GraphAccount(
        name=name,
        tenant=table.tenant or "",
        client_id=table.client_id or "",
        auth=Proof(table.auth),
        secret=_reference(name, table.secret) if table.secret else None,
        endpoint=table.endpoint,
        authority=table.authority,
        ca_file=Path(table.ca_file) if table.ca_file else None,
        timeout=table.timeout,
        patience=table.patience,
        has_recoverable_items=table.recoverable_items,
        tells_of_archive=table.archive == "auto",
        single_item_recovery=Period.parse(keeps) if keeps else None,
        reviews_receipts=table.unread_receipts == "review",
        hold_category=table.hold_category,
    )


def _exchange(name: str, table: account_tables.ExchangeTable) -> ExchangeAccount:
    keeps = table.single_item_recovery
    return ExchangeAccount(
        name=name,
        endpoint=table.endpoint,
        ca_file=Path(table.ca_file) if table.ca_file else None,
        auth=Auth(table.auth),
        user=table.user or "",
        client_id=table.client_id or "",
        token_url=table.token_url or "",
        secret=_reference(name, table.secret),
        access=Access(table.access),
        timeout=table.timeout,
        patience=table.patience,
        has_recoverable_items=table.recoverable_items,
        looks_in_archive=table.archive == "auto",
        single_item_recovery=Period.parse(keeps) if keeps else None,
        hold_category=table.hold_category,
    )


def _imap(name: str, table: account_tables.ImapTable) -> ImapAccount:
    tls = Tls(table.tls)
    return ImapAccount(
        name=name,
        host=table.host,
        port=table.port or _PORTS[tls],
        tls=tls,
        ca_file=Path(table.ca_file) if table.ca_file else None,
        user=table.user,
        login=Login(table.login),
        master_separator=table.master_separator or "*",
        shared_prefix=table.shared_prefix,
        secret=_reference(name, table.secret),
        timeout=table.timeout,
        server_keeps=Period.parse(table.server_keeps) if table.server_keeps else None,
        roles=_roles(table.roles),
    )


def _roles(table: shapes.RolesTable, account: Account | None = None) -> Mapping[Role, str]:
    own = {Role(role): str(name) for role, name in table if name is not None}
    return MappingProxyType({**(account.roles if account else {}), **own})


def _sign(keyword: str, account: Account) -> str:
    """By what an item is held: a keyword over IMAP, the account's category on Exchange."""
    return keyword if isinstance(account, ImapAccount) else account.hold_category


def _helpline(table: tables.HelplineTable, policy: Policy, account: Account) -> HelplineSettings:
    return HelplineSettings(
        name=table.name,
        account=table.account,
        mailbox=table.mailbox,
        identities=tuple(table.identities),
        period=Period.parse(table.period) if table.period else policy.period,
        leave_out=frozenset(table.leave_out),
        named_folders=frozenset(table.named_folders),
        hold_keyword=_sign(table.hold_keyword, account),
        hold_folder=table.hold_folder,
        roles=_roles(table.roles, account),
    )


def _advisor(table: tables.AdvisorTable, account: Account) -> AdvisorSettings:
    return AdvisorSettings(
        name=table.name,
        account=table.account,
        mailbox=table.mailbox,
        folders=tuple(table.folders),
        hold_keyword=_sign(table.hold_keyword, account),
        roles=_roles(table.roles, account),
        told=table.told,
    )


def _letters(table: tables.LettersTable) -> LettersSettings:
    return LettersSettings(
        name=table.name,
        directory=Path(table.directory),
        period=Period.parse(table.period),
        manager=table.manager,
        deputy=table.deputy,
        backup=tuple(table.backup),
        bins=tuple(table.bins),
        hold_folder=table.hold_folder,
        overwrite=table.overwrite,
        mount=Path(table.mount) if table.mount else None,
    )
