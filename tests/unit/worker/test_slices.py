"""`Station.work` where a series comes twice: a job that was taken from a living worker can be given to it again."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingest.clock import FakeClock
from ingest.domain.series import Origin
from ingest.errors import SeriesBusy
from ingest.store.series import SeriesRow
from ingest.worker.slices import Station
from tests import given


async def test_a_series_that_is_worked_on_is_busy_and_its_slice_goes_on() -> None:
    nothing: Any = None
    row = SeriesRow(1, 0, Origin.SYNTHETIC, given.series())
    station = Station(nothing, nothing, nothing, FakeClock(), nothing, nothing)
    first = cast("Any", SimpleNamespace(run=None))
    station._slices[row.series] = first
    with pytest.raises(SeriesBusy, match="by this worker already"):
        await station.work(row, (), 60.0, tried=(), retry_failed=False)
    assert station._slices == {row.series: first}
