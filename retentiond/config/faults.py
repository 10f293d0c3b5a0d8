"""pydantic's findings in the house's words. No value that was typed is repeated here."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from retentiond.config import account_tables, shapes, tables
from retentiond.config.locate import Location, Trouble

_TABLES: Final[dict[str, type[shapes.Table]]] = {
    "policy": tables.PolicyTable,
    "ledger": tables.LedgerTable,
    "limits": tables.LimitsTable,
    "schedule": tables.ScheduleTable,
    "control": tables.ControlTable,
    "log": tables.LogTable,
    "alert": tables.AlertTable,
    "channels": shapes.SecretTable,
    "heartbeat": tables.HeartbeatTable,
    "metrics": tables.MetricsTable,
    "helpline": tables.HelplineTable,
    "advisor": tables.AdvisorTable,
    "letters": tables.LettersTable,
    "elsewhere": tables.ElsewhereTable,
    "roles": shapes.RolesTable,
    "secret": shapes.SecretTable,
    "key": shapes.SecretTable,
}

#: What one would write, for keys that may be missing.
_KINDS: Final[dict[str, type[shapes.Table]]] = {
    "imap": account_tables.ImapTable,
    "exchange": account_tables.ExchangeTable,
    "graph": account_tables.GraphTable,
}

_EXAMPLES: Final = {
    "endpoint": 'such as endpoint = "https://mail.charity.example/EWS/Exchange.asmx"',
    "host": 'such as host = "mail.charity.example"',
    "secret": 'such as secret = { credential = "imap" }',
    "name": 'such as name = "helpline-1"',
    "account": "the NAME of one of the tables [account.NAME]",
    "mailbox": "what the mailbox is called on its server",
    "directory": 'such as directory = "/srv/letters"',
    "manager": "the login name of the one user who may read the letters",
    "identities": 'such as identities = ["helpline@charity.example"]',
}

_WANTED: Final = {
    "string_type": ("text is wanted here", 'in quotes: "…"'),
    "int_type": ("a whole number is wanted here", "without quotes"),
    "bool_type": ("true or false is wanted here", "without quotes"),
    "list_type": ("a list is wanted here", 'in square brackets: ["…", "…"]'),
    "date_type": ("a date is wanted here", "without quotes, such as 2026-01-31"),
    "too_short": ("this list is empty", "at least one entry is wanted"),
    "string_too_long": ("this text is too long", ""),
}

_PASSWORD: Final = re.compile(
    r"pass(word|wd|phrase|code)?|pw|pwd|token|api_?key|client_secret", re.IGNORECASE
)
_LOOSENING: Final = re.compile(r".*(insecure|verif|validat|check_cert|cleartext|plaintext).*", re.IGNORECASE)
_SECRET_ITSELF: Final = (
    "the secret itself must not stand in this file",
    'take it out, change it on the server, and say where it is kept: secret = { credential = "imap" }',
)
_NO_SWITCH: Final = (
    "no switch loosens TLS: every connection is encrypted and its certificate verified",
    "for a private authority name its certificate: ca_file",
)


def troubles(error: ValidationError) -> list[Trouble]:
    """Everything that pydantic found, a Trouble each."""
    return [_trouble(detail) for detail in error.errors(include_url=False)]


def _trouble(detail: ErrorDetails) -> Trouble:
    location: Location = tuple(part for part in detail["loc"] if part != "[key]")
    # Of an account pydantic says the kind too, after its name.
    kinded = location[0:1] == ("account",) and len(location) > 2 and str(location[2]) in _KINDS
    account = _KINDS[str(location[2])] if kinded else account_tables.ImapTable
    location = (*location[:2], *location[3:]) if kinded else location
    context: dict[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "not_accepted":
            where = (*location, context["key"]) if "key" in context else location
            return Trouble(where, context["what"], context["way_on"])
        case "missing":
            return Trouble(location, "this key is missing", _EXAMPLES.get(str(location[-1]), ""))
        case "extra_forbidden":
            return _unknown(location, account)
        case "literal_error":
            return _not_one_of(location, context["expected"])
        case "greater_than_equal":
            return Trouble(location, f"this is below {context['ge']}")
        case "less_than_equal":
            return Trouble(location, f"this is above {context['le']}")
        case "model_type" | "model_attributes_type" | "dict_type" | "list_type" if trouble := _not_a_table(
            location, detail["input"]
        ):
            return trouble
        case kind:
            return Trouble(location, *_WANTED.get(kind, ("this value is not accepted", "")))


def _not_one_of(location: Location, expected: str) -> Trouble:
    if location[-1] == "tls":
        return Trouble(location, _NO_SWITCH[0], "write implicit or starttls")
    return Trouble(location, "this word is not known here", f"one of: {expected}")


def _not_a_table(location: Location, value: Any) -> Trouble | None:
    """Brackets too few or too many, and a secret where a reference should be."""
    match location:
        case (*_, "secret" | "key"):
            if isinstance(value, str):
                return Trouble(location, *_SECRET_ITSELF)
            return Trouble(location, "a reference to a secret is wanted here", _EXAMPLES["secret"])
        case (*_, "channels") | (*_, "channels", int()):
            what = _SECRET_ITSELF[0] if isinstance(value, str) else "the place of an address is wanted here"
            return Trouble(location, what, 'say where each is kept: channels = [{ credential = "chat" }]')
        case ("helpline" | "advisor" | "letters" as name, *_) if len(location) <= 2:
            return Trouble(
                location, f"every {name} is a table of its own", f"write [[{name}]], in two brackets"
            )
        case ("account",) | ("account", _):
            return Trouble(location, "every account is a table of its own", "write [account.NAME]")
        case (str(name),):
            return Trouble(
                location, "this is a table, and there is one of it", f"write [{name}], in one bracket"
            )
        case (*_, "roles"):
            return Trouble(location, "a table is wanted here", 'such as roles = { sent = "Sent Items" }')
        case _:
            return None


def _unknown(location: Location, account: type[shapes.Table]) -> Trouble:
    key = str(location[-1])
    if _PASSWORD.fullmatch(key):
        return Trouble(location, *_SECRET_ITSELF)
    if _LOOSENING.fullmatch(key):
        return Trouble(location, *_NO_SWITCH)
    known = list(_table_at(location[:-1], account).model_fields)
    if near := get_close_matches(key.lower(), known, 1):
        return Trouble(location, "this key is not known here", f"did you mean {near[0]}?")
    return Trouble(location, "this key is not known here", f"known are: {', '.join(known)}")


def _table_at(location: Location, account: type[shapes.Table]) -> type[shapes.Table]:
    """The table whose keys stand at `location`; that of an account depends on its kind."""
    names = [part for part in location if isinstance(part, str)]
    if names[:1] == ["account"]:
        del names[1:2]
    if names == ["account"]:
        return account
    return _TABLES[names[-1]] if names else tables.ConfigTable
