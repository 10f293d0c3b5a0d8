"""A stand-in for Microsoft Graph v1.0 (mail and mailboxes) that plain clients speak to; see `server.Graph`.

What Microsoft documents is done as documented, and names and types are those of its metadata. Nobody has
compared these with a real tenant, so a test that rests on one of them proves less than it seems. Those with
a switch can be had both ways (`call.Switches`):

- hardDelete where single item recovery alone may keep the item: it stands in Purges, is destroyed, or is
  refused (switch). Under a hold it answers 403, as documented; nobody says with which code.
- A 403 for a hold, for a missing permission and for an immutable id that is gone looks the same:
  ErrorAccessDenied. The last is hearsay (switch), and for DELETE only.
- Deleting an unread message that asked for a receipt mails "Not read", whichever way it is deleted, and a
  bin that expires does too; marking one read mails a receipt (switch).
- "Not read" repeats the subject, and comes to the Inbox of whoever asked, if that mailbox is on this server.
- A mailFolder that is permanently deleted is gone at once, and what was in it stands in Purges.
- DELETE of a message moves it to Deleted Items, and from there to Deletions; permanentDelete fills Purges
  even where nothing keeps it there, and in Purges answers 204 and removes what is not kept.
- The bins other than Deletions can be named (switch). Folders of mailboxes take the same names.
- An item that is not in the folder which the path names is not found there.
- Either form of an id is taken, whatever Prefer says; the header decides the form of answers alone. An
  importUrl answers with a regular id unless the header stands there. The sub-requests of a batch do not
  inherit it. If-Match is not looked at.
- Immutable ids hold for items of mailboxes as for messages (switch). What is in Sent Items shows its
  internetMessageHeaders (switch).
- Archive mailboxes are told by beta alone, and served by v1.0 only by switch.
- Without $orderby messages come newest first. Text is compared without regard to case. An item without a
  date has null, is less than every date and sorts before them.
- Recipients, headers, bodies and the read-receipt flag cannot be filtered by. Items of mailboxes can be
  filtered by all of their properties but the change key. Pages of items hold up to 1,000, as of messages.
- Times among extended properties can be cast to Edm.DateTimeOffset in a filter.
- Mail.ReadBasic shows the internet headers (its description leaves them out of what it does not).
- The limit of four at once is per app and mailbox (some pages say per app). A POST to an importUrl counts
  too; what is refused for being the fifth counts as having been under way.
- createImportSession answers 200 (the documentation has 201, too; switch); a session serves any number of
  items for an hour. It is served by another host than Graph. What has no item in it, and what another
  organisation exported, is ErrorCorruptData (the latter by switch).
- A certificate's assertion may be 5 minutes off. Managed identities have what they were consented to.
- Roles given by RBAC for Applications are in no token; consent and scope add up.
- MIME is given in other words (`content.rewritten`); headers, their order, boundaries; never parts.
- An import keeps everything: dates, flags, categories, and that it is no draft.
- A message that is made in JSON with PidTagMessageFlags, and without its bit for "unsent", is no draft and
  keeps the dates beside it (said by many, documented by nobody; switch). In MIME every new message is a
  draft.
- Where a message came in JSON with HTML, its MIME has plain text beside it, made from the HTML.

Not built: delta, import in mode "update", attachments by themselves, sending, rules, subscriptions, changing
extended properties. $search knows a small part of KQL, and lags behind nothing.
"""

from tests.servers.graph.apps import App as App
from tests.servers.graph.server import Graph as Graph
from tests.servers.mailstore.handles import FolderHandle as FolderHandle
from tests.servers.mailstore.handles import MailboxHandle as MailboxHandle
from tests.servers.mailstore.handles import Seen as Seen
