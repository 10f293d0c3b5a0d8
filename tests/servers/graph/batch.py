"""`$batch`: up to 20 requests in one, each with its own answer (Microsoft's page "JSON batching").

Requests that do not depend on each other are run four at a time, and count as four at once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.servers.graph.call import Answer, Asked, GraphError
from tests.servers.graph.desk import Desk
from tests.servers.graph.gate import bearer

MOST = 20
AT_ONCE = 4
_KNOWN = frozenset(("id", "method", "url", "headers", "body", "dependsOn"))


def carry_out(desk: Desk, asked: Asked, number: int) -> Answer:
    """Answers all the requests of a batch. Raises GraphError for one that is malformed, and HangUp."""
    if not desk.gate.tenant.is_good(bearer(asked)):
        raise GraphError(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
    body = asked.body if isinstance(asked.body, dict) else {}
    requests = body.get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST:
        raise GraphError(400, "BadRequest", "The number of batch request steps is to be from 1 to 20.")
    ids = [str(request.get("id", "")).lower() for request in requests]
    if len(set(ids)) < len(ids) or not all(ids):
        raise GraphError(400, "BadRequest", "Each request is to have an id of its own.")
    for request in requests:
        strange = request.keys() - _KNOWN
        if strange or ("body" in request and "content-type" not in _lower(request.get("headers", {}))):
            raise GraphError(400, "BadRequest", "A request of the batch is malformed.")
    answers: dict[str, dict[str, Any]] = {}
    for wave in _waves(requests):
        _run(desk, asked, number, wave, answers)
    return Answer(200, {"responses": list(answers.values())})


def _waves(requests: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Up to four requests, none of which waits for another of them."""
    wave: list[dict[str, Any]] = []
    for request in requests:
        waits = {str(id_).lower() for id_ in request.get("dependsOn", ())}
        if wave and (len(wave) == AT_ONCE or waits & {str(each["id"]).lower() for each in wave}):
            yield wave
            wave = []
        wave.append(request)
    yield wave


def _run(
    desk: Desk, asked: Asked, number: int, wave: list[dict[str, Any]], answers: dict[str, dict[str, Any]]
) -> None:
    visits = []
    try:
        for request in wave:
            waits = [str(id_) for id_ in request.get("dependsOn", ())]
            if any(id_ not in answers or answers[id_]["status"] >= 400 for id_ in waits):
                answers[str(request["id"])] = {
                    "id": request["id"],
                    "status": 424,
                    "headers": {},
                    "body": None,
                }
                continue
            visits.append((request, desk.arrive(_inner(asked, request), number)))
        for request, visit in visits:
            answers[str(request["id"])] = _told(request["id"], desk.answer(visit))
    finally:
        for _request, visit in visits:
            desk.leave(visit)


def _inner(asked: Asked, request: dict[str, Any]) -> Asked:
    """A sub-request has the batch's token, and its own other headers: Prefer among them."""
    path, _question, options = str(request["url"]).lstrip("/").partition("?")
    headers = {**_lower(request.get("headers", {})), "authorization": asked.headers.get("authorization", "")}
    query = dict(parse_qsl(options, keep_blank_values=True))
    return Asked(
        str(request["method"]).upper(), unquote(path), query, headers, request.get("body"), asked.version
    )


def _told(id_: str, answer: Answer) -> dict[str, Any]:
    body: Any = answer.body
    if isinstance(body, bytes):
        body = base64.b64encode(body).decode()
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return {
        "id": id_,
        "status": answer.status,
        "headers": headers,
        **({} if body is None else {"body": body}),
    }


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
