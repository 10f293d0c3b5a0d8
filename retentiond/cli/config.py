"""`retentiond config`: an example to begin with, the configuration in force, its schema for editors."""

from __future__ import annotations

import json

import click

from retentiond.cli.session import session
from retentiond.config import example, json_schema, shown


@click.group(epilog="Example: retentiond config generate > retentiond.toml")
def command() -> None:
    """Write an example configuration, show the one in force, or print its JSON Schema."""


@command.command(epilog="Example: retentiond config generate > retentiond.toml")
def generate() -> int:
    """Print a complete, commented example."""
    click.echo(example(), nl=False)
    return 0


@command.command(epilog="Example: retentiond config show")
@click.pass_context
def show(ctx: click.Context) -> int:
    """Print what is in force, or every fault with its line.

    Defaults are included, and secrets are shown as references only. It connects to nothing: check does.
    """
    click.echo(shown(session(ctx).config), nl=False)
    return 0


@command.command(epilog="Example: retentiond config schema > retentiond.schema.json")
def schema() -> int:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
    return 0
