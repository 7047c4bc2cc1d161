"""One commit: all of a settlement or nothing of it, once whatever is repeated, and never two origins in one series."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from ingest.domain.answer import RequestOutcome
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.issue import Issue, QuarantinedBar
from ingest.domain.ledger import Entry, Ledger, State
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.domain.window import Window
from ingest.errors import DatabaseError, OriginConflict
from ingest.load import Settlement, load
from ingest.store import bars, ledger, partitions, quarantine, requests, series
from ingest.store.bars import LoadCounts
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled

DAY = given.window("2024-01-02", "2024-01-03")
NEXT_DAY = given.window("2024-01-03", "2024-01-04")

LOAD_AND_DIE = """
import os, signal, sys
from ingest import load as loading
from ingest.store import ledger, series
from ingest.store.engine import create_engine
from tests.store import settled
from tests.store.test_load import DAY

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

ledger.record_all = die  # the last step of the transaction
engine = create_engine(sys.argv[1])
with engine.connect() as connection:
    row = series.by_id(connection, int(sys.argv[2]))
loading.load(engine, [settled.settlement(row, settled.bars("2024-01-02", 500), DAY)])
"""


def stored(engine: Engine, row: SeriesRow) -> pa.Table:
    with engine.connect() as connection:
        current = series.by_id(connection, row.id)
        assert current is not None
        return bars.read(connection, current)


def ledger_of(engine: Engine, row: SeriesRow) -> Ledger:
    with engine.connect() as connection:
        return ledger.read(connection, row.id)


def test_a_settlement_brings_bars_ledger_and_request(engine: Engine, series_row: SeriesRow) -> None:
    batch = settled.bars("2024-01-02 14:30", 390)
    assert load(engine, [settled.settlement(series_row, batch, DAY)]) == (LoadCounts(inserted=390),)
    assert stored(engine, series_row).equals(batch.table)
    assert ledger_of(engine, series_row) == Ledger((Entry(DAY, State.COVERED),))
    with engine.connect() as connection:
        (proof,) = requests.proof(connection, series_row.id, DAY)
        found = connection.execute(text("SELECT DISTINCT request_id FROM ingest.bars"))
        assert found.scalars().all() == [proof.request_id]


def test_loading_twice_changes_nothing_but_the_request_log(engine: Engine, series_row: SeriesRow) -> None:
    batch = settled.bars("2024-01-02 14:30", 390)
    load(engine, [settled.settlement(series_row, batch, DAY)])
    before = settled.everything(engine)
    assert load(engine, [settled.settlement(series_row, batch, DAY)]) == (LoadCounts(unchanged=390),)
    assert settled.everything(engine) == before | {"requests": 2}
    assert stored(engine, series_row).equals(batch.table)


def test_a_changed_bar_leaves_its_old_values_in_the_revisions(engine: Engine, series_row: SeriesRow) -> None:
    old = settled.bars("2024-01-02 14:30", 10)
    new = settled.with_close(settled.bars("2024-01-02 14:28", 14), 7, 77.0)  # starts earlier, ends later
    load(engine, [settled.settlement(series_row, old, DAY)])
    counts = load(engine, [settled.settlement(series_row, new, DAY)])
    assert counts[0].inserted + counts[0].unchanged + counts[0].revised == 14
    assert counts[0].inserted == 4
    assert stored(engine, series_row).equals(new.table)
    with engine.connect() as connection:
        first, second = (proof.request_id for proof in requests.proof(connection, series_row.id))
        kept = connection.execute(text("SELECT ts, close, request_id, replaced_by FROM ingest.revisions ORDER BY ts"))
        rows = kept.all()
        ids = connection.execute(text("SELECT ts, request_id FROM ingest.bars")).all()
    assert len(rows) == counts[0].revised
    assert all(row.request_id == first and row.replaced_by == second for row in rows)
    was = dict(zip(old.table["ts"].to_pylist(), old.table["close"].to_pylist(), strict=True))
    assert all(row.close == was[row.ts] for row in rows)
    assert sum(row.request_id == first for row in ids) == counts[0].unchanged


def test_one_changed_value_in_one_bar_is_one_revision(engine: Engine, series_row: SeriesRow) -> None:
    old = settled.bars("2024-01-02 14:30", 100)
    load(engine, [settled.settlement(series_row, old, DAY)])
    counts = load(engine, [settled.settlement(series_row, settled.with_close(old, 42, 1.5), DAY)])
    assert counts == (LoadCounts(unchanged=99, revised=1),)
    assert settled.count(engine, "revisions") == 1


def test_a_value_that_appears_where_none_was_is_a_revision(engine: Engine, series_row: SeriesRow) -> None:
    old = settled.bars("2024-01-02 14:30", 3)  # the third has neither volume nor wap
    full = old.table.set_column(5, old.table.field("volume"), pa.array([0.0, 10.0, 20.0]))
    load(engine, [settled.settlement(series_row, old, DAY)])
    counts = load(engine, [settled.settlement(series_row, BarBatch(full), DAY)])
    assert counts == (LoadCounts(unchanged=2, revised=1),)


def test_settlements_of_one_commit_that_overlap_are_stored_in_order(engine: Engine, series_row: SeriesRow) -> None:
    first = settled.bars("2024-01-02 14:30", 10)
    second = settled.with_close(first, 3, 50.0)
    apart = settled.bars("2024-01-03 14:30", 5)
    counts = load(
        engine,
        [
            settled.settlement(series_row, first, DAY),
            settled.settlement(series_row, apart, NEXT_DAY),
            settled.settlement(series_row, second, DAY),
        ],
    )
    assert counts == (LoadCounts(inserted=10), LoadCounts(inserted=5), LoadCounts(unchanged=9, revised=1))
    assert stored(engine, series_row).equals(pa.concat_tables([second.table, apart.table]))
    assert ledger_of(engine, series_row).windows() == (given.window("2024-01-02", "2024-01-04"),)


def test_daily_and_intraday_bars_share_a_commit(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        daily = series.ensure(connection, given.series(bar_size=BarSize.DAY_1), Origin.LIVE)
    decades = given.window("1985-01-01", "2025-01-01")
    old = settled.bars("1985-01-01", 14_000, seconds=86_400)
    counts = load(
        engine,
        [
            settled.settlement(daily, old, decades),
            settled.settlement(series_row, settled.bars("2024-01-02 14:30", 5), DAY),
        ],
    )
    assert counts == (LoadCounts(inserted=14_000), LoadCounts(inserted=5))
    assert stored(engine, daily).equals(old.table)
    assert settled.everything(engine)["bars_daily"] == 14_000


def test_a_settlement_without_bars_writes_its_ledger_and_request(engine: Engine, series_row: SeriesRow) -> None:
    entries = (Entry(DAY, State.TIMED_OUT), Entry(NEXT_DAY, State.FAILED, "200: no such contract", True))
    sent = settled.record(series_row, window=DAY, outcome=RequestOutcome.TIMED_OUT)
    assert load(engine, [Settlement(series_row, sent, BarBatch.empty(), (), entries)]) == (LoadCounts(),)
    assert ledger_of(engine, series_row).entries == entries


def test_a_request_booked_as_sent_is_finished_by_its_settlement(engine: Engine, series_row: SeriesRow) -> None:
    sent = settled.record(series_row, window=DAY, outcome=RequestOutcome.SENT)
    with engine.begin() as connection:
        request_id = requests.save(connection, series_row, sent)
    ended = settled.record(series_row, window=DAY, request_id=request_id)
    load(engine, [Settlement(series_row, ended, settled.bars("2024-01-02", 2), (), (Entry(DAY, State.COVERED),))])
    with engine.connect() as connection:
        (found,) = requests.proof(connection, series_row.id)
    assert found == ended


def test_a_request_of_another_series_cannot_be_finished(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        other = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
        request_id = requests.save(connection, other, settled.record(other, outcome=RequestOutcome.SENT))
    stolen = settled.record(series_row, request_id=request_id)
    with pytest.raises(DatabaseError, match="does not hold all of the requests"):
        load(engine, [Settlement(series_row, stolen, settled.bars("2024-01-02", 2), (), ())])
    assert settled.count(engine, "bars_intraday") == 0


def test_quarantined_bars_are_kept_with_their_evidence_once(engine: Engine, series_row: SeriesRow) -> None:
    bad = QuarantinedBar(
        given.at("2024-01-02 15:00"), 1.0, 0.5, 2.0, 1.0, None, None, None, Issue("high below low", "0.5")
    )
    for _ in range(2):
        once = settled.settlement(series_row, BarBatch.empty(), DAY)
        load(engine, [dataclasses.replace(once, quarantined=(bad,))])
    with engine.connect() as connection:
        (finding,) = quarantine.listing(connection, series_ids=[series_row.id], window=DAY)
    assert finding.bar == bad


def test_a_load_that_fails_at_its_last_step_leaves_nothing(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ingest.ledger ADD CONSTRAINT broken CHECK (state <> 'covered')"))
    with pytest.raises(DatabaseError, match="broken"):
        load(engine, [settled.settlement(series_row, settled.bars("2024-01-02", 500), DAY)])
    assert set(settled.everything(engine).values()) == {0}


def test_a_load_killed_in_the_middle_leaves_nothing_and_can_be_run_again(
    engine: Engine, database_url: str, series_row: SeriesRow
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", LOAD_AND_DIE, database_url, str(series_row.id)],
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "."},
    )
    assert killed.returncode == -signal.SIGKILL
    assert set(settled.everything(engine).values()) == {0}
    load(engine, [settled.settlement(series_row, settled.bars("2024-01-02", 500), DAY)])
    assert settled.count(engine, "bars_intraday") == 500


def test_a_simulators_answer_is_refused_by_name(engine: Engine, series_row: SeriesRow) -> None:
    simulated = settled.record(series_row, login=settled.SIMULATED)
    with pytest.raises(OriginConflict, match="AAPL 1m TRADES holds live bars, and login 'demo' gives synthetic ones"):
        load(engine, [Settlement(series_row, simulated, settled.bars("2024-01-02", 2), (), ())])
    assert set(settled.everything(engine).values()) == {0}


def test_the_database_itself_refuses_to_mix_origins(engine: Engine, series_row: SeriesRow) -> None:
    attempts = (
        f"""INSERT INTO ingest.requests
            (series_id, origin, kind, login, accounts, client_id, server_version, sent_at, outcome)
            VALUES ({series_row.id}, 'synthetic', 'bars', 'x', '', 1, 1, now(), 'sent')""",
        """INSERT INTO ingest.series (instrument_id, origin, bar_size, what_to_show, use_rth)
            SELECT id, 'synthetic', '5 mins', 'TRADES', true FROM ingest.instruments""",
        "UPDATE ingest.series SET origin = 'synthetic'",
        "UPDATE ingest.instruments SET origin = 'synthetic'",
    )
    for attempt in attempts:
        with pytest.raises(OriginConflict), engine.begin() as connection:
            connection.execute(text(attempt))


def test_whole_series_that_came_back_different_open_a_new_epoch(engine: Engine) -> None:
    adjusted = given.series(bar_size=BarSize.DAY_1, what=WhatToShow.ADJUSTED_LAST)
    with engine.begin() as connection:
        row = series.ensure(connection, adjusted, Origin.LIVE)
    held = given.window("2024-01-02", "2024-01-12")
    old = settled.bars("2024-01-02", 10, seconds=86_400)
    new = settled.bars("2024-01-02", 11, seconds=86_400, price=50.0)
    load(engine, [settled.settlement(row, old, held, replaces=True)])
    with engine.begin() as connection:
        ledger.record(connection, row.id, [Entry(given.window("2023-01-01", "2023-02-01"), State.TIMED_OUT)], None)
    longer = given.window("2024-01-02", "2024-01-13")
    assert load(engine, [settled.settlement(row, new, longer, replaces=True)]) == (LoadCounts(inserted=11),)
    assert stored(engine, row).equals(new.table)
    assert ledger_of(engine, row) == Ledger((Entry(longer, State.COVERED),))
    assert settled.count(engine, "bars_daily") == 21
    assert settled.count(engine, "bars") == 11  # the view shows the present epoch only
    assert settled.count(engine, "revisions") == 0


@pytest.mark.parametrize("insists", [False, True])
def test_a_whole_answer_that_was_cut_short_replaces_nothing_unless_it_comes_so_again(
    engine: Engine, series_row: SeriesRow, insists: bool
) -> None:
    whole, rest = settled.bars("2024-01-02", 20), settled.bars("2024-01-02 00:10", 20, price=50.0)
    load(engine, [settled.settlement(series_row, whole, DAY, replaces=True)])
    head, tail = Window(DAY.start, given.at("2024-01-02 00:10")), Window(given.at("2024-01-02 00:10"), NEXT_DAY.end)
    entries = (Entry(head, State.PENDING, "head"), Entry(tail, State.COVERED))
    cut = dataclasses.replace(
        settled.settlement(series_row, rest, tail, replaces=True), entries=entries, insists=insists
    )
    load(engine, [cut])
    assert stored(engine, series_row).equals((rest if insists else whole).table)
    known = ledger_of(engine, series_row)
    assert known.windows(State.COVERED) == ((tail,) if insists else (DAY,))
    assert known.windows(State.PENDING) == ((head,) if insists else (NEXT_DAY,))


def test_a_time_out_of_a_whole_series_says_nothing_of_what_is_held(engine: Engine, series_row: SeriesRow) -> None:
    batch, both = settled.bars("2024-01-02", 10), Window(DAY.start, NEXT_DAY.end)
    load(engine, [settled.settlement(series_row, batch, DAY, replaces=True)])
    load(engine, [settled.settlement(series_row, BarBatch.empty(), both, state=State.TIMED_OUT, replaces=True)])
    assert stored(engine, series_row).equals(batch.table)
    known = ledger_of(engine, series_row)
    assert (known.windows(State.COVERED), known.windows(State.TIMED_OUT)) == ((DAY,), (NEXT_DAY,))


def test_an_empty_answer_hides_no_bars(engine: Engine, series_row: SeriesRow) -> None:
    batch = settled.bars("2024-01-02", 10)
    load(engine, [settled.settlement(series_row, batch, DAY, replaces=True)])
    load(engine, [settled.settlement(series_row, BarBatch.empty(), NEXT_DAY, state=State.PENDING, replaces=True)])
    assert stored(engine, series_row).equals(batch.table)
    assert ledger_of(engine, series_row).windows(State.COVERED) == (DAY,)


def test_two_loaders_that_need_the_same_new_partition_both_succeed(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        other = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
    together, failures, in_2011 = threading.Barrier(2), [], given.window("2011-05-05", "2011-05-06")

    def run(row: SeriesRow) -> None:
        together.wait()
        try:
            load(engine, [settled.settlement(row, settled.bars("2011-05-05", 50), in_2011)])
        except DatabaseError as problem:
            failures.append(problem)

    threads = [threading.Thread(target=run, args=(row,)) for row in (series_row, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert settled.count(engine, "bars_intraday_2011") == 100


def test_a_loader_waits_for_another_that_makes_the_partition_and_readers_do_not(
    engine: Engine, series_row: SeriesRow
) -> None:
    done = threading.Event()
    batch = settled.bars("2012-05-05", 50)

    def run() -> None:
        load(engine, [settled.settlement(series_row, batch, given.window("2012-05-05", "2012-05-06"))])
        done.set()

    with engine.begin() as maker:
        partitions.ensure(maker, "bars_intraday", given.at("2012-01-01"), given.at("2012-12-31"))
        waiting = threading.Thread(target=run)
        waiting.start()
        assert not done.wait(0.3)
        with engine.begin() as reader:
            reader.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert reader.execute(text("SELECT count(*) FROM ingest.bars")).scalar() == 0
    waiting.join(timeout=30)
    assert done.is_set()
    assert stored(engine, series_row).equals(batch.table)
