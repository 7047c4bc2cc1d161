"""What can be true of a bar depends on what it is a bar of."""

import pyarrow as pa
import pytest

from ingest.domain.bars import BAR_SCHEMA, BarBatch
from ingest.domain.instrument import Instrument
from ingest.domain.series import Series
from ingest.domain.what import WhatToShow
from ingest.validate.sift import Sifted, sift
from tests.given import AAPL, BTC, ES, EURUSD, at, series
from tests.given import window as window_of

TICK = Instrument(26718738, "TICK-NYSE", "IND", "NYSE", "USD", local_symbol="TICK-NYSE")
WHEN = at("2024-06-12 13:31")


def sifted(asked: Series, low: float, high: float = 220.0) -> Sifted:
    values = [WHEN, low, high, low, high, 0.0, low, 0]
    columns = [pa.array([value], field.type) for value, field in zip(values, BAR_SCHEMA, strict=True)]
    bar = BarBatch(pa.table(columns, BAR_SCHEMA))
    return sift(asked, bar, window_of("2024-06-12 13:31", "2024-06-12 13:32"))


@pytest.mark.parametrize("low", [-655.0, 0.0])
def test_an_index_may_be_below_zero(low: float) -> None:
    found = sifted(series(TICK), low)
    assert (len(found.clean), found.quarantined) == (1, ())


def test_a_future_may_be_below_zero() -> None:
    assert not sifted(series(ES), -37.63).quarantined


@pytest.mark.parametrize(
    ("instrument", "what"),
    [(AAPL, WhatToShow.TRADES), (EURUSD, WhatToShow.MIDPOINT), (BTC, WhatToShow.AGGTRADES)],
)
def test_a_stock_a_currency_and_a_coin_may_not(instrument: Instrument, what: WhatToShow) -> None:
    found = sifted(series(instrument, what=what), 0.0)
    assert [bar.issue.rule for bar in found.quarantined] == ["price not above zero"]
    assert not len(found.clean)


def test_an_index_may_not_be_higher_at_its_low_than_at_its_high() -> None:
    found = sifted(series(TICK), -100.0, high=-200.0)
    assert [bar.issue.rule for bar in found.quarantined] == ["high below low"]
