"""Which fields an item has as XML, in the order of the schema, and which of them each shape asks for."""

from __future__ import annotations

from tests.servers.exchange.properties import FIELDS


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ITEM_ORDER = words(
    "MimeContent ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived Size"
    " Categories Importance InReplyTo IsSubmitted IsDraft IsFromMe IsResend IsUnmodified"
    " InternetMessageHeaders DateTimeSent DateTimeCreated ReminderIsSet DisplayCc DisplayTo HasAttachments"
    " ExtendedProperty Culture EffectiveRights LastModifiedName LastModifiedTime IsAssociated ConversationId"
    " UniqueBody Flag TextBody"
)
#: Of a message, and of everything to do with meetings, after the fields of an item.
MESSAGE_ORDER = words(
    "Sender ToRecipients CcRecipients BccRecipients IsReadReceiptRequested IsDeliveryReceiptRequested"
    " ConversationIndex ConversationTopic From InternetMessageId IsRead IsResponseRequested References"
    " ReplyTo"
)
POST_ORDER = words(
    "ConversationIndex ConversationTopic From InternetMessageId IsRead PostedTime References Sender"
)
DEFAULT = frozenset(
    words(
        "item:Subject item:Sensitivity item:Body item:Attachments item:Size item:DateTimeReceived"
        " item:DateTimeSent item:DateTimeCreated item:HasAttachments item:Importance message:From"
        " message:ToRecipients message:IsReadReceiptRequested message:IsRead message:InternetMessageId"
    )
)
ALL = (
    DEFAULT
    | frozenset(FIELDS)
    | frozenset(
        words(
            "item:ParentFolderId item:InternetMessageHeaders item:EffectiveRights item:ConversationId"
            " item:Flag message:CcRecipients message:BccRecipients message:ReplyTo"
        )
    )
)
#: What FindItem does not give; GetItem does.
NOT_IN_FIND = frozenset(
    words(
        "item:MimeContent item:Body item:TextBody item:UniqueBody item:Attachments"
        " item:InternetMessageHeaders message:ToRecipients message:CcRecipients message:BccRecipients"
        " message:ReplyTo"
    )
)
