"""A snapshot is one state of the database, to the last bit, and its manifest proves it."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from ingest.clock import FakeClock
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BAR_SCHEMA
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import Entry, State
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.errors import ExportError, UnknownInstrument, UsageError
from ingest.export import Progress, Selection, Snapshot, export, snapshots, verify
from ingest.export.manifest import sealed
from ingest.store import bars, exports, instruments, ledger, migrate
from ingest.store.series import SeriesRow
from tests import given
from tests.export import stock
from tests.store import settled

CLOCK = FakeClock(given.at("2024-02-01"))


def publish(engine: Engine, target: Path, selection: Selection = Selection(), keep_last: int | None = None) -> Snapshot:  # noqa: B008
    return export(engine, selection, target, clock=CLOCK, keep_last=keep_last)


def test_files_hold_exactly_the_bars_of_the_database(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    snapshot = publish(engine, tmp_path)
    assert len(snapshot.manifest.series) == 6
    assert snapshot.manifest.rows == 780 + 600 + 5 + 390 + 500 + 40
    with engine.connect() as connection:
        for each in snapshot.manifest.series:
            files = [pq.read_table(snapshot.path / file.path, partitioning=None) for file in each.files]
            stored = bars.read(connection, each.named.row)
            assert [table.schema.equals(BAR_SCHEMA) for table in files] == [True] * len(files)
            assert sum(table.num_rows for table in files) == stored.num_rows == each.rows
            assert {name: [v for t in files for v in t[name].to_pylist()] for name in BAR_SCHEMA.names} == (
                stored.to_pydict()
            )
            assert each.ledger == ledger.read(connection, each.named.row.id)


def test_minutes_are_filed_by_year_and_days_are_not(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    chosen = Selection(("AAPL",), use_rth=True, origin=Origin.LIVE)
    files = {file.path: file.rows for each in publish(engine, tmp_path, chosen).manifest.series for file in each.files}
    place = "what_to_show=TRADES/symbol=AAPL/hours=rth/origin=live/con_id=265598"
    assert files == {
        f"bar_size=1m/{place}/2023.parquet": 390,
        f"bar_size=1m/{place}/2024.parquet": 390,
        f"bar_size=1d/{place}/bars.parquet": 5,
    }


def test_the_manifest_tells_where_everything_comes_from(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    snapshot = publish(engine, tmp_path, Selection(("MSFT",), (BarSize.MIN_1,), start=date(2024, 1, 2)))
    told = json.loads((snapshot.path / "manifest.json").read_text())
    assert told["format"] == 1
    assert told["id"] == snapshot.id == snapshot.path.name
    assert told["created_at"] == "2024-02-01T00:00:00+00:00"
    with engine.connect() as connection:
        assert told["schema_revision"] == migrate.current_revision(connection)
    assert told["selection"]["symbols"] == ["MSFT"]
    assert told["selection"]["bar_sizes"] == ["1 min"]
    assert told["selection"]["start"] == "2024-01-02"
    (series,) = told["series"]
    facts = ("con_id", "label", "symbol", "sec_type", "exchange", "currency", "bar_size", "what_to_show", "use_rth")
    assert [series[fact] for fact in (*facts, "origin", "epoch", "rows", "first_ts", "last_ts")] == [
        272093, "MSFT", "MSFT", "STK", "SMART", "USD", "1 min", "TRADES", True,
        "live", 0, 390, "2024-01-02T14:30:00+00:00", "2024-01-02T20:59:00+00:00",
    ]  # fmt: skip
    assert series["ledger"] == [
        {
            "start": "2024-01-02T14:30:00+00:00",
            "end": "2024-01-03T21:00:00+00:00",
            "state": "covered",
            "reason": "",
            "permanent": False,
        }
    ]
    (file,) = series["files"]
    content = (snapshot.path / file["path"]).read_bytes()
    assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    metadata = pq.read_schema(snapshot.path / file["path"]).metadata
    assert json.loads(metadata[b"ingest.series"])["con_id"] == 272093


def test_no_password_reaches_the_manifest(database_url: str, engine: Engine, tmp_path: Path) -> None:
    from ingest.store.engine import create_engine, parse_url

    stock.hold_mixture(engine)
    secret = create_engine(parse_url(database_url).set(password="hunter2"))
    path = publish(secret, tmp_path).path
    assert b"hunter2" not in (path / "manifest.json").read_bytes()
    secret.dispose()


def test_a_load_in_the_middle_of_an_export_is_not_in_it(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    late = given.window("2024-01-05 14:30", "2024-01-05 21:00")

    def meddle(progress: Progress) -> None:
        if progress.series == 1 and progress.current.startswith("AAPL"):
            batch = settled.bars("2024-01-05 14:30", 390)
            stock.hold(engine, given.series(stock.MSFT), batch, [Entry(late, State.COVERED)])

    before = export(engine, Selection(), tmp_path, clock=CLOCK, progress=meddle)
    after = publish(engine, tmp_path)

    def rows(snapshot: Snapshot) -> int:
        return next(each.rows for each in snapshot.manifest.series if each.named.row.series.instrument == stock.MSFT)

    assert (rows(before), rows(after)) == (390, 780)
    assert verify(before.path).is_sound
    (msft,) = (each for each in before.manifest.series if each.named.row.series.instrument == stock.MSFT)
    assert late not in [entry.window for entry in msft.ledger]


def test_only_the_present_epoch_is_published(engine: Engine, tmp_path: Path) -> None:
    adjusted = given.series(what=WhatToShow.ADJUSTED_LAST)
    stock.hold(engine, adjusted, settled.bars("2024-01-02 14:30", 390, price=200), replaces=True)
    stock.hold(engine, adjusted, settled.bars("2024-01-02 14:30", 380, price=100), replaces=True)
    (each,) = publish(engine, tmp_path).manifest.series
    table = pq.read_table(tmp_path / "latest" / each.files[0].path, partitioning=None)
    assert (each.rows, each.named.row.epoch) == (380, 1)
    assert max(table["close"].to_pylist()) < 150


def test_hostile_symbols_stay_inside_the_snapshot(engine: Engine, tmp_path: Path) -> None:
    names = ("../../x", "ES/Z6", "BRK B", "CON", "é")
    for number, name in enumerate(names, start=1):
        stock.hold(engine, given.series(Instrument(number, name, "STK", "SMART", "USD")), settled.bars("2024-01-02", 9))
    target = tmp_path / "deep" / "down"
    snapshot = publish(engine, target)
    assert verify(snapshot.path).is_sound
    found = {path for path in tmp_path.rglob("*.parquet") if not path.is_relative_to(target / "latest")}
    assert len(found) == 5
    assert all(path.is_relative_to(snapshot.path) for path in found)


def test_a_series_without_bars_is_told_with_its_ledger(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    nothing = [Entry(stock.TWO_DAYS, State.EMPTY_CONFIRMED, "twice nothing")]
    stock.hold(engine, given.series(given.ES), given.bars_at(), nothing)
    (each,) = (e for e in publish(engine, tmp_path).manifest.series if e.named.row.series.instrument == given.ES)
    assert (each.rows, each.files, [entry.state for entry in each.ledger]) == (0, (), [State.EMPTY_CONFIRMED])
    assert verify(tmp_path).is_sound


def test_a_year_without_bars_makes_no_file(engine: Engine, tmp_path: Path) -> None:
    for year in (2019, 2024):
        held = Entry(given.window(f"{year}-01-02 14:30", f"{year}-01-02 21:00"), State.COVERED)
        stock.hold(engine, given.series(), settled.bars(f"{year}-01-02 14:30", 390), [held])
    (each,) = publish(engine, tmp_path).manifest.series
    assert [Path(file.path).name for file in each.files] == ["2019.parquet", "2024.parquet"]
    assert verify(tmp_path).is_sound


@pytest.mark.parametrize(
    ("selection", "kind", "says"),
    [
        (Selection(("ZZZ",)), UnknownInstrument, r"nothing called 'ZZZ'.*ingest status"),
        (Selection(("AAPL",), (BarSize.HOUR_1,)), ExportError, r"no series fits; held are AAPL 1m TRADES"),
        (Selection(start=date(2026, 1, 2)), ExportError, r"no bars are held of AAPL 1m TRADES"),
        (Selection(start=date(2024, 1, 3), end=date(2024, 1, 2)), UsageError, r"is not after the start"),
    ],
)
def test_what_selects_nothing_says_what_there_is(
    engine: Engine, tmp_path: Path, selection: Selection, kind: type[Exception], says: str
) -> None:
    stock.hold_mixture(engine)
    with pytest.raises(kind, match=says):
        publish(engine, tmp_path / "target", selection)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_name_is_looked_for_among_the_origin_asked_for(engine: Engine, tmp_path: Path) -> None:
    facebook = Instrument(107113386, "FB", "STK", "SMART", "USD")
    stock.hold(engine, given.series(facebook), settled.bars("2024-01-02 14:30", 30))
    stock.hold(
        engine, given.series(replace(facebook, con_id=5)), settled.bars("2024-01-02 14:30", 3), origin=Origin.SYNTHETIC
    )
    with engine.begin() as connection:
        instruments.save(connection, replace(facebook, symbol="META"), Origin.LIVE)
    assert publish(engine, tmp_path, Selection(("FB",), origin=Origin.LIVE)).manifest.rows == 30
    assert publish(engine, tmp_path, Selection(("FB",))).manifest.rows == 3


def test_an_empty_database_has_nothing_to_export(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="holds no series"):
        publish(engine, tmp_path)


def test_the_database_notes_what_was_published(engine: Engine, tmp_path: Path, series_row: SeriesRow) -> None:
    stock.hold_mixture(engine)
    snapshot = publish(engine, tmp_path)
    with engine.connect() as connection:
        (noted,) = exports.listing(connection)
    assert noted.path == str(snapshot.path.resolve())
    assert json.loads(sealed(noted.manifest)) == json.loads((snapshot.path / "manifest.json").read_bytes())


def test_progress_ends_at_the_whole(engine: Engine, tmp_path: Path) -> None:
    stock.hold_mixture(engine)
    seen: list[tuple[int, int, int]] = []
    export(
        engine,
        Selection(),
        tmp_path,
        clock=CLOCK,
        progress=lambda p: seen.append((p.rows, p.rows_total, p.series_total)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (2315, 2315, 6)
    assert len(snapshots(tmp_path)) == 1
