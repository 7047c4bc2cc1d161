"""Which series of the database a command means by its symbols and flags."""

import shlex

from sqlalchemy import Engine

from ingest.cli.options import usage
from ingest.cli.wanted import bar_sizes
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.errors import UnknownInstrument
from ingest.store import instruments
from ingest.store import series as series_store
from ingest.store.series import SeriesRow


def none_held(
    symbols: list[str] | None, sizes: list[str] | None = None, what: str = "", *, origin: Origin | None = None
) -> str:
    """Says that `held_series` found nothing, and what would change that."""
    kind = f"{origin} " if origin else ""
    narrow = "such " if sizes or what else ""
    if symbols:
        names = " ".join(shlex.quote(each) for each in symbols)
        return f"No {narrow}{kind}bars of {', '.join(symbols)} are held; `ingest backfill {names} …` begins them."
    if narrow:
        return f"No such {kind}series is held; `ingest status` lists what is."
    return f"No {kind}series is held yet. Begin one with `ingest backfill`."


def held_series(
    engine: Engine,
    symbols: list[str] | None,
    sizes: list[str] | None,
    what: str,
    *,
    outside_rth: bool | None = None,
    origin: Origin | None = None,
) -> list[SeriesRow]:
    """Series by name, bar size and data type; everything that is held where nothing is said.

    Raises UnknownInstrument for a name the database does not know.
    """
    wanted_sizes = bar_sizes(sizes)
    try:
        wanted_what = WhatToShow.parse(what) if what else None
    except ValueError as error:
        raise usage(error) from None
    with engine.connect() as connection:
        ids: list[int] | None = None
        if symbols:
            found = {text: instruments.find(connection, text, origin=origin) for text in symbols}
            if unknown := ", ".join(repr(text) for text, rows in found.items() if not rows):
                raise UnknownInstrument(
                    f"The database holds nothing called {unknown}.",
                    hint="`ingest status` lists what it holds; `ingest backfill` begins a new one.",
                )
            ids = [row.id for each in found.values() for row in each]
        rows = series_store.listing(
            connection,
            instrument_ids=ids,
            what=wanted_what,
            use_rth=None if outside_rth is None else not outside_rth,
            origin=origin,
        )
    return [row for row in rows if not wanted_sizes or row.series.bar_size in wanted_sizes]
