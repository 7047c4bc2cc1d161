"""`ingest demo`: the whole product on one screen, without an account, a server or a container."""

from pathlib import Path
from typing import Annotated

import typer

from ingest.cli.options import Json


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep database and snapshot; default: a temporary folder, removed.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show it all: a simulated gateway, a private database, a backfill, the coverage, a snapshot read back in pandas.

    Everything happens in a folder of its own and no process is left behind.

    Examples:

      ingest demo

      ingest demo --folder ./ingest-demo
    """
    from ingest.cli.demonstration import demonstrate

    return demonstrate(folder, as_json=as_json)
