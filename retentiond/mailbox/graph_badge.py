"""By what an application is known to Microsoft Entra: a token, fetched when it is needed and kept nowhere.

msal speaks with Entra. What it says, and what Entra says to it, is never passed on; nothing is looked up
beyond the authority that the configuration names.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from retentiond.config import GraphAccount, Proof
from retentiond.errors import MailboxError, SecretMissing, Unreachable, Why
from retentiond.mailbox.secret import Secret

#: What Entra answers where it is the moment that is wrong and not the application.
_PASSING = frozenset(("temporarily_unavailable", "server_error", "timeout", "slow_down"))
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class Badge:
    """The token of one account, for all its mailboxes in one command."""

    def __init__(self, account: GraphAccount, secret: Secret) -> None:
        self._account = account
        self._secret = secret
        self._turn = Lock()
        self._application: Any = None
        self._token = ""

    def __repr__(self) -> str:
        return "Badge(…)"

    def token(self, target: str) -> str:
        """A token that is good for now. Raises Unreachable, SecretMissing. A refused proof is tried once for
        all mailboxes of the account."""
        with self._turn:
            self._token = self._fetched(target)
            return self._token

    def renew(self, target: str, stale: str) -> str:
        """Another token than this one, which the server refused."""
        with self._turn:
            if self._token == stale:
                self._application = None
                self._token = self._fetched(target)
            return self._token

    def roles(self, target: str) -> frozenset[str]:
        """The permissions that the token itself names: those consented for the whole tenant. What is granted
        within a scope of Exchange stands in no token."""
        parts = self.token(target).split(".")
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return frozenset(str(role) for role in claims.get("roles", ()))
        except (IndexError, ValueError, AttributeError, TypeError):
            return frozenset()

    # ── one token ────────────────────────────────────────────────────────────────────────────────

    def _fetched(self, target: str) -> str:
        if self._secret.is_refused:
            raise Unreachable(target, Why.PASSWORD)
        from retentiond.mailbox.tls import why_broken

        try:
            answer = self._asked(target)
        except (MailboxError, SecretMissing):
            raise
        except OSError as error:  # what requests raises is one
            raise Unreachable(target, why_broken(error), self._host) from None
        except Exception:  # a key that is none, an answer that is none: nowhere written down
            raise Unreachable(target, Why.PROTOCOL, self._host) from None
        token = answer.get("access_token")
        if isinstance(token, str) and token:
            return token
        if answer.get("error") in _PASSING:
            raise Unreachable(target, Why.BUSY)
        self._secret.is_refused = True
        raise Unreachable(target, Why.PASSWORD)

    def _asked(self, target: str) -> Mapping[str, Any]:
        graph = urlsplit(self._account.endpoint)
        if self._application is None:
            self._application = self._made(target)
        if self._account.auth is Proof.MANAGED_IDENTITY:
            answer = self._application.acquire_token_for_client(resource=f"https://{graph.netloc}")
        else:
            answer = self._application.acquire_token_for_client([f"https://{graph.netloc}/.default"])
        return answer if isinstance(answer, Mapping) else {}

    def _made(self, target: str) -> Any:
        import msal
        import requests

        from retentiond.mailbox.tls import Verified

        account = self._account
        client = requests.Session()
        client.trust_env = False
        client.mount("https://", Verified(account.ca_file))
        client.request = partial(client.request, timeout=account.timeout)  # type: ignore[method-assign]
        if account.auth is Proof.MANAGED_IDENTITY:
            who = (
                msal.UserAssignedManagedIdentity(client_id=account.client_id)
                if account.client_id
                else msal.SystemAssignedManagedIdentity()
            )
            return msal.ManagedIdentityClient(who, http_client=client)
        return msal.ConfidentialClientApplication(
            account.client_id,
            client_credential=self._proof(target),
            authority=f"{account.authority}/{account.tenant}",
            instance_discovery=False,
            http_client=client,
        )

    def _proof(self, target: str) -> Any:
        """What proves the application: its certificate's thumbprint is computed, never configured."""
        match self._account.auth:
            case Proof.CERTIFICATE:
                blocks = [(match[1], match[0]) for match in _BLOCK.finditer(self._secret())]
                keys = [text for label, text in blocks if label.endswith("PRIVATE KEY")]
                certificates = [text for label, text in blocks if label == "CERTIFICATE"]
                if len(keys) != 1 or not certificates:
                    raise Unreachable(target, Why.NO_SECRET)
                return {"private_key": keys[0], "public_certificate": "\n".join(certificates)}
            case Proof.FEDERATED:
                return {"client_assertion": self._secret}
            case _:
                return self._secret()

    @property
    def _host(self) -> str:
        return urlsplit(self._account.authority).hostname or ""
