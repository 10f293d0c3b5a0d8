"""From a path to a Config: everything that is wrong is found, and told, before anything is connected to."""

from __future__ import annotations

import errno
import os
import re
import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from retentiond.config.locate import Location, Trouble, line_of, lines_of
from retentiond.config.secrets import WRITE, content_of, opened, openness, too_open
from retentiond.config.settings import AlertSettings, Config
from retentiond.errors import ConfigurationRefused, Fault, PermissionsTooOpen

VARIABLE: Final = "RETENTIOND_CONFIG"
DEFAULT_PATH: Final = Path("/etc/retentiond/retentiond.toml")

_LARGEST: Final = 1024 * 1024
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_AT: Final = re.compile(r"\(at line (\d+), column \d+\)$")

#: How tomllib's messages begin, and what we say instead: its own may repeat what was typed.
_SYNTAX: Final = (
    ("Cannot ", "this key or table is here a second time", "keep one of the two"),
    ("Duplicate", "this key is here a second time", "keep one of the two"),
    ("Unterminated", "a quotation mark is not closed", "close it on the same line"),
    ("Unclosed", "a bracket is not closed", "close it"),
    ("Invalid value", "this value is not TOML", "text stands in quotes"),
    ("Expected newline", "something follows the value", "one key on a line; a comment begins with #"),
    ("Expected '='", "there is a key without a value", "write key = value"),
    ("Unescaped", "a backslash in double quotes", "use single quotes: '…'"),
    ("Illegal", "a character that may not stand here", "a text ends on its own line, and holds no tabs"),
)


def find(path_option: str | None) -> Path:
    """Where the configuration is: the option, else $RETENTIOND_CONFIG, else the place under /etc."""
    return Path(path_option or os.environ.get(VARIABLE) or DEFAULT_PATH)


def load(path: Path) -> Config:
    """The configuration in `path`.

    Raises ConfigurationRefused with every fault at once, or PermissionsTooOpen where others may write
    the file or read a secret. A file that others may write is not even parsed; other faults come
    before secrets that are too open.
    """
    text, troubles = _decoded(path, _content(path))
    data = _parsed(path, text, troubles)
    lines = lines_of(text)
    from pydantic import ValidationError

    from retentiond.config import agreement, faults, tables
    from retentiond.config.build import built

    try:
        table = tables.ConfigTable.model_validate(data)
    except ValidationError as error:
        table = None
        troubles += faults.troubles(error)
    troubles += agreement.troubles(data)
    if table is None or troubles:
        raise _refused(path, troubles, lines)
    config = built(path, table)
    _check_files(config, lines)
    return config


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file, for editors; from the same tables that check it."""
    from retentiond.config.tables import ConfigTable

    schema = _without_null(ConfigTable.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "retentiond.toml"}


def _without_null(schema: Any) -> Any:
    """TOML has no null: a key that may be left out is left out."""
    if isinstance(schema, list):
        return [_without_null(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)
    }
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if {"type": "null"} in kept.get("anyOf", ()):
        first, *rest = [entry for entry in kept.pop("anyOf") if entry != {"type": "null"}]
        kept.update({"anyOf": [first, *rest]} if rest else first)
    return kept


def _content(path: Path) -> bytes:
    """The bytes of the file, once its owner and rights are in order. Follows links, never waits."""
    try:
        with opened(path) as descriptor:
            content, owner = content_of(descriptor, _LARGEST), os.fstat(descriptor).st_uid
            whom = too_open(descriptor, WRITE)
    except (OSError, ValueError) as error:
        raise _unread(path, error) from None
    if content is None:
        raise _refusal(path, "this is not a file, or it is larger than 1 MiB", "name the file itself")
    if owner not in (0, os.geteuid()):
        raise _too_open(path, "it belongs to another user, who may change it", "chown root")
    if whom:
        raise _too_open(path, f"{whom} may change it", "chmod go-w")
    return content


def _too_open(path: Path, what: str, way_on: str) -> PermissionsTooOpen:
    return PermissionsTooOpen((Fault(_name(path), None, "", what, f"{way_on} {shlex.quote(_name(path))}"),))


def _unread(path: Path, error: OSError | ValueError) -> ConfigurationRefused:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR):
        way_on = f"name it with --config or ${VARIABLE}, or begin: retentiond config generate"
        return _refusal(path, "there is no such file", way_on)
    if number in (errno.EACCES, errno.EPERM):
        return _refusal(path, "you may not read this file", "run as root or as the service's user")
    return _refusal(path, "this file cannot be read", "")


def _decoded(path: Path, content: bytes) -> tuple[str, list[Trouble]]:
    troubles = []
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
        troubles.append(Trouble((), "it begins with a byte order mark", "save it as UTF-8 without BOM"))
    try:
        return content.decode("utf-8").replace("\r\n", "\n"), troubles
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(path, "it is not UTF-8 text", "save it as UTF-8", line) from None


def _parsed(path: Path, text: str, troubles: list[Trouble]) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        what, way_on, line = "brackets are nested too deeply", "", None
    except ValueError as error:  # TOMLDecodeError, and a number of more than 4,300 digits
        message = str(error)
        found = ((what, way_on) for start, what, way_on in _SYNTAX if message.startswith(start))
        what, way_on = next(found, ("this is not TOML", "key = value, or [table]"))
        at = _AT.search(message)
        line = int(at[1]) if at else text.count("\n") + 1 if "end of document" in message else None
    fault = Fault(_name(path), line, "", what, way_on)
    raise ConfigurationRefused((*_faults(path, troubles, {}), fault)) from None


def _refusal(path: Path, what: str, way_on: str, line: int | None = None) -> ConfigurationRefused:
    return ConfigurationRefused((Fault(_name(path), line, "", what, way_on),))


def _refused(path: Path, troubles: Iterable[Trouble], lines: dict[Location, int]) -> ConfigurationRefused:
    faults = dict.fromkeys(_faults(path, troubles, lines))
    return ConfigurationRefused(tuple(sorted(faults, key=lambda fault: fault.line or 0)))


def _faults(path: Path, troubles: Iterable[Trouble], lines: dict[Location, int]) -> list[Fault]:
    return [
        Fault(_name(path), line_of(lines, where), _dotted(where), what, way_on)
        for where, what, way_on in troubles
    ]


def _dotted(location: Location) -> str:
    """The key as one would say it. A name that was put in quotes might be anything, so it is not said."""
    names = (part for part in location if isinstance(part, str))
    return ".".join(name if _BARE.fullmatch(name) else '"…"' for name in names)


def _name(path: Path) -> str:
    return str(path).encode("utf-8", "replace").decode("utf-8")


def _alert_openness(alert: AlertSettings, name: str, lines: dict[Location, int]) -> list[Fault | None]:
    found: list[Fault | None] = []
    if alert.secret is not None:
        found.append(openness(alert.secret, name, line_of(lines, ("alert", "secret")), "alert.secret"))
    for at, channel in enumerate(alert.channels):
        found.append(openness(channel, name, line_of(lines, ("alert", "channels", at)), "alert.channels"))
    return [*found, _certificate(alert.ca_file, name, lines, ("alert", "ca_file"))]


def _certificate(
    path: Path | None, name: str, lines: dict[Location, int], location: Location
) -> Fault | None:
    """What is wrong with the place of an authority's certificate: others could exchange it."""
    if path is None or not (whom := too_open(path, WRITE)):
        return None
    what, line = f"the certificate's file can be changed by {whom}", line_of(lines, location)
    return Fault(name, line, _dotted(location), what, f"chmod go-w {shlex.quote(str(path))}")


def _check_files(config: Config, lines: dict[Location, int]) -> None:
    """Secrets that others can read and certificates that others can exchange. Raises PermissionsTooOpen."""
    name = _name(config.path)
    found = [openness(config.ledger.key, name, line_of(lines, ("ledger", "key")), "ledger.key")]
    if config.alert is not None:
        found += _alert_openness(config.alert, name, lines)
    if config.heartbeat is not None:
        found.append(_certificate(config.heartbeat.ca_file, name, lines, ("heartbeat", "ca_file")))
    for account in config.accounts.values():
        at: Location = ("account", account.name)
        key = _dotted((*at, "secret"))
        if account.secret is not None:
            found.append(openness(account.secret, name, line_of(lines, (*at, "secret")), key))
        found.append(_certificate(account.ca_file, name, lines, (*at, "ca_file")))
    if open_ones := tuple(fault for fault in found if fault):
        raise PermissionsTooOpen(open_ones)
