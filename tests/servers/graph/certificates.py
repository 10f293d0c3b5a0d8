"""A self-signed certificate with its key, as an administrator makes one for an app registration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from retentiond.demo.authority import NOT_AFTER, NOT_BEFORE


@dataclass(frozen=True, slots=True)
class Credential:
    """Both as PEM."""

    certificate: x509.Certificate
    certificate_pem: str
    key_pem: str

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint in hex, as Entra shows it."""
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()


@cache
def new_credential(name: str = "retentiond") -> Credential:
    """One for each name; a key of 2,048 bits takes its time."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .sign(key, hashes.SHA256())
    )
    return Credential(
        certificate,
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
