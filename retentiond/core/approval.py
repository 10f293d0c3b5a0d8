"""What a second person is asked to agree to, and the code by which they say so; nothing is sent from here.

A request names exactly one plan and its number: another plan, or one item more, is another request.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from enum import StrEnum

#: How many letters a code has: 40 bits, of which three guesses find nothing.
_LETTERS = 8


class Wish(StrEnum):
    """What one person alone may not do."""

    EARLY_PURGE = "purge"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Request:
    """`digest` is the plan's (hexadecimal), `number` how many items it would destroy."""

    wish: Wish
    targets: tuple[str, ...]
    digest: str
    number: int

    @property
    def canonical(self) -> bytes:
        """The same bytes for the same request, and for no other."""
        return "\n".join((self.wish.value, *self.targets, self.digest, str(self.number))).encode()


def code_for(request: Request, key: bytes, nonce: bytes) -> str:
    """A one-time code (`ABCD-2345`) for this request alone: HMAC-SHA-256 under the ledger's key.

    `nonce` is random and lives as long as the question: that makes the code single-use and short-lived.
    """
    told = hmac.digest(key, b"retentiond approval v1\n" + nonce + request.canonical, "sha256")
    letters = base64.b32encode(told).decode("ascii")[:_LETTERS]
    return f"{letters[:4]}-{letters[4:]}"


def is_code(typed: str, request: Request, key: bytes, nonce: bytes) -> bool:
    """Whether this is the code, blanks, dashes and case aside; in constant time."""
    plain = "".join(each for each in typed.upper() if each.isalnum()).encode("utf-8")
    return hmac.compare_digest(plain, code_for(request, key, nonce).replace("-", "").encode("ascii"))
