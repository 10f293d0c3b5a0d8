"""A configuration becomes an estate: each target with the door to its mailbox and a digest of its rules.

The digest says what of the configuration decides what is taken: where it differs, somebody must arm anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

from retentiond.config import (
    Account,
    AdvisorSettings,
    Config,
    ExchangeAccount,
    GraphAccount,
    HelplineSettings,
    ImapAccount,
    LettersSettings,
    Proof,
    SecretReference,
    read_secret,
    read_secret_bytes,
)
from retentiond.core.model import Kind, Role
from retentiond.machine_clock import is_synchronised
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import Gate
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from retentiond.targets import Estate, Target


def estate_of(config: Config, marker: Marker) -> Estate:
    """The estate that a configuration describes; connects to nothing."""
    doors = _Doors(config, marker)
    helplines = tuple(_helpline(config, settings, doors) for settings in config.helplines)
    advisors = tuple(_advisor(config, settings, doors) for settings in config.advisors)
    letters = tuple(_letters(config, settings, marker) for settings in config.letters)
    return Estate(
        helplines + advisors + letters,
        config.policy.zone,
        config.limits,
        marker,
        config.policy.by_thread,
        config.policy.longest is not None,
        config.ledger.marks_kept,
        # A server on this very machine dates its mail by the same clock: right or wrong, they agree.
        _unknown if all(map(_is_here, config.accounts.values())) else is_synchronised,
        approvers=config.policy.approvers,
    )


def _is_here(account: Account) -> bool:
    try:
        return ip_address(account.host).is_loopback
    except ValueError:
        return account.host == "localhost"


def _unknown() -> None:
    return None


def _helpline(config: Config, settings: HelplineSettings, doors: _Doors) -> Target:
    account = config.account_of(settings)
    scope = Scope(
        settings.name,
        Kind.HELPLINE,
        settings.identities,
        dict(settings.roles),
        leave_out=settings.leave_out,
        named=settings.named_folders,
        hold_keyword=settings.hold_keyword,
        hold_folder=settings.hold_folder,
    )
    rules = _digest(
        ["helpline", *_where(account, settings.mailbox), config.policy.zone.key],
        sorted(settings.identities),
        sorted(settings.leave_out),
        sorted(settings.named_folders),
        [settings.hold_keyword, settings.hold_folder or ""],
        sorted(f"{role}={name}" for role, name in settings.roles.items()),
    )
    return Target(
        settings.name,
        Kind.HELPLINE,
        settings.period,
        rules,
        settings.identities,
        settings.mailbox,
        doors.opener(account, scope, settings.mailbox),
        account.server_keeps,
        account.host,
        account.kind,
        longest=config.policy.longest,
    )


def _advisor(config: Config, settings: AdvisorSettings, doors: _Doors) -> Target:
    account = config.account_of(settings)
    identities = tuple(identity for each in config.helplines for identity in each.identities)
    scope = Scope(
        settings.name,
        Kind.ADVISOR,
        identities,
        dict(settings.roles),
        look_in=settings.folders,
        hold_keyword=settings.hold_keyword,
    )
    rules = _digest(
        ["advisor", *_where(account, settings.mailbox), config.policy.zone.key],
        sorted(settings.folders),
        [settings.hold_keyword, str(int(config.policy.by_thread))],
        sorted(f"{role}={name}" for role, name in settings.roles.items()),
        *(
            [
                each.name,
                *_where(config.account_of(each), each.mailbox),
                each.roles.get(Role.SENT, ""),
                *sorted(each.identities),
            ]
            for each in config.helplines
        ),
    )
    shortest = min((each.period for each in config.helplines), key=lambda period: period.shortest_days)
    return Target(
        settings.name,
        Kind.ADVISOR,
        shortest,
        rules,
        (),
        settings.mailbox,
        doors.opener(account, scope, settings.mailbox),
        account.server_keeps,
        account.host,
        account.kind,
        longest=config.policy.longest,
    )


def _letters(config: Config, settings: LettersSettings, marker: Marker) -> Target:
    """Who may read there, and whether letters are overwritten, changes nothing of what is taken."""

    def open_folder() -> Mailbox:
        from retentiond.mailbox.letters import LettersMailbox

        return LettersMailbox(settings, marker)

    rules = _digest(
        ["letters", str(settings.directory), str(settings.mount or ""), config.policy.zone.key],
        sorted(settings.bins),
        [settings.hold_folder or ""],
        # Whose home is searched for a bin.
        [settings.manager, settings.deputy or ""],
    )
    return Target(settings.name, Kind.LETTERS, settings.period, rules, (), "", open_folder)


class _Doors:
    """How mailboxes are opened: one secret an account, however many mailboxes it opens, and one patience."""

    def __init__(self, config: Config, marker: Marker) -> None:
        self._marker = marker
        self._secrets = {name: Secret(_reading(account)) for name, account in config.accounts.items()}
        self._patience = {
            name: Patience(account.patience)
            for name, account in config.accounts.items()
            if not isinstance(account, ImapAccount)
        }
        applications = [each for each in config.accounts.values() if isinstance(each, GraphAccount)]
        self._badges = {each.name: Badge(each, self._secrets[each.name]) for each in applications}
        self._gates = {each.client_id: Gate() for each in applications}

    def opener(self, account: Account, scope: Scope, mailbox: str) -> Callable[[], Mailbox]:
        """Makes the target's mailbox, not yet connected, each time that it is called. What speaks to its
        kind of server is imported then."""

        def open_mailbox() -> Mailbox:
            if isinstance(account, ExchangeAccount):
                from retentiond.mailbox.ews import EwsMailbox

                secret, patience = self._secrets[account.name], self._patience[account.name]
                return EwsMailbox(account, scope, self._marker, mailbox, secret, patience)
            if isinstance(account, GraphAccount):
                return self._graph(account, scope, mailbox)
            from retentiond.mailbox.imap import ImapMailbox

            return ImapMailbox(account, scope, self._marker, mailbox, self._secrets[account.name])

        return open_mailbox

    def _graph(self, account: GraphAccount, scope: Scope, mailbox: str) -> Mailbox:
        from retentiond.mailbox.graph import GraphMailbox

        patience = self._patience[account.name]
        badge, gate = self._badges[account.name], self._gates[account.client_id]
        return GraphMailbox(account, scope, self._marker, mailbox, badge, patience, gate)


def _reading(account: Account) -> Callable[[], str]:
    """How an account's secret is read: one line, but for a key with its certificate."""
    if account.secret is None:
        return lambda: ""
    if isinstance(account, GraphAccount) and account.auth is Proof.CERTIFICATE:
        return partial(_text_of, account.secret)
    return partial(read_secret, account.secret)


def _text_of(reference: SecretReference) -> str:
    return read_secret_bytes(reference).decode("ascii", "replace")


def _where(account: Account, mailbox: str) -> list[str]:
    """Which mailbox is opened: all that decides it, so that another one is never taken for the same."""
    if isinstance(account, ExchangeAccount):
        return [account.kind, account.endpoint.casefold(), mailbox.casefold()]
    if isinstance(account, GraphAccount):
        more = [] if account.reviews_receipts else ["unread receipts"]
        return [account.kind, account.endpoint.casefold(), account.tenant, mailbox.casefold(), *more]
    login, prefix = account.login_name(mailbox), account.prefix(mailbox) or ""
    return [account.kind, account.host, str(account.port), mailbox, login, prefix]


def _digest(*parts: list[str]) -> str:
    """SHA-256 (hexadecimal) over lists of words, by their canonical JSON."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()
