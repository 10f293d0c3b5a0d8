"""The connection breaks at any command of a sweep, before or after the server acted; the next sweep mends it.

Cut before and cut after look the same to a client, so nothing is ever sent again without a look. What
is printed and logged meanwhile, at debug level, holds nothing of the mail (P7).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from retentiond.demo.authority import Authority
from tests.servers.fixtures import DovecotFactory
from tests.servers.proxy import Proxy
from tests.servers.seed import CANARY
from tests.servers.troubles import Action, Trouble
from tests.stories.test_kills import Scene, scene

_ACTIONS: tuple[Action, ...] = ("cut-before", "cut-after", "half", "half-reply")
_SMALL = 8


def through(proxy: Proxy, staged: Scene) -> int:
    """A sweep at debug level over the proxy; whatever it says was searched for the canary."""
    staged.story.host_port = proxy
    staged.story.write_configuration()
    return staged.story.run("--verbose", "sweep")


def straight(staged: Scene) -> None:
    """A sweep without the proxy. The account's port is part of the rules, so it is armed again."""
    staged.story.host_port = None
    staged.story.write_configuration()
    staged.story.arm()
    assert staged.story.run("sweep") == 0, staged.story.complaints
    staged.check()
    staged.story.no_canary()


def commands_of_a_sweep(factory: DovecotFactory, authority: Authority, directory: Path) -> int:
    directory.mkdir()
    staged = scene(factory, directory, _SMALL)
    with Proxy(factory(), authority) as proxy:
        staged.story.host_port = proxy
        staged.story.write_configuration()
        staged.story.arm()
        proxy.forget()
        assert staged.story.run("--verbose", "sweep") == 0
        staged.check()
        return len(proxy.commands)


def break_at(
    moment: int, action: Action, factory: DovecotFactory, authority: Authority, directory: Path
) -> None:
    directory.mkdir()
    staged = scene(factory, directory, _SMALL)
    with Proxy(factory(), authority) as proxy:
        staged.story.host_port = proxy
        staged.story.write_configuration()
        staged.story.arm()
        proxy.expect(Trouble(r".", action, nth=moment))
        code = staged.story.run("--verbose", "sweep")
        assert code in (0, 1, 75), (moment, action, staged.story.complaints)
        assert code or not proxy.struck or proxy.commands[-1] == "LOGOUT", "a broken sweep says so"
        assert staged.story.run("--verbose", "sweep") == 0, staged.story.complaints
    staged.check()
    staged.story.no_canary()


def test_broken_at_a_sample_of_commands(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    count = commands_of_a_sweep(dovecot_factory, authority, tmp_path / "whole")
    for number, moment in enumerate(range(1, count + 1, 11)):
        action = _ACTIONS[number % len(_ACTIONS)]
        break_at(moment, action, dovecot_factory, authority, tmp_path / f"{moment}")


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_broken_at_every_command_in_every_way(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    count = commands_of_a_sweep(dovecot_factory, authority, tmp_path / "whole")
    for moment in range(1, count + 1):
        for action in _ACTIONS:
            break_at(moment, action, dovecot_factory, authority, tmp_path / f"{moment}-{action}")
    print(f"{count} commands, {len(_ACTIONS)} ways: the same end as without")


_WORDS = b"about " + CANARY.encode() + b" from " + CANARY.encode()


def test_what_a_server_says_is_not_repeated(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Refusals and garbage may hold subjects and addresses: none reaches a log, and none is "all well"."""
    staged = scene(dovecot_factory, tmp_path, 4)
    for replace in (
        {rb"^(R\d+) OK .*": rb"\1 NO [ALERT] " + _WORDS + b"\r"},
        {rb"^\* \d+ FETCH .*": b"* 1 FETCH (" + _WORDS + b" {5\r"},
        {rb"^\* (SEARCH|ESEARCH) .*": rb"* \1 " + _WORDS + b"\r"},
        {rb"^\* LIST .*": b"* LIST " + _WORDS + b"\r"},
    ):
        with Proxy(dovecot_factory(), authority, replace=replace) as proxy:
            assert through(proxy, staged) == 75
    straight(staged)


def test_what_a_server_says_when_it_refuses_a_deed_is_not_repeated(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """This server did what it says it refused: what became of the mail is seen by looking."""
    staged = scene(dovecot_factory, tmp_path, 4)
    refusal = {
        rb"^(R\d+) OK (\[\S+ [^\]]*\] )?(Store|Append) completed.*": rb"\1 NO [ALERT] " + _WORDS + b"\r"
    }
    with Proxy(dovecot_factory(), authority, replace=refusal) as proxy:
        staged.story.host_port = proxy
        staged.story.write_configuration()
        staged.story.arm()
        assert staged.story.run("--verbose", "sweep") == 0
    straight(staged)
