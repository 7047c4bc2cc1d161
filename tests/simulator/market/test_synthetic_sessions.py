"""When the invented market is open: real calendars, half days, the weeks in which clocks change."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from ingest.simulator.market.synthetic.market import SyntheticMarket
from ingest.simulator.market.types import Bars, Contract

Find = Callable[..., Contract]
Ask = Callable[..., Bars]

APPLE = {"symbol": "AAPL"}
SHOP_TORONTO = {"symbol": "SHOP", "currency": "CAD"}
ES = {"local_symbol": "ESH4", "expiry": "20240315"}
EURO = {"local_symbol": "EUR.USD"}
SPX = {"symbol": "SPX"}
BITCOIN = {"symbol": "BTC"}


@pytest.mark.parametrize(
    ("facts", "day", "use_rth", "opens", "closes"),
    [
        (APPLE, "2024-01-02", True, "2024-01-02 14:30", "2024-01-02 21:00"),
        (APPLE, "2024-01-02", False, "2024-01-02 09:00", "2024-01-03 01:00"),
        (APPLE, "2023-11-24", True, "2023-11-24 14:30", "2023-11-24 18:00"),  # the day after Thanksgiving
        (APPLE, "2023-11-24", False, "2023-11-24 09:00", "2023-11-24 22:00"),
        (APPLE, "2024-03-08", True, "2024-03-08 14:30", "2024-03-08 21:00"),  # the clocks change on the 10th
        (APPLE, "2024-03-11", True, "2024-03-11 13:30", "2024-03-11 20:00"),
        (APPLE, "2024-11-01", True, "2024-11-01 13:30", "2024-11-01 20:00"),
        (APPLE, "2024-11-04", True, "2024-11-04 14:30", "2024-11-04 21:00"),
        (SHOP_TORONTO, "2024-05-20", True, None, None),  # Victoria Day
        (SHOP_TORONTO, "2024-07-04", False, "2024-07-04 13:30", "2024-07-04 20:00"),
        (ES, "2024-01-03", False, "2024-01-02 23:00", "2024-01-03 22:00"),
        (ES, "2024-01-03", True, "2024-01-03 14:30", "2024-01-03 22:00"),
        (ES, "2024-01-08", False, "2024-01-07 23:00", "2024-01-08 22:00"),  # Monday opens on Sunday
        (ES, "2024-01-15", False, "2024-01-14 23:00", "2024-01-15 18:00"),  # Martin Luther King's day
        (ES, "2024-01-15", True, "2024-01-15 14:30", "2024-01-15 18:00"),
        (ES, "2024-03-11", False, "2024-03-10 22:00", "2024-03-11 21:00"),
        (ES, "2024-03-18", False, None, None),  # expired on the 15th
        (EURO, "2024-01-08", True, "2024-01-07 22:15", "2024-01-08 22:00"),
        (EURO, "2024-12-25", False, "2024-12-24 22:15", "2024-12-25 22:00"),
        (EURO, "2024-01-06", False, None, None),
        (SPX, "2024-01-02", False, "2024-01-02 14:30", "2024-01-02 21:00"),
        (BITCOIN, "2024-01-06", True, "2024-01-06 00:00", "2024-01-07 00:00"),
    ],
)
def test_a_session_opens_and_closes_when_the_exchange_does(
    market: SyntheticMarket,
    find: Find,
    facts: dict[str, str],
    day: str,
    use_rth: bool,
    opens: str | None,
    closes: str | None,
) -> None:
    sessions = market.sessions(find(**facts), date.fromisoformat(day), date.fromisoformat(day), use_rth=use_rth)
    told = [(session.day.isoformat(), _text(session.open), _text(session.close)) for session in sessions]
    assert told == ([] if opens is None else [(day, opens, closes)])


def _text(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M}"


def test_calendars_reach_from_1990_to_2030(market: SyntheticMarket, find: Find) -> None:
    for facts in (APPLE, EURO, SPX, BITCOIN, SHOP_TORONTO, {"symbol": "ES", "sec_type": "CONTFUT"}):
        sessions = market.sessions(find(**facts), date(1980, 1, 1), date(2040, 1, 1), use_rth=False)
        assert sessions[0].day.year == 1990
        assert sessions[-1].day.year == 2030
        assert all(one.close <= two.open for one, two in pairwise(sessions))


@pytest.mark.parametrize(
    ("facts", "what", "start", "end", "use_rth", "minutes"),
    [
        (SPX, "TRADES", "2024-03-08", "2024-03-09", True, 390),
        (SPX, "TRADES", "2024-03-11", "2024-03-12", True, 390),
        (SPX, "TRADES", "2023-11-24", "2023-11-25", True, 210),
        (APPLE, "MIDPOINT", "2024-11-01", "2024-11-02 08:00", False, 960),
        (APPLE, "MIDPOINT", "2023-11-24 05:00", "2023-11-25", False, 780),
        (ES, "MIDPOINT", "2024-01-02 23:00", "2024-01-03 23:00", False, 23 * 60),
        (ES, "MIDPOINT", "2024-03-10 20:00", "2024-03-11 22:00", False, 23 * 60),
        (EURO, "MIDPOINT", "2024-03-10 20:00", "2024-03-11 21:10", False, 23 * 60 + 45),
        (BITCOIN, "MIDPOINT", "2024-03-10", "2024-03-11", False, 1440),
    ],
)
def test_every_minute_of_a_session_has_a_quote(
    find: Find, ask: Ask, facts: dict[str, str], what: str, start: str, end: str, use_rth: bool, minutes: int
) -> None:
    assert len(ask(find(**facts), what, "1 min", start, end, use_rth=use_rth)) == minutes


def test_the_first_hour_of_a_stock_is_half_an_hour(find: Find, ask: Ask) -> None:
    bars = ask(find(**APPLE), "TRADES", "1 hour", "2024-01-02", "2024-01-03")
    assert [_text(start)[11:] for start in bars.start.tolist()] == [
        "14:30", "15:00", "16:00", "17:00", "18:00", "19:00", "20:00",
    ]  # fmt: skip


def test_a_bar_does_not_reach_over_the_rest_between_two_sessions(find: Find, ask: Ask) -> None:
    bars = ask(find(**ES), "MIDPOINT", "8 hours", "2024-01-02 22:00", "2024-01-04", use_rth=False)
    assert [_text(start)[8:] for start in bars.start.tolist()] == [
        "02 23:00", "03 00:00", "03 08:00", "03 16:00", "03 23:00",
    ]  # fmt: skip


def test_a_future_s_day_carries_the_date_on_which_it_closes(find: Find, ask: Ask) -> None:
    bars = ask(find(**ES), "TRADES", "1 day", "2024-01-03", "2024-01-03 23:30", use_rth=False)
    assert [_text(start) for start in bars.start.tolist()] == ["2024-01-03 00:00", "2024-01-04 00:00"]


def test_weeks_are_dated_by_their_friday_and_months_by_their_last_session(find: Find, ask: Ask) -> None:
    weeks = ask(find(**APPLE), "TRADES", "1W", "2024-03-25", "2024-04-08")
    months = ask(find(**APPLE), "TRADES", "1M", "2024-03-01", "2024-05-01")
    days = ask(find(**BITCOIN), "AGGTRADES", "1W", "2024-03-25", "2024-03-31")
    assert [_text(start)[:10] for start in weeks.start.tolist()] == ["2024-03-29", "2024-04-05"]  # Good Friday too
    assert [_text(start)[:10] for start in months.start.tolist()] == ["2024-03-28", "2024-04-30"]
    assert [_text(start)[:10] for start in days.start.tolist()] == ["2024-03-29", "2024-04-05"]
