"""What a single value of the configuration may be. Each check returns the value or raises NotAccepted.

A message never repeats an address, a place of a secret or anything else that was typed, except where
it is a period, a time zone or a fixed word.
"""

from __future__ import annotations

import os
import re
import unicodedata
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from retentiond.core.period import LONGEST_DAYS, SHORTEST_DAYS, Period

#: The shortest period for mail without `approvers = 1` (P1).
PROMISED: Final = Period(months=6)

_ALIAS = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_KEYWORD = re.compile(r"[!#$&'+,./0-9:;<=>?@A-Z\[^_`a-z|}~-]{1,100}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECONDS = re.compile(r"(\d{1,4}) (second|minute)s?")
_SHOWABLE = re.compile(r"[-+]?[0-9.,]{1,12} ?[A-Za-z]{0,12}")
_LONGEST_WAIT: Final = 600
#: The bytes of a Unix socket's path, the zero at its end left out.
_LONGEST_SOCKET: Final = 107


class NotAccepted(Exception):
    """A value that is not accepted: what is wrong with it, and the way on."""

    def __init__(self, what: str, way_on: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.way_on = way_on


def plain(value: str) -> str:
    """Text without control characters or blanks at its ends, composed (NFC)."""
    if not value.strip():
        raise NotAccepted("this is empty", "write a value, or leave the key out")
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in value):
        raise NotAccepted("a control character or a line break is in this text", "write it without")
    if value != value.strip():
        raise NotAccepted("there is a blank at the beginning or the end of this text", "write it without")
    return unicodedata.normalize("NFC", value)


def is_alias(value: str) -> bool:
    """Whether this is a name that may be shown."""
    return _ALIAS.fullmatch(value) is not None


def alias(value: str) -> str:
    """A name that may appear in logs, reports and on a command line."""
    if not is_alias(value):
        raise NotAccepted(
            "a name consists of lower-case letters, digits and hyphens, at most 32, and does not begin "
            "with a hyphen",
            "choose a name that tells nobody anything, such as helpline-1 or advisor-7",
        )
    if value == "house":
        raise NotAccepted("the name house belongs to the ledger's own chain", "choose another name")
    return value


def address(value: str) -> str:
    """A bare e-mail address (RFC 5321, in ASCII)."""
    if not _ADDRESS.fullmatch(value):
        raise NotAccepted("this is not a bare e-mail address", "such as helpline@charity.example")
    return value


def mailbox(value: str) -> str:
    """What a mailbox is called on its server: a login name, or the part of a shared folder's name."""
    return _without_wildcards(plain(value))


def folder(value: str) -> str:
    """A folder's name as the server shows it, decoded."""
    return _without_wildcards(plain(value))


def _without_wildcards(value: str) -> str:
    if "*" in value or "%" in value:
        raise NotAccepted("* and % stand for many names", "write each name in full")
    return value


def keyword(value: str) -> str:
    """An IMAP keyword (RFC 9051, flag-keyword: an atom)."""
    if value.startswith("\\"):
        raise NotAccepted("a system flag cannot be the sign of a hold", "such as $RetentionHold")
    if not _KEYWORD.fullmatch(value):
        raise NotAccepted("this is not an IMAP keyword", "letters, digits and $, such as $RetentionHold")
    return value


def textfile(value: str) -> str:
    """A path from the root that the node exporter reads."""
    if not absolute(value).endswith(".prom"):
        raise NotAccepted("the node exporter reads files whose names end in .prom", "call it retentiond.prom")
    return value


def absolute(value: str) -> str:
    """A path from the root."""
    if not value.startswith("/"):
        raise NotAccepted("this is not an absolute path", "write the path from / on")
    return plain(value)


def existing(value: str) -> str:
    """A path from the root to a file that is there."""
    if not os.path.isfile(absolute(value)):  # noqa: PTH113 — it also answers where one may not look
        raise NotAccepted("there is no such file", "or it cannot be seen by this user")
    return value


def credential(value: str) -> str:
    """The name of a systemd credential (systemd.exec(5), LoadCredential=)."""
    if not _CREDENTIAL.fullmatch(value) or value in (".", ".."):
        raise NotAccepted("this is not a credential's name", "letters, digits, hyphen, dot and underscore")
    return value


def variable(value: str) -> str:
    """The name of an environment variable."""
    if not _VARIABLE.fullmatch(value):
        raise NotAccepted("this is not a variable's name", "letters, digits and underscore")
    return value


def argument(value: str) -> str:
    """A word of a command."""
    if not value or not value.isprintable():
        raise NotAccepted("a word of this command is empty or cannot be printed")
    return value


def prefix(value: str) -> str:
    """Where shared mailboxes lie: a folder's name with `{mailbox}` in it, once."""
    if value.count("{mailbox}") != 1 or set("{}") & set(value.replace("{mailbox}", "")):
        raise NotAccepted(
            "this does not say where a mailbox's own name stands",
            'such as shared_prefix = "shared/{mailbox}"',
        )
    return folder(value)


def zone(value: str) -> str:
    """An IANA time zone."""
    if not _zones():
        raise NotAccepted("no time zone is known here, so no day can be told", "pip install tzdata")
    if value not in _zones():
        near = get_close_matches(value.lower(), map(str.lower, _zones()), 1)
        name = next((name for name in _zones() if near and name.lower() == near[0]), "Europe/London")
        raise NotAccepted("this is not a time zone that is known", f'such as zone = "{name}"')
    ZoneInfo(value)
    return value


@cache
def _zones() -> dict[str, None]:
    """The names of the tzdata package. A machine's own files also hold `localtime`, which would make
    the promise depend on the machine, and `right/…`, which is half a minute off."""
    try:
        return dict.fromkeys(files("tzdata").joinpath("zones").read_text("ascii").split())
    except (ImportError, OSError):
        return {}


def period(value: object) -> str:
    """A period within bounds: from one month to ten years."""
    parsed = _parsed(value)
    if parsed.shortest_days < SHORTEST_DAYS:
        raise NotAccepted(f"{parsed} is shorter than a month", "nothing may be destroyed so soon")
    if parsed.longest_days > LONGEST_DAYS:
        raise NotAccepted(f"{parsed} is longer than ten years", "that is no retention period")
    return str(value)


def keeping(value: object) -> str:
    """For how long a server keeps what was removed: a day to ten years."""
    if _parsed(value).longest_days > LONGEST_DAYS:
        raise NotAccepted("this is longer than ten years")
    return str(value)


def _parsed(value: object) -> Period:
    try:
        return Period.parse(value if isinstance(value, str) else "")
    except ValueError:
        shown = str(value) if isinstance(value, str | int | float) else ""
        said = f"{shown} is not a period" if _SHOWABLE.fullmatch(shown) else "this is not a period"
        raise NotAccepted(said, 'a number above zero and days, weeks, months or years: "6 months"') from None


def socket(value: str) -> str:
    """Where a Unix socket lies: from the root, and short enough for the kernel (unix(7))."""
    plain = absolute(value)
    if len(plain.encode("utf-8", "replace")) > _LONGEST_SOCKET:
        raise NotAccepted("this path is too long for a socket", f"at most {_LONGEST_SOCKET} bytes")
    return plain


def group(value: str) -> str:
    """The name of a Unix group."""
    if not value or len(value) > 64 or not value.isprintable() or set(value) & set(" :/,"):
        raise NotAccepted("this is not the name of a group", "one group's name")
    return value


def seconds(value: object) -> int:
    """A wait in seconds, from `60`, `"60 seconds"` or `"2 minutes"`."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if isinstance(value, str) and (match := _SECONDS.fullmatch(value)):
        number = int(match[1]) * (60 if match[2] == "minute" else 1)
    if not 1 <= number <= _LONGEST_WAIT:
        raise NotAccepted("this is not a wait of 1 second to 10 minutes", 'such as timeout = "60 seconds"')
    return number
