"""The research API: bars as pandas, Arrow or Polars, with what is not held beside them.

    >>> from ingest import feed
    >>> feed.series()                                                  # what is held
    >>> feed.bars("AAPL", "1m", "2024-01-02", "2024-02-01")            # a DataFrame
    >>> feed.bars(["AAPL", "MSFT"], "1d", "2020-01-01", engine="arrow")
    >>> feed.bars("ESZ6", "1m", "2026-10-01", use_rth=False, source="snapshots")
    >>> feed.missing("AAPL", "1m", "2024-01-02")                       # the windows `bars` would lack
    >>> feed.resample(feed.bars("AAPL", "1m", "2024-01-02"), "1h")

The arguments mean the same in every function:

`symbols`   A name or a list of names: AAPL, ESZ6, EUR.USD, `con_id:265598`. Case does not matter. A name means the
            instrument that bears it now, its label before its symbol; real ones win over simulated ones of the same
            name. Two of them are an `AmbiguousInstrument` that lists both, none is an `UnknownInstrument`.
`bar_size`  IB's words ("1 min", "1 day") or short ones: 5s 1m 5m 1h 1d 1w 1mo.
`start`     As at the command line: a date (or "2024-01-31") is the trading session of that date, from its open; a
            datetime (or "2024-01-31T15:30", or a pandas Timestamp) is an instant, in UTC if it names no zone.
`end`       The same, and not included. Default: up to now (of a snapshot: up to when it was made).
`what`      IB's whatToShow. Default: what the type of instrument is usually asked for (trades; midpoints for forex).
`use_rth`   Regular trading hours only. Forex, crypto, indices and options have one kind of hours and ignore it.
`source`    Nothing: the database of `ingest.toml` and `INGEST_*` (the embedded one included; it is joined, and left at
            the end of the program or by `close`). A path: a snapshot's folder, or the latest in a folder of them. An
            SQLAlchemy Engine: that database. All give the same answer, to the last bit.
`origin`    "live" or "synthetic", to see only those series.

Only the present epoch of a series is ever read, so prices on two adjustment bases never mix. Errors are those of
`ingest.errors`.
"""

from ingest.feed.api import bars, coverage, missing, series
from ingest.feed.holes import IncompleteWarning
from ingest.feed.resampling import resample
from ingest.feed.sources import close

__all__ = ["IncompleteWarning", "bars", "close", "coverage", "missing", "resample", "series"]
