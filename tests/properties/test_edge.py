"""A market that IB shows late, asked run after run: what trades is never confirmed empty, no time stays open."""

from datetime import datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.calendars import calendar_of
from ingest.domain.answer import GatewayLogin, HistoricalAnswer, RequestKind, RequestOutcome, RequestRecord
from ingest.domain.bar_size import BarSize
from ingest.domain.bars import BarBatch
from ingest.domain.ledger import Ledger, State
from ingest.domain.series import Origin
from ingest.domain.window import Window, total
from ingest.plan.planner import Asked, PlannedRequest, Situation, plan_series
from ingest.plan.reach import Limits, due_part
from ingest.plan.sizing import form_of, reach_of
from ingest.plan.spans import Spans
from ingest.store.series import SeriesRow
from ingest.worker.lines import shape_of
from ingest.worker.settling import settle_answer
from tests.given import AAPL, at, bars_at, series, window

SERIES = series(bar_size=BarSize.MIN_5)
CALENDAR = calendar_of(AAPL, use_rth=True)
ROW = SeriesRow(1, 0, Origin.SYNTHETIC, SERIES)
LENGTH = SERIES.bar_size.length
WISH = window("2024-06-10", "2024-06-13")
#: The day after the wish, when everything is old.
LATER = at("2024-06-13 12:00")
SLOTS = [
    session.hours.start + n * LENGTH
    for session in CALENDAR.overlapping(WISH)
    for n in range(session.hours.span // LENGTH)
]


class Market:
    """What trades when, `lag` behind: the bar at the edge is cut, which its volume tells (10 is whole)."""

    def __init__(self, traded: list[datetime], lag: timedelta) -> None:
        self.traded, self.lag = traded, lag
        self.held: dict[datetime, float] = {}
        self.ledger = Ledger()
        self.asked: list[Asked] = []

    def run(self, now: datetime) -> None:
        """One run: plan, ask and settle until there is nothing new to ask."""
        tried = set()
        while True:
            limits = Limits(now)
            at_hand = Situation(SERIES, (WISH,), self.ledger, CALENDAR, limits, Spans(), asked=tuple(self.asked))
            plan = plan_series(at_hand)
            self.ledger = self.ledger.record(*plan.ruled)
            fresh = [planned for planned in plan.requests if shape_of(planned) not in tried]
            if not fresh:
                return
            tried |= {shape_of(planned) for planned in fresh}
            for planned in fresh:
                self._settle(planned, now)

    def _settle(self, planned: PlannedRequest, now: datetime) -> None:
        reach = reach_of(planned.request, planned.chunk, CALENDAR)
        answer = HistoricalAnswer(planned.request, self._bars(reach, planned, now), _record(now))
        settled = settle_answer(ROW, planned, answer)
        assert settled.settlement is not None
        clean = settled.settlement.clean.table
        self.held |= dict(zip(clean["ts"].to_pylist(), clean["volume"].to_pylist(), strict=True))
        self.ledger = self.ledger.record(*settled.settlement.entries)
        self.asked.append(Asked(planned.chunk.window, form_of(planned.request)))

    def _bars(self, reach: Window, planned: PlannedRequest, now: datetime) -> BarBatch:
        assert planned.request.end is not None
        until = min(planned.request.end, now - self.lag)
        shown = [moment for moment in self.traded if reach.start <= moment < until]
        table = bars_at(*shown).table
        if shown and shown[-1] + LENGTH > until:
            volume = pa.array([10.0] * (len(shown) - 1) + [5.0])
            table = table.set_column(table.schema.get_field_index("volume"), table.schema.field("volume"), volume)
        return BarBatch(table)


def _record(now: datetime) -> RequestRecord:
    return RequestRecord(RequestKind.BARS, SERIES, GatewayLogin("test", ("SIM1",), 200, 1), now, RequestOutcome.BARS)


lags = st.one_of(st.just(0), st.integers(11 * 60, 44 * 60)).map(lambda seconds: timedelta(seconds=seconds))
moments = st.integers(0, 72 * 60 * 60).map(lambda seconds: WISH.start + timedelta(seconds=seconds))
one_day = st.sets(st.integers(0, 77), min_size=1)
#: On each of the three days a trade at least: a second look that reaches into the next day wants a witness there.
some_of_them = st.tuples(one_day, one_day, one_day).map(
    lambda days: [SLOTS[78 * day + n] for day, found in enumerate(days) for n in sorted(found)]
)
stopping_early = st.tuples(st.integers(1, 78), st.integers(1, 78)).map(
    lambda n: SLOTS[: n[0]] + SLOTS[78 : 78 + n[1]] + SLOTS[156:]
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.just(SLOTS), stopping_early, some_of_them), lags, st.lists(moments, max_size=6))
def test_a_market_shown_late_is_never_confirmed_empty_and_settled_in_the_end(
    traded: list[datetime], lag: timedelta, runs: list[datetime]
) -> None:
    market = Market(traded, lag)
    for now in sorted(runs):
        market.run(now)
        assert set(market.held.values()) <= {10.0}, "half a bar is stored"
        _assert_true(market)
    market.run(LATER)
    market.run(LATER + timedelta(hours=1))
    _assert_true(market)
    due = due_part(SERIES, (WISH,), CALENDAR, LATER)
    assert total(market.ledger.unsettled(due)) == timedelta(), "it stays open for ever"
    assert sorted(market.held) == traded


def _assert_true(market: Market) -> None:
    for entry in market.ledger:
        inside = [moment for moment in market.traded if moment in entry.window]
        if entry.state is State.EMPTY_CONFIRMED:
            assert not inside, f"not empty at all: {entry}"
        if entry.state is State.COVERED:
            assert all(moment in market.held for moment in inside), f"wrongly covered: {entry}"
