"""Any job that a file can say, as a Hypothesis strategy."""

from datetime import UTC, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ingest.domain.bar_size import BarSize
from ingest.domain.instrument import SEC_TYPES
from ingest.domain.what import WhatToShow
from ingest.wishes import AfterClose, Ago, Cron, ExportWish, Job, SeriesWish, Universe, Want

_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_ZONES = _OFFSETS | st.sampled_from([UTC, ZoneInfo("UTC")])
#: PostgreSQL keeps no NUL, and a TOML text has no lone surrogates.
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_PATHS = _TEXTS.map(Path)
_AGOS = st.builds(Ago, st.integers(1, 1900), st.sampled_from(["day", "week", "month", "year"]))
_EDGES = st.dates() | st.datetimes(timezones=_ZONES) | _AGOS
_CRONS = st.builds(
    Cron,
    st.sampled_from(["0 22 * * *", "*/5 9-16 * * mon-fri", "30 2 29 2 *", "0 0 1-7 * sun"]),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
)
_AFTER_CLOSES = st.builds(
    AfterClose, st.sampled_from(["XNYS", "XLON", "24/7"]), st.timedeltas(timedelta(0), timedelta(hours=24))
)
_UNIVERSES = st.builds(
    Universe,
    st.lists(_TEXTS, max_size=4).map(tuple),
    st.sampled_from(["", *SEC_TYPES]),
    _TEXTS,
    st.sampled_from(["", "USD", "EUR"]),
    st.none() | _PATHS,
    _TEXTS,
)
_SERIES = st.builds(SeriesWish, st.sampled_from(BarSize), st.none() | st.sampled_from(WhatToShow), st.booleans())

jobs: st.SearchStrategy[Job] = st.builds(
    Job,
    name=_TEXTS,
    path=_PATHS,
    universe=_UNIVERSES,
    series=st.lists(_SERIES, min_size=1, max_size=4).map(tuple),
    want=st.builds(Want, _EDGES, st.none() | _EDGES),
    schedule=st.none() | _CRONS | _AFTER_CLOSES,
    export=st.none() | st.builds(ExportWish, _PATHS, st.none() | st.integers(1, 1000)),
    priority=st.integers(-100, 100),
    description=_TEXTS,
)
