"""Requests, bars and settlements that the tests of the store start from."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, text

from ingest.domain.answer import GatewayLogin, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.domain.ledger import Entry, State
from ingest.domain.window import Window
from ingest.load import Settlement
from ingest.store.series import SeriesRow
from tests import given

REAL = GatewayLogin("main", ("U1234567",), 187, 11, "20240102 09:00:00 CET", "10.46.1")
SIMULATED = GatewayLogin("demo", ("SIM0001",), 187, 12)


def bars(start: str, many: int, *, price: float = 100.0, seconds: int = 60) -> BarBatch:
    """`many` bars from `start` on, every value different from its neighbours'; each third has no volume."""
    first = np.datetime64(given.at(start).replace(tzinfo=None), "us")
    ts = first + np.arange(many) * np.timedelta64(seconds * 1_000_000, "us")
    close = price + np.arange(many) / 100
    bare = np.arange(many) % 3 == 2
    columns = [
        pa.array(ts, BAR_SCHEMA.field("ts").type),
        pa.array(close - 0.5),
        pa.array(close + 1),
        pa.array(close - 1),
        pa.array(close),
        pa.array(np.arange(many, dtype=np.float64) * 10, mask=bare),
        pa.array(close + 0.25, mask=bare),
        pa.array(np.arange(many, dtype=np.int32), mask=np.arange(many) % 2 == 1),
    ]
    return BarBatch(pa.table(columns, BAR_SCHEMA))


def with_close(batch: BarBatch, number: int, close: float) -> BarBatch:
    """The same bars, but one closed elsewhere."""
    chosen = pa.array(np.arange(len(batch)) == number)
    column = pc.if_else(chosen, close, batch.table["close"])
    return BarBatch(batch.table.set_column(4, BAR_SCHEMA.field("close"), column))


def record(
    row: SeriesRow,
    *,
    login: GatewayLogin = REAL,
    window: Window | None = None,
    sent_at: datetime = given.ZERO,
    outcome: RequestOutcome = RequestOutcome.BARS,
    request_id: int | None = None,
) -> RequestRecord:
    ended_at = None if outcome is RequestOutcome.SENT else sent_at + given.MINUTE
    return RequestRecord(
        RequestKind.BARS, row.series, login, sent_at, outcome, ended_at, window, "20240103-00:00:00", "1 D",
        request_id=request_id,
    )  # fmt: skip


def settlement(
    row: SeriesRow, batch: BarBatch, window: Window, *, state: State = State.COVERED, replaces: bool = False
) -> Settlement:
    return Settlement(row, record(row, window=window), batch, (), (Entry(window, state),), replaces)


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM ingest.{table}")).scalar_one())


def everything(engine: Engine) -> dict[str, int]:
    """How many rows each table that a load writes holds."""
    tables = ("bars_intraday", "bars_daily", "revisions", "quarantine", "ledger", "requests")
    return {table: count(engine, table) for table in tables}
