"""The one contract: every promise of `mailbox/base.py`, held by each backend on each server.

A backend's test file inherits `MailboxContract` and provides a `ground`. A test whose promise needs
what the server lacks skips, saying what.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from retentiond.core.deeds import Result
from retentiond.core.model import FolderView, Kind, Place, Role
from retentiond.errors import Changed, Refused, Unsupported, Why
from retentiond.mailbox.base import Mailbox, Message, Question, Wanted
from retentiond.mailbox.headers import likeness_of, marks_of
from tests.mailbox.grounds import HELPLINE, MARKER, Ground
from tests.servers.seed import letter

#: Real time: searches by age go by the server's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
CUTOFF = datetime.combine((NOW - timedelta(days=181)).date(), datetime.min.time(), UTC)
LONG_AGO, LATELY = CUTOFF - timedelta(days=90), NOW - timedelta(days=3)
HOLD = "$RetentionHold"
ANN = "ann@post.example"


def question(**changes: object) -> Question:
    """What a sweep asks today, with six months and a forecast of 35 days."""
    asked = {
        "now": NOW,
        "cutoff": CUTOFF,
        "earliest": datetime(1995, 1, 1, tzinfo=UTC),
        "latest": NOW + timedelta(days=1),
        "ahead": CUTOFF + timedelta(days=35),
    }
    return Question(**{**asked, **changes})  # type: ignore[arg-type]


def view_of(mailbox: Mailbox, label: str, **changes: object) -> FolderView:
    """What a look finds in one folder; letters have one where mail has an inbox."""
    if mailbox.kind is Kind.LETTERS and label == "inbox":
        label = "letters"
    return next(v for v in mailbox.look(question(**changes)) if v.place.folder == label)


def due_in(view: FolderView) -> set[object]:
    """The keys that a look says to be past the cutoff, in lots or one by one."""
    lots = {key for lot in view.lots for key in lot.keys if lot.received_before <= CUTOFF}
    return lots | {item.ref.key for item in view.items if item.received and item.received < CUTOFF}


def held_in(view: FolderView) -> set[object]:
    lots = {key for lot in view.lots if lot.is_held for key in lot.keys}
    return lots | {item.ref.key for item in view.items if item.is_held}


def results(outcomes: object) -> dict[Result, tuple[object, ...]]:
    """Each result with its keys; a key that is answered for twice fails."""
    found = {outcome.result: outcome.keys for outcome in outcomes}  # type: ignore[attr-defined]
    keys = [key for group in found.values() for key in group]
    assert len(keys) == len(set(keys))
    return found


def needs(ground: Ground, *abilities: str) -> None:
    """Skips, visibly, where the server lacks what the promise needs."""
    if lacking := ground.lacks & set(abilities):
        pytest.skip(f"this server lacks: {', '.join(sorted(lacking))}")


def reply(number: int | str, **changes: object) -> bytes:
    """A reply that bears the helpline's identity."""
    return letter(f"reply{number}@relay.example", sender=f"Helpline <{HELPLINE}>", **changes)  # type: ignore[arg-type]


def also(field: str, message_id: str) -> bytes:
    """A message with the correspondent in one more field."""
    content = letter(message_id, sender=HELPLINE, recipient="bea@post.example")
    return f"{field}: Ann <{ANN}>\r\n".encode() + content


class MailboxContract:
    """Inherit, and provide a fixture `ground`."""

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def test_what_is_past_its_date_is_found_and_the_rest_only_counted(self, ground: Ground) -> None:
        old = [ground.put("inbox", letter(f"a{n}@post.example"), LONG_AGO) for n in range(3)]
        for n in range(2):
            ground.put("inbox", letter(f"b{n}@post.example"), LATELY)
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
        assert due_in(view) == set(old)
        assert not view.items
        assert (view.census.total, view.census.ahead) == (5, 3)

    def test_near_the_cutoff_each_message_comes_with_its_own_instant(self, ground: Ground) -> None:
        moments = [CUTOFF + timedelta(minutes=minutes) for minutes in (-30, -1, 0, 1, 30)]
        keys = [ground.put("inbox", letter(f"e{n}@post.example"), at) for n, at in enumerate(moments)]
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
        dates = {item.ref.key: item.received for item in view.items}
        assert dates == dict(zip(keys, moments, strict=True))
        assert due_in(view) == set(keys[:2])

    def test_a_search_by_day_finds_the_same_as_one_by_age(self, ground: Ground) -> None:
        hours = (-24 * 9, -73, -49, -26, -1, 1, 26, 49, 73, 24 * 9)
        for hour in hours:
            ground.put("inbox", letter(f"h{hour}@post.example"), CUTOFF + timedelta(hours=hour))
        with ground.open() as mailbox:
            by_age = view_of(mailbox, "inbox")
            by_day = view_of(mailbox, "inbox", may_use_server_clock=False)
        assert due_in(by_age) == due_in(by_day)
        assert len(due_in(by_age)) == 5

    def test_oldest_and_newest_of_what_is_due_are_known(self, ground: Ground) -> None:
        for days in (200, 10, 400, 30):
            ground.put("inbox", letter(f"d{days}@post.example"), CUTOFF - timedelta(days=days, hours=1))
        with ground.open() as mailbox:
            [lot] = view_of(mailbox, "inbox").lots
        assert lot.oldest == (CUTOFF - timedelta(days=400, hours=1)).date()
        assert lot.newest == (CUTOFF - timedelta(days=10, hours=1)).date()

    def test_a_date_nobody_can_believe_comes_by_itself(self, ground: Ground) -> None:
        key = ground.put("inbox", letter("u1@post.example"), datetime(1990, 5, 1, tzinfo=UTC))
        believable = ground.put("inbox", letter("u2@post.example"), datetime(1996, 5, 1, tzinfo=UTC))
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
        assert [item.ref.key for item in view.items] == [key]
        assert [lot.keys for lot in view.lots] == [(believable,)]

    def test_a_date_in_the_future_comes_by_itself(self, ground: Ground) -> None:
        needs(ground, "future")
        key = ground.put("inbox", letter("u3@post.example"), NOW + timedelta(days=40))
        ground.put("inbox", letter("u4@post.example"), NOW)
        with ground.open() as mailbox:
            by_age, by_day = (view_of(mailbox, "inbox", may_use_server_clock=may) for may in (True, False))
        assert [item.ref.key for item in by_age.items] == [item.ref.key for item in by_day.items] == [key]

    def test_the_date_in_the_header_is_never_believed(self, ground: Ground) -> None:
        ground.put("inbox", letter("x1@post.example", date=datetime(2001, 1, 1, tzinfo=UTC)), LATELY)
        old = ground.put("inbox", letter("x2@post.example", date=NOW), LONG_AGO)
        with ground.open() as mailbox:
            assert due_in(view_of(mailbox, "inbox")) == {old}

    def test_all_that_is_held_is_found_by_its_keyword_due_or_not(self, ground: Ground) -> None:
        needs(ground, "keywords")
        ground.put("inbox", letter("k0@post.example"), LONG_AGO)
        held = ground.put("inbox", letter("k1@post.example"), LONG_AGO, (HOLD,))
        near = ground.put("inbox", letter("k2@post.example"), CUTOFF - timedelta(hours=1), (HOLD,))
        new = ground.put("inbox", letter("k3@post.example"), LATELY, (HOLD,))
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
        assert held_in(view) == {held, near, new}
        assert due_in(view) >= {held, near}

    def test_all_that_lies_in_the_hold_folder_is_held(self, ground: Ground) -> None:
        key = ground.put("Kept", letter("k4@post.example"), LONG_AGO)
        with ground.open(hold_folder="Kept") as mailbox:
            view = view_of(mailbox, "hold")
            assert held_in(view) == {key}
            assert results(mailbox.destroy(view.place, [key])) == {Result.HELD: (key,)}
        assert len(ground.messages("Kept")) == 1

    def test_looking_leaves_everything_as_it_was(self, ground: Ground) -> None:
        for n in range(4):
            ground.put("inbox", reply(n), CUTOFF - timedelta(days=n), ("\\Flagged",) if n % 2 else ())
        before = ground.messages("inbox")
        with ground.open() as mailbox:
            list(mailbox.look(question(wants_threads=True, wants_days=True)))
            place = mailbox.place(Role.INBOX)
            list(mailbox.fetch(place, [seen.uid for seen in before]))
            list(
                mailbox.copies(
                    place, [likeness_of(seen.content, MARKER) for seen in before], mailbox.sameness
                )
            )
            mailbox.stand(place, [seen.uid for seen in before])
            mailbox.clock(NOW)
        with ground.open(Kind.ADVISOR, look_in=("inbox",)) as mailbox:
            list(mailbox.look(question()))
        assert ground.messages("inbox") == before

    def test_a_folder_that_is_not_the_promises_business_is_known_by_a_mark_only(self, ground: Ground) -> None:
        ground.put("Quixotrill affairs", letter("f1@post.example"), LONG_AGO)
        with ground.open() as mailbox:
            labels = [view.place.folder for view in mailbox.look(question())]
            names = mailbox.names()
        assert not any("uixotrill" in label for label in labels)
        assert len(labels) == len(set(labels))
        label = MARKER.folder("here", "Quixotrill affairs")
        assert label in labels
        assert names[label] == "Quixotrill affairs"

    def test_a_folder_left_out_is_not_looked_into(self, ground: Ground) -> None:
        ground.put("Private", letter("f2@post.example"), LONG_AGO)
        with ground.open(leave_out=frozenset({"Private"})) as mailbox:
            places = [view.place.folder for view in mailbox.look(question())]
            assert "inbox" in places
            assert MARKER.folder("here", "Private") not in places

    @pytest.mark.parametrize("role", [Role.INBOX, Role.SENT, Role.TRASH])
    def test_what_was_promised_to_be_swept_is_not_left_out(self, ground: Ground, role: Role) -> None:
        with ground.open() as mailbox:
            name = mailbox.names()[role.value]
        with pytest.raises(Refused) as caught, ground.open(leave_out=frozenset({name})) as mailbox:
            list(mailbox.look(question()))
        assert (caught.value.why, caught.value.detail) == (Why.LEFT_OUT, role.value)

    def test_a_folder_to_leave_out_that_is_not_there_is_an_error(self, ground: Ground) -> None:
        """A misspelt name would let go what somebody wanted to be left alone."""
        with pytest.raises(Refused) as caught, ground.open(leave_out=frozenset({"Prviate"})) as mailbox:
            list(mailbox.look(question()))
        assert caught.value.why is Why.NO_FOLDER

    def test_a_folder_full_of_one_day_looks_imported(self, ground: Ground) -> None:
        needs(ground, "days")
        for n in range(25):
            ground.put("inbox", letter(f"i{n}@post.example"), LONG_AGO + timedelta(minutes=n))
        with ground.open() as mailbox:
            assert view_of(mailbox, "inbox", wants_days=True).census.looks_imported
            assert not view_of(mailbox, "inbox").census.looks_imported

    def test_threads_are_read_as_marks_where_they_are_asked_for(self, ground: Ground) -> None:
        content = letter("t1@post.example", sender="Ann <ann@post.example>", in_reply_to="t0@post.example")
        key = ground.put("inbox", content, LATELY)
        with ground.open() as mailbox:
            [item] = view_of(mailbox, "inbox", wants_threads=True).items
        assert (item.ref.key, item.marks) == (key, marks_of(content, MARKER))
        assert item.marks.parents == {MARKER.message("t0@post.example")}

    def test_marks_come_with_what_is_due_or_held_and_nothing_else(self, ground: Ground) -> None:
        """One by one instead of in lots; what is neither is not even named."""
        contents = {
            n: letter(
                f"m{n}@post.example",
                sender="Ann <ann@post.example>",
                recipient=f"Line <{HELPLINE}>",
                in_reply_to=f"p{n}@post.example",
                references=(f"root{n}@post.example", f"p{n}@post.example"),
            )
            for n in ("old", "near", "new", "held", "held-old")
        }
        dates = {"old": LONG_AGO, "near": CUTOFF - timedelta(hours=1), "new": LATELY}
        flags: tuple[str, ...] = () if "keywords" in ground.lacks else (HOLD,)
        kept = "Kept" if "keywords" in ground.lacks else "inbox"
        keys = {name: ground.put("inbox", contents[name], at) for name, at in dates.items()}
        keys["held"] = ground.put(kept, contents["held"], LATELY, flags)
        keys["held-old"] = ground.put(kept, contents["held-old"], LONG_AGO, flags)
        with ground.open(hold_folder="Kept" if kept == "Kept" else None) as mailbox:
            views = list(mailbox.look(question(wants_marks=True)))
        assert not any(view.lots for view in views)
        found = {item.ref.key: item for view in views for item in view.items}
        assert set(found) == {keys[name] for name in ("old", "near", "held", "held-old")}
        for name in ("old", "near", "held", "held-old"):
            item = found[keys[name]]
            assert item.marks.message == marks_of(contents[name], MARKER).message
            assert item.marks.parents == marks_of(contents[name], MARKER).parents
            assert item.is_held is name.startswith("held")
            assert item.received == dates.get(name, LATELY if name == "held" else LONG_AGO)
        parents = {MARKER.message(each) for each in ("rootold@post.example", "pold@post.example")}
        assert found[keys["old"]].marks.parents == parents
        [inbox] = [view for view in views if view.place.folder == "inbox"]
        assert inbox.census.total == (3 if kept == "Kept" else 5)

    def test_with_marks_the_same_is_due_and_held_as_without(self, ground: Ground) -> None:
        for hour in (-24 * 9, -73, -49, -26, -1, 0, 1, 26, 49, 73, 24 * 9):
            ground.put("inbox", letter(f"w{hour}@post.example"), CUTOFF + timedelta(hours=hour))
        ground.put("inbox", letter("w-odd@post.example"), datetime(1990, 5, 1, tzinfo=UTC))
        for by_clock in (True, False):
            with ground.open() as mailbox:
                without = view_of(mailbox, "inbox", may_use_server_clock=by_clock)
                marked = view_of(mailbox, "inbox", may_use_server_clock=by_clock, wants_marks=True)
            assert due_in(marked) == due_in(without)
            assert len(due_in(marked)) == 6
            assert marked.census == without.census

    def test_younger_relatives_are_found_wherever_they_lie(self, ground: Ground) -> None:
        """By the names of what is due, or by reading all numbers; nothing that is surely due comes."""
        ground.put("inbox", letter("q1@post.example"), LONG_AGO)
        ground.put("inbox", letter("other@post.example"), LATELY)
        answer = letter("r1@relay.example", in_reply_to="q1@post.example")
        long = tuple(f"{n:040d}@post.example" for n in range(9))
        late = letter("r2@relay.example", references=(*long, "q1@post.example", "r1@relay.example"))
        dates = {"r1": LATELY, "r2": CUTOFF + timedelta(days=5)}
        ground.put("sent", answer, dates["r1"])
        ground.put("Cases", late, dates["r2"])
        with ground.open() as mailbox:
            [due] = view_of(mailbox, "inbox", wants_marks=True).items
            ids = tuple(mailbox.named(due.ref.place, [due.ref.key]))
            by_name = list(mailbox.younger(question(), ids))
            every = list(mailbox.younger(question()))
        assert ids == ("q1@post.example",)
        asked = MARKER.message("q1@post.example")
        for found in (by_name, every):
            related = {item.marks.message: item for item in found if asked in item.marks.parents}
            assert {message: item.received for message, item in related.items()} == {
                MARKER.message(f"{name}@relay.example"): at for name, at in dates.items()
            }
            assert due.ref not in {item.ref for item in found}
        assert {item.marks.message for item in every} >= {MARKER.message("other@post.example")}

    def test_an_advisors_replies_name_their_parents_where_marks_are_asked_for(self, ground: Ground) -> None:
        content = reply(1, in_reply_to="q1@post.example")
        ground.put("sent", content, LATELY)
        with ground.open(Kind.ADVISOR, look_in=("sent",)) as mailbox:
            [view] = mailbox.look(question(wants_marks=True))
        [item] = view.items
        assert item.marks == marks_of(content, MARKER)

    # ── an advisor's folders ─────────────────────────────────────────────────────────────────────

    def test_of_an_advisors_folders_only_the_helplines_replies_are_seen(self, ground: Ground) -> None:
        ours = ground.put("sent", reply(1), LATELY)
        on_behalf = ground.put(
            "sent",
            letter("r2@relay.example", sender="Ann <ann@relay.example>", on_behalf_sender=HELPLINE),
            LONG_AGO,
        )
        ground.put("sent", letter("own@relay.example", sender="Ann <ann@relay.example>"), LONG_AGO)
        ground.put("inbox", reply(3), LONG_AGO)
        with ground.open(Kind.ADVISOR, look_in=("sent", "trash")) as mailbox:
            views = list(mailbox.look(question()))
        assert [view.place.folder for view in views] == ["sent", "trash"]
        assert [view.census.total for view in views] == [None, None]
        assert {item.ref.key for item in views[0].items} == {ours, on_behalf}
        assert all(item.size for item in views[0].items)
        assert all(not view.lots for view in views)

    def test_an_address_that_only_contains_the_identity_is_not_the_helplines(self, ground: Ground) -> None:
        for n, sender in enumerate(
            (
                f"not-{HELPLINE}",
                f"Ann <{HELPLINE}.other.example>",
                f'"{HELPLINE}" <ann@relay.example>',
                "Ann <ann@relay.example>",
            )
        ):
            content = letter(f"n{n}@relay.example").replace(b'"quixotrill Writer"', b"Ann", 1)
            head, _, rest = content.partition(b"\r\n")
            ground.put("sent", b"From: " + sender.encode() + b"\r\n" + rest, LATELY)
            assert head.startswith(b"From:")
        with ground.open(Kind.ADVISOR, look_in=("sent",)) as mailbox:
            [view] = mailbox.look(question())
        assert not view.items

    def test_a_malformed_header_never_stops_a_look(self, ground: Ground) -> None:
        needs(ground, "malformed")
        whole = ground.put("sent", reply("whole"), LATELY)
        for n, bad in enumerate(
            (
                f"From: <<{HELPLINE}>, =?x?q?=C3",
                f"From: =?utf-8?b?////?= {HELPLINE}",
                f"From: a:b:c;<{HELPLINE}",
            )
        ):
            rest = letter(f"m{n}@relay.example").partition(b"\r\n")[2]
            ground.put("sent", bad.encode() + b"\r\n" + rest, LATELY)
        folded = b"From: Helpline\r\n <" + HELPLINE.encode() + b">\r\n" + reply(9).partition(b"\r\n")[2]
        key = ground.put("sent", folded, LATELY)
        with ground.open(Kind.ADVISOR, look_in=("sent",)) as mailbox:
            [view] = mailbox.look(question())
        assert {whole, key} <= {item.ref.key for item in view.items}

    def test_answers_to_the_helplines_mail_are_found_by_thread(self, ground: Ground) -> None:
        first = letter("ask@post.example", sender="Ann <ann@post.example>")
        ground.put("inbox", first, LATELY, where="there")
        private = "Bea <bea@relay.example>"
        answer = letter("re1@relay.example", sender=private, in_reply_to="ask@post.example")
        further = letter("re2@relay.example", sender=private, references=("re1@relay.example",))
        keys = {ground.put("sent", content, LATELY) for content in (answer, further)}
        ground.put("sent", letter("own@relay.example", sender=private), LATELY)
        with ground.open(where="there") as helpline:
            ids = tuple(helpline.message_ids())
        assert ids == ("<ask@post.example>",)
        with ground.open(Kind.ADVISOR, look_in=("sent", "trash")) as mailbox:
            view = view_of(mailbox, "sent", replying_to=ids)
        assert {item.ref.key for item in view.items} == keys

    def test_a_folder_that_is_configured_and_missing_is_an_error(self, ground: Ground) -> None:
        with (
            ground.open(Kind.ADVISOR, look_in=("Nowhere",)) as mailbox,
            pytest.raises(Refused) as caught,
        ):
            list(mailbox.look(question()))
        assert (caught.value.why, caught.value.detail) == (Why.NO_FOLDER, "Nowhere")

    # ── one correspondent's mail ─────────────────────────────────────────────────────────────────

    def test_all_mail_from_and_to_a_correspondent_is_found_whatever_its_age(self, ground: Ground) -> None:
        """In whichever field and letter case the address stands; what only mentions it is not theirs."""
        theirs = {
            ground.put("inbox", letter("p1@post.example", sender=f"Ann <{ANN}>"), LATELY),
            ground.put("inbox", letter("p2@post.example", sender="Ann <Ann@POST.example>"), LONG_AGO),
            ground.put("inbox", letter("p3@relay.example", sender=HELPLINE, recipient=ANN), LATELY),
            ground.put("inbox", also("Cc", "p4@relay.example"), LATELY, ("\\Seen",)),
            ground.put("inbox", also("Reply-To", "p5@post.example"), LATELY),
        }
        others = [
            ground.put("inbox", letter("p6@post.example", body=f"Ask {ANN} about it.\r\n"), LATELY),
            ground.put("inbox", letter("p7@post.example", subject=f"About {ANN}"), LONG_AGO),
            ground.put("inbox", letter("p8@post.example", sender=f"not-{ANN}"), LONG_AGO),
            ground.put("inbox", letter("p9@post.example", sender=f"{ANN}.other.example"), LATELY),
            ground.put("inbox", letter("p10@post.example", sender=f'"{ANN}" <bea@post.example>'), LATELY),
        ]
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox", correspondents=(ANN,))
        assert {item.ref.key for item in view.items} == theirs
        assert not theirs & set(others)
        assert (view.lots, view.census.total, view.census.ahead) == ((), None, None)
        wanted = MARKER.address(ANN)
        assert all(wanted in item.marks.parties and item.marks.message for item in view.items)
        assert all(item.received for item in view.items)

    def test_what_of_a_correspondents_mail_is_held_is_said_to_be(self, ground: Ground) -> None:
        needs(ground, "keywords")
        held = ground.put("inbox", letter("q1@post.example", sender=ANN), LATELY, (HOLD,))
        ground.put("inbox", letter("q2@post.example", sender=ANN), LATELY)
        kept = ground.put("Kept", letter("q3@post.example", sender=ANN), LATELY)
        with ground.open(hold_folder="Kept") as mailbox:
            views = {view.place.folder: view for view in mailbox.look(question(correspondents=(ANN,)))}
        assert held_in(views["inbox"]) == {held}
        assert held_in(views["hold"]) == {kept}

    def test_every_party_to_a_message_is_known_by_a_mark(self, ground: Ground) -> None:
        content = letter("q4@post.example", sender=f"Ann <{ANN}>", recipient=f"{HELPLINE}, bea@post.example")
        ground.put("inbox", content, LATELY)
        with ground.open() as mailbox:
            [item] = view_of(mailbox, "inbox", correspondents=(ANN,)).items
        assert item.marks.parties == {MARKER.address(each) for each in (ANN, HELPLINE, "bea@post.example")}

    def test_a_party_in_a_field_that_no_parser_understands_is_not_overlooked(self, ground: Ground) -> None:
        needs(ground, "malformed")
        rest = letter("q5@post.example", sender=ANN).partition(b"\r\n")[2]
        key = ground.put("inbox", b"From: Ann with no brackets " + ANN.encode() + b"\r\n" + rest, LATELY)
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox", correspondents=(ANN,))
        assert [item.ref.key for item in view.items] == [key]

    def test_many_correspondents_are_sought_together(self, ground: Ground) -> None:
        addresses = tuple(f"a.rather.long.name.of.somebody.{n}@a-long-domain.post.example" for n in range(60))
        keys = {
            ground.put("inbox", letter(f"q{n}@post.example", sender=addresses[n]), LATELY)
            for n in (0, 31, 59)
        }
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox", correspondents=addresses)
        assert {item.ref.key for item in view.items} == keys

    def test_of_an_advisors_folders_only_the_helplines_replies_to_them_are_seen(self, ground: Ground) -> None:
        ours = ground.put("sent", letter("s1@relay.example", sender=HELPLINE, recipient=ANN), LATELY)
        on_behalf = ground.put(
            "sent",
            letter("s2@relay.example", sender="b@relay.example", on_behalf_sender=HELPLINE, recipient=ANN),
            LONG_AGO,
        )
        ground.put("sent", letter("s3@relay.example", sender="b@relay.example", recipient=ANN), LATELY)
        ground.put("sent", letter("s4@relay.example", sender=HELPLINE, recipient="bea@post.example"), LATELY)
        ground.put("inbox", letter("s5@post.example", sender=ANN), LATELY)
        with ground.open(Kind.ADVISOR, look_in=("sent", "trash")) as mailbox:
            views = {view.place.folder: view for view in mailbox.look(question(correspondents=(ANN,)))}
        assert {item.ref.key for item in views["sent"].items} == {ours, on_behalf}
        assert not views["trash"].items
        assert all(view.census.total is None and not view.lots for view in views.values())

    def test_by_thread_only_the_answers_to_a_correspondent_are_seen(self, ground: Ground) -> None:
        private = "Bea <bea@relay.example>"
        answer = letter("u1@relay.example", sender=private, recipient=ANN, in_reply_to="ask@post.example")
        other = letter(
            "u2@relay.example", sender=private, recipient="c@post.example", in_reply_to="ask@post.example"
        )
        key = ground.put("sent", answer, LATELY)
        ground.put("sent", other, LATELY)
        with ground.open(Kind.ADVISOR, look_in=("sent",)) as mailbox:
            asked = {"replying_to": ("<ask@post.example>",), "correspondents": (ANN,)}
            view = view_of(mailbox, "sent", **asked)
        assert [item.ref.key for item in view.items] == [key]

    def test_looking_for_a_correspondent_leaves_everything_as_it_was(self, ground: Ground) -> None:
        for n in range(3):
            ground.put(
                "inbox", letter(f"v{n}@post.example", sender=ANN), LATELY, ("\\Flagged",) if n % 2 else ()
            )
        before = ground.messages("inbox")
        with ground.open() as mailbox:
            list(mailbox.look(question(correspondents=(ANN,))))
        assert ground.messages("inbox") == before

    # ── places ───────────────────────────────────────────────────────────────────────────────────

    def test_a_place_is_found_by_role_and_by_label(self, ground: Ground) -> None:
        ground.put("sent", reply(1), LATELY)
        with ground.open() as mailbox:
            place = mailbox.place(Role.SENT)
            assert place == view_of(mailbox, "sent").place
            assert mailbox.find("sent") == place
            assert mailbox.find("folder-0000000000") is None
            with pytest.raises(Refused) as caught:
                mailbox.place(Role.TEMPLATES)
        assert caught.value.why is Why.ROLE_UNKNOWN

    # ── destroying ───────────────────────────────────────────────────────────────────────────────

    def test_exactly_what_was_named_is_destroyed(self, ground: Ground) -> None:
        needs(ground, "uidplus")
        keys = [ground.put("inbox", letter(f"z{n}@post.example"), LONG_AGO) for n in range(9)]
        doomed = [keys[n] for n in (0, 1, 2, 5, 8)]
        with ground.open() as mailbox:
            outcome = results(mailbox.destroy(mailbox.place(Role.INBOX), doomed))
        assert outcome == {Result.DONE: tuple(doomed)}
        assert [seen.uid for seen in ground.messages("inbox")] == [keys[n] for n in (3, 4, 6, 7)]

    def test_what_was_gone_before_is_not_called_our_deed(self, ground: Ground) -> None:
        needs(ground, "uidplus")
        keys = [ground.put("inbox", letter(f"g{n}@post.example"), LONG_AGO) for n in range(3)]
        with ground.open() as mailbox:
            place = mailbox.place(Role.INBOX)
            mailbox.destroy(place, keys[:1])
            outcome = results(mailbox.destroy(place, keys))
        assert outcome == {Result.DONE: (keys[1], keys[2]), Result.GONE_ALREADY: (keys[0],)}

    def test_a_hold_set_since_the_look_wins(self, ground: Ground) -> None:
        needs(ground, "uidplus", "keywords")
        keys = [ground.put("inbox", letter(f"l{n}@post.example"), LONG_AGO) for n in range(4)]
        with ground.open() as mailbox:
            [lot] = view_of(mailbox, "inbox").lots
            ground.flag("inbox", keys[2], HOLD)
            outcome = results(mailbox.destroy(lot.place, lot.keys))
        assert outcome == {Result.DONE: (keys[0], keys[1], keys[3]), Result.HELD: (keys[2],)}
        [seen] = ground.messages("inbox")
        assert (seen.uid, "\\deleted" in seen.flags) == (keys[2], False)

    def test_a_held_stray_whose_copy_is_held_at_home_may_go(self, ground: Ground) -> None:
        needs(ground, "uidplus", "keywords")
        key = ground.put("sent", reply(1), LATELY, (HOLD,))
        with ground.open() as mailbox:
            place = mailbox.place(Role.SENT)
            assert results(mailbox.destroy(place, [key])) == {Result.HELD: (key,)}
            assert results(mailbox.destroy(place, [key], holds_win=False)) == {Result.DONE: (key,)}
        assert ground.messages("sent") == []

    def test_a_hold_can_be_set_on_a_copy_at_home(self, ground: Ground) -> None:
        needs(ground, "keywords")
        keys = [ground.put("sent", reply(n), LATELY, ("\\Seen",)) for n in range(2)]
        with ground.open() as mailbox:
            place = mailbox.place(Role.SENT)
            mailbox.hold(place, keys[:1])
            assert mailbox.stand(place, keys).held == (keys[0],)
        assert [seen.flags for seen in ground.messages("sent")] == [{"\\seen", HOLD.lower()}, {"\\seen"}]

    # ── holds ────────────────────────────────────────────────────────────────────────────────────

    def test_what_bears_a_keyword_is_known_by_its_marks(self, ground: Ground) -> None:
        needs(ground, "keywords")
        contents = [letter(f"i{n}@post.example", references=(f"root{n}@post.example",)) for n in range(3)]
        flags = ((HOLD,), (), ("\\Flagged",))
        keys = [ground.put("inbox", each, LATELY, flags[n]) for n, each in enumerate(contents)]
        with ground.open() as mailbox:
            place = mailbox.place(Role.INBOX)
            found = {item.ref.key: item for item in mailbox.identify(place, [*keys, ground.absent(keys[-1])])}
            assert list(mailbox.identify(place, keys[1:2])) == [found[keys[1]]]
        assert set(found) == set(keys)
        assert [found[key].is_held for key in keys] == [True, False, False]
        assert [found[key].received for key in keys] == [LATELY] * 3
        for key, content in zip(keys, contents, strict=True):
            assert replace(found[key].marks, conversation=None) == marks_of(content, MARKER)

    def test_mail_is_sought_by_its_message_id_in_whatever_folder(self, ground: Ground) -> None:
        wanted = {
            ground.put("inbox", letter("S1@post.example"), LONG_AGO),
            ground.put("sent", letter("S1@post.example", body="the same name\r\n"), LATELY),
        }
        ground.put("inbox", letter("xS1@post.example"), LATELY)
        ground.put("inbox", letter("S1@post.examples.example"), LATELY)
        ground.put("inbox", letter("s2@post.example", references=("S1@post.example",)), LATELY)
        with ground.open() as mailbox:
            for name in ("S1@post.example", "<S1@post.example>"):
                found = list(mailbox.seek(Wanted(message_id=name)))
                assert [item.marks.message for item in found] == [MARKER.message("S1@post.example")] * 2
                assert {item.ref.key for item in found} == wanted
            assert list(mailbox.seek(Wanted(message_id='no" such) id@post.example'))) == []

    def test_mail_is_sought_by_who_wrote_or_got_it_and_by_day(self, ground: Ground) -> None:
        """The whole address, case aside; never mail that merely speaks of somebody."""
        ann, other = "ann@post.example", "other@post.example"
        mine = [
            letter("c1@post.example", sender=f"Ann <{ann}>", recipient=HELPLINE),
            letter("c2@post.example", sender=HELPLINE, recipient=f"somebody <{other}>, A <ANN@post.example>"),
        ]
        keys = [ground.put("inbox", mine[0], LONG_AGO), ground.put("sent", mine[1], LATELY)]
        for n, content in enumerate(
            (
                letter("c3@post.example", sender=f"Joann <jo{ann}>"),
                letter("c4@post.example", sender=f'"{ann}" <{other}>', body=f"I know {ann}.\r\n"),
            )
        ):
            ground.put("inbox", content, LATELY + timedelta(minutes=n))
        with ground.open() as mailbox:

            def sought(since: datetime | None = None, until: datetime | None = None) -> list[object]:
                return [item.ref.key for item in mailbox.seek(Wanted(address=ann, since=since, until=until))]

            assert sought() == keys
            assert sought(since=LATELY) == keys[1:]
            assert sought(until=LATELY) == keys[:1]
            assert sought(LONG_AGO, LONG_AGO + timedelta(seconds=1)) == keys[:1]
            assert sought(LONG_AGO + timedelta(seconds=1), LATELY) == []

    def test_the_keyword_of_a_hold_is_taken_away_and_no_other(self, ground: Ground) -> None:
        needs(ground, "keywords")
        keys = [ground.put("inbox", letter(f"w{n}@post.example"), LONG_AGO, ("\\Seen", HOLD)) for n in (1, 2)]
        with ground.open() as mailbox:
            place = mailbox.place(Role.INBOX)
            mailbox.unhold(place, keys[:1])
            assert mailbox.stand(place, keys).held == (keys[1],)
            mailbox.hold(place, keys)
            mailbox.hold(place, keys)
            assert mailbox.stand(place, keys).held == tuple(keys)
            mailbox.unhold(place, keys)
            mailbox.unhold(place, keys)
            assert held_in(view_of(mailbox, "inbox")) == set()
        assert [seen.flags for seen in ground.messages("inbox")] == [{"\\seen"}] * 2

    def test_what_lies_in_the_hold_folder_is_known_and_cannot_be_let_go(self, ground: Ground) -> None:
        key = ground.put("Kept", letter("f1@post.example"), LONG_AGO)
        with ground.open(hold_folder="Kept") as mailbox:
            view = view_of(mailbox, "hold")
            [item] = mailbox.identify(view.place, [key])
            assert (item.is_held, item.received) == (True, LONG_AGO)
            assert item.marks.message is not None
            with pytest.raises(Refused) as caught:
                mailbox.unhold(view.place, [key])
            assert caught.value.why is Why.HOLD_FOLDER
            assert held_in(view_of(mailbox, "hold")) == {key}

    def test_what_another_client_marked_deleted_is_not_expunged_with_ours(self, ground: Ground) -> None:
        needs(ground, "uidplus", "deletion-flag")
        ours = ground.put("inbox", letter("o1@post.example"), LONG_AGO)
        theirs = ground.put("inbox", letter("o2@post.example"), LATELY, ("\\Deleted",))
        with ground.open() as mailbox:
            mailbox.destroy(mailbox.place(Role.INBOX), [ours])
        [seen] = ground.messages("inbox")
        assert (seen.uid, "\\deleted" in seen.flags) == (theirs, True)

    def test_a_uid_that_was_given_out_again_is_not_destroyed(self, ground: Ground) -> None:
        needs(ground, "uidplus", "remake")
        old = ground.put("Cases", letter("v1@post.example"), LONG_AGO)
        label = MARKER.folder("here", "Cases")
        with ground.open() as mailbox:
            place = view_of(mailbox, label).place
            ground.remake("Cases")
            again = ground.put("Cases", letter("v2@post.example"), LATELY)
            assert again == old
            for deed in (mailbox.destroy, mailbox.stand, mailbox.unmark):
                with pytest.raises(Changed):
                    deed(place, [old])
            with pytest.raises(Changed):
                list(mailbox.fetch(place, [old]))
        assert len(ground.messages("Cases")) == 1

    def test_without_uidplus_nothing_is_tried(self, ground: Ground) -> None:
        if "uidplus" not in ground.lacks:
            pytest.skip("this server has UIDPLUS")
        key = ground.put("inbox", letter("w1@post.example"), LONG_AGO)
        with ground.open() as mailbox:
            view = view_of(mailbox, "inbox")
            assert view.census.hindrance == "no-uidplus"
            assert due_in(view) == {key}
            with pytest.raises(Unsupported) as caught:
                mailbox.destroy(view.place, [key])
        assert caught.value.why is Why.NO_UIDPLUS
        assert [seen.flags for seen in ground.messages("inbox")] == [frozenset()]

    def test_an_interrupted_deed_can_be_seen_and_taken_back(self, ground: Ground) -> None:
        needs(ground, "keywords", "deletion-flag")
        keys = [ground.put("inbox", letter(f"s{n}@post.example"), LONG_AGO) for n in range(3)]
        ground.flag("inbox", keys[0], "\\Deleted")
        ground.flag("inbox", keys[1], "\\Deleted", HOLD)
        with ground.open() as mailbox:
            place = mailbox.place(Role.INBOX)
            stand = mailbox.stand(place, [*keys, ground.absent(keys[-1])])
            assert (stand.present, stand.held) == (tuple(keys), (keys[1],))
            assert stand.marked_deleted == (keys[0], keys[1])
            mailbox.unmark(place, [keys[1]])
        marked = [seen.uid for seen in ground.messages("inbox") if "\\deleted" in seen.flags]
        assert marked == [keys[0]]

    # ── carrying ─────────────────────────────────────────────────────────────────────────────────

    def carried(self, ground: Ground) -> list[tuple[bytes, datetime, frozenset[str]]]:
        """What stands in the helpline's Sent after all of the advisor's Sent was carried there."""
        keys = [seen.uid for seen in ground.messages("sent")]
        with ground.open(Kind.ADVISOR) as source, ground.open(where="there") as home:
            messages = list(source.fetch(source.place(Role.SENT), keys))
            assert [message.key for message in messages] == keys
            parcels = source.pack(source.place(Role.SENT), keys) if home.takes_parcels else {}
            packed = [replace(each, parcel=parcels.get(each.key, "")) for each in messages]
            home.add(home.place(Role.SENT), packed)
        return self.seen(ground, "there")

    def seen(self, ground: Ground, where: str = "here") -> list[tuple[bytes, datetime, frozenset[str]]]:
        """What another client sees in Sent, by what the server compares messages by."""
        seen = ground.messages("sent", where)
        return [(ground.digest(each.content), each.received, each.flags) for each in seen]

    def test_bytes_date_and_flags_survive_the_way_home(self, ground: Ground) -> None:
        odd = [
            reply("8bit").replace(b"7bit", b"8bit") + "Grüße, 日本\r\n".encode(),
            reply("bytes") + bytes(byte for byte in range(1, 256) if byte not in b"\r\n") + b"\r\n",
            reply("noid").replace(b"Message-ID", b"X-Was-Id"),
            reply("twice"),
            reply("twice") + b"another text\r\n",
            reply("twice"),
            b"From: " + HELPLINE.encode() + b"\r\nSubject: no body at all\r\n\r\n",
            reply("dots") + b".\r\n..\r\n\r\n\r\n",
        ]
        flags = ((), ("\\Seen",), ("\\Flagged", "\\Answered"), ("\\Draft",))
        for n, content in enumerate(odd):
            ground.put("sent", content, LATELY - timedelta(hours=n), flags[n % 4])
        before = self.seen(ground)
        assert [seen.content for seen in ground.messages("sent")] == odd
        assert self.carried(ground) == before
        assert self.seen(ground) == before

    def test_a_hold_goes_home_with_its_message(self, ground: Ground) -> None:
        needs(ground, "keywords")
        ground.put("sent", reply(1), LATELY, ("\\Seen", HOLD, "$Forwarded"))
        [(_, _, flags)] = self.carried(ground)
        assert flags == {"\\seen", HOLD.lower(), "$forwarded"}

    def test_a_mark_of_deletion_stays_behind(self, ground: Ground) -> None:
        needs(ground, "deletion-flag")
        ground.put("sent", reply(1), LATELY, ("\\Seen", "\\Deleted"))
        [(_, _, flags)] = self.carried(ground)
        assert flags == {"\\seen"}

    def test_two_megabytes_go_home_whole(self, ground: Ground) -> None:
        content = reply(1, size=2_000_000)
        ground.put("sent", content, LATELY)
        [(arrived, _, _)] = self.carried(ground)
        assert arrived == ground.digest(content)

    def test_what_is_gone_is_left_out_of_a_fetch(self, ground: Ground) -> None:
        key = ground.put("sent", reply(1), LATELY)
        with ground.open() as mailbox:
            fetched = list(mailbox.fetch(mailbox.place(Role.SENT), [key, ground.absent(key)]))
        assert [message.key for message in fetched] == [key]

    @pytest.mark.parametrize("others", [1, 30])
    def test_every_twin_is_found_and_no_other(self, ground: Ground, others: int) -> None:
        ids = [ground.put("sent", reply("same"), LATELY) for _ in range(2)]
        flags = () if "deletion-flag" in ground.lacks else ("\\Deleted",)
        flagged = ground.put("sent", reply("same"), LONG_AGO, flags)
        longer = ground.put("sent", reply("same") + b"but longer\r\n", LATELY)
        # A server that writes each message anew gives its twin another size: there only the digest tells.
        alike = {longer} if "sizes" in ground.lacks else set()
        nameless = reply("x").replace(b"Message-ID", b"X-Was-Id")
        without = ground.put("sent", nameless, LATELY)
        of = [likeness_of(content, MARKER) for content in (reply("same"), nameless)]
        of += [likeness_of(reply(f"other{n}"), MARKER) for n in range(others)]
        with ground.open() as mailbox:
            place = mailbox.place(Role.SENT)
            found = {copy.key: copy for copy in mailbox.copies(place, of, mailbox.sameness)}
            assert set(found) == {*ids, flagged, without, *alike}
            assert {found[key].digest for key in ids} == {ground.digest(reply("same"))}
            assert all(found[key].digest != found[ids[0]].digest for key in alike)
            assert found[flagged].is_marked_deleted is bool(flags)
            assert (found[flagged].received, found[ids[0]].is_held) == (LONG_AGO, False)
            more = ground.put("sent", reply("same"), LATELY)
            assert {copy.key for copy in mailbox.copies(place, of, mailbox.sameness)} == {*found, more}

    def test_what_was_added_is_found_as_a_twin_at_once(self, ground: Ground) -> None:
        message = Message(1, reply(1), LATELY, frozenset({"\\Seen"}))
        with ground.open() as mailbox:
            sent: Place = mailbox.place(Role.SENT)
            mailbox.add(sent, [message])
            [copy] = mailbox.copies(sent, [likeness_of(message.content, MARKER)], mailbox.sameness)
        digest = ground.digest(message.content)
        assert (copy.digest, copy.received, copy.flags) == (digest, LATELY, frozenset({"\\Seen"}))
