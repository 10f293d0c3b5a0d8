"""The demo's configuration, written as an administrator would write one: no password stands in it."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

from retentiond.demo.server import EmbeddedServer
from retentiond.demo.world import ADVISORS, HELPLINES, HOLD_FOLDER, HOLD_KEYWORD, PERIOD, ZONE


def write_settings(folder: Path, server: EmbeddedServer, password: str, told: date) -> Path:
    """Writes the configuration and the file with the password (0400) into `folder`; the path of the former.

    `told` is the day since which the advisors have known.
    """
    secret, path = folder / "password", folder / "retentiond.toml"
    _write(secret, password, 0o400)
    tables = [
        f"[policy]\nperiod = {_text(PERIOD)}\nzone = {_text(ZONE.key)}",
        f"[ledger]\ndirectory = {_text(folder / 'ledger')}",
        '[log]\nlevel = "warning"',
        f'[account.demo]\nkind = "imap"\nhost = "{server.host}"\nport = {server.port}\n'
        f"ca_file = {_text(server.ca_file)}\nsecret = {{ file = {_text(secret)} }}",
    ]
    for line in HELPLINES:
        tables.append(
            f'[[helpline]]\nname = "{line.alias}"\naccount = "demo"\nmailbox = "{line.address}"\n'
            f'identities = ["{line.address}"]\nhold_keyword = "{HOLD_KEYWORD}"'
        )
        if line is HELPLINES[0]:
            tables[-1] += f'\nhold_folder = "{HOLD_FOLDER}"'
    tables += [
        f'[[advisor]]\nname = "{advisor.alias}"\naccount = "demo"\nmailbox = "{advisor.address}"\n'
        f"told = {told.isoformat()}"
        for advisor in ADVISORS
    ]
    _write(path, "\n\n".join(tables) + "\n", 0o600)
    return path


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _text(value: object) -> str:
    """A TOML string: JSON's escapes are among TOML's."""
    return json.dumps(str(value), ensure_ascii=False)
