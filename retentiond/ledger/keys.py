"""One secret of 32 random bytes, and what is derived from it; the secret itself is kept nowhere here.

HKDF-SHA-256 (RFC 5869, without salt) gives the seed of an Ed25519 key (RFC 8032), the key of the marks
and the key of saved plans. The public half is all that an auditor needs.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from retentiond.core.chain import HOUSE, Break, Seal, head_text, open_note, signed_note
from retentiond.errors import LedgerDamaged
from retentiond.ledger.places import write_new

KEY_BYTES = 32


def make_key(path: Path, directory: Path) -> bytes:
    """Writes a new key (32 random bytes, raw) to `path`, mode 0400, and returns it.

    It belongs to whoever owns the ledger's `directory`. Raises FileExistsError where something is there
    already.
    """
    key = secrets.token_bytes(KEY_BYTES)
    write_new(path, key, 0o400, directory)
    return key


def plain_key(secret: bytes) -> bytes:
    """The 32 bytes of a secret given raw or, where a place holds only text, as 64 hexadecimal digits.

    Raises LedgerDamaged(key) for anything else.
    """
    if len(secret) == KEY_BYTES:
        return secret
    try:
        key = bytes.fromhex(secret.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise LedgerDamaged(HOUSE, None, Break.KEY)
    return key


class Keys:
    """What the ledger derives from its secret. It has no repr worth reading: it must not be logged."""

    __slots__ = ("_private", "mark_key", "pem", "plan_key", "public")

    def __init__(self, secret: bytes) -> None:
        key = plain_key(secret)
        self._private = Ed25519PrivateKey.from_private_bytes(_derive(key, "signature"))
        self.mark_key = _derive(key, "marks")
        self.plan_key = _derive(key, "plan")
        public = self._private.public_key()
        self.public = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def __repr__(self) -> str:
        return "Keys(…)"

    def sign(self, seal: Seal) -> str:
        """The signed note of a chain's head."""
        return signed_note(seal, self.public, self._private.sign(head_text(seal).encode("utf-8")))

    def check(self, note: str, chain: str, entry: int) -> Seal:
        """The seal in a note of `chain`. Raises LedgerDamaged (at `entry`) where we did not sign it so."""
        try:
            seal, signature = open_note(note)
            self._private.public_key().verify(signature, head_text(seal).encode("utf-8"))
            if seal.chain != chain or signed_note(seal, self.public, signature) != note:
                raise ValueError("another spelling")
        except (ValueError, InvalidSignature):
            raise LedgerDamaged(chain, entry, Break.SIGNATURE) from None
        return seal


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"retentiond ledger {purpose} v1".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
