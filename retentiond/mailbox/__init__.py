"""Mailboxes: one small port (`base`), and one room for each kind of server behind it."""
