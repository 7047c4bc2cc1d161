"""`load`: what requests brought, into the database in one transaction: log, bars, revisions, quarantine, ledger.

Either all of it is there after a commit or none of it: kill the process anywhere and the next plan asks again for what
is missing. Several settlements in one call share the commit and the round trips, which makes small chunks fast.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import Connection, Engine

from ingest.domain.answer import RequestRecord
from ingest.domain.bars import BarBatch
from ingest.domain.issue import QuarantinedBar
from ingest.domain.ledger import Entry, State
from ingest.domain.window import Window, intersect, subtract
from ingest.errors import OriginConflict
from ingest.store import bars, ledger, quarantine, requests, series
from ingest.store.bars import LoadCounts, Parcel
from ingest.store.series import SeriesRow
from ingest.validate.basis import new_basis
from ingest.validate.verdict import CUT_SHORT


@dataclass(frozen=True, slots=True)
class Settlement:
    """One chunk's result, ready for the commit.

    `replaces`: IB serves this series only whole, up to now, so `clean` is everything there is. Its ledger is replaced;
    and unless all stored bars came back unchanged, the bars open a new epoch. An answer without bars replaces nothing,
    nor does one that leaves open what is covered, as one that was cut short does, unless it `insists`: it was asked for
    a second time.

    `beside` are bars of covered time that came along. Where they differ from what is stored, that becomes a revision;
    where they say that all prices stand on another basis, a new epoch is opened, and what was covered failed.
    """

    row: SeriesRow
    record: RequestRecord
    clean: BarBatch
    quarantined: tuple[QuarantinedBar, ...]
    entries: tuple[Entry, ...]
    replaces: bool = False
    insists: bool = False
    beside: BarBatch = field(default_factory=BarBatch.empty)


def load(engine: Engine, settlements: Sequence[Settlement]) -> tuple[LoadCounts, ...]:
    """Commit settlements together, as if one after the other; counts in their order.

    An answer that was asked for in an epoch which was left meanwhile is only logged (`outdated`). Raises OriginConflict
    when a login and a series are of different origins, DatabaseUnreachable when the database went away. Then nothing is
    stored.
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
    counts = [LoadCounts(outdated=_is_outdated(settlement, epochs)) for settlement, _ in group]
    present = {n: booked for n, booked in enumerate(group) if not counts[n].outdated}
    parcels: dict[int, Parcel] = {}
    factors: dict[int, float | None] = {}
    for number, (settlement, request_id) in present.items():
        if settlement.replaces and (kept := _kept(connection, settlement)):
            present[number] = kept, request_id
            continue
        epoch = _epoch(connection, settlement, epochs)
        brought = settlement.clean
        if len(settlement.beside):
            factors[number] = factor = _new_basis(connection, settlement, epoch)
            if factor is None:
                brought = settlement.beside.followed_by(settlement.clean)
            else:
                epochs[settlement.row.id] = epoch = _rebase(connection, settlement.row.id, factor)
        if len(brought):
            parcels[number] = Parcel(settlement.row, epoch, brought, request_id)
    stored = bars.write_all(connection, list(parcels.values()))
    for number, count in zip(parcels, stored, strict=True):
        counts[number] = count
    for number, factor in factors.items():
        counts[number] = replace(counts[number], factor=factor)
    settled = present.values()
    quarantine.write_all(connection, [(s.row.id, bar, request) for s, request in settled for bar in s.quarantined])
    ledger.record_all(
        connection, [ledger.News(s.row.id, entry, request) for s, request in settled for entry in s.entries]
    )
    return counts


def _is_outdated(settlement: Settlement, epochs: dict[int, int]) -> bool:
    """Whether an answer was asked for in an epoch that was left meanwhile: it may be of either. An error is of none."""
    is_answer = len(settlement.clean) > 0 or any(entry.state.is_settled for entry in settlement.entries)
    return is_answer and not settlement.replaces and settlement.row.epoch != epochs[settlement.row.id]


def _kept(connection: Connection, settlement: Settlement) -> Settlement | None:
    """What is left of a replacing settlement that would lose covered time: what it says of the rest."""
    covered = ledger.read(connection, settlement.row.id).windows(State.COVERED)
    entries = settlement.entries
    if len(settlement.clean):
        if settlement.insists or not intersect(covered, [each.window for each in entries if not each.state.is_settled]):
            return None
        entries = tuple(Entry(each.window, State.PENDING, CUT_SHORT) for each in entries)
    rest = [replace(each, window=part) for each in entries for part in subtract([each.window], covered)]
    return replace(settlement, clean=BarBatch.empty(), entries=tuple(rest))


def _epoch(connection: Connection, settlement: Settlement, epochs: dict[int, int]) -> int:
    """The epoch a settlement belongs in; a replacing one drops the ledger and may open a new epoch."""
    row, present = settlement.row, epochs[settlement.row.id]
    if settlement.replaces and len(settlement.clean):
        ledger.forget(connection, row.id)
        if not bars.is_extended_by(connection, row, present, settlement.clean):
            epochs[row.id] = series.open_epoch(connection, row.id)
    return epochs[row.id]


def _new_basis(connection: Connection, settlement: Settlement, epoch: int) -> float | None:
    """The factor between what is stored and the same bars as they came now, if one explains all."""
    times = settlement.beside.table["ts"]
    span = Window(times[0].as_py(), times[-1].as_py() + timedelta(microseconds=1))
    stored = bars.read(connection, replace(settlement.row, epoch=epoch), span)
    return new_basis(BarBatch(stored), settlement.beside)


def _rebase(connection: Connection, series_id: int, factor: float) -> int:
    """Open a new epoch. What was covered is asked for again; what was found empty is empty on any basis."""
    reason = f"IB's prices of earlier bars have changed by the factor {factor:.4g} (a split?): all are asked for again"
    known = ledger.read(connection, series_id)
    again = [Entry(window, State.FAILED, reason) for window in known.windows(State.COVERED)]
    ledger.record(connection, series_id, again, None)
    return series.open_epoch(connection, series_id)


def _groups(booked: Sequence[Booked]) -> Iterator[list[Booked]]:
    """Neighbours that can be stored together; one that may open a new epoch stands alone."""
    group: list[Booked] = []
    for one in booked:
        if one[0].replaces or len(one[0].beside):
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
