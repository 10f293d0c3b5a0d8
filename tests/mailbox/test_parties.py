"""Everybody who is party to a message is seen in its headers, whatever a sender made of them (P9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retentiond.core.model import Kind
from retentiond.mailbox.headers import is_address, marks_of, parties_of, spellings
from tests.mailbox.contract import LONG_AGO, question
from tests.mailbox.exchange_ground import ExchangeGround
from tests.mailbox.graph_ground import GraphGround
from tests.mailbox.grounds import HELPLINE, MARKER
from tests.servers.exchange import Exchange
from tests.servers.graph import Graph
from tests.servers.seed import letter

ANN, BEA = "ann@post.example", "bea@post.example"


def marks(*addresses: str) -> set[bytes]:
    return {MARKER.address(each) for each in addresses}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"Ann <{ANN}>", {ANN}),
        (f"ANN@Post.Example, Bea <{BEA}>", {ANN, BEA}),
        (f'"Ann, or so" <{ANN}>', {ANN}),
        (f'"{BEA}" <{ANN}>', {ANN}),
        (f"{BEA} <{ANN}>", {ANN, BEA}),
        (f"Ann {ANN}", {ANN}),
        (f"<<{ANN}>, {BEA}", {ANN, BEA}),
        (f"{ANN}; {BEA}", {ANN, BEA}),
        (f"Friends: {ANN}, {BEA};", {ANN, BEA}),
        (f"({BEA}) {ANN}", {ANN, BEA}),
        (f"=?utf-8?q?A=40n?= <{ANN}>", {ANN}),
        (f"=?utf-8?b?////?= {ANN}", {ANN}),
        (f"{ANN}\x0c, {BEA}", {ANN, BEA}),
        (f"{ANN}\r, {BEA}", {ANN, BEA}),
        (f"{ANN},\r\n \x1c {BEA}", {ANN, BEA}),
        (f"{ANN}, \N{LINE SEPARATOR} <{BEA}>", {ANN, BEA}),
        (f"Ann\x85 <{ANN}>", {ANN}),
        (f"{ANN}, stra\xdfe@post.example", {ANN, "stra\xdfe@post.example"}),
        ("undisclosed-recipients:;", set()),
        ("", set()),
    ],
)
def test_every_address_of_a_field_counts(value: str, found: set[str]) -> None:
    header = f"To: {value}\r\nSubject: x\r\n\r\n".encode()
    assert parties_of(header, MARKER).parties == marks(*found)


def test_each_field_in_which_somebody_is_party_is_read() -> None:
    names = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"]
    names += ["Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc"]
    people = [f"p{n}@post.example" for n in range(len(names))]
    header = "".join(f"{name}: {who}\r\n" for name, who in zip(names, people, strict=True))
    assert parties_of(header.encode() + b"\r\n", MARKER).parties == marks(*people)
    mentions = f"Subject: {ANN}\r\nX-Failed-Recipients: {ANN}\r\n\r\nTo: {ANN}\r\n"
    assert parties_of(mentions.encode(), MARKER).parties == set()


def test_of_an_ordinary_message_it_sees_what_a_thread_does() -> None:
    content = letter("a@post.example", sender=f"Ann <{ANN}>", in_reply_to="b@post.example")
    assert parties_of(content, MARKER) == marks_of(content, MARKER)


@given(st.binary(max_size=300))
def test_no_header_stops_it(noise: bytes) -> None:
    header = b"From: " + noise + b"\r\nTo: ann@post.example\r\n\r\n"
    parties_of(header, MARKER)
    assert MARKER.address(ANN) in parties_of(b"To: ann@post.example\r\nFrom: " + noise, MARKER).recipients


@pytest.mark.parametrize(
    ("address", "others"),
    [
        (ANN, ()),
        (" Ann@Post.Example ", ()),
        ("ann@b\xfccher.example", ("ann@xn--bcher-kva.example",)),
        ("ann@xn--bcher-kva.example", ("ann@b\xfccher.example",)),
        ("ann@" + "x" * 80 + ".example", ()),
        ("ann@stra\xdfe.example", ("ann@xn--strae-oqa.example",)),
        ("ann@xn--strae-oqa.example", ("ann@stra\xdfe.example",)),
        ("ann@B\xdcCHER.example", ("ann@xn--bcher-kva.example",)),
        ("ann@bu\u0308cher.example", ("ann@xn--bcher-kva.example", "ann@b\xfccher.example")),
        ("ann@xn--99999999999.example", ()),
    ],
)
def test_a_domain_is_sought_in_both_its_spellings(address: str, others: tuple[str, ...]) -> None:
    assert spellings(address) == (address.strip(), *others)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("ann@stra\xdfe.example", "ann@strasse.example"),
        ("\u017fue@post.example", "sue@post.example"),
        ("o\ufb03ce@post.example", "office@post.example"),
    ],
)
def test_two_addresses_that_only_look_alike_are_two_people(one: str, another: str) -> None:
    assert not marks(*spellings(one)) & marks(*spellings(another))


@pytest.mark.parametrize(
    "text", ["", "ann", "@post.example", "ann@", "a b@x.example", "a@b@c", "<a@b>", 'a"@b']
)
def test_what_is_no_bare_address_is_none(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("text", [ANN, "o'brien+tag@post.example", "\xe5nn@b\xfccher.example", "a@localhost"])
def test_what_is_one_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("kind", [Kind.HELPLINE, Kind.ADVISOR])
@pytest.mark.parametrize("is_cloud", [False, True], ids=["Exchange", "Microsoft 365"])
def test_whoever_a_message_was_sent_on_to_is_party_to_it_on_exchange_too(
    exchange: Exchange, graph: Graph, is_cloud: bool, kind: Kind
) -> None:
    """An erasure of Ann's mail leaves to a person what was sent on to Bea, as it does on IMAP."""
    ground = GraphGround(graph) if is_cloud else ExchangeGround(exchange)
    names = ["Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc"]
    for number, name in enumerate(names):
        plain = letter(f"m{number}@post.example", sender=HELPLINE, recipient=ANN)
        bea = f"{name}: Bea\r\n\t<{number}{BEA}>\r\n".encode()
        ground.put("sent", bea + plain, LONG_AGO)
    ground.put("sent", letter("hers@post.example", sender=HELPLINE, recipient=ANN), LONG_AGO)
    with ground.open(kind) as mailbox:
        views = [*mailbox.look(replace(question(), correspondents=(ANN,)))]
    parties = [frozenset(item.marks.parties) for view in views for item in view.items]
    ours = frozenset(marks(HELPLINE, ANN))
    assert set(parties) == {ours, *(ours | marks(f"{n}{BEA}") for n in range(len(names)))}
    assert len(parties) == len(names) + 1
