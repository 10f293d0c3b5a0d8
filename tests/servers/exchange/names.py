"""The fixed words of Exchange Web Services: namespaces, paths, limits."""

from __future__ import annotations

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
PREFIXES = {"s": SOAP, "m": MESSAGES, "t": TYPES}

PATH = "/EWS/Exchange.asmx"
#: Where a bearer token is had for a name and a password (client credentials, RFC 6749, 4.4).
TOKEN_PATH = "/oauth2/token"

#: How many ids one page may hold, without a restriction and with one (Exchange 2013 and later).
PAGE_CAP = 1000
PAGE_CAP_RESTRICTED = 250
#: How many bytes one uploaded or exported item may have.
SIZE_LIMIT = 25 * 1024 * 1024

#: Elements that carry the fields of a message as well as those of an item.
MESSAGE_ELEMENTS = frozenset(
    (
        "Message",
        "MeetingMessage",
        "MeetingRequest",
        "MeetingResponse",
        "MeetingCancellation",
        "SharingMessage",
    )
)
