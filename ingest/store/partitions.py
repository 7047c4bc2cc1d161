"""Partitions of the bars, made when a load needs them: a year of intraday bars each, a decade of daily ones.

`CREATE TABLE … PARTITION OF` would lock the table against every reader until the load commits. Making the partition
apart and attaching it only keeps other makers out, and those wait for each other by an advisory lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select, text

from ingest.store.sql import quoted, statement
from ingest.store.tables import SCHEMA

_MAKER = 0x1B_0003  # the advisory lock of whoever makes partitions
_YEARS = {"bars_intraday": 1, "bars_daily": 10}


@dataclass(frozen=True, slots=True)
class Partition:
    """`table` from the start of one year to the start of another."""

    table: str
    first_year: int
    end_year: int

    @property
    def name(self) -> str:
        return f"{self.table}_{self.first_year}"

    @classmethod
    def spanning(cls, table: str, first: datetime, last: datetime) -> "Iterator[Partition]":
        """The partitions that bars from `first` to `last` fall into."""
        years = _YEARS[table]
        for year in range(first.year - first.year % years, last.year + 1, years):
            yield cls(table, year, year + years)


def ensure(connection: Connection, table: str, first: datetime, last: datetime) -> None:
    """Make the partitions that bars of `table` between two UTC moments need, safe beside other loaders."""
    wanted = list(Partition.spanning(table, first, last))
    if not _missing(connection, wanted):
        return
    connection.execute(select(func.pg_advisory_xact_lock(_MAKER)))
    missing = _missing(connection, wanted)  # somebody else may have made them while we waited
    for partition in wanted:
        if partition.name in missing:
            _make(connection, partition)


def _missing(connection: Connection, wanted: list[Partition]) -> set[str]:
    arguments = {"names": [partition.name for partition in wanted], "root": f"{SCHEMA}.{wanted[0].table}"}
    return set(connection.execute(statement("missing_partitions"), arguments).scalars())


def _make(connection: Connection, partition: Partition) -> None:
    root, name = quoted(f"{SCHEMA}.{partition.table}"), quoted(f"{SCHEMA}.{partition.name}")
    start, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (partition.first_year, partition.end_year))
    connection.execute(text(f"CREATE TABLE {name} (LIKE {root} INCLUDING DEFAULTS)"))
    connection.execute(text(f"ALTER TABLE {root} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"))
