"""The rules of the house, read from the source: who stands on which floor, who speaks what, what is banned.

`faults_of` reads a tree of source files and says every rule that they break, with file and line.
`test_house.py` runs it on retentiond, and on small trees in which each rule is broken on purpose.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from retentiond.events import EVENTS, FIELDS

#: The floors, lowest first: a module imports only from lines above its own, and from its own room.
#: Rooms that share a line do not know each other. A room is one string: modules, packages, patterns.
STAIRS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("errors",)),
    (1, ("core.model",)),
    (1, ("core.deeds",)),
    (1, ("core.roll",)),
    (1, ("core.period",)),
    (1, ("core.clock",)),
    (1, ("core.replies",)),
    (1, ("core.holds",)),
    (1, ("core.policy",)),
    (1, ("core.kin",)),
    (1, ("core.conversations",)),
    (1, ("core.erasure",)),
    (1, ("core.plan",)),
    (1, ("core.judgement",)),
    (1, ("core.fuse",)),
    (1, ("core.approval",)),
    (1, ("core.chain",)),
    (1, ("core.findings",)),
    (1, ("core.promises",)),
    (1, ("core.monthly",)),
    (2, ("events",)),
    (2, ("config", "logs", "locks", "crew", "notify", "files", "talk", "machine_clock")),
    (2, ("pause", "acknowledgement", "approvals", "asking")),
    (3, ("mailbox.marker", "mailbox.secret")),
    (3, ("mailbox.base", "mailbox.pace")),
    (3, ("mailbox.scope",)),
    (
        3,
        (
            "mailbox.headers",
            "mailbox.exchange_folders",
            "mailbox.likeness",
            "mailbox.patience",
            "mailbox.tls",
        ),
    ),
    (3, ("mailbox.letters mailbox.letters_*",)),
    (3, ("mailbox.exchange_destroy", "mailbox.exchange_look", "mailbox.exchange", "mailbox.probe_message")),
    (
        3,
        (
            "mailbox.memory",
            "mailbox.readonly",
            "mailbox.wire mailbox.imap mailbox.imap_*",
            "mailbox.ews mailbox.ews_*",
            "mailbox.graph mailbox.graph_*",
        ),
    ),
    (4, ("twins",)),
    (4, ("refile",)),
    (4, ("signs",)),
    (4, ("targets",)),
    (4, ("doors",)),
    (4, ("survey", "execute", "ledger", "report", "saved_plan", "condition", "channels")),
    (4, ("alert", "install")),
    (4, ("metrics", "heartbeat", "endpoint")),
    (5, ("sightings",)),
    (5, ("audit",)),
    (5, ("recovery",)),
    (5, ("bookkeeping",)),
    (5, ("sweep",)),
    (5, ("arming", "purging", "retirement", "holding")),
    (5, ("stocktaking",)),
    (6, ("rounds", "control", "timetable")),
    (6, ("daemon", "demo")),
    (7, ("cli __main__",)),
)

#: Who alone speaks a foreign language. An empty string: nobody does.
ONLY: dict[str, str] = {
    **dict.fromkeys(("imapclient", "imaplib"), "mailbox.wire mailbox.imap mailbox.imap_*"),
    **dict.fromkeys(("sqlalchemy", "sqlite3", "alembic"), "ledger"),
    **dict.fromkeys(("pydantic", "pydantic_core", "tomllib"), "config"),
    **dict.fromkeys(("click", "rich", "rich_click"), "cli"),
    **dict.fromkeys(("pymap", "pysasl", "proxyprotocol"), "demo"),
    **dict.fromkeys(("structlog", "faulthandler", "warnings"), "logs"),
    **dict.fromkeys(("freezegun", "hypothesis", "pytest"), ""),
    "apscheduler": "timetable daemon",
    "cryptography": "ledger demo",
    **dict.fromkeys(("exchangelib", "oauthlib"), "mailbox.ews_line mailbox.ews_door"),
    "requests": "mailbox.tls mailbox.ews_line mailbox.ews_door mailbox.graph_line mailbox.graph_badge",
    "msal": "mailbox.graph_badge",
    "jinja2": "report",
    "logging": "logs mailbox.wire",
    "smtplib": "alert",
    "apprise": "channels",
    "prometheus_client": "metrics",
    "http": "heartbeat endpoint",
    "socketserver": "endpoint",
    "traceback": "events",
}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What the core may import: no input, no output, no clock, no randomness, no log in any of it.
CORE_MAY = words(
    "__future__ abc array base64 bisect binascii calendar collections dataclasses datetime enum functools"
    " graphlib hashlib heapq hmac itertools json math operator re string struct types typing urllib.parse"
)
CORE_MAY_NOT_CALL = words("now utcnow today open print input exec eval __import__")

#: Calls that destroy more than what was named, on one library or another.
BANNED_CALLS = words("expunge close_folder empty wipe")
#: Who must read an exception's words, to translate them into codes of ours.
READERS = "config " + ONLY["imapclient"]

LATE_IMPORTS = words("import_module __import__")
LEVELS = words("debug info warning error")

WAY_ON = "Put it on a line of STAIRS in tests/house_rules.py and into the table of docs/house.md."


# ── the reader ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Source:
    """One module: its dotted name without `retentiond.`, and its syntax."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


def read(house: Path) -> dict[str, Source]:
    """Every module under the folder `retentiond`, by name; the package itself is the empty name."""
    sources = {}
    for path in sorted(house.rglob("*.py")):
        parts = path.relative_to(house).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = Source(name, path, ast.parse(path.read_text(encoding="utf-8")))
    return sources


def is_in(name: str, room: str) -> bool:
    """Whether a module belongs to a room (one of its modules, or under one of its packages)."""
    return any(fnmatchcase(name, pattern) or name.startswith(pattern + ".") for pattern in room.split())


def standing(name: str) -> tuple[int, int, str] | None:
    """The floor, the line and the room of a module; None for one that nobody has placed."""
    for line, (floor, rooms) in enumerate(STAIRS):
        for room in rooms:
            if is_in(name, room):
                return floor, line, room
    return None


def imports(source: Source, known: dict[str, Source]) -> Iterator[tuple[int, str]]:
    """Each import of a module, wherever it stands, as line and full dotted name, in every form."""
    package = source.name.split(".") if source.name else []
    package = package if source.is_package else package[:-1]
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                base = module or ""
                if level:
                    above = package[: len(package) - level + 1]
                    base = ".".join(["retentiond", *above, *([module] if module else [])])
                for alias in names:
                    deeper = f"{base}.{alias.name}"
                    yield node.lineno, deeper if inside(deeper) in known else base
            case ast.Attribute(value=ast.Name(id="retentiond"), attr=attribute) if attribute in known:
                yield node.lineno, f"retentiond.{attribute}"


def inside(dotted: str) -> str | None:
    """The name within the house, or None for a foreign module."""
    if dotted == "retentiond":
        return ""
    return dotted.removeprefix("retentiond.") if dotted.startswith("retentiond.") else None


def faults_of(house: Path) -> list[str]:
    """Every rule that the source files under `house` break, as sentences with file and line."""
    known = read(house)
    faults = []
    for source in known.values():
        for line, what in faults_in(source, known):
            faults.append(f"{source.path.relative_to(house.parent).as_posix()}:{line}: {what}")
    return faults + circles(known)


def faults_in(source: Source, known: dict[str, Source]) -> Iterator[tuple[int, str]]:
    is_floor_less = source.is_package and source.name in ("", "core", "mailbox")
    if is_floor_less:
        if any(imports(source, known)):
            yield 1, "this __init__ imports, so whoever imports a room behind it imports that too"
    elif standing(source.name) is None:
        yield 1, f"nobody knows on which floor this stands. {WAY_ON}"
    for line, dotted in imports(source, known):
        yield from ((line, what) for what in import_faults(source.name, dotted))
    yield from word_faults(source)
    if is_in(source.name, "core"):
        yield from core_call_faults(source)


def import_faults(name: str, dotted: str) -> Iterator[str]:
    target = inside(dotted)
    top = dotted.partition(".")[0]
    if target is None:
        if top in ONLY and not is_in(name, ONLY[top] or "-"):
            yield f"imports {top}, which is for {ONLY[top] or 'tests'} alone"
        if is_in(name, "core") and not {top, dotted} & CORE_MAY:
            yield f"imports {top}: the core decides and touches nothing"
        return
    here, there = standing(name), standing(target)
    if not target or here is None:
        return
    if there is None:
        yield f"imports {dotted}, and nobody knows on which floor that stands. {WAY_ON}"
    elif here[2] != there[2] and there[1] >= here[1]:
        yield f"floor {here[0]} ({here[2]}) imports {dotted} of floor {there[0]}, which is not below it"


def word_faults(source: Source) -> Iterator[tuple[int, str]]:
    """Words that a room may not say: printing, deeds without a bound, errors' words, unlisted events."""
    may_print, is_command_line = is_in(source.name, "cli"), is_in(source.name, "cli __main__")
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id="print")) if not may_print:
                yield node.lineno, "prints; only cli/ does"
            case ast.Attribute(value=ast.Name(id="sys"), attr="stdout") if not may_print:
                yield node.lineno, "writes to sys.stdout; only cli/ does"
            case ast.Call(func=ast.Attribute(attr=word)) if word in BANNED_CALLS:
                yield node.lineno, f"calls .{word}(), which destroys more than was named"
            case ast.Call(func=ast.Name(id=word) | ast.Attribute(attr=word)) if word in (
                "import_module",
                "__import__",
            ):
                if not may_print and not stays_at_home(node, source.name):
                    yield node.lineno, "imports by a name made at run time, which no test can read"
            case ast.ExceptHandler(name=str(bound)) if not is_in(source.name, READERS):
                yield from ((line, "passes on the words of an exception (P7)") for line in told(node, bound))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_log" | "logger"), attr=level)):
                if level in LEVELS:
                    yield from ((node.lineno, what) for what in log_faults(node))
        if not is_command_line and "dry_run" in names_of(node):
            yield getattr(node, "lineno", 1), "knows dry_run; an audit is a sweep that stops after the plan"


def stays_at_home(call: ast.Call, name: str) -> bool:
    """Whether a late import, by a name with a fixed beginning, can only find the module's own package."""
    match call.args:
        case [ast.JoinedStr(values=[ast.Constant(value=str(start)), *_])]:
            return start == f"retentiond.{name}."
    return False


def told(handler: ast.ExceptHandler, bound: str) -> Iterator[int]:
    """The lines on which a caught exception is turned into words."""
    for node in ast.walk(handler):
        match node:
            case (
                ast.Call(func=ast.Name(id="str" | "repr" | "format"), args=[ast.Name(id=name), *_])
                | ast.FormattedValue(value=ast.Name(id=name))
                | ast.Attribute(value=ast.Name(id=name), attr="args")
            ) if name == bound:
                yield node.lineno


def log_faults(call: ast.Call) -> Iterator[str]:
    match call.args:
        case [ast.Constant(value=str(event))]:
            if event not in EVENTS:
                yield f"logs {event}, which is not among the events of events.py"
        case _:
            yield "logs something that is not one fixed event"
    for keyword in call.keywords:
        if keyword.arg not in FIELDS:
            yield f"logs the field {keyword.arg}, which is not among the fields of events.py"


def names_of(node: ast.AST) -> set[object]:
    """The identifiers that a node itself bears."""
    return {getattr(node, attribute, None) for attribute in ("id", "attr", "arg", "name")}


def core_call_faults(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=word) | ast.Attribute(attr=word)) if word in CORE_MAY_NOT_CALL:
                yield node.lineno, f"calls {word}(): the core decides and touches nothing"


def circles(known: dict[str, Source]) -> list[str]:
    """The modules that import each other in a circle, if any do; imports within functions count too."""
    graph = {
        name: {inside(dotted) for _, dotted in imports(source, known)} & known.keys() - {name, ""}
        for name, source in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"a circle of imports: {' → '.join(error.args[1])}"]
    return []
