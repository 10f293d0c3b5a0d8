"""`retentiond completion`: the script by which a shell completes its commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(epilog="Example: retentiond completion bash > /etc/bash_completion.d/retentiond")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script for your shell."""
    found = get_completion_class(shell)
    assert found is not None, "click knows the shells that are offered"
    click.echo(found(ctx.find_root().command, {}, "retentiond", "_RETENTIOND_COMPLETE").source())
    return 0
