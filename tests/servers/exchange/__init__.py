"""A stand-in for Exchange Server that speaks EWS to unmodified clients; see `server.Exchange`.

What Microsoft documents, or what was seen on a server, is done as it is there. Nobody has compared these
with a real server yet, so a test that rests on one of them proves less than it seems:

- SuppressReadReceipts silences a message for good: when a bin expires it later, nothing is mailed either.
- A HardDelete fills Purges even where nothing keeps it there (`retention.hard_delete_fills_purges`), and
  deleting in a bin destroys at once where neither single item recovery nor a hold is set.
- A kept item in Purges answers a deletion with success or with ErrorCannotDeleteObject (both by switch).
- A move across mailboxes under impersonation answers ErrorCrossMailboxMoveCopy; a missing archive answers
  ErrorFolderNotFound; a folder without rights answers ErrorAccessDenied, not ErrorItemNotFound.
- Items in Recoverable Items cannot be updated (ErrorAccessDenied), nothing can be moved or stored there.
- A later change of 0x0E07 is ignored silently; 0x0E06 and 0x0039 can be changed at any time.
- IsEqualTo on text does not heed case. From and Sender match by name or by address.
- An item without a date is less than every date, and sorts before them.
- A conversation is known by the first message that References or In-Reply-To names.
- How MIME is given in other words (`content.rewritten`): headers, their order, boundaries; never parts.
- What another server exported is ErrorCorruptData (`Exchange.takes_foreign_streams`).
- The search key (0x300B) stays with an item through moves, copies, exports and the bins.
"""

from tests.servers.exchange.rights import Right as Right
from tests.servers.exchange.server import Exchange as Exchange
from tests.servers.exchange.server import Login as Login
from tests.servers.mailstore.handles import FolderHandle as FolderHandle
from tests.servers.mailstore.handles import MailboxHandle as MailboxHandle
from tests.servers.mailstore.handles import Seen as Seen
