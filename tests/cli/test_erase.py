"""`purge --erase`: whose mail is read where nothing keeps it, and the Helplines' Manager agrees by a code."""

from __future__ import annotations

import io
import re
import sys

import pytest

from retentiond.demo.authority import Authority
from retentiond.ledger import Ledger
from tests.cli.office import HELPLINE, YOUNG, Office, received
from tests.servers.relay import Relay
from tests.servers.seed import Seed, letter

ANN = "quixotrill.ann@post.example"


@pytest.fixture
def armed(office: Office) -> Office:
    """Ann's mail: seven in the helpline's folders."""
    to = office.people[HELPLINE].name
    mails = [
        Seed(letter(f"ann{n}@post.example", sender=ANN, recipient=to), received(YOUNG, n)) for n in range(7)
    ]
    office.put(HELPLINE, {"INBOX": mails[:5], "Sent": mails[5:]})
    office.arm_all()
    return office


def configure(office: Office, relay: Relay, authority: Authority) -> None:
    office.policy["manager"] = "manager@charity.example"
    office.write(
        f"""[alert]
host = "localhost"
port = {relay.port}
ca_file = "{authority.ca_file}"
sender = "it@charity.example"
to = ["it@charity.example"]
"""
    )


class Typing(io.StringIO):
    """Standard input on which somebody reads the manager's code out of the mail when they are asked."""

    def __init__(self, relay: Relay, *lines: str) -> None:
        super().__init__("")
        self._relay, self._lines = relay, list(lines)

    def readline(self, *_: object) -> str:  # type: ignore[override]
        line = self._lines.pop(0) if self._lines else ""
        return (code_of(self._relay) if line == "CODE" else line) + "\n"

    def __next__(self) -> str:
        return self.readline()


def code_of(relay: Relay) -> str:
    found = re.search(r"Code: (\S+)", relay.taken[-1].get_content())
    assert found
    return found[1]


def test_the_manager_agrees_by_the_code_that_was_mailed(
    armed: Office, relay: Relay, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(armed, relay, authority)
    typing = Typing(relay, ANN, "", "CODE")
    monkeypatch.setattr(sys, "stdin", typing)
    told = armed.run("purge", "--erase", "--destroy", "7")
    assert told.code == 0, told.err
    assert "7 items destroyed" in told.out
    [mail] = relay.taken
    assert (mail["To"], mail["Subject"]) == ("manager@charity.example", "A code for a task")
    assert "Size: 7" in mail.get_content()
    with Ledger.open(armed.state, (armed.state / "ledger.key").read_bytes()) as book:
        [event] = [entry.body for entry in book.show(last=20) if entry.body["event"] == "erasure"]
    assert "manager's code" in str(event["who"])
    assert code_of(relay) not in told.out + told.err
    armed.run("ledger", "verify").is_done()


def test_three_wrong_codes_and_nothing_is_done(
    armed: Office, relay: Relay, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(armed, relay, authority)
    for tries in (("AAAA-2222",) * 3, ("", "", ""), ("AAAA-2222", "BBBB-3333", "", "CODE")):
        monkeypatch.setattr(sys, "stdin", Typing(relay, ANN, "", *tries))
        with armed.untouched():
            armed.run("purge", "--erase", "--destroy", "7").has(3, "wrong code", "nothing was done")


def test_a_code_serves_once_and_for_its_own_plan_alone(
    armed: Office, relay: Relay, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(armed, relay, authority)
    monkeypatch.setattr(sys, "stdin", Typing(relay, ANN, "", "", "", ""))
    armed.run("purge", "--erase", "--destroy", "7").has(3, "wrong code")
    old = code_of(relay)
    monkeypatch.setattr(sys, "stdin", Typing(relay, ANN, "", old, old, old))
    with armed.untouched():
        armed.run("purge", "--erase", "--destroy", "7").has(3, "wrong code")
    assert code_of(relay) != old


def test_a_small_number_is_not_mailed(
    armed: Office, relay: Relay, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(armed, relay, authority)
    armed.put(
        HELPLINE, {"INBOX": [Seed(letter("bea@post.example", sender="bea@b.example"), received(YOUNG))]}
    )
    to = armed.people[HELPLINE].name
    content = letter("cy@post.example", sender="cy@post.example", recipient=to)
    armed.put(HELPLINE, {"INBOX": [Seed(content, received(YOUNG))]})
    monkeypatch.setattr(sys, "stdin", Typing(relay, "cy@post.example", "", "CODE"))
    assert armed.run("purge", "--erase", "--destroy", "1").code == 0
    assert "Size: fewer than 5" in relay.taken[-1].get_content()


def test_a_code_that_cannot_be_mailed_stops_it(
    armed: Office, relay: Relay, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(armed, relay, authority)
    relay.refuses = "manager@charity.example"
    monkeypatch.setattr(sys, "stdin", Typing(relay, ANN, "", "CODE"))
    with armed.untouched():
        armed.run("purge", "--erase", "--destroy", "7").has(3, "could not be mailed")


def test_without_a_manager_it_says_what_is_missing(armed: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))
    with armed.untouched():
        armed.run("purge", "--erase", "--destroy", "7").has(3, "[policy] manager", "approvers = 1")
    armed.policy["manager"] = "manager@charity.example"
    armed.write()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))
    with armed.untouched():
        armed.run("purge", "--erase", "--destroy", "7").has(3, "[alert]")


def test_what_is_no_address_is_refused_and_not_shown(armed: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for typed in ("", "nobody", "Ann <ann@post.example>", 'a"b@post.example', "x" * 250 + "@post.example"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
        told = armed.run("purge", "--erase", "--destroy", "1")
        assert told.code == 2
        assert ("no bare e-mail address" if typed else "no address") in told.err
        assert not typed or typed not in told.err


def test_nobody_erases_a_helpline_or_an_advisor(armed: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in armed.people.values():
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n{person.name.upper()}\n"))
        with armed.untouched():
            told = armed.run("purge", "--erase", "--destroy", "1000")
        assert told.code == 2
        assert "an address of a helpline or an advisor" in told.err


def test_a_paused_house_erases_nothing(armed: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    armed.policy["approvers"] = 1
    armed.write()
    armed.run("pause", "--until", "2999-01-01", "--reason", "a review")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))
    with armed.untouched():
        armed.run("purge", "--erase", "--destroy", "7").has(3, "paused")


def test_a_receipt_that_is_not_unfinished_is_refused(armed: Office) -> None:
    told = armed.run("purge", "--erase", "--receipt", "E-0123456789abcdef", "--destroy", "1")
    assert told.code == 2
    assert "unfinished" in told.err


def test_as_a_document_it_has_the_answer_and_the_numbers_apart(
    armed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed.policy["approvers"] = 1
    armed.write()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ANN}\n"))
    document = armed.run("purge", "--erase", "--destroy", "7", "--json").document
    assert (document["is_finished"], document["held"], document["review"]) == (True, 0, 0)
    assert document["receipt"] in document["answer"]
    assert not re.search(r"\d", document["answer"].replace(document["receipt"], ""))


def test_a_domain_in_either_spelling_is_the_same(armed: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    armed.policy["approvers"] = 1
    armed.write()
    to = armed.people[HELPLINE].name
    content = letter("idn@post.example", recipient=to, sender="ann@xn--bcher-kva.example")
    armed.put(HELPLINE, {"INBOX": [Seed(content, received(YOUNG))]})
    monkeypatch.setattr(sys, "stdin", io.StringIO("Ann@B\xfccher.example\n"))
    told = armed.run("purge", "--erase", "--destroy", "1")
    assert told.code == 0, told.err
    assert "1 item destroyed" in told.out
