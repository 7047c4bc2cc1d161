"""What `ingest doctor` looks at: database, schema, gateway, protocol, clock, permissions, pacing. Each with its fix."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Engine

from ingest.app.connecting import clock_of, gate_of, open_gateway, seed_gate
from ingest.clock import Clock
from ingest.config import Settings
from ingest.database import Database
from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import Instrument, InstrumentQuery
from ingest.domain.series import Origin, Series
from ingest.domain.what import WhatToShow
from ingest.errors import GatewayError, IngestError, RequestError
from ingest.gateway.client import Gateway
from ingest.gateway.gate import PacedGate
from ingest.store import migrate

#: Below this server version volumes of US stocks come in lots of 100.
_SHARES_SINCE = 175
_SKEW = timedelta(seconds=5)


class Condition(StrEnum):
    WELL = "well"
    WARNING = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    state: Condition
    found: str
    fix: str = ""
    exit_code: int = 0


async def examine(settings: Settings) -> list[Finding]:
    """All checks, in order. Never raises for what it examines: that is what the findings say."""
    clock = clock_of(settings)
    gate = gate_of(settings, clock)
    findings = await asyncio.to_thread(_database, settings, gate, clock)
    findings += await _gateway(settings, gate, clock)
    left = gate.pacer.units_left(clock.monotonic())
    findings.append(Finding("pacing", Condition.WELL, f"{left} of 60 small requests left in these ten minutes"))
    return findings


def _database(settings: Settings, gate: PacedGate, clock: Clock) -> list[Finding]:
    try:
        database = Database.open(settings, checked=False)
    except IngestError as error:
        return [_broken("database", error), Finding("schema", Condition.SKIPPED, "needs the database")]
    with database:
        try:
            with database.engine.connect() as connection:
                version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        except IngestError as error:
            return [_broken("database", error), Finding("schema", Condition.SKIPPED, "needs the database")]
        found = [Finding("database", Condition.WELL, f"PostgreSQL {version}, {database.where}")]
        return [*found, _schema(database.engine, settings, gate, clock)]


def _schema(engine: Engine, settings: Settings, gate: PacedGate, clock: Clock) -> Finding:
    try:
        migrate.check(engine)
    except IngestError as error:
        return _broken("schema", error)
    seed_gate(engine, gate, settings, clock)
    with engine.connect() as connection:
        return Finding("schema", Condition.WELL, f"revision {migrate.current_revision(connection)}")


async def _gateway(settings: Settings, gate: PacedGate, clock: Clock) -> list[Finding]:
    try:
        async with open_gateway(settings, clock, gate) as gateway:
            return [
                _session(settings, gateway),
                _protocol(gateway),
                await _time(gateway, clock),
                await _permissions(gateway),
            ]
    except IngestError as error:
        rest = [Finding(check, Condition.SKIPPED, "needs the gateway") for check in ("protocol", "clock", "history")]
        return [_broken("gateway", error), *rest]


def _session(settings: Settings, gateway: Gateway) -> Finding:
    login = gateway.login
    kind = "simulator" if gateway.origin is Origin.SYNTHETIC else "live or paper"
    accounts = ", ".join(_masked(account) for account in login.accounts)
    found = f"{gateway.address}, client id {login.client_id}, accounts {accounts} ({kind})"
    return Finding("gateway", Condition.WELL, found)


def _protocol(gateway: Gateway) -> Finding:
    version = gateway.server_version
    if version < _SHARES_SINCE:
        return Finding(
            "protocol",
            Condition.WARNING,
            f"server version {version}: US stock volumes come in lots of 100",
            "Upgrade TWS or IB Gateway to 10.37 or newer.",
        )
    return Finding("protocol", Condition.WELL, f"server version {version}, {gateway.login.client_package}")


async def _time(gateway: Gateway, clock: Clock) -> Finding:
    try:
        theirs = await gateway.current_time()
    except (RequestError, GatewayError) as error:
        return _broken("clock", error)
    skew = abs(theirs - clock.now())
    if skew > _SKEW:
        fix = "Set this machine's clock (NTP); bars of the last minutes may be taken for final too early."
        return Finding("clock", Condition.WARNING, f"{skew.total_seconds():.0f} s apart from the gateway", fix)
    return Finding("clock", Condition.WELL, "agrees with the gateway")


async def _permissions(gateway: Gateway) -> Finding:
    """Ask for one day of the commonest series: the only way to learn what the login may see."""
    try:
        found = await gateway.contract_details(InstrumentQuery.parse("SPY", exchange="SMART", currency="USD"))
        if not found:
            return Finding("history", Condition.WARNING, "IB did not know SPY", "Look again in a minute.")
        return await _history(gateway, found[0])
    except (RequestError, GatewayError) as error:
        return Finding("history", Condition.WARNING, error.message, error.hint)


async def _history(gateway: Gateway, instrument: Instrument) -> Finding:
    from ingest.domain.request import Duration, HistoricalRequest

    series = Series(instrument, BarSize.DAY_1, WhatToShow.TRADES)
    answer = await gateway.historical_bars(HistoricalRequest(series, None, Duration(5, "D")), None, 60)
    return Finding("history", Condition.WELL, f"{len(answer.bars)} daily bars of SPY came back")


def _broken(check: str, error: IngestError) -> Finding:
    return Finding(check, Condition.BROKEN, error.message, error.hint, error.exit_code)


def _masked(account: str) -> str:
    """An account number is nobody's business on a shared screen."""
    return account if account.startswith("SIM") else account[:2] + "…" + account[-2:]
