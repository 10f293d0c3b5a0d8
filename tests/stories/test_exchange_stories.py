"""The promise kept on Exchange, from the first audit to the verified ledger (P1, P2, P3, P7)."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from retentiond.mailbox.likeness import likeness
from tests.servers.exchange import Exchange, FolderHandle, Right, Seen
from tests.servers.seed import letter, stream
from tests.stories.exchange_world import Office, named_reply, state_of
from tests.stories.world import LONDON, cutoff

RECEIPT = b"Disposition-Notification-To: quixotrill@post.example\r\n"
IMPERSONATION = 'access = "impersonation"'


def mail(folder: FolderHandle) -> list[Seen]:
    """What stands in a folder, but for the message with which arming tries the server."""
    return [item for item in folder.items() if b"retentiond test message" not in item.content]


def test_ten_thousand_items_over_two_years(exchange: Exchange, tmp_path: Path) -> None:
    """Audit, arm, sweep, audit again: nothing is due, not one item went before its day, and the server
    was asked little more than it must be."""
    office = Office(exchange, tmp_path)
    now, edge = datetime.now(UTC), cutoff()
    spread = [
        (each.content, each.received) for each in stream(9_996, now - timedelta(days=730), now, size=300)
    ]
    eve = edge.astimezone(LONDON).date() - timedelta(days=1)
    spread += [
        (letter(f"edge{day}{at.hour}@post.example"), datetime.combine(day, at, LONDON).astimezone(UTC))
        for day in (eve, eve + timedelta(days=1))
        for at in (time(0, 30), time(23, 30))
    ]
    everything = {
        "inbox": spread[:6000] + spread[-4:],
        "sentitems": spread[6000:8000],
        "deleteditems": spread[8000:9000],
        "Cases": spread[9000:-4],
    }
    for name, messages in everything.items():
        office.line.folder(name).fill(messages)
    due = {name: sum(received < edge for _, received in messages) for name, messages in everything.items()}

    assert office.counts()["line"] == (sum(due.values()), 0)
    office.arm()
    exchange.requests.clear()
    assert office.run("sweep") == 0, office.complaints
    counts = {name: requests for name, (requests, _) in exchange.counts().items()}
    assert office.counts()["line"] == (0, 0)
    for name, messages in everything.items():
        left = Counter((likeness(item.content), item.received) for item in office.line.folder(name).items())
        assert left == Counter(
            (likeness(content), received) for content, received in messages if received >= edge
        )
    assert not any(office.line.folder(f"recoverableitems{name}").items() for name in ("purges", "deletions"))
    pages = sum(math.ceil(number / 1000) for number in due.values())
    chunks = sum(math.ceil(number / 100) for number in due.values())
    least = pages + chunks + len(due)
    print(f"{sum(counts.values())} requests for {sum(due.values())} items: {counts}; least possible: {least}")
    # A look before each chunk and one after it, and the same again out of Recoverable Items.
    assert counts["DeleteItem"] <= 2 * chunks + len(due)
    assert counts["GetItem"] <= 4 * chunks + 2 * len(due)
    assert counts["FindItem"] <= 3 * pages + 60
    assert exchange.sent == []
    assert office.run("ledger", "verify") == 0
    assert office.run("sweep") == 0
    office.check_book()


def test_nobody_is_told_of_a_destruction(exchange: Exchange, tmp_path: Path) -> None:
    """Unread mail that asked for a receipt, a meeting, its answer, a task: none sends anything when it goes,
    not out of the folders, not out of Recoverable Items, not when its days there are over."""
    office = Office(exchange, tmp_path)
    before = cutoff() - timedelta(days=5)
    inbox = office.line.folder("inbox")
    inbox.add(RECEIPT + letter("receipt@post.example"), before, False)
    for number, item_class in enumerate(
        ("IPM.Schedule.Meeting.Request", "IPM.Schedule.Meeting.Resp.Pos", "IPM.Appointment", "IPM.Task")
    ):
        inbox.add(RECEIPT + letter(f"class{number}@post.example"), before, False, item_class=item_class)
    purges = office.line.folder("recoverableitemspurges")
    purges.add(RECEIPT + letter("purged@post.example"), before, False)
    office.arm()
    assert office.run("sweep") == 0, office.complaints
    assert not list(office.line.items())
    exchange.advance(40)
    assert exchange.sent == []
    office.check_book()


def test_nothing_is_called_destroyed_before_it_is(exchange: Exchange, tmp_path: Path) -> None:
    """With single item recovery the server keeps what is removed: the sweep, the ledger and the audit
    say so, until the day on which the server itself lets go."""
    office = Office(exchange, tmp_path, keys='single_item_recovery = "14 days"')
    office.line.recover_single_items(14)
    office.line.folder("inbox").fill(
        (letter(f"old{n}@post.example"), cutoff() - timedelta(days=3, minutes=n)) for n in range(5)
    )
    office.arm()
    last = exchange.clock.now().date() + timedelta(days=15)
    assert office.run("sweep") == 1
    assert "destroyed" not in office.printed[-1].replace("not yet destroyed", "")
    assert f"until {last}" in office.printed[-1] + office.complaints
    assert len(office.line.folder("inbox")) == 0
    assert len(mail(office.line.folder("recoverableitemspurges"))) == 5
    office.run("audit")
    assert f"until {last}" in office.printed[-1] + office.complaints
    assert exchange.advance(16) >= 5
    assert not list(office.line.items())
    exchange.clock.set(datetime.now(UTC))
    assert office.counts()["line"] == (0, 0)
    office.check_book()


def test_a_hold_of_the_server_is_told_and_not_fought(exchange: Exchange, tmp_path: Path) -> None:
    """A litigation hold keeps what is removed: it is never called destroyed, and a finding says so."""
    office = Office(exchange, tmp_path)
    office.line.hold()
    office.line.folder("inbox").add(letter("old@post.example"), cutoff() - timedelta(days=3))
    office.arm()
    for _ in range(2):
        assert office.run("sweep") == 1
        assert "destroyed" not in office.printed[-1].replace("not yet destroyed", "")
    assert len(mail(office.line.folder("recoverableitemspurges"))) == 1
    office.check_book()


def test_an_audit_says_how_much_lies_beside_the_mail(exchange: Exchange, tmp_path: Path) -> None:
    """Calendars, contacts, tasks and notes are outside the promise: counted by an audit, wherever they lie,
    and touched by nothing. A folder's own name is not told."""
    office = Office(exchange, tmp_path)
    old, young = cutoff() - timedelta(days=3), datetime.now(UTC) - timedelta(days=3)
    items = (
        ("calendar", "IPM.Appointment", (old, old, young)),
        ("tasks", "IPM.Task", (old,)),
        ("notes", "IPM.StickyNote", (young,)),
    )
    for name, item_class, dates in items:
        for at in dates:
            office.line.folder(name).add(letter(f"{name}@post.example"), at, item_class=item_class)
    thrown = office.line.folder(
        "Deleted Items/quixotrill rota", folder_class="IPF.Appointment", element="CalendarFolder"
    )
    thrown.add(letter("rota@post.example"), old, item_class="IPM.Appointment")
    office.line.folder("inbox").add(letter("due@post.example"), old)
    before = dict(office.everything())

    assert office.run("audit") == 0, office.complaints
    assert (
        "Beside the mail of line, outside the promise: 3 old items in calendars, 1 in tasks."
        in (office.printed[-1])
    )
    assert office.run("audit", "--json") == 0
    assert json.loads(office.printed[-1])["beside"] == {"line": {"calendars": 3, "tasks": 1}}
    assert office.everything() == before
    office.arm()
    exchange.requests.clear()
    assert office.run("sweep") == 0, office.complaints
    assert "Beside" not in office.printed[-1]
    assert [len(office.line.folder(name)) for name in ("calendar", "tasks", "notes")] == [3, 1, 1]
    assert len(thrown) == 1
    office.check_book()


def test_who_may_not_look_into_a_calendar_is_told_nothing_of_it(exchange: Exchange, tmp_path: Path) -> None:
    """The rights on folders of mail are enough for the promise; the rest of the audit is as it was."""
    office = Office(exchange, tmp_path)
    office.line.folder("calendar").add(letter("meeting@post.example"), cutoff() - timedelta(days=3))
    office.line.folder("tasks").add(letter("task@post.example"), cutoff() - timedelta(days=3))
    exchange.grant(exchange.service.name, office.line.address, Right.VISIBLE, ("calendar",))
    assert office.run("audit") == 0, office.complaints
    assert "Beside the mail of line, outside the promise: 1 old item in tasks." in office.printed[-1]


def test_an_archive_is_swept_like_the_mailbox(exchange: Exchange, tmp_path: Path) -> None:
    exchange.mailbox("line@relay.example", archive=True)
    office = Office(exchange, tmp_path)
    edge = cutoff()
    for name in ("archiveinbox", "archivedeleteditems", "archiverecoverableitemsdeletions"):
        folder = office.line.folder(name)
        folder.add(letter(f"old{name}@post.example"), edge - timedelta(days=3))
        folder.add(letter(f"new{name}@post.example"), edge + timedelta(days=3))
    assert office.counts()["line"] == (3, 0)
    office.arm()
    assert office.run("sweep") == 0, office.complaints
    left = [item.content for _, item in office.line.items()]
    assert len(left) == 3
    assert all(b"<new" in content for content in left)
    office.check_book()


def test_a_category_holds_an_item_and_its_conversation(exchange: Exchange, tmp_path: Path) -> None:
    """Whoever may, sets the category in Outlook: the item stays, and so does the rest of the conversation."""
    office = Office(exchange, tmp_path)
    before = cutoff() - timedelta(days=5)
    inbox, sent = office.line.folder("inbox"), office.line.folder("sentitems")
    inbox.add(letter("first@post.example"), before, categories=["Retention hold"])
    sent.add(letter("answer@relay.example", in_reply_to="first@post.example"), before)
    sent.add(letter("other@relay.example", in_reply_to="elsewhere@post.example"), before)
    assert office.counts()["line"] == (1, 0)
    office.arm()
    assert office.run("sweep") == 0, office.complaints
    assert (len(inbox), len(sent)) == (1, 1)
    office.check_book()


def test_a_hold_set_between_the_look_and_the_deed_wins(exchange: Exchange, tmp_path: Path) -> None:
    office = Office(exchange, tmp_path)
    inbox = office.line.folder("inbox")
    key = inbox.add(letter("late@post.example"), cutoff() - timedelta(days=5))
    office.arm()
    looks = 0

    def held_now(request: object) -> bool:
        """At the sweep's last look the category is there, set a moment ago."""
        nonlocal looks
        looks += getattr(request, "operation", "") == "GetItem"
        if looks == 2:
            inbox.mark(key, categories=["retention HOLD"])
            looks = 3
        return False

    from tests.servers.exchange import faults

    exchange.faults.at(held_now, faults.drop_before())
    office.run("sweep")
    assert len(inbox) == 1
    office.check_book()


@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_strays_come_home_by_either_way(exchange: Exchange, tmp_path: Path, account: str) -> None:
    come_home(exchange, tmp_path, account, 60)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("account", ["", IMPERSONATION], ids=["copied", "uploaded"])
def test_a_thousand_strays_come_home_by_either_way(exchange: Exchange, tmp_path: Path, account: str) -> None:
    come_home(exchange, tmp_path, account, 1000)


def come_home(exchange: Exchange, directory: Path, account: str, many: int) -> None:
    """Strays move to the helpline's Sent with dates, read state, categories and attachments; a twin that
    Exchange copied there already is not doubled; the advisor's own mail is not touched."""
    exchange.allow_impersonation(exchange.service.name)
    office = Office(exchange, directory, keys=account)
    soon = cutoff() + timedelta(days=5)
    sent, home = office.ana.folder("sentitems"), office.line.folder("sentitems")
    for number in range(many):
        moment = soon + timedelta(minutes=number, microseconds=0)
        content = named_reply(number, attachment=number % 3 == 0)
        folder = office.ana.folder("deleteditems") if number % 5 == 0 else sent
        folder.add(
            content,
            moment,
            number % 2 == 0,
            categories=["Red"] if number % 4 == 0 else (),
            sent=moment - timedelta(minutes=3),
        )
        sent.add(letter(f"own{number}@relay.example", sender="Ana <ana@relay.example>"), moment)
        if number % 10 == 1:  # MessageCopyForSentAsEnabled: the copy has dates of its own
            home.add(content, moment + timedelta(seconds=2), True)
    own = office.states(sent) + office.states(office.ana.folder("deleteditems"))
    expected = Counter(
        state_of(item)
        for folder in (sent, office.ana.folder("deleteditems"))
        for item in folder.items()
        if b"Message-ID: <reply" in item.content
    )
    twins = office.states(home)
    assert office.counts()["ana"] == (0, many)
    office.arm()
    assert office.run("sweep") == 0, office.complaints
    after = office.states(home)
    assert after.total() == many
    doubled = {state[0] for state in twins}
    assert after == Counter({state: n for state, n in expected.items() if state[0] not in doubled}) + twins
    left = office.states(sent) + office.states(office.ana.folder("deleteditems"))
    assert left == own - expected
    assert len(list(office.ana.items())) == many
    carried = exchange.counts()
    assert ("CopyItem" in carried) == (not account)
    assert ("UploadItems" in carried) == bool(account)
    assert exchange.sent == []
    office.check_book()


def test_an_advisors_folders_alone_are_enough(exchange: Exchange, tmp_path: Path) -> None:
    """The documented default: rights on Sent Items and Deleted Items, and on nothing else of an advisor's."""
    office = Office(exchange, tmp_path)
    office.narrow()
    office.ana.folder("sentitems").add(named_reply(1), cutoff() + timedelta(days=5))
    office.ana.folder("inbox").add(named_reply(2), cutoff() + timedelta(days=5))
    assert office.counts()["ana"] == (0, 1)
    assert office.run("check", "--only", "ana") == 0, office.complaints
    office.arm()
    assert office.run("sweep") == 0, office.complaints
    assert len(office.line.folder("sentitems")) == 1
    assert len(office.ana.folder("inbox")) == 1
    office.check_book()
