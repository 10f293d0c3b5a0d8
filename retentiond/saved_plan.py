"""A plan on paper: what was reviewed may be carried out within a day, unaltered, and nothing more.

The file holds aliases, folder labels, UID ranges and counts; no name and no content. An HMAC under the
ledger's plan key says that this ledger's audit wrote it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from retentiond.core.fuse import Standing
from retentiond.core.model import Destroy, Key, Place, Refile, Role
from retentiond.core.plan import Part, Plan, keys_from, ranges, verdict_name
from retentiond.errors import PlanRefused

FORMAT = 1
#: For how long a reviewed plan may be carried out.
FRESH = timedelta(hours=24)


def save(plan: Plan, standings: Mapping[str, Standing], key: bytes) -> str:
    """The plan as text for `purge`. `key` is the ledger's plan key."""
    document = {
        "format": FORMAT,
        "made": plan.made.astimezone(UTC).isoformat(timespec="seconds"),
        "rules": {target.target: _rules(standings[target.target]) for target in plan.targets},
        "digest": plan.digest,
        "parts": [_part(part) for target in plan.targets for part in target.of(Destroy, Refile)],
    }
    return json.dumps(document | {"hmac": _seal(document, key)}, indent=1) + "\n"


def load(
    text: str, standings: Mapping[str, Standing], key: bytes, now: datetime
) -> dict[Place, frozenset[Key]]:
    """What was reviewed, by Place. Raises PlanRefused(altered, old or rules)."""
    try:
        document = json.loads(text)
        seal = str(document.pop("hmac"))
        if not hmac.compare_digest(seal, _seal(document, key)) or document["format"] != FORMAT:
            raise PlanRefused("altered")
        age = now - datetime.fromisoformat(document["made"])
        rules = dict(document["rules"])
        reviewed = _reviewed(document["parts"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PlanRefused("altered") from None
    if not timedelta(minutes=-5) <= age <= FRESH:
        raise PlanRefused("old")
    if any(name not in standings or _rules(standings[name]) != rule for name, rule in rules.items()):
        raise PlanRefused("rules")
    return reviewed


def _part(part: Part) -> dict[str, Any]:
    return {
        "target": part.place.target,
        "folder": part.place.folder,
        "role": part.place.role.value,
        "version": part.place.version,
        "verdict": verdict_name(part.verdict),
        "reason": part.verdict.reason.value,
        "count": len(part.keys),
        "from": part.oldest.strftime("%Y-%m") if part.oldest else "",
        "to": part.newest.strftime("%Y-%m") if part.newest else "",
        "keys": ranges(part.keys),
    }


def _reviewed(parts: list[dict[str, Any]]) -> dict[Place, frozenset[Key]]:
    reviewed: dict[Place, frozenset[Key]] = {}
    for part in parts:
        place = Place(part["target"], part["folder"], Role(part["role"]), part["version"])
        reviewed[place] = reviewed.get(place, frozenset()) | frozenset(keys_from(part["keys"]))
    return reviewed


def _rules(standing: Standing) -> str:
    return f"{standing.rules} {standing.period}"


def _seal(document: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(key, text.encode(), "sha256").hex()
