"""Bookings: aged by the database's clock, one login at a time, finished like any request."""

import threading
from dataclasses import replace

from sqlalchemy import Engine

from ingest.domain.answer import RequestOutcome
from ingest.store import bookings, requests
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled


def test_a_booking_ages_from_the_end_of_its_grace_by_the_databases_clock(engine: Engine, series_row: SeriesRow) -> None:
    sent = settled.record(series_row, outcome=RequestOutcome.SENT)
    with engine.begin() as connection:
        request_id = bookings.enter(connection, series_row, sent, 5.0)
        requests.save(connection, series_row, sent)  # large bars are not booked
        found = bookings.past(connection, sent.login.name, 600.0)
        assert found.keys() == {request_id}
        assert -5.0 <= found[request_id] < -4.0
        assert bookings.past(connection, "somebody else", 600.0) == {}
        assert bookings.past(connection, sent.login.name, -30.0) == {}
        bookings.move(connection, request_id, sent, 100.0)
        assert -100.0 <= bookings.past(connection, sent.login.name, 600.0)[request_id] < -99.0


def test_a_booked_request_is_read_and_finished_like_any_other(engine: Engine, series_row: SeriesRow) -> None:
    window = given.window("2024-01-02 15:00", "2024-01-02 16:00")
    sent = settled.record(series_row, window=window, outcome=RequestOutcome.SENT)
    with engine.begin() as connection:
        request_id = bookings.enter(connection, series_row, sent, 1.0)
        assert bookings.records(connection, [request_id]) == {request_id: replace(sent, request_id=request_id)}
        done = settled.record(series_row, window=window, request_id=request_id)
        assert requests.save(connection, series_row, done) == request_id
        assert requests.proof(connection, series_row.id) == (done,)
        assert bookings.past(connection, sent.login.name, 600.0).keys() == {request_id}


def test_only_one_process_of_a_login_books_at_a_time(engine: Engine) -> None:
    through = threading.Event()

    def follow(login: str) -> None:
        with engine.begin() as connection:
            bookings.hold_login(connection, login)
            through.set()

    with engine.begin() as connection:
        bookings.hold_login(connection, "main")
        other = threading.Thread(target=follow, args=("other",))
        other.start()
        other.join(10)
        assert through.is_set(), "another login does not wait"
        through.clear()
        same = threading.Thread(target=follow, args=("main",))
        same.start()
        assert not through.wait(0.2)
    same.join(10)
    assert through.is_set()
