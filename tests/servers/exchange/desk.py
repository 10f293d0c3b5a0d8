"""What happens to one request: signing in, reading, faults of the script, the deed, the answer."""

from __future__ import annotations

import base64
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from tests.servers.exchange import soap
from tests.servers.exchange.call import Call
from tests.servers.exchange.faults import Action, Faults, Request
from tests.servers.exchange.names import PATH, TOKEN_PATH
from tests.servers.exchange.operations import OPERATIONS, carry_out, size_of
from tests.servers.exchange.rights import Rights
from tests.servers.exchange.soap import Envelope, SoapFault
from tests.servers.mailstore.retention import Retention
from tests.servers.mailstore.store import Store

_XML = "text/xml; charset=utf-8"
_PAGE = b"<!DOCTYPE html><html><head><title>Outlook</title></head><body>Sign in</body></html>"


_LAST = b'IncludesLastItemInRange="%s"'
_ITEM = re.compile(rb"<t:Message>.*?</t:Message>", re.DOTALL)


class Desk:
    """The state of a server and its one WSGI application. Whoever touches the state holds `lock`."""

    def __init__(self) -> None:
        self.store = Store()
        self.rights = Rights()
        self.retention = Retention(self.store)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.schema_faults: list[str] = []
        self.failures: list[str] = []
        self.rewrites_mime = True
        self.takes_foreign_streams = False
        self.lock = threading.RLock()
        self._count = 0

    def application(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = HttpRequest(environ)
        try:
            response = self._answer(request)
        except (ConnectionError, ClientDisconnected):
            raise
        except Exception as problem:
            # The stand-in itself is at fault; the test that used it fails at its end.
            self.failures.append(f"{type(problem).__name__}: {problem}")
            response = Response(_PAGE, 500, content_type="text/html")
        return response(environ, start)

    def _answer(self, http: HttpRequest) -> Response:
        data = http.get_data()
        if http.path == TOKEN_PATH:
            return self._token(http)
        if http.path.lower() != PATH.lower():
            return Response(_PAGE, 404, content_type="text/html")
        user = self._signed_in(http)
        if user is None:
            wanted = 'Basic realm="relay.example", Bearer'
            return Response(_PAGE, 401, {"WWW-Authenticate": wanted}, content_type="text/html")
        if http.method != "POST":
            return Response(_PAGE, 200, content_type="text/html")
        try:
            envelope = soap.read(data)
        except SoapFault as problem:
            return _fault(problem)
        action = self._noted(envelope, user)
        if action:
            return self._with_fault(http, envelope, user, action)
        return self._carried_out(envelope, user, None)

    def _signed_in(self, http: HttpRequest) -> str | None:
        scheme, _blank, given = http.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.rights.tokens.get(given.strip())
        if scheme.lower() != "basic":
            return None
        try:
            name, _colon, password = base64.b64decode(given).decode().partition(":")
        except ValueError:
            return None
        known = self.rights.passwords.get(name.lower())
        return name.lower() if known is not None and secrets.compare_digest(known, password) else None

    def _token(self, http: HttpRequest) -> Response:
        """A token for a client id and its secret, in the form or in the header."""
        name, secret = http.form.get("client_id", ""), http.form.get("client_secret", "")
        if http.authorization and http.authorization.type == "basic":
            name, secret = str(http.authorization.username), str(http.authorization.password)
        known = self.rights.passwords.get(name.lower())
        if known is None or not secrets.compare_digest(known, secret):
            return Response(json.dumps({"error": "invalid_client"}), 401, content_type="application/json")
        token = self.rights.new_token(name.lower())
        told = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        return Response(json.dumps(told), 200, content_type="application/json")

    def _noted(self, envelope: Envelope, user: str) -> Action | None:
        name = envelope.operation
        with self.lock:
            count = size_of(name, envelope.body)
            self._count += 1
            noted = Request(self._count, name, count, user, envelope.impersonated)
            self.requests.append(noted)
            return self.faults.due(noted)

    def _with_fault(self, http: HttpRequest, envelope: Envelope, user: str, action: Action) -> Response:
        if action.kind == "stall" and not action.is_committed:
            _wait(action)
        response = None
        if action.kind == "endless":
            for view in soap.find_all(envelope.body, "m:IndexedPageItemView"):
                view.set("Offset", "0")
        if action.is_committed or action.kind in ("all", "item", "stall"):
            response = self._carried_out(envelope, user, action)
        match action.kind:
            case "drop-before" | "drop-after":
                return _hang_up(http, b"")
            case "cut":
                assert response
                return _hang_up(http, response.get_data())
            case "status":
                return Response(_PAGE, action.status, dict(action.headers), content_type="text/html")
            case "html":
                return Response(_PAGE, 200, content_type="text/html")
            case "garbage":
                whole = (response or self._carried_out_nothing()).get_data()
                return Response(whole[: len(whole) // 2], 200, content_type=_XML)
            case "schema":
                return _fault(SoapFault("ErrorSchemaValidation", {"Violation": "planted"}))
            case "soap":
                values = {} if action.back_off is None else {"BackOffMilliseconds": str(action.back_off)}
                return _fault(SoapFault(action.code, values))
            case "endless":
                assert response
                response.set_data(response.get_data().replace(_LAST % b"true", _LAST % b"false"))
            case "short-page":
                assert response
                response.set_data(_ITEM.sub(b"", response.get_data(), count=1))
            case "stall" if action.is_committed:
                _wait(action)
        assert response
        return response

    def _carried_out_nothing(self) -> Response:
        return _fault(SoapFault("ErrorInternalServerError"))

    def _carried_out(self, envelope: Envelope, user: str, action: Action | None) -> Response:
        with self.lock:
            try:
                body = self._body(envelope, user, action)
            except SoapFault as problem:
                return _fault(problem)
            broken = soap.violations(body)
            if broken and not (action and action.code == soap.UNKNOWN_TO_SCHEMA):
                self.failures.append(f"an answer broke the schema: {broken}")
            return Response(soap.answered(body), 200, content_type=_XML)

    def _body(self, envelope: Envelope, user: str, action: Action | None) -> soap.Element:
        if envelope.violations:
            self.schema_faults.extend(envelope.violations)
            raise SoapFault("ErrorSchemaValidation", {"Violation": envelope.violations[0]})
        if envelope.operation not in OPERATIONS:
            raise SoapFault("ErrorInvalidRequest")
        acting = self._acting(envelope, user)
        call = Call(
            self.store,
            self.rights,
            self.retention,
            acting,
            envelope.impersonated is not None,
            envelope.body,
            self.rewrites_mime,
            self.takes_foreign_streams,
        )
        return carry_out(envelope.operation, call, action)

    def _acting(self, envelope: Envelope, user: str) -> str:
        person = envelope.impersonated
        if person is None:
            return user
        if person not in self.store.mailboxes:
            raise SoapFault("ErrorNonExistentMailbox")
        if not self.rights.may_impersonate(user, person):
            raise SoapFault("ErrorImpersonateUserDenied")
        return person


def _fault(problem: SoapFault) -> Response:
    return Response(soap.fault(problem), 500, content_type=_XML)


def _wait(action: Action) -> None:
    action.reached.set()
    action.release.wait(30)


def _hang_up(http: HttpRequest, whole: bytes) -> Response:
    """Ends the connection, after half of an answer where there is one."""
    wire: socket.socket = http.environ["werkzeug.socket"]
    if whole:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {_XML}\r\nContent-Length: {len(whole)}\r\n\r\n"
        wire.sendall(head.encode() + whole[: len(whole) // 2])
    wire.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
