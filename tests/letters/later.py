"""The letters of a world alone, for stories in which months pass."""

from __future__ import annotations

from dataclasses import replace

from retentiond.config import load
from retentiond.core.model import Kind
from retentiond.doors import estate_of
from retentiond.ledger import Ledger
from retentiond.mailbox.marker import Marker
from retentiond.targets import Estate
from tests.letters.world import World


def estate_of_letters(letters: World, book: Ledger) -> Estate:
    """What a sweep with `--only` looks at."""
    estate = estate_of(load(letters.config), Marker(book.mark_key))
    return replace(estate, targets=estate.of(Kind.LETTERS))
