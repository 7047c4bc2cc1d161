"""`ingest simulator`: an IB Gateway stand-in on a real socket, for demos and for anybody's tests."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli.looping import run_async
from ingest.errors import GatewayError, UsageError


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 picks a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    market: Annotated[
        str, typer.Option(help="'synthetic' ('synthetic+250': more stocks), or a folder of bars to replay.")
    ] = "synthetic",
    seed: Annotated[int, typer.Option(help="Seed of the synthetic market.")] = 1,
    time_scale: Annotated[float, typer.Option(help="How much faster than the wall its clock and pacing run.")] = 1.0,
    now: Annotated[str, typer.Option(help="Where its clock starts, e.g. 2024-06-03T15:00Z; default: now.")] = "",
    since: Annotated[str, typer.Option(help="When (by the wall) its clock started; default: now.")] = "",
    max_server_version: Annotated[int, typer.Option(min=176, max=225, help="Newest protocol it speaks.")] = 225,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults to play.")] = None,
    pacing: Annotated[str, typer.Option(help="enforce (refuse with 162), apply (delay) or off.")] = "enforce",
    latency: Annotated[float, typer.Option(min=0, help="Seconds an answer takes at least, in its time.")] = 0.05,
) -> None:
    """Run a simulated IB Gateway. Prints JSON lines; the first says where it listens.

    Accounts begin with SIM, so nothing it serves is ever taken for real bars.

    Examples:

      ingest simulator --port 4002

      ingest simulator --market ./bars --time-scale 100 --faults faults.toml
    """
    from ingest.simulator.clock import SimulatorClock
    from ingest.simulator.faults.script import FaultScript, load_script
    from ingest.simulator.manners.latency import Latency
    from ingest.simulator.market import open_market
    from ingest.simulator.server import run
    from ingest.simulator.settings import ServerOptions

    if pacing not in ("enforce", "apply", "off"):
        raise UsageError(f"--pacing is enforce, apply or off, not {pacing!r}.")
    try:
        options = ServerOptions(
            host=host,
            port=port,
            max_version=max_server_version,
            pacing=pacing,  # type: ignore[arg-type]
            message_rate_rule="reject" if pacing == "enforce" else "off",
            latency=Latency(base=latency),
            faults=load_script(faults) if faults else FaultScript(),
        )
        clock = SimulatorClock(_moment("--now", now), time_scale, _moment("--since", since))
        world = open_market(market, seed)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    try:
        run_async(run(options, world, clock))
    except OSError as error:
        raise GatewayError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}.", hint="Choose another --port, or 0."
        ) from None


def _moment(option: str, text: str) -> float | None:
    """Raises UsageError."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        raise UsageError(f"{option} is a moment such as 2024-06-03T15:00Z, not {text!r}.") from None
