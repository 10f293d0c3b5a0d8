"""What two places of the configuration must agree on. Reads the raw TOML, so that a fault in one table
hides none in another; what has the wrong type is somebody else's fault (`tables.py`) and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from retentiond.config import letters, proofs, words
from retentiond.config.locate import Location, Trouble
from retentiond.core.period import Period

Raw: TypeAlias = dict[str, Any]

_STANDARD_PORTS = (143, 993)


@dataclass(frozen=True, slots=True)
class _Target:
    """A helpline's or an advisor's table, and where it stands."""

    location: Location
    table: Raw

    def text(self, key: str) -> str | None:
        value = self.table.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> list[tuple[Location, str]]:
        value = self.table.get(key)
        entries = value if isinstance(value, list) else []
        return [((*self.location, key, at), text) for at, text in enumerate(entries) if isinstance(text, str)]

    def __str__(self) -> str:
        kind, at = self.location
        name = self.text("name") or ""
        return f"{kind} {name}" if words.is_alias(name) else f"{kind} number {int(at) + 1}"


def troubles(data: Raw) -> Iterator[Trouble]:
    """Everything in which the tables disagree."""
    accounts = {name: table for name, table in _table(data, "account").items() if isinstance(table, dict)}
    helplines, advisors = _targets(data, "helpline"), _targets(data, "advisor")
    targets = helplines + advisors
    if "helpline" not in data or data["helpline"] == []:
        yield Trouble(
            ("helpline",), "there is no helpline, so there is nothing to keep", "add a [[helpline]]"
        )
    for name, account in accounts.items():
        yield from proofs.troubles(("account", name), account)
    yield from proofs.one_place(("ledger", "key"), _table(data, "ledger").get("key"))
    yield from _alert(_table(data, "alert"))
    yield from _short_periods(_table(data, "policy"), helplines)
    yield from _shorter_than_its_mail(_table(data, "policy"), helplines)
    yield from _unknown_accounts(targets, _table(data, "account"))
    yield from _names_twice(targets + _targets(data, "letters"))
    yield from letters.troubles(data)
    yield from _mailboxes_twice(targets, accounts)
    yield from _identities_twice(helplines)
    for target in targets:
        if accounts.get(target.text("account") or "", {}).get("kind") in ("exchange", "graph"):
            yield from _on_exchange(target)
    for helpline in helplines:
        yield from _folders(helpline, accounts)
    for advisor in advisors:
        yield from _advisor_folders(advisor, accounts)


def _table(data: Raw, key: str) -> Raw:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _targets(data: Raw, key: str) -> list[_Target]:
    value = data.get(key)
    entries = value if isinstance(value, list) else []
    return [_Target((key, at), entry) for at, entry in enumerate(entries) if isinstance(entry, dict)]


def _on_exchange(target: _Target) -> Iterator[Trouble]:
    """What means something else, or nothing, on Exchange."""
    mailbox = target.text("mailbox")
    if mailbox is not None and "@" not in mailbox:
        way_on = "its primary address, such as helpline@charity.example"
        yield Trouble((*target.location, "mailbox"), "on Exchange a mailbox is called by its address", way_on)
    if "hold_keyword" in target.table:
        way_on = "hold_category, in the account"
        yield Trouble((*target.location, "hold_keyword"), "Exchange knows categories, not keywords", way_on)


def _alert(alert: Raw) -> Iterator[Trouble]:
    """A relay is asked with a name and a password, or with neither."""
    yield from proofs.one_place(("alert", "secret"), alert.get("secret"))
    channels = alert.get("channels")
    for at, channel in enumerate(channels if isinstance(channels, list) else []):
        yield from proofs.one_place(("alert", "channels", at), channel)
    if channels and find_spec("apprise") is None:
        way_on = 'pip install "retentiond[apprise]", or leave the key out'
        yield Trouble(("alert", "channels"), "other channels than mail are not installed here", way_on)
    for key, other in (("user", "secret"), ("secret", "user")):
        if key in alert and other not in alert:
            yield Trouble(("alert", key), f"this means nothing without {other}", "write both, or neither")


def _short_periods(policy: Raw, helplines: list[_Target]) -> Iterator[Trouble]:
    """Mail is kept for six months (P1); less is for a charity that says so with `approvers = 1`."""
    if type(policy.get("approvers")) is int and policy["approvers"] == 1:
        return
    tables: list[tuple[Location, Raw]] = [
        (("policy",), policy),
        *((line.location, line.table) for line in helplines),
    ]
    for location, table in tables:
        try:
            period = Period.parse(words.period(table["period"]))
        except (KeyError, words.NotAccepted):
            continue
        if not period.is_never_shorter_than(words.PROMISED):
            yield Trouble(
                (*location, "period"),
                f"{period} can be shorter than 6 months, which mail is promised to be kept",
                "write 6 months or more; or [policy] approvers = 1, and arming records who let it loose",
            )


def _shorter_than_its_mail(policy: Raw, helplines: list[_Target]) -> Iterator[Trouble]:
    """A conversation keeps mail longer, never shorter, than its period (P1)."""
    if policy.get("clock") != "conversation":
        return
    try:
        longest = Period.parse(words.period(policy.get("longest", "12 months")))
        period = Period.parse(words.period(policy.get("period", "6 months")))
    except words.NotAccepted:
        return
    periods = [period]
    for line in helplines:
        with suppress(words.NotAccepted):
            if "period" in line.table:
                periods.append(Period.parse(words.period(line.table["period"])))
    for each in periods:
        if not longest.is_never_shorter_than(each):
            yield Trouble(
                ("policy", "longest"),
                f"{longest} can be shorter than {each}, for which mail is kept anyway",
                f"write {each} or more",
            )
            return


def _unknown_accounts(targets: list[_Target], accounts: Raw) -> Iterator[Trouble]:
    known = [name for name, table in accounts.items() if isinstance(table, dict) and words.is_alias(name)]
    for target in targets:
        account = target.text("account")
        if account is None or account in accounts:
            continue
        if near := get_close_matches(account.lower(), known, 1):
            way_on = f"did you mean {near[0]}?"
        else:
            way_on = f"there is: {', '.join(known)}" if known else "add a table [account.NAME]"
        yield Trouble((*target.location, "account"), "there is no such account", way_on)


def _names_twice(targets: list[_Target]) -> Iterator[Trouble]:
    seen: dict[str, _Target] = {}
    for target in targets:
        name = target.text("name")
        if name is None:
            continue
        if name in seen:
            yield Trouble(
                (*target.location, "name"),
                f"{seen[name]} has this name",
                "give every target a name of its own",
            )
        seen.setdefault(name, target)


def _mailboxes_twice(targets: list[_Target], accounts: dict[str, Raw]) -> Iterator[Trouble]:
    """No mailbox may be two targets: what one keeps, the other would destroy."""
    seen: dict[tuple[object, ...], _Target] = {}
    for target in targets:
        account, mailbox = target.text("account"), target.text("mailbox")
        if account not in accounts or mailbox is None:
            continue
        table = accounts[account]
        is_direct = (
            table.get("kind") not in ("exchange", "graph") and table.get("login", "direct") == "direct"
        )
        is_one_mailbox = is_direct and isinstance(table.get("user"), str)
        opened = table["user"] if is_one_mailbox else mailbox
        reached = (*_server(account, table), opened.strip().casefold())
        first = seen.setdefault(reached, target)
        if first is target:
            continue
        other = (first.text("mailbox") or "").strip().casefold()
        if is_one_mailbox and first.text("account") == account and other != mailbox.strip().casefold():
            yield Trouble(
                (*target.location, "account"),
                f'{first} has this account, and login = "direct" with a user opens one mailbox only',
                'leave the user out, take login = "master" or "shared", or make an account per mailbox',
            )
        else:
            yield Trouble(
                (*target.location, "mailbox"), f"{first} has the same mailbox", "remove one of the two"
            )


def _server(account: str, table: Raw) -> tuple[object, ...]:
    """One server by whichever account; its two standard ports lead to the same mailboxes."""
    if table.get("kind") == "graph" and "endpoint" not in table:
        return ("graph.microsoft.com", 0)
    if isinstance(table.get("endpoint"), str):
        with suppress(ValueError):
            return (urlsplit(table["endpoint"]).hostname, 0)
    name, port = table.get("host"), table.get("port")
    if not isinstance(name, str):
        return (None, account)
    is_standard = port is None or port in _STANDARD_PORTS or not isinstance(port, int)
    return (name.lower().removesuffix("."), 0 if is_standard else port)


def _identities_twice(helplines: list[_Target]) -> Iterator[Trouble]:
    """A reply belongs to one helpline, told by its sender."""
    seen: dict[str, _Target] = {}
    for helpline in helplines:
        for location, identity in helpline.texts("identities"):
            if identity.casefold() in seen:
                first = seen[identity.casefold()]
                yield Trouble(
                    location, f"{first} has this identity", "an identity belongs to one helpline, once"
                )
            seen.setdefault(identity.casefold(), helpline)


def _folders(helpline: _Target, accounts: dict[str, Raw]) -> Iterator[Trouble]:
    hold, named = helpline.text("hold_folder"), {name for _, name in helpline.texts("named_folders")}
    roles = _roles_of(helpline, accounts)
    taken = {"inbox", *(name.casefold() for name in roles.values())}
    promised = {"inbox", *(roles[role].casefold() for role in ("sent", "trash") if role in roles)}
    if hold is not None and hold.casefold() in taken:
        yield Trouble(
            (*helpline.location, "hold_folder"),
            "this folder is for other mail, all of which would be kept for ever",
            "make a folder of its own for what is held",
        )
    for location, name in helpline.texts("leave_out"):
        if hold is not None and name.casefold() == hold.casefold():
            yield Trouble(location, "this is the hold folder", "it must be looked at, so do not leave it out")
        if name in named:
            yield Trouble(location, "this folder is in named_folders as well", "leave it out, or name it")
        if name.casefold() in promised:
            yield Trouble(location, "mail there was promised to go after its period", "do not leave it out")


def _advisor_folders(advisor: _Target, accounts: dict[str, Raw]) -> Iterator[Trouble]:
    """Replies are looked for where an advisor's own mail program puts them, never in the Inbox (P3)."""
    roles = _roles_of(advisor, accounts)
    seen: set[str] = set()
    for location, name in advisor.texts("folders"):
        real = roles.get(name.casefold(), name).casefold()
        if real == "inbox":
            yield Trouble(location, "an advisor's Inbox is never looked at", "name the folders of sent mail")
        if real in seen:
            yield Trouble(location, "this folder is named twice", "remove one of the two")
        seen.add(real)


def _roles_of(target: _Target, accounts: dict[str, Raw]) -> dict[str, str]:
    return {**_roles(accounts.get(target.text("account") or "", {})), **_roles(target.table)}


def _roles(table: Raw) -> dict[str, str]:
    return {role: name for role, name in _table(table, "roles").items() if isinstance(name, str)}
