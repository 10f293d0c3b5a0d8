"""The tenant: its app registrations, the proofs that it takes from them, the tokens that it gives.

What is checked of a certificate's assertion is what Microsoft's page "certificate credentials" names: the
thumbprint (x5t or x5t#S256), the signature (RS256 or PS256), aud, iss, sub, nbf and exp. Times of tokens and
assertions are the machine's, as the clients' are; the clock of the mail server may be set apart from it.
"""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.graph.apps import App, Federation

GRAPH = "https://graph.microsoft.com"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "https://issuer.example"


class Refused(Exception):
    """The token endpoint's refusal."""

    def __init__(self, error: str, code: int, words: str) -> None:
        self.error = error
        self.code = code
        self.words = f"AADSTS{code}: {words}"


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was given out, and until when (seconds since the epoch)."""

    app: App
    ends: float


class Tenant:
    """`id` is the tenant's; `lifetime` of tokens in seconds."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.lifetime = 3600
        self.apps: dict[str, App] = {}
        self.identity_header = secrets.token_urlsafe(12)
        #: The app that a managed identity of this machine is; None: there is none.
        self.identity: App | None = None
        #: What was refused, by its code; for tests to count.
        self.refusals: list[int] = []
        #: What apps proved themselves with.
        self.assertions: list[str] = []
        self._tokens: dict[str, Token] = {}

    def new_app(self, name: str) -> App:
        app = App(name)
        self.apps[app.client_id] = app
        return app

    def expire_tokens(self) -> None:
        """No token given so far is good any more; new ones can be had."""
        self._tokens = {written: Token(token.app, 0) for written, token in self._tokens.items()}

    def tokens(self) -> tuple[str, ...]:
        """Every token that was ever given."""
        return tuple(self._tokens)

    def app_of(self, written: str) -> App | None:
        """Whose token this is, be it good or not."""
        token = self._tokens.get(written)
        return token.app if token else None

    def is_good(self, written: str) -> bool:
        token = self._tokens.get(written)
        return token is not None and token.ends > time.time()

    # ── what an app may show ─────────────────────────────────────────────────────────────────────

    def granted(self, form: Mapping[str, str], base: str) -> dict[str, Any]:
        """The answer of the token endpoint to client credentials. Raises Refused."""
        if form.get("grant_type") != "client_credentials":
            raise Refused("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        app = self.apps.get(form.get("client_id", ""))
        if app is None:
            raise Refused("unauthorized_client", 700016, "Application was not found in the directory.")
        resource, _slash, name = form.get("scope", "").rpartition("/")
        if name != ".default" or resource not in (base, GRAPH):
            raise Refused("invalid_scope", 70011, "The provided value for the input 'scope' is not valid.")
        self._prove(app, form, f"{base}/{self.id}/oauth2/v2.0/token")
        return {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": self.new_token(app, resource),
        }

    def new_token(self, app: App, resource: str = GRAPH) -> str:
        """A token as it is now: with what was consented to, without what RBAC for Applications gives."""
        now = int(time.time())
        claims = {
            **{"aud": resource, "iss": f"https://sts.windows.net/{self.id}/", "tid": self.id},
            **{"appid": app.client_id, "app_displayname": app.name, "idtyp": "app", "ver": "1.0"},
            **{"iat": now, "nbf": now, "exp": now + self.lifetime, "uti": secrets.token_urlsafe(8)},
            **({"roles": sorted(app.consents)} if app.consents else {}),
        }
        written = jwt.encode(claims, _signing_key(), "RS256", {"kid": "stand-in"})
        self._tokens[written] = Token(app, now + self.lifetime)
        return written

    def identity_token(self, resource: str, base: str) -> dict[str, Any]:
        """What a managed identity's endpoint answers. Raises Refused where this machine has none."""
        if self.identity is None or resource.rstrip("/") not in (base, GRAPH):
            raise Refused("invalid_resource", 500011, "The resource principal was not found.")
        return {
            "access_token": self.new_token(self.identity, resource.rstrip("/")),
            "expires_in": str(self.lifetime),
            "expires_on": str(int(time.time()) + self.lifetime),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": self.identity.client_id,
        }

    def _prove(self, app: App, form: Mapping[str, str], endpoint: str) -> None:
        if "client_assertion" not in form:
            given = form.get("client_secret", "")
            if not app.secret or not secrets.compare_digest(app.secret, given):
                raise Refused("invalid_client", 7000215, "Invalid client secret provided.")
            return
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise Refused("invalid_request", 900144, "The client_assertion_type is wrong.")
        written = form["client_assertion"]
        self.assertions.append(written)
        try:
            head = jwt.get_unverified_header(written)
            claims = jwt.decode(written, options={"verify_signature": False, "verify_exp": False})
        except jwt.PyJWTError:
            raise Refused("invalid_client", 50027, "JWT token is invalid or malformed.") from None
        for federation in app.federations:
            if claims.get("iss") == federation.issuer:
                _check_federated(written, federation)
                return
        _check_certified(written, head, app, endpoint)


def _check_federated(written: str, federation: Federation) -> None:
    if not _is_signed(
        written, federation.key, ["RS256"], EXCHANGE_AUDIENCE, federation.issuer, federation.subject
    ):
        raise Refused("invalid_client", 700213, "No matching federated identity record found.")


def _check_certified(written: str, head: Mapping[str, Any], app: App, endpoint: str) -> None:
    for certificate in app.certificates:
        small, large = (_print(certificate.fingerprint(kind)) for kind in (hashes.SHA1(), hashes.SHA256()))
        told = {name: str(head[name]).rstrip("=") for name in ("x5t", "x5t#S256") if name in head}
        if not told or {"x5t": small, "x5t#S256": large} | told != {"x5t": small, "x5t#S256": large}:
            continue
        if _is_signed(
            written, certificate.public_key(), ["RS256", "PS256"], endpoint, app.client_id, app.client_id
        ):
            return
    raise Refused("invalid_client", 700027, "The certificate with identifier used to sign is not registered.")


def _is_signed(
    written: str, key: Any, algorithms: list[str], audience: str, issuer: str, subject: str
) -> bool:
    required = ["exp", "iss", "sub", "aud"]
    try:
        claims = jwt.decode(
            written, key, algorithms, {"require": required}, audience=audience, issuer=issuer, leeway=300
        )
    except jwt.PyJWTError:
        return False
    return bool(claims["sub"] == subject)


def _print(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


# ── what tests give to apps ──────────────────────────────────────────────────────────────────────


def federate(app: App) -> Federation:
    """Lets an app be proved by the assertions of an outside issuer, and says which."""
    found = Federation(ISSUER, f"workload:{app.name}", _signing_key().public_key())
    app.federations.append(found)
    return found


def federated_assertion(app: App, **changes: Any) -> str:
    """What the outside issuer would sign for an app now; `changes` are other claims than the right ones."""
    now = int(time.time())
    claims = {
        **{"iss": ISSUER, "sub": f"workload:{app.name}", "aud": EXCHANGE_AUDIENCE},
        **{"iat": now, "exp": now + 600, "jti": secrets.token_urlsafe(8)},
    }
    return jwt.encode({**claims, **changes}, _signing_key(), "RS256")
