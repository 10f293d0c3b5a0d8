"""One verified connection to an IMAP server, and the only place that touches imapclient's private parts.

Several commands go out in one write and their answers are read in order. What the libraries and the
network raise leaves here as `Unreachable`, `Refused` or `Unsupported`, without a word of theirs (P7).
After a failure the connection is closed for good: a late answer must not be taken for another's.
"""

from __future__ import annotations

import imaplib
import logging
import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from imapclient import IMAPClient

from retentiond.config import ImapAccount, Tls
from retentiond.errors import MailboxError, Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.imap_answers import (
    Answer,
    Line,
    Row,
    by_tag,
    found_by,
    keys_of,
    number_in,
    rows_of,
    sets_of,
)
from retentiond.mailbox.imap_stream import Stream

# imapclient logs every line of a session, at debug level, names and subjects included (P7).
for _name in ("imapclient", "imapclient.imapclient", "imapclient.imaplib", "imapclient.util"):
    _logger = logging.getLogger(_name)
    _logger.setLevel(logging.CRITICAL + 1)
    _logger.propagate = False
    _logger.disabled = True

#: How long a command may be: everywhere, and on Dovecot (which refuses more than 64 KiB).
COMMAND_BYTES, DOVECOT_BYTES = 8_000, 60_000
_CHARSET = b"CHARSET UTF-8 "
#: How many messages one SEARCH without ESEARCH may name.
WINDOW = 50_000

_GOODBYE_SECONDS = 5
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EXCHANGE = (b"microsoft exchange", b"microsoft.exchange")
_BUSY = frozenset((b"UNAVAILABLE", b"LIMIT", b"INUSE", b"SERVERBUG", b"CONTACTADMIN", b"THROTTLED"))
_REFUSALS = {
    b"OVERQUOTA": Why.OVER_QUOTA,
    b"TOOBIG": Why.TOO_BIG,
    b"NOPERM": Why.NO_RIGHT,
    b"NONEXISTENT": Why.NO_FOLDER,
    b"TRYCREATE": Why.NO_FOLDER,
    b"READ-ONLY": Why.READ_ONLY,
}


class Wire(IMAPClient):  # type: ignore[misc]
    """A session, signed in. `target` is the alias that errors carry. Not shared between threads."""

    def __init__(self, account: ImapAccount, target: str, user: str, password: str) -> None:
        self.target = target
        self.is_broken = False
        self.server = ""
        self.exists = 0
        self.next_uid = 1
        self._account = account
        self._imap: Any
        self._imap = None
        self._number = 0
        with self._translated(Why.TLS):
            self._context = self._trusting()
            super().__init__(
                account.host, account.port, ssl=account.tls is Tls.IMPLICIT, timeout=account.timeout
            )
            self._greet()
        self._sign_in(user, password)

    def _trusting(self) -> ssl.SSLContext:
        """Checks certificate and name against the system's authorities, or the one configured."""
        cafile = str(self._account.ca_file) if self._account.ca_file else None
        context = None
        with suppress(OSError):
            context = ssl.create_default_context(cafile=cafile)
        if context is None:
            self._fail(Why.CERTIFICATE)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _create_IMAP4(self) -> Stream:
        return Stream(self._account, self._context)

    # ── beginning and end ────────────────────────────────────────────────────────────────────────

    def _greet(self) -> None:
        """STARTTLS where configured, and never a session that began, or went on, in cleartext."""
        self._imap.debug = 0
        self._imap._mesg = lambda *words: None
        self.normalise_times = False
        if any(word in self._imap.welcome.lower() for word in _EXCHANGE):
            self._break()
            raise Unsupported(self.target, Why.IS_EXCHANGE)
        if self._imap.state != "NONAUTH":
            self._fail(Why.TLS)
        if self._account.tls is Tls.STARTTLS:
            if "STARTTLS" not in self._imap.capabilities or self._imap._simple_command("STARTTLS")[0] != "OK":
                self._fail(Why.TLS)
            self._imap.protect()
            self._imap.untagged_responses.clear()
            self._imap._get_capabilities()
            self._starttls_done = True

    def _sign_in(self, user: str, password: str) -> None:
        """One attempt, so that no account is locked by trying."""
        if _CONTROL.search(user + password):
            self._fail(Why.PASSWORD)
        with self._translated(Why.NETWORK):
            is_plain = "AUTH=PLAIN" in self._imap.capabilities
            if not is_plain and (
                "LOGINDISABLED" in self._imap.capabilities or not (user + password).isascii()
            ):
                self._fail(Why.PASSWORD)
            refused = None
            try:
                self.plain_login(user, password) if is_plain else self.login(user, password)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as refusal:
                words = str(refusal).upper().encode()
                is_busy = any(b"[" + code + b"]" in words for code in _BUSY)
                refused = Why.BUSY if is_busy else Why.PASSWORD
            if refused:
                self._fail(refused)
            self._offers = frozenset(self.capabilities())
            self._imap.untagged_responses.clear()
        self._ask_who()

    def _ask_who(self) -> None:
        """Dovecot takes longer commands; Exchange is refused (P7: it may send "not read" receipts)."""
        words = b" ".join(part for line in self._ask_id() for part in line).lower()
        if any(word in words for word in _EXCHANGE):
            self.close()
            raise Unsupported(self.target, Why.IS_EXCHANGE)
        known = ("dovecot", "cyrus", "courier", "pymap", "zimbra", "gmail", "gimap", "stalwart", "james")
        greeting = words + self._imap.welcome.lower()
        self.server = next((name for name in known if name.encode() in greeting), "imap")
        self.command_bytes = DOVECOT_BYTES if self.server == "dovecot" else COMMAND_BYTES

    def _ask_id(self) -> Sequence[Line]:
        return self.ask(b"ID NIL")[0].lines if self.offers("ID") else ()

    def close(self) -> None:
        """Says goodbye where somebody still listens; never raises."""
        if self._imap is not None:
            with suppress(Exception):
                if not self.is_broken:
                    self._imap.sock.settimeout(_GOODBYE_SECONDS)
                    self.ask(b"LOGOUT")
            self._imap.shutdown()
        self.is_broken = True

    def offers(self, capability: str) -> bool:
        return capability.encode() in self._offers

    @property
    def append_limit(self) -> int | None:
        """How many bytes one message may have (RFC 7889); None where it is not said."""
        for offer in self._offers:
            if offer.startswith(b"APPENDLIMIT=") and offer[12:].isdigit():
                return int(offer[12:])
        return None

    # ── commands ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, *commands: bytes, keeps: bool = True) -> list[Answer]:
        """Sends all commands in one write and reads their answers, in order.

        Together they must not exceed what the server's and our buffers hold (120 KB). Without
        `keeps` untagged answers are read and dropped: 75,000 EXPUNGEs need not be kept.
        """
        with self._translated(Why.NETWORK):
            tags = [self._tag() for _ in commands]
            pairs = zip(tags, commands, strict=True)
            self._imap.send(b"".join(tag + b" " + command + b"\r\n" for tag, command in pairs))
            answers = [self._answer(tag, is_goodbye=b"LOGOUT" in commands, keeps=keeps) for tag in tags]
        return answers if len(answers) == 1 else by_tag(answers, tags)

    def append(self, folder: bytes, messages: Sequence[tuple[bytes, bytes]]) -> Answer:
        """APPEND, or MULTIAPPEND (RFC 3502) where `messages` (flags and date; content) are several."""
        with self._translated(Why.NETWORK):
            tag = self._tag()
            if self.offers("LITERAL+"):
                parts = [tag + b" APPEND " + folder]
                for head, content in messages:
                    parts += (b" %s {%d+}\r\n" % (head, len(content)), content)
                self._imap.send(b"".join((*parts, b"\r\n")))
                return self._answer(tag)
            lead = tag + b" APPEND " + folder
            for head, content in messages:
                self._imap.send(lead + b" %s {%d}\r\n" % (head, len(content)))
                if (refusal := self._go_ahead(tag)) is not None:
                    return refusal
                self._imap.send(content)
                lead = b""
            self._imap.send(b"\r\n")
            return self._answer(tag)

    def fetch_rows(self, uids: bytes, items: bytes, needs: Sequence[bytes], label: str = "") -> list[Row]:
        """UID FETCH; the messages of which all of `needs` were told (the rest came unasked).

        What is not shown must be gone: what is there and not shown would be neither due nor a finding.
        """
        answer = self.expect(self.ask(b"UID FETCH " + uids + b" (UID " + items + b")")[0], label)
        with self.reading():
            rows = list(rows_of(answer, needs))
            missing = set(keys_of(uids)).difference(row.uid for row in rows)
        if missing:
            self.expect(self.ask(b"NOOP")[0], label)
            if any(self.search(b"UID " + some, label=label)[0] for some in self.sets(missing)):
                self._fail(Why.PROTOCOL)
        return rows

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What cannot be read of an answer makes the server Unreachable, not us fail."""
        with self._translated(Why.PROTOCOL):
            yield

    def expect(self, answer: Answer, label: str = "") -> Answer:
        """The answer where it is OK; else the error that it stands for."""
        if answer.is_ok:
            return answer
        if answer.code in _BUSY:
            raise Unreachable(self.target, Why.BUSY, label)
        raise Refused(self.target, _REFUSALS.get(answer.code, Why.PROTOCOL), label)

    # ── searches ─────────────────────────────────────────────────────────────────────────────────

    def search(self, *criteria: bytes, label: str = "") -> list[tuple[int, ...]]:
        """The UIDs that match each of `criteria`, all asked in one write.

        Without ESEARCH (RFC 4731) a large folder is asked in windows, lest an answer grow too long.
        """
        if self.offers("ESEARCH"):
            answers = self.ask(*(b"UID SEARCH RETURN (ALL) " + each for each in criteria))
            return self.found(answers, label)
        found = []
        for each in criteria:
            windows = [b""] if each.startswith(b"UID ") else self._windows()
            charset = _CHARSET if each.startswith(_CHARSET) else b""  # it stands before all that is sought
            sought = each.removeprefix(charset)
            commands = [b"UID SEARCH " + charset + window + sought for window in windows]
            answers = [self.expect(self.ask(command)[0], label) for command in commands]
            with self.reading():
                found.append(tuple(key for answer in answers for key in found_by(answer)))
        return found

    def found(self, answers: Sequence[Answer], label: str = "") -> list[tuple[int, ...]]:
        """The UIDs of each answer, where all are OK. With ESEARCH silence is not "nothing": a listing
        that lacks is never an empty one."""
        found = []
        for answer in answers:
            if self.expect(answer, label) and not any(answer.untagged(b"ESEARCH")):
                self._fail(Why.PROTOCOL)
            with self.reading():
                found.append(found_by(answer))
        return found

    def count(self, criterion: bytes, label: str = "") -> int:
        """How many messages match."""
        if not self.offers("ESEARCH"):
            return len(self.search(criterion, label=label)[0])
        [answer] = self.ask(b"UID SEARCH RETURN (COUNT) " + criterion)
        return self.counted(answer, label)

    def counted(self, answer: Answer, label: str = "") -> int:
        """The COUNT of an ESEARCH answer."""
        with self.reading():
            count = number_in(self.expect(answer, label), b"COUNT")
        if count is None:
            self._fail(Why.PROTOCOL)
        return count

    def sets(self, keys: Iterable[int], count: int = WINDOW, *, share: int = 1) -> Iterator[bytes]:
        """UID sets that fit into one command of this server, with room for what stands around them;
        `share` is in how many commands of one write the same set is named."""
        return sets_of(keys, self.command_bytes // share - 300, count)

    def _windows(self) -> list[bytes]:
        if self.exists <= WINDOW:
            return [b""]
        width = max(WINDOW, -(-self.next_uid // 500))
        return [b"UID %d:%d " % (low, low + width - 1) for low in range(1, self.next_uid, width)]

    # ── within ───────────────────────────────────────────────────────────────────────────────────

    def _tag(self) -> bytes:
        if self.is_broken:
            raise Unreachable(self.target, Why.NETWORK)
        self._number += 1
        return b"R%d" % self._number

    def _line(self, keeps: bool = True) -> Line:
        """One answer of the server, its literals included."""
        text = self._imap.readline() if keeps else self._imap.readline_behind(b"* ")
        parts = [text]
        while text.endswith(b"}\r\n") and (match := _LITERAL.search(text)):
            parts.append(self._imap.read(int(match[1])))
            text = self._imap.readline()
            parts.append(text)
        parts[-1] = parts[-1].rstrip(b"\r\n")
        return parts

    def _answer(self, tag: bytes, *, is_goodbye: bool = False, keeps: bool = True) -> Answer:
        head = tag + b" "
        lines: list[Line] = []
        while True:
            line = self._line(keeps)
            if line[0].startswith(head):
                status, _, text = line[0][len(head) :].partition(b" ")
                return Answer(status.upper(), text, tuple(lines))
            if not line[0].startswith(b"* "):
                self._fail(Why.PROTOCOL)
            if line[0][:5].upper() == b"* BYE" and not is_goodbye:
                self._fail(Why.BUSY if any(b"[" + code in line[0].upper() for code in _BUSY) else Why.NETWORK)
            if keeps:
                lines.append(line)

    def _go_ahead(self, tag: bytes) -> Answer | None:
        """Waits until the server wants the literal; its refusal where it does not."""
        while True:
            line = self._line()
            if line[0].startswith(b"+"):
                return None
            if line[0].startswith(tag + b" "):
                status, _, text = line[0][len(tag) + 1 :].partition(b" ")
                return Answer(status.upper(), text, ())
            if line[0][:5].upper() == b"* BYE":
                self._fail(Why.NETWORK)

    def _fail(self, why: Why) -> NoReturn:
        self._break()
        # The cause would carry the server's words, and with them perhaps somebody's mail (P7).
        raise Unreachable(self.target, why, self._account.host) from None

    def _break(self) -> None:
        self.is_broken = True
        if self._imap is not None:
            self._imap.shutdown()

    @contextmanager
    def _translated(self, tls_failure: Why) -> Iterator[None]:
        """Foreign errors become ours. `tls_failure` is what a TLS error means at this point."""
        try:
            yield
        except MailboxError:
            raise
        except ssl.SSLCertVerificationError:
            why = Why.CERTIFICATE
        except TimeoutError:
            why = Why.TIMEOUT
        except ssl.SSLError:
            why = tls_failure
        except (OSError, imaplib.IMAP4.abort):
            why = Why.NETWORK
        except imaplib.IMAP4.error as refusal:
            greeting = refusal.args[0] if refusal.args else b""
            is_bye = isinstance(greeting, bytes) and greeting.upper().startswith(b"* BYE")
            why = Why.BUSY if is_bye else Why.PROTOCOL
        except (ValueError, LookupError):
            why = Why.PROTOCOL
        else:
            return
        self._fail(why)
