"""`check --tenant-probe` tells what a tenant does, whichever it is, and leaves the mailbox as it was."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retentiond.cli.check_tenant import MEANINGS, QUESTIONS
from retentiond.core.model import Kind
from retentiond.mailbox.graph_grants import NEEDED
from tests.first_minute import ROOT
from tests.servers.graph import Graph, faults
from tests.servers.seed import letter
from tests.stories.graph_world import Cloud
from tests.stories.world import cutoff

PROBE = ("check", "--tenant-probe", "line", "--yes", "--receipt-wait", "0")


def filled(graph: Graph, directory: Path, **how: Any) -> Cloud:
    """A mailbox with mail that is due, young, unread, and in bins: none of it may be touched."""
    cloud = Cloud(graph, directory, **how)
    for name in ("inbox", "sentitems", "Cases", "recoverableitemspurges"):
        for days in (-30, 30):
            cloud.line.folder(name).add(letter(f"{name}{days}@post.example"), cutoff() + timedelta(days=days))
    receipt = b"Disposition-Notification-To: line@relay.example\r\n"
    cloud.line.folder("inbox").add(receipt + letter("asks@post.example"), cutoff(), is_read=False)
    return cloud


def answers(cloud: Cloud, code: int | None = None) -> dict[str, tuple[str, str]]:
    """What the probe saw, by question; afterwards the mailboxes are as they were."""
    before = cloud.everything()
    told = cloud.json(*PROBE)
    assert code is None or told["exit_code"] == code, told
    assert cloud.everything() == before, told
    assert not [path for path in folders(cloud) if path.startswith("retentiond-test-")]
    cloud.no_canary()
    return {each["code"]: (each["answer"], each["detail"]) for each in told["answers"]}


def folders(cloud: Cloud) -> list[str]:
    [mailbox] = [each for name, each in cloud.server.store.mailboxes.items() if name == cloud.line.address]
    return [folder.path.rpartition("/")[2] for folder in mailbox.folders.values()]


def test_a_tenant_as_the_documentation_has_it(graph: Graph, tmp_path: Path) -> None:
    cloud = filled(graph, tmp_path)
    graph.switches.sends_not_read = False
    assert answers(cloud, 0) == {
        "json-sent": ("sent", ""),
        "archive": ("none", ""),
        "item-ids": ("same", ""),
        "item-dates": ("told", ""),
        "import-url": ("another-host", "60"),
        "parcel": ("whole", ""),
        "hard-delete": ("gone", "204"),
        "gone": ("answered", "403"),
        "kept": ("nothing", ""),
        "permanent-delete": ("bin", "recoverable-purges"),
        "receipt": ("silent", "0"),
        "left": ("nothing", ""),
    }
    assert graph.sent == []
    assert not {"sendMail", "moveMessage"} & graph.counts().keys()


@pytest.mark.parametrize(
    ("switches", "seen"),
    [
        ({"json_makes_sent_mail": False}, {"json-sent": "draft", "receipt": "untried"}),
        ({"items_know_immutable_ids": False}, {"item-ids": "unknown"}),
        ({"gone_is_forbidden": False}, {"gone": "answered 404"}),
        ({"session_lifetime": timedelta(minutes=15)}, {"import-url": "another-host 15"}),
        ({"is_national": True}, {"permanent-delete": "unavailable", "left": "nothing"}),
        ({"sends_not_read": True}, {"receipt": "came", "left": "nothing"}),
        ({"names_every_bin": False}, {"hard-delete": "gone", "left": "nothing"}),
        ({"throttle_every": 3}, {"parcel": "whole", "left": "nothing"}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_each_answer_changes_with_the_tenant(
    graph: Graph, tmp_path: Path, switches: dict[str, Any], seen: dict[str, str]
) -> None:
    cloud = filled(graph, tmp_path, seconds=60)
    for name, value in switches.items():
        setattr(graph.switches, name, value)
    found = {code: " ".join(filter(None, told)) for code, told in answers(cloud).items()}
    for code, wanted in seen.items():
        assert found.get(code, "").startswith(wanted), (found, cloud.complaints)


@pytest.mark.parametrize(
    ("does", "seen", "kept"),
    [
        ("keeps", {"hard-delete": "bin recoverable-purges", "kept": "stays 204"}, True),
        ("destroys", {"hard-delete": "gone 204", "kept": "nothing"}, False),
        ("refuses", {"hard-delete": "refused 403", "receipt": "came 0"}, True),
    ],
)
def test_single_item_recovery_is_seen_at_work(
    graph: Graph, tmp_path: Path, does: Any, seen: dict[str, str], kept: bool
) -> None:
    """What the server keeps of the probe is told, and goes when its days are over."""
    cloud = filled(graph, tmp_path, recovers=True)
    graph.switches.hard_delete = does
    before = cloud.everything()
    told = cloud.json(*PROBE)
    found = {each["code"]: f"{each['answer']} {each['detail']}".strip() for each in told["answers"]}
    assert found.items() >= seen.items(), found
    after = cloud.everything()
    assert {path for path in after if after[path] != before.get(path)} <= {
        "line/Recoverable Items/Purges",
        "line/Recoverable Items/Deletions",
    }
    left = sum(map(Counter.total, after.values())) - sum(map(Counter.total, before.values()))
    assert found["left"] == (f"kept {left}" if left else "nothing"), found
    assert bool(left) is kept
    graph.advance(15)
    assert not [item for _, item in cloud.line.items() if b"retentiond test message" in item.content]


def test_what_the_page_shows_is_what_is_printed(graph: Graph, tmp_path: Path) -> None:
    page = (ROOT / "docs/admin/microsoft-365.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"--tenant-probe test-line\n(.+?)```", page, re.S)
    cloud = filled(graph, tmp_path, recovers=True)
    assert cloud.run(*PROBE) == 0
    assert set(shown.splitlines()) <= set(cloud.printed[-1].splitlines())


def test_a_receipt_that_nobody_expects_is_a_finding(graph: Graph, tmp_path: Path) -> None:
    cloud = filled(graph, tmp_path, keys='unread_receipts = "destroy"')
    assert answers(cloud, 1)["receipt"] == ("came-unheeded", "")


def test_a_hold_of_the_server_is_seen(graph: Graph, tmp_path: Path) -> None:
    cloud = filled(graph, tmp_path)
    cloud.line.hold()
    assert cloud.run(*PROBE) == 1
    assert (
        "hard-delete: what does hardDelete do? answered 403, and the item stays; a hold" in cloud.complaints
    )


def test_a_cloud_where_nothing_can_be_destroyed_does_not_check_well(graph: Graph, tmp_path: Path) -> None:
    cloud = filled(graph, tmp_path)
    assert cloud.run("check") == 0
    graph.switches.is_national = True
    assert cloud.run("check") == 1
    assert "line: permissions: MailboxItem.ReadWrite is missing" in cloud.complaints
    for name in ("line", "ana"):
        assert f"{name}: abilities: this cloud knows no order by which Graph destroys" in cloud.complaints


@pytest.mark.parametrize("is_served", [False, True])
def test_an_archive_is_told(graph: Graph, tmp_path: Path, is_served: bool) -> None:
    graph.mailbox("line@relay.example", archive=True, recovers=False)
    cloud = filled(graph, tmp_path)
    graph.switches.serves_archives = is_served
    assert answers(cloud)["archive"] == ("served" if is_served else "told", "beta")


def test_a_fault_at_any_order_leaves_nothing_behind(graph: Graph, tmp_path: Path) -> None:
    """The order may have been carried out or not: what it made is found and removed."""
    cloud = filled(graph, tmp_path)
    before = cloud.everything()
    orders = ("createMailFolder", "createMessage", "importItem", "deleteItem", "permanentDelete")
    struck = [(order, faults.drop_after()) for order in orders]
    for operation, action in (*struck, ("createMessage", faults.drop_before())):
        graph.faults.at(operation, action)
        assert cloud.run(*PROBE) in (0, 1, 75), (operation, cloud.printed[-1], cloud.complaints)
        assert cloud.everything() == before, (operation, action)
        assert not [path for path in folders(cloud) if path.startswith("retentiond-test-")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("check", "--tenant-probe", "ana", "--yes"), "a helpline on an account of kind graph"),
        (("check", "--tenant-probe", "line"), "without a terminal: --yes"),
        (("check", "--tenant-probe", "line", "--only", "line"), "one of"),
        (("check", "--yes"), "--yes goes with --tenant-probe"),
    ],
)
def test_it_is_never_done_by_mistake(graph: Graph, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    cloud = filled(graph, tmp_path)
    assert cloud.run(*words) == 2
    assert why in cloud.complaints
    assert graph.writes() == []


def test_every_sight_has_its_words() -> None:
    assert {code for code, _ in MEANINGS} == set(QUESTIONS)


def test_the_page_for_admins_has_every_question_with_what_is_assumed() -> None:
    page = (ROOT / "docs/admin/microsoft-365.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \|$", page, re.M))
    assert set(QUESTIONS) - {"left"} <= set(told)
    assert all(told.values())


def test_the_page_for_admins_grants_what_is_needed_and_no_more() -> None:
    page = (ROOT / "docs/admin/microsoft-365.md").read_text(encoding="utf-8")
    loops = re.findall(r"^foreach \(\$role in (.+)\) \{$", page, re.M)
    assert [tuple(re.findall(r'"([^"]+)"', loop)) for loop in loops] == [
        NEEDED[Kind.HELPLINE],
        NEEDED[Kind.ADVISOR],
    ]


def test_what_a_server_finds_is_compared_once_more(graph: Graph, tmp_path: Path) -> None:
    """A server that gives more than it was asked for loses nothing of what was there before."""
    cloud = filled(graph, tmp_path)
    other = cloud.line.folder("inbox").items()[0]
    row = {"id": other.lasting_id, "changeKey": other.change_key, "subject": "something else"}
    lie = faults.Action("page", is_committed=True, spoil=lambda page, _url: page["value"].append(row))
    graph.faults.at(
        lambda request: "contains(subject" in dict(request.options).get("$filter", ""), lie, times=None
    )
    before = cloud.everything()
    assert cloud.run(*PROBE) == 0, cloud.complaints
    assert graph.faults.struck
    assert cloud.everything() == before


@pytest.mark.parametrize(("typed", "code"), [("line\n", 0), ("lime\n", 2), ("yes\n", 2)])
def test_at_a_terminal_its_name_is_asked_for(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    cloud = filled(graph, tmp_path)
    graph.switches.sends_not_read = False
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert cloud.run("check", "--tenant-probe", "line", "--receipt-wait", "0") == code, cloud.complaints
    assert "Nothing is sent to anybody" in cloud.complaints
    assert bool(graph.writes()) is (code == 0)
