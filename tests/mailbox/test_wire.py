"""The wire: what a server says is taken apart rightly, and nothing of it gets out."""

from __future__ import annotations

import imaplib
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import imapclient
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import IMAPClient

from retentiond.core.model import Hindrance
from retentiond.mailbox import wire
from retentiond.mailbox.imap_answers import (
    Answer,
    by_tag,
    date_time,
    found_by,
    keys_of,
    received_of,
    rows_of,
    sets_of,
)
from tests.mailbox.grounds import ImapGround, account, dovecot_ground
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy


def answer(*lines: list[bytes], text: bytes = b"done") -> Answer:
    return Answer(b"OK", text, tuple(lines))


# ── imapclient's private parts ───────────────────────────────────────────────────────────────────


def test_the_private_names_that_we_lean_on_are_there() -> None:
    """A new imapclient or Python that renames one must not be found out by a helpline."""
    assert imapclient.__version__.startswith("4.1.")
    assert callable(IMAPClient._create_IMAP4)
    for name in ("_simple_command", "_get_capabilities", "_mesg", "_log", "readline", "read", "send", "open"):
        assert callable(getattr(imaplib.IMAP4, name))
    for module in ("util", "response_parser", "imap_utf7"):
        assert hasattr(imapclient, module)


def test_nothing_of_a_session_is_logged(
    dovecot: Dovecot, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """imapclient writes every line that goes over the wire to its logger; not through us (P7)."""
    [ground] = [next(dovecot_ground(dovecot))]
    user = ground.users["here"]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("imapclient").setLevel(logging.CRITICAL + 1)
        session = wire.Wire(account(dovecot), "night", user.name, user.password)
        session.ask(b'LIST "" "*"')
        session.close()
    ground.close()
    assert not [record for record in caplog.records if record.name.startswith("imap")]
    out, err = capfd.readouterr()
    assert user.password not in out + err
    assert session.is_broken


# ── what answers say ─────────────────────────────────────────────────────────────────────────────


def test_each_search_gets_its_own_answer_whatever_the_order() -> None:
    """Dovecot tells the results of several searches before the first of them is complete."""
    one, two = by_tag(
        [
            answer([b'* ESEARCH (TAG "R2") UID ALL 7'], [b'* ESEARCH (TAG "R1") UID ALL 1:3']),
            answer([b"* 9 EXISTS"]),
        ],
        [b"R1", b"R2"],
    )
    assert (found_by(one), found_by(two)) == ((1, 2, 3), (7,))


def test_a_fetch_is_read_with_its_literals_and_quotes() -> None:
    line = [
        b'* 3 FETCH (UID 9 FLAGS (\\Seen $RetentionHold) INTERNALDATE " 1-Feb-2026 23:30:00 +0900" '
        b"RFC822.SIZE 12 BODY[HEADER.FIELDS (FROM SENDER)] {14}",
        b'From: a"b)({9}',
        b")",
    ]
    [row] = rows_of(answer(line), (b"BODY",))
    assert (row.uid, row.size, row.body) == (9, 12, b'From: a"b)({9}')
    assert row.flags == {"\\Seen", "$RetentionHold"}
    assert row.received == datetime(2026, 2, 1, 14, 30, tzinfo=UTC)


def test_a_body_may_be_quoted_or_nothing() -> None:
    lines = ([b'* 1 FETCH (UID 1 BODY[] "a \\"b\\" c")'], [b"* 2 FETCH (UID 2 BODY[] NIL)"])
    assert [row.body for row in rows_of(answer(*lines), (b"BODY",))] == [b'a "b" c', b""]


def test_what_a_server_tells_unasked_is_passed_over() -> None:
    lines = ([b"* 1 FETCH (FLAGS (\\Seen))"], [b"* 2 FETCH (UID 5 FLAGS ())"], [b"* 4 EXPUNGE"])
    assert list(rows_of(answer(*lines), (b"INTERNALDATE",))) == []


@pytest.mark.parametrize(
    "text", [b"", b"NIL", b"31-Feb-2026 00:00:00 +0000", b"01-Foo-2026 00:00:00 +0000", b"yesterday"]
)
def test_a_date_that_is_none_is_no_date(text: bytes) -> None:
    assert received_of(text) is None


@given(st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_instant_survives_the_way_out_and_back(moment: datetime, minutes: int) -> None:
    at = (moment.replace(tzinfo=UTC, microsecond=0) - timedelta(minutes=minutes)).astimezone(UTC)
    assert received_of(date_time(at).strip(b'"')) == at


@given(st.sets(st.integers(1, 400), min_size=1), st.integers(30, 200), st.integers(1, 50))
def test_a_set_names_what_was_named_and_nothing_else(keys: set[int], size: int, count: int) -> None:
    sets = list(sets_of(keys, size, count))
    assert [key for each in sets for key in keys_of(each)] == sorted(keys)
    assert all(len(each) <= size and len(keys_of(each)) <= count for each in sets)


@given(st.binary(max_size=200))
def test_no_answer_breaks_the_reader(data: bytes) -> None:
    """A hostile server is told from a good one by ValueError alone, which the wire translates."""
    with suppress(ValueError):
        assert all(row.uid >= 0 for row in rows_of(answer([b"* 1 FETCH (UID 1 " + data]), (b"UID",)))


def test_a_set_that_no_folder_is_large_enough_for_is_not_spelled_out() -> None:
    with pytest.raises(ValueError):
        keys_of(b"1:4294967295")


# ── rights ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rights", "hindrance"),
    [
        (b"lrswipkxtea", None),
        (b"lrswipcda", None),
        (b"lrswipkxecd", Hindrance.NO_RIGHT),
        (b"lrswipkxtcd", Hindrance.NO_RIGHT),
        (b"lr", Hindrance.READ_ONLY),
    ],
)
def test_rights_are_read_before_anything_is_done(
    dovecot: Dovecot, authority: object, rights: bytes, hindrance: Hindrance | None
) -> None:
    """RFC 4314 and, where only the old letters are told, RFC 2086."""
    from retentiond.core.model import Role
    from tests.mailbox.contract import view_of

    told = {rb'^(\* MYRIGHTS ("[^"]*"|\S+)) .*': rb"\1 " + rights + b"\r"}
    with Proxy(dovecot, authority, replace=told) as proxy:  # type: ignore[arg-type]
        ground = ImapGround(proxy, dovecot.new_user(), dovecot.new_user())
        with ground.open() as mailbox:
            assert mailbox.place(Role.INBOX).folder == "inbox"
            assert view_of(mailbox, "inbox").census.hindrance == hindrance
        ground.close()
