"""Whose mail an erasure takes: one correspondent's own, and nothing that concerns somebody else too (P9).

A hold wins here as everywhere (P6). No period is asked for: that is the point of an erasure.
"""

from __future__ import annotations

from retentiond.core.model import Destroy, Hold, Item, Keep, Mark, Reason, Review, Verdict


def judge_for_erasure(
    item: Item,
    correspondents: frozenset[Mark],
    insiders: frozenset[Mark],
    on_behalf_of: str | None = None,
    kept: Reason | None = None,
) -> Verdict:
    """The verdict on one item, by the addresses from and to which it was sent.

    `correspondents` are the marks of one person's addresses, `insiders` those of every helpline's
    identities and every advisor. A message with anybody else in it is theirs as well, and one whose
    destruction may send a receipt would tell its sender (P7): a person must look. `kept` is why the
    register of holds keeps it although it bears no sign of one.
    """
    parties = item.marks.parties
    if not parties & correspondents:
        return Keep(Reason.NOT_THEIRS)
    if item.is_held:
        return Hold()
    if kept is not None:
        return Hold(kept)
    if parties - correspondents - insiders:
        return Review(Reason.THIRD_PARTY)
    if item.wakes_receipt:
        return Review(Reason.RECEIPT)
    return Destroy(Reason.ERASURE, on_behalf_of)
