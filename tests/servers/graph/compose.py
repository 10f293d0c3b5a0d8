"""The MIME that Exchange makes of a message that came as JSON: its own words, never the sender's."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any

_TAGS = re.compile(r"<[^>]*>")
_HEADERS = {"String 0x1042": "In-Reply-To", "String 0x1039": "References"}


def composed(sent: dict[str, Any]) -> bytes:
    """A body of HTML is given back with plain text beside it, made anew from it."""
    mime = EmailMessage(policy=SMTP)
    for name, key in (("From", "from"), ("Sender", "sender")):
        if key in sent:
            mime[name] = _person(sent[key])
    lists = {"To": "toRecipients", "Cc": "ccRecipients", "Bcc": "bccRecipients", "Reply-To": "replyTo"}
    for name, key in lists.items():
        if people := sent.get(key):
            mime[name] = ", ".join(map(_person, people))
    if sent.get("isReadReceiptRequested") and "from" in sent:
        mime["Disposition-Notification-To"] = _person(sent["from"])
    mime["Subject"] = sent.get("subject", "")
    if "internetMessageId" in sent:
        mime["Message-ID"] = sent["internetMessageId"]
    for each in sent.get("singleValueExtendedProperties", ()):
        if each["id"] == "SystemTime 0x0039":
            mime["Date"] = format_datetime(datetime.fromisoformat(each["value"]))
        elif each["id"] in _HEADERS:
            mime[_HEADERS[each["id"]]] = each["value"]
    body = sent.get("body", {})
    content = str(body.get("content", ""))
    if body.get("contentType") == "html":
        mime.set_content(_TAGS.sub("", content))
        mime.add_alternative(content, subtype="html")
    else:
        mime.set_content(content)
    for each in sent.get("attachments", ()):
        _attach(mime, each)
    return mime.as_bytes()


def _person(value: dict[str, Any]) -> str:
    told = value["emailAddress"]
    name = told.get("name", "")
    return formataddr(("" if name == told["address"] else name, told["address"]))


def _attach(mime: EmailMessage, told: dict[str, Any]) -> None:
    main, _, sub = told.get("contentType", "application/octet-stream").partition("/")
    mime.add_attachment(
        base64.b64decode(told["contentBytes"]),
        maintype=main,
        subtype=sub,
        filename=told["name"] or None,
        cid=f"<{told['contentId']}>" if "contentId" in told else None,
        disposition="inline" if told.get("isInline") else "attachment",
    )
