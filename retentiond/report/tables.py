"""A plan and what became of it, as rows that a screen, JSON and CSV share."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from retentiond.core.deeds import Outcome
from retentiond.core.findings import Finding
from retentiond.core.model import Keep, Kind, Reason
from retentiond.core.plan import Plan, TargetPlan, verdict_name
from retentiond.report.words import HOMEWARD, REASONS, RESULTS, finding_sentence

#: The version of the JSON documents.
SCHEMA_VERSION = 1


#: Why something is kept that a reader would not expect to be.
_TOLD = frozenset((Reason.CONVERSATION, Reason.CONVERSATION_UNKNOWN, Reason.HOME_UNREACHABLE))


@dataclass(frozen=True, slots=True)
class Row:
    """Items of one folder with one verdict. `oldest` is an ISO day or empty; `folder` a label."""

    target: str
    kind: str
    folder: str
    verdict: str
    reason: str
    count: int
    oldest: str


def rows(plan: Plan) -> list[Row]:
    """Every verdict by target and folder; what was neither due nor astray is one `keep` a folder.

    Of an advisor's mailbox only the helplines' replies appear (P3).
    """
    return [row for target in plan.targets for row in _target_rows(target)]


def _target_rows(target: TargetPlan) -> Iterable[Row]:
    for census in target.censuses:
        looked = 0
        kept = 0
        parts = [part for part in target.parts if part.place.folder == census.place.folder]
        for part in parts:
            looked += len(part.keys)
            if isinstance(part.verdict, Keep) and part.verdict.reason not in _TOLD:
                kept += len(part.keys)
                continue
            yield Row(
                target.target,
                target.kind.value,
                census.place.folder,
                verdict_name(part.verdict),
                REASONS[part.verdict.reason],
                len(part.keys),
                part.oldest.isoformat() if part.oldest else "",
            )
        if census.total is not None and target.kind is not Kind.ADVISOR:
            rest = census.total - looked + kept
            if rest > 0:
                name = census.place.folder
                yield Row(target.target, target.kind.value, name, "keep", REASONS[Reason.NOT_DUE], rest, "")


def outcome_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, str, str, int, str]]:
    """(target, folder, what became of them, count, until) summed over batches."""
    sums: dict[tuple[str, str, str, str], int] = {}
    for each in outcomes:
        until = each.until.isoformat() if each.until else ""
        words = HOMEWARD if each.reason is Reason.ASTRAY else RESULTS
        key = (each.place.target, each.place.folder, words[each.result], until)
        sums[key] = sums.get(key, 0) + len(each.keys)
    return [(target, folder, word, count, until) for (target, folder, word, until), count in sums.items()]


def as_csv(plan: Plan) -> str:
    """The rows as CSV with a header line (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Row.__slots__)
    writer.writerows([getattr(row, name) for name in Row.__slots__] for row in rows(plan))
    return text.getvalue()


def as_json(
    what: str,
    plan: Plan,
    findings: Sequence[Finding],
    exit_code: int,
    outcomes: Sequence[Outcome] | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """One JSON document: what was looked at, the verdicts, what became of them, the findings."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "what": what,
        "looked_at": _moment(plan.made),
        "digest": plan.digest,
        "targets": [
            {
                "target": target.target,
                "kind": target.kind.value,
                "destroy": target.due,
                "bring_home": target.astray,
                "ahead": target.ahead,
            }
            for target in plan.targets
        ],
        "rows": [asdict(row) for row in rows(plan)],
        "findings": [
            {
                "target": finding.target,
                "cause": finding.cause.value,
                "folder": finding.folder,
                "count": finding.count,
                "detail": finding.detail,
                "sentence": finding_sentence(finding),
            }
            for finding in findings
        ],
        "exit_code": exit_code,
    }
    if outcomes is not None:
        names = ("target", "folder", "result", "count", "until")
        document["outcomes"] = [dict(zip(names, row, strict=True)) for row in outcome_rows(outcomes)]
    return json.dumps(document | dict(more or {}), indent=2)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
