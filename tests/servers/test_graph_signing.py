"""The stand-in Graph's tenant: msal signs in unmodified, proofs are verified, permissions and scopes hold."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import jwt
import msal
import pytest
import requests
from cryptography.hazmat.primitives import hashes

from tests.servers.graph import App, Graph
from tests.servers.graph.certificates import new_credential
from tests.servers.graph.fixtures import Caller
from tests.servers.graph.letters import ADVISOR, INBOX, LINE, NEW_YEAR, code, destroyed, filled, ids, mailbox
from tests.servers.graph.tenant import EXCHANGE_AUDIENCE, federate, federated_assertion
from tests.servers.seed import letter

SignIn = Callable[..., dict[str, Any]]


@pytest.fixture
def sign_in(graph: Graph, caller: Caller) -> SignIn:
    """`sign_in(app, credential)`: what an unmodified msal is answered."""

    def sign_in(app: App, credential: object, **how: Any) -> dict[str, Any]:
        how = {"instance_discovery": False, "authority": graph.authority_url, **how}
        client = msal.ConfidentialClientApplication(
            app.client_id, client_credential=credential, http_client=caller.session, **how
        )
        answer: dict[str, Any] = client.acquire_token_for_client([f"{graph.endpoint}/.default"])
        return answer

    return sign_in


def by_certificate(graph: Graph, **changes: Any) -> dict[str, Any]:
    return {
        "private_key": graph.credential.key_pem,
        "public_certificate": graph.credential.certificate_pem,
        **changes,
    }


# ── proofs ───────────────────────────────────────────────────────────────────────────────────────


def test_a_certificate_signs_in(graph: Graph, sign_in: SignIn) -> None:
    filled(graph, 1)
    answer = sign_in(graph.app, by_certificate(graph))
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert Caller(graph, answer["access_token"]).get(INBOX).status_code == 200
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["tid"], claims["roles"]) == (
        graph.endpoint,
        graph.tenant.id,
        ["User.Read.All"],
    )
    assert graph.counts()["token"] == 1


def test_a_certificate_signs_in_by_its_old_thumbprint(graph: Graph, sign_in: SignIn) -> None:
    old = by_certificate(graph, thumbprint=graph.credential.thumbprint)
    del old["public_certificate"]
    assert "access_token" in sign_in(graph.app, old)


def test_the_authority_can_be_found_by_discovery(graph: Graph, sign_in: SignIn) -> None:
    assert "access_token" in sign_in(graph.app, by_certificate(graph), instance_discovery=graph.discovery_url)
    oidc = {"authority": None, "oidc_authority": f"{graph.authority_url}/v2.0", "instance_discovery": None}
    assert "access_token" in sign_in(graph.app, by_certificate(graph), **oidc)


def test_an_unregistered_certificate_does_not(graph: Graph, sign_in: SignIn) -> None:
    other = new_credential("another")
    pair = {"private_key": other.key_pem, "public_certificate": other.certificate_pem}
    assert sign_in(graph.app, pair)["error"] == "invalid_client"
    forged = by_certificate(graph, private_key=other.key_pem)
    assert sign_in(graph.app, forged)["error"] == "invalid_client", "the thumbprint alone proves nothing"
    app = graph.new_app("bare")
    assert sign_in(app, by_certificate(graph))["error_codes"] == [700027]
    assert graph.tenant.refusals == [700027] * 3
    own = graph.certify(app)
    pair = {"private_key": own.key_pem, "public_certificate": own.certificate_pem}
    assert "access_token" in sign_in(app, pair)


def assertion(graph: Graph, **changes: Any) -> dict[str, str]:
    """A form with an assertion like msal's, some claims of it wrong."""
    now = int(time.time())
    client = graph.app.client_id
    right = {
        "aud": f"{graph.authority_url}/oauth2/v2.0/token",
        "iss": client,
        "sub": client,
        "exp": now + 600,
    }
    claims = {name: value for name, value in {**right, **changes}.items() if value is not None}
    digest = graph.credential.certificate.fingerprint(hashes.SHA256())
    head = {} if "head" in changes else {"x5t#S256": base64.urlsafe_b64encode(digest).decode()}
    signed = jwt.encode(claims, graph.credential.key_pem, "PS256", head)
    return {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": f"{graph.endpoint}/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://login.example/token"},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"head": None},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_each_claim_of_an_assertion_counts(graph: Graph, caller: Caller, changes: dict[str, Any]) -> None:
    url = f"{graph.authority_url}/oauth2/v2.0/token"
    assert caller.call("POST", url, data=assertion(graph)).status_code == 200
    assert caller.call("POST", url, data=assertion(graph, **changes)).status_code == 401


def test_a_secret_signs_in(graph: Graph, sign_in: SignIn) -> None:
    app = graph.new_app("with a secret")
    assert sign_in(app, "anything")["error_codes"] == [7000215]
    app.secret = "right"
    assert sign_in(app, "wrong")["error_codes"] == [7000215]
    assert "access_token" in sign_in(app, "right")


def test_a_federated_assertion_signs_in(graph: Graph, sign_in: SignIn) -> None:
    app = graph.new_app("federated")
    assert sign_in(app, {"client_assertion": lambda: federated_assertion(app)})["error"] == "invalid_client"
    federate(app)
    assert "access_token" in sign_in(app, {"client_assertion": lambda: federated_assertion(app)})
    for wrong in ({"aud": "somebody"}, {"sub": "somebody"}, {"exp": 1_600_000_000}):
        written = federated_assertion(app, **wrong)
        answer = sign_in(app, {"client_assertion": lambda written=written: written})
        assert answer["error_codes"] == [700213], wrong
    assert EXCHANGE_AUDIENCE == "api://AzureADTokenExchange"


@pytest.mark.parametrize("environment", ["identity_environment", "machine_environment"])
def test_a_managed_identity_signs_in(
    graph: Graph, caller: Caller, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    for name, value in getattr(graph, environment).items():
        monkeypatch.setenv(name, value)

    def ask() -> dict[str, Any]:
        client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=caller.session)
        answer: dict[str, Any] = client.acquire_token_for_client(resource=graph.endpoint)
        return answer

    assert "error" in ask()
    graph.tenant.identity = graph.app
    filled(graph, 1)
    token = ask()["access_token"]
    assert Caller(graph, token).get(INBOX).status_code == 200
    if environment == "identity_environment":
        monkeypatch.setenv("IDENTITY_HEADER", "wrong")
        assert "error" in ask()


def test_a_tenant_and_a_scope_that_are_not_here(graph: Graph, sign_in: SignIn, caller: Caller) -> None:
    with pytest.raises(ValueError, match="authority"):
        sign_in(graph.app, by_certificate(graph), authority=f"{graph.endpoint}/another-tenant")
    form = {**assertion(graph), "scope": "https://storage.example/.default"}
    url = f"{graph.authority_url}/oauth2/v2.0/token"
    assert caller.call("POST", url, data=form).json()["error"] == "invalid_scope"
    assert caller.call("POST", url, data={**form, "grant_type": "password"}).status_code == 400
    assert caller.call("POST", url, data={**form, "client_id": "nobody"}).status_code == 400


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────


def test_tokens_expire(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    assert caller.get(INBOX).status_code == 200
    graph.expire_tokens()
    assert code(caller.get(INBOX)) == (401, "InvalidAuthenticationToken")
    assert code(caller.post("$batch", {"requests": []})) == (401, "InvalidAuthenticationToken")
    assert Caller(graph).get(INBOX).status_code == 200
    graph.tenant.lifetime = 0
    assert Caller(graph).get(INBOX).status_code == 401


def test_without_a_token_nothing_is_told(graph: Graph, caller: Caller) -> None:
    filled(graph, 1)
    for given in ("Bearer rubbish", "Basic YTpi", ""):
        assert code(caller.get(INBOX, headers={"Authorization": given})) == (
            401,
            "InvalidAuthenticationToken",
        )


# ── permissions and scopes ───────────────────────────────────────────────────────────────────────


def helper(graph: Graph, *permissions: str) -> tuple[App, Caller]:
    """An app with permissions in the line's mailbox alone, and its client."""
    app = graph.new_app("helper")
    app.scope([LINE], *permissions)
    return app, Caller(graph, graph.token(app))


def test_a_scope_holds_until_a_consent_voids_it(graph: Graph) -> None:
    filled(graph, 1)
    filled(graph, 1, address=ADVISOR)
    app, client = helper(graph, "Mail.ReadBasic")
    elsewhere = f"users/{ADVISOR}/mailFolders/inbox/messages"
    assert client.get(INBOX).status_code == 200
    assert code(client.get(elsewhere)) == (403, "ErrorAccessDenied")
    assert "roles" not in jwt.decode(graph.token(app), options={"verify_signature": False})
    app.consent("Mail.ReadBasic.All")
    assert client.get(elsewhere).status_code == 200, "the scope is void"
    assert jwt.decode(graph.token(app), options={"verify_signature": False})["roles"] == [
        "Mail.ReadBasic.All"
    ]
    app.revoke("Mail.ReadBasic.All")
    assert code(client.get(elsewhere)) == (403, "ErrorAccessDenied")


def test_basic_reading_shows_no_bodies_and_no_extended_properties(graph: Graph) -> None:
    inbox = filled(graph, 1)
    _app, client = helper(graph, "Mail.ReadBasic")
    one = f"users/{LINE}/messages/{ids(inbox)[0]}"
    assert client.get(INBOX, {"$select": "subject,internetMessageHeaders"}).status_code == 200
    assert not {"body", "bodyPreview"} & client.get(one).json().keys()
    assert not {"body", "bodyPreview"} & client.get(INBOX).json()["value"][0].keys()
    for options in (
        {"$select": "body"},
        {"$expand": "singleValueExtendedProperties($filter=id eq 'SystemTime 0x0E06')"},
        {"$search": '"from:a"'},
        {"$filter": "singleValueExtendedProperties/any(e:e/id eq 'String 0x1' and e/value eq 'x')"},
    ):
        assert code(client.get(INBOX, options)) == (403, "ErrorAccessDenied"), options
    assert code(client.get(f"{one}/$value")) == (403, "ErrorAccessDenied")


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("Mail.ReadBasic", {"messages", "mail folders"}),
        ("Mail.Read", {"messages", "mail folders", "mime"}),
        ("Mail.ReadWrite", {"messages", "mail folders", "mime", "permanentDelete"}),
        ("MailboxFolder.Read", {"folders"}),
        ("MailboxItem.Read", {"items"}),
        ("MailboxItem.ReadWrite", {"items", "hardDelete"}),
        ("MailboxItem.Export", {"export"}),
        ("MailboxItem.ImportExport", {"export", "session"}),
    ],
)
def test_each_permission_opens_what_it_opens(graph: Graph, permission: str, allowed: set[str]) -> None:
    inbox = filled(graph, 2)
    first, second = ids(inbox)
    _app, client = helper(graph, permission)
    top = mailbox(graph)
    tries: dict[str, Callable[[], requests.Response]] = {
        "messages": lambda: client.get(INBOX),
        "mail folders": lambda: client.get(f"users/{LINE}/mailFolders"),
        "mime": lambda: client.get(f"users/{LINE}/messages/{first}/$value"),
        "folders": lambda: client.get(f"{top}/folders"),
        "items": lambda: client.get(f"{top}/folders/inbox/items"),
        "export": lambda: client.post(f"{top}/exportItems", {"itemIds": [first]}),
        "session": lambda: client.post(f"{top}/createImportSession"),
        "hardDelete": lambda: destroyed(client, first),
        "permanentDelete": lambda: client.post(f"users/{LINE}/messages/{second}/permanentDelete"),
        "user": lambda: client.get(f"users/{LINE}"),
    }
    assert {name for name, attempt in tries.items() if attempt().status_code < 400} == allowed


def test_two_apps_are_told_apart(graph: Graph) -> None:
    line = filled(graph, 1)
    graph.mailbox(ADVISOR).folder("sentitems").add(letter("a@relay.example"), NEW_YEAR)
    helpline, one = helper(graph, "Mail.ReadBasic")
    advisors = graph.new_app("advisors")
    advisors.scope([ADVISOR], "Mail.ReadBasic")
    two = Caller(graph, graph.token(advisors))
    assert one.get(INBOX).status_code == 200
    assert two.get(f"users/{ADVISOR}/mailFolders/sentitems/messages").status_code == 200
    assert code(two.get(INBOX)) == (403, "ErrorAccessDenied")
    assert [request.app for request in graph.requests] == [
        helpline.client_id,
        advisors.client_id,
        advisors.client_id,
    ]
    assert len(line) == 1
