"""The one message of our own by which a server shows whether it keeps what was destroyed; it names nobody."""

from __future__ import annotations

#: How a folder of our own is called; eight random bytes follow.
TEST_NAME = "retentiond-test-"
SUBJECT = "retentiond test message"
TEXT = (
    "This is a test message of the mail retention program. It shows whether this server keeps what\r\n"
    "was destroyed. It holds nothing and may be deleted.\r\n"
)


def mime(message_id: str) -> bytes:
    """The message; `message_id` without its angle brackets."""
    return (
        "From: retentiond <retentiond@retentiond.example>\r\n"
        "To: retentiond <retentiond@retentiond.example>\r\n"
        f"Subject: {SUBJECT}\r\n"
        f"Message-ID: <{message_id}>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n" + TEXT
    ).encode("ascii")
