"""One command with what the service has: its user, folders and credentials. Words only; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from retentiond.config import Config
from retentiond.install.contents import ADMINS, CONFIGURATION, USER
from retentiond.install.dropins import credential_names, credential_place


def words(config: Config, program: str, command: Sequence[str], *, is_terminal: bool, who: int) -> list[str]:
    """What to run (systemd-run(1)). `who` is the uid of the person who asks, for the ledger. A secret is
    nowhere in it: systemd decrypts credentials for this one command."""
    properties = [
        "UMask=0077",
        "NoNewPrivileges=true",
        "StateDirectory=retentiond",
        "StateDirectoryMode=0700",
    ]
    for name in credential_names(config):
        properties.append(f"LoadCredentialEncrypted={name}:{credential_place(name)}")
    if config.letters:  # as in the drop-in for letters
        properties.append("AmbientCapabilities=CAP_LEASE")
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        "--wait",
        "--pty" if is_terminal else "--pipe",
        f"--uid={USER}",
        f"--gid={ADMINS}",
        f"--setenv=SUDO_UID={who}",
        *(f"--property={each}" for each in properties),
        program,
        f"--config={CONFIGURATION}",
        *command,
    ]
