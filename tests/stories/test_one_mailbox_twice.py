"""An advisor's mailbox that is the helpline's under another name: its replies are no strays (disaster 1).

A mailbox may have several addresses, and the configuration can compare only what is written. Each reply
would be found to stand at home already, as its own copy, and the "stray" destroyed.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from retentiond.core.deeds import Result
from retentiond.core.findings import Cause
from retentiond.core.model import Kind, Role
from retentiond.demo.authority import Authority
from retentiond.mailbox.graph_grants import NEEDED
from tests.servers.dovecot import Dovecot
from tests.servers.exchange import Exchange
from tests.servers.fixtures import DovecotFactory
from tests.servers.graph import Graph
from tests.servers.proxy import Proxy
from tests.servers.seed import Seed
from tests.servers.troubles import Trouble
from tests.stories.exchange_world import Office
from tests.stories.graph_world import Cloud
from tests.stories.real_world import Helpline
from tests.stories.small_world import CUTOFF, LINE, mail
from tests.stories.small_world import World as Small
from tests.stories.world import World, cutoff, reply


def replies() -> list[Seed]:
    return [reply(n, cutoff() + timedelta(days=2, minutes=n)) for n in range(5)]


def told(story: World) -> None:
    """The sweep says it and touches nothing, tonight and tomorrow."""
    before = [story.mail(story.line, role) for role in (Role.INBOX, Role.SENT, Role.TRASH)]
    assert len(before[1]) == 5
    story.arm()
    for _night in range(2):
        assert story.run("sweep") == 1, story.complaints
        assert "the helpline's own mailbox under another name" in story.complaints
        assert [story.mail(story.line, role) for role in (Role.INBOX, Role.SENT, Role.TRASH)] == before
    story.check_book()


def test_a_second_name_on_dovecot(dovecot_factory: DovecotFactory, tmp_path: Path) -> None:
    server = dovecot_factory()
    line, ana = server.new_user("line"), server.new_user("ana")
    server.home(ana).symlink_to(server.home(line))
    story = Helpline(server, tmp_path / "world", line, ana)
    story.seed(line, Role.SENT, replies())
    told(story)


def test_a_second_address_on_exchange(exchange: Exchange, tmp_path: Path) -> None:
    story = Office(exchange, tmp_path / "world")
    story.seed(story.line, Role.SENT, replies())
    exchange.store.mailboxes[story.ana.address] = exchange.store.mailboxes[story.line.address]
    told(story)


def test_a_second_address_in_the_cloud(graph: Graph, tmp_path: Path) -> None:
    story = Cloud(graph, tmp_path / "world")
    story.seed(story.line, Role.SENT, replies())
    graph.store.mailboxes[story.ana.address] = graph.store.mailboxes[story.line.address]
    story.advisors.scope([story.line.address], *NEEDED[Kind.ADVISOR])
    told(story)


def test_a_second_name_in_memory(tmp_path: Path) -> None:
    """One that somebody marked deleted is no copy: the others are not taken for two all the same."""
    world = Small(tmp_path)
    for number in range(3):
        flags = ("\\Deleted",) if number == 1 else ()
        world.put("line", "Sent", mail(LINE, f"r{number}"), CUTOFF + timedelta(days=9), *flags)
    world.server.mailboxes["ana"] = world.server.mailboxes["line"]
    world.arm_all()
    before = world.state()
    report = world.sweep()
    assert world.state() == before
    assert report.count(Result.FAILED) == 3
    assert (Cause.FAILED, "same-mailbox") in {(each.cause, each.detail) for each in report.findings}


def alike(server: Dovecot, directory: Path) -> Helpline:
    """Two mailboxes with one UIDVALIDITY, the same numbers and bytes, as a restored copy may have."""
    story = Helpline(server, directory / "world", server.new_user("line"), server.new_user("ana"))
    for user in (story.line, story.ana):
        story.seed(user, Role.SENT, replies())
        server.doveadm("mailbox", "update", "-u", user.name, "--uid-validity", "7", "Sent")
    return story


def test_two_mailboxes_that_look_like_one_are_two(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """Each reply is at home, and its stray goes. The flag that tells them apart is left on nothing."""
    story = alike(dovecot_factory(), tmp_path)
    before = story.mail(story.line, Role.SENT)
    with Proxy(story.server, authority) as proxy:
        story.host_port = proxy
        story.write_configuration()
        story.arm()
        assert story.run("sweep") == 0, story.complaints
        tried = [command for command in proxy.commands if "$RetentionTrial" in command]
    assert len(tried) == 4, "set, looked for here and there, taken away"
    assert story.mail(story.line, Role.SENT) == before
    assert story.mail(story.ana, Role.SENT) == []
    story.check_book()


def test_a_trial_that_is_cut_short_leaves_no_flag(
    dovecot_factory: DovecotFactory, authority: Authority, tmp_path: Path
) -> None:
    """The advisor's connection breaks while the flag is set at home: it is taken away there all the same."""
    story = alike(dovecot_factory(), tmp_path)
    before = [story.mail(user, Role.SENT) for user in (story.line, story.ana)]
    with Proxy(story.server, authority) as proxy:
        story.host_port = proxy
        story.write_configuration()
        story.arm()
        proxy.expect(Trouble(r"^UID SEARCH .*\$RetentionTrial", "cut-after", nth=2))
        assert story.run("sweep") == 1, story.complaints
        assert proxy.struck == ["cut-after"]
        assert [story.mail(user, Role.SENT) for user in (story.line, story.ana)] == before
        assert story.run("sweep") == 0, story.complaints
    assert story.mail(story.line, Role.SENT) == before[0]
    story.check_book()
