"""How far universes reach: trading time behind, complete as of the last occurrence, in few queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from ingest.app import freshness as module
from ingest.app.freshness import Freshness, freshness
from ingest.app.overview import WishLine
from ingest.calendars import calendar_of
from ingest.cli.status import wish_rows
from ingest.domain.bar_size import BarSize
from ingest.domain.calendar import SessionCalendar
from ingest.domain.instrument import Instrument
from ingest.domain.ledger import State
from ingest.domain.series import Series
from ingest.store import firings, wishes
from ingest.wishes import Ago, Want
from tests import given
from tests.app.wishing import DAILY, MINUTES, fired, hold, job, refuse, stocks, wish

# Tuesday before New York opens; Monday's session was 13:30 to 20:00.
NOW = given.at("2024-06-11 12:00")
HOUR = timedelta(hours=1)


def one(engine: Engine) -> Freshness:
    (found,) = freshness(engine, NOW)
    return found


def test_what_is_settled_to_the_last_closed_bar_is_not_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        daily, minutes = wish(connection, job(), DAILY, MINUTES)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        hold(connection, minutes, "2024-06-03", "2024-06-10 18:00")
        hold(connection, minutes, "2024-06-10 18:00", "2024-06-11 11:59", State.EMPTY_CONFIRMED)
    assert one(engine) == Freshness("nightly", 2, 2, oldest_end=given.at("2024-06-11"), is_scheduled=True)


def test_behind_is_trading_time_whatever_the_bar_size(engine: Engine) -> None:
    with engine.begin() as connection:
        daily, minutes = wish(connection, job(), DAILY, MINUTES)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        hold(connection, minutes, "2024-06-03", "2024-06-07 19:00")
    found = one(engine)
    assert found.behind == 1 * HOUR + 6.5 * HOUR, "Friday's last hour and Monday; no night, no weekend"
    assert (found.worst, found.worst_end) == ("AAPL 1m TRADES", given.at("2024-06-07 19:00"))
    with engine.begin() as connection:
        hold(connection, daily, "2024-06-07", "2024-06-11", State.TIMED_OUT)
    found = one(engine)
    assert (found.behind, found.worst) == (2 * 6.5 * HOUR, "AAPL 1d TRADES"), "two sessions"
    assert found.oldest_end == given.at("2024-06-07")


def test_a_hole_is_not_complete_but_not_behind_either(engine: Engine) -> None:
    with engine.begin() as connection:
        (daily,) = wish(connection, job(), DAILY)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        hold(connection, daily, "2024-06-05", "2024-06-06", State.FAILED, "IB refused.")
    found = one(engine)
    assert (found.complete, found.behind, found.worst) == (0, timedelta(), "")


def test_what_was_never_asked_is_behind_by_all_that_is_wished(engine: Engine) -> None:
    with engine.begin() as connection:
        wish(connection, job(), DAILY)
    found = one(engine)
    assert (found.empty, found.behind, found.worst_end, found.oldest_end) == (1, 6 * 6.5 * HOUR, None, None)


def test_complete_is_measured_at_the_last_occurrence(engine: Engine) -> None:
    """A night that got everything stays complete until the next one is due, whatever closes in between."""
    wished = job()
    with engine.begin() as connection:
        (minutes,) = wish(connection, wished, MINUTES)
        fired(connection, wished, given.at("2024-06-07 20:45"))
        hold(connection, minutes, "2024-06-03", "2024-06-07 20:44")
    found = one(engine)
    assert (found.complete, found.behind) == (1, 6.5 * HOUR)
    assert found.last_due == given.at("2024-06-07 20:45")
    with engine.begin() as connection:
        fired(connection, wished, given.at("2024-06-10 20:45"))
    assert one(engine).complete == 0


def test_only_what_is_wished_counts(engine: Engine) -> None:
    done = Want(given.at("2024-06-03").date(), given.at("2024-06-05").date())
    with engine.begin() as connection:
        (daily,) = wish(connection, job(want=done), DAILY)
        hold(connection, daily, "2024-06-03", "2024-06-05")
        hold(connection, daily, "2024-06-05", "2024-06-11", State.TIMED_OUT)
    assert (one(engine).complete, one(engine).behind) == (1, timedelta())


def test_a_wish_for_nothing_yet_lacks_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        wish(connection, job(want=Want(given.at("2030-01-02").date())), DAILY)
        wish(connection, job("empty"))
    empty, nightly = freshness(engine, NOW)
    assert (nightly.series, nightly.complete, nightly.behind) == (1, 1, timedelta())
    assert empty == Freshness("empty", is_scheduled=True)


def test_a_wish_without_an_end_in_sight_is_judged_whatever_its_bars(engine: Engine) -> None:
    until = Want(given.at("2024-06-03").date(), given.at("9999-12-31").date())
    with engine.begin() as connection:
        sizes = (BarSize.WEEK_1, BarSize.MONTH_1, BarSize.DAY_1, BarSize.MIN_1)
        weekly, *_ = wish(connection, job(want=until), *(replace(DAILY, bar_size=size) for size in sizes))
        hold(connection, weekly, "2024-06-03", "2024-06-10")
    found = one(engine)
    assert (found.problem, found.series, found.behind) == ("", 4, 6 * 6.5 * HOUR)


def test_a_wish_that_cannot_be_judged_is_named_and_the_others_are_shown(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calendar(instrument: Instrument, *, use_rth: bool) -> SessionCalendar:
        if instrument.sec_type == "CASH":
            raise LookupError("no such calendar")
        return calendar_of(instrument, use_rth=use_rth)

    monkeypatch.setattr(module, "calendar_of", calendar)
    with engine.begin() as connection:
        wish(connection, job(), DAILY)
        wish(connection, job("forex"), given.series(given.EURUSD, bar_size=BarSize.DAY_1))
        wish(connection, job("strange"))
        connection.execute(text("""UPDATE ingest.wishes SET document = '{"name": "strange"}' WHERE name = 'strange'"""))
    forex, nightly, strange = freshness(engine, NOW)
    assert (nightly.problem, nightly.behind) == ("", 6 * 6.5 * HOUR)
    assert (forex.wish, forex.problem) == ("forex", "LookupError: no such calendar")
    assert strange.problem.startswith("What the database keeps of jobs/strange.toml cannot be read (KeyError: 'want').")


def test_status_shows_a_wish_that_cannot_be_judged_with_the_reason() -> None:
    fresh = Freshness("strange", problem="LookupError: no such calendar")
    line = WishLine(fresh, None, is_paused=False, last=None)
    (row,) = wish_rows([line], NOW)
    assert row[:4] == ("strange", "–", "–", "cannot be judged: LookupError: no such calendar")
    assert line.as_json()["problem"] == "LookupError: no such calendar"


def test_a_removed_wish_is_gone(engine: Engine) -> None:
    with engine.begin() as connection:
        wish(connection, job(), DAILY)
        wishes.remove(connection, "nightly")
    assert freshness(engine, NOW) == ()


def test_stale_are_those_with_a_schedule_that_are_further_behind_than_allowed(engine: Engine) -> None:
    with engine.begin() as connection:
        for wished in (job(), job("by-hand", schedule=None)):
            (daily,) = wish(connection, wished, DAILY)
        hold(connection, daily, "2024-06-03", "2024-06-08")
    found = {each.wish: each for each in freshness(engine, NOW)}
    assert {name: each.behind for name, each in found.items()} == {"nightly": 6.5 * HOUR, "by-hand": 6.5 * HOUR}
    assert found["nightly"].is_stale(6 * HOUR)
    assert not found["nightly"].is_stale(6.5 * HOUR)
    assert not found["by-hand"].is_stale(6 * HOUR)


def test_what_ib_refused_for_good_makes_nobody_stale_and_is_counted_apart(engine: Engine) -> None:
    with engine.begin() as connection:
        daily, minutes = wish(connection, job(), DAILY, MINUTES)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        refuse(connection, minutes, "2024-06-03", "2024-06-11 11:59")
    found = one(engine)
    assert (found.behind, found.worst) == (timedelta(), "")
    assert (found.complete, found.refused, found.empty) == (1, 1, 1)
    assert not found.is_stale(HOUR)
    (row,) = wish_rows([WishLine(found, None, is_paused=False, last=None)], NOW)
    assert row[1] == "1/2, 1 refused"
    with engine.begin() as connection:
        hold(connection, daily, "2024-06-06", "2024-06-11", State.TIMED_OUT)
        refuse(connection, daily, "2024-06-06", "2024-06-07")
    found = one(engine)
    assert (found.behind, found.worst) == (2 * 6.5 * HOUR, "AAPL 1d TRADES"), (
        "a real lag shows, without the refused day"
    )


def due_before(engine: Engine, hours: float, *found: Series) -> None:
    with engine.begin() as connection:
        wish(connection, job(), *found)
        wishes.set_next_due(connection, "nightly", NOW - hours * HOUR)


def test_an_occurrence_that_nobody_queued_makes_a_wish_overdue(engine: Engine) -> None:
    due_before(engine, 9)
    found = one(engine)
    assert (found.behind, found.overdue, found.was_due) == (timedelta(), 9 * HOUR, NOW - 9 * HOUR)
    assert found.since_then == "nothing has been queued since"
    assert found.is_stale(8 * HOUR)
    assert not found.is_stale(9 * HOUR)
    (row,) = wish_rows([WishLine(found, found.was_due, is_paused=False, last=None)], NOW)
    assert row[3] == "was due 2024-06-11 03:00, nothing has been queued since"


def test_a_wish_with_series_is_overdue_as_well_when_nobody_queues_it(engine: Engine) -> None:
    due_before(engine, 9, DAILY)
    assert one(engine).since_then == "nothing has been queued since"


def test_a_wish_without_series_is_overdue_until_a_firing_comes_to_some(engine: Engine) -> None:
    due_before(engine, -1)
    assert not one(engine).overdue, "due in an hour"
    with engine.begin() as connection:
        first, second = (fired(connection, job(), NOW - hours * HOUR) for hours in (33, 9))
    found = one(engine)
    assert (found.overdue, found.since_then) == (33 * HOUR, "nothing has finished since")
    with engine.begin() as connection:
        for each in (first, second):
            firings.conclude(connection, each, {"series": 0})
    found = one(engine)
    assert (found.overdue, found.since_then) == (33 * HOUR, "it has come to no series since")
    with engine.begin() as connection:
        firings.conclude(connection, first, {"series": 2})
    assert one(engine).overdue == 9 * HOUR, "counted from the first that came to nothing"


def test_a_firing_that_goes_on_is_no_delay_of_a_wish_with_series(engine: Engine) -> None:
    with engine.begin() as connection:
        (daily,) = wish(connection, job(), DAILY)
        hold(connection, daily, "2024-06-03", "2024-06-11")
        fired(connection, job(), NOW - 33 * HOUR)
    assert (one(engine).overdue, one(engine).was_due) == (timedelta(), None)


def test_a_wish_by_hand_is_never_overdue(engine: Engine) -> None:
    with engine.begin() as connection:
        wish(connection, job(schedule=None))
        fired(connection, job(schedule=None), NOW - 33 * HOUR)
    assert not one(engine).overdue


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_queries_does_not_grow_with_the_series(engine: Engine) -> None:
    wished = job(want=Want(Ago(10, "year")))
    with engine.begin() as connection:
        found = [replace(DAILY, instrument=each) for each in stocks(150)]
        rows = wish(connection, wished, *found, *(replace(each, bar_size=BarSize.MIN_1) for each in found))
        connection.execute(
            text(
                "INSERT INTO ingest.ledger (series_id, held, state) SELECT unnest(CAST(:ids AS int[])), :held, :state"
            ),
            {"ids": [row.id for row in rows], "held": "[2014-01-01 00:00+00, 2024-06-11 00:00+00)", "state": "covered"},
        )
    with counted(engine) as statements:
        found_now = one(engine)
    assert (found_now.series, found_now.complete) == (300, 150), "the minutes since midnight are due now"
    assert len(statements) <= 5
