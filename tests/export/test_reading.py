"""What the store tells readers: extents that agree with the bars themselves, and every series a name could mean."""

from dataclasses import replace

from sqlalchemy import Engine

from ingest.domain.instrument import Instrument
from ingest.domain.series import Origin
from ingest.domain.what import WhatToShow
from ingest.store import bars, instruments, reading
from ingest.store.reading import Extent, Name
from tests import given
from tests.export import stock
from tests.store import settled


def test_extents_agree_with_the_bars_in_any_window(engine: Engine) -> None:
    rows = stock.hold_mixture(engine)
    adjusted = given.series(what=WhatToShow.ADJUSTED_LAST)
    for bars_held in (390, 380):  # the second time it is another history: a new epoch
        stock.hold(engine, adjusted, settled.bars("2024-01-02 14:30", bars_held, price=bars_held), replaces=True)
    windows = [None, given.window("2024-01-01", "2024-01-02 15:00"), given.window("2030-01-01", "2031-01-01")]
    with reading.one_state(engine) as connection:
        rows = [each.row for each in reading.named(connection)]
        assert len(rows) == 7
        for window in windows:
            found = reading.extents(connection, dict.fromkeys(rows, window))
            for row in rows:
                ts = bars.read(connection, row, window)["ts"].to_pylist()
                assert found[row.id] == (Extent(len(ts), ts[0], ts[-1]) if ts else Extent())
        assert reading.extents(connection, {}) == {}


def test_a_name_gives_all_it_could_mean_and_the_former_names(engine: Engine) -> None:
    facebook = Instrument(107113386, "FB", "STK", "SMART", "USD", local_symbol="FB")
    stock.hold(engine, given.series(facebook), settled.bars("2024-01-02 14:30", 3))
    stock.hold(engine, given.series(replace(facebook, con_id=5)), settled.bars("2024-01-02 14:30", 3))
    with engine.begin() as connection:
        instruments.save(connection, replace(facebook, symbol="META", local_symbol="META"), Origin.LIVE)

    def found(*names: str) -> list[tuple[int, tuple[Name, ...]]]:
        with reading.one_state(engine) as connection:
            return [(each.row.series.instrument.con_id, each.former) for each in reading.named(connection, names)]

    meta, other = (107113386, (Name("FB", "FB", "FB"),)), (5, ())
    assert found("fb") == found(" FB ", "nothing") == [other, meta]
    assert found("meta") == found("CON_ID:107113386") == [meta]
    assert found("con_id:5") == [other]
    assert found("nothing", "con_id:x", "con_id:99999999999999999999") == []
