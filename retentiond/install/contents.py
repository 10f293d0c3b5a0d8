"""What is put where: one list, for `retentiond install` and for the Debian package alike.

The standard library only, and nothing of the house: the package is built by whoever has a checkout.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

#: Where the program lies on a machine that has it from the Debian package.
HOME: Final = "/opt/retentiond"
PROGRAM: Final = f"{HOME}/bin/retentiond"

USER: Final = "retentiond"
#: Whoever is in this group may ask the running service for something. The service runs in it.
ADMINS: Final = "retentiond-admin"

CONFIGURATION: Final = "/etc/retentiond/retentiond.toml"
STATE: Final = "/var/lib/retentiond"
CREDENTIALS: Final = "/etc/credstore.encrypted"

SERVICE: Final = "retentiond.service"
ONCE: Final = "retentiond-once.service"
TIMER: Final = "retentiond.timer"


class Kind(StrEnum):
    """Which part of systemd reads a file, and so in which folder it lies."""

    UNIT = "system"
    SYSUSERS = "sysusers.d"
    TMPFILES = "tmpfiles.d"


@dataclass(frozen=True, slots=True)
class Part:
    """One file as it is shipped: its name under `systemd/`, and what it is called where it is read."""

    source: str
    kind: Kind
    name: str
    is_for_timer: bool = False

    def place(self, layout: Layout) -> str:
        """Its absolute path in a layout."""
        return f"{layout.folder(self.kind)}/{self.name}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a machine keeps what its distribution ships, or what its administrator adds."""

    units: str
    base: str

    def folder(self, kind: Kind) -> str:
        return self.units if kind is Kind.UNIT else f"{self.base}/{kind}"


#: A package's own places, and the administrator's, which go before them (systemd.unit(5), sysusers.d(5)).
VENDOR: Final = Layout("/usr/lib/systemd/system", "/usr/lib")
LOCAL: Final = Layout("/etc/systemd/system", "/etc")

#: In the order in which they are put there: the user first, for the folders are its own.
PARTS: Final = (
    Part("retentiond.sysusers", Kind.SYSUSERS, "retentiond.conf"),
    Part("retentiond.tmpfiles", Kind.TMPFILES, "retentiond.conf"),
    Part(SERVICE, Kind.UNIT, SERVICE),
    Part("retentiond-alert@.service", Kind.UNIT, "retentiond-alert@.service"),
    Part(ONCE, Kind.UNIT, ONCE, is_for_timer=True),
    Part(TIMER, Kind.UNIT, TIMER, is_for_timer=True),
)

#: What only some sites need, and `install` writes from the configuration. The others are shipped as examples.
CREDENTIALS_DROP_IN: Final = "20-credentials.conf"
LEDGER_DROP_IN: Final = "30-ledger.conf"
LETTERS_DROP_IN: Final = "50-letters.conf"
#: Makes the ledger's folder where that is not the service's usual one.
LEDGER_TMPFILES: Final = "retentiond-ledger.conf"


def folder() -> Path:
    """Where the files are shipped: beside this module where it is installed, else in the checkout."""
    here = Path(__file__).parent
    installed = here / "systemd"
    return installed if installed.exists() else here.parents[1] / "systemd"


def text_of(part: Part, program: str = PROGRAM) -> str:
    """A file's text, with the program that it starts."""
    text = (folder() / part.source).read_text("utf-8")
    return text.replace(f"ExecStart={PROGRAM} ", f"ExecStart={program} ")
