"""Names become marks: what is looked for can be known again, and read by nobody without the key (P7)."""

from __future__ import annotations

import hmac

from retentiond.core.model import Mark


class Marker:
    """Turns a name into a Mark (HMAC-SHA-256 under the ledger's mark key, 16 bytes).

    Without the key a mark says nothing. An audit without a ledger uses a key of its own that dies
    with it. `kind` keeps marks of different things apart: the same text as address and as folder
    gives two unrelated marks.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Marker(…)"

    def mark(self, kind: str, text: str | bytes) -> Mark:
        """The mark of `text` (str as UTF-8) among things of this `kind`."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return hmac.digest(self._key, kind.encode() + b"\0" + data, "sha256")[:16]

    def address(self, address: str) -> Mark:
        """The mark of a bare address, letter case and surrounding blanks aside; ß and ss are two."""
        return self.mark("address", address.strip().lower())

    def message(self, message_id: str) -> Mark:
        """The mark of a Message-ID without its angle brackets and blanks."""
        return self.mark("message", message_id.strip().strip("<>").strip())

    def folder(self, target: str, name: str) -> str:
        """The label of a folder whose name may not be shown: `folder-` and 10 hexadecimal digits."""
        return "folder-" + self.mark("folder", f"{target}\0{name}").hex()[:10]
