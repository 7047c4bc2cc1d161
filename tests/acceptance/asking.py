"""A process that asks for 5-second bars and head timestamps on a shared login, as fast as it is let; for tests to kill.

python -m tests.acceptance.asking '{"database": URL, "port": 1, "scale": 60, "client_id": 1, "first": 0, "count": 50}'

It prints one line, when it has all answers. Every fifth question is a head timestamp.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from ingest.app.connecting import clock_of, gate_of, open_gateway, seed_gate
from ingest.cli.screen import configure_logs
from ingest.config import ClockSettings, DatabaseSettings, ExactSettings, GatewaySettings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument
from ingest.domain.request import Duration, HistoricalRequest
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.gateway.client import Gateway
from tests.given import at

CONTRACTS = 40
FIRST_CON_ID = 5_000_000


def instrument(number: int) -> Instrument:
    return Instrument(FIRST_CON_ID + number % CONTRACTS, f"S{number % CONTRACTS}", "STK", "SMART", "USD")


async def question(gateway: Gateway, number: int) -> None:
    """The `number`-th question, the same in every process."""
    series = Series(instrument(number), BarSize.SEC_5, WhatToShow.TRADES)
    if number % 5 == 4:
        await gateway.head_timestamp(series)
    else:
        end = at("2024-01-05 20:00") - timedelta(minutes=number // CONTRACTS)
        await gateway.historical_bars(HistoricalRequest(series, end, Duration(60, "S")), None, 600)


async def ask(database_url: str, port: int, scale: float, client_id: int, first: int, count: int) -> None:
    settings = ExactSettings(
        home=Path("/nonexistent"),
        gateway=GatewaySettings(port=port, client_id=client_id, login="shared", connect_seconds=10 * scale),
        database=DatabaseSettings(url=SecretStr(database_url)),
        clock=ClockSettings(scale=scale),
    )
    clock = clock_of(settings)
    gate = gate_of(settings, clock)
    with Database.open(settings) as database:
        seed_gate(database.engine, gate, settings, clock)
        async with open_gateway(settings, clock, gate) as gateway:
            await asyncio.gather(*(question(gateway, number) for number in range(first, first + count)))


if __name__ == "__main__":
    configure_logs(verbose=True)
    given = json.loads(sys.argv[1])
    asyncio.run(
        ask(given["database"], given["port"], given["scale"], given["client_id"], given["first"], given["count"])
    )
    sys.stdout.write("all answered\n")
