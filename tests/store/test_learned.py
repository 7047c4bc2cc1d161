"""What was learned is kept by login, and the last word counts."""

from sqlalchemy import Engine

from ingest.domain.bar_size import BarSize
from ingest.domain.request import Duration
from ingest.store import learned
from ingest.store.learned import LearnedOpen, LearnedSpan
from tests.given import at

EARLY, LATE = at("2024-01-02"), at("2024-01-03")


def test_open_requests_are_kept_by_login(engine: Engine) -> None:
    with engine.begin() as connection:
        assert learned.open_requests(connection, "main") is None
        for login, lesson in (
            ("main", LearnedOpen(4, None, EARLY)),
            ("other", LearnedOpen(3, 4, EARLY)),
            ("main", LearnedOpen(9, 12, LATE)),
        ):
            learned.save_open_requests(connection, login, lesson)
        assert learned.open_requests(connection, "main") == LearnedOpen(9, 12, LATE)
        assert learned.open_requests(connection, "other") == LearnedOpen(3, 4, EARLY)


def test_spans_are_kept_by_bar_size_and_security_type(engine: Engine) -> None:
    minutes = LearnedSpan(BarSize.MIN_1, "STK", Duration(3, "D"), 7, LATE)
    futures = LearnedSpan(BarSize.MIN_1, "FUT", Duration(1, "D"), None, EARLY)
    days = LearnedSpan(BarSize.DAY_1, "STK", Duration(2, "Y"), None, EARLY)
    with engine.begin() as connection:
        before = LearnedSpan(BarSize.MIN_1, "STK", Duration(5, "D"), None, EARLY)
        for lesson in (days, before, futures, minutes):
            learned.save_span(connection, "main", lesson)
        learned.save_open_requests(connection, "main", LearnedOpen(4, None, EARLY))
        assert learned.spans(connection, "main") == (futures, minutes, days)
        assert learned.spans(connection, "other") == ()
