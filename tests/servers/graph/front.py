"""The ASGI application: HTTP becomes a request at the desk, the desk's answer becomes HTTP.

Beside Graph itself it is the sign-in service, a managed identity's endpoint, and what an importUrl leads to.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.servers.graph import batch
from tests.servers.graph.answers import PAGE, HangUp, told
from tests.servers.graph.call import Answer, Asked
from tests.servers.graph.desk import Desk, Visit
from tests.servers.graph.tenant import Refused
from tests.servers.graph.wire import Connections, hang_up

_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]


class _HungUp(Response):
    """No answer, or half of one, and the connection ends."""

    def __init__(self, half: bytes, connections: Connections) -> None:
        super().__init__()
        self._half = half
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._half:
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % (len(self._half) * 2)),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": self._half, "more_body": True})
        await hang_up(self._connections, scope["client"], at_once=not self._half)


class Front:
    """The routes of one server."""

    def __init__(self, desk: Desk, connections: Connections) -> None:
        self.desk = desk
        self._connections = connections
        self.application = Starlette(
            routes=[
                Route("/common/discovery/instance", self._instance),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration),
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/msi/token", self._identity),
                Route("/metadata/identity/oauth2/token", self._machine_identity),
                Route("/api/gv1.0/{path:path}", self._import, methods=["POST"]),
                Route("/v1.0/$batch", self._batch, methods=["POST"]),
                Route("/{version}/{path:path}", self._graph, methods=_METHODS),
            ]
        )

    # ── Graph ────────────────────────────────────────────────────────────────────────────────────

    async def _graph(self, request: Request) -> Response:
        version = request.path_params["version"]
        if version not in ("v1.0", "beta"):
            return self._sent(Answer(404, PAGE, content_type="text/html"))
        asked = await _asked(request, request.path_params["path"], version)
        return await self._served(asked, self.desk.arrive)

    async def _import(self, request: Request) -> Response:
        asked = await _asked(request, request.path_params["path"], "gv1.0")
        return await self._served(asked, self.desk.arrive_with_import)

    async def _batch(self, request: Request) -> Response:
        asked = await _asked(request, "$batch", "v1.0")
        number = 0

        def arrive(asked: Asked) -> Visit:
            nonlocal number
            visit = self.desk.arrive_elsewhere(
                asked, "batch", lambda: batch.carry_out(self.desk, asked, number)
            )
            number = visit.request.number
            return visit

        return await self._served(asked, arrive)

    async def _served(self, asked: Asked | None, arrive: Callable[[Asked], Visit]) -> Response:
        if asked is None:
            return self._sent(told(400, "BadRequest", "Unable to read JSON request payload."))
        visit = arrive(asked)
        try:
            if self.desk.gate.switches.takes:
                await asyncio.sleep(self.desk.gate.switches.takes)
            return self._sent(await run_in_threadpool(self.desk.answer, visit))
        except HangUp as end:
            whole = self._sent(end.answer).body if end.answer else b""
            return _HungUp(bytes(whole)[: len(whole) // 2], self._connections)
        except Exception as problem:
            # The stand-in itself is at fault; the test that used it fails at its end.
            self.desk.failures.append(f"{type(problem).__name__}: {problem}")
            return self._sent(told(500, "InternalServerError", "The stand-in failed."))
        finally:
            self.desk.leave(visit)

    def _sent(self, answer: Answer) -> Response:
        content = json.dumps(answer.body).encode() if isinstance(answer.body, dict) else answer.body or b""
        now = self.desk.gate.store.clock.now().astimezone(UTC)
        date = format_datetime(now.replace(microsecond=0), usegmt=True)
        headers = {**answer.headers, "Date": date, "request-id": str(len(self.desk.requests))}
        kind = answer.content_type if answer.body is not None else None
        return Response(content, answer.status, headers, kind)

    # ── signing in ───────────────────────────────────────────────────────────────────────────────

    async def _instance(self, request: Request) -> Response:
        """What msal asks of an authority that it does not know."""
        body = {
            "tenant_discovery_endpoint": f"{self._authority}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [
                {"preferred_network": self._host, "preferred_cache": self._host, "aliases": [self._host]}
            ],
        }
        return await self._told(request, "discovery", lambda form: body)

    async def _configuration(self, request: Request) -> Response:
        body = {
            "issuer": f"{self._authority}/v2.0",
            "token_endpoint": f"{self._authority}/oauth2/v2.0/token",
            "authorization_endpoint": f"{self._authority}/oauth2/v2.0/authorize",
            "jwks_uri": f"{self._authority}/discovery/v2.0/keys",
        }
        return await self._told(request, "discovery", lambda form: body)

    async def _token(self, request: Request) -> Response:
        return await self._told(
            request, "token", lambda form: self.desk.gate.tenant.granted(form, self.desk.gate.base)
        )

    async def _identity(self, request: Request) -> Response:
        """As in App Service: $IDENTITY_ENDPOINT, with the secret of $IDENTITY_HEADER."""
        is_known = request.headers.get("x-identity-header") == self.desk.gate.tenant.identity_header
        return await self._identified(request, is_known)

    async def _machine_identity(self, request: Request) -> Response:
        """As on a virtual machine (IMDS)."""
        return await self._identified(request, request.headers.get("metadata", "").lower() == "true")

    async def _identified(self, request: Request, is_known: bool) -> Response:
        resource = request.query_params.get("resource", "")

        def grant(form: Mapping[str, str]) -> dict[str, Any]:
            if not is_known:
                raise Refused("invalid_request", 50000, "The header that proves the caller is missing.")
            return self.desk.gate.tenant.identity_token(resource, self.desk.gate.base)

        return await self._told(request, "identityToken", grant)

    async def _told(
        self, request: Request, operation: str, make: Callable[[Mapping[str, str]], dict[str, Any]]
    ) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        tenant = self.desk.gate.tenant

        def deed() -> Answer:
            if request.path_params.get("tenant", tenant.id) not in (tenant.id, "common"):
                return Answer(400, {"error": "invalid_tenant", "error_description": "AADSTS90002"})
            try:
                return Answer(200, make(form), content_type="application/json")
            except Refused as refusal:
                tenant.refusals.append(refusal.code)
                body = {"error": refusal.error, "error_description": refusal.words}
                status = 401 if refusal.error == "invalid_client" else 400
                return Answer(
                    status, {**body, "error_codes": [refusal.code]}, content_type="application/json"
                )

        asked = Asked(request.method, request.url.path.lstrip("/"), {}, dict(request.headers))
        return await self._served(asked, lambda asked: self.desk.arrive_elsewhere(asked, operation, deed))

    @property
    def _authority(self) -> str:
        return f"{self.desk.gate.base}/{self.desk.gate.tenant.id}"

    @property
    def _host(self) -> str:
        return self.desk.gate.base.partition("://")[2]


async def _asked(request: Request, path: str, version: str) -> Asked | None:
    """The request, its body read: JSON, or base64 where it is said to be text. None where it is neither."""
    data = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("text/plain"):
            body: Any = base64.b64decode(data, validate=True)
        else:
            body = json.loads(data) if data else None
    except (ValueError, binascii.Error):
        return None
    return Asked(request.method, path, dict(request.query_params), dict(request.headers), body, version)
