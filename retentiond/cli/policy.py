"""`retentiond policy`: the public statement, made from the configuration in force."""

from __future__ import annotations

import click

from retentiond.cli.session import session
from retentiond.config import ImapAccount
from retentiond.report.statement import Promise, statement


@click.command(epilog="Example: retentiond policy > statement.md")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Print what is promised to the public, in plain words (Markdown). Connects to nothing.

    It is made from the configuration in force, so it cannot promise something else than what is done.
    """
    config = session(ctx).config
    kept = [
        account.server_keeps if isinstance(account, ImapAccount) else account.single_item_recovery
        for account in config.accounts.values()
    ]
    promise = Promise(
        mail=[helpline.period for helpline in config.helplines],
        letters=[folder.period for folder in config.letters],
        has_advisors=bool(config.advisors),
        left_out=any(helpline.leave_out for helpline in config.helplines),
        longest=config.policy.longest,
        server_keeps=max(filter(None, kept), key=lambda period: period.longest_days, default=None),
        elsewhere=[(place.what, place.kept) for place in config.elsewhere],
    )
    click.echo(statement(promise), nl=False)
    return 0
