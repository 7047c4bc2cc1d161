"""What was told: once for each trouble, whoever sees it, until it says something else or was told long enough ago."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from ingest.store import told
from tests.given import at

NOON = at("2024-01-02 12:00")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def test_the_same_is_news_once_a_day(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", NOON)
        assert not told.claim(connection, "gateway main", "login needed", NOON + DAY - MINUTE, DAY)
        assert told.claim(connection, "gateway main", "login needed", NOON + DAY, DAY)


def test_another_word_of_the_same_topic_is_news(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", NOON)
        assert told.claim(connection, "gateway main", "the phone says no", NOON + MINUTE, DAY)
        assert told.claim(connection, "gateway other", "login needed", NOON, DAY)


def test_what_is_told_for_good_is_no_news_for_as_long_as_it_is_remembered(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.keep(connection, "digest 7", NOON)
        assert not told.claim(connection, "digest 7", "done", NOON + 89 * DAY, None)


def test_old_news_are_forgotten(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        assert told.claim(connection, "digest 8", "done", NOON + 91 * DAY, None)
        assert not told.forget(connection, "digest 7")


def test_what_could_not_be_told_is_news_again(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.release(connection, "digest 7")
        assert told.claim(connection, "digest 7", "done", NOON, None)
        told.keep(connection, "digest 7", NOON)
        told.release(connection, "digest 7")
        assert not told.claim(connection, "digest 7", "done", NOON, None), "it was told; there is nothing to release"


def test_a_claim_of_a_process_that_died_is_taken_over(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "digest 7", "done", NOON, None)
        assert not told.claim(connection, "digest 7", "done", NOON + 9 * MINUTE, None)
        assert told.claim(connection, "digest 7", "done", NOON + 10 * MINUTE, None)


def test_a_trouble_that_is_over_and_comes_again_is_news(engine: Engine) -> None:
    with engine.begin() as connection:
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        assert not told.forget(connection, "gateway main"), "claimed, but not told yet"
        assert told.claim(connection, "gateway main", "login needed", NOON, DAY)
        told.keep(connection, "gateway main", NOON)
        assert told.forget(connection, "gateway main")
        assert told.claim(connection, "gateway main", "login needed", NOON + MINUTE, DAY)


def test_of_many_that_see_the_same_at_once_one_tells_it(engine: Engine) -> None:
    gate = threading.Barrier(6)

    def claim(_: int) -> bool:
        with engine.begin() as connection:
            gate.wait(timeout=20)
            return told.claim(connection, "gateway main", "login needed", NOON, DAY)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1
