"""Who signs in to the servers of the tests; none of the passwords guards anything."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "open-sesame"


@dataclass(frozen=True, slots=True)
class User:
    """A name and a password."""

    name: str
    password: str = PASSWORD
