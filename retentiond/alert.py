"""Tells people what must not be overlooked: a fixed text, codes and aliases, and nothing else (P7).

Who reads such a mail over somebody's shoulder learns that a task needs attention. No count, no folder,
no day is in it; a one-time code comes with the size of what it lets loose, coarsely. It goes through the
charity's own relay, over verified TLS or not at all; and through other channels where the configuration names
some.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

from retentiond import channels
from retentiond.condition import Condition
from retentiond.config import AlertSettings, Tls, read_secret
from retentiond.core.findings import Cause
from retentiond.core.promises import Concern, Worry
from retentiond.errors import RetentionError
from retentiond.logs import get_logger

_log = get_logger()

#: The code of each cause, as docs/admin/alerts.md explains it (a test keeps both the same).
CODES: Final[dict[str, str]] = {
    Worry.OVERDUE: "R01",
    Worry.NO_SWEEP: "R02",
    Worry.CLOCK: "R03",
    Worry.LEDGER: "R04",
    Worry.STRAY_LOST: "R05",
    Worry.CRASHED: "R06",
    Worry.STOPPED: "R07",
    Worry.PAUSED: "R08",
    Worry.ABANDONED: "R09",
    Cause.HOLD_OVERDUE: "R10",
    Cause.UNREACHABLE: "R11",
    Cause.HOME_UNREACHABLE: "R12",
    Cause.UNARMED: "R13",
    Cause.HOME_UNARMED: "R14",
    Cause.UNFORESEEN: "R15",
    Cause.TOO_MANY_STRAYS: "R16",
    Cause.REVIEW: "R17",
    Cause.KEPT_BY_SERVER: "R18",
    Cause.HINDERED: "R19",
    Cause.FAILED: "R20",
    Cause.CHANGED: "R21",
    Cause.STILL_THERE: "R22",
    Cause.NOTICE: "R23",
    Cause.ERASURE_UNFINISHED: "R24",
    Cause.HOLD_UNSTATED: "R25",  # nobody is told of these two by mail: they break no promise
    Cause.HOLD_VANISHED: "R26",
    Cause.CONVERSATION_UNKNOWN: "R40",
}

SUBJECT: Final = "A scheduled task needs attention"
TEXT: Final = """\
A scheduled task needs somebody's attention.

{codes}

The operations manual says what each code means and what to do. On the
machine itself, the command "status" says more.

This is repeated once a day until it is in order. Please do not reply.
"""

CLEAR_SUBJECT: Final = "A scheduled task is in order again"
CLEAR_TEXT: Final = """\
What needed attention is in order again:

{codes}

Nothing needs to be done about it. Please do not reply.
"""

SECOND_SUBJECT: Final = "A scheduled task has waited for three days"
SECOND_TEXT: Final = """\
For more than three days a scheduled task has needed somebody's
attention, and it is not in order yet. Perhaps the usual person is away.

Please call {call}, and read these codes to them:

{codes}

You need not do anything else. Please do not reply.
"""

CODE_SUBJECT: Final = "A code for a task"
CODE_TEXT: Final = """\
Somebody asks for your agreement to a task. The administrator has told you
of it, or is about to.

    Code: {code}
    Size: {size}

If you agree, read the code to the administrator. It is good for {minutes} minutes,
for this task alone, and once. If you know nothing of a task, tell the code
to nobody. Please do not reply.
"""
#: Below this, no number is mailed.
_SMALL: Final = 5
PREVIEW_SUBJECT: Final = "What a scheduled task would do"
PREVIEW_TEXT: Final = """\
A scheduled task runs on trial and changes nothing. In earnest it would
by now have had so much to do:

{lines}

On the machine itself, the command "audit" says more. This comes once a
month while the trial lasts. Please do not reply.
"""
#: In the place of a number: from month to month none of these tells of a day, or of a single message.
_BANDS: Final = (
    (0, "nothing"),
    (4, "fewer than 5"),
    (49, "5 or more"),
    (499, "50 or more"),
    (4999, "500 or more"),
)
_MOST: Final = "5,000 or more"


def tell(settings: AlertSettings, condition: Condition, now: datetime) -> Condition:
    """Sends what must be told by now; returns the condition with what was told noted in it.

    What could not be sent stays to be told, and is tried again within the hour.
    """
    due = [each for each in condition.concerns if each.must_be_told(now)]
    old = [each for each in due if each.needs_another(now)]
    if due and _told(settings, SUBJECT, TEXT.format(codes=_codes(due)), now):
        told = {each.key for each in due}
        concerns = (replace(each, told=now) if each.key in told else each for each in condition.concerns)
        condition = replace(condition, concerns=tuple(concerns))
        if old and settings.second:
            text = SECOND_TEXT.format(codes=_codes(old), call=settings.call)
            _sent(settings, settings.second, SECOND_SUBJECT, text, now)
    cleared = condition.cleared
    if cleared and _told(settings, CLEAR_SUBJECT, CLEAR_TEXT.format(codes=_codes(cleared)), now):
        condition = replace(condition, cleared=())
    return _with_preview(settings, condition, now)


def _with_preview(settings: AlertSettings, condition: Condition, now: datetime) -> Condition:
    """Mails once a month what a service that only audits would do; by mail alone, for it has numbers."""
    last, month = condition.round, f"{now:%Y-%m}"
    is_due = last is not None and (last.kind, last.result) == ("audit", "done") and condition.counts
    if not is_due or condition.previewed == month:
        return condition
    lines = "\n".join(f"    {each.target}  {_band(each.due)}" for each in condition.counts)
    is_sent = _sent(settings, settings.to, PREVIEW_SUBJECT, PREVIEW_TEXT.format(lines=lines), now)
    return replace(condition, previewed=month) if is_sent else condition


def _band(number: int) -> str:
    return next((words for most, words in _BANDS if number <= most), _MOST)


def _told(settings: AlertSettings, subject: str, text: str, now: datetime) -> bool:
    """Whether somebody was told, by mail or through another channel."""
    by_mail = _sent(settings, settings.to, subject, text, now)
    return channels.send(settings.channels, subject, text) or by_mail


def send_code(settings: AlertSettings, to: str, code: str, number: int, minutes: int, now: datetime) -> bool:
    """Whether the relay took a one-time code for the one person who is to agree; the size of what they agree
    to is in it, lest they be told another, and small numbers are not (P7)."""
    size = f"fewer than {_SMALL}" if number < _SMALL else f"{number:,}"
    return _sent(settings, (to,), CODE_SUBJECT, CODE_TEXT.format(code=code, size=size, minutes=minutes), now)


def _codes(concerns: Sequence[Concern]) -> str:
    """One line for each code and alias."""
    return "\n".join(sorted({f"    {CODES[each.cause]}  {each.target}" for each in concerns}))


def _sent(settings: AlertSettings, recipients: Sequence[str], subject: str, text: str, now: datetime) -> bool:
    """Whether the relay took it for somebody. What a relay says is not logged: only why, by a code."""
    try:
        with _relay(settings) as relay:
            refused = relay.send_message(_message(settings, recipients, subject, text, now))
    except ssl.SSLError:
        _log.error("alert.failed", why="certificate")
    except (smtplib.SMTPAuthenticationError, RetentionError):
        _log.error("alert.failed", why="password")
    except smtplib.SMTPRecipientsRefused:
        _log.error("alert.failed", why="refused")
    except smtplib.SMTPException:
        _log.error("alert.failed", why="protocol")
    except OSError:
        _log.error("alert.failed", why="network")
    else:
        _log.info("alert.sent", count=len(recipients) - len(refused))
        if refused:
            _log.warning("alert.failed", why="refused")
        return True
    return False


@contextmanager
def _relay(settings: AlertSettings) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
    name = settings.sender.rpartition("@")[2]
    relay: smtplib.SMTP
    if settings.tls is Tls.IMPLICIT:
        relay = smtplib.SMTP_SSL(
            settings.host, settings.port, name, timeout=settings.timeout, context=context
        )
    else:
        relay = smtplib.SMTP(settings.host, settings.port, name, timeout=settings.timeout)
    with relay:
        if settings.tls is Tls.STARTTLS:
            relay.starttls(context=context)
        if settings.user is not None and settings.secret is not None:
            relay.login(settings.user, read_secret(settings.secret))
        yield relay


def _message(
    settings: AlertSettings, recipients: Sequence[str], subject: str, text: str, now: datetime
) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = settings.sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers it
    message.set_content(text)
    return message
