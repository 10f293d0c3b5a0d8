"""An office whose service runs as a user of its own, and people who ask it: each really another Unix user."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from retentiond.core.model import Role
from retentiond.ledger import Ledger
from tests.daemon import everybody
from tests.daemon.conftest import ROOT
from tests.servers.canary import assert_no_canary
from tests.servers.fixtures import DovecotFactory
from tests.servers.seed import Seed, letter
from tests.stories.real_world import Helpline
from tests.stories.world import cutoff

#: The service's own user, two admins and a stranger: numbers that nobody else has.
SERVICE, FIRST, SECOND, STRANGER = 41001, 41002, 41003, 41004
#: A group that every Linux has and whose members matter to nobody; here its members are the admins.
GROUP = grp.getgrnam("games")


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody was told."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Desk:
    """`place` is a folder that everybody may enter; the configuration, the secret and the state in it are
    the service's alone."""

    story: Helpline
    place: Path
    said: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.place / "run" / "control.sock"

    @property
    def plan(self) -> Path:
        return self.place / "papers" / "plan.json"

    def furnish(self, more: str = "", *, is_readable: bool = False) -> None:
        """Gives the service what is its own, and makes a folder for the admins' papers. The configuration
        may be the admins' to read, as where the package was installed."""
        for name, mode in (("run", 0o711), ("papers", 0o777)):
            (self.place / name).mkdir(exist_ok=True)
            (self.place / name).chmod(mode)
        self.story.write_configuration(
            f'[control]\nsocket = "{self.socket}"\ngroup = "{GROUP.gr_name}"\n{more}\n'
        )
        self._bring_authority()
        for path in (*self.story.directory.rglob("*"), self.story.directory, self.place / "run"):
            os.chown(path, SERVICE, SERVICE)
        os.chown(self.story.config, 0, GROUP.gr_gid if is_readable else SERVICE)
        self.story.directory.chmod(0o711)
        self.story.config.chmod(0o640)

    def _bring_authority(self) -> None:
        """The certificate of the tests' authority lies in a folder that is closed to the service."""
        own = self.story.directory / "authority.pem"
        shutil.copy(self.story.server.ca_file, own)
        text = self.story.config.read_text()
        self.story.config.write_text(text.replace(str(self.story.server.ca_file), str(own)))

    def begin(
        self,
        uid: int,
        *words: str,
        groups: Sequence[int] = (GROUP.gr_gid,),
        config: Path | None = None,
        **more: str,
    ) -> Asking:
        """Somebody types a command, and sits at no terminal."""
        program, found = everybody.python()
        variables: Mapping[str, str] = {
            **{key: value for key, value in os.environ.items() if key not in ("SUDO_UID", "HOME")},
            "RETENTIOND_SOCKET": str(self.socket),
            **found,
            **more,
        }
        command = [program, "-m", "retentiond", "--config", str(config or self.story.config), *words]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=uid,
            group=uid,
            extra_groups=list(groups),
        )
        return Asking(self, process)

    def ask(self, uid: int, *words: str, **options: Any) -> Answer:
        """A command, and what came of it."""
        return self.begin(uid, *words, **options).ends()

    def book(self) -> Ledger:
        return Ledger.open(self.story.state, (self.story.state / "ledger.key").read_bytes())

    @property
    def aside(self) -> Path:
        """The same configuration, but that it knows of no service."""
        path = self.story.directory / "aside.toml"
        path.write_text(self.story.config.read_text().replace(str(self.socket), "/nowhere/control.sock"))
        os.chown(path, 0, SERVICE)
        path.chmod(0o640)
        return path

    def events(self, name: str) -> list[dict[str, object]]:
        """The entries of this kind in the house chain."""
        with self.book() as book:
            return [dict(each.body) for each in book.show("house", 10_000) if each.body["event"] == name]

    def destroyed(self) -> int:
        """How many items were destroyed by the ledger's count."""
        with self.book() as book:
            bodies = [dict(each.body) for each in book.show("line", 100_000)]
        return sum(int(str(body["count"])) for body in bodies if body["result"] in ("done", "removed"))

    def no_canary(self) -> None:
        assert_no_canary((self.story.state, self.place / "papers"), self.said)


@dataclass(frozen=True, slots=True)
class Asking:
    """A command that runs."""

    desk: Desk
    process: subprocess.Popen[str]

    def ends(self, typed: str = "") -> Answer:
        """`typed` is what is piped to it."""
        out, err = self.process.communicate(typed, timeout=60)
        self.desk.said += [out, err]
        return Answer(self.process.returncode, out, err)


def due(count: int, start: int = 0) -> list[Seed]:
    """So many that are due today."""
    edge = cutoff() - timedelta(hours=30)
    return [
        Seed(letter(f"old{n}@post.example"), edge - timedelta(minutes=n), ())
        for n in range(start, start + count)
    ]


def young(count: int) -> list[Seed]:
    """So many that are not."""
    edge = cutoff() + timedelta(hours=30)
    return [Seed(letter(f"new{n}@post.example"), edge + timedelta(hours=n), ()) for n in range(count)]


@contextmanager
def furnished(factory: DovecotFactory) -> Iterator[Desk]:
    """An empty helpline's office, in a short path that every user may walk down: pytest's own folders are
    closed and too deep. At the end the canary is sought."""
    server = factory()
    place = Path(tempfile.mkdtemp(prefix="rd-desk-", dir="/tmp"))
    try:
        place.chmod(0o755)
        desk = Desk(Helpline(server, place / "own", server.new_user("line"), server.new_user("ana")), place)
        yield desk
        desk.no_canary()
    finally:
        shutil.rmtree(place)


@contextmanager
def armed(factory: DovecotFactory, due_items: int, young_items: int) -> Iterator[Desk]:
    """The same with so many items that are due, and so many that are not, of a helpline that is armed."""
    everybody.python()
    with furnished(factory) as made:
        made.story.seed(made.story.line, Role.INBOX, [*due(due_items), *young(young_items)])
        made.story.arm()
        made.furnish()
        yield made
