"""Mailboxes as Exchange keeps them, on premises and in the cloud: what stand-ins for both have in common.

Nothing here knows a protocol.
"""
