"""Where a series' files lie inside a snapshot: hive folders (`name=value`) that say its whole key.

    bar_size=1m/what_to_show=TRADES/symbol=BRK%20B/hours=rth/origin=live/con_id=72063691/2024.parquet

Every part of the key is a folder, so no two series share one, and whoever reads a folder of many with pandas, Polars or
DuckDB gets the key as columns instead of a mixture. Names go through `quoted` and nowhere else; it is the percent
encoding that hive readers undo by themselves.
"""

import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from ingest.domain.bar_size import BarSize
from ingest.store.series import SeriesRow

#: Windows opens a device for these, whatever stands behind the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def quoted(name: str) -> str:
    """`name` as one path segment of ASCII letters, digits, `_`, `-`, inner dots and `%XX`. Reversible by `unquoted`.

    Never empty, hidden, `.` or `..`, a Windows device, or something that ends with a dot. Raises ValueError for "".
    """
    if not name:
        raise ValueError("an empty name cannot be a folder")
    safe = quote(name, safe="").replace("~", "%7E")
    if safe.startswith(".") or _DEVICES.fullmatch(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return f"{safe[:-1]}%2E" if safe.endswith(".") else safe


def unquoted(segment: str) -> str:
    """The name that `quoted` made this segment of."""
    return unquote(segment, errors="strict")


def series_folder(row: SeriesRow) -> PurePosixPath:
    """The folder of a series' files, relative to the snapshot."""
    series = row.series
    return PurePosixPath(
        f"bar_size={series.bar_size.alias}",
        f"what_to_show={series.what}",
        f"symbol={quoted(series.instrument.label)}",
        f"hours={'rth' if series.use_rth else 'all'}",
        f"origin={row.origin}",
        f"con_id={series.instrument.con_id}",
    )


def is_by_year(size: BarSize) -> bool:
    """Whether a series has a file for each year. Bars of half an hour and longer are few (17,520 a year): one file."""
    return size.seconds < 1800


def file_name(size: BarSize, year: int) -> str:
    """The file that holds the bars of a year, or, for long bars, all of them."""
    return f"{year:04d}.parquet" if is_by_year(size) else "bars.parquet"
