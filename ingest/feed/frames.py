"""Answers as tables: one tidy Arrow table inside, pandas or Polars at the border, with what is missing beside the data.

Beside the data means `frame.attrs` in pandas and the schema's metadata in Arrow, in both under the names `missing` and
`series`, as plain values (instants as text), so that a frame can still be written to Parquet. Polars has no such place.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from ingest.domain.bars import BAR_SCHEMA
from ingest.errors import UsageError

Notes = Mapping[str, Sequence[Mapping[str, Any]]]

FEED_SCHEMA: pa.Schema = pa.schema([pa.field("symbol", pa.string(), nullable=False), *BAR_SCHEMA])
_PREFIX = "ingest."


def tidy(parts: Sequence[tuple[str, pa.Table]], notes: Notes) -> pa.Table:
    """Bars of several series as one table, in the order given, with the name of each in front."""
    named = [
        table.add_column(0, FEED_SCHEMA.field("symbol"), pa.repeat(name, table.num_rows)).cast(FEED_SCHEMA)
        for name, table in parts
    ]
    return annotated(pa.concat_tables([FEED_SCHEMA.empty_table(), *named]), notes)


def annotated(table: pa.Table, notes: Notes) -> pa.Table:
    """The table with its notes as metadata."""
    return table.replace_schema_metadata({_PREFIX + name: json.dumps(list(note)) for name, note in notes.items()})


def notes_of(frame: Any) -> dict[str, list[dict[str, Any]]]:
    """The notes of a frame that came from here; {} where they are lost (Polars, or a frame built from several)."""
    if isinstance(frame, pd.DataFrame):
        return {name: frame.attrs[name] for name in ("missing", "series") if name in frame.attrs}
    metadata = (frame.schema.metadata or {}) if isinstance(frame, pa.Table) else {}
    found = {name.decode().removeprefix(_PREFIX): json.loads(text) for name, text in metadata.items()}
    return {name: found[name] for name in ("missing", "series") if name in found}


def check_engine(engine: str) -> None:
    """Raises UsageError for an engine that is unknown or not installed."""
    if engine not in ("pandas", "arrow", "polars"):
        raise UsageError(f"There is no engine {engine!r}.", hint="Use pandas, arrow or polars.")
    if engine == "polars":
        _polars()


def deliver(table: pa.Table, engine: str) -> Any:
    """The table as the frame of an engine that `check_engine` let pass."""
    match engine:
        case "arrow":
            return table
        case "pandas":
            frame = table.replace_schema_metadata(None).to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)
            frame.attrs = {name: list(note) for name, note in notes_of(table).items()}
            return frame
        case _:
            return _polars().from_arrow(table)


def arrow_of(frame: Any) -> tuple[pa.Table, str]:
    """A frame of any engine as an Arrow table without notes, and the engine's name. Raises UsageError for others."""
    if isinstance(frame, pa.Table):
        return frame.replace_schema_metadata(None), "arrow"
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None), "pandas"
    if type(frame).__module__.partition(".")[0] == "polars":
        return frame.to_arrow(), "polars"
    raise UsageError(f"{type(frame).__name__} is not a frame of bars.", hint="Give what `feed.bars` returned.")


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        raise UsageError("Polars is not installed.", hint="Run `pip install polars`, or use another engine.") from None
    return polars
