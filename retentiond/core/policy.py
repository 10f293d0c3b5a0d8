"""One item, one verdict, one reason. The order of the questions is the policy.

A hold always wins over a purge (P6). A date that cannot be believed is never old: a person must look,
and the item counts as received when it was first seen. In an advisor's mailbox only what belongs to a
helpline is judged at all (P3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from retentiond.core.model import Destroy, Hold, Item, Keep, Lot, Reason, Refile, Review, Verdict


@dataclass(frozen=True, slots=True)
class Terms:
    """A helpline's terms at one moment. All instants are aware.

    What was received before `cutoff` is due; a date before `earliest` or after `latest` is not
    believed. `zone` is the policy's, for days in reports. `why` is ON_DEMAND where persons agreed to a
    cutoff that the period alone would not give. `longest`, at most `cutoff`, is there where conversations
    are followed: what was received before it is due whatever its conversation does.
    """

    cutoff: datetime
    earliest: datetime
    latest: datetime
    zone: tzinfo
    why: Reason = Reason.DUE
    longest: datetime | None = None

    def believes(self, received: datetime | None) -> bool:
        """Whether a date of receipt can be one."""
        return received is not None and self.earliest <= received <= self.latest

    def has_ended(self, item: Item) -> bool:
        """Whether an item is past its own period, held or not."""
        return self._is_before(item, self.cutoff)

    def is_past_longest(self, item: Item) -> bool:
        """Whether no conversation keeps this item any longer; a hold does."""
        return self.longest is not None and not item.is_held and self._is_before(item, self.longest)

    def _is_before(self, item: Item, moment: datetime) -> bool:
        """By its date of receipt; without one that can be believed, by when it was first seen."""
        since = item.received if self.believes(item.received) else item.first_seen
        return since is not None and since < moment


def judge(item: Item, terms: Terms, kept: Reason | None = None) -> Verdict:
    """The verdict on one item in a helpline's own mailbox. `kept` says why its conversation keeps it, if it
    does: then it is not destroyed for its age."""
    if item.is_held:
        return Hold()
    if kept is not None and terms.has_ended(item):
        return Keep(kept)
    if item.received is None or not terms.believes(item.received):
        if item.first_seen is not None and item.first_seen < terms.cutoff and not item.wakes_receipt:
            return Destroy(Reason.DUE_SINCE_SEEN if terms.why is Reason.DUE else terms.why)
        return Review(Reason.UNDATED)
    if item.received < terms.cutoff:
        return Review(Reason.RECEIPT) if item.wakes_receipt else Destroy(terms.why)
    # A letter stood under this name before this file was made: an editor that saves by replacing, or a new
    # letter under an old name. It is not destroyed early, and it is not kept silently.
    name_since = item.first_seen if item.sighting is not None else None
    if name_since is not None and name_since < terms.cutoff:
        return Review(Reason.REPLACED)
    return Keep()


def judge_lot(lot: Lot, terms: Terms) -> Verdict:
    """The verdict on each item of a lot, of which only an upper bound of the date is known.

    Where conversations are followed nothing is due in a lot: it has no marks to follow them by.
    """
    if lot.is_held:
        return Hold()
    if lot.received_before > terms.cutoff:
        return Keep()
    return Destroy(terms.why) if terms.longest is None else Keep(Reason.CONVERSATION_UNKNOWN)


def judge_stray(
    item: Item,
    owners: frozenset[str],
    terms: Mapping[str, Terms],
    homes: frozenset[str],
    kept: Reason | None = None,
    held: Reason | None = None,
) -> Verdict:
    """The verdict on one item in an advisor's folders.

    `owners` are the helplines whose signs it bears, `homes` those that could be looked at. A held
    stray goes home and stays held; an overdue one is destroyed where it lies. One that its conversation
    keeps (`kept`) is not overdue: it is kept at home. One that the register
    of holds keeps without a sign (`held`) is kept where it lies.
    """
    if not owners:
        return Keep(Reason.NOT_OURS)
    if len(owners) > 1:
        return Review(Reason.TWO_HELPLINES)
    (home,) = owners
    term = terms[home]
    is_overdue = item.received is not None and term.believes(item.received) and item.received < term.cutoff
    if item.wakes_receipt:
        return Review(Reason.RECEIPT)
    if is_overdue and not item.is_held and held is not None:
        return Hold(held)
    if is_overdue and not item.is_held and kept is None:
        return Destroy(Reason.ASTRAY_OVERDUE, on_behalf_of=home)
    if home not in homes:
        return Keep(Reason.HOME_UNREACHABLE)
    return Refile(home, item.is_held, Reason.ASTRAY_HELD if item.is_held else Reason.ASTRAY)
