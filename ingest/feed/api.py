"""The functions of `ingest.feed`. The package's own text tells what their arguments mean; here is what each gives."""

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd
import pyarrow as pa

from ingest.domain.bar_size import BarSize
from ingest.domain.ledger import Ledger
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.feed import frames, holes
from ingest.feed.asking import Answer, Moment, Question, answers, everything, origin_named, question
from ingest.feed.choosing import Chosen
from ingest.feed.holes import Incomplete, IncompleteWarning, Stretch
from ingest.feed.sources import Source, view_of
from ingest.store.reading import Extent

if TYPE_CHECKING:
    import polars as pl

Symbols = str | Iterable[str]
Size = str | BarSize
What = str | WhatToShow | None
Origins = str | Origin | None

_TEXT, _MOMENT = pa.string(), pa.timestamp("us", tz="UTC")
_WINDOWS = pa.schema({"symbol": _TEXT, "start": _MOMENT, "end": _MOMENT, "state": _TEXT, "reason": _TEXT})
_SERIES = pa.schema(
    {"symbol": _TEXT, "bar_size": _TEXT, "what_to_show": _TEXT, "use_rth": pa.bool_(), "origin": _TEXT}
    | {"rows": pa.int64(), "first_ts": _MOMENT, "last_ts": _MOMENT, "state": _TEXT}
    | {"con_id": pa.int64(), "sec_type": _TEXT, "exchange": _TEXT, "currency": _TEXT, "epoch": pa.int64()}
)


@overload
def bars(
    symbols: Symbols, bar_size: Size, start: Moment, end: Moment | None = None, *, what: What = None,
    use_rth: bool = True, engine: Literal["pandas"] = "pandas", source: Source = None, origin: Origins = None,
    strict: bool = False,
) -> pd.DataFrame: ...  # fmt: skip
@overload
def bars(
    symbols: Symbols, bar_size: Size, start: Moment, end: Moment | None = None, *, what: What = None,
    use_rth: bool = True, engine: Literal["arrow"], source: Source = None, origin: Origins = None,
    strict: bool = False,
) -> pa.Table: ...  # fmt: skip
@overload
def bars(
    symbols: Symbols, bar_size: Size, start: Moment, end: Moment | None = None, *, what: What = None,
    use_rth: bool = True, engine: Literal["polars"], source: Source = None, origin: Origins = None,
    strict: bool = False,
) -> "pl.DataFrame": ...  # fmt: skip
def bars(
    symbols: Symbols,
    bar_size: Size,
    start: Moment,
    end: Moment | None = None,
    *,
    what: What = None,
    use_rth: bool = True,
    engine: Literal["pandas", "arrow", "polars"] = "pandas",
    source: Source = None,
    origin: Origins = None,
    strict: bool = False,
) -> Any:
    """Bars of one or many series as one tidy frame, with the windows that are not held beside it.

    Columns: `symbol` (text), `ts` (UTC, the bar's start; for a day and longer the session's date at 00:00), `open`,
    `high`, `low`, `close`, `volume`, `wap` (float64), `bar_count` (Int32). `volume`, `wap` and `bar_count` are null
    where IB gives none. Series follow one another in the order asked, each ascending in `ts`.

    What is missing is in `frame.attrs["missing"]` (pandas) or the schema's metadata `ingest.missing` as JSON (Arrow):
    one record of `symbol`, `start`, `end`, `state`, `reason` for each window. If there is any, `IncompleteWarning` is
    given, or with `strict=True` raised.

    Example:

        >>> frame = feed.bars(["AAPL", "MSFT"], "1m", "2024-01-02", "2024-02-01")
        >>> frame.pivot(index="ts", columns="symbol", values="close")
    """
    frames.check_engine(engine)
    asked = question(symbols, bar_size, start, end, what=what, use_rth=use_rth, origin=origin)
    with view_of(source) as view:
        found = answers(view, asked)
        parts = [(one.chosen.name, view.bars(one.chosen.row, one.wish)) for one in found if one.chosen.row]
    _tell(found, strict=strict)
    notes = {
        "missing": [record for one in found for record in one.missing_records()],
        "series": [one.series_record() for one in found],
    }
    return frames.deliver(frames.tidy(parts, notes), engine)


def missing(
    symbols: Symbols,
    bar_size: Size,
    start: Moment,
    end: Moment | None = None,
    *,
    what: What = None,
    use_rth: bool = True,
    source: Source = None,
    origin: Origins = None,
) -> pd.DataFrame:
    """The windows that `bars` with the same arguments would lack: `symbol`, `start`, `end`, `state`, `reason`.

    `state` is `unknown` (never asked for), `pending` (came back empty once), `timed_out` or `failed`. Time in which
    nothing trades, or that was not over yet, is not missing. Empty when everything is held.

    Example:

        >>> feed.missing("AAPL", "1m", "2024-01-02").groupby("state").size()
    """
    asked = question(symbols, bar_size, start, end, what=what, use_rth=use_rth, origin=origin)
    return _windows([(one.chosen.name, one.missing) for one in _answers(source, asked)])


def coverage(
    symbols: Symbols,
    bar_size: Size,
    start: Moment,
    end: Moment | None = None,
    *,
    what: What = None,
    use_rth: bool = True,
    source: Source = None,
    origin: Origins = None,
) -> pd.DataFrame:
    """What is known of every moment asked for: `symbol`, `start`, `end`, `state`, `reason`; the windows have no gaps.

    `state` is `covered`, `empty_confirmed` (proved that nothing exists), or one of those of `missing`. Nights and
    holidays count as well.

    Example:

        >>> feed.coverage("ESZ6", "1d", "2024-01-02", use_rth=False)
    """
    asked = question(symbols, bar_size, start, end, what=what, use_rth=use_rth, origin=origin)
    return _windows([(one.chosen.name, one.known) for one in _answers(source, asked)])


def series(*, source: Source = None, origin: Origins = None) -> pd.DataFrame:
    """Every series that is held: its key, `rows`, `first_ts`, `last_ts`, and `state`. One row each.

    `state` is `complete` when nothing traded is missing between the first and the last moment the ledger knows, else
    `incomplete`; `unknown` when it knows none. A database counts bars for it: about half a second a million.

    Example:

        >>> feed.series().query("bar_size == '1m' and state == 'incomplete'")
    """
    wanted = origin_named(origin)
    with view_of(source) as view:
        held = everything(view, wanted)
        extents = view.extents([one.row for one, _ in held if one.row])
        told = [_series_record(one, known, extents, view.now) for one, known in held]
    return _pandas(pa.Table.from_pylist(told, _SERIES))


def _answers(source: Source, asked: Question) -> list[Answer]:
    with view_of(source) as view:
        return answers(view, asked)


def _tell(found: Sequence[Answer], *, strict: bool) -> None:
    incomplete = [Incomplete(one.chosen.series, one.missing) for one in found if one.missing]
    if not incomplete:
        return
    if strict:
        raise IncompleteWarning(incomplete)
    warnings.warn(IncompleteWarning(incomplete), stacklevel=3)  # points at the caller of `bars`


def _windows(told: Iterable[tuple[str, Sequence[Stretch]]]) -> pd.DataFrame:
    rows = [(name, s.window.start, s.window.end, s.state, s.reason) for name, stretches in told for s in stretches]
    columns = zip(*rows, strict=True) if rows else ([] for _ in _WINDOWS)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, _WINDOWS, strict=True)]
    return _pandas(pa.Table.from_arrays(arrays, schema=_WINDOWS))


def _series_record(one: Chosen, known: Ledger, extents: dict[int, Extent], now: Any) -> dict[str, Any]:
    assert one.row is not None
    extent, instrument = extents[one.row.id], one.series.instrument
    return {
        "symbol": one.name,
        "bar_size": one.series.bar_size.alias,
        "what_to_show": one.series.what.value,
        "use_rth": one.series.use_rth,
        "origin": one.origin.value,
        "rows": extent.rows,
        "first_ts": extent.first,
        "last_ts": extent.last,
        "state": _state(one, known, now),
        "con_id": instrument.con_id,
        "sec_type": instrument.sec_type,
        "exchange": instrument.exchange,
        "currency": instrument.currency,
        "epoch": one.row.epoch,
    }


def _state(one: Chosen, known: Ledger, now: Any) -> str:
    if not known.entries:
        return holes.UNKNOWN
    whole = Window(known.entries[0].window.start, known.entries[-1].window.end)
    return "incomplete" if holes.missing(one.series, holes.stretches(known, whole), now) else "complete"


def _pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame
