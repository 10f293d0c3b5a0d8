"""What a sweep is about: targets that can be opened, their terms at a moment, and what a look at one asks.

The date rule is `core/period.py`'s; here it is asked with the period, the zone and the day of a target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from retentiond.core.fuse import Limits
from retentiond.core.judgement import House
from retentiond.core.model import Kind, Reason
from retentiond.core.period import Period
from retentiond.core.policy import Terms
from retentiond.core.replies import Helpline
from retentiond.errors import UnknownTarget
from retentiond.mailbox.base import Mailbox, Question
from retentiond.mailbox.marker import Marker

#: No mail is older than this; what claims to be is looked at by a person.
EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
#: How far ahead of the clock a date of receipt may be believed.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Target:
    """A helpline, an advisor or a folder of letters. `open` makes its mailbox (not yet connected); each call
    a new one.

    `period` is the helpline's; for an advisor the shortest of all helplines. `address` is the mailbox's
    own, where it has one. `before` is an instant on which persons agreed for once: what was received
    earlier is to go, whatever the period. `server_keeps` is what the operator declared of the server,
    `server` its name, `server_kind` the kind of its account.
    """

    name: str
    kind: Kind
    period: Period
    rules: str
    identities: tuple[str, ...]
    address: str
    open: Callable[[], Mailbox]
    server_keeps: Period | None = None
    server: str = ""
    server_kind: str = ""
    before: datetime | None = None
    #: For how long a conversation may keep an item; None where each is kept by its own date.
    longest: Period | None = None


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that a sweep is about. `is_synchronised` is what this machine's kernel says of its clock.
    `correspondents` are one person's addresses, where their mail is to be erased and nothing else is to be
    done. `approvers` is how many persons must agree to what one may not do alone."""

    targets: tuple[Target, ...]
    zone: tzinfo
    limits: Limits
    marker: Marker
    by_thread: bool = False
    by_conversation: bool = False
    marks_kept: Period = field(default_factory=lambda: Period(months=6))
    is_synchronised: Callable[[], bool | None] = lambda: None
    correspondents: tuple[str, ...] = field(default=(), repr=False)
    approvers: int = 2

    def purging(self, name: str, before: datetime) -> Estate:
        """This estate, one of whose targets is to lose what was received before an instant."""
        target = replace(self.target(name), before=before)
        return replace(self, targets=tuple(target if each.name == name else each for each in self.targets))

    def erasing(self, correspondents: tuple[str, ...]) -> Estate:
        """This estate, for the erasure of one person's mail: letters bear no addresses and are left out."""
        mail = tuple(each for each in self.targets if each.kind is not Kind.LETTERS)
        return replace(self, targets=mail, correspondents=correspondents)

    def target(self, name: str) -> Target:
        """The target of this name. Raises UnknownTarget."""
        for target in self.targets:
            if target.name == name:
                return target
        raise UnknownTarget(name, tuple(target.name for target in self.targets))

    def of(self, kind: Kind) -> tuple[Target, ...]:
        """The targets of one kind."""
        return tuple(target for target in self.targets if target.kind is kind)

    def terms(self, target: Target, now: datetime) -> Terms:
        """What is due and what is believed at `now`."""
        return self._terms_on(now.astimezone(self.zone).date(), target, now)

    def _terms_on(self, day: date, target: Target, now: datetime) -> Terms:
        """What is due on a day; believed is what is believed at `now`."""
        due = target.period.cutoff_on(day, self.zone)
        cutoff = due if target.before is None else target.before
        why = Reason.ON_DEMAND if cutoff > due else Reason.DUE
        longest = None
        if target.longest is not None:
            longest = min(cutoff, target.longest.cutoff_on(day, self.zone))
        return Terms(cutoff, EARLIEST, now + AHEAD, self.zone, why, longest)

    def _day_ahead(self, now: datetime) -> date:
        """The day up to which the forecast counts."""
        return now.astimezone(self.zone).date() + timedelta(days=self.limits.forecast_days)

    def house(self, now: datetime) -> House:
        """What the core must know, at `now`."""
        helplines = self.of(Kind.HELPLINE)
        marks = {
            target.name: frozenset(self.marker.address(identity) for identity in target.identities)
            for target in helplines
        }
        own = frozenset(self.marker.address(target.address) for target in self.targets if target.address)
        return House(
            {target.name: self.terms(target, now) for target in (*helplines, *self.of(Kind.LETTERS))},
            tuple(Helpline(name, identities) for name, identities in marks.items()),
            own.union(*marks.values()),
            self.by_thread,
            by_conversation=self.by_conversation and not self.correspondents,
            ahead={target.name: self._terms_on(self._day_ahead(now), target, now) for target in helplines},
            mailboxes=frozenset(target.name for target in (*helplines, *self.of(Kind.ADVISOR))),
            correspondents=frozenset(self.marker.address(each) for each in self.correspondents),
        )

    def question(self, target: Target, now: datetime, as_of: datetime | None = None) -> Question:
        """What a look at this target asks. With `as_of`, it is judged as on that day, by date alone."""
        moment = as_of or now
        terms = self.terms(target, moment)
        return Question(
            now=now,
            cutoff=terms.cutoff,
            earliest=terms.earliest,
            latest=max(terms.latest, now + AHEAD),
            ahead=target.period.cutoff_on(self._day_ahead(moment), self.zone),
            may_use_server_clock=as_of is None,
            wants_marks=target.longest is not None and not self.correspondents,
            wants_threads=self.by_thread and target.kind is Kind.HELPLINE,
            longest=None if self.correspondents else terms.longest,
            correspondents=self.correspondents,
        )
