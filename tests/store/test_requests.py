"""The request log: booked, finished, remembered by login, and given as proof of a window."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine

from ingest.domain.answer import RequestKind, RequestOutcome
from ingest.domain.series import Origin
from ingest.store import requests, series
from ingest.store.series import SeriesRow
from tests import given
from tests.store import settled

DAY = given.window("2024-01-02", "2024-01-03")


def test_a_request_comes_back_exactly_as_it_was_booked(engine: Engine, series_row: SeriesRow) -> None:
    booked = replace(
        settled.record(series_row, window=DAY, outcome=RequestOutcome.ERROR),
        kind=RequestKind.HEAD, code=162, text="Historical Market Data Service error", bar_count=0,
    )  # fmt: skip
    with engine.begin() as connection:
        request_id = requests.save(connection, series_row, booked)
        assert requests.proof(connection, series_row.id) == (replace(booked, request_id=request_id),)


def test_many_are_booked_and_finished_at_once_in_the_given_order(engine: Engine, series_row: SeriesRow) -> None:
    moments = [given.ZERO + timedelta(minutes=7 * n % 31) for n in range(31)]
    sent = [settled.record(series_row, sent_at=moment, outcome=RequestOutcome.SENT) for moment in moments]
    with engine.begin() as connection:
        ids = requests.save_all(connection, [(series_row, record) for record in sent])
        assert ids == sorted(ids)
        done = [settled.record(series_row, sent_at=r.sent_at, request_id=i) for r, i in zip(sent, ids, strict=True)]
        new = settled.record(series_row, sent_at=given.at("2025-01-01"))
        given_back = requests.save_all(connection, [(series_row, r) for r in (done[0], new, *done[1:])])
        assert [given_back[0], *given_back[2:]] == ids
        found = requests.proof(connection, series_row.id)
    assert found == (*sorted(done, key=lambda r: r.sent_at), replace(new, request_id=given_back[1]))


def test_a_login_remembers_what_it_sent_since(engine: Engine, series_row: SeriesRow) -> None:
    other = replace(settled.REAL, name="other")
    with engine.begin() as connection:
        for n in range(4):
            requests.save(connection, series_row, settled.record(series_row, sent_at=given.ZERO + n * given.MINUTE))
        requests.save(connection, series_row, settled.record(series_row, login=other))
        found = requests.recent(connection, "main", given.ZERO + 2 * given.MINUTE)
    assert [record.sent_at for record in found] == [given.ZERO + n * given.MINUTE for n in (2, 3)]
    assert found[0].series == series_row.series
    assert found[0].login == settled.REAL


def test_proof_is_what_asked_for_any_of_the_window(engine: Engine, series_row: SeriesRow) -> None:
    with engine.begin() as connection:
        stranger = series.ensure(connection, given.series(given.EURUSD), Origin.LIVE)
        for row, start, end in (
            (series_row, "2024-01-01", "2024-01-02"),
            (series_row, "2024-01-02", "2024-01-03"),
            (series_row, "2024-01-02 12:00", "2024-01-04"),
            (stranger, "2024-01-02", "2024-01-03"),
        ):
            requests.save(connection, row, settled.record(row, window=given.window(start, end)))
        found = requests.proof(connection, series_row.id, DAY)
    assert [record.window for record in found] == [DAY, given.window("2024-01-02 12:00", "2024-01-04")]
