"""A scene on Exchange or in the cloud: strays and due mail, and the end to which every sweep must come."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.servers.seed import letter
from tests.stories.exchange_world import Office, State, named_reply
from tests.stories.graph_world import Cloud
from tests.stories.world import cutoff

RECEIPT = b"Disposition-Notification-To: quixotrill@post.example\r\n"


@dataclass
class Scene:
    """A helpline and an advisor with strays and due mail, and what it must look like in the end."""

    office: Office | Cloud
    end: dict[str, Counter[State]]

    def check(self) -> None:
        """The end that an undisturbed sweep comes to."""
        found = {name: states for name, states in self.office.everything().items() if "Purges" not in name}
        assert found == self.end
        assert self.office.server.sent == []
        self.office.check_book()

    def is_sound(self) -> None:
        """What must hold at every moment, a sweep in the middle of its work included: of each stray there
        is one at least, and nothing that is to stay is gone or is there twice."""
        found = self.office.everything()
        for folder in ("ana/Sent Items", "line/Inbox"):
            assert not self.end.get(folder, Counter()) - found.get(folder, Counter()), "gone early"
        homes = self.end["line/Sent Items"]
        seen = found.get("line/Sent Items", Counter()) + found.get("ana/Sent Items", Counter())
        assert not homes - seen, "lost"
        assert not found.get("line/Sent Items", Counter()) - homes, "doubled"


def scene(office: Office | Cloud, many: int, *, wants_receipts: bool = True) -> Scene:
    """`many` strays among as many messages of the advisor's own; as many due at the helpline. With
    `wants_receipts` what is unread asked for one, too."""
    edge = cutoff()
    sent, inbox = office.ana.folder("sentitems"), office.line.folder("inbox")
    for number in range(many):
        sent.add(letter(f"own{number}@relay.example", sender="Ana <ana@relay.example>"), edge)
    own = office.states(sent)
    for number in range(many - 2):
        sent.add(named_reply(number), edge + timedelta(days=2, minutes=number), number % 4 == 0)
    for text in ("one answer\r\n", "another answer\r\n"):
        sent.add(named_reply("same", body=text), edge + timedelta(days=3))
    home = office.states(sent) - own
    for number in range(many // 2):
        inbox.add(letter(f"new{number}@post.example"), edge + timedelta(hours=30 + number), False)
    kept = office.states(inbox)
    for number in range(many):
        is_read = number % 2 == 0
        asks = RECEIPT if wants_receipts or is_read else b""
        inbox.add(asks + letter(f"old{number}@post.example"), edge - timedelta(hours=30 + number), is_read)
    office.arm()
    return Scene(office, {"ana/Sent Items": own, "line/Sent Items": home, "line/Inbox": kept})


class _Listener(logging.Handler):
    """Whoever listens to every logger of the process, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.name}: {record.getMessage()} {record.exc_info}")


@contextmanager
def listening(*names: str) -> Iterator[list[str]]:
    """What these loggers of libraries are heard to say meanwhile, at debug level."""
    listener = _Listener()
    loggers: dict[Any, int] = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.DEBUG)
    try:
        yield listener.heard
    finally:
        for logger, level in loggers.items():
            logger.removeHandler(listener)
            logger.setLevel(level)
