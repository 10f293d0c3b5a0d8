"""`retentiond demo`: the newcomer's first minute. The commands that it runs are the real ones."""

from __future__ import annotations

import click

from retentiond import cli
from retentiond.errors import Exit

_MISSING = "the demo needs its mail server: pip install 'retentiond[demo]' (or ./run demo in the repository)"


@click.command(epilog="Example: retentiond demo --keep")
@click.option(
    "--keep", is_flag=True, help="Keep the temporary folder (configuration, ledger), and say where."
)
def command(keep: bool) -> int:
    """See it work on an invented helpline, in a minute, touching nothing of yours.

    A mail server starts inside this program, on loopback, with eighteen months of invented mail. Then the
    real commands run: check, ledger init, audit, arm, sweep, audit, ledger verify. At the end a plain mail
    client counts. Exit code 1 if anything is not as promised.
    """
    try:
        from retentiond.demo.story import tell
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pymap", "proxyprotocol", "pysasl"):
            raise
        click.echo(f"retentiond: {_MISSING}", err=True)
        return Exit.USAGE
    return Exit.DONE if tell(cli.run, click.echo, keeps_folder=keep) else Exit.FINDINGS
