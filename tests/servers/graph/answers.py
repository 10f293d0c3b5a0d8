"""Answers that are none: errors as Graph words them, and what a planted fault makes of an answer."""

from __future__ import annotations

import json

from tests.servers.graph.call import Answer, GraphError
from tests.servers.graph.faults import Action
from tests.servers.seed import CANARY

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"


class HangUp(Exception):
    """The connection ends, after half of an answer where there is one."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer


def told(status: int, code: str, message: str, retry_after: str | None = None) -> Answer:
    """An error as Graph words it. Real ones may name people, so these do, too."""
    message = f"{message} ({CANARY}@{CANARY}.example)"
    inner = {"date": "2026-01-01T00:00:00", "request-id": "0", "client-request-id": "0"}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


def refusal(problem: GraphError) -> Answer:
    """The answer that an error is."""
    return told(problem.status, problem.code, problem.message, problem.headers.get("Retry-After"))


def instead(action: Action) -> Answer:
    """What is answered where nothing was done. Raises HangUp."""
    match action.kind:
        case "drop-before":
            raise HangUp
        case "status":
            return told(action.status, action.code, "Planted by the test.", action.retry_after)
        case "html":
            return Answer(200, PAGE, content_type="text/html")
        case _:
            return Answer(200, b'{"@odata.context": "https://graph', content_type="application/json")


def spoilt(action: Action, found: Answer, url: str) -> Answer:
    """What becomes of the answer to a deed that was done; `url` is what was asked for. Raises HangUp."""
    match action.kind:
        case "drop-after":
            raise HangUp
        case "cut":
            raise HangUp(found)
        case "garbage":
            whole = json.dumps(found.body).encode() if isinstance(found.body, dict) else found.body or b"{"
            return Answer(found.status, whole[: len(whole) // 2], found.headers, found.content_type)
        case "page" if action.spoil and isinstance(found.body, dict) and "value" in found.body:
            action.spoil(found.body, url)
        case "lose-answers" if isinstance(found.body, dict) and "responses" in found.body:
            del found.body["responses"][-action.count :]
        case "stall":
            wait(action)
        case "status" | "html":
            return instead(action)
    return found


def wait(action: Action) -> None:
    """Stalls until the test lets go, 30 seconds at most."""
    action.reached.set()
    action.release.wait(30)
