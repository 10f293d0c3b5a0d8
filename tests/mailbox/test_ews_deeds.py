"""What Exchange alone asks for: messages written anew, categories, conversations, the three ways home."""

from __future__ import annotations

from datetime import timedelta

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import Kind, Role
from retentiond.mailbox.base import Sameness
from retentiond.mailbox.headers import likeness_of
from retentiond.mailbox.likeness import digest, likeness
from tests.mailbox.contract import LATELY, LONG_AGO, held_in, question, reply, results, view_of
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.grounds import MARKER
from tests.servers.exchange import Exchange, Right
from tests.servers.seed import letter


@pytest.fixture
def ground(exchange: Exchange) -> ExchangeGround:
    return ExchangeGround(exchange)


# ── by what two messages are the same ────────────────────────────────────────────────────────────


def test_trace_headers_order_and_boundaries_do_not_count() -> None:
    content = letter("a@relay.example", attachment=True, canary="")
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    other = b"\r\n".join([b"Received: from here", b"X-MS-Has-Attach: yes", *lines[1:], lines[0]])
    anew = (other + b"\r\n\r\n" + body).replace(b"=-a", b"_000_other_")
    assert anew != content
    assert likeness(anew) == likeness(content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"is the  text", b"is the other text"),
        (b"asks for advice", b"asks for other advice"),
        (b"To: helpline@relay.example", b"To: other@relay.example"),
        (b"a@relay.example>", b"b@relay.example>"),
        (b"15 Jan 2026", b"16 Jan 2026"),
        (b"paper.bin", b"other.bin"),
        (b"IGFAcmVsYXkuZXhhbXBsZQ==", b"IGFAcmVsYXkuZXhhbXBsZT8="),
    ],
)
def test_what_people_wrote_counts(old: bytes, new: bytes) -> None:
    content = letter("a@relay.example", attachment=True, canary="")
    assert old in content
    assert likeness(content.replace(old, new)) != likeness(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"no header at all",
        b"Content-Type: multipart/mixed\r\n\r\n--x\r\n",
        b"Subject: =?x?q?=C3\r\nFrom: <<a@b>, =?utf-8?b?////?=\r\nDate: 99 Foo\r\n\r\n",
        b"Content-Type: text/plain; charset=none\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%\xff\r\n",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext",
        bytes(range(256)) * 4,
        b"Subject: =?utf-8?b?a?=\r\nFrom: =?utf-8?b?a?= <a@b>\r\n\r\ntext",
        b'Content-Type: text/plain; charset="a\0b"\r\n\r\ntext',
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)
        ),
    ],
)
def test_nothing_that_a_sender_writes_stops_the_comparison(content: bytes) -> None:
    assert len(likeness(content)) == 32
    assert likeness(content) == likeness(content)


# ── the ways home ────────────────────────────────────────────────────────────────────────────────


def test_a_message_written_anew_is_known_as_the_same(ground: ExchangeGround) -> None:
    """The stand-in, like Exchange, gives other bytes for one message in each mailbox."""
    content = reply(1, attachment=True)
    key = ground.put("sent", content, LATELY, ("\\Seen",))
    ground.put("sent", content, LATELY, where="there")
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        [message] = source.fetch(source.place(Role.SENT), [key])
        [twin] = home.copies(home.place(Role.SENT), [likeness_of(message.content, MARKER)], Sameness.PARTS)
    assert message.content != content
    assert digest(message.content, Sameness.PARTS) == twin.digest == likeness(content)


def test_by_mime_what_mime_does_not_hold_survives_too(ground: ExchangeGround) -> None:
    """The third way: received and sent dates, read state, categories, attachments."""
    here = ground.folder("sent")
    sent = LATELY - timedelta(minutes=7)
    content = reply(1, attachment=True, date=sent)
    here.add(content, LATELY, True, categories=["Red", "Blue"], sent=sent, flag="Flagged")
    [item] = here.items()
    key = f"{item.id} {item.change_key}"
    with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
        home.add(home.place(Role.SENT), list(source.fetch(source.place(Role.SENT), [key])))
    [copy] = ground.folder("sent", "there").items()
    assert likeness(copy.content) == likeness(content)
    assert (copy.received, copy.sent, copy.is_read, copy.is_draft) == (LATELY, sent, True, False)
    assert (sorted(copy.categories), copy.flag) == (["Blue", "Red"], "Flagged")


def test_a_lost_stray_is_looked_for_by_its_mark_alone(ground: ExchangeGround) -> None:
    """After a crash only marks are left: the destination's Message-IDs are compared with them."""
    from dataclasses import replace

    key = ground.put("sent", reply(1), LATELY)
    ground.put("sent", reply(2), LATELY)
    like = replace(likeness_of(reply(1), MARKER), hint="")
    with ground.open() as mailbox:
        assert [copy.key for copy in mailbox.copies(mailbox.place(Role.SENT), [like], Sameness.PARTS)] == [
            key
        ]


# ── holds ────────────────────────────────────────────────────────────────────────────────────────


def test_the_rest_of_a_held_conversation_is_held(ground: ExchangeGround) -> None:
    sign = "Retention hold"
    first = ground.put("inbox", letter("first@post.example"), LONG_AGO, (sign,))
    answer = ground.put("Cases", letter("re@relay.example", in_reply_to="first@post.example"), LONG_AGO)
    other = ground.put("Cases", letter("other@post.example"), LONG_AGO)
    with ground.open(hold_keyword=sign) as mailbox:
        cases = view_of(mailbox, MARKER.folder("here", "Cases"))
        assert held_in(view_of(mailbox, "inbox")) == {first}
        assert held_in(cases) == {answer}
        told = results(mailbox.destroy(cases.place, [answer, other]))
    assert told == {Result.HELD: (answer,), Result.DONE: (other,)}


def test_a_category_in_other_letters_is_the_same_hold(ground: ExchangeGround) -> None:
    key = ground.put("inbox", letter("first@post.example"), LONG_AGO, ("retention HOLD",))
    near = ground.put("inbox", letter("near@post.example"), LONG_AGO, ("Retention holds",))
    with ground.open(hold_keyword="Retention hold") as mailbox:
        view = view_of(mailbox, "inbox")
        assert held_in(view) == {key}
        assert results(mailbox.destroy(view.place, [key, near])) == {
            Result.HELD: (key,),
            Result.DONE: (near,),
        }


def test_setting_a_hold_keeps_the_other_categories(ground: ExchangeGround) -> None:
    key = ground.put("sent", reply(1), LATELY, ("Red",))
    with ground.open(hold_keyword="Retention hold") as mailbox:
        mailbox.hold(mailbox.place(Role.SENT), [key])
    [item] = ground.folder("sent").items()
    assert sorted(item.categories) == ["Red", "Retention hold"]
    assert ground.server.sent == []


# ── an advisor's mailbox ─────────────────────────────────────────────────────────────────────────


def test_nothing_else_of_an_advisors_mailbox_is_read(ground: ExchangeGround) -> None:
    """The folders may be seen, and a search in any but those that are named is refused (P3)."""
    service, address = ground.server.service.name, ground.address("here")
    others = ("inbox", "drafts", "junkemail", "Private")
    ground.folder("Private")
    ground.server.grant(service, address, Right.VISIBLE, others)
    key = ground.put("sent", reply(1), LATELY)
    with ground.open(Kind.ADVISOR) as mailbox:
        view = view_of(mailbox, "sent")
        assert [item.ref.key for item in view.items] == [key]
        assert mailbox.stand(view.place, [key]).present == (key,)
        assert results(mailbox.destroy(view.place, [key])) == {Result.DONE: (key,)}


def test_of_an_advisors_bins_only_what_was_removed_is_sought(ground: ExchangeGround) -> None:
    """What else was deleted at the same time stays as it is; a stray without a name is said to be removed."""
    purges = ground.folder("recoverableitemspurges")
    private = purges.add(letter("own@relay.example", sender="Ana <ana@relay.example>"), LATELY)
    key = ground.put("sent", reply(1), LATELY)
    nameless = ground.put("sent", reply(2).replace(b"Message-ID", b"X-Was-Id"), LATELY)
    with ground.open(Kind.ADVISOR) as mailbox:
        told = results(mailbox.destroy(mailbox.place(Role.SENT), [key, nameless]))
    assert told == {Result.DONE: (key,), Result.REMOVED: (nameless,)}
    assert private in [item.id for item in purges.items()]
    assert len(purges) == 2


# ── the test message ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keeps", [False, True])
def test_a_message_of_our_own_shows_whether_the_server_keeps(ground: ExchangeGround, keeps: bool) -> None:
    mailbox_there = ground.server.mailbox(ground.address("here"))
    if keeps:
        mailbox_there.recover_single_items()
    ground.put("inbox", letter("mine@post.example"), LONG_AGO)
    with ground.open() as mailbox:
        before = mailbox.names()
        assert mailbox.keeps_copies() is keeps
        assert mailbox.names() == before
    assert len(ground.messages("inbox")) == 1
    assert len(list(mailbox_there.items())) == 1 + keeps
    assert ground.server.sent == []


def test_a_configured_folder_that_is_missing_is_an_error(ground: ExchangeGround) -> None:
    from retentiond.errors import Refused, Why

    for scope in ({"hold_folder": "Nowhere"}, {"roles": {Role.TEMPLATES: "Nowhere"}}):
        with pytest.raises(Refused) as caught, ground.open(**scope) as mailbox:
            list(mailbox.look(question()))
        assert (caught.value.why, caught.value.detail) == (Why.NO_FOLDER, "Nowhere")
