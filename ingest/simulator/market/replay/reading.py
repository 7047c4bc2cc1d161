"""Files of bars, read into one table of checked columns. What does not fit is refused with the file and column named.

Values are never mended: a high below its open is replayed as it stands. Prices in CSV become the nearest float, and a
symbol spelt `NA` or `TRUE` stays text. A time without a zone is UTC.
"""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ingest.simulator.market.arrays import Ints
from ingest.simulator.market.replay.contracts import KINDS
from ingest.simulator.market.timetable import DAY_SECONDS
from ingest.simulator.market.types import BAR_SIZES, BarSize

_PRICES = ("open", "high", "low", "close")
#: Columns that may be missing, and the names they may have.
_SUMS = {"wap": ("wap", "average"), "count": ("count", "bar_count")}
_TEXTS = {"sec_type": "STK", "exchange": "", "currency": "USD", "timezone": "", "what": "", "bar": ""}
_KEYS = ["symbol", "sec_type", "exchange", "currency", "what", "bar", "ts"]

_SHORT_UNITS = {"secs": "s", "min": "m", "mins": "m", "hour": "h", "hours": "h", "day": "d", "1W": "1w"}


class MalformedFile(ValueError):
    """A file that cannot be replayed: which, in which column ("" for the file as a whole), and why."""

    def __init__(self, file: Path, column: str, why: str) -> None:
        super().__init__(file, column, why)
        self.file = file
        self.column = column
        self.why = why

    def __str__(self) -> str:
        place = f"column {self.column!r}: " if self.column else ""
        return f"{self.file}: {place}{self.why}"


def _spellings() -> dict[str, BarSize]:
    """IB's own names, `5m 1h 1d` and the like, and week and month in full."""
    named = {size.text: size for size in BAR_SIZES}
    for size in BAR_SIZES:
        number, _, unit = size.text.partition(" ")
        if unit:
            named[number + _SHORT_UNITS[unit]] = size
    return {**named, "1w": named["1W"], "1 week": named["1W"], "1 month": named["1M"]}


SIZES = _spellings()


def read(place: Path) -> pd.DataFrame:
    """All bars of a file, or of every Parquet and CSV file under a folder, sorted by series and time.

    Columns: symbol sec_type exchange currency timezone what bar (text; `bar` in IB's spelling), ts (epoch seconds),
    open high low close volume wap count (float64, NaN where the file is silent).
    """
    files = _files(place)
    tables = [_checked(file, _load(file)).assign(file=number) for number, file in enumerate(files)]
    bars = pd.concat(tables, ignore_index=True).sort_values(_KEYS, ignore_index=True)
    twice = bars.duplicated(_KEYS)
    if twice.any():
        row = bars[twice].iloc[0]
        moment = pd.Timestamp(int(row["ts"]), unit="s", tz="UTC")
        raise MalformedFile(files[int(row["file"])], "ts", f"{row['symbol']} has two {row['bar']} bars at {moment}")
    return bars.drop(columns="file")


def _files(place: Path) -> Sequence[Path]:
    if place.is_file():
        return [place]
    found = sorted(file for file in place.rglob("*") if file.suffix in (".parquet", ".csv"))
    if not found:
        raise FileNotFoundError(
            f"no bars to replay: {place} is neither a file nor a folder with .parquet or .csv files"
        )
    return found


def _load(file: Path) -> pd.DataFrame:
    try:
        return _parsed(file)
    except ValueError as error:  # what pyarrow, pandas and the text decoder have in common
        raise MalformedFile(file, "", f"cannot be read: {error}") from error


def _parsed(file: Path) -> pd.DataFrame:
    if file.suffix != ".csv":
        return pd.read_parquet(file)
    texts = dict.fromkeys(("symbol", *_TEXTS), pa.string())
    options = csv.ConvertOptions(column_types=texts, null_values=[""], strings_can_be_null=False)
    table: pd.DataFrame = csv.read_csv(file, convert_options=options).to_pandas()
    return table


def _checked(file: Path, raw: pd.DataFrame) -> pd.DataFrame:
    for column in ("symbol", "ts", *_PRICES, "volume"):
        if column not in raw.columns:
            raise MalformedFile(file, column, f"missing; the file has {', '.join(map(str, raw.columns))}")
    bars = pd.DataFrame({"symbol": _text(raw, "symbol", "")})
    for column, default in _TEXTS.items():
        bars[column] = _text(raw, column, default)
    bars["ts"] = _instants(file, raw["ts"])
    for column in (*_PRICES, "volume"):
        bars[column] = _numbers(file, raw, column)
    for column, names in _SUMS.items():
        name = next((name for name in names if name in raw.columns), None)
        bars[column] = np.nan if name is None else _numbers(file, raw, name)
    for column in _PRICES:
        if not np.isfinite(bars[column]).all():
            raise MalformedFile(file, column, f"no price in row {int(np.argmin(np.isfinite(bars[column])))}")
    _check_names(file, bars)
    bars["what"] = bars["what"].where(bars["what"] != "", bars["sec_type"].map(lambda name: KINDS[name].what))
    return _with_sizes(file, bars)


def _text(raw: pd.DataFrame, column: str, default: str) -> pd.Series:
    if column not in raw.columns:
        return pd.Series(default, index=raw.index, dtype=object)
    text = raw[column].astype(object)
    return text.where(text.notna() & (text != ""), default)


def _numbers(file: Path, raw: pd.DataFrame, column: str) -> pd.Series:
    try:
        return raw[column].astype("float64")
    except (TypeError, ValueError) as error:
        raise MalformedFile(file, column, f"not a number: {error}") from error


def _instants(file: Path, column: pd.Series) -> Ints:
    try:
        if pd.api.types.is_numeric_dtype(column):
            moments = pd.to_datetime(column, utc=True, unit="s")
        else:
            moments = pd.to_datetime(column, utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise MalformedFile(file, "ts", f"not a time: {error}") from error
    if moments.isna().any():
        raise MalformedFile(file, "ts", f"no time in row {int(moments.isna().to_numpy().argmax())}")
    fine = moments.dt.tz_localize(None).to_numpy()
    seconds = fine.astype("datetime64[s]")
    if (fine != seconds).any():
        raise MalformedFile(file, "ts", "bars begin on whole seconds, not within them")
    return seconds.astype(np.int64)


def _check_names(file: Path, bars: pd.DataFrame) -> None:
    if (bars["symbol"] == "").any():
        raise MalformedFile(file, "symbol", "empty")
    for name in set(bars["sec_type"]) - set(KINDS):
        raise MalformedFile(file, "sec_type", f"{name!r} is none of {', '.join(KINDS)}")
    for name in bars["timezone"].unique():
        try:
            ZoneInfo(name or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise MalformedFile(file, "timezone", f"no such time zone: {name!r}") from error


def _with_sizes(file: Path, bars: pd.DataFrame) -> pd.DataFrame:
    """Spells the sizes as IB does; a file that does not tell its sizes shows them by the distance of its bars."""
    told = bars["bar"] != ""
    for name in bars.loc[told, "bar"].unique():
        if name not in SIZES:
            raise MalformedFile(file, "bar", f"{name!r} is none of {', '.join(SIZES)}")
    bars.loc[told, "bar"] = bars.loc[told, "bar"].map(lambda name: SIZES[name].text)
    for symbol, group in bars[~told].groupby("symbol"):
        bars.loc[group.index, "bar"] = _seen(file, str(symbol), group["ts"].to_numpy())
    long = bars["bar"].map(lambda name: SIZES[name].unit != "seconds")
    if (bars.loc[long, "ts"] % DAY_SECONDS != 0).any():
        raise MalformedFile(file, "ts", "a bar of a day or longer is dated at 00:00 UTC of its session's date")
    return bars


def _seen(file: Path, symbol: str, ts: Ints) -> str:
    if not (ts % DAY_SECONDS).any():
        return "1 day"
    closest = np.diff(np.unique(ts)).min(initial=DAY_SECONDS)
    found = next((size.text for size in BAR_SIZES if size.seconds == closest), None)
    if found is None:
        raise MalformedFile(file, "bar", f"missing, and the bars of {symbol} do not show their size")
    return found
