"""`load`: what requests brought, into the database in one transaction: log, bars, revisions, quarantine, ledger.

Either all of it is there after a commit or none of it: kill the process anywhere and the next plan asks again for what
is missing. Several settlements in one call share the commit and the round trips, which makes small chunks fast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from ingest.domain.answer import RequestRecord
from ingest.domain.bars import BarBatch
from ingest.domain.issue import QuarantinedBar
from ingest.domain.ledger import Entry
from ingest.errors import DatabaseError, OriginConflict
from ingest.store import bars, ledger, quarantine, requests, series
from ingest.store.bars import LoadCounts, Parcel
from ingest.store.series import SeriesRow


@dataclass(frozen=True, slots=True)
class Settlement:
    """One chunk's result, ready for the commit.

    `replaces`: IB serves this series only whole, up to now, so `clean` is everything there is. Its ledger is replaced;
    and unless all stored bars came back unchanged, the bars open a new epoch. An answer without bars replaces nothing.
    """

    row: SeriesRow
    record: RequestRecord
    clean: BarBatch
    quarantined: tuple[QuarantinedBar, ...]
    entries: tuple[Entry, ...]
    replaces: bool = False


def load(engine: Engine, settlements: Sequence[Settlement]) -> tuple[LoadCounts, ...]:
    """Commit settlements together, as if one after the other; counts in their order.

    Raises OriginConflict when a login and a series are of different origins, DatabaseError when a series moved to
    another epoch since its row was read, DatabaseUnreachable when the database went away. Then nothing is stored.
    """
    _refuse_mixed_origins(settlements)
    if not settlements:
        return ()
    with engine.begin() as connection:
        epochs = series.hold(connection, {settlement.row.id for settlement in settlements})
        ids = requests.save_all(connection, [(s.row, s.record) for s in settlements])
        counts: list[LoadCounts] = []
        for group in _groups(list(zip(settlements, ids, strict=True))):
            counts += _store(connection, group, epochs)
    return tuple(counts)


Booked = tuple[Settlement, int]  # with the id of its request


def _store(connection: Connection, group: Sequence[Booked], epochs: dict[int, int]) -> list[LoadCounts]:
    counts = [LoadCounts()] * len(group)
    parcels: dict[int, Parcel] = {}
    for number, (settlement, request_id) in enumerate(group):
        epoch = _epoch(connection, settlement, epochs)
        if len(settlement.clean):
            parcels[number] = Parcel(settlement.row, epoch, settlement.clean, request_id)
    stored = bars.write_all(connection, list(parcels.values()))
    for number, count in zip(parcels, stored, strict=True):
        counts[number] = count
    quarantine.write_all(connection, [(s.row.id, bar, request_id) for s, request_id in group for bar in s.quarantined])
    ledger.record_all(
        connection, [ledger.News(s.row.id, entry, request) for s, request in group for entry in s.entries]
    )
    return counts


def _epoch(connection: Connection, settlement: Settlement, epochs: dict[int, int]) -> int:
    """The epoch a settlement belongs in; a replacing one drops the ledger and may open a new epoch."""
    row, present = settlement.row, epochs[settlement.row.id]
    if not settlement.replaces:
        if row.epoch != present:
            raise DatabaseError(
                f"{row} was replaced as a whole (epoch {present}) while a part of epoch {row.epoch} was fetched.",
                hint="Run it again.",
            )
        return present
    if len(settlement.clean):
        ledger.forget(connection, row.id)
        if not bars.is_extended_by(connection, row, present, settlement.clean):
            epochs[row.id] = series.open_epoch(connection, row.id)
    return epochs[row.id]


def _groups(booked: Sequence[Booked]) -> Iterator[list[Booked]]:
    """Neighbours that can be stored together; a replacing settlement stands alone."""
    group: list[Booked] = []
    for one in booked:
        if one[0].replaces:
            if group:
                yield group
            yield [one]
            group = []
        else:
            group.append(one)
    if group:
        yield group


def _refuse_mixed_origins(settlements: Sequence[Settlement]) -> None:
    """The database refuses it too; this says it with names."""
    for settlement in settlements:
        row, login = settlement.row, settlement.record.login
        if login.origin is not row.origin:
            raise OriginConflict(
                f"{row} holds {row.origin} bars, and login {login.name!r} gives {login.origin} ones.",
                hint="Use another database or home folder for simulated bars.",
            )
